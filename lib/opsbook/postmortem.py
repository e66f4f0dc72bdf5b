"""The post-mortem: a Markdown file that begins with what the record knows, and that people finish.

What only people can say stands as TO WRITE and must go before it is signed. It names roles, never
people, and repeats none of the free text beside the chain: what is erased there would live on here.
"""

import datetime as dt
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from opsbook import markdown
from opsbook.clock import BusinessClock, business_day
from opsbook.errors import UsageError
from opsbook.events import Draft, Event, stamp
from opsbook.incidents import headline
from opsbook.register import ROLES, Incident
from opsbook.responses import checklist
from opsbook.settings import Company, Settings

TO_WRITE = "TO WRITE:"
"""How a line begins that a person has still to replace."""
KINDS = ("prevent", "detect", "mitigate", "process")
HEADS = ("action", "owner", "due", "kind")
SIGNERS = ("AI Lead", "Founder or CEO", "Deputy")
DAY = pd.Timedelta(days=1)
HINTS = {
    "Summary": "what happened, to whom and for how long, in three sentences",
    "Impact": "",
    "Trigger": "what set it off, and how that is known",
    "Contributing factors": "what let it happen, last or grow",
    "Detection": "",
    "Timers": "",
    "Timeline": "",
    "What went well": "at least one thing",
    "What went badly": "at least one thing",
    "Where we were lucky": "what could have made it worse and did not",
    "First response": "was it followed, and what stood in its way",
    "Regression cases": "the cases added to the workflow's list, or none and why",
    "Changes in the window": "changes of prompt, model or price shortly before, or none",
    "Actions": "",
}
"""The sections, in order; what a person is asked for, empty where the record says it all."""


@dataclass(frozen=True)
class Action:
    """What will be done, by which role, until when, and what for: one of `KINDS`."""

    text: str
    owner: str
    due: dt.date
    kind: str


@dataclass(frozen=True)
class PostMortem:
    """A finished post-mortem: its actions, and the hash of its text."""

    actions: tuple[Action, ...]
    sha256: str


def place(incident: Incident) -> str:
    """Where its post-mortem lies, below the company's folder."""
    return f"records/post-mortems/{incident.id}.md"


def due_at(incident: Incident, settings: Settings, clock: BusinessClock) -> pd.Timestamp | None:
    """When its post-mortem is due; None before the incident is resolved.

    Clause A5: three calendar days for what ever was a P1, five business days for a P2. They count
    from its resolution, not its detection: until then everyone is at work on the incident itself,
    and one that lasts a week would be overdue before it is understood. Nothing is closed without.
    """
    resolved = incident.times.get("resolved")
    if resolved is None:
        return None
    if any(h["priority"] == "P1" for h in incident.history):
        return resolved + settings.limits.post_mortem_p1_days * DAY
    days = settings.limits.post_mortem_p2_days
    return clock.add(resolved, days * business_day(settings.company))


def started(incident: Incident, actor: str, due: pd.Timestamp | None) -> Draft:
    """Its post-mortem is begun: where it lies and when it is due. UsageError if it is already."""
    if actor not in ROLES:
        raise UsageError(f"{actor!r} is no role; expected one of {', '.join(ROLES)}")
    if "post_mortem_started" in incident.post_mortem:
        raise UsageError(f"the post-mortem of {incident.id} is begun: go on in {place(incident)}")
    told = {"path": place(incident)} | ({} if due is None else {"due": stamp(due)})
    return Draft("post_mortem_started", incident.id, told, actor)


def signed(incident: Incident, actor: str, done: PostMortem, refs: Sequence[str]) -> Draft:
    """Its post-mortem is finished: the file's hash and its actions, owned and dated.

    `refs` name the actions' words, in order, as they are kept beside the chain.
    """
    if actor not in SIGNERS:
        raise UsageError(f"a post-mortem is signed by {', '.join(SIGNERS)}, not by {actor!r}")
    if "post_mortem_started" not in incident.post_mortem:
        raise UsageError(f"the post-mortem of {incident.id} is not begun")
    actions = [
        {"text": ref, "owner": a.owner, "due": a.due.isoformat(), "kind": a.kind}
        for a, ref in zip(done.actions, refs, strict=True)
    ]
    told = {"sha256": done.sha256, "actions": actions}
    return Draft("post_mortem_signed", incident.id, told, actor)


