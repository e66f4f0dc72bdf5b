"""What a review came to: a Markdown file made for its chair, edited by people, read back.

Each section of the agenda says whether it was reviewed, and where something was asked, how it is
explained or to whom it is escalated; decisions and actions follow. Reading never guesses: what is
missing or cannot be understood is named by its line, and such a file is not signed.
"""

import datetime as dt
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from opsbook import markdown
from opsbook.agendas import AGENDAS, PRESENT, TITLES, minutes
from opsbook.errors import UsageError
from opsbook.periods import Period
from opsbook.postmortem import KINDS
from opsbook.register import ROLES
from opsbook.reports import noticed
from opsbook.settings import Company

HEADS = ("id", "what", "owner", "due", "kind", "state")
STATES = ("open", "done", "dropped")
KEYS = ("Reviewed", "Explained", "Escalated to")
ESCALATED_TO = ("AI Lead", "Deputy", "Operations", "Founder or CEO")
NOTHING = "nothing"
YES = {"yes", "y", "ja", "j", "oui", "sí", "si", "x", "done"}
NO = {"no", "n", "nein", "non", "not yet", ""}
KEY = re.compile(r"^\s*(Reviewed|Explained|Escalated to|Asked|Held|Present)\s*:\s*(.*)$", re.I)
SECTION = re.compile(r"^##\s+(?:\d+\.\s*)?(.+?)\s*#*\s*$")


@dataclass(frozen=True)
class Said:
    """What people said of one section: reviewed or not, how it is explained, who takes it up."""

    reviewed: bool = False
    explained: str = ""
    escalated: str = ""


@dataclass(frozen=True)
class Task:
    """An action as the file's table holds it; a new one has no id yet."""

    id: str
    text: str
    owner: str
    due: dt.date
    kind: str
    state: str = "open"


@dataclass(frozen=True)
class Outcomes:
    """What a file says: when and by whom the review was held, section by section, and its problems.

    `held` is UTC, None where it is not told; `changed` is what a new version corrects; `sha256` is
    that of the file's bytes, empty without a file. `problems` name file, line and what to do.
    """

    held: pd.Timestamp | None = None
    present: tuple[str, ...] = ()
    sections: Mapping[str, Said] = field(default_factory=dict)
    decisions: tuple[str, ...] = ()
    tasks: tuple[Task, ...] = ()
    changed: str = ""
    sha256: str = ""
    problems: tuple[str, ...] = ()

    def said(self, key: str) -> Said:
        """What was said of a section; nothing yet where the file does not."""
        return self.sections.get(key, Said())


def place(name: str, version: int = 1) -> str:
    """Where the outcomes of a period's review lie, below the company's folder.

    >>> place("2026-W47"), place("2026-11", 2)
    ('records/reviews/2026-W47.md', 'records/reviews/2026-11.v2.md')
    """
    return f"records/reviews/{name}{'' if version == 1 else f'.v{version}'}.md"


# The file as it begins


def template(
    reviewed: Period,
    questions: Mapping[str, str],
    tasks: Sequence[Task],
    owners: Sequence[str],
    version: int = 1,
) -> str:
    """The file as it begins: every section, what is asked in it today, and the open actions.

    `questions` are what has to be explained or escalated, by section; `owners` the roles that may
    own an action. A version beyond the first asks what changed since the one before.
    """
    kind = reviewed.kind
    lines = [
        f"# {TITLES[kind]} {reviewed.name}" + (f", version {version}" if version > 1 else ""),
        "",
        f"{minutes(kind)} minutes about {reviewed.first} to {reviewed.last}. Write behind the "
        "colons. What is asked has to be explained, or escalated to a role "
        f"({', '.join(ESCALATED_TO)}). Then run make {kind} again, look at the page, and sign it: "
        f"opsbook sign-off {reviewed.name} --as lead",
        "",
        "Held:",
        f"Present: {', '.join(PRESENT[kind])}",
    ]
    if version > 1:
        lines += ["", "## What changed", "", f"Since version {version - 1}:"]
    for number, item in enumerate(AGENDAS[kind], start=1):
        lines += ["", f"## {number}. {item.title}", ""]
        lines += [f"Asked: {markdown.line(questions.get(item.key) or NOTHING)}"]
        lines += [f"{key}:{' no' if key == 'Reviewed' else ''}" for key in KEYS]
    rows = [(t.id, markdown.line(t.text), t.owner, t.due.isoformat(), t.kind, t.state)
            for t in tasks]  # fmt: skip
    lines += ["", "## Decisions", "", "-", "", "## Actions", ""]
    lines += [
        f"New ones have no id. Owners: {', '.join(owners)}. Kinds: {', '.join(KINDS)}. States: "
        f"{', '.join(STATES)}.",
        "",
        *markdown.table(HEADS, rows),
    ]
    return "\n".join(lines) + "\n"


