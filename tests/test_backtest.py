"""The back-test on the demo's history: both methods, other limits, and the command."""

import json
import shutil
from pathlib import Path

import pytest

from opsbook import inbox, store
from opsbook.backtest import JUDGED, STEPS, TRIED, backtest, labels, other_limits
from opsbook.register import Register, fold_draft
from opsbook.settings import Limits
from opsbook.steps import acknowledged, identified
from opsbook.workbook import open_workbook

DEMO = Path(__file__).parent.parent / "data" / "demo"


@pytest.fixture(scope="module")
def book(tmp_path_factory):
    """The demo's workbook, from a copy of its settings and inbox, with an empty record."""
    folder = tmp_path_factory.mktemp("demo")
    for part in ("settings", "inbox"):
        shutil.copytree(DEMO / part, folder / part)
    company = store.Folder(folder)
    inbox.ingest(company, store.load_settings(company))
    return open_workbook(folder, "")


@pytest.fixture(scope="module")
def test(book):
    """Its back-test, after every incident that the rules left open was confirmed."""
    made = book.register
    for incident in [i for i in made.incidents.values() if i.open]:
        fold_draft(made, acknowledged(incident, "AI Lead"), book.now)
        fold_draft(made, identified(incident, "AI Lead", "vendor_outage"), book.now)
    return backtest(book.facts, book.judged.findings, made, book.settings)


def test_a_rule_judged_alone_finds_what_it_finds_among_all(book):
    found = book.judged.findings
    ours = found[(found.method == "calendar") & found.priority.notna()]
    for rule, alone in JUDGED.items():
        again = alone(book.facts, found, book.settings)(book.settings.limits)
        again = again[(again.rule == rule) & (again.method == "calendar") & again.priority.notna()]
        keys = ["workflow", "metric", "started_at", "ended_at"]
        among = ours[ours.rule == rule]
        one, other = (f[keys].sort_values(keys).values.tolist() for f in (again, among))
        assert one == other != [], rule


def test_what_the_rules_found_and_people_confirmed_is_caught(test):
    every = test.rules[test.rules.rule == "any"].set_index("method")
    assert every.caught["calendar"] == test.confirmed > 6
    assert every.missed["calendar"] == 0
    assert every.missed["runbook"] > 0


def test_read_literally_the_demos_rules_cry_wolf(test):
    weekly = test.rules.pivot(index="rule", columns="method", values="per_week")
    assert 11.9 < test.weeks < 12.1
    assert weekly.loc["any", "runbook"] > 5 * weekly.loc["any", "calendar"]
    for rule in ("R3", "R6", "R7", "R9", "R11"):
        assert weekly.loc[rule, "runbook"] > weekly.loc[rule, "calendar"], rule


def test_the_demo_stays_within_its_alert_budget(test):
    assert test.budget.met
    assert test.budget.false == 0


def test_each_limit_is_tried_at_the_value_set_and_around_it(test):
    rows = test.what_if
    assert rows.groupby("rule").limit.agg("first").to_dict() == TRIED
    assert rows[rows.limit == "run_cost_ratio"].value.tolist() == [1.5, 2.0, 2.5, 3.0, 3.5]
    assert rows.set.sum() == len(TRIED)
    assert set(rows.step) == set(STEPS)


def test_a_limit_of_two_and_a_half_times_the_cost_would_have_missed_the_scans(test):
    caught = test.what_if[test.what_if.limit == "run_cost_ratio"].set_index("value")
    assert caught.caught.gt(0).to_dict() == {1.5: True, 2: True, 2.5: False, 3: False, 3.5: False}
    assert caught.missed[2.5] == 1


def test_a_value_that_the_settings_would_refuse_is_not_tried(book):
    low = Limits(run_cost_ratio=1.2)
    settings = book.settings.model_copy(update={"limits": low})
    rows = other_limits(book.facts, book.judged.findings, labels(Register()), settings)
    assert rows[rows.limit == "run_cost_ratio"].value.tolist() == [1.2, 1.5, 1.8, 2.1]


def test_trying_other_limits_changes_none(book):
    before = book.settings.model_dump()
    other_limits(book.facts, book.judged.findings, labels(Register()), book.settings)
    assert book.settings.model_dump() == before


@pytest.mark.xdist_group("site")
def test_the_command_prints_its_contract(weekly, opsbook):
    done = opsbook("backtest", "--json", cwd=weekly.place)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert set(said) == {"weeks", "rules", "what_if", "budget"}
    assert {"rule", "method", "fired", "per_week", "caught", "missed"} <= set(said["rules"][0])
    assert {r["method"] for r in said["rules"]} == {"calendar", "runbook"}
    assert said["budget"]["met"] is True
