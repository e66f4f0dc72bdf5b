"""E1: all workflows ran as expected; an expected export or run that is missing (rule R13)."""

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsbook.clock import business_clock, local_days
from opsbook.rules.gaps import missed_runs, missing_exports, working_clock
from opsbook.settings import Company, Limits, Workflow

LIMITS = Limits()
DAY = pd.Timedelta(hours=8)
WEEK = {d: ["09:00-17:00"] for d in ("monday", "tuesday", "wednesday", "thursday", "friday")}


def workflow(**how) -> Workflow:
    about = {"id": "chat", "name": "Chat", "category": "customer", "owner": "Head"}
    return Workflow(**about | how, matches=["template:chat"])


@pytest.fixture
def covered(when):
    """Hours from 2 November to `now`, covered but for the holes named: ('Tue ...', 'Wed ...')."""

    def draw(now, *holes):
        hours = pd.Series(
            pd.date_range("2026-11-01T23:00Z", when(now).ceil("h"), freq="h", inclusive="left")
        )
        inside = pd.Series(True, index=hours.index)
        for start, end in holes:
            inside &= ~((hours >= when(start)) & (hours < when(end)))
        return pd.DataFrame({"workflow": "chat", "hour": hours, "covered": inside})

    return draw


@pytest.fixture
def gaps(covered, calendar, clock, when):
    """The findings of a workflow whose hours have holes, at a moment."""

    def found(now, *holes, own=None):
        own = own or workflow()
        hours, moment = covered(now, *holes), when(now)
        own_clock = working_clock(clock, calendar, own)
        return missing_exports(hours, own, own_clock, DAY, moment, LIMITS)

    return found


@pytest.mark.parametrize(
    ("now", "fires"),
    [("Wed 2026-11-11 16:00", False), ("Wed 2026-11-11 17:00", False), ("Thu 2026-11-12 10:00", 1)],
)
def test_an_export_may_be_a_business_day_late_and_no_more(gaps, now, fires):
    assert len(gaps(now, ("Wed 2026-11-11 00:00", now))) == int(fires)


def test_a_blind_customer_facing_workflow_is_a_p2_with_what_is_missing(gaps, at):
    row = gaps("Thu 2026-11-12 12:00", ("Wed 2026-11-11 00:00", "Thu 2026-11-12 12:00")).iloc[0]
    assert (at(row.started_at), at(row.ended_at)) == ("Wed 11 Nov 00:00", "Thu 12 Nov 12:00")
    assert at(row.detected_at) == "Thu 12 Nov 09:00"
    assert (row.priority, row.state, row.observed, row.limit) == ("P2", "firing", 11, 8)
    assert row.reason == "no data for 11 business hours (8 allowed): its export is overdue"
    assert (row.family, row.parameters) == ("coverage", "coverage_gap_days=1")


def test_another_workflow_that_is_blind_is_a_finding_without_a_class(gaps):
    hole = ("Wed 2026-11-11 00:00", "Thu 2026-11-12 12:00")
    row = gaps("Thu 2026-11-12 12:00", hole, own=workflow(category="internal")).iloc[0]
    assert pd.isna(row.priority)
    assert row.state == "note"


def test_nights_weekends_and_holidays_make_no_export_late(gaps):
    assert gaps("Mon 2026-11-16 16:00", ("Sat 2026-11-14 00:00", "Mon 2026-11-16 16:00")).empty
    christmas = ("Fri 2026-12-25 00:00", "Mon 2026-12-28 17:00")
    assert gaps("Mon 2026-12-28 17:00", christmas).empty
    later = ("Fri 2026-12-25 00:00", "Tue 2026-12-29 10:00")
    assert len(gaps("Tue 2026-12-29 10:00", later)) == 1


def test_a_hole_that_later_data_left_open_is_found_and_over(gaps, at):
    hole = ("Tue 2026-11-03 12:00", "Thu 2026-11-05 10:00")
    row = gaps("Mon 2026-11-16 09:00", hole).iloc[0]
    assert (at(row.started_at), at(row.ended_at)) == ("Tue 3 Nov 12:00", "Thu 5 Nov 10:00")
    assert (row.observed, row.state) == (14, "over")
    assert at(row.detected_at) == "Wed 4 Nov 12:00"
    assert row.reason.endswith("an export is missing")


