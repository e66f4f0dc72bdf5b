"""The company's dates as a calendar file (RFC 5545): reviews, deadlines, contracts, legal dates.

Any calendar program subscribes to it or opens it. Reviews repeat at their local time, whatever the
clocks do; a date is a whole day; each entry has a name of its own, so that a newer file moves it
instead of doubling it. It names roles, never people, and no attendee.
"""

import datetime as dt
import hashlib
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import pandas as pd
from icalendar import Alarm, Calendar, Event, Timezone, TimezoneDaylight, TimezoneStandard, vRecur

from opsbook import agendas
from opsbook.incidents import headline
from opsbook.laws import CHECK, legal_dates
from opsbook.periods import KINDS, meeting
from opsbook.postmortem import due_at
from opsbook.register import ENDED, Incident
from opsbook.reminders import running
from opsbook.reviews import Review
from opsbook.settings import NTH, WEEKDAYS, Company
from opsbook.signoffs import tasks
from opsbook.steps import post_mortem_due
from opsbook.vendors import contracts

DAY, MINUTE = dt.timedelta(days=1), dt.timedelta(minutes=1)
HOUR = 60 * MINUTE
SHORT = 15 * MINUTE
"""How long a deadline stands in the calendar: it is a moment, and programs hide those."""
NINE_THE_DAY_BEFORE = -15 * HOUR
COUNTED_FROM = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
"""SEQUENCE counts the minutes since: a later file is a later version."""
PRODUCT = "-//Opsbook//calendar//EN"
YEARS = 10
"""Years of clock changes that a zone's rule is read from."""


@dataclass(frozen=True)
class Entry:
    """One entry: what names it, its words, from when to when (whole days: dates, end exclusive).

    `rule` repeats it (an RRULE's parts), `alarm` is when it reminds, from its start.
    """

    id: str
    kind: str
    title: str
    starts: dt.datetime | dt.date
    ends: dt.datetime | dt.date
    says: str = ""
    rule: dict | None = None
    alarm: dt.timedelta = NINE_THE_DAY_BEFORE
    page: str = ""


def calendar(review: Review) -> bytes:
    """The company's calendar as of the review's moment: the same bytes for the same content.

    Clause E1 to E3, F2. Lines end in CRLF and are folded at 75 octets; METHOD:PUBLISH.
    """
    company = review.settings.company
    made = Calendar()
    made.add("prodid", PRODUCT)
    made.add("version", "2.0")
    made.add("calscale", "GREGORIAN")
    made.add("method", "PUBLISH")
    made.add("x-wr-calname", plain(f"Opsbook: {company.name}"))
    made.add("x-wr-timezone", company.zone)
    if company.zone not in AS_UTC:
        made.add_component(zone_part(company.tz, review.now.year))
    for entry in sorted(entries(review), key=lambda e: e.id):
        made.add_component(_event(entry, review))
    return made.to_ical()


AS_UTC = ("UTC", "Etc/UTC", "Etc/GMT", "GMT", "Zulu", "Etc/Zulu", "Etc/UCT", "UCT")
"""Zones whose times are written with a Z and need no rule."""


def entries(review: Review) -> list[Entry]:
    """Everything that stands in the calendar."""
    return [entry for part in PARTS for entry in part(review)]


def _event(entry: Entry, review: Review) -> Event:
    company, now = review.settings.company, review.now.to_pydatetime()
    event = Event()
    event.add("uid", f"{entry.id}@{_namespace(company)}.opsbook")
    event.add("dtstamp", now.replace(microsecond=0, fold=0).astimezone(dt.UTC))
    event.add("sequence", int((now - COUNTED_FROM) / MINUTE))
    event.add("dtstart", _local(entry.starts, company))
    event.add("dtend", _local(entry.ends, company))
    if entry.rule:
        event.add("rrule", vRecur(entry.rule))
    event.add("summary", plain(entry.title))
    if entry.says:
        event.add("description", plain(entry.says))
    event.add("categories", [entry.kind])
    event.add("status", "CONFIRMED")
    event.add("class", "PUBLIC")
    event.add("transp", "OPAQUE" if entry.kind == "review" else "TRANSPARENT")
    if company.site and entry.page:
        event.add("url", f"{company.site.rstrip('/')}/{entry.page}")
    alarm = Alarm()
    alarm.add("action", "DISPLAY")
    alarm.add("description", plain(entry.title))
    alarm.add("trigger", entry.alarm)
    event.add_component(alarm)
    return event


