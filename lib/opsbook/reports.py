"""What a person reports: a few questions, the class they lead to, and the incident they open.

Rules R1 and R2 have no signal in the data: harm is known because somebody says so. Suspicion is
enough, so what nobody knows counts as harm until somebody does. The chain holds the answers; the
person's own words lie beside it.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches

import pandas as pd

from opsbook.errors import UsageError
from opsbook.events import Draft, stamp
from opsbook.incidents import next_id
from opsbook.register import ANSWERS, ENDED, Incident, Register
from opsbook.schema import PRIORITIES
from opsbook.settings import Company, Settings
from opsbook.steps import impact_set, reclassified

QUESTIONS = {
    "seen_by_customer": "Did a customer, or anyone outside, see it?",
    "personal_data_to_wrong_person": "Did personal data reach the wrong person?",
    "false_information": "Was it false about safety or law?",
    "acted_on": "Did anyone act on it, with consequences, before it was noticed?",
    "degraded": "Does it go on: worse answers, none at all, or far higher cost?",
}
"""What is asked, in this order; every answer is yes, no or unknown."""
TREE = (
    ("leaked", "P1", "harm_external", "personal data {} the wrong person"),
    ("misled", "P1", "harm_external", "false information on safety or law {} a customer"),
    ("acted", "P1", "harm_internal", "a wrong output {} acted on before anyone noticed"),
    ("degraded", "P2", "human", "the output {} degraded, missing or far dearer, and goes on"),
)
"""What decides, gravest first: the first that is not a no gives class, class reason and why."""
VERBS = {
    "leaked": ("reached", "may have reached"),
    "misled": ("reached", "may have reached"),
    "acted": ("was", "may have been"),
    "degraded": ("is", "may be"),
}
NOTICED_WITHIN = pd.Timedelta(days=183)
BEGAN_WITHIN = pd.Timedelta(days=3660)
"""What is older is a slip of the year: in January one writes the last one."""
RULE = {"harm_external": "R1", "harm_internal": "R2"}
MONTH_FIRST = "en_US"
TIME = re.compile(
    r"(?:(\d{4})-(\d\d?)-(\d\d?)|(\d\d?)([./-])(\d\d?)\5(\d{4}))"
    r"(?:T|,? +)(\d\d?:\d\d(?::\d\d(?:\.\d+)?)?) ?(Z|[+-]\d\d:?\d\d)?",
    re.IGNORECASE,
)
"""A time as people write it: ISO 8601, or a date with its year last; always with a time of day."""


@dataclass(frozen=True)
class Report:
    """What one person noticed; times with a zone, `workflow` an id, `began_at` if it is known.

    `priority` is what the reporter calls it; empty leaves that to the answers. An answer left empty
    is unknown, unless the reporter named a class: then nobody asked.
    """

    what: str
    noticed_at: pd.Timestamp
    workflow: str
    seen_by_customer: str = ""
    personal_data_to_wrong_person: str = ""
    false_information: str = ""
    acted_on: str = ""
    degraded: str = ""
    done: str = ""
    priority: str = ""
    began_at: pd.Timestamp | None = None


def proposed(report: Report) -> tuple[str, str, str]:
    """The class that the answers lead to, its class reason, and why, in words of ours.

    Clauses B1, B4 and B8, rules R1 and R2. The reporter may call it graver than the answers do;
    a lighter class holds only against questions left empty. UsageError for an answer or a class
    that is none.
    """
    priority, reason, why = _by_answers(_answers(report, "no" if report.priority else "unknown"))
    called = report.priority.strip().upper()
    if called not in (*PRIORITIES, ""):
        raise UsageError(f"the class is {report.priority!r}; expected P1, P2, P3, or nothing")
    if called and (called < priority or (reason == "human" and called == priority)):
        return called, "human", f"whoever noticed it calls it a {called}"
    return priority, reason, why


def _answers(report: Report, empty: str) -> dict[str, str]:
    """What the answers say, each yes, no or unknown; UsageError for another answer."""
    told = {q: getattr(report, q).strip().lower() or empty for q in QUESTIONS}
    wrong = next((q for q, answer in told.items() if answer not in ANSWERS), None)
    if wrong:
        raise UsageError(f"{wrong} is {getattr(report, wrong)!r}; expected yes, no or unknown")
    return {
        "seen": told["seen_by_customer"],
        "leaked": told["personal_data_to_wrong_person"],
        "misled": _both(told["false_information"], told["seen_by_customer"]),
        "acted": told["acted_on"],
        "degraded": told["degraded"],
    }


def _both(one: str, other: str) -> str:
    """Whether both hold, as far as it is known."""
    return next((a for a in ("no", "unknown") if a in (one, other)), "yes")


def _by_answers(told: Mapping[str, str]) -> tuple[str, str, str]:
    for name, priority, reason, words in TREE:
        if told[name] != "no":
            return priority, reason, words.format(VERBS[name][told[name] == "unknown"])
    return "P3", "human", "a single output, not delivered outside or without harm"


def impact(report: Report) -> dict[str, str]:
    """What the answers say of its reach: external, harm, personal_data; each yes, no or unknown.

    Personal data in wrong hands is about somebody who may stand outside, even if no customer saw
    it: its impact is never surely internal, so the founder's timer runs (clause B2).
    """
    told = _answers(report, "unknown")
    harm = [told[name] for name in ("leaked", "misled", "acted")]
    worst = next(a for a in ("yes", "unknown", "no") if a in harm)
    inside = told["seen"] == "no" and told["leaked"] != "no"
    external = "unknown" if inside else told["seen"]
    return {"external": external, "harm": worst, "personal_data": told["leaked"]}


def opening(
    report: Report,
    register: Register,
    settings: Settings,
    now: pd.Timestamp,
    text_ref: str,
    source_ref: str = "",
) -> Draft:
    """The incident that a report opens; its timers run from when it was noticed.

    `text_ref` names the person's words, kept beside the chain; `source_ref` the row they came from,
    which is entered once. UsageError as of `checked`, for a row that has been entered, and for a
    time so long ago that its year must be a slip.
    """
    report = checked(report, settings, now)
    began_at = report.began_at if report.began_at is not None else report.noticed_at
    _refuse_slip_of_year(report, began_at, now)
    if source_ref and source_ref in register.reports:
        raise UsageError(f"{source_ref} has been entered already")
    priority, reason, why = proposed(report)
    told = {
        "workflows": [report.workflow],
        "category": settings.workflow(report.workflow).category,
        "family": "harm" if reason in RULE else "reported",
        "provider": None,
        "priority": priority,
        "class_reason": reason,
        "started_at": stamp(began_at),
        "detected_at": stamp(report.noticed_at),
        "reason": f"reported: {why}",
        "impact": impact(report),
        "text": text_ref,
    }
    told |= {"rule": RULE[reason]} if reason in RULE else {}
    told |= {"report": source_ref} if source_ref else {}
    return Draft("incident_opened", next_id(register, settings, now), told, "Reporter")


def _refuse_slip_of_year(report: Report, began_at: pd.Timestamp, now: pd.Timestamp) -> None:
    if now - report.noticed_at > NOTICED_WITHIN or now - began_at > BEGAN_WITHIN:
        raise UsageError(f"{began_at.isoformat()[:10]} is too long ago; correct the year")


def checked(report: Report, settings: Settings, now: pd.Timestamp) -> Report:
    """The report as it is entered, its workflow by id; UsageError for what cannot be.

    That is: nothing said, no workflow of the company, a time without a zone or still to come, an
    answer or a class that is none.
    """
    if not report.what.strip():
        raise UsageError("nothing is said about what happened; one sentence is enough")
    times = [t for t in (report.began_at, report.noticed_at) if t is not None]
    if any(t.tzinfo is None for t in times):
        raise UsageError("a time has no zone; expected like 2026-11-23T09:30+01:00")
    if report.noticed_at > now:
        raise UsageError(f"it was noticed at {_shown(report.noticed_at, settings)}, still to come")
    if times != sorted(times):
        raise UsageError("it began after it was noticed; correct one of the two times")
    proposed(report)
    told = {q: getattr(report, q).strip().lower() for q in QUESTIONS}
    told |= {"priority": report.priority.strip().upper()}
    return replace(report, workflow=workflow_id(report.workflow, settings), **told)


def workflow_id(name: str, settings: Settings) -> str:
    """The id of the workflow that a person means, by id or name; UsageError with the nearest."""
    names = {w.id.lower(): w.id for w in settings.workflows}
    names = {" ".join(w.name.lower().split()): w.id for w in settings.workflows} | names
    asked = " ".join(name.lower().split())
    if asked in names:
        return names[asked]
    near = get_close_matches(asked, names, 1)
    hint = f"did you mean {names[near[0]]}?" if near else "expected one of:"
    known = "" if near else " " + ", ".join(w.id for w in settings.workflows)
    raise UsageError(f"{name[:40]!r} is no workflow; {hint}{known}")


def noticed(text: str, company: Company) -> pd.Timestamp:
    """A moment as a person writes it, UTC; without a zone it is the company's local time.

    2026-11-23 09:30, 23.11.2026 9:30 and 2026-11-23T09:30+01:00 are read; 11/12/2026 is day first,
    except for a company in the USA. UsageError without a time of day, and for a local time that the
    change of clocks skips or doubles.

    >>> hours = {"monday": ["09:00-17:00"]}
    >>> here = Company(name="Example", zone="Europe/Berlin", country="DE", hours=hours)
    >>> noticed("23.11.2026 9:30", here)
    Timestamp('2026-11-23 08:30:00+0000', tz='UTC')
    """
    found = TIME.fullmatch(text.strip())
    if not found:
        raise UsageError(f"{text[:40]!r} is not a time with its date; {EXAMPLE}")
    year, month, day, first, _, second, last, clock, zone = found.groups()
    if year is None:
        turned = company.locale == MONTH_FIRST
        year, month, day = last, *((first, second) if turned else (second, first))
    try:
        at = pd.Timestamp(f"{year}-{month:0>2}-{day:0>2}T{clock:0>5}{(zone or '').upper()}")
    except ValueError as problem:
        raise UsageError(f"{text!r} is not a time that exists; {EXAMPLE}") from problem
    return in_zone(at, company)


EXAMPLE = "expected like 2026-11-23 09:30"


def in_zone(at: pd.Timestamp, company: Company) -> pd.Timestamp:
    """A moment in UTC, local without a zone; UsageError for a local time that is none or two."""
    if at.tzinfo is not None:
        return at.tz_convert("UTC")
    try:
        return at.tz_localize(company.zone).tz_convert("UTC")
    except ValueError as problem:
        raise UsageError(
            f"{at:%Y-%m-%d %H:%M} is skipped or doubled in {company.zone}, where the clocks change "
            f"then; give its zone, like {at:%Y-%m-%dT%H:%M}+01:00"
        ) from problem


def words(report: Report, settings: Settings) -> str:
    """The report as it is kept beside the chain: the person's words, and every answer.

    The same report gives the same text, by which a row of a spreadsheet is known again.
    """
    told = [
        report.what.strip(),
        *([f"Done so far: {report.done.strip()}"] if report.done.strip() else []),
        f"Noticed {_shown(report.noticed_at, settings)}, {report.workflow}.",
        *([f"Began {_shown(report.began_at, settings)}."] if report.began_at is not None else []),
        *(
            f"{q.replace('_', ' ').capitalize()}: {told}."
            for q in QUESTIONS
            if (told := getattr(report, q))
        ),
        *([f"Called a {report.priority}."] if report.priority else []),
    ]
    return "\n".join(told)


def _shown(at: pd.Timestamp, settings: Settings) -> str:
    return f"{at.tz_convert(settings.company.zone):%Y-%m-%d %H:%M} ({settings.company.zone})"


# Rows of a spreadsheet, which people go on editing


@dataclass(frozen=True)
class Known:
    """A row that is on record: its incident, and what it said when it was last entered.

    `text` is what it said in words, None once that was erased; `priority` what its answers led to.
    """

    incident: str
    noticed_at: pd.Timestamp
    workflow: str
    priority: str
    ended: bool
    text: str | None


def known_rows(register: Register, text: Callable[[str], str | None]) -> list[Known]:
    """Rows on record, oldest incident first; `text` reads what is kept beside the chain."""
    return [
        Known(
            incident=incident.id,
            noticed_at=pd.Timestamp(told.get("noticed_at") or told["detected_at"]),
            workflow=told.get("workflow") or told["workflows"][0],
            priority=told["priority"],
            ended=incident.state in ENDED,
            text=text(told["text"]),
        )
        for incident in register.incidents.values()
        for told in [e.payload for e in incident.timeline if "report" in e.payload][-1:]
    ]


def unentered(
    rows: Sequence[Report], known: Sequence[Known], settings: Settings
) -> list[tuple[int, Known | None]]:
    """Which rows are new, and which are edited ones of an incident: position and what was known.

    A row that says what one on record says is that one, wherever it stands now; where the text was
    erased, time and workflow tell. Of the others, one that kept its time and workflow, or all but
    one of the two, is an edit, if no row says any more what was on record.
    """
    waiting, gone = _unmatched(rows, known, settings)
    found: list[tuple[int, Known | None]] = []
    for place in waiting:
        before = next((k for k in gone if _edited(rows[place], k, settings)), None)
        if before:
            gone.remove(before)
        found.append((place, before))
    return found


def _unmatched(
    rows: Sequence[Report], known: Sequence[Known], settings: Settings
) -> tuple[list[int], list[Known]]:
    """Rows that nothing on record says, and what is on record that no row says."""
    said: dict[object, list[Known]] = {}
    for one in known:
        said.setdefault(one.text or (one.noticed_at, one.workflow), []).append(one)
    waiting = []
    for place, row in enumerate(rows):
        keys = (words(row, settings), (row.noticed_at, row.workflow))
        same = next((said[key] for key in keys if said.get(key)), None)
        if same:
            same.pop(0)
        else:
            waiting.append(place)
    return waiting, [one for left in said.values() for one in left]


def _edited(row: Report, known: Known, settings: Settings) -> bool:
    """Whether a row is what became of one on record; another time of an ended one is new."""
    if row.noticed_at == known.noticed_at and row.workflow == known.workflow:
        return True
    if known.ended or (row.noticed_at != known.noticed_at and row.workflow != known.workflow):
        return False
    moved = replace(row, noticed_at=known.noticed_at, workflow=known.workflow)
    return words(moved, settings) == known.text


def edits(
    report: Report, known: Known, incident: Incident, text_ref: str, source_ref: str
) -> list[Draft]:
    """What an edited row adds to its incident: a note, more harm, and a class if it grew graver.

    It never lowers a class, nor takes back what was said of the impact: that is for people.
    """
    priority, reason, why = proposed(report)
    told = {
        "text": text_ref,
        "report": source_ref,
        "noticed_at": stamp(report.noticed_at),
        "workflow": report.workflow,
        "priority": priority,
    }
    drafts = [Draft("noted", incident.id, told, "Reporter")]
    if incident.state in ENDED:
        return drafts
    worse = {k: v for k, v in impact(report).items() if v == "yes" != incident.impact.get(k)}
    if worse:
        drafts.append(impact_set(incident, "Reporter", **worse))
    if priority < min(known.priority, incident.priority):
        raised = reclassified(incident, "Reporter", priority, "", reason)
        drafts.append(replace(raised, payload=raised.payload | {"reason": f"reported: {why}"}))
    return drafts
