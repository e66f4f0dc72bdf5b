"""Business hours, days and weeks."""

import datetime as dt

import pandas as pd
import pytest

from opsbook.clock import business_clock, local_days, week_before
from opsbook.errors import SettingsError
from opsbook.settings import Company

WEEK = {d: ["09:00-17:00"] for d in ("monday", "tuesday", "wednesday", "thursday", "friday")}


def company(zone="Europe/Berlin", country="DE", subdivision="BY", hours=WEEK, **more) -> Company:
    return Company(
        name="Example", zone=zone, country=country, subdivision=subdivision, hours=hours, **more
    )


def add(text: str, hours: float, of: Company | None = None) -> str:
    of = of or company()
    clock = business_clock(of, dt.date(2026, 1, 1), dt.date(2027, 3, 1))
    end = clock.add(pd.Timestamp(text, tz=of.zone).tz_convert("UTC"), pd.Timedelta(hours=hours))
    return end.tz_convert(of.zone).strftime("%a %d %b %H:%M")


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-11-16 09:00", 5, "Mon 16 Nov 14:00"),
        ("2026-11-16 09:00", 4.25, "Mon 16 Nov 13:15"),
        ("2026-11-16 14:00", 5, "Tue 17 Nov 11:00"),
        ("2026-11-20 14:00", 5, "Mon 23 Nov 11:00"),
        ("2026-12-24 14:00", 5, "Mon 28 Dec 11:00"),
        ("2026-11-20 15:30", 4, "Mon 23 Nov 11:30"),
        ("2026-11-21 11:00", 4, "Mon 23 Nov 13:00"),
        ("2026-11-16 09:00", 8, "Mon 16 Nov 17:00"),
    ],
)
def test_business_time_stops_at_close_and_goes_on_at_open(start, hours, end):
    assert add(start, hours) == end


def test_a_break_at_noon_does_not_count():
    hours = {"monday": ["09:00-12:00", "13:00-17:00"]}
    assert add("2026-11-16 11:00", 2, company(hours=hours)) == "Mon 16 Nov 14:00"


def test_a_company_closure_does_not_count():
    closed = company(closures=[{"first": "2026-11-17", "last": "2026-11-18", "reason": "Move"}])
    assert add("2026-11-16 16:00", 2, closed) == "Thu 19 Nov 10:00"


def test_a_holiday_of_the_region_does_not_count_elsewhere():
    assert add("2026-01-05 16:00", 2) == "Wed 07 Jan 10:00"
    assert add("2026-01-05 16:00", 2, company(subdivision="HH")) == "Tue 06 Jan 10:00"


@pytest.mark.parametrize(
    ("day", "hours"), [("2026-03-29", 23), ("2026-10-24", 24), ("2026-10-25", 25)]
)
def test_a_local_day_has_23_or_25_hours_when_the_clocks_change(day, hours):
    calendar = local_days(company(), dt.date(2026, 1, 1), dt.date(2026, 12, 31))
    assert calendar.hours[calendar.day == day].item() == hours


def test_business_hours_over_the_change_of_clocks_are_elapsed_time():
    night = company(hours={"sunday": ["01:00-05:00"]})
    clock = business_clock(night, dt.date(2026, 3, 1), dt.date(2026, 11, 1))
    days = pd.DatetimeIndex(["2026-03-29", "2026-10-25"]).tz_localize("Europe/Berlin")
    passed = clock.elapsed(days, days + pd.Timedelta(days=1))
    assert (passed / pd.Timedelta(hours=1)).tolist() == [3, 5]


def test_the_austrian_national_day_and_a_closure_are_rest_days():
    graz = company(
        zone="Europe/Vienna",
        country="AT",
        subdivision="6",
        closures=[{"first": "2026-10-02", "last": "2026-10-02", "reason": "Outing"}],
    )
    days = local_days(graz, dt.date(2026, 10, 1), dt.date(2026, 10, 31)).set_index("day")
    off = days.off.dropna()
    assert off.to_dict() == {
        pd.Timestamp("2026-10-02"): "Outing",
        pd.Timestamp("2026-10-26"): "National Day",
    }
    assert days.day_type["2026-10-26"] == "restday"


def test_an_unknown_region_is_refused_with_an_example():
    with pytest.raises(SettingsError, match=r"subdivision 'Bavaria'.*an example"):
        local_days(company(subdivision="Bavaria"), dt.date(2026, 1, 1), dt.date(2026, 1, 2))


def test_the_week_under_review_is_the_last_complete_one():
    monday = pd.Timestamp("2026-11-23T08:00+01:00")
    assert week_before(monday, company()) == "2026-W47"
    assert week_before(monday - pd.Timedelta(days=1), company()) == "2026-W46"


def test_a_year_of_hours_is_measured_in_one_step():
    clock = business_clock(company(), dt.date(2026, 1, 1), dt.date(2026, 12, 31))
    hours = pd.date_range("2026-01-01", "2026-12-30", freq="h", tz="UTC")
    open_time = clock.elapsed(hours[:-1], hours[1:])
    assert open_time.sum() == clock.elapsed(hours[:1], hours[-1:])[0]
