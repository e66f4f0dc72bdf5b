"""A workflow's page and the reconciliation: what a cost is made of, and whether bills agree."""

import re
import tomllib
from dataclasses import replace
from html import unescape

import pandas as pd
import pytest

from opsbook import pages, reviews, workflow_pages
from opsbook.displays import plain
from opsbook.periods import period
from opsbook.regression_pages import Listed, Run
from opsbook.settings import Epoch
from opsbook.workbook import open_week
from opsbook.workflow_pages import Told, Wording

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
    early = replace(week, period=period("2026-W40"))
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


HOSTILE = "<script>alert(1)</script> {{< env HOME >}}"
LIST = Listed("customer-mail", "Customer mail drafts")


def wording(at: str, subject: str = "Say it", commit: str = "0123456789ab") -> Wording:
    return Wording("system.md", pd.Timestamp(at), commit, subject, 120)


def test_a_workflow_names_its_owner_its_deputy_and_its_category_in_words(week):
    shown = plain(workflow_pages.head(week, "support-chat"))
    assert "Head of support; deputy: Second-line support. Customer-facing automation." in shown


def test_a_version_of_a_prompt_is_marked_where_a_model_or_an_incident_lies_near(week):
    versions = (wording("2026-09-09T08:00Z", "Far"), wording("2026-11-04T08:00Z", "Near"))
    told = Told(LIST, versions)
    shown = plain(workflow_pages.prompts(week, "customer-mail", told))
    near, far = shown.partition("Near")[2].split("Far")
    assert "gpt-4o-2024-11-20 answers for the first time" in near
    assert "Mon 2 Nov" in near
    assert "INC-2026-0013 since Thu 5 Nov 09:00" in near
    assert "answers" not in far
    assert "–" in far


def test_versions_after_the_moment_of_judgement_are_not_known_yet(week):
    told = Told(LIST, (wording("2026-11-24T08:00Z", "Later"),))
    assert "Later" not in workflow_pages.prompts(week, "customer-mail", told)


def test_hostile_subjects_and_files_run_nowhere(week):
    odd = Wording(HOSTILE, pd.Timestamp("2026-11-04T08:00Z"), "0123456789ab", HOSTILE, 1)
    shown = workflow_pages.prompts(week, "customer-mail", Told(LIST, (odd,), (HOSTILE,)))
    unknown = workflow_pages.prompts(week, "customer-mail", Told(LIST, unknown=HOSTILE))
    assert not {"<script>", "{{<"} & {s for s in ("<script>", "{{<") if s in shown + unknown}


def test_a_page_is_made_anew_when_a_prompt_or_its_list_changed(week):
    run = Run("r1", "gpt-5", "2026-11-20", {"verdict": "GO", "cases": [], "reasons": []})
    states = [
        Told(LIST),
        Told(LIST, (wording("2026-11-04T08:00Z"),)),
        Told(LIST, (), ("system.md",)),
        Told(replace(LIST, runs=(run,))),
        Told(replace(LIST, runs=(run,), approved="r1")),
    ]
    shown = ["".join(workflow_pages.pieces(week, "customer-mail", told)) for told in states]
    assert len(set(shown)) == len(states)
    again = "".join(workflow_pages.pieces(week, "customer-mail", states[1]))
    assert again == shown[1]


def test_failing_shares_by_week_add_up_and_their_interval_holds_them(week):
    weeks = workflow_pages.weekly_outcomes(week, "customer-mail")
    assert weeks.week.tolist()[-1] == "2026-W47"
    assert len(weeks) == 8
    last = reviews.error_shares(week).set_index("workflow").loc["customer-mail"]
    assert weeks.iloc[-1][["judged", "failed"]].tolist() == [last.judged, last.failed]
    assert (weeks.low <= weeks["share"]).all()
    assert (weeks["share"] <= weeks.high).all()


def test_exports_without_outcomes_have_no_share_and_it_is_said(week):
    assert "do not tell how a call ended" in plain(workflow_pages.errors(week, "code-review"))


def test_a_baseline_that_moved_comes_with_the_line_that_confirms_it(week):
    limits = week.settings.limits.model_copy(update={"left_out_share": 0.01})
    eager = replace(week, settings=week.settings.model_copy(update={"limits": limits}))
    shown = plain(workflow_pages.baseline(eager, "invoice-extraction"))
    assert "The level has moved" in shown
    (line,) = re.findall(r"epochs = \[\{.*?\}\]", shown.replace("&quot;", '"'))
    (epoch,) = tomllib.loads(line)["epochs"]
    assert str(epoch["first"]).startswith("2026-1")
    assert "not moved" in plain(workflow_pages.baseline(week, "support-chat"))


def test_a_new_normal_is_added_to_those_that_were_confirmed_before(week):
    limits = week.settings.limits.model_copy(update={"left_out_share": 0.01})
    before = Epoch(first="2026-09-14", reason='Another "model"')
    flows = [
        w.model_copy(update={"epochs": [before]}) if w.id == "invoice-extraction" else w
        for w in week.settings.workflows
    ]
    told = {"limits": limits, "workflows": flows}
    eager = replace(week, settings=week.settings.model_copy(update=told))
    shown = workflow_pages.baseline(eager, "invoice-extraction")
    line = unescape(re.findall(r"<pre>(.*?)</pre>", shown)[0])
    reasons = [e["reason"] for e in tomllib.loads(line)["epochs"]]
    assert reasons == ['Another "model"', "WHY"]