def test_two_holes_are_two_findings_and_short_ones_none(gaps):
    long = (
        ("Tue 2026-11-03 00:00", "Thu 2026-11-05 00:00"),
        ("Tue 2026-11-10 00:00", "Thu 2026-11-12 00:00"),
    )
    short = ("Fri 2026-11-06 00:00", "Sat 2026-11-07 00:00")
    assert len(gaps("Mon 2026-11-16 09:00", *long, short)) == 2


def test_nothing_is_expected_before_the_first_data(gaps):
    assert gaps("Mon 2026-11-16 09:00", ("Mon 2026-11-02 00:00", "Thu 2026-11-12 00:00")).empty
    assert gaps("Mon 2026-11-16 09:00", ("Mon 2026-11-02 00:00", "Mon 2026-11-16 09:00")).empty


def test_a_weekly_export_is_late_a_business_day_after_its_week(gaps, at):
    weekly = workflow(export_days=7)
    for now, late in (("Mon 2026-11-16 17:00", 0), ("Tue 2026-11-17 10:00", 1)):
        rows = gaps(now, ("Mon 2026-11-09 00:00", now), own=weekly)
        assert len(rows) == late
    assert at(rows.detected_at[0]) == "Tue 17 Nov 09:00"


def test_a_week_whose_export_never_came_is_found_when_the_next_has(gaps, at):
    hole = ("Mon 2026-11-09 00:00", "Mon 2026-11-16 00:00")
    row = gaps("Mon 2026-11-23 08:00", hole, own=workflow(export_days=7)).iloc[0]
    assert (row.observed, row.state) == (40, "over")
    assert at(row.detected_at) == "Mon 16 Nov 00:00"


def test_days_planned_off_are_no_gap(gaps):
    off = [{"first": "2026-11-09", "last": "2026-11-13", "reason": "Paused"}]
    hole = ("Mon 2026-11-09 00:00", "Mon 2026-11-16 00:00")
    assert gaps("Mon 2026-11-16 12:00", hole, own=workflow(planned_off=off)).empty
    assert len(gaps("Mon 2026-11-16 12:00", hole)) == 1


def test_a_gap_over_the_change_of_clocks_has_its_business_hours(when, calendar, clock):
    """From Friday 23 October 15:00 to Tuesday 27 October 10:00: 2, 8 and 1 hours."""
    hours = pd.Series(pd.date_range("2026-10-20T22:00Z", "2026-10-28T23:00Z", freq="h"))
    dark = (hours >= when("Fri 2026-10-23 15:00")) & (hours < when("Tue 2026-10-27 10:00"))
    frame = pd.DataFrame({"workflow": "chat", "hour": hours, "covered": ~dark})
    own = workflow()
    found = missing_exports(
        frame, own, working_clock(clock, calendar, own), DAY, when("Thu 2026-10-29 00:00"), LIMITS
    )
    assert found.observed.tolist() == [11]


@pytest.fixture
def missed(calendar, clock, when):
    """The due days a weekly workflow missed: it ran in the hours named, or not at all."""

    def found(now, *ran, blind=(), **how):
        hours = pd.Series(
            pd.date_range("2026-11-01T23:00Z", when(now).ceil("h"), freq="h", inclusive="left")
        )
        tasks = hours.isin([when(r) for r in ran]).astype("Float64")
        frame = pd.DataFrame({"workflow": "chat", "hour": hours, "tasks": tasks})
        days = calendar[(calendar.day >= "2026-11-02") & (calendar.ended_at <= when(now))]
        days = days.assign(workflow="chat", covered=~days.day.isin(pd.to_datetime(list(blind))))
        own = workflow(schedule="weekly", **how)
        clocked = working_clock(clock, calendar, own)
        return missed_runs(frame, days, own, clocked, DAY, when(now), LIMITS)

    return found


MONDAY = "Mon 2026-11-02 06:00"


@pytest.mark.parametrize(
    ("now", "fires"),
    [("Tue 2026-11-10 16:00", 0), ("Tue 2026-11-10 17:00", 0), ("Tue 2026-11-10 18:00", 1)],
)
def test_a_weekly_run_is_missing_when_a_business_day_has_passed_since_its_day(missed, now, fires):
    assert len(missed(now, MONDAY)) == fires