def _namespace(company: Company) -> str:
    """What sets a company's entries apart from another's in one calendar program."""
    return hashlib.sha256(company.name.encode()).hexdigest()[:12]


def _local(at: dt.datetime | dt.date, company: Company) -> dt.datetime | dt.date:
    """A moment on the company's clock, a date as it is."""
    if not isinstance(at, dt.datetime):
        return at
    zone = dt.UTC if company.zone in AS_UTC else company.tz
    return at.astimezone(zone) if at.tzinfo else at.replace(tzinfo=zone)


def plain(words: object) -> str:
    """Words on one line, without control characters: no text can begin a line of its own.

    >>> plain("Pay\\r\\nATTENDEE:mailto:x")
    'Pay ATTENDEE:mailto:x'
    """
    spaced = "".join(" " if unicodedata.category(c) in HIDDEN else c for c in str(words))
    return " ".join(spaced.split())


HIDDEN = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")
"""Kinds of characters that are none to read: controls, marks of direction, halves, line ends."""


# What stands in it


def _reviews(review: Review) -> Iterator[Entry]:
    """The three reviews, each repeating at its local time since the year's begin."""
    company = review.settings.company
    year = review.now.tz_convert(company.zone).year
    for kind in KINDS:
        held = meeting(kind, company)
        number = WEEKDAYS.index(held.weekday)
        code = held.weekday[:2].upper()
        first = dt.date(year, 1, 1) + (number - dt.date(year, 1, 1).weekday()) % 7 * DAY
        day = first if kind == "weekly" else first + 7 * (held.nth - 1) * DAY
        nth = f"{held.nth}{code}"
        rule = {
            "weekly": {"FREQ": "WEEKLY", "BYDAY": code},
            "monthly": {"FREQ": "MONTHLY", "BYDAY": nth},
            "quarterly": {"FREQ": "MONTHLY", "INTERVAL": 3, "BYDAY": nth},
        }[kind]
        starts = dt.datetime.combine(day, held.at)
        last = agendas.minutes(kind)
        when = held.weekday if kind == "weekly" else f"{NTH[held.nth - 1]} {held.weekday}"
        yield Entry(
            id=f"review-{kind}",
            kind="review",
            title=f"AI operations: {kind} review",
            starts=starts,
            ends=starts + last * MINUTE,
            says=f"{last} minutes, {REVIEWED[kind]}; every {when} at {held.at:%H:%M}.",
            rule=rule,
            alarm=-SHORT if kind == "weekly" else -DAY,
            page="index.html",
        )


REVIEWED = {
    "weekly": "the week before, AI Lead",
    "monthly": "the month before, AI Lead and operations",
    "quarterly": "the quarter before, with founder or CTO",
}


def _timers(review: Review) -> Iterator[Entry]:
    """Who must know of an open incident by when, while nobody has said so."""
    known = review.register.incidents
    own = review.timers[review.timers.current & review.timers.met.isna()]
    for timer in own.itertuples():
        incident = known[timer.id]
        if incident.open:
            yield _deadline(
                f"{timer.id}-inform-{_slug(timer.role)}",
                f"{incident.priority} {timer.id}: {timer.role} must know",
                timer.due_at,
                incident,
                review,
            )


def _post_mortems(review: Review) -> Iterator[Entry]:
    """The post-mortems that are owed, dated and not signed."""
    for incident in review.register.incidents.values():
        owed = post_mortem_due(incident, review.settings.limits)
        written = "post_mortem_signed" in incident.post_mortem
        due = due_at(incident, review.settings, review.facts.clock) if owed else None
        if due is not None and not written and incident.state not in ENDED:
            title = f"{incident.id}: post-mortem due"
            yield _deadline(f"{incident.id}-post-mortem", title, due, incident, review)


