"""Business hours, days and weeks."""

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from opsbook import settings
from opsbook.clock import business_clock, local_days, public_holidays
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


ROUND_THE_CLOCK = {day: ["00:00-24:00"] for day in settings.WEEKDAYS}


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2026-03-29", 23),
        ("Europe/Berlin", "2026-10-24", 24),
        ("Europe/Berlin", "2026-10-25", 25),
        ("America/Havana", "2026-11-01", 25),  # midnight itself comes twice
        ("Africa/Cairo", "2026-04-24", 23),  # there is no midnight
        ("Australia/Lord_Howe", "2026-04-05", 24.5),
        ("Australia/Lord_Howe", "2026-10-04", 23.5),
        ("Asia/Kolkata", "2026-10-25", 24),
    ],
)
def test_a_local_day_and_a_company_open_all_day_have_as_many_hours_as_the_zone_gives_it(
    zone, day, hours
):
    of = company(zone=zone, hours=ROUND_THE_CLOCK, open_on=[day])
    row = local_days(of, dt.date(2026, 1, 2), dt.date(2026, 12, 30)).set_index("day").loc[day]
    clock = business_clock(of, dt.date(2026, 1, 2), dt.date(2026, 12, 30))
    passed = clock.elapsed(pd.DatetimeIndex([row.started_at]), pd.DatetimeIndex([row.ended_at]))
    assert row.hours == hours
    assert passed[0] == pd.Timedelta(hours=hours)


@pytest.mark.parametrize(
    ("day", "span", "hours"),
    [
        ("2026-03-29", "01:00-05:00", 3),
        ("2026-03-29", "02:15-02:45", 0),  # a half hour that does not exist
        ("2026-03-29", "02:30-04:00", 1),
        ("2026-10-25", "01:00-05:00", 5),
        ("2026-10-25", "02:00-03:00", 2),  # an hour that comes twice
        ("2026-10-25", "03:00-05:00", 2),
    ],
)
def test_business_hours_over_the_change_of_clocks_are_elapsed_time(day, span, hours):
    night = company(hours={"sunday": [span]})
    clock = business_clock(night, dt.date(2026, 3, 1), dt.date(2026, 11, 1))
    midnight = pd.DatetimeIndex([day]).tz_localize("Europe/Berlin")
    passed = clock.elapsed(midnight, midnight + pd.DateOffset(days=1))
    assert passed[0] == pd.Timedelta(hours=hours)


def test_a_deadline_over_the_change_of_clocks_is_elapsed_time():
    always = company(hours=ROUND_THE_CLOCK)
    assert add("2026-03-28 23:00", 4, always) == "Sun 29 Mar 04:00"
    assert add("2026-10-24 23:00", 4, always) == "Sun 25 Oct 02:00"
    assert add("2026-10-24 23:00", 5, always) == "Sun 25 Oct 03:00"


def test_a_company_in_a_half_hour_zone_opens_at_half_past_in_utc():
    pune = company(zone="Asia/Kolkata", country="IN", subdivision="MH")
    clock = business_clock(pune, dt.date(2026, 11, 16), dt.date(2026, 11, 16))
    start = pd.Timestamp("2026-11-16T03:00Z")
    assert clock.add(start, pd.Timedelta(hours=1)) == pd.Timestamp("2026-11-16T04:30Z")


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


def off(country: str, subdivision: str | None = None, **more) -> dict[str, str]:
    of = company(country=country, subdivision=subdivision, **more)
    return {d.strftime("%d %b"): name for d, name in public_holidays(of, 2026).items()}


@pytest.mark.parametrize(
    ("country", "day", "what"),
    [
        ("AT", "26 Oct", "National Day, 26 October 1955"),
        ("BE", "21 Jul", "King Leopold's oath, 1831"),
        ("BG", "03 Mar", "Liberation, San Stefano 1878"),
        ("HR", "30 May", "Statehood Day"),
        ("CY", "01 Oct", "Independence Day, 1960"),
        ("CZ", "28 Oct", "Czechoslovakia founded, 1918"),
        ("DK", "25 May", "Whit Monday"),
        ("EE", "24 Feb", "Independence Day, 1918"),
        ("FI", "06 Dec", "Independence Day, 1917"),
        ("FR", "14 Jul", "Bastille, 1789"),
        ("DE", "03 Oct", "Unity, 1990"),
        ("GR", "13 Apr", "Orthodox Easter Monday"),
        ("HU", "20 Aug", "King Stephen's Day"),
        ("IE", "17 Mar", "Saint Patrick"),
        ("IT", "02 Jun", "Republic, 1946"),
        ("LV", "18 Nov", "Republic, 1918"),
        ("LT", "16 Feb", "State restored, 1918"),
        ("LU", "23 Jun", "Grand Duke's birthday, celebrated"),
        ("MT", "21 Sep", "Independence, 1964"),
        ("NL", "27 Apr", "King's Day"),
        ("PL", "11 Nov", "Independence, 1918"),
        ("PT", "10 Jun", "Camões' day"),
        ("RO", "01 Dec", "Great Union, 1918"),
        ("SK", "29 Aug", "National Uprising, 1944"),
        ("SI", "25 Jun", "Statehood Day, 1991"),
        ("ES", "12 Oct", "National Day"),
        ("SE", "06 Jun", "National Day"),
        ("CH", "01 Aug", "Federal charter, 1291"),
        ("NO", "17 May", "Constitution, 1814"),
        ("GB", "25 May", "Spring bank holiday, last Monday of May"),
    ],
)
def test_each_country_of_the_union_switzerland_norway_and_britain_has_its_own_holidays(
    country, day, what
):
    named = off(country)
    assert day in named, what
    assert "01 Jan" in named
    assert 4 <= len(named) <= 18


