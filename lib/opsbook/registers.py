"""The company's registers: what people keep in the sheets of `register.xlsx` beside their reports.

Vendor notices, contracts, actions, what a workflow is worth, hours, AI systems, training and
requests. Each sheet is declared once here: what a row is, what names it, and what each column
holds. A row is people's word; the tool reads it and notes when it changed, and writes none.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from itertools import count

import pandas as pd

from opsbook import cells
from opsbook.errors import UsageError
from opsbook.events import Draft
from opsbook.register import Register
from opsbook.reports import workflow_id
from opsbook.settings import Settings

NOTICE_KINDS = ("model", "end of life", "price", "terms", "sub-processors", "security")
DECISIONS = ("open", "plan", "accept", "reject", "not affected")
ACTION_KINDS = ("prevent", "detect", "mitigate", "process")
ACTION_STATES = ("open", "done", "dropped")
WORTH = ("open", "keep", "change", "retire")
YES_NO = ("yes", "no", "unknown")
HOUR_KINDS = ("AI Lead", "manual fallback")
AI_ROLES = ("deployer", "provider")
RISKS = ("open", "minimal", "limited", "high", "prohibited")
DTYPES = {"day": "datetime64[us]", "number": "Float64"}
"""How a kind of field is held in a frame; all others are string. Days are local and naive."""


@dataclass(frozen=True)
class Field:
    """One column: its head, its kind, its width in characters, what it may hold and what it is.

    Kinds are text, id (short, with a number), day, number, choice (one of `values`), workflow (an
    id or name), workflows (several, set apart by commas; all where empty) and role (never a
    person).
    """

    head: str
    kind: str = "text"
    width: int = 16
    needed: bool = False
    values: tuple[str, ...] = ()
    says: str = ""


@dataclass(frozen=True)
class Sheet:
    """One sheet: its title, what a row is, the fields that name a row, and its columns.

    `ordered` are pairs of days of which the first must not lie after the second.
    """

    title: str
    grain: str
    key: tuple[str, ...]
    fields: dict[str, Field]
    ordered: tuple[tuple[str, str], ...] = ()

    def empty(self) -> pd.DataFrame:
        """The sheet without rows, typed; with `cell`, the first cell of each row."""
        types = {n: DTYPES.get(f.kind, "string") for n, f in self.fields.items()}
        return pd.DataFrame(
            {n: pd.Series(dtype=t) for n, t in (types | {"cell": "string"}).items()}
        )


def _id(example: str) -> Field:
    return Field("Id", "id", 12, needed=True, says=f"short and for good, like {example}")


SHEETS = {
    "notices": Sheet(
        "Notices", "what a vendor announced", ("id",),
        {
            "id": _id("N-1"),
            "vendor": Field("Vendor", needed=True),
            "kind": Field("Kind", "choice", 14, True, NOTICE_KINDS),
            "what": Field("What changes", width=44, needed=True),
            "model_now": Field("Model now", width=22, says="as the calls name it"),
            "model_new": Field("New model", width=22),
            "announced_on": Field("Announced", "day", 13, True),
            "effective_on": Field("In force from", "day", 13, says="empty: not told"),
            "workflows": Field("Workflows", "workflows", 28, says="empty: all"),
            "decision": Field("Decision", "choice", 13, values=DECISIONS, says="empty: open"),
            "decided_on": Field("Decided", "day", 13),
            "run": Field("Regression run", width=24, says="the run that tested it"),
            "overruled": Field("Overruled because", width=30, says="why it goes live without GO"),
            "rollback": Field("Way back", width=30, says="how the old model is brought back"),
            "live_on": Field("Went live", "day", 13),
            "source": Field("Source", width=34, says="where the vendor says so"),
        },
        ordered=(("announced_on", "decided_on"),),
    ),
    "contracts": Sheet(
        "Contracts", "a contract with a vendor", ("id",),
        {
            "id": _id("C-1"),
            "vendor": Field("Vendor", needed=True),
            "what": Field("What", width=34, needed=True),
            "starts_on": Field("From", "day", 13),
            "ends_on": Field("Until", "day", 13, says="empty: runs on"),
            "notice_months": Field("Notice, months", "number", 10),
            "renews_months": Field("Renews by, months", "number", 10, says="empty: it ends"),
            "price_year": Field("Price a year", "number", 12, says="in the company's currency"),
            "dpa_on": Field("Data processing signed", "day", 13),
            "subprocessors_on": Field("Sub-processors checked", "day", 13),
            "sla": Field("Service level", width=26),
            "retention_days": Field("Kept by vendor, days", "number", 12),
            "trains_on_data": Field("Trains on our data", "choice", 12, values=YES_NO),
            "owner": Field("Owner", "role", 20, True),
            "checked_on": Field("Last looked at", "day", 13),
            "note": Field("Note", width=40),
        },
        ordered=(("starts_on", "ends_on"),),
    ),
    "actions": Sheet(
        "Actions", "something to be done", ("id",),
        {
            "id": _id("T-1"),
            "what": Field("What is to be done", width=60, needed=True),
            "owner": Field("Owner", "role", 20, True),
            "due_on": Field("Due", "day", 13, True),
            "kind": Field("Kind", "choice", 12, values=ACTION_KINDS),
            "workflow": Field("Workflow", "workflow", 22),
            "state": Field("State", "choice", 10, values=ACTION_STATES, says="empty: open"),
            "note": Field("Note", width=40),
        },
    ),
    "value": Sheet(
        "Value", "what a workflow is worth", ("workflow",),
        {
            "workflow": Field("Workflow", "workflow", 24, True),
            "hours_saved_week": Field("Hours saved a week", "number", 12),
            "hour_cost": Field("Cost of an hour", "number", 12, says="in the company's currency"),
            "value_month": Field("Other value a month", "number", 12),
            "basis": Field("How this is known", width=44),
            "verdict": Field("Verdict", "choice", 10, values=WORTH, says="empty: open"),
            "reason": Field("Because", width=44),
            "checked_on": Field("Last looked at", "day", 13),
        },
    ),
    "hours": Sheet(
        "Hours", "hours that people spent", ("day", "kind", "workflow"),
        {
            "day": Field("Day", "day", 13, True, says="any day of the week they were spent in"),
            "kind": Field("On what", "choice", 16, True, HOUR_KINDS),
            "workflow": Field("Workflow", "workflow", 24, says="empty: all of them"),
            "hours": Field("Hours", "number", 10, True),
            "note": Field("Note", width=40),
        },
    ),
    "systems": Sheet(
        "AI systems", "a workflow as the EU AI Act sees it", ("workflow",),
        {
            "workflow": Field("Workflow", "workflow", 24, True),
            "vendor": Field("Vendor"),
            "model": Field("Model", width=20),
            "role": Field("We are its", "choice", 12, values=AI_ROLES),
            "purpose": Field("Intended purpose", width=40),
            "risk": Field("Risk class", "choice", 12, values=RISKS, says="empty: open"),
            "annex_iii": Field("Annex III point", width=14, says="only where it is high-risk"),
            "reasons": Field("Reasons", width=44),
            "screened_on": Field("Classified", "day", 13),
            "reviewer": Field("Classified by", "role", 20),
            "prohibited_on": Field("Art. 5 screened", "day", 13, says="once a year"),
            "notice_text": Field("Notice to people", width=40, says="Art. 50(1), word for word"),
            "notice_on": Field("Notice checked", "day", 13),
            "publishes": Field("Publishes text", "choice", 12, values=YES_NO, says="Art. 50(4)"),
            "published_reviewer": Field("Texts reviewed by", "role", 20),
            "published_on": Field("Review checked", "day", 13),
            "instructions": Field("Instructions on file", width=26, says="their version"),
            "instructions_on": Field("Instructions checked", "day", 13),
            "may_stop": Field("May stop it", "role", 20, says="who has the authority"),
            "drill_on": Field("Last drill", "day", 13),
            "informed": Field("People informed by", width=26, says="document, Art. 26(7), 26(11)"),
            "informed_on": Field("Informed", "day", 13),
        },
    ),
    "training": Sheet(
        "Training", "training of a role", ("role", "topic", "held_on"),
        {
            "role": Field("Role", "role", 24, True),
            "topic": Field("Topic", width=34, needed=True),
            "held_on": Field("Held", "day", 13, says="empty: still to be held"),
            "valid_months": Field("Valid, months", "number", 10, says="empty: 12"),
            "evidence": Field("Evidence", width=30, says="a document's name, no person's"),
        },
    ),
    "requests": Sheet(
        "Requests", "a request of a person about a decision", ("id",),
        {
            "id": _id("R-1"),
            "received_on": Field("Received", "day", 13, True),
            "workflow": Field("Workflow", "workflow", 24, True),
            "what": Field("What is asked", width=44, needed=True, says="name nobody"),
            "answered_on": Field("Answered", "day", 13),
        },
        ordered=(("received_on", "answered_on"),),
    ),
}  # fmt: skip
"""Each sheet by its short name."""
GERMAN = {
    "Notices": "Mitteilungen", "Contracts": "Verträge", "Actions": "Maßnahmen", "Value": "Nutzen",
    "Hours": "Stunden", "AI systems": "KI-Systeme", "Training": "Schulungen",
    "Requests": "Anfragen", "Id": "Kennung", "Vendor": "Anbieter", "Kind": "Art",
    "What changes": "Was sich ändert", "Model now": "Modell jetzt", "New model": "Neues Modell",
    "Announced": "Angekündigt", "In force from": "Gültig ab", "Workflows": "Abläufe",
    "Workflow": "Ablauf", "Decision": "Entscheidung", "Decided": "Entschieden", "Source": "Quelle",
    "Way back": "Rückweg", "Went live": "Live seit", "What": "Was", "From": "Von", "Until": "Bis",
    "Notice, months": "Kündigungsfrist, Monate", "Price a year": "Preis im Jahr",
    "Owner": "Zuständig", "Last looked at": "Zuletzt geprüft", "Note": "Notiz",
    "What is to be done": "Was zu tun ist", "Due": "Fällig", "State": "Stand", "Day": "Tag",
    "On what": "Wofür", "Because": "Begründung", "Verdict": "Urteil", "Model": "Modell",
    "Risk class": "Risikoklasse", "Reasons": "Gründe", "Role": "Rolle", "Topic": "Thema",
    "Held": "Abgehalten", "Evidence": "Nachweis", "Received": "Eingegangen",
    "Answered": "Beantwortet", "What is asked": "Was gefragt wird",
}  # fmt: skip
"""What a sheet or a head may be called in German."""
CHANGES = ("sheet", "key", "what", "at")


@dataclass(frozen=True)
class Registers:
    """What the sheets hold, one frame each as declared in SHEETS, with problems by cell.

    `changes` has one row per row that was new, changed or gone, as the record noted it: sheet, key,
    what (new, gone, or the fields that changed, with what they said), at (UTC). `absent` names
    sheets and heads that are not there, so that nothing was read for them.
    """

    notices: pd.DataFrame = field(default_factory=SHEETS["notices"].empty)
    contracts: pd.DataFrame = field(default_factory=SHEETS["contracts"].empty)
    actions: pd.DataFrame = field(default_factory=SHEETS["actions"].empty)
    value: pd.DataFrame = field(default_factory=SHEETS["value"].empty)
    hours: pd.DataFrame = field(default_factory=SHEETS["hours"].empty)
    systems: pd.DataFrame = field(default_factory=SHEETS["systems"].empty)
    training: pd.DataFrame = field(default_factory=SHEETS["training"].empty)
    requests: pd.DataFrame = field(default_factory=SHEETS["requests"].empty)
    changes: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=CHANGES))
    problems: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()

    def frame(self, name: str) -> pd.DataFrame:
        """The frame of a sheet by its short name or its title; UsageError for none."""
        asked = cells.bare(name)
        for short, sheet in SHEETS.items():
            if asked in (cells.bare(short), cells.bare(sheet.title)):
                return getattr(self, short)
        raise UsageError(f"{name[:40]!r} is no sheet; expected one of {', '.join(SHEETS)}")


# Reading


@dataclass(frozen=True)
class Given:
    """What a cell holds: where it stands, its value, and what keeps it from being read."""

    cell: str
    value: object = None
    problem: str = ""

    @property
    def empty(self) -> bool:
        """Whether nothing stands in it."""
        return self.value is None or str(self.value).strip() == ""


@dataclass(frozen=True)
class Typed:
    """The rows of a sheet that could be read, typed, and each problem with its cell."""

    frame: pd.DataFrame
    problems: list[str]


def typed(sheet: Sheet, rows: Iterable[Mapping[str, Given]], settings: Settings) -> Typed:
    """The rows of a sheet as its frame; a row with a problem waits, the others are read.

    `rows` hold cells by field. Of two rows with one key the first is read.
    """
    held, problems = [], []
    first: dict[tuple, str] = {}
    for row in rows:
        if all(given.empty and not given.problem for given in row.values()):
            continue
        told, wrong = _row(sheet, row, settings)
        key = _key(sheet, told)
        if not wrong and key in first:
            wrong = [f"{told['cell']}: {_doubled(sheet)} stands at {first[key]} too; one row each"]
        if not wrong:
            first[key] = told["cell"]
            held.append(told)
        problems.extend(wrong)
    empty = sheet.empty()
    frame = pd.DataFrame(held, columns=list(empty.columns)).astype(empty.dtypes.to_dict())
    return Typed(frame, problems)


def _row(
    sheet: Sheet, row: Mapping[str, Given], settings: Settings
) -> tuple[dict[str, object], list[str]]:
    """A row's values by field, with its first cell, and what is wrong with its cells."""
    told: dict[str, object] = {"cell": next(iter(row.values())).cell}
    problems = []
    for name, field_ in sheet.fields.items():
        given = row.get(name, Given(str(told["cell"])))
        try:
            told[name] = _value(field_, given, settings)
        except UsageError as problem:
            problems.append(f"{given.cell}: {problem}")
    for before, after in sheet.ordered:
        days = told.get(before), told.get(after)
        if all(d is not None for d in days) and days[0] > days[1]:
            said = f"{sheet.fields[after].head} lies before {sheet.fields[before].head}"
            problems.append(f"{row[after].cell}: {said}; correct one of the two days")
    return told, problems


