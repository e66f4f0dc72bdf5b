"""E2: are the limits still right? The back-test, and a budget of one call for nothing a week."""

import pandas as pd
import pytest

from opsbook.backtest import alarms, budget, by_rule, calls, labels
from opsbook.events import Draft
from opsbook.register import Register, fold_draft
from opsbook.rules import findings_of
from opsbook.settings import Limits
from opsbook.steps import acknowledged, declined, identified

LIMITS = Limits()
NOW = pd.Timestamp("2026-11-23T08:00Z")


def at(text):
    return pd.Timestamp(f"2026-11-{text}", tz="UTC")


def finding(line):
    """'R3 chat P1 12T10 2' is two hours from 12 November 10:00 UTC; '!' before is the literal."""
    rule, workflow, priority, start, hours = line.lstrip("!").split()
    begun, length = at(start), pd.Timedelta(hours=float(hours))
    return {
        "rule": rule,
        "method": "runbook" if line.startswith("!") else "calendar",
        "workflow": workflow,
        "metric": "m",
        "started_at": begun,
        "ended_at": begun + length,
        "detected_at": begun + pd.Timedelta(hours=1),
        "priority": None if priority == "-" else priority,
        "state": "over",
        "reason": line,
    }


def findings(*lines):
    """Findings as 'R3 chat P1 12T10 2': from 12 November 10:00 UTC for 2 hours; '!': literal."""
    return findings_of([finding(line) for line in lines])


def register(*lines):
    """Incidents as 'R3 chat P1 12T10 2: what people said of it', one finding each."""
    made = Register()
    for number, line in enumerate(lines, start=1):
        drawn, _, said = line.partition(": ")
        row = finding(drawn)
        figures = {k: row[k] for k in ("rule", "workflow", "metric", "priority", "state", "reason")}
        times = {"from": "started_at", "to": "ended_at", "detected_at": "detected_at"}
        figures |= {k: row[v].isoformat() for k, v in times.items()}
        told = {"workflows": [row["workflow"]], "family": "f", "class_reason": "threshold"}
        told |= {k: row[k] for k in ("priority", "reason")} | {"finding": figures}
        told["started_at"] = figures["from"]
        fold_draft(made, Draft("incident_opened", f"INC-2026-{number:04}", told), NOW)
        decide(made, f"INC-2026-{number:04}", said)
    return made


def decide(made, name, said):
    incident = made.incident(name)
    if said == "declined":
        fold_draft(made, declined(incident, "Deputy", "a planned test"), NOW)
    elif said:
        fold_draft(made, acknowledged(incident, "AI Lead"), NOW)
        fold_draft(made, identified(incident, "AI Lead", said), NOW)


NOTHING_SAID = labels(Register())


@pytest.mark.parametrize(
    ("second", "number"),
    [("R3 chat P1 11T12 1", 1), ("R3 chat P1 12T12 1", 1), ("R3 chat P1 12T13 1", 2)],
    ids=["the same day", "24 h after its end", "25 h after its end"],
)
def test_findings_of_one_rule_and_workflow_within_a_day_are_one_alarm(second, number):
    found = alarms(findings("R3 chat P1 11T10 2", second), NOTHING_SAID, LIMITS)
    assert len(found) == number
    assert found.fired.sum() == 2


def test_rules_workflows_and_methods_are_told_apart():
    drawn = (
        "R3 chat P1 11T10 2",
        "R4 chat P2 11T10 2",
        "R3 mail P1 11T10 2",
        "!R3 chat P1 11T10 2",
    )
    assert len(alarms(findings(*drawn), NOTHING_SAID, LIMITS)) == 4


def test_findings_without_a_class_are_no_alarm():
    assert alarms(findings("R3 chat - 11T10 2"), NOTHING_SAID, LIMITS).empty


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("vendor_outage", "real"),
        ("declined", "false"),
        ("unknown", "unjudged"),
        ("", "unjudged"),
    ],
)
def test_an_alarm_is_what_people_said_of_its_incident(said, verdict):
    told = labels(register(f"R3 chat P1 11T10 2: {said}"))
    found = alarms(findings("R3 chat P1 11T11 3", "R3 chat P1 15T11 3"), told, LIMITS)
    assert found.verdict.tolist() == [verdict, "unjudged"]


def test_an_incident_outweighs_a_declined_one_beside_it():
    told = labels(register("R3 chat P1 11T10 2: declined", "R5 chat P2 11T11 2: input_change"))
    assert alarms(findings("R3 chat P1 11T10 4"), told, LIMITS).verdict.tolist() == ["real"]


