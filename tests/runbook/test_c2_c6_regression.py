"""C2, C3 and C6: the regression list before an update, and every week (rule R14)."""

import pandas as pd
import pytest

from opsbook.rules.regression import broken_lists
from opsbook.schema import LIST_RUNS
from opsbook.settings import Workflow

NOW = pd.Timestamp("2026-11-23T07:00Z")
PARSED, READ = (
    Workflow(id=i, name=i, category="internal", owner="Head", matches=["x:y"], parsed=p)
    for i, p in (("invoices", True), ("notes", False))
)


def drawn(text: str) -> pd.DataFrame:
    """Runs as drawn: day, workflow, lost/cases (? for a verdict nobody can read), model asked.

    Each is compared with the run `first` of the model `large`; `no` in front of the model: with
    none.
    """
    rows = []
    for line in filter(str.strip, text.splitlines()):
        day, workflow, found, *asked = line.split()
        lost, _, cases = found.partition("/")
        known = found != "?"
        rows.append(
            {
                "workflow": workflow, "run": day, "at": f"2026-{day}T06:00Z",
                "verdict": ("HOLD" if int(lost) else "GO") if known else None,
                "lost": int(lost) if known else None, "cases": int(cases) if known else None,
                "named": "usual", "asked_model": asked[-1] if asked else None,
                "before": None if "no" in asked else "first", "before_model": "large",
            }
        )  # fmt: skip
    return LIST_RUNS.conform(pd.DataFrame(rows, columns=list(LIST_RUNS.columns)))


def found(text: str, asked: tuple = ()) -> list[tuple]:
    by_id = {w.id: w for w in (PARSED, READ)}
    told = broken_lists(drawn(text), by_id, {"invoices": set(asked)}, NOW)
    return [
        (f.workflow, f.priority, f.state, f.started_at.strftime("%m-%d"), f.ended_at == NOW)
        for f in told.itertuples()
    ]


@pytest.mark.parametrize(
    ("workflow", "run", "priority"),
    [
        ("invoices", "1/10", "P2"),
        ("invoices", "10/10", "P2"),
        ("notes", "1/10", "P3"),
        ("notes", "10/10", "P3"),
    ],
)
def test_a_lost_case_is_a_p2_where_something_parses_the_output_and_a_p3_elsewhere(
    workflow, run, priority
):
    assert found(f"11-16 {workflow} {run} large") == [(workflow, priority, "firing", "11-16", True)]


def test_a_list_that_lost_nothing_is_silent():
    assert found("11-16 invoices 0/10 large\n11-17 notes 0/10 large") == []


def test_it_holds_from_the_first_broken_run_to_the_next_that_loses_nothing():
    runs = """
        11-09 invoices 0/10 large
        11-16 invoices 2/10 large
        11-18 invoices 3/10 large
    """
    assert found(runs) == [("invoices", "P2", "firing", "11-16", True)]
    assert found(f"{runs}\n11-20 invoices 0/10 large") == [
        ("invoices", "P2", "over", "11-16", False)
    ]


def test_a_list_that_breaks_again_is_another_finding():
    runs = "11-09 notes 1/10\n11-10 notes 0/10\n11-16 notes 1/10"
    assert [f[2:4] for f in found(runs)] == [("over", "11-09"), ("firing", "11-16")]


def test_the_reason_names_the_run_what_it_was_compared_with_and_the_cases():
    told = broken_lists(drawn("11-16 notes 1/10 large"), {}, {}, NOW)
    said = "1 of 10 cases is lost in run 11-16 against first: usual"
    assert (told.reason[0], told.observed[0], told["sample"][0]) == (said, 1.0, 10)


@pytest.mark.parametrize(
    ("model", "asked", "priority", "state"),
    [
        ("next", (), "P3", "over"),  # a candidate: neither approved nor in production
        ("next", ("next",), "P2", "firing"),  # production asks for it already
        ("large", (), "P2", "firing"),  # what was approved, behind the same name
        ("", (), "P2", "firing"),  # nothing says what was asked: taken for production's
    ],
)
def test_a_candidate_that_production_does_not_ask_breaks_nothing_yet(model, asked, priority, state):
    (row,) = found(f"11-16 invoices 2/10 {model}", asked)
    assert row[1:3] == (priority, state)


def test_a_good_candidate_does_not_end_what_is_broken_in_production():
    runs = "11-16 invoices 2/10 large\n11-17 invoices 0/10 next"
    assert [f[1:3] for f in found(runs)] == [("P2", "firing")]


def test_until_a_run_is_approved_the_rule_is_learning_and_shown_as_that():
    told = broken_lists(drawn("11-16 invoices 2/10 no large"), {}, {}, NOW)
    assert (told.state[0], pd.isna(told.priority[0])) == ("learning", True)
    assert told.reason[0] == "no run is approved yet to compare with; 11-16 says HOLD"


def test_a_verdict_that_cannot_be_read_is_said_and_ends_nothing():
    runs = "11-16 invoices 2/10 large\n11-17 invoices ? large"
    assert sorted(f[2] for f in found(runs)) == ["firing", "not evaluable"]


def test_a_company_without_lists_has_no_finding():
    assert len(broken_lists(drawn(""), {}, {}, NOW)) == 0


def test_the_verdict_of_a_broken_list_opens_an_incident_and_a_good_run_ends_it(opened, when):
    """Through the register: P2, nothing drawn along, over when the list is whole again."""
    row = ("R14", "invoices", "P2", "Mon 2026-11-16 09:00", 2)
    register = opened(("Mon 2026-11-16 11:05", [(*row, "+")]), ("Mon 2026-11-16 13:05", [row]))
    (incident,) = register.incidents.values()
    assert (incident.priority, incident.family) == ("P2", "regression")
    assert not incident.firing
