"""`make check`: inbox to findings, findings to the register, and whoever must know is told.

What a scheduler starts every hour. Two runs at once, a run that is killed and `make weekly` beside
it are safe: whoever enters an event holds the record's lock, and a message is entered before it is
sent, so that nobody sends it again.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from opsbook import inbox, store
from opsbook.clock import BusinessClock
from opsbook.events import HEAD_SHOWN, Event
from opsbook.incidents import FIRST_RESPONSE, headline, timers
from opsbook.notices import Notice, pending, unsettled
from opsbook.records import Log, Writing
from opsbook.register import Incident, Register, fold
from opsbook.schema import FILES
from opsbook.settings import Settings
from opsbook.workbook import Workbook, moment, open_workbook

if TYPE_CHECKING:
    from opsbook.messages import Message

PAGE = "reports/incidents/{id}.html"


@dataclass(frozen=True)
class Post:
    """What sending takes: the company, its clock, the moment, and where secrets come from."""

    folder: store.Folder
    settings: Settings
    clock: BusinessClock
    now: pd.Timestamp
    environ: Mapping[str, str]


@dataclass(frozen=True)
class Told:
    """What became of one message."""

    incident: str
    channel: str
    roles: tuple[str, ...]
    ok: bool
    problem: str


@dataclass(frozen=True)
class Checked:
    """What a check found, entered and sent."""

    arrived: pd.DataFrame
    entered: list[Event]
    problems: list[str]
    register: Register
    timers: pd.DataFrame
    told: list[Told]
    waiting: list[dict]
    now: pd.Timestamp
    settings: Settings

    @property
    def new(self) -> list[Incident]:
        """Incidents that this check opened, reopened or gave a graver class."""
        kinds = ("incident_opened", "reopened", "priority_changed")
        names = dict.fromkeys(e.incident for e in self.entered if e.type in kinds)
        return [self.register.incidents[n] for n in names if n]

    @property
    def needs_a_person(self) -> bool:
        """Whether somebody has to look: a new P1 or P2, rows set aside, a message that failed."""
        grave = any(i.priority in ("P1", "P2") and not i.late for i in self.new)
        odd = self.arrived.state.isin(["unknown", "unreadable"]) | (self.arrived.quarantined > 0)
        return grave or bool(odd.any()) or bool(self.waiting) or bool(self.problems)

    def lines(self) -> list[str]:
        """What a person is told: nothing when there is nothing new."""
        files = self.arrived.dropna(subset="problem")
        return [
            *(f"{f.file}: {f.problem}" for f in files.itertuples()),
            *self.problems,
            *(f"{i.priority} {i.id} {headline(i, self.settings)}" for i in self.new if not i.late),
            *(
                f"{w['incident']}: message over {w['channel']} is {w['state']}"
                for w in self.waiting
            ),
        ]

    def as_json(self) -> dict:
        """The document of the command's contract."""
        ahead = self.timers[self.timers.current & self.timers.met.isna()]
        return {
            "new": [_row(i, self.settings) for i in self.new],
            "open": [_row(i, self.settings) for i in self.register.incidents.values() if i.open],
            "due": [_due(t, self.now) for t in ahead.itertuples() if _alive(t, self.register)],
            "notified": [vars(t) | {"roles": list(t.roles)} for t in self.told],
            "waiting": self.waiting,
            "problems": self.problems,
            "count": self.register.count,
            "head": self.register.head,
        }


def _alive(timer: object, register: Register) -> bool:
    return register.incidents[timer.id].open


def _row(incident: Incident, settings: Settings) -> dict:
    names = ("id", "priority", "class_reason", "state", "firing", "workflows", "late")
    told = {n: getattr(incident, n) for n in names}
    since = incident.started_at.isoformat()
    return told | {"headline": headline(incident, settings), "since": since}


def _due(timer: object, now: pd.Timestamp) -> dict:
    late = bool(timer.due_at < now)
    return {"id": timer.id, "role": timer.role, "due_at": timer.due_at.isoformat(), "late": late}