def test_a_holiday_that_was_abolished_is_none():
    assert "01 May" not in off("DK")  # Great Prayer Day would be the fourth Friday after Easter


@pytest.mark.parametrize(
    ("country", "day", "there", "elsewhere"),
    [
        ("DE", "06 Jan", "BY", "BE"),  # Epiphany
        ("DE", "08 Mar", "BE", "BY"),  # Women's Day
        ("DE", "31 Oct", "SN", "HE"),  # Reformation
        ("DE", "08 Aug", "Augsburg", "BY"),  # Peace Festival
        ("CH", "02 Jan", "VD", "GE"),  # Berchtold
        ("CH", "10 Sep", "GE", "ZH"),  # Genevan Fast
        ("CH", "19 Mar", "TI", "ZH"),  # Saint Joseph
        ("GB", "06 Apr", "ENG", "SCT"),  # Easter Monday
        ("GB", "31 Aug", "ENG", "SCT"),  # Summer bank holiday, last Monday
        ("GB", "03 Aug", "SCT", "ENG"),  # Summer bank holiday, first Monday
        ("GB", "30 Nov", "SCT", "ENG"),  # Saint Andrew
        ("GB", "13 Jul", "NIR", "WLS"),  # Battle of the Boyne, 12 July is a Sunday
        ("ES", "11 Sep", "CT", "MD"),  # Diada
        ("ES", "02 May", "MD", "CT"),  # Madrid
        ("ES", "28 Feb", "AN", "GA"),  # Andalusia
        ("FR", "26 Dec", "57", None),  # Saint Stephen in the Moselle
        ("IT", "07 Dec", "MI", "RM"),  # Saint Ambrose in Milan
        ("IT", "29 Jun", "RM", "MI"),  # Peter and Paul in Rome
        ("PT", "25 May", "20", "11"),  # Azores
    ],
)
def test_a_subdivision_has_holidays_that_another_has_not(country, day, there, elsewhere):
    assert day in off(country, there)
    assert day not in off(country, elsewhere)


def test_styria_has_the_austrian_holidays_and_no_bank_or_school_days_of_its_own():
    assert off("AT", "6") == off("AT", "Steiermark") == off("AT")
    assert len(off("AT")) == 13
    assert {"03 Apr", "19 Mar", "24 Dec"}.isdisjoint(off("AT", "6"))


def test_a_holiday_on_a_weekend_is_given_on_the_next_workday_where_the_law_says_so():
    assert off("GB", "ENG")["28 Dec"] == "Boxing Day (observed)"  # the 26th is a Saturday
    assert "28 Dec" not in off("DE", "BY")


def test_other_kinds_of_days_off_count_only_when_the_company_says_so():
    assert "15 Aug" in off("DE", "BY", holidays_also=["catholic"])
    assert "15 Aug" not in off("DE", "BY")
    with pytest.raises(SettingsError, match="holidays_also: DE has no 'bank' days, only: catholic"):
        off("DE", "BY", holidays_also=["bank"])


def test_a_company_that_works_on_a_holiday_counts_its_hours():
    of = company(open_on=["2026-01-06"])
    assert add("2026-01-05 16:00", 2, of) == "Tue 06 Jan 10:00"


@pytest.mark.parametrize(
    ("country", "subdivision", "said"),
    [
        ("DE", "Bavaria", r'subdivision \'Bavaria\' is not known in DE; .*"BY" \(Bayern\)'),
        ("GB", "ENGLAND", r'expected one of "ENG" \(England\), "NIR".*"SCT".*"WLS"'),
        ("CH", "Z", r'"ZG" \(Zug\), "ZH" \(Zürich\)'),
        ("SI", "1", "leave it out"),
        ("XX", None, "country 'XX' is not known; expected two letters like \"AT\""),
    ],
)
def test_an_unknown_place_is_refused_with_the_places_there_are(country, subdivision, said):
    with pytest.raises(SettingsError, match=said):
        off(country, subdivision)