def corrected(text: str, version: int) -> str:
    """The text of a signed file as the next version begins: to be said is what changed.

    New actions were given their ids by the sign-off, so that its table begins empty again.
    """
    lines = text.splitlines()
    first = next((i for i, x in enumerate(lines) if x.startswith("## ")), len(lines))
    rows = next((i for i, x in enumerate(lines) if x.strip().lower() == "## actions"), len(lines))
    kept = [x for x in lines[rows:] if not x.startswith("|")]
    title = re.sub(r", version \d+$", "", lines[0]) + f", version {version}"
    body = re.sub(r"## What changed\n.*?(?=\n## )", "", "\n".join(lines[first:rows]), flags=re.S)
    asked = ["## What changed", "", f"Since version {version - 1}:", ""]
    table = markdown.table(HEADS, [])
    return "\n".join([title, *lines[1:first], *asked, body.strip(), "", *kept, *table]) + "\n"


# What people have made of it


def read(
    content: bytes, path: str, reviewed: Period, company: Company, owners: Sequence[str]
) -> Outcomes:
    """What a file says; its problems, by line, are part of the result."""
    digest = hashlib.sha256(content).hexdigest()
    try:
        lines = content.decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as problem:
        wrong = f"{path} is not UTF-8 text ({problem}); save it as UTF-8"
        return Outcomes(sha256=digest, problems=(wrong,))
    found = _Reading(path)
    parts = _parts(lines, found)
    head = parts.get("", [])
    held, present = found.held(head, company), found.present(head)
    sections = {}
    for item in AGENDAS[reviewed.kind]:
        if item.title.casefold() not in parts:
            found.wrong(len(lines), f'the section "## {item.title}" is missing; put it back')
        else:
            sections[item.key] = found.section(parts[item.title.casefold()])
    for title in ("Decisions", "Actions"):
        if title.casefold() not in parts:
            found.wrong(len(lines), f'the section "## {title}" is missing; put it back')
    return Outcomes(
        held=held,
        present=present,
        sections=sections,
        decisions=_bullets(parts.get("decisions", [])),
        tasks=found.tasks(parts.get("actions", []), owners),
        changed=_prose(parts.get("what changed", [])),
        sha256=digest,
        problems=tuple(f"{path}, line {n}: {said}" for n, said in sorted(found.problems)),
    )


Lines = list[tuple[int, str]]


def _parts(lines: Sequence[str], found: "_Reading") -> dict[str, Lines]:
    """The numbered lines below each heading of the second level, by its title; "" before any."""
    parts: dict[str, Lines] = {"": []}
    title = ""
    for number, line in enumerate(lines, start=1):
        heading = SECTION.match(line)
        if heading:
            title = heading[1].casefold()
            if title in parts:
                found.wrong(number, f'the section "{heading[1]}" stands twice; keep one')
            parts.setdefault(title, [])
        else:
            parts[title].append((number, line))
    return parts


def _values(lines: Lines) -> dict[str, tuple[int, str]]:
    """What stands behind each key, over several lines until the next one, with its first line."""
    values: dict[str, tuple[int, str]] = {}
    key = ""
    for number, line in lines:
        told = KEY.match(line)
        if told:
            key = told[1].capitalize()
            values[key] = (number, told[2].strip())
        elif key and line.strip():
            at, text = values[key]
            values[key] = (at, f"{text} {line.strip()}".strip())
    return values


def _bullets(lines: Lines) -> tuple[str, ...]:
    """The points of a list, one of several lines joined; empty points are left out."""
    points: list[str] = []
    for _, line in lines:
        point = re.match(r"^\s*[-*]\s?(.*)$", line)
        if point:
            points.append(point[1].strip())
        elif line.strip() and points:
            points[-1] = f"{points[-1]} {line.strip()}".strip()
        elif line.strip():
            points.append(line.strip())
    return tuple(p for p in points if p)


def _prose(lines: Lines) -> str:
    text = " ".join(line.strip() for _, line in lines if line.strip())
    return re.sub(r"^Since version \d+:\s*", "", text)


