"""B4: token cost at three times the daily baseline for 24 hours is a P2 (rule R6).

A day is drawn as millions of tokens, used in equal parts from 09:00 to 17:00 local time.
"""

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsbook.clock import local_days
from opsbook.panel import daily_totals
from opsbook.rules.tokens import (
    token_bursts,
    token_bursts_literally,
    token_days,
    token_windows,
)
from opsbook.schema import RUNS
from opsbook.settings import Company, Limits

LIMITS = Limits()
MONDAY = "2026-09-07"
WEEKS = "20 20 20 20 20 2 2 " * 3
FLAT = "2 2 2 2 2 2 2 " * 3


def grid(text, calendar, zone, first=MONDAY, daily=False, calls=None):
    """The hours of days drawn as millions of tokens; '-' is a day without data."""
    cells = text.split()
    days = calendar[calendar.day >= first].head(len(cells))
    drawn = dict(zip(days.day, cells, strict=True))
    hours = pd.Series(
        pd.date_range(days.started_at.iloc[0], days.ended_at.iloc[-1], freq="h", inclusive="left")
    )
    local = hours.dt.tz_convert(zone).dt.tz_localize(None)
    cell = local.dt.normalize().map(drawn)
    used = hours.dt.hour.eq(0) if daily else local.dt.hour.between(9, 16)
    millions = cell.where(cell != "-").astype(float) / (1 if daily else 8)
    tokens = (millions * 1e6).where(used, 0.0).where(cell != "-").astype("Float64")
    counts = pd.array([pd.NA if calls is None else calls / 8] * len(hours), "Float64")
    return pd.DataFrame(
        {
            "workflow": "chat",
            "hour": hours,
            "covered": cell != "-",
            "bucket_s": 86400 if daily else 0,
            "input_tokens": tokens,
            "output_tokens": tokens * 0,
            "cost_eur": tokens / 1e6,
            "calls": pd.Series(counts).where(used, 0 * counts),
            "judged": counts,
            "failed": counts,
            "refused": counts,
        }
    )


def windows(hours, calendar, metric="tokens", limits=LIMITS):
    days = token_days(daily_totals(hours, RUNS.empty(), calendar), None)
    return token_windows(hours, days, metric, limits)


def bursts(hours, calendar, metric="tokens", limits=LIMITS):
    return token_bursts(windows(hours, calendar, metric, limits), metric, limits)


@pytest.fixture
def found(calendar):
    """The findings on drawn days of a company in Berlin."""
    return lambda text, **how: bursts(grid(text, calendar, "Europe/Berlin", **how), calendar)


@pytest.mark.parametrize(("monday", "fires"), [("59.9", False), ("60", True), ("60.1", True)])
def test_exactly_three_times_the_usual_is_at_least_three_times(found, monday, fires):
    assert bool(len(found(WEEKS + monday))) is fires


def test_it_is_seen_at_the_close_of_the_hour_in_which_24_hours_hold_three_times(found, at):
    row = found(WEEKS + "80 20 20").iloc[0]
    assert (at(row.started_at), at(row.ended_at)) == ("Mon 28 Sep 09:00", "Mon 28 Sep 17:00")
    assert at(row.detected_at) == "Mon 28 Sep 15:00"
    assert (row.observed, row.baseline, row.limit) == (80e6, 20e6, 60e6)
    assert (row["sample"], row.references, row.priority, row.state) == (24, 15, "P2", "over")
    assert row.reason == "4.0 times its usual tokens in 24 hours (median of 15 days)"
    assert "tokens_ratio=3" in row.parameters
    assert row.family == "cost"


def test_a_burst_of_two_days_is_one_finding_from_its_first_hour_to_its_last(found, at):
    rows = found(WEEKS + "68 68 20")
    assert [at(t) for t in rows.started_at] == ["Mon 28 Sep 09:00"]
    assert [at(t) for t in rows.ended_at] == ["Tue 29 Sep 17:00"]


def test_a_burst_is_firing_until_its_24_hours_are_over(found):
    assert found(WEEKS + "80").state.tolist() == ["firing"]
    assert found(WEEKS + "80 20").state.tolist() == ["over"]


