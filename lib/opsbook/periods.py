"""Weeks, months and quarters of a company: their names, their days, and when they are reviewed.

A period is known by its name alone: 2026-W47 is a week, 2026-11 a month, 2026-Q4 a quarter. Its
review is due after its end, on the day and at the time that the company's settings say.
"""

import datetime as dt
import re
from dataclasses import dataclass

import pandas as pd

from opsbook.errors import UsageError
from opsbook.settings import WEEKDAYS, Company, Meeting

KINDS = ("weekly", "monthly", "quarterly")
EXAMPLES = {"weekly": "2026-W47", "monthly": "2026-11", "quarterly": "2026-Q4"}
FORMS = {
    "weekly": re.compile(r"(\d{4})-W(\d{2})"),
    "monthly": re.compile(r"(\d{4})-(\d{2})"),
    "quarterly": re.compile(r"(\d{4})-Q([1-4])"),
}
MONTHS = {"monthly": 1, "quarterly": 3}
DAY = dt.timedelta(days=1)


@dataclass(frozen=True)
class Period:
    """One period: its kind, its name, its first and last local day."""

    kind: str
    name: str
    first: dt.date
    last: dt.date

    def bounds(self, company: Company) -> tuple[pd.Timestamp, pd.Timestamp]:
        """Its start and end (exclusive) in the company's zone, as UTC."""
        return midnight(self.first, company), midnight(self.last + DAY, company)

    def previous(self, count: int = 1) -> "Period":
        """The period of its kind so many before it; below zero: after it."""
        if self.kind == "weekly":
            return around("weekly", self.first - count * 7 * DAY)
        months = self.first.year * 12 + self.first.month - 1 - count * MONTHS[self.kind]
        return around(self.kind, dt.date(months // 12, months % 12 + 1, 1))


def midnight(day: dt.date, company: Company) -> pd.Timestamp:
    """The start of a local day, as UTC; the hour after where the clocks skip midnight."""
    local = pd.Timestamp(day)
    at = local.tz_localize(company.zone, ambiguous=True, nonexistent="shift_forward")
    return at.tz_convert("UTC")


def around(kind: str, day: dt.date) -> Period:
    """The period of a kind that a local day lies in.

    >>> around("weekly", dt.date(2027, 1, 1)).name, around("quarterly", dt.date(2026, 11, 5)).name
    ('2026-W53', '2026-Q4')
    """
    if kind == "weekly":
        year, week, _ = day.isocalendar()
        first = dt.date.fromisocalendar(year, week, 1)
        return Period(kind, f"{year}-W{week:02}", first, first + 6 * DAY)
    months = MONTHS[kind]
    start = (day.month - 1) // months * months
    first = dt.date(day.year, start + 1, 1)
    last = dt.date(day.year + (start + months) // 12, (start + months) % 12 + 1, 1) - DAY
    name = f"{day.year}-Q{start // 3 + 1}" if kind == "quarterly" else f"{first:%Y-%m}"
    return Period(kind, name, first, last)


def period(name: str, kind: str = "") -> Period:
    """The period of a name; UsageError for none, or for one of another kind than is asked for.

    >>> period("2026-Q4").last
    datetime.date(2026, 12, 31)
    """
    told = next(((k, found) for k, form in FORMS.items() if (found := form.fullmatch(name))), None)
    problem = ""
    if told and (not kind or told[0] == kind):
        year, number = int(told[1][1]), int(told[1][2])
        try:
            return around(told[0], _first(told[0], year, number))
        except ValueError as wrong:
            problem = f" ({wrong})"
    what = {"weekly": "ISO week", "monthly": "month", "quarterly": "quarter"}.get(kind, "period")
    example = EXAMPLES.get(kind) or ", ".join(EXAMPLES.values())
    raise UsageError(f"--period {name!r} is no {what}{problem}; expected like {example}")


def _first(kind: str, year: int, number: int) -> dt.date:
    if kind == "weekly":
        return dt.date.fromisocalendar(year, number, 1)
    return dt.date(year, number if kind == "monthly" else number * 3 - 2, 1)


def quarter_of(name: str) -> str:
    """The name of the quarter that the named period ends in; "" for none, which is the last one.

    >>> quarter_of("2026-W47"), quarter_of("2026-09"), quarter_of("")
    ('2026-Q4', '2026-Q3', '')
    """
    return around("quarterly", period(name).last).name if name else ""


def last_complete(kind: str, now: pd.Timestamp, company: Company) -> Period:
    """The last period of a kind that is over at `now`, in the company's zone."""
    return around(kind, now.tz_convert(company.zone).date()).previous()


def meeting(kind: str, company: Company) -> Meeting:
    """When reviews of a kind are held: weekday, time, and which of the month."""
    return getattr(company, f"{kind}_review")


def planned_at(reviewed: Period, company: Company) -> pd.Timestamp:
    """When a period's review is due: the first day after its end that the settings name, as UTC.

    >>> hours = {"monday": ["09:00-17:00"]}
    >>> here = Company(name="Example", zone="Europe/Berlin", country="DE", hours=hours)
    >>> str(planned_at(period("2026-W47"), here))
    '2026-11-23 08:30:00+00:00'
    """
    held = meeting(reviewed.kind, company)
    after = reviewed.last + DAY
    ahead = (WEEKDAYS.index(held.weekday) - after.weekday()) % 7
    day = after + (ahead + 7 * (held.nth - 1)) * DAY
    at = pd.Timestamp(dt.datetime.combine(day, held.at))
    return at.tz_localize(company.zone, ambiguous=True, nonexistent="shift_forward").tz_convert(
        "UTC"
    )