def check(
    data: str | Path,
    as_of: str,
    environ: Mapping[str, str],
    say: Callable[[str], None] = lambda _: None,
) -> Checked:
    """Take the inbox in, judge, bring the register up to date and tell whoever must know."""
    folder = store.Folder.at(data)
    settings = store.load_settings(folder)
    now = moment(as_of, settings)
    known = set(store.read_table(folder, FILES).file_id)
    files = inbox.ingest(folder, settings).files
    done = record(folder, now)
    with Log(folder).sending() as mine:
        told = notify(Post(folder, settings, done.book.clock, now, environ), say) if mine else []
    register = fold(Log(folder).events())
    return Checked(
        arrived=files[~files.file_id.isin(known)],
        entered=done.events,
        problems=done.problems,
        register=register,
        timers=timers(register, settings, done.book.clock),
        told=told,
        waiting=[w for w in unsettled(register) if mine or w["state"] == "failed"],
        now=now,
        settings=settings,
    )


@dataclass(frozen=True)
class Recorded:
    """What a run added to the record, what a person has to put right, and the workbook."""

    events: list[Event]
    problems: list[str]
    book: Workbook


def record(folder: store.Folder, now: pd.Timestamp) -> Recorded:
    """What people reported in register.xlsx and what the rules find at `now`, entered.

    Holds the record while it judges, so that nobody enters anything in between.
    """
    with Log(folder).writing(now) as writing:
        before = len(writing.events)
        problems = reported(writing, folder)
        book = open_workbook(folder.path, now.isoformat(), literally=False)
        if book.news:
            writing.append(*book.news)
        return Recorded(writing.events[before:], problems, book)


def reported(writing: Writing, folder: store.Folder) -> list[str]:
    """Enter the new rows of register.xlsx; what is wrong with the others, by cell."""
    if not (folder.path / "register.xlsx").exists():
        return []
    from opsbook import spreadsheets  # reading workbooks takes a while to import

    return spreadsheets.enter(writing, store.load_settings(folder)).problems


def bring_up(folder: store.Folder, now: pd.Timestamp) -> list[Event]:
    """What the rules find, entered without telling anybody; nothing on a look back in time.

    A review shows what is on record: a company that runs no hourly check has a register too.
    """
    events = Log(folder).events()
    return [] if events and now < events[-1].at else record(folder, now).events


def notify(post: Post, say: Callable[[str], None]) -> list[Told]:
    """Every message that is due, sent once; what became of each."""
    told = []
    for notice in pending(fold(Log(post.folder).events()), post.settings, post.now):
        done = _send(notice, post)
        if done:
            told.append(done)
            say(_said(done))
    return told


def _said(told: Told) -> str:
    outcome = "told" if told.ok else f"not told, {told.problem}; tried again at the next check"
    return f"{told.incident}: {', '.join(told.roles)} over {told.channel}: {outcome}"


def _send(notice: Notice, post: Post) -> Told | None:
    """One message: entered as started, sent, and entered again; None when another run has it."""
    from opsbook.notify import deliver

    log = Log(post.folder)
    with log.writing(post.now) as writing:
        register = fold(writing.events)
        if notice not in pending(register, post.settings, post.now):
            return None
        started = writing.append(notice.draft("started"))[-1]
    channel = next(c for c in post.settings.channels if c.id == notice.channel)
    said = _message(register.incident(notice.incident), started, post)
    delivered = deliver(channel, said.title, said.body, post.environ)
    with log.writing(post.now) as writing:
        outcome = "sent" if delivered.ok else "failed"
        writing.append(notice.draft(outcome, delivered.problem))
    return Told(notice.incident, notice.channel, notice.roles, delivered.ok, delivered.problem)


def _message(incident: Incident, started: Event, post: Post) -> "Message":
    """What a message says; the record's count and head are those it leaves with."""
    from opsbook.messages import message  # with the pages' words come the charts: 0.5 s

    ahead = timers(Register({incident.id: incident}), post.settings, post.clock)
    base = post.settings.company.site.rstrip("/") or "_site"
    return message(
        headline=f"{incident.priority} {incident.id} {headline(incident, post.settings)}",
        since=incident.started_at,
        due=[(t.role, t.due_at) for t in ahead[ahead.current].itertuples()],
        first_response=FIRST_RESPONSE[incident.priority],
        link=f"{base}/{PAGE.format(id=incident.id)}",
        count=started.seq,
        head=started.hash[:HEAD_SHOWN],
        company=post.settings.company,
    )
