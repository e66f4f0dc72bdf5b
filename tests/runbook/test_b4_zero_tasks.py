"""B4: a workflow that completes no task over a business day is a P2 (rule R9).

A day is drawn as the number of tasks done between 09:00 and 17:00 local time.
"""

import datetime as dt
from itertools import cycle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsbook.clock import business_clock, local_days
from opsbook.rules.activity import (
    business_days,
    expected_days,
    silences,
    usual_now,
    worked_days,
    zero_tasks,
    zero_tasks_literally,
)
from opsbook.settings import Company, Limits, Workflow

LIMITS = Limits()
MONDAY = "2026-09-07"
NOW = pd.Timestamp("2027-01-10T00:00Z")
WEEKS = "30 30 30 30 30 2 2 " * 3
RARE = "2 3 2 2 3 0 0 " * 4


def workflow(**how) -> Workflow:
    about = {"id": "chat", "name": "Chat", "category": "internal", "owner": "Head"}
    return Workflow(**about, matches=["template:chat"], **how)


def tasks(text, calendar, zone="Europe/Berlin", first=MONDAY):
    """The hours of days drawn as tasks done; '-' is a day without data, 5@20 five at 20:00."""
    cells = text.split()
    days = calendar[calendar.day >= first].head(len(cells))
    drawn = dict(zip(days.day, cells, strict=True))
    hours = pd.Series(
        pd.date_range(days.started_at.iloc[0], days.ended_at.iloc[-1], freq="h", inclusive="left")
    )
    local = hours.dt.tz_convert(zone).dt.tz_localize(None)
    cell = local.dt.normalize().map(drawn)
    number = pd.to_numeric(cell.str.partition("@")[0], errors="coerce")
    at = pd.to_numeric(cell.str.partition("@")[2], errors="coerce").fillna(11)
    done = number.where(local.dt.hour == at, 0.0).where(cell != "-").astype("Float64")
    return pd.DataFrame(
        {
            "workflow": "chat",
            "hour": hours,
            "covered": cell != "-",
            "bucket_s": 0,
            "tasks": done,
            "done": done,
            "refused": done * 0,
        }
    )


@pytest.fixture
def worked(calendar, clock):
    """The business days and hours of days drawn in Berlin."""

    def draw(text, own=None, now=NOW, **how):
        hours = tasks(text, calendar, **how)
        return worked_days(expected_days(business_days(calendar, clock), own), hours, now), hours

    return draw


@pytest.fixture
def found(worked):
    """The findings on days drawn in Berlin."""
    return lambda text, own=None, **how: zero_tasks(*worked(text, own, **how), LIMITS)


def test_an_empty_day_of_a_busy_workflow_is_found_at_the_close_of_business(found, at):
    row = found(WEEKS + "30 0 30").iloc[0]
    assert (at(row.started_at), at(row.ended_at)) == ("Tue 29 Sep 09:00", "Tue 29 Sep 17:00")
    assert at(row.detected_at) == "Tue 29 Sep 17:00"
    assert (row.observed, row.baseline, row.references) == (0, 30, 16)
    assert (row.priority, row.state, row.family) == ("P2", "over", "activity")
    assert row.reason == "no task done over a business day, 30 a day expected (mean of 16 days)"
    assert "zero_tasks_chance=0.01" in row.parameters


def test_days_as_usual_are_silent_and_so_is_a_weekend_without_a_task(found):
    assert found("30 30 30 30 30 0 0 " * 4).empty


@pytest.mark.parametrize(("a_day", "days"), [("5 5 5 5 4", 1), ("4 4 4 5 4", 2), ("2 2 3 2 2", 3)])
def test_the_rarer_the_work_the_more_empty_days_it_takes(found, a_day, days):
    before = f"{a_day} 0 0 " * 4
    assert found(before + "0 " * (days - 1) + "5").empty
    row = found(before + "0 " * days + "5").iloc[0]
    assert row["sample"] == days


def test_an_empty_day_must_be_rarer_than_one_in_a_hundred(found):
    assert found("4 5 4 5 5 0 0 " * 4 + "0").empty, "exp(-4.60) is 1.005 %"
    assert len(found("4 5 4 5 5 0 0 " * 3 + "5 5 4 5 5 0 0 0")) == 1, "exp(-4.65) is 0.96 %"


