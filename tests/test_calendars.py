"""The calendar, read back by other programs' readers: times, zones, whole days, hostile words."""

import datetime as dt
import io
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import icalendar
import pandas as pd
import pytest
import vobject
from dateutil import rrule
from dateutil.tz import tzical

from opsbook import calendars
from opsbook.clock import business_clock
from opsbook.events import Draft
from opsbook.incidents import timers
from opsbook.periods import around, planned_at
from opsbook.register import Register, fold_draft
from opsbook.registers import SHEETS, Registers
from opsbook.settings import Settings

NOW = pd.Timestamp("2026-11-23T08:00+01:00").tz_convert("UTC")
HOSTILE = "Pay\r\nATTENDEE:mailto:x@example.org\nBEGIN:VEVENT; a, b \\n \u2028\x00 é€😀" + "ä" * 60
ZONES = (
    "Europe/Vienna", "America/New_York", "Australia/Lord_Howe", "Europe/Dublin", "Asia/Kolkata",
    "Africa/Casablanca", "America/Santiago", "UTC",
)  # fmt: skip


def rows_of(sheet: str, *rows: dict) -> pd.DataFrame:
    empty = SHEETS[sheet].empty()
    days = [n for n, f in SHEETS[sheet].fields.items() if f.kind == "day"]
    frame = pd.DataFrame(rows).reindex(columns=empty.columns)
    frame[days] = frame[days].apply(pd.to_datetime)
    return frame.astype(empty.dtypes.to_dict())


def settings(**company) -> Settings:
    told = {
        "name": "Example", "zone": "Europe/Berlin", "country": "DE", "subdivision": "BY",
        "hours": {d: ["09:00-17:00"] for d in ("monday", "tuesday", "thursday", "friday")},
    }  # fmt: skip
    flow = {
        "id": "chat",
        "name": "Chat",
        "category": "customer",
        "owner": "Head",
        "matches": ["x:y"],
    }
    return Settings(company=told | company, workflows=[flow])


def review(*drafts: Draft, now: pd.Timestamp = NOW, registers=None, **company):
    own, register = settings(**company), Register()
    clock = business_clock(own.company, dt.date(2026, 9, 1), dt.date(2027, 2, 1))
    for draft in drafts:
        fold_draft(register, draft, NOW - pd.Timedelta(hours=1))
    return SimpleNamespace(
        now=now,
        settings=own,
        register=register,
        registers=registers or Registers(),
        timers=timers(register, own, clock),
        facts=SimpleNamespace(clock=clock),
        texts={},
        kind="weekly",
        name="2026-W47",
    )


def read(made: bytes) -> dict[str, icalendar.Event]:
    """The entries by the part of their name before the @."""
    parsed = icalendar.Calendar.from_ical(made)
    return {str(e["uid"]).partition("@")[0]: e for e in parsed.walk("VEVENT")}


def unfolded(made: bytes) -> list[str]:
    return made.decode().replace("\r\n ", "").split("\r\n")


OPENED = Draft(
    "incident_opened",
    "INC-2026-0001",
    {"workflows": ["chat"], "family": "harm", "priority": "P1", "class_reason": "human",
     "started_at": "2026-11-23T05:00:00.000Z", "reason": "an answer named another customer"},
)  # fmt: skip
FULL = Registers(
    actions=rows_of(
        "actions",
        {"id": "T-1", "what": HOSTILE, "owner": "Head", "due_on": "2026-12-01"},
        {"id": "T-2", "what": "x", "owner": "Head", "due_on": "2026-12-01", "state": "done"},
    ),
    contracts=rows_of(
        "contracts",
        {"id": "C-1", "vendor": HOSTILE, "what": "Models", "owner": "Head",
         "ends_on": "2026-12-31", "notice_months": 1, "renews_months": 12},
    ),
    notices=rows_of(
        "notices",
        {"id": "N-1", "vendor": "V", "kind": "end of life", "what": HOSTILE, "model_now": "m-1",
         "effective_on": "2027-01-31"},
        {"id": "N-2", "vendor": "V", "kind": "price", "what": "x", "effective_on": "2027-01-31",
         "decision": "not affected"},
    ),
)  # fmt: skip


# What the file is


@pytest.fixture(scope="module")
def full() -> bytes:
    return calendars.calendar(review(OPENED, registers=FULL))


def test_lines_end_in_crlf_and_none_is_longer_than_75_octets(full):
    assert full.count(b"\n") == full.count(b"\r\n") == full.count(b"\r")
    assert max(len(line) for line in full.split(b"\r\n")) <= 75


