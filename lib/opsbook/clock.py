"""Business hours, days and weeks of one company, as arithmetic on arrays of UTC times.

A business clock is a rising staircase: it stands at night, at weekends, on holidays and closures,
and runs while the company is open. Measuring is a look-up on it, adding time its inverse, so a
year of hours for fifty workflows costs as much as one.
"""

import datetime as dt
from dataclasses import dataclass

import holidays
import numpy as np
import pandas as pd

from opsbook.errors import SettingsError
from opsbook.settings import WEEKDAYS, Company

HOUR = pd.Timedelta(hours=1)


def local_days(company: Company, first: dt.date, last: dt.date) -> pd.DataFrame:
    """The company's calendar: one row per local day, first to last.

    Columns day (local midnight, naive), started_at and ended_at (UTC), hours (23 to 25 on days the
    clocks change), day_type (workday or restday), off (the name of the holiday or closure, else
    <NA>).
    """
    days = pd.date_range(first, last, freq="D")
    edges = days.append(pd.DatetimeIndex([days[-1] + pd.Timedelta(days=1)]))
    at = edges.tz_localize(company.zone, ambiguous=True, nonexistent="shift_forward").tz_convert(
        "UTC"
    )
    off = pd.Series([_off(company, d.date()) for d in days], dtype="string")
    has_hours = np.array([bool(company.hours.get(WEEKDAYS[d.weekday()])) for d in days])
    works = has_hours & off.isna().to_numpy()
    return pd.DataFrame(
        {
            "day": days,
            "started_at": at[:-1],
            "ended_at": at[1:],
            "hours": (at[1:] - at[:-1]) / HOUR,
            "day_type": pd.Series(np.where(works, "workday", "restday"), dtype="string"),
            "off": off,
        }
    )


def public_holidays(company: Company, years: range) -> dict[dt.date, str]:
    """The public holidays of the company's country and subdivision, by date, in English."""
    try:
        found = holidays.country_holidays(
            company.country, subdiv=company.subdivision, years=years, language="en_US"
        )
    except NotImplementedError as problem:
        raise SettingsError(
            f"settings/company.toml: country {company.country!r} with subdivision "
            f"{company.subdivision!r} is not known ({problem}); an example: country = "
            '"AT", subdivision = "6" (Styria)'
        ) from problem
    return dict(found)


def _off(company: Company, day: dt.date) -> str | None:
    closed = next((c.reason for c in company.closures if c.first <= day <= c.last), None)
    return closed or public_holidays_cached(company, day.year).get(day)


def public_holidays_cached(company: Company, year: int) -> dict[dt.date, str]:
    """One year's public holidays, remembered per country and subdivision."""
    key = (company.country, company.subdivision, year)
    if key not in _HOLIDAYS:
        _HOLIDAYS[key] = public_holidays(company, range(year, year + 1))
    return _HOLIDAYS[key]


_HOLIDAYS: dict[tuple[str, str | None, int], dict[dt.date, str]] = {}


@dataclass(frozen=True)
class BusinessClock:
    """Open stretches in UTC, in order, and the business time that had passed before each (ns)."""

    opens: np.ndarray
    closes: np.ndarray
    before: np.ndarray

    def reading(self, at: pd.DatetimeIndex) -> np.ndarray:
        """Business time passed at each moment, in ns since the clock's first day."""
        t = _ns(at)
        i = np.searchsorted(self.opens, t, side="right") - 1
        inside = np.clip(t - self.opens[i], 0, self.closes[i] - self.opens[i])
        return np.where(i < 0, 0, self.before[i] + inside)

    def elapsed(self, start: pd.DatetimeIndex, end: pd.DatetimeIndex) -> pd.TimedeltaIndex:
        """Business time between two moments, element by element."""
        return pd.to_timedelta(self.reading(end) - self.reading(start), unit="ns")

    def add(self, start: pd.Timestamp, time: pd.Timedelta) -> pd.Timestamp:
        """The first moment at which `time` of business has passed since `start`.

        A start outside business hours counts from the next opening.
        """
        target = self.reading(pd.DatetimeIndex([start]))[0] + time.value
        i = int(np.searchsorted(self.before, target, side="left")) - 1
        at = self.opens[i] + (target - self.before[i])
        if i < 0 or at > self.closes[-1]:
            raise ValueError(f"the clock ends before {time} of business after {start}")
        return pd.Timestamp(int(at), unit="ns", tz="UTC")


def business_clock(company: Company, first: dt.date, last: dt.date) -> BusinessClock:
    """The company's clock over the local days first to last.

    Times that the change of clocks skips move to the next that exists; doubled ones are the first.
    """
    days = local_days(company, first, last)
    spans = [
        (pd.Timestamp.combine(day, s.opens), pd.Timestamp.combine(day, s.closes))
        for day in days.day[days.day_type == "workday"]
        for s in sorted(company.hours[WEEKDAYS[day.weekday()]], key=lambda s: s.opens)
    ]
    opens, closes = (
        pd.DatetimeIndex([s[i] for s in spans])
        .tz_localize(company.zone, ambiguous=np.ones(len(spans), bool), nonexistent="shift_forward")
        .tz_convert("UTC")
        for i in (0, 1)
    )
    opens, closes = _ns(opens), _ns(closes)
    before = np.concatenate([[0], np.cumsum(closes - opens)[:-1]])
    return BusinessClock(opens, closes, before)


def _ns(at: pd.DatetimeIndex) -> np.ndarray:
    return at.as_unit("ns").asi8


def week_name(day: dt.date) -> str:
    """The ISO week a day lies in.

    >>> week_name(dt.date(2026, 11, 22)), week_name(dt.date(2027, 1, 1))
    ('2026-W47', '2026-W53')
    """
    year, week, _ = day.isocalendar()
    return f"{year}-W{week:02}"


def week_days(week: str) -> tuple[dt.date, dt.date]:
    """Monday and Sunday of an ISO week; ValueError for anything else.

    >>> week_days("2026-W47")
    (datetime.date(2026, 11, 16), datetime.date(2026, 11, 22))
    """
    year, _, number = week.partition("-W")
    monday = dt.date.fromisocalendar(int(year), int(number), 1)
    return monday, monday + dt.timedelta(days=6)


def week_before(now: pd.Timestamp, company: Company) -> str:
    """The last complete ISO week at `now`, in the company's zone: what a weekly review is about."""
    return week_name(now.tz_convert(company.zone).date() - dt.timedelta(days=7))
