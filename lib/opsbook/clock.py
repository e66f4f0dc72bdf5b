"""Business hours, days and weeks of one company, as arithmetic on arrays of UTC times.

A business clock is a rising staircase: it stands at night, at weekends, on holidays and closures,
and runs while the company is open. Measuring is a look-up on it, adding time its inverse, so a
year of hours for fifty workflows costs as much as one.
"""

import datetime as dt
from dataclasses import dataclass
from functools import cache
from typing import get_args

import holidays
import numpy as np
import pandas as pd

from opsbook.errors import SettingsError
from opsbook.settings import WEEKDAYS, Company, HolidayKind, Span

HOUR = pd.Timedelta(hours=1)


def local_days(company: Company, first: dt.date, last: dt.date) -> pd.DataFrame:
    """The company's calendar: one row per local day, first to last.

    Columns day (local midnight, naive), started_at and ended_at (UTC), hours (23 to 25 on days the
    clocks change), day_type (workday or restday), off (the name of the holiday or closure, else
    <NA>).
    """
    days = pd.date_range(first, last, freq="D")
    edges = days.append(pd.DatetimeIndex([days[-1] + pd.Timedelta(days=1)]))
    at = _utc(edges, company)
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


def public_holidays(company: Company, year: int) -> dict[dt.date, str]:
    """The days off of one year in the company's country and subdivision, by date, in English.

    Public holidays with their substitute days, and the kinds that `holidays_also` names; half days
    are none. SettingsError for a country, subdivision or kind that is not known.
    """
    kinds = ("public", *company.holidays_also)
    return _holidays(company.country, company.subdivision, kinds, year)


@cache
def _holidays(
    country: str, subdivision: str | None, kinds: tuple[str, ...], year: int
) -> dict[dt.date, str]:
    known = getattr(holidays, country, None)
    problem = _unknown(country, subdivision, kinds, known)
    if problem:
        raise SettingsError(f"settings/company.toml: {problem}")
    return dict(known(subdiv=subdivision, years=year, language="en_US", categories=kinds))


def unknown_place(country: str, subdivision: str | None) -> str | None:
    """What is wrong with a country or its subdivision, with all that are known; None when right."""
    return _unknown(country, subdivision, (), getattr(holidays, country, None))


def subdivisions(country: str) -> dict[str, str]:
    """A known country's subdivisions with holidays of their own: each code with its name.

    >>> subdivisions("AT")["6"], subdivisions("LU")
    ('Steiermark', {})
    """
    known = getattr(holidays, country)
    names = {code: name for name, code in reversed(known.subdivisions_aliases.items())}
    return {code: names.get(code, code) for code in known.subdivisions}


def _unknown(
    country: str, subdivision: str | None, kinds: tuple[str, ...], known: type | None
) -> str | None:
    """What is wrong with a place or its kinds of holidays; None when all is known."""
    if known is None:
        return f'country {country!r} is not known; expected two letters like "AT", "CH" or "GB"'
    if subdivision not in (None, *known.subdivisions, *known.subdivisions_aliases):
        return _unknown_subdivision(country, subdivision)
    strange = next((k for k in kinds if k not in known.supported_categories), None)
    has = ", ".join(k for k in get_args(HolidayKind) if k in known.supported_categories)
    return strange and f"holidays_also: {country} has no {strange!r} days, only: {has or 'none'}"


def _unknown_subdivision(country: str, subdivision: str) -> str:
    """What is said of a subdivision that a country does not have: all that it has."""
    valid = ", ".join(
        f'"{code}"' + (f" ({name})" if name != code else "")
        for code, name in subdivisions(country).items()
    )
    expected = f"expected one of {valid}" if valid else "leave it out: the whole country is alike"
    return f"subdivision {subdivision!r} is not known in {country}; {expected}"


def _off(company: Company, day: dt.date) -> str | None:
    closed = next((c.reason for c in company.closures if c.first <= day <= c.last), None)
    free = public_holidays(company, day.year).get(day)
    return closed or (free if day not in company.open_on else None)


def business_day(company: Company) -> pd.Timedelta:
    """How long a usual business day is: the median of the weekdays on which the company opens."""
    day = pd.Timestamp(0)
    open_for = [
        sum((_closes(day, s) - pd.Timestamp.combine(day, s.opens) for s in spans), pd.Timedelta(0))
        for spans in company.hours.values()
        if spans
    ]
    return pd.Series(open_for).median()


@dataclass(frozen=True)
class BusinessClock:
    """Open stretches in UTC, in order, and the business time that had passed before each (ns)."""

    opens: np.ndarray
    closes: np.ndarray
    before: np.ndarray

    def reading(self, at: pd.DatetimeIndex) -> np.ndarray:
        """Business time passed at each moment, in ns since the clock's first day."""
        t = _ns(at)
        i = np.maximum(np.searchsorted(self.opens, t, side="right") - 1, 0)
        return self.before[i] + np.clip(t - self.opens[i], 0, self.closes[i] - self.opens[i])

    def elapsed(self, start: pd.DatetimeIndex, end: pd.DatetimeIndex) -> pd.TimedeltaIndex:
        """Business time between two moments, element by element; NaT where one is missing."""
        passed = pd.to_timedelta(self.reading(end) - self.reading(start), unit="ns")
        return passed.where(start.notna() & end.notna())

    def add(self, start: pd.Timestamp, time: pd.Timedelta) -> pd.Timestamp:
        """The first moment at which `time` of business has passed since `start`.

        A start outside business hours counts from the next opening. ValueError when the clock ends
        before.
        """
        target = self.reading(pd.DatetimeIndex([start]))[0] + time.as_unit("ns").value
        i = max(int(np.searchsorted(self.before, target, side="left")) - 1, 0)
        at = pd.Timestamp(int(self.opens[i] + target - self.before[i]), unit="ns", tz="UTC")
        if at.value > self.closes[-1]:
            raise ValueError(f"the clock ends before {time} of business after {start}")
        return max(at, start.tz_convert("UTC"))


def business_clock(company: Company, first: dt.date, last: dt.date) -> BusinessClock:
    """The company's clock over the local days first to last.

    Times that the change of clocks skips move to the next that exists; doubled ones are the first.
    """
    days = local_days(company, first, last)
    spans = [
        (pd.Timestamp.combine(day, s.opens), _closes(day, s))
        for day in days.day[days.day_type == "workday"]
        for s in sorted(company.hours[WEEKDAYS[day.weekday()]], key=lambda s: s.opens)
    ]
    spans = [(days.day[0], days.day[0]), *spans]  # a stretch of no time, so that there is one
    opens, closes = (_ns(_utc(pd.DatetimeIndex([s[i] for s in spans]), company)) for i in (0, 1))
    before = np.cumsum(closes - opens) - (closes - opens)
    return BusinessClock(opens, closes, before)


def _closes(day: pd.Timestamp, span: Span) -> pd.Timestamp:
    over = pd.Timedelta(days=1) if span.closes == dt.time.min else pd.Timedelta(0)
    return pd.Timestamp.combine(day, span.closes) + over


def _utc(local: pd.DatetimeIndex, company: Company) -> pd.DatetimeIndex:
    """Local times in UTC: the next that exists, and the first of two."""
    first = np.ones(len(local), bool)
    return local.tz_localize(company.zone, ambiguous=first, nonexistent="shift_forward").tz_convert(
        "UTC"
    )


def _ns(at: pd.DatetimeIndex) -> np.ndarray:
    return at.as_unit("ns").asi8