def roles(settings: Settings) -> list[str]:
    """Who may own an action: the register's roles and the owners of workflows."""
    people = [r for r in ROLES if r not in ("Reporter", "Opsbook")]
    return list(dict.fromkeys([*people, *(w.owner for w in settings.workflows)]))


# What the record knows


def template(
    incident: Incident,
    settings: Settings,
    timers: pd.DataFrame,
    due: pd.Timestamp | None = None,
    changes: Sequence[str] = (),
) -> str:
    """The post-mortem as it begins, Markdown, filled with what the record knows.

    Takes rows of `incidents.timers`, and changes of prompt, model or price as lines. Times are the
    company's local ones.
    """
    company = settings.company
    facts = {
        "Impact": _impact(incident, company),
        "Trigger": _root_cause(incident),
        "Detection": _detection(incident, company),
        "Timers": _timers(timers[timers.id == incident.id], company),
        "Timeline": _timeline(incident, company),
        "First response": _first_response(incident, settings),
        "Changes in the window": [f"- {markdown.line(line)}" for line in changes],
        "Actions": [
            f"Owners: {', '.join(roles(settings))}. Kinds: {', '.join(KINDS)}. Due: a date "
            "like 2026-12-01.",
            "",
            *markdown.table(HEADS, []),
        ],
    }
    told = due_line(incident, due, company)
    lines = [
        f"# Post-mortem {incident.id}: {markdown.line(headline(incident, settings))}",
        "",
        told,
    ]
    for name, hint in HINTS.items():
        asked = [f"{TO_WRITE} {hint}"] if hint else []
        lines += ["", f"## {name}", "", *facts.get(name, []), *asked]
    return "\n".join(lines) + "\n"


def due_line(incident: Incident, due: pd.Timestamp | None, company: Company) -> str:
    """One line on what it is about and until when."""
    until = f"due {_at(due, company)}" if due is not None else "due after it is resolved"
    return f"{incident.priority}, {incident.class_reason.replace('_', ' ')}; {until}."


def _impact(incident: Incident, company: Company) -> list[str]:
    told = {"external": "Reached anyone outside", "harm": "Harm happened"}
    told |= {"personal_data": "Personal data", "persons": "Persons concerned"}
    told |= {"eur": f"Damage, {company.currency}"}
    asked = ("external", "harm", "personal_data")
    known = dict.fromkeys(asked, "unknown") | incident.impact
    lasted = f"- Lasted: {_at(incident.started_at, company)} to {_at(incident.ended_at, company)}"
    lines = [f"- {name}: {known[key]}" for key, name in told.items() if key in known]
    return [*lines, lasted, *(f"- {markdown.line(_figures(f))}" for f in incident.evidence)]


def _figures(finding: dict) -> str:
    """A finding's figures: what was observed, against what."""
    parts = {k: finding.get(k) for k in ("observed", "baseline", "limit", "sample")}
    told = ", ".join(f"{k} {v:.4g}" for k, v in parts.items() if v is not None)
    return f"{finding['rule']} {finding['workflow']} {finding['metric']}: {told}"


def _root_cause(incident: Incident) -> list[str]:
    cause = incident.root_cause
    told = f"{cause['category']}, said by {cause['by']}" if cause else "not named"
    return [f"Root cause on record: {told}.", ""]


def _detection(incident: Incident, company: Company) -> list[str]:
    by = ", ".join(incident.rules) or "a person's report"
    lag = incident.detected_at - incident.started_at
    return [
        f"- Began: {_at(incident.started_at, company)}",
        f"- Detected: {_at(incident.detected_at, company)}, by {by}",
        f"- On record: {_at(incident.opened_at, company)}",
        f"- Detection lag: {_span(lag)}",
    ]


def _timers(timers: pd.DataFrame, company: Company) -> list[str]:
    rows = [
        (t.role, _at(t.due_at, company), _at(t.told_at, company), _at(t.confirmed_at, company),
         "unknown" if pd.isna(t.met) else "met" if t.met else "missed")
        for t in timers.itertuples()
    ]  # fmt: skip
    heads = ("role", "due", "told", "confirmed", "met or missed")
    return markdown.table(heads, rows) if rows else ["None: nobody had to be told by a time."]


def _timeline(incident: Incident, company: Company) -> list[str]:
    rows = [(_at(e.at, company), e.actor, _event(e), _evidence(e)) for e in incident.timeline]
    return markdown.table(("when", "who", "what", "evidence"), rows)


