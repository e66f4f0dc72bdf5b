"""Weeks, months and quarters: their days, and when each is reviewed."""

import datetime as dt

import pandas as pd
import pytest

from opsbook.errors import UsageError
from opsbook.periods import around, last_complete, period, planned_at
from opsbook.settings import Company

HERE = Company(
    name="Example", zone="Europe/Vienna", country="AT", hours={"monday": ["09:00-17:00"]}
)


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("2026-W47", "2026-11-16", "2026-11-22"),
        ("2026-W53", "2026-12-28", "2027-01-03"),
        ("2028-02", "2028-02-01", "2028-02-29"),
        ("2026-12", "2026-12-01", "2026-12-31"),
        ("2026-Q1", "2026-01-01", "2026-03-31"),
        ("2026-Q4", "2026-10-01", "2026-12-31"),
    ],
)
def test_a_period_is_known_by_its_name(name, first, last):
    found = period(name)
    assert (str(found.first), str(found.last)) == (first, last)
    assert around(found.kind, found.first) == around(found.kind, found.last) == found
    assert found.previous().previous(-1) == found
    assert found.previous().last == found.first - dt.timedelta(days=1)


@pytest.mark.parametrize("name", ["2025-W53", "2026-W00", "2026-13", "2026-Q5", "November", ""])
def test_what_is_no_period_is_refused_with_an_example(name):
    with pytest.raises(UsageError, match="expected like"):
        period(name)


def test_a_month_is_no_week():
    with pytest.raises(UsageError, match="'2026-11' is no ISO week; expected like 2026-W47"):
        period("2026-11", "weekly")


@pytest.mark.parametrize(
    ("now", "week", "month", "quarter"),
    [
        ("2026-11-22T23:59+01:00", "2026-W46", "2026-10", "2026-Q3"),
        ("2026-11-23T00:00+01:00", "2026-W47", "2026-10", "2026-Q3"),
        ("2027-01-01T00:00+01:00", "2026-W52", "2026-12", "2026-Q4"),
    ],
)
def test_a_review_is_about_the_last_period_that_is_over(now, week, month, quarter):
    found = [last_complete(k, pd.Timestamp(now), HERE).name for k in ("weekly", "monthly")]
    assert [*found, last_complete("quarterly", pd.Timestamp(now), HERE).name] == [
        week, month, quarter
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "planned"),
    [
        ("2026-W47", "Mon 2026-11-23 09:30"),
        ("2026-10", "Tue 2026-11-03 10:00"),
        ("2026-08", "Tue 2026-09-01 10:00"),
        ("2026-Q3", "Tue 2026-10-13 10:00"),
    ],
)
def test_a_review_is_planned_on_the_first_such_day_after_its_period(name, planned):
    at = planned_at(period(name), HERE).tz_convert("Europe/Vienna")
    assert f"{at:%a %Y-%m-%d %H:%M}" == planned


def test_a_company_says_when_its_reviews_are_held():
    told = HERE.model_dump() | {"monthly_review": "Third Friday 9:00"}
    at = planned_at(period("2026-10"), Company(**told)).tz_convert("Europe/Vienna")
    assert f"{at:%a %Y-%m-%d %H:%M}" == "Fri 2026-11-20 09:00"
    with pytest.raises(ValueError, match='expected like "first tuesday 10:00"'):
        Company(**told | {"monthly_review": "every day"})


def test_a_month_whose_clocks_change_has_an_hour_more():
    started_at, ended_at = period("2026-10").bounds(HERE)
    assert ended_at - started_at == pd.Timedelta(days=31, hours=1)
