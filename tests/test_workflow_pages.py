"""A workflow's page and the reconciliation: what a cost is made of, and whether bills agree."""

import re
from dataclasses import replace

import pandas as pd
import pytest

from opsbook import pages, reviews, workflow_pages
from opsbook.displays import plain
from opsbook.workbook import open_week

pytestmark = pytest.mark.xdist_group("site")
NOW = "2026-11-23T08:00+01:00"


@pytest.fixture(scope="module")
def week(weekly):
    return open_week(weekly.place / "data/demo", NOW, "2026-W47")


@pytest.mark.parametrize(
    "workflow", ["customer-mail", "support-chat", "invoice-extraction", "meeting-notes"]
)
def test_the_parts_of_a_change_add_up_to_the_weeks_cost(week, workflow):
    found = reviews.cost_split_of(week, workflow)
    spend = reviews.spend_by_workflow(week).set_index("workflow").loc[workflow]
    assert found.attrs["after_eur"] == pytest.approx(spend.cost_eur)
    assert found.attrs["before_eur"] == pytest.approx(spend.usual_eur)
    assert found.brought_eur.sum() == pytest.approx(spend.cost_eur - spend.usual_eur)


def test_an_export_that_counts_no_calls_is_not_split_and_says_so(week):
    assert reviews.cost_split_of(week, "code-review") is None
    assert "is not split" in plain(workflow_pages.split(week, "code-review"))


def test_the_parts_shown_add_up_to_the_total_shown(week):
    shown = plain(workflow_pages.split(week, "customer-mail"))
    parts = re.findall(r"(-?\d+\.\d\d)", shown.partition("What changed")[2])
    *each, total = map(float, parts[:6])
    assert sum(each) == pytest.approx(total)


def test_a_workflows_models_are_its_own_with_the_new_one_named(week):
    shown = plain(workflow_pages.models(week, "customer-mail"))
    assert "Mon 2 Nov: gpt-4o-2024-11-20 answers for the first time" in shown
    assert "claude" not in shown


def test_a_model_nobody_answers_with_any_more_stays_on_the_page(week):
    early = replace(week, name="2026-W40", ended_at=pd.Timestamp("2026-10-05T00:00+02:00"))
    assert reviews.models_of(early, "customer-mail").served_model.tolist() == ["gpt-4o-2024-08-06"]
    assert len(reviews.models_of(week, "customer-mail")) == 2


def bill(**told) -> dict:
    at = pd.Timestamp("2026-11-03T00:00Z")
    return {"provider": "openai", "period_start": at, "about_ai": True} | told


@pytest.mark.parametrize(
    ("billed", "said"),
    [(2.38, "agrees"), (2.42, "agrees"), (2.60, "differs"), (1.00, "differs"), (None, "no bill")],
)
def test_a_bill_agrees_within_two_percent(week, billed, said):
    calls = reviews.reconciled(week).set_index(["month", "provider"]).loc[("2026-11", "openai")]
    rows = [bill(amount_eur=billed * float(calls.reported_eur) / 2.38)] if billed else []
    bills = pd.DataFrame(rows, columns=["provider", "period_start", "about_ai", "amount_eur"])
    bills = bills.astype(
        {"period_start": "datetime64[us, UTC]", "amount_eur": "Float64", "about_ai": bool}
    )
    facts = replace(week.facts, bills=bills)
    shown = plain(pages.reconciliation(replace(week, facts=facts)))
    (line,) = re.findall(r"2026-11 ?\n? ?openai.*?(agrees|differs|no bill)", shown, re.S)
    assert line == said


def test_reported_estimated_and_unpriced_stand_apart(week):
    found = reviews.reconciled(week, months=1).set_index("provider")
    assert found.loc["anthropic", "estimated_eur"] > 0
    assert found.loc["not told", "reported_eur"] > 0
    assert found.loc["openai", "difference_eur"] == 0


def test_a_model_without_a_price_is_listed_with_its_rows_and_never_costs_nothing(week):
    assert "Every model has a price." in plain(pages.costs_by_kind(week))
    models = week.facts.models.copy()
    own = models.served_model == "mistral-small-2603"
    models.loc[own, ["cost_kind", "cost_eur", "provider"]] = ["unpriced", pd.NA, "mistral"]
    found = reviews.unpriced_models(replace(week, facts=replace(week.facts, models=models)))
    assert found[["provider", "model"]].values.tolist() == [["mistral", "mistral-small-2603"]]
    assert found["rows"].tolist() == [int(models["rows"][own].sum())]


def test_the_home_page_leads_to_each_workflow(weekly):
    home = (weekly.site / "index.html").read_text("utf-8")
    linked = set(re.findall(r'href="(?:\./)?reports/workflows/([a-z-]+)\.html"', home))
    there = {p.stem for p in (weekly.site / "reports/workflows").glob("*.html")}
    assert linked == there
    assert len(there) == 6


def test_hostile_names_of_models_run_nowhere(week):
    models = week.facts.models.assign(served_model="<script>alert(1)</script>")
    hostile = replace(week, facts=replace(week.facts, models=models))
    assert "<script>alert" not in workflow_pages.models(hostile, "customer-mail")