def _value(field_: Field, given: Given, settings: Settings) -> object:
    if given.problem:
        raise UsageError(given.problem)
    if given.empty:
        if field_.needed:
            raise UsageError(f"{field_.head} is empty")
        return None
    read = READ[field_.kind](given.value, field_, settings)
    return None if read == "" else read


READ: dict[str, Callable[[object, Field, Settings], object]] = {
    "text": lambda v, f, s: _text(v),
    "id": lambda v, f, s: cells.id_of(v),
    "day": lambda v, f, s: cells.day(v, s.company),
    "number": lambda v, f, s: cells.number(v, s.company),
    "choice": lambda v, f, s: cells.choice(v, f.values),
    "workflow": lambda v, f, s: "" if cells.every(v) and not f.needed else workflow_id(str(v), s),
    "workflows": lambda v, f, s: cells.workflows(v, s),
    "role": lambda v, f, s: cells.role(v, cells.roles_of(s)),
}
"""How each kind of field is read; UsageError for what it cannot be."""


def _text(value: object) -> str:
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value).strip()


def _key(sheet: Sheet, told: Mapping[str, object]) -> tuple:
    return tuple(_written(told.get(name)).casefold() for name in sheet.key)


def _doubled(sheet: Sheet) -> str:
    return "the same " + ", ".join(sheet.fields[name].head for name in sheet.key)