def _event(event: Event) -> str:
    finding = event.payload.get("finding") or {}
    said = finding.get("reason") or event.payload.get("reason") or event.payload.get("step") or ""
    return event.type.replace("_", " ") + (f": {markdown.line(said)}" if said else "")


def _evidence(event: Event) -> str:
    """Where an event's evidence lies: its place in the chain, and its text beside it."""
    text = event.payload.get("text")
    return f"event {event.seq}" + (f", text {text[:8]}" if text else "")


def _first_response(incident: Incident, settings: Settings) -> list[str]:
    workflow = settings.workflow(incident.workflow)
    category = workflow.category if workflow else None
    steps = checklist(incident.priority, category, incident.family, incident.harmful)
    rows = [(s.text, _at(incident.steps.get(s.id), settings.company)) for s in steps]
    return [*markdown.table(("step", "done"), rows), ""]


def _at(moment: pd.Timestamp | None, company: Company) -> str:
    return "-" if pd.isna(moment) else f"{moment.tz_convert(company.zone):%Y-%m-%d %H:%M}"


def _span(time: pd.Timedelta) -> str:
    minutes = round(time / pd.Timedelta(minutes=1))
    return f"{minutes // 60} h {minutes % 60:02} min"


# What people have made of it


def read(content: bytes, path: str, owners: Sequence[str]) -> PostMortem:
    """A finished post-mortem, from its file's bytes; `owners` are the roles that may own an action.

    UsageError with file and line for each section that is missing, empty or still TO WRITE, and for
    each action without an owner's role, a date and a kind; one line each.
    """
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as problem:
        raise UsageError(f"{path} is not UTF-8 text ({problem}); save it as UTF-8") from problem
    sections = _sections(lines)
    problems = [p for name in HINTS for p in _unwritten(name, sections, lines)]
    actions = []
    for number in sections.get("Actions", range(0)):
        found = _action(lines[number], owners)
        if isinstance(found, str):
            problems.append((number + 1, found))
        elif found:
            actions.append(found)
    if not actions and not problems:
        problems.append(
            (sections["Actions"].start, "no action is named; add one with its owner and date")
        )
    if problems:
        raise UsageError("\n".join(f"{path}, line {n}: {said}" for n, said in sorted(problems)))
    return PostMortem(tuple(actions), hashlib.sha256(content).hexdigest())


def _sections(lines: Sequence[str]) -> dict[str, range]:
    """Where the lines of each section stand; `start` is the line number of its heading."""
    heads = [i for i, line in enumerate(lines) if line.startswith("## ")]
    ends = [*heads[1:], len(lines)]
    return {
        lines[i][3:].strip().rstrip("#").strip(): range(i + 1, end)
        for i, end in zip(heads, ends, strict=True)
    }


def _unwritten(
    name: str, sections: dict[str, range], lines: Sequence[str]
) -> list[tuple[int, str]]:
    """What is missing of one section: line number and what to do."""
    if name not in sections:
        return [(len(lines), f'the section "## {name}" is missing; put it back')]
    inside = sections[name]
    left = [i + 1 for i in inside if lines[i].strip().startswith(TO_WRITE.rstrip(":"))]
    if left:
        return [(left[0], f'"{name}" is still to be written: replace the line {TO_WRITE}')]
    if not any(lines[i].strip() for i in inside):
        return [(inside.start, f'"{name}" is empty; write a sentence, or why there is none')]
    return []


def _action(line: str, owners: Sequence[str]) -> Action | str | None:
    """The action a line of the table holds, or what is wrong with it; None for another line."""
    cells = markdown.cells(line)
    if cells is None or [c.lower() for c in cells] == list(HEADS):
        return None
    if len(cells) != len(HEADS):
        return f"an action has {len(HEADS)} cells ({', '.join(HEADS)}), found {len(cells)}"
    text, owner, due, kind = cells
    known = {o.lower(): o for o in owners}
    if not text:
        return "the action is empty; say what will be done"
    if owner.lower() not in known:
        return f"owner {owner!r} is no role; expected one of {', '.join(owners)}"
    if kind.lower() not in KINDS:
        return f"kind {kind!r}; expected one of {', '.join(KINDS)}"
    try:
        return Action(text, known[owner.lower()], dt.date.fromisoformat(due), kind.lower())
    except ValueError:
        return f"due {due!r} is not a date; expected like 2026-12-01"