def _reminders(review: Review) -> Iterator[Entry]:
    """The law's reminder clocks that still run."""
    known = review.register.incidents
    clocks = running(known.values(), review.settings, review.registers)
    for clock in clocks[clocks.due_at > review.now].itertuples():
        says = f"If it is: {clock.what}. {clock.why}. A reminder, not a statement that it is one."
        hours = int((clock.due_at - clock.since) / HOUR)
        yield _deadline(
            f"{clock.incident}-{_slug(clock.law)}-{hours}h",
            f"{clock.incident}: reminder of {clock.law}",
            clock.due_at,
            known[clock.incident],
            review,
            says,
        )


def _deadline(
    name: str,
    title: str,
    due: pd.Timestamp,
    incident: Incident,
    review: Review,
    says: str = "",
) -> Entry:
    at = due.to_pydatetime().replace(microsecond=0)
    return Entry(
        id=name.lower(),
        kind="deadline",
        title=title,
        starts=at,
        ends=at + SHORT,
        says=says or headline(incident, review.settings),
        alarm=-HOUR,
        page=f"reports/incidents/{incident.id}.html",
    )


def _actions(review: Review) -> Iterator[Entry]:
    """The open actions of reviews, post-mortems and register.xlsx."""
    every = tasks(review)
    for task in every[(every.state == "open") & every.due_on.notna()].itertuples():
        what = "" if pd.isna(task.what) else f" {task.what}"
        title = f"Action {task.id} due ({task.owner}):{what}"
        yield _whole_day(f"action-{_slug(task.id)}", "action", title, task.due_on, -DAY)


def _contracts(review: Review) -> Iterator[Entry]:
    """Each contract's end, and the last day to give notice: as the page on vendors has them."""
    day = pd.Timestamp(review.now.tz_convert(review.settings.company.zone).date())
    for row in contracts(review).itertuples():
        named, name = f"{row.vendor}, {row.what}", f"contract-{_slug(row.id)}"
        renews = pd.notna(row.renews_months) and row.renews_months > 0
        if pd.notna(row.until) and row.until >= day:
            title = f"Contract {'renews' if renews else 'ends'}: {named}"
            yield _whole_day(f"{name}-ends", "contract", title, row.until, -14 * DAY)
        if pd.notna(row.notice_by) and row.notice_by >= day:
            title = f"Last day to give notice, else it renews: {named}"
            yield _whole_day(f"{name}-notice", "contract", title, row.notice_by, -14 * DAY)


def _notices(review: Review) -> Iterator[Entry]:
    """What vendors announced, on the day it is in force; models' ends of life among it."""
    today = pd.Timestamp(review.now.tz_convert(review.settings.company.zone).date())
    own = review.registers.notices
    told = own.decision.fillna("open").isin(["reject", "not affected"])
    for row in own[own.effective_on.notna() & (own.effective_on >= today) & ~told].itertuples():
        model = "" if pd.isna(row.model_now) else f" ({row.model_now})"
        title = f"{row.vendor}, {row.kind}{model}: {row.what}"
        name = f"notice-{_slug(row.id)}"
        yield _whole_day(name, "vendor", title, row.effective_on, -14 * DAY)


def _laws(review: Review) -> Iterator[Entry]:
    """The legal dates that are to come."""
    today = review.now.tz_convert(review.settings.company.zone).date()
    for known in legal_dates().values():
        if known.date >= today:
            says = f"{known.source}; looked up {known.checked_on}. {CHECK}"
            entry = _whole_day(
                f"law-{known.id}", "law", known.what, pd.Timestamp(known.date), -14 * DAY
            )
            yield Entry(**vars(entry) | {"says": says, "page": "reports/ai-act.html"})


def _whole_day(name: str, kind: str, title: str, day: pd.Timestamp, alarm: dt.timedelta) -> Entry:
    """A whole day; its end is the next one, as calendars count."""
    on = day.date()
    return Entry(name.lower(), kind, title, on, on + DAY, alarm=alarm + 9 * HOUR)


def _slug(words: object) -> str:
    """A name's letters and digits for an entry's own name, a hash beside what was left out."""
    kept = "".join(c if c.isascii() and c.isalnum() else "-" for c in str(words)).strip("-")
    odd = hashlib.sha256(str(words).encode("utf-8", "replace")).hexdigest()[:6]
    return kept[:40] if kept == str(words) else f"{kept[:40]}-{odd}"