# Noting what changed


@dataclass(frozen=True)
class Change:
    """A row that was new, changed or gone, and what it says now (None: gone)."""

    sheet: str
    key: str
    what: str
    text: str | None

    def draft(self, text_ref: str) -> Draft:
        """Its event; `text_ref` names what the row says, kept beside the chain."""
        told = {"sheet": self.sheet, "key": self.key, "what": self.what}
        return Draft("row_noted", payload=told | ({"text": text_ref} if text_ref else {}))


def said(row: Mapping[str, object], sheet: Sheet) -> str:
    """What a row says, as it is kept and compared: its filled fields, in order, as JSON."""
    told = {n: _written(row[n]) for n in sheet.fields}
    return json.dumps({n: v for n, v in told.items() if v}, ensure_ascii=False)


def _written(value: object) -> str:
    if value is None or pd.isna(value):
        return ""
    if isinstance(value, pd.Timestamp):
        return value.date().isoformat()
    return f"{value:.10g}" if isinstance(value, float) else str(value)


def unnoted(
    held: Mapping[str, tuple[pd.DataFrame, bool]],
    register: Register,
    text: Callable[[str], str | None],
) -> list[Change]:
    """Rows that say something else than the record last noted: new ones, changed ones, gone ones.

    `held` gives, by sheet, its rows and whether all of it could be read: only then is a row gone.
    `text` reads what is kept beside the chain; a row whose text was erased is known by its key, and
    not noted again.
    """
    found = []
    for name, (frame, whole) in held.items():
        sheet = SHEETS[name]
        known = {key: told for (of, key), told in register.rows.items() if of == name}
        standing = {key: text(told["text"]) for key, told in known.items() if "text" in told}
        names, taken, seen = _names(sheet, standing), set(known), set()
        for row in frame.to_dict("records"):
            key = _named(sheet, row, names, taken)
            seen.add(key)
            taken.add(key)
            now = said(row, sheet)
            if key not in standing:
                found.append(Change(name, key, "new", now))
            elif standing[key] not in (None, now):
                found.append(Change(name, key, "changed", now))
        gone = [k for k in standing if k not in seen] if whole else []
        found.extend(Change(name, key, "gone", None) for key in gone)
    return found