def test_a_friday_and_a_saturday_as_usual_are_silent(found):
    assert found(WEEKS * 2).empty


@pytest.mark.parametrize(("saturday", "fires"), [("5.9", False), ("6", True), ("7", True)])
def test_a_burst_on_a_saturday_is_seen_when_the_window_holds_saturday_alone(
    found, at, saturday, fires
):
    rows = found(WEEKS + f"20 20 20 20 20 2 2 20 20 20 20 20 {saturday} 2 20")
    assert [at(t) for t in rows.detected_at] == (["Sun 11 Oct 00:00"] if fires else [])
    assert [at(t) for t in rows.started_at] == (["Sat 10 Oct 09:00"] if fires else [])


def test_work_that_starts_a_few_hours_early_after_a_weekend_is_silent(calendar):
    hours = grid(WEEKS + "20", calendar, "Europe/Berlin")
    last = hours.hour >= "2026-09-27T22:00Z"
    early = hours.assign(input_tokens=hours.input_tokens.mask(last, 0).astype(float))
    early.loc[hours.hour == "2026-09-27T22:00Z", "input_tokens"] = 20e6
    assert bursts(early, calendar).empty


def test_a_public_holiday_is_measured_against_rest_days(found, at):
    weeks = "20 20 20 20 20 2 2 " * 4
    assert found(weeks + "20 20 20 20 2 2 2 20", first="2026-11-23").empty
    worked = found(weeks + "20 20 20 20 20 2 2 ", first="2026-11-23")
    assert [at(t) for t in worked.detected_at] == ["Sat 26 Dec 00:00"]


def test_a_quiet_day_is_measured_against_the_floor(found):
    quiet = "0.1 0.1 0.1 0.1 0.1 0.1 0.1 " * 3
    assert found(quiet + "2.9").empty
    assert found(quiet + "3").baseline.tolist() == [1e6]
    assert found(quiet + "0.3", calls=19).empty
    assert found(quiet + "0.3", calls=20).baseline.tolist() == [1e5]


@pytest.mark.parametrize(
    ("before", "state"),
    [("2 2 2 2", "learning"), ("2 2 2 2 2", "breach"), ("2 2 2 2 2 2 2 2", "breach")],
)
def test_fewer_than_five_days_are_no_baseline(calendar, before, state):
    hours = grid(before + " 90", calendar, "Europe/Berlin")
    assert windows(hours, calendar).state.iloc[-1] == state


def test_under_eight_days_of_the_type_all_days_count(calendar):
    judged = windows(grid(WEEKS, calendar, "Europe/Berlin"), calendar)
    by_day = judged.groupby(judged.hour.dt.tz_convert("Europe/Berlin").dt.date)
    assert by_day.references.last()[dt.date(2026, 9, 20)] == 13
    assert by_day.baseline.last()[dt.date(2026, 9, 20)] == 20e6
    later = windows(grid(WEEKS * 2, calendar, "Europe/Berlin"), calendar)
    by_day = later.groupby(later.hour.dt.tz_convert("Europe/Berlin").dt.date)
    assert by_day.references.last()[dt.date(2026, 10, 10)] == 8
    assert by_day.baseline.last()[dt.date(2026, 10, 10)] == 2e6


def test_the_last_twenty_days_of_the_type_are_the_baseline(found):
    row = found("10 10 10 10 10 2 2 " + WEEKS + "20 20 20 20 20 2 2 70").iloc[0]
    assert (row.references, row.baseline) == (20, 20e6)


def test_the_days_of_a_burst_are_left_out_of_the_baseline_after_it(found, at):
    rows = found("20 20 20 20 20 2 2 70 70 70 70 70 2 2 20 20 20 20 20 2 2 70")
    assert [at(t) for t in rows.started_at] == ["Mon 14 Sep 09:00", "Mon 28 Sep 09:00"]
    assert rows.baseline.tolist() == [20e6, 20e6]


def test_a_level_that_stays_becomes_the_baseline_after_a_while(calendar):
    hours = grid(FLAT + "8 " * 40, calendar, "Europe/Berlin")
    judged = windows(hours, calendar)
    assert judged.state.eq("breach").any()
    assert judged.moved.any()
    assert judged.state.tail(5 * 24).eq("ok").all()