def test_it_is_published_under_the_companys_name_and_invites_nobody(full):
    lines = unfolded(full)
    assert "METHOD:PUBLISH" in lines
    assert "X-WR-CALNAME:Opsbook: Example" in lines
    assert not [x for x in lines if x.startswith(("ATTENDEE", "ORGANIZER", "URL"))]
    assert lines.count("BEGIN:VEVENT") == len(read(full))


@pytest.mark.parametrize("name", ["action-t-1", "notice-n-1", "contract-c-1-notice"])
def test_hostile_words_are_words_in_every_reader(full, name):
    seen = calendars.plain(HOSTILE)
    assert seen in str(read(full)[name]["summary"])
    others = {str(e.uid.value).partition("@")[0]: e for e in
              vobject.readOne(full.decode()).vevent_list}  # fmt: skip
    assert seen in others[name].summary.value


def test_the_same_moment_makes_the_same_bytes_and_a_later_one_the_same_names(full):
    assert calendars.calendar(review(OPENED, registers=FULL)) == full
    later = calendars.calendar(review(OPENED, registers=FULL, now=NOW + pd.Timedelta(minutes=5)))
    assert set(read(later)) == set(read(full))
    assert all(read(later)[n]["sequence"] > e["sequence"] for n, e in read(full).items())
    assert all(e["dtstamp"].dt == NOW.to_pydatetime() for e in read(full).values())


def test_another_company_has_other_names_for_the_same_entries(full):
    other = calendars.calendar(review(OPENED, registers=FULL, name="Other"))
    mine, theirs = ({str(e["uid"]) for e in read(c).values()} for c in (full, other))
    assert not mine & theirs


# Reviews


def occurrences(event: icalendar.Event, until: dt.datetime, zone: dt.tzinfo) -> list[pd.Timestamp]:
    """When an entry repeats, by dateutil: its rule on the wall clock, the zone's offset after."""
    start = event["dtstart"].dt.replace(tzinfo=None)
    rule = rrule.rrulestr(event["rrule"].to_ical().decode(), dtstart=start)
    return [pd.Timestamp(at.replace(tzinfo=zone)).tz_convert("UTC") for at in rule.between(
        dt.datetime(2026, 1, 1), until)]  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "held"),
    [
        ("weekly", "monday 09:30"),
        ("weekly", "sunday 22:00"),
        ("monthly", "first tuesday 10:00"),
        ("monthly", "fourth friday 14:00"),
        ("quarterly", "second tuesday 10:00"),
        ("quarterly", "first thursday 08:00"),
    ],
)
def test_a_review_repeats_when_the_settings_say_it_is_due(kind, held):
    own = review(**{f"{kind}_review": held})
    made = calendars.calendar(own)
    event = read(made)[f"review-{kind}"]
    apple = ZoneInfo(str(event["dtstart"].params["TZID"]))  # knows the zone by its name
    outlook = tzical(io.StringIO(made.decode())).get(str(event["dtstart"].params["TZID"]))
    until = dt.datetime(2028, 1, 1)
    shown = occurrences(event, until, apple)
    assert shown == occurrences(event, until, outlook)
    reviewed = around(kind, dt.date(2026, 2, 15))
    due = []
    while (at := planned_at(reviewed, own.settings.company)) < shown[-1]:
        due.append(at)
        reviewed = reviewed.previous(-1)
    assert len(due) > 5
    assert set(due) <= set(shown)
    assert len([s for s in shown if due[0] <= s <= due[-1]]) == len(due)


def test_a_review_keeps_its_local_time_when_the_clocks_change(full):
    vevent = next(e for e in vobject.readOne(full.decode()).vevent_list
                  if e.uid.value.startswith("review-weekly"))  # fmt: skip
    zone = vevent.dtstart.value.tzinfo
    first, last = (dt.datetime(2026, 10, day, tzinfo=zone) for day in (18, 27))
    shown = vevent.getrruleset().between(first, last)
    assert [(a.day, a.hour, a.minute) for a in shown] == [(19, 9, 30), (26, 9, 30)]
    assert [a.utcoffset() for a in shown] == [dt.timedelta(hours=2), dt.timedelta(hours=1)]


@pytest.mark.parametrize("zone", ZONES)
def test_a_zones_own_part_tells_the_offset_of_every_month(zone):
    made = calendars.calendar(review(zone=zone, country="DE"))
    if zone == "UTC":
        assert b"VTIMEZONE" not in made
        assert b"DTSTART:20260105T093000Z" in made
        return
    told, known = tzical(io.StringIO(made.decode())).get(zone), ZoneInfo(zone)
    for year in range(2026, 2031):
        for month in range(1, 13):
            at = dt.datetime(year, month, 15, 12)
            assert told.utcoffset(at) == at.replace(tzinfo=known).utcoffset(), at