def _names(sheet: Sheet, standing: Mapping[str, str | None]) -> dict[tuple, str]:
    """What a row on record is called in the chain, by its full key."""
    told = {key: json.loads(text) for key, text in standing.items() if text}
    return {_key(sheet, row): key for key, row in told.items()}


def _named(
    sheet: Sheet, row: Mapping[str, object], names: Mapping[tuple, str], taken: set[str]
) -> str:
    """What a row is called in the chain: its key without what people wrote freely.

    A topic might name a person, and a chain forgets nothing: rows that only differ there are
    numbered.
    """
    full = _key(sheet, row)
    if full in names:
        return names[full]
    parts = [n for n in sheet.key if sheet.fields[n].kind != "text"]
    plain = " / ".join(_written(row[n]) or "-" for n in parts)
    if len(parts) == len(sheet.key):
        return plain
    return next(name for n in count(1) if (name := f"{plain} ({n})") not in taken)


def changes(register: Register, text: Callable[[str], str | None]) -> pd.DataFrame:
    """Every change of a row on record, latest first, as CHANGES: what was said before and after.

    `text` reads what is kept beside the chain; of an erased text only the change is told.
    """
    before: dict[tuple[str, str], str | None] = {}
    rows = []
    for told in register.row_notes:
        place = told["sheet"], told["key"]
        now = text(told["text"]) if "text" in told else None
        what = told["what"]
        if what == "changed":
            what = _difference(before.get(place), now, SHEETS.get(told["sheet"]))
        rows.append((*place, what, pd.Timestamp(told["at"])))
        before[place] = now
    frame = pd.DataFrame(rows, columns=list(CHANGES))
    typed_ = frame.astype(dict.fromkeys(CHANGES[:3], "string") | {"at": "datetime64[us, UTC]"})
    return typed_.sort_values("at", ascending=False, kind="stable", ignore_index=True)


def _difference(before: str | None, now: str | None, sheet: Sheet | None) -> str:
    """Which fields changed, with what they said: "Decision: open to plan"."""
    if before is None or now is None or sheet is None:
        return "changed"
    old, new = json.loads(before), json.loads(now)
    told = [
        f"{sheet.fields[n].head}: {old.get(n, 'empty')} to {new.get(n, 'empty')}"
        for n in sheet.fields
        if old.get(n) != new.get(n)
    ]
    return "; ".join(told) or "changed"