def test_a_silence_of_days_is_one_finding_over_the_weekend_and_seen_when_it_is_no_chance(found, at):
    row = found(RARE + "2 3 2 0 0 0 0 0").iloc[0]
    assert (at(row.started_at), at(row.ended_at)) == ("Thu 8 Oct 09:00", "Mon 12 Oct 17:00")
    assert at(row.detected_at) == "Fri 9 Oct 17:00"
    assert (row["sample"], row.state) == (3, "firing")
    assert row.reason.startswith("no task done over 3 business days, 2.4 a day expected")


def test_uneven_work_is_measured_by_its_empty_days(found, worked):
    uneven = "60 0 60 60 60 0 0 " * 4
    silence = silences(worked(uneven + "0")[0], LIMITS).iloc[-1]
    assert silence.together == pytest.approx(0.2)
    assert found(uneven + "0 0").empty
    assert found(uneven + "0 0 0")["sample"].tolist() == [3]


def test_uneven_work_without_an_empty_day_yet_may_still_have_one(found, worked):
    """A mean of 5 and a variance of 10.5: the negative binomial has 3.4 % of empty days."""
    uneven = "1 9 2 8 5 0 0 " * 4
    silence = silences(worked(uneven + "0")[0], LIMITS).iloc[-1]
    assert silence.together == pytest.approx(0.0345, abs=0.0005)
    assert found(uneven + "0").empty
    assert found(uneven + "0 0")["sample"].tolist() == [2]


def test_work_of_one_task_a_month_is_not_judged_and_said(found, worked):
    rare = "1 " + "0 " * 27
    assert found(rare + "0 " * 28).empty
    assert usual_now(worked(rare)[0], LIMITS) == (20, False)
    assert usual_now(worked(RARE)[0], LIMITS)[1]


@pytest.mark.parametrize(
    ("before", "references"),
    [
        ("30 30 30 30", None),
        ("30 30 30 30 30 2 2", 5),
        ("30 30 30 30 30 2 2 30 30 30", 8),
        ("30 30 30 30 30 2 2 " * 4, 20),
        ("30 30 30 30 30 2 2 " * 5, 20),
    ],
)
def test_fewer_than_five_business_days_are_nothing_to_compare_with(found, before, references):
    rows = found(before + " 0")
    assert rows.references.tolist() == ([references] if references else [])


def test_a_gap_in_the_data_breaks_a_silence_that_may_be_chance(found):
    assert len(found(RARE + "0 0 2 2 3")) == 1
    assert found(RARE + "0 - 0 2 3").empty


def test_a_gap_in_the_data_does_not_end_a_silence_that_is_none(found, at):
    rows = found(WEEKS + "0 - 0 30")
    assert [at(t) for t in rows.ended_at] == ["Wed 30 Sep 17:00"]
    assert found(WEEKS + "0 - -").state.tolist() == ["firing"]


def test_a_day_is_judged_only_where_every_hour_is_covered(worked):
    days, hours = worked(WEEKS + "0 30")
    part = hours.hour.eq(pd.Timestamp("2026-09-28T10:00Z"))
    blind = hours.assign(covered=hours.covered & ~part)
    again = days.assign(covered=days.covered & days.day.ne("2026-09-28"))
    assert len(zero_tasks(days, hours, LIMITS)) == 1
    assert zero_tasks(again, blind, LIMITS).empty


def test_a_day_is_not_judged_before_it_closes(found, when):
    before, close = when("Mon 2026-09-28 16:59"), when("Mon 2026-09-28 17:00")
    assert found(WEEKS + "0", now=before).empty
    assert found(WEEKS + "0", now=close).state.tolist() == ["firing"]


def test_a_task_in_the_evening_ends_a_silence(found):
    assert found(WEEKS + "5@20").state.tolist() == ["over"]
    assert found(WEEKS + "5@16").empty
    assert found(WEEKS + "5@17").state.tolist() == ["over"]


def test_public_holidays_and_planned_days_off_are_no_business_days(found):
    christmas = "30 30 30 30 0 0 0 30"
    assert found(WEEKS + christmas, first="2026-11-30").empty
    off = [{"first": "2026-09-29", "last": "2026-09-30", "reason": "Paused"}]
    assert found(WEEKS + "30 0 0 30", workflow(planned_off=off)).empty
    assert len(found(WEEKS + "30 0 0 0 30", workflow(planned_off=off))) == 1