@pytest.mark.parametrize(
    ("metric", "verdict"), [("m", "false"), ("latency_ms", "unjudged")], ids=["its own", "another"]
)
def test_what_somebody_explained_of_a_metric_was_no_incident(metric, verdict):
    made = Register()
    stretch = {"workflow": "chat", "from": "2026-11-11T10:00Z", "to": "2026-11-11T12:00Z"}
    fold_draft(made, Draft("explained", payload=stretch | {"metric": metric}), NOW)
    found = alarms(findings("R8 chat P2 11T11 5"), labels(made), LIMITS)
    assert found.verdict.tolist() == [verdict]


def test_an_alarm_is_false_only_when_every_finding_in_it_is():
    told = labels(register("R3 chat P1 11T10 2: declined"))
    both = findings("R3 chat P1 11T11 1", "R3 chat P1 11T20 1")
    assert alarms(both, told, LIMITS).verdict.tolist() == ["unjudged"]
    assert alarms(both.head(1), told, LIMITS).verdict.tolist() == ["false"]


def test_a_rule_misses_only_what_it_gave_its_class_and_catches_whatever_it_sees():
    told = labels(
        register("R3 chat P1 11T10 2: vendor_outage", "R5 mail P2 12T00 24: input_change")
    )
    drawn = findings("R3 chat P1 11T10 2", "R8 mail P2 12T09 5", "!R3 chat P1 18T10 1")
    score = by_rule(alarms(drawn, told, LIMITS), told, 2.0).set_index(["method", "rule"])
    rows = score[["alarms", "per_week", "caught", "missed"]].loc[
        [("calendar", r) for r in ("R3", "R5", "R8", "any")]
        + [("runbook", r) for r in ("R3", "R5", "any")]
    ]
    assert rows.values.tolist() == [
        [1, 0.5, 1, 0],
        [0, 0.0, 0, 1],
        [1, 0.5, 1, 0],
        [2, 1.0, 2, 0],
        [1, 0.5, 0, 1],
        [0, 0.0, 0, 1],
        [1, 0.5, 0, 2],
    ]


def test_a_person_is_called_once_for_what_several_rules_see_and_never_for_a_p3():
    drawn = findings("R3 chat P1 11T10 2", "R8 chat P2 11T11 5", "R7 company P3 11T00 24")
    assert len(calls(drawn, NOTHING_SAID, LIMITS)) == 1


# The alert budget


def tried(*lines):
    """What-if rows: 'limit value set? calls-for-nothing caught'."""
    cells = [line.split() for line in lines]
    rows = [(c[0], float(c[1]), c[2] == "set", int(c[3]), int(c[4])) for c in cells]
    return pd.DataFrame(rows, columns=["limit", "value", "set", "for_nothing", "caught"])


def called(false, unjudged=0):
    verdicts = ["false"] * false + ["unjudged"] * unjudged + ["real"] * 3
    return pd.DataFrame({"method": "calendar", "verdict": verdicts})


NO_TRIALS = tried("k 2 set 9 3", "k 2.5 - 9 3")


@pytest.mark.parametrize(
    ("false", "unjudged", "met"), [(4, 0, True), (2, 2, True), (5, 0, False), (3, 2, False)]
)
def test_one_call_for_nothing_a_week_is_allowed_and_what_nobody_judged_counts(false, unjudged, met):
    assert budget(called(false, unjudged), NO_TRIALS, 4.0, LIMITS).met is met


def test_confirmed_incidents_cost_nothing():
    spent = budget(called(0), NO_TRIALS, 1.0, LIMITS)
    assert (spent.per_week, spent.met, len(spent.proposals)) == (0, True, 0)


@pytest.mark.parametrize(
    ("rows", "proposed"),
    [
        (["k 2 set 9 3", "k 2.5 - 4 3", "k 3 - 2 3"], ["k 2.5"]),
        (["k 2 set 9 3", "k 2.5 - 4 2", "k 3 - 2 3"], ["k 3"]),
        (["k 2 set 9 3", "k 2.5 - 6 3", "r 4 set 9 3", "r 5 - 7 3"], ["k 2.5", "r 5"]),
        (["k 2 set 9 3", "k 2.5 - 6 3", "r 4 set 9 3", "r 6 - 4 3"], ["r 6"]),
        (["k 2 set 9 3", "k 2.5 - 3 2", "k 1.5 - 12 3"], []),
    ],
    ids=["the mildest", "loses none", "two together", "one is enough", "none helps"],
)
def test_above_the_budget_the_mildest_change_that_loses_no_incident_is_proposed(rows, proposed):
    spent = budget(called(9), tried(*rows), 4.0, LIMITS)
    assert [f"{p.limit} {p.value:g}" for p in spent.proposals.itertuples()] == proposed