def test_twenty_of_24_hours_must_be_covered(calendar):
    hours = grid(WEEKS + "80", calendar, "Europe/Berlin")
    night = hours.hour.dt.tz_convert("Europe/Berlin")
    for gone, fires in ((4, True), (5, False)):
        dark = (night >= "2026-09-27 23:00+02:00") & (night.dt.hour < gone)
        dark &= night.dt.date == dt.date(2026, 9, 28)
        blind = hours.assign(covered=hours.covered & ~dark)
        assert bool(len(bursts(blind, calendar))) is fires


def test_missing_data_does_not_end_a_burst(found):
    assert found(WEEKS + "80 -").state.tolist() == ["firing"]
    assert found(WEEKS + "80 - 20 20").state.tolist() == ["over"]


def test_the_day_of_25_hours_is_no_burst(found):
    flat = "20 " * 60
    assert found(flat).empty
    assert found("2 " * 48 + "5.9 2", first="2026-09-07").empty


def test_a_burst_is_the_same_in_another_zone(calendar):
    york = local_days(
        Company(name="E", zone="America/New_York", country="US", hours={"monday": ["09:00-17:00"]}),
        dt.date(2026, 9, 1),
        dt.date(2027, 1, 15),
    )
    hours = grid("20 " * 21 + "80 20", calendar, "Europe/Berlin")
    here, there = bursts(hours, calendar), bursts(hours, york)
    columns = ["started_at", "ended_at", "observed", "baseline"]
    assert here[columns].equals(there[columns])
    assert len(here) == 1


def test_totals_of_whole_days_are_judged_at_the_days_end(calendar, at):
    rows = bursts(grid(FLAT + "6 2", calendar, "Europe/Berlin", daily=True), calendar)
    assert [at(t) for t in rows.detected_at] == ["Tue 29 Sep 00:00"]


def test_totals_that_begin_late_in_the_local_day_cannot_be_judged():
    york = local_days(
        Company(name="E", zone="America/New_York", country="US", hours={"monday": ["09:00-17:00"]}),
        dt.date(2026, 9, 1),
        dt.date(2026, 12, 31),
    )
    judged = windows(grid(FLAT + "90 2", york, "America/New_York", daily=True), york)
    assert set(judged.state) <= {"daily", "no data"}


def test_cost_is_judged_beside_tokens(calendar):
    hours = grid(WEEKS + "80", calendar, "Europe/Berlin")
    dear = hours.assign(input_tokens=hours.input_tokens * 0 + 1000.0)
    row = bursts(dear, calendar, "cost_eur").iloc[0]
    assert (row.metric, row.observed, row.baseline) == ("cost_eur", 80, 20)
    assert bursts(dear, calendar, "tokens").empty


def test_read_literally_a_weekly_job_fires_every_week_and_a_burst_at_weekends_is_missed(calendar):
    weekly = grid("2 0 0 0 0 0 0 " * 3 + "2", calendar, "Europe/Berlin")
    days = token_days(daily_totals(weekly, RUNS.empty(), calendar), None)
    assert len(token_bursts_literally(days, "tokens", LIMITS)) == 3
    assert bursts(weekly, calendar).empty
    saturday = grid(WEEKS + "20 20 20 20 20 2 2 20 20 20 20 20 10 2", calendar, "Europe/Berlin")
    days = token_days(daily_totals(saturday, RUNS.empty(), calendar), None)
    assert token_bursts_literally(days, "tokens", LIMITS).empty
    assert len(bursts(saturday, calendar)) == 1


@settings(max_examples=15, deadline=None)
@given(zone=st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"]))
def test_the_zone_in_which_hours_are_written_changes_nothing(zone):
    company = Company(
        name="E", zone="Europe/Berlin", country="DE", hours={"monday": ["09:00-17:00"]}
    )
    calendar = local_days(company, dt.date(2026, 9, 1), dt.date(2026, 12, 1))
    hours = grid(WEEKS + "80 20", calendar, "Europe/Berlin")
    moved = hours.assign(hour=hours.hour.dt.tz_convert(zone))
    pd.testing.assert_frame_equal(bursts(moved, calendar), bursts(hours, calendar))