@dataclass
class _Reading:
    """One file being read: its path, and what is wrong with it so far."""

    path: str
    problems: list[tuple[int, str]] = field(default_factory=list)

    def wrong(self, line: int, said: str) -> None:
        self.problems.append((line, said))

    def held(self, lines: Lines, company: Company) -> pd.Timestamp | None:
        line, text = _values(lines).get("Held", (1, ""))
        if not text:
            return None
        try:
            return noticed(text, company)
        except UsageError as problem:
            return self.wrong(line, f"Held: {problem}")

    def present(self, lines: Lines) -> tuple[str, ...]:
        line, text = _values(lines).get("Present", (1, ""))
        known = {r.casefold(): r for r in ROLES}
        named = [p.strip() for p in text.split(",") if p.strip()]
        for name in (n for n in named if n.casefold() not in known):
            self.wrong(line, f"Present: {name[:40]!r} is no role; expected {_listed(ROLES[:4])}")
        return tuple(known[n.casefold()] for n in named if n.casefold() in known)

    def section(self, lines: Lines) -> Said:
        values = _values(lines)
        line, word = values.get("Reviewed", (lines[0][0] if lines else 1, ""))
        if word.casefold() not in YES | NO:
            self.wrong(line, f"Reviewed: {word[:40]!r} is neither yes nor no")
        at, role = values.get("Escalated to", (line, ""))
        known = {r.casefold(): r for r in ESCALATED_TO}
        if role and role.casefold() not in known:
            self.wrong(
                at, f"Escalated to: {role[:40]!r} is no role; expected {_listed(ESCALATED_TO)}"
            )
        explained = values.get("Explained", (line, ""))[1]
        return Said(word.casefold() in YES, explained, known.get(role.casefold(), ""))

    def tasks(self, lines: Lines, owners: Sequence[str]) -> tuple[Task, ...]:
        found, seen = [], set()
        for number, line in lines:
            cells = markdown.cells(line)
            if cells is None or tuple(c.lower() for c in cells) == HEADS or not any(cells):
                continue
            task = _task(cells, owners)
            if isinstance(task, str):
                self.wrong(number, task)
            elif task.id and task.id in seen:
                self.wrong(number, f"action {task.id} stands twice; keep one")
            else:
                seen.add(task.id)
                found.append(task)
        return tuple(found)


def _task(cells: Sequence[str], owners: Sequence[str]) -> Task | str:
    """The action of a row, or what is wrong with it."""
    if len(cells) != len(HEADS):
        return f"an action has {len(HEADS)} cells ({', '.join(HEADS)}), found {len(cells)}"
    name, text, owner, due, kind, state = cells
    known = {o.casefold(): o for o in owners}
    if not text:
        return "the action is empty; say what will be done"
    if owner.casefold() not in known:
        return f"owner {owner[:40]!r} is no role; expected {_listed(owners)}"
    if kind.casefold() not in (*KINDS, ""):
        return f"kind {kind[:40]!r}; expected {_listed(KINDS)}"
    if (state or "open").casefold() not in STATES:
        return f"state {state[:40]!r}; expected {_listed(STATES)}"
    try:
        on = dt.date.fromisoformat(due)
    except ValueError:
        return f"due {due[:40]!r} is not a date; expected like 2026-12-01"
    return Task(name, text, known[owner.casefold()], on, kind.lower(), (state or "open").lower())


def _listed(words: Iterable[str]) -> str:
    return f"one of {', '.join(words)}"


# What keeps it a draft


def left(kind: str, questions: Mapping[str, str], told: Outcomes) -> list[str]:
    """What keeps a review a draft, a sentence each: nothing left means that it may be signed."""
    found = list(told.problems)
    found += [] if told.held is not None else ["Held: is empty; say when it was held"]
    missing = [r for r in PRESENT[kind] if not _there(r, told.present)]
    found += [f"Present: the {r} has to be there" for r in missing]
    for number, item in enumerate(AGENDAS[kind], start=1):
        said, asked = told.said(item.key), questions.get(item.key, "")
        if not said.reviewed:
            found.append(f"{number}. {item.title}: not yet reviewed")
        if asked and not (said.explained or said.escalated):
            found.append(f"{number}. {item.title}: neither explained nor escalated: {asked}")
    return found


def _there(role: str, present: Sequence[str]) -> bool:
    return role in present or (role == "AI Lead" and "Deputy" in present)
