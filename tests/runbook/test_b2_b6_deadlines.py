"""B2, B6: who is informed by when; A1: customers count double."""

import pandas as pd
import pytest

from opsbook.incidents import incidents, timers
from opsbook.rules import findings_of

HOUR = pd.Timedelta(hours=1)


@pytest.fixture
def found(when):
    """Draws findings: (rule, workflow, priority, start, hours)."""

    def draw(*rows: tuple) -> pd.DataFrame:
        return findings_of(
            [
                {
                    "rule": rule,
                    "method": "calendar",
                    "workflow": workflow,
                    "metric": "m",
                    "started_at": when(start),
                    "ended_at": when(start) + hours * HOUR,
                    "detected_at": when(start) + HOUR,
                    "priority": priority,
                    "state": "over",
                    "reason": f"{rule} {start}",
                }
                for rule, workflow, priority, start, hours in rows
            ]
        )

    return draw


def due(table, bavaria, clock, at):
    opened = incidents(table, bavaria)
    return [(t.role, at(t.due_at)) for t in timers(opened, table, bavaria, clock).itertuples()]


def test_a_p1_informs_the_ai_lead_within_one_hour_and_the_founder_within_two(
    found, bavaria, clock, at
):
    table = found(("R3", "chat", "P1", "Sat 2026-11-14 22:00", 2))
    assert due(table, bavaria, clock, at) == [
        ("AI Lead", "Sun 15 Nov 00:00"),
        ("Founder or CEO", "Sun 15 Nov 01:00"),
    ]


@pytest.mark.parametrize(
    ("opened", "told"),
    [
        ("Fri 2026-11-20 14:30", "Mon 23 Nov 11:30"),
        ("Sat 2026-11-21 10:00", "Mon 23 Nov 13:00"),
        ("Thu 2026-12-24 13:00", "Mon 28 Dec 10:00"),
        ("Tue 2026-11-17 08:00", "Tue 17 Nov 13:00"),
    ],
)
def test_a_p2_informs_the_ai_lead_within_four_business_hours(
    found, bavaria, clock, at, opened, told
):
    table = found(("R4", "invoices", "P2", opened, 3))
    assert due(table, bavaria, clock, at) == [("AI Lead", told)]


def test_a_p2_that_customers_see_informs_the_ai_lead_at_once(found, bavaria, clock, at):
    table = found(("R4", "chat", "P2", "Sat 2026-11-21 10:00", 3))
    assert due(table, bavaria, clock, at) == [("AI Lead", "Sat 21 Nov 11:00")]


def test_a_p3_waits_for_the_weekly_review(found, bavaria, clock, at):
    assert due(found(("R7", "company", "P3", "Tue 2026-11-17 00:00", 24)), bavaria, clock, at) == []


def test_findings_of_one_workflow_and_family_are_one_incident_of_the_higher_class(found, bavaria):
    table = found(
        ("R4", "chat", "P2", "Tue 2026-11-17 09:00", 4),
        ("R3", "chat", "P1", "Tue 2026-11-17 10:00", 2),
        ("R5", "chat", "P2", "Wed 2026-11-18 00:00", 24),
    )
    opened = incidents(table, bavaria)
    assert opened[["id", "priority"]].values.tolist() == [
        ["INC-2026-0001", "P1"],
        ["INC-2026-0002", "P2"],
    ]
    assert opened.rules.tolist() == [["R3", "R4"], ["R5"]]


def test_what_failing_calls_drag_along_joins_their_incident(found, bavaria):
    table = found(
        ("R3", "chat", "P1", "Tue 2026-11-17 10:00", 6),
        ("R5", "chat", "P2", "Tue 2026-11-17 11:00", 2),
    )
    assert incidents(table, bavaria).rules.tolist() == [["R3", "R5"]]


@pytest.mark.parametrize(
    ("second", "number"), [("Wed 2026-11-18 12:00", 1), ("Wed 2026-11-18 13:00", 2)]
)
def test_the_same_within_a_day_of_its_end_reopens(found, bavaria, second, number):
    table = found(("R3", "chat", "P1", "Tue 2026-11-17 10:00", 2), ("R3", "chat", "P1", second, 1))
    assert len(incidents(table, bavaria)) == number


def test_findings_without_a_priority_open_nothing(found, bavaria):
    assert incidents(found(("R3", "chat", None, "Tue 2026-11-17 10:00", 1)), bavaria).empty
