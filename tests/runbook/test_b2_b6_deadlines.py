"""B2, B6: who is informed by when, and what becomes a P1; A1: customers count double."""

import pytest

from opsbook.incidents import timers
from opsbook.register import fold_draft
from opsbook.steps import acknowledged, identified


def due(register, bavaria, clock, at):
    told = timers(register, bavaria, clock)
    return [(t.role, at(t.due_at)) for t in told[told.current].itertuples()]


def test_a_p1_informs_the_ai_lead_within_one_hour_and_the_founder_within_two(
    opened, bavaria, clock, at
):
    register = opened(("Sat 2026-11-14 23:00", [("R3", "chat", "P1", "Sat 2026-11-14 22:00", 1)]))
    assert due(register, bavaria, clock, at) == [
        ("AI Lead", "Sun 15 Nov 00:00"),
        ("Founder or CEO", "Sun 15 Nov 01:00"),
    ]


@pytest.mark.parametrize(
    ("noticed", "told"),
    [
        ("Fri 2026-11-20 15:30", "Mon 23 Nov 11:30"),
        ("Sat 2026-11-21 11:00", "Mon 23 Nov 13:00"),
        ("Thu 2026-12-24 14:00", "Mon 28 Dec 10:00"),
        ("Tue 2026-11-17 09:00", "Tue 17 Nov 13:00"),
    ],
)
def test_a_p2_informs_the_ai_lead_within_four_business_hours(
    opened, bavaria, clock, at, noticed, told
):
    begun = noticed[:-5] + "07:00"
    register = opened((noticed, [("R4", "invoices", "P2", begun, 1)]))
    assert due(register, bavaria, clock, at) == [("AI Lead", told)]


def test_a_p2_that_customers_see_informs_the_ai_lead_at_once(opened, bavaria, clock, at):
    register = opened(("Sat 2026-11-21 11:00", [("R4", "chat", "P2", "Sat 2026-11-21 10:00", 1)]))
    assert due(register, bavaria, clock, at) == [("AI Lead", "Sat 21 Nov 11:00")]


def test_a_p3_waits_for_the_weekly_review(opened, bavaria, clock, at):
    register = opened(
        ("Wed 2026-11-18 00:00", [("R7", "company", "P3", "Tue 2026-11-17 00:00", 24)])
    )
    assert due(register, bavaria, clock, at) == []


@pytest.mark.parametrize(
    ("workflow", "noticed", "before", "escalated"),
    [
        ("invoices", "Fri 2026-11-20 15:30", "Mon 2026-11-23 11:29", "Mon 2026-11-23 11:30"),
        ("invoices", "Sat 2026-11-21 11:00", "Mon 2026-11-23 12:59", "Mon 2026-11-23 13:00"),
        ("chat", "Fri 2026-11-20 15:30", "Fri 2026-11-20 19:29", "Fri 2026-11-20 19:30"),
    ],
)
def test_a_p2_without_a_root_cause_becomes_a_p1_after_four_hours(
    opened, workflow, noticed, before, escalated
):
    rows = [("R4", workflow, "P2", noticed[:-5] + "07:00", 1)]
    register = opened((noticed, rows), (before, rows))
    assert register.incident("INC-2026-0001").priority == "P2"
    incident = opened((escalated, rows), register=register).incident("INC-2026-0001")
    assert (incident.priority, incident.class_reason) == ("P1", "escalated")


@pytest.mark.parametrize(
    ("category", "priority"), [("vendor_outage", "P2"), ("unknown", "P1"), (None, "P1")]
)
def test_only_a_known_root_cause_stops_the_escalation(opened, when, category, priority):
    rows = [("R4", "invoices", "P2", "Fri 2026-11-20 12:00", 1)]
    register = opened(("Fri 2026-11-20 13:00", rows))
    now = when("Fri 2026-11-20 13:30")
    incident = register.incident("INC-2026-0001")
    fold_draft(register, acknowledged(incident, "AI Lead"), now)
    if category:
        fold_draft(register, identified(incident, "AI Lead", category), now)
    opened(("Mon 2026-11-23 12:00", rows), register=register)
    assert register.incident("INC-2026-0001").priority == priority


def test_an_escalated_p1_starts_both_timers_anew(opened, bavaria, clock, at):
    rows = [("R4", "invoices", "P2", "Fri 2026-11-20 12:00", 1)]
    register = opened(("Fri 2026-11-20 13:00", rows), ("Mon 2026-11-23 09:00", rows))
    assert due(register, bavaria, clock, at) == [
        ("AI Lead", "Mon 23 Nov 10:00"),
        ("Founder or CEO", "Mon 23 Nov 11:00"),
    ]


@pytest.mark.parametrize(
    ("confirmed", "met"), [("Sat 2026-11-14 23:59", True), ("Sun 2026-11-15 00:06", False)]
)
def test_a_timer_is_met_when_its_role_confirms_in_time(
    opened, bavaria, clock, when, confirmed, met
):
    register = opened(("Sat 2026-11-14 23:00", [("R3", "chat", "P1", "Sat 2026-11-14 22:00", 1)]))
    incident = register.incident("INC-2026-0001")
    fold_draft(register, acknowledged(incident, "AI Lead"), when(confirmed))
    told = timers(register, bavaria, clock)
    assert told.met[told.role == "AI Lead"].tolist() == [met]
    assert told.met[told.role == "Founder or CEO"].isna().all()