def test_hours_are_taken_as_people_write_them():
    (span,) = company(hours={"monday": ["9:00 - 17:30"]}).hours["monday"]
    assert (span.opens, span.closes) == (dt.time(9), dt.time(17, 30))


@pytest.mark.parametrize(
    ("hours", "said"),
    [
        (["9-17"], 'expected like "09:00-17:00"'),
        (["09:00-25:00"], "hour"),
        (["17:00-09:00"], "17:00 is not before 09:00; hours over midnight are two spans"),
        (["09:00-13:00", "12:00-17:00"], "two spans of monday overlap at 12:00"),
        (["00:00-24:00", "12:00-17:00"], "two spans of monday overlap at 12:00"),
        ([], "no day has opening hours"),
    ],
)
def test_hours_that_cannot_be_are_refused(hours, said):
    with pytest.raises(ValidationError, match=said):
        company(hours={"monday": hours})


def test_a_closure_that_ends_before_it_begins_is_refused():
    with pytest.raises(ValidationError, match="is after last"):
        company(closures=[{"first": "2026-12-31", "last": "2026-12-24", "reason": "Holidays"}])


def test_a_night_shift_runs_on_over_midnight():
    night = company(hours={"friday": ["22:00-24:00"], "saturday": ["00:00-06:00"]})
    assert add("2026-11-20 23:00", 2, night) == "Sat 21 Nov 01:00"


def test_a_clock_over_days_without_work_stands_still_and_says_that_it_ends():
    saturday = dt.date(2026, 11, 21)
    clock = business_clock(company(), saturday, saturday)
    start = pd.Timestamp("2026-11-21T10:00Z")
    assert clock.elapsed(*(pd.DatetimeIndex([t]) for t in (start, start + clock_hour)))[0] == (
        pd.Timedelta(0)
    )
    assert clock.add(start, pd.Timedelta(0)) == start
    with pytest.raises(ValueError, match="the clock ends before"):
        clock.add(start, clock_hour)


def test_what_has_not_ended_has_no_elapsed_time():
    clock = business_clock(company(), dt.date(2026, 11, 16), dt.date(2026, 11, 20))
    start = pd.DatetimeIndex(["2026-11-16T08:00Z"] * 2)
    passed = clock.elapsed(start, pd.DatetimeIndex(["2026-11-16T10:00Z", pd.NaT]))
    assert passed[0] == pd.Timedelta(hours=2)
    assert passed.isna().tolist() == [False, True]


clock_hour = pd.Timedelta(hours=1)
CLOCKS = [
    business_clock(of, dt.date(2025, 12, 1), dt.date(2027, 3, 31))
    for of in (
        company(),
        company(zone="Europe/London", country="GB", subdivision="SCT", hours=ROUND_THE_CLOCK),
        company(zone="Australia/Lord_Howe", country="AU", subdivision="NSW"),
        company(hours={"sunday": ["01:30-02:30", "02:45-03:30"], "monday": ["9:00-12:00"]}),
    )
]
clocks = st.sampled_from(CLOCKS)
moments = st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2026, 12, 31)).map(
    lambda t: pd.Timestamp(t, tz="UTC")
)
times = st.timedeltas(dt.timedelta(microseconds=1), dt.timedelta(hours=40)).map(pd.Timedelta)


def elapsed(clock, start, end):
    return clock.elapsed(pd.DatetimeIndex([start]), pd.DatetimeIndex([end]))[0]


@given(clocks, moments, moments, moments)
def test_business_time_adds_up(clock, a, b, c):
    assert elapsed(clock, a, b) + elapsed(clock, b, c) == elapsed(clock, a, c)


@given(clocks, moments, times)
def test_adding_time_is_the_inverse_of_measuring_it(clock, start, time):
    end = clock.add(start, time)
    assert end > start
    assert elapsed(clock, start, end) == time
    assert elapsed(clock, start, end - pd.Timedelta(1, "us")) < time


@given(clocks, moments, moments, st.sampled_from(["Asia/Tokyo", "America/St_Johns", "UTC"]))
def test_the_zone_in_which_times_are_told_does_not_matter(clock, a, b, zone):
    told = (a.tz_convert(zone), b.tz_convert(zone))
    assert elapsed(clock, *told) == elapsed(clock, a, b)
    assert clock.add(told[0], clock_hour) == clock.add(a, clock_hour)


@given(clocks, moments, moments)
def test_business_time_is_never_longer_than_the_time_that_passed(clock, a, b):
    assert pd.Timedelta(0) <= elapsed(clock, min(a, b), max(a, b)) <= abs(b - a)


def test_a_year_of_hours_adds_up_to_the_year():
    clock = CLOCKS[0]
    hours = pd.date_range("2026-01-01", "2026-12-30", freq="h", tz="UTC")
    open_time = clock.elapsed(hours[:-1], hours[1:])
    assert open_time.sum() == clock.elapsed(hours[:1], hours[-1:])[0]