def test_a_silence_goes_on_over_a_public_holiday(found, at):
    row = found(WEEKS + "30 30 30 0 0 0 0 0 30", first="2026-11-30").iloc[0]
    assert (at(row.started_at), at(row.ended_at)) == ("Thu 24 Dec 09:00", "Mon 28 Dec 17:00")
    assert row["sample"] == 2


def test_its_own_silence_is_left_out_of_what_is_usual(found):
    rows = found(WEEKS + "0 0 0 0 0 2 2 30 30 0")
    assert rows.baseline.tolist() == [30, 30]


def test_a_workflow_that_always_runs_is_judged_on_rest_days_from_midnight_to_midnight(found, at):
    weeks = "30 30 30 30 30 9 9 " * 5
    row = found(weeks + "30 30 30 30 30 0 9 30", workflow(schedule="always")).iloc[0]
    assert (at(row.started_at), at(row.detected_at)) == ("Sat 17 Oct 00:00", "Sun 18 Oct 00:00")
    assert row.baseline == 9
    assert found(weeks + "30 30 30 30 30 0 9 30").empty


def test_the_rest_day_of_25_hours_ends_at_its_midnight(found, at):
    weeks = "30 30 30 30 30 9 9 " * 6
    row = found(weeks + "30 30 30 30 30 9 0 30", workflow(schedule="always")).iloc[0]
    assert (at(row.started_at), at(row.ended_at)) == ("Sun 25 Oct 00:00", "Mon 26 Oct 00:00")
    assert row.ended_at - row.started_at == pd.Timedelta(hours=25)


def test_a_weekly_workflow_has_no_business_day_of_its_own(found):
    assert found("30 0 0 0 0 0 0 " * 5, workflow(schedule="weekly")).empty


def test_business_hours_are_those_of_the_company(at):
    company = Company(
        name="E",
        zone="Asia/Kolkata",
        country="IN",
        hours={d: ["09:30-13:00", "14:00-18:00"] for d in ("monday", "tuesday", "wednesday")},
    )
    ends = (dt.date(2026, 9, 1), dt.date(2026, 12, 1))
    days = business_days(local_days(company, *ends), business_clock(company, *ends))
    first = days[days.day == "2026-09-07"].iloc[0]
    assert (first.opens, first.closes) == (
        pd.Timestamp("2026-09-07T04:00Z"),
        pd.Timestamp("2026-09-07T12:30Z"),
    )


def test_totals_of_whole_days_are_judged_by_the_local_day(calendar, clock, at):
    hours = tasks(WEEKS + "30 0 30", calendar)
    by_day = hours.assign(bucket_s=86400)
    days = worked_days(expected_days(business_days(calendar, clock), None), by_day, NOW)
    row = zero_tasks(days, by_day, LIMITS).iloc[0]
    assert at(row.detected_at) == "Wed 30 Sep 00:00"


def test_read_literally_rare_work_is_an_incident_every_other_day(worked):
    days, hours = worked("1 0 0 0 0 0 0 " * 4)
    assert len(zero_tasks_literally(days)) == 16
    assert zero_tasks(days, hours, LIMITS).empty


@settings(max_examples=20, deadline=None)
@given(
    zone=st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata"]),
    counts=st.lists(st.integers(0, 3), min_size=40, max_size=40),
)
def test_the_zone_in_which_hours_are_written_changes_nothing(zone, counts):
    company = Company(
        name="E",
        zone="Europe/Berlin",
        country="DE",
        hours={d: ["09:00-17:00"] for d in ("monday", "tuesday", "wednesday", "thursday")},
    )
    ends = (dt.date(2026, 9, 1), dt.date(2026, 12, 1))
    calendar, clock = local_days(company, *ends), business_clock(company, *ends)
    hours = tasks(" ".join(map(str, counts)), calendar)
    business = expected_days(business_days(calendar, clock), None)
    here, there = (
        zero_tasks(worked_days(business, h, NOW), h, LIMITS)
        for h in (hours, hours.assign(hour=hours.hour.dt.tz_convert(zone)))
    )
    pd.testing.assert_frame_equal(here, there)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(1, 60), min_size=5, max_size=30))
def test_a_workflow_that_did_something_every_day_is_silent(counts):
    days = pd.DataFrame(
        {
            "workflow": "chat",
            "day": pd.date_range(MONDAY, periods=len(counts)),
            "day_type": [k for k, _ in zip(cycle(["workday"] * 5 + ["restday"] * 2), counts)],
            "done": np.array(counts, float),
            "covered": True,
        }
    )
    assert silences(days, LIMITS).empty
