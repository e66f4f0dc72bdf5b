"""What is normal: slots in the company's zone, and the last hours of each before a day."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest

from opsbook.baselines import SlotHistory, Slots, slots
from opsbook.clock import local_days
from opsbook.settings import Company, Limits

LIMITS = Limits()


def company(zone="Europe/Berlin"):
    return Company(
        name="E",
        zone=zone,
        country="DE",
        hours={d: ["09:00-17:00"] for d in ("monday", "tuesday", "saturday")},
    )


def hours_of(day, zone):
    start = pd.Timestamp(day, tz=zone)
    hours = pd.date_range(start, start + pd.DateOffset(days=1), freq="h", inclusive="left")
    return hours.tz_convert("UTC")


@pytest.mark.parametrize(
    ("day", "hours", "twice", "never"),
    [("2026-10-25", 25, [2], []), ("2026-03-29", 23, [], [2]), ("2026-10-26", 24, [], [])],
)
def test_days_the_clocks_change_have_an_hour_twice_or_not_at_all(day, hours, twice, never):
    first = dt.date.fromisoformat(day)
    at = slots(hours_of(day, "Europe/Berlin"), local_days(company(), first, first), "Europe/Berlin")
    count = np.bincount(at.hour, minlength=24)
    assert len(at.hour) == hours
    assert np.flatnonzero(count == 2).tolist() == twice
    assert np.flatnonzero(count == 0).tolist() == never
    assert at.days() == [slice(0, hours)]


def test_an_hour_belongs_to_the_local_hour_it_begins_in_half_hours_included():
    zone = "Asia/Kolkata"
    hours = pd.date_range("2026-11-09T18:00Z", periods=2, freq="h")  # 23:30 and 00:30
    calendar = local_days(company(zone), dt.date(2026, 11, 9), dt.date(2026, 11, 10))
    at = slots(hours, calendar, zone)
    assert at.hour.tolist() == [23, 0]
    assert at.day.tolist() == [0, 1]


def test_the_days_type_comes_from_the_calendar():
    calendar = local_days(company(), dt.date(2026, 11, 9), dt.date(2026, 11, 12))
    hours = pd.date_range("2026-11-09T12:00Z", periods=4, freq="D")
    assert slots(hours, calendar, "Europe/Berlin").kind.tolist() == [0, 0, 1, 1]


def daily(values, kinds=None, hours=1):
    """A history over days of so many hours, one value a day, all added but the last."""
    days = np.repeat(np.arange(len(values)), hours)
    kind = np.repeat(kinds or [0] * len(values), hours)
    at = Slots(days, np.array(kind), np.tile(np.arange(hours), len(values)))
    history = SlotHistory(np.repeat(np.array(values, float), hours)[None], at, LIMITS)
    return history


def seen(history, until=None):
    last = len(history.spans) - 1 if until is None else until
    for day in range(last):
        history.add(day)
    normal = history.slot(last)
    return {k: float(np.ravel(v)[0]) for k, v in vars(normal).items()}


def test_an_epoch_forgets_what_came_before_it():
    history = daily([1000.0] * 9 + [1.0, 3.0, 999.0])
    history.forget(np.array([0]), 9)
    normal = seen(history)
    assert (normal["n"], normal["mean"]) == (2, 2)


def test_the_last_twenty_before_the_day_count_and_not_the_day():
    normal = seen(daily([1000.0] * 5 + [1.0, 3.0] * 10 + [999.0]))
    assert (normal["n"], normal["mean"], normal["median"]) == (20, 2, 2)
    assert normal["sd"] == pytest.approx(np.sqrt(20 / 19))
    assert normal["spread"] == pytest.approx(1)


def test_missing_hours_take_no_place():
    normal = seen(daily([5.0] * 8 + [np.nan] * 30 + [1.0]))
    assert (normal["n"], normal["mean"]) == (8, 5)


def test_a_single_outlier_moves_the_mean_and_not_the_spread():
    normal = seen(daily([9.0, 10.0, 11.0, 10.0] * 4 + [9.0, 11.0, 10.0, 500.0] + [1.0]))
    assert normal["mean"] > 30
    assert normal["median"] == 10
    assert normal["spread"] <= 1


def test_where_most_are_alike_the_sd_stands_in_for_the_spread():
    history = daily([0.0] * 19 + [20.0] + [1.0])
    assert seen(history)["spread"] == 0
    assert history.slot(20).robust()[0, 0] == pytest.approx(20 / np.sqrt(20))


def test_workdays_and_rest_days_are_slots_apart():
    kinds = [0, 0, 0, 0, 0, 1, 1] * 5
    values = [100.0 if k == 0 else 8.0 for k in kinds]
    assert seen(daily([*values, 1.0], [*kinds, 0]))["mean"] == 100
    assert seen(daily([*values, 1.0], [*kinds, 1]))["mean"] == 8


def test_days_left_out_make_room_for_older_ones():
    history = daily([10.0] * 20 + [90.0] * 5 + [1.0])
    history.left_out[0, 20:25] = True
    normal = seen(history)
    assert (normal["n"], normal["mean"], normal["moved"]) == (20, 10, 0)


@pytest.mark.parametrize(("days", "mean", "moved"), [(10, 10, 0), (11, 54, 1)])
def test_more_than_half_left_out_stay_in_and_the_baseline_has_moved(days, mean, moved):
    history = daily([10.0] * 20 + [90.0] * days + [1.0])
    history.left_out[0, 20 : 20 + days] = True
    normal = seen(history)
    assert (normal["n"], normal["mean"], normal["moved"]) == (20, mean, moved)


@pytest.mark.parametrize(("workdays", "n"), [(8, 8), (7, 21), (1, 3)])
def test_a_slot_with_fewer_than_eight_widens_to_the_hours_of_its_type(workdays, n):
    assert seen(daily([10.0] * workdays + [1.0], hours=3))["n"] == n


def test_the_other_day_type_counts_only_beside_five_of_its_own():
    for own, n in ((4, 4), (5, 25)):
        history = daily([8.0] * 20 + [100.0] * own + [1.0], [1] * 20 + [0] * (own + 1))
        assert seen(history)["n"] == min(n, 20)


def test_the_week_before_a_day_holds_all_of_its_hours():
    history = daily([1000.0] + [10.0] * 7 + [99.0], hours=24)
    week = history.week(8)
    assert (week.n[0, 0], week.median[0, 0], week.spread[0, 0]) == (168, 10, 0)
    assert np.isnan(history.week(0).median[0, 0])


def test_series_are_judged_apart():
    at = Slots(np.arange(9), np.zeros(9, int), np.zeros(9, int))
    history = SlotHistory(np.array([[1.0] * 9, [np.nan] * 4 + [2.0] * 5]), at, LIMITS)
    for day in range(8):
        history.add(day)
    assert history.slot(8).n.ravel().tolist() == [8, 4]
    assert history.slot(8).mean.ravel().tolist() == [1, 2]