# Whole days and deadlines


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("action-t-1", "2026-12-01"),
        ("contract-c-1-ends", "2026-12-31"),
        ("contract-c-1-notice", "2026-11-30"),
        ("notice-n-1", "2027-01-31"),
        ("law-annex-iii", "2027-12-02"),
    ],
)
def test_a_date_is_a_whole_day_that_ends_before_the_next(full, name, first):
    event, day = read(full)[name], dt.date.fromisoformat(first)
    assert type(event["dtstart"].dt) is dt.date
    assert (event["dtstart"].dt, event["dtend"].dt) == (day, day + dt.timedelta(days=1))
    assert event.walk("VALARM")[0]["trigger"].dt < dt.timedelta(0)


def test_what_is_done_or_does_not_matter_stands_not_in_it(full):
    assert not {"action-t-2", "notice-n-2"} & set(read(full))


@pytest.mark.parametrize(
    ("name", "at"),
    [
        ("inc-2026-0001-inform-ai-lead", "08:00"),
        ("inc-2026-0001-inform-founder-or-ceo", "09:00"),
        ("inc-2026-0001-gdpr-art--33", "07:00"),
    ],
)
def test_an_open_deadline_stands_at_its_local_time(full, name, at):
    event = next(e for n, e in read(full).items() if n.startswith(name))
    assert event["dtstart"].dt.strftime("%H:%M") == at
    assert event["dtstart"].params["TZID"] == "Europe/Berlin"


def test_a_deadline_that_is_met_and_a_reminder_that_is_answered_are_gone():
    answers = {"harm": "no", "personal_data": "no"}
    done = review(
        OPENED, Draft("acknowledged", "INC-2026-0001", {}, "AI Lead"),
        Draft("impact_set", "INC-2026-0001", answers),
    )  # fmt: skip
    names = [n for n in read(calendars.calendar(done)) if n.startswith("inc-")]
    assert [n[:29] for n in names] == ["inc-2026-0001-inform-founder-"]


def test_a_post_mortem_stands_in_it_from_the_resolution_until_it_is_signed():
    resolved = (OPENED, Draft("resolved", "INC-2026-0001", {}))
    assert "inc-2026-0001-post-mortem" in read(calendars.calendar(review(*resolved)))
    signed = (*resolved, Draft("post_mortem_signed", "INC-2026-0001", {"actions": []}))
    assert "inc-2026-0001-post-mortem" not in read(calendars.calendar(review(*signed)))


def test_a_new_company_has_its_reviews_and_the_legal_dates():
    names = set(read(calendars.calendar(review())))
    assert {n for n in names if not n.startswith("law-")} == {
        "review-weekly", "review-monthly", "review-quarterly",
    }  # fmt: skip
    assert "law-annex-i" in names


def test_a_page_is_linked_only_where_the_site_is_published():
    made = calendars.calendar(review(OPENED, site="https://intranet.example/ops/"))
    assert "URL:https://intranet.example/ops/reports/ai-act.html" in unfolded(made)


@pytest.mark.parametrize(
    ("ends", "renews", "notice", "shown"),
    [
        ("2026-12-31", None, 1, ["ends 2026-12-31"]),
        ("2026-12-31", 12, 1, ["ends 2026-12-31", "notice 2026-11-30"]),
        ("2026-12-10", 12, 1, ["ends 2026-12-10"]),
        ("2025-11-30", 12, 1, ["ends 2026-11-30"]),
        ("2026-11-22", None, 1, []),
        (None, 12, 1, []),
    ],
)
def test_a_contract_stands_with_its_end_and_the_last_day_to_give_notice(
    ends, renews, notice, shown
):
    row = {"id": "C-9", "vendor": "V", "what": "x", "owner": "Head", "ends_on": ends,
           "renews_months": renews, "notice_months": notice}  # fmt: skip
    own = review(registers=Registers(contracts=rows_of("contracts", row)))
    found = [e for e in calendars.entries(own) if e.kind == "contract"]
    assert [f"{e.id.rpartition('-')[2]} {e.starts}" for e in found] == shown


def test_an_entrys_name_holds_nothing_that_could_break_a_line():
    row = {"id": HOSTILE, "what": "x", "owner": "Head", "due_on": "2026-12-01"}
    own = review(registers=Registers(actions=rows_of("actions", row)))
    names = [e.id for e in calendars.entries(own) if e.kind == "action"]
    assert len(names) == 1
    assert names[0].isascii()
    assert not set(names[0]) & set(" :;,")


@pytest.mark.xdist_group("site")
def test_every_build_puts_it_into_the_site_and_the_status_page_links_it(weekly):
    names = read((weekly.site / "reports/assets/opsbook.ics").read_bytes())
    assert {"review-weekly", "law-annex-iii", "action-t-4"} <= set(names)
    assert 'href="reports/assets/opsbook.ics"' in (weekly.site / "index.html").read_text("utf-8")