PARTS: tuple[Callable[[Review], Iterator[Entry]], ...] = (
    _reviews, _timers, _post_mortems, _reminders, _actions, _contracts, _notices, _laws,
)  # fmt: skip
"""What stands in the calendar, part by part."""


# The zone


@dataclass(frozen=True)
class Change:
    """A change of the clocks: the local time it came at, and the offsets before and after."""

    at: dt.datetime
    before: dt.timedelta
    after: dt.timedelta
    name: str
    summer: bool


def zone_part(zone: ZoneInfo, year: int) -> Timezone:
    """A zone's VTIMEZONE for entries from a year on: a yearly rule for each change of the clocks.

    Programs that know only one rule for summer and one for winter, as Outlook, read it. Where the
    changes follow no rule (Morocco's Ramadan) every one is listed.
    """
    changes = _changes(zone, year - 1, year + YEARS)
    part = Timezone()
    part.add("tzid", zone.key)
    groups = {key: [c for c in changes if (c.before, c.after) == key]
              for key in {(c.before, c.after): None for c in changes}}  # fmt: skip
    rules = [_rule(group) for group in groups.values()]
    if not changes:
        at = dt.datetime(year - 1, 1, 1, tzinfo=zone)
        offset = at.utcoffset()
        part.add_component(
            _observed(Change(at.replace(tzinfo=None), offset, offset, at.tzname(), False))
        )
    elif len(groups) == len({c.summer for c in changes}) and all(rules):
        for group, rule in zip(groups.values(), rules, strict=True):
            part.add_component(_observed(group[0], rule))
    else:
        for change in changes:
            part.add_component(_observed(change))
    return part


def _observed(change: Change, rule: dict | None = None) -> TimezoneStandard | TimezoneDaylight:
    part = TimezoneDaylight() if change.summer else TimezoneStandard()
    part.add("dtstart", change.at)
    part.add("tzoffsetfrom", change.before)
    part.add("tzoffsetto", change.after)
    part.add("tzname", change.name)
    if rule:
        part.add("rrule", vRecur(rule))
    return part


def _changes(zone: ZoneInfo, first: int, last: int) -> list[Change]:
    """Every change of the clocks between the years' begins, in order."""
    at, end = dt.datetime(first, 1, 1, tzinfo=dt.UTC), dt.datetime(last, 1, 1, tzinfo=dt.UTC)
    found = []
    while at < end:
        if _offset(zone, at) != _offset(zone, at + DAY):
            found.append(_change(zone, at, at + DAY))
        at += DAY
    return found


def _offset(zone: ZoneInfo, at: dt.datetime) -> dt.timedelta:
    return at.astimezone(zone).utcoffset()


def _change(zone: ZoneInfo, low: dt.datetime, high: dt.datetime) -> Change:
    """The change between two moments, found to the minute by halving."""
    while high - low > MINUTE:
        middle = low + (high - low) // MINUTE // 2 * MINUTE
        low, high = (middle, high) if _offset(zone, middle) == _offset(zone, low) else (low, middle)
    before, after = _offset(zone, low), high.astimezone(zone)
    wall = (high + before).replace(tzinfo=None)
    return Change(wall, before, after.utcoffset(), after.tzname(), bool(after.dst()))


def _rule(changes: list[Change]) -> dict | None:
    """The yearly rule that changes follow, like the last Sunday of March; None without one."""
    first, years = changes[0].at, [c.at.year for c in changes]
    alike = {(c.at.month, c.at.weekday(), c.at.time()) for c in changes}
    if len(alike) > 1 or years != list(range(first.year, first.year + YEARS + 1)):
        return None
    code = WEEKDAYS[first.weekday()][:2].upper()
    nth = {(c.at.day - 1) // 7 + 1 for c in changes}
    last = all((c.at + 7 * DAY).month != c.at.month for c in changes)
    if not last and len(nth) > 1:
        return None
    place = -1 if last else nth.pop()
    return {"FREQ": "YEARLY", "BYMONTH": first.month, "BYDAY": f"{place}{code}"}