def test_a_missed_run_is_its_due_day_without_a_class(missed, at):
    row = missed("Mon 2026-11-16 08:00", MONDAY).iloc[0]
    assert (at(row.started_at), at(row.ended_at)) == ("Mon 9 Nov 00:00", "Tue 10 Nov 00:00")
    assert at(row.detected_at) == "Tue 10 Nov 17:00"
    assert (row.state, row.rule, row.reason) == ("note", "R13", "did not run, due every Monday")
    assert pd.isna(row.priority)


def test_a_run_a_day_late_is_a_run_and_two_days_late_is_none(missed):
    now = "Mon 2026-11-16 08:00"
    assert missed(now, MONDAY, "Mon 2026-11-09 06:00").empty
    assert missed(now, MONDAY, "Tue 2026-11-10 15:00").empty
    assert len(missed(now, MONDAY, "Wed 2026-11-11 06:00")) == 1


def test_a_due_day_without_data_is_not_said_to_be_missed(missed):
    assert missed("Mon 2026-11-16 08:00", MONDAY, blind=["2026-11-09"]).empty


def test_another_due_day_and_days_planned_off_count(missed):
    now = "Mon 2026-11-16 08:00"
    assert missed(now, "Wed 2026-11-04 07:00", "Wed 2026-11-11 07:00", due="wednesday").empty
    assert len(missed(now, MONDAY, due="wednesday")) == 2
    off = [{"first": "2026-11-09", "last": "2026-11-09", "reason": "Trade fair"}]
    assert missed(now, MONDAY, planned_off=off).empty


def test_a_due_day_on_a_public_holiday_may_run_on_the_next_business_days(missed):
    """Friday 25 December: due by Monday 28th, missing when Tuesday 29th has passed."""
    fridays = pd.date_range("2026-11-06 06:00", "2026-12-18 06:00", freq="7D")
    ran = [f"Fri {f:%Y-%m-%d %H:%M}" for f in fridays]
    assert missed("Tue 2026-12-29 16:00", *ran, due="friday").empty
    assert len(missed("Tue 2026-12-29 18:00", *ran, due="friday")) == 1
    assert missed("Tue 2026-12-29 18:00", *ran, "Tue 2026-12-29 10:00", due="friday").empty


def test_a_closure_longer_than_the_calendar_is_no_gap(covered, calendar, clock, when):
    """Planned off from the hole to the calendar's end: its clock never runs again."""
    off = [{"first": "2026-11-10", "last": "2027-12-31", "reason": "Retired"}]
    own, now = workflow(planned_off=off, schedule="weekly"), "Mon 2026-11-16 12:00"
    own_clock = working_clock(clock, calendar, own)
    hours = covered(now, ("Tue 2026-11-10 00:00", now))
    assert missing_exports(hours, own, own_clock, DAY, when(now), LIMITS).empty
    days = calendar[(calendar.day >= "2026-11-02") & (calendar.ended_at <= when(now))]
    ran = hours.assign(tasks=0.0)
    found = missed_runs(ran, days.assign(covered=True), own, own_clock, DAY, when(now), LIMITS)
    assert found.started_at.tolist() == [when("Mon 2026-11-02 00:00")]


@settings(max_examples=20, deadline=None)
@given(
    zone=st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata"]),
    hole=st.tuples(st.integers(1, 200), st.integers(200, 399)),
)
def test_the_zone_in_which_hours_are_written_changes_nothing(zone, hole):
    company = Company(name="E", zone="Europe/Berlin", country="DE", hours=WEEK)
    ends = (dt.date(2026, 11, 1), dt.date(2026, 12, 31))
    calendar, clock = local_days(company, *ends), business_clock(company, *ends)
    hours = pd.Series(pd.date_range("2026-11-01T23:00Z", periods=400, freq="h"))
    inside = [not hole[0] <= i <= hole[1] for i in range(400)]
    frame = pd.DataFrame({"workflow": "chat", "hour": hours, "covered": inside})
    moved = frame.assign(hour=hours.dt.tz_convert(zone))
    own, now = workflow(), pd.Timestamp("2026-11-18T15:00Z")
    clocked = working_clock(clock, calendar, own)
    found = [missing_exports(f, own, clocked, DAY, now, LIMITS) for f in (frame, moved)]
    pd.testing.assert_frame_equal(*found)
