"""The demo's month and quarter: figures that agree with each other, charts, and odd companies."""

from dataclasses import replace

import pandas as pd
import pytest
import vl_convert

from opsbook import charts, month_pages, months, quarter_pages, quarters
from opsbook.displays import plain
from opsbook.runs import open_lists
from opsbook.schema import UNASSIGNED
from opsbook.workbook import open_workbook, review_of

pytestmark = pytest.mark.xdist_group("site")
NOW = "2026-11-23T08:00+01:00"


@pytest.fixture(scope="module")
def book(weekly):
    return open_workbook(weekly.place / "data/demo", NOW, literally=False)


@pytest.fixture(scope="module")
def month(book, weekly):
    return review_of(book, weekly.place / "data/demo", "monthly", "2026-10")


@pytest.fixture(scope="module")
def quarter(book, weekly):
    return review_of(book, weekly.place / "data/demo", "quarterly", "2026-Q4")


@pytest.fixture(scope="module")
def lists(weekly):
    return open_lists(weekly.place / "data/demo").lists


def svg_of(answer):
    spec = charts.fixed_width(answer.chart.to_dict())
    return vl_convert.vegalite_to_svg(spec)


def test_the_categories_and_what_nobody_claims_add_up_to_the_months_cost(month):
    stray = month.days[month.days.workflow == UNASSIGNED].cost_eur.sum()
    told = months.categories(month).cost_eur.sum()
    assert told + stray == pytest.approx(month.days.cost_eur.sum())


def test_the_quarter_costs_what_its_months_cost(book, weekly, quarter):
    data = weekly.place / "data/demo"
    each = [review_of(book, data, "monthly", m) for m in ("2026-10", "2026-11")]
    parts = sum(months.workflow_figures(m).cost_eur.sum() for m in each)
    assert quarters.portfolio(quarter).cost.sum() == pytest.approx(parts)


def test_the_incidents_of_the_month_have_their_cause_and_stayed_quiet(month):
    rows = months.causes(month)
    assert rows.id.tolist() == ["INC-2026-0010", "INC-2026-0005", "INC-2026-0003"]
    assert rows.cause.tolist() == ["integration_code", "vendor_outage", "vendor_outage"]
    assert rows.again.tolist() == [0, 0, 0]


def test_another_model_of_november_is_what_changed_there(book, weekly, lists):
    november = review_of(book, weekly.place / "data/demo", "monthly", "2026-11")
    rows = months.changed(november, lists)
    assert rows[rows.changed].workflow.tolist() == ["customer-mail"]
    assert "another model answers" in months.list_question(november, lists)


def test_without_a_git_history_it_is_said_that_prompts_are_not_known(month, lists):
    assert "Whether the prompt changed is not known" in plain(month_pages.lists(month, lists))


@pytest.mark.parametrize("flows", [[], ["sales-digest"]], ids=["no workflow", "one workflow"])
def test_a_company_with_few_workflows_has_every_section(month, quarter, lists, flows):
    own = [w for w in month.settings.workflows if w.id in flows]
    settings = month.settings.model_copy(update={"workflows": own})
    m, q = replace(month, settings=settings), replace(quarter, settings=settings)
    known = [x for x in lists if x.workflow in flows]
    shown = [
        month_pages.at_a_glance(m),
        month_pages.data(m),
        month_pages.categories(m, known),
        month_pages.lists(m, known),
        month_pages.baselines(m),
        quarter_pages.portfolio(q),
        quarter_pages.portfolio_head(q),
    ]
    assert all(len(plain(piece)) > 40 for piece in shown)


def test_a_sections_question_is_the_one_the_sign_off_asks(month, quarter, lists):
    asked = months.questions(month, lists) | quarters.questions(quarter, lists)
    shown = {
        "vendors": month_pages.vendors(month),
        "updates": quarter_pages.updates(quarter),
        "contracts": quarter_pages.contracts(quarter),
        "ai-act": quarter_pages.ai_act(quarter),
        "portfolio": quarter_pages.portfolio(quarter),
        "causes": month_pages.causes(month),
    }
    for key, page in shown.items():
        last = plain(page).rpartition("Explain or escalate: ")[2]
        assert last.startswith(asked[key] if asked[key] else ("No ", "Every ")), key


def test_on_the_first_day_of_a_month_no_day_is_missing(book, weekly):
    november = review_of(book, weekly.place / "data/demo", "monthly", "2026-11")
    first = replace(november, now=pd.Timestamp("2026-11-01T08:00+01:00").tz_convert("UTC"))
    assert months.coverage(first).missing.sum() == 0
    assert "No day of the period is over yet" in plain(month_pages.data(first))


def test_the_site_has_the_portfolio_with_each_workflows_verdict(weekly):
    page = plain((weekly.site / "reports/portfolio.html").read_text("utf-8"))
    assert "AI Lead" in page
    assert "Keep, change or retire" in page


@pytest.mark.parametrize("rows", [0, 9], ids=["without data", "with it"])
def test_each_chart_draws(month, quarter, rows):
    settings = month.settings
    drawn = [
        charts.covered_days(months.covered_days(month).head(rows), settings),
        charts.drifts(months.baseline_drift(month).head(rows), settings),
        charts.incident_spans(months.causes(month).head(rows), settings, month.now),
        charts.worth(quarters.portfolio(quarter).head(rows), settings),
        charts.lead_hours(quarters.lead_hours(quarter).head(rows), settings),
    ]
    assert all(svg_of(answer).startswith("<svg") for answer in drawn)
    assert all(answer.title for answer in drawn)
