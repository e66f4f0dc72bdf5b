"""The company's registers: what people keep in the sheets of `register.xlsx` beside their reports.

Vendor notices, contracts, actions, what a workflow is worth, hours, AI systems, training and
requests. Each sheet is declared once here: what a row is, what names it, and what each column
holds. A row is people's word; the tool reads it and notes when it changed, and writes none.
"""

from dataclasses import dataclass, field

import pandas as pd

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

    Kinds are text, day, number, choice (one of `values`), workflow (an id or name), workflows
    (several, set apart by commas; all where empty) and role (never a person).
    """

    head: str
    kind: str = "text"
    width: int = 16
    needed: bool = False
    values: tuple[str, ...] = ()
    says: str = ""


@dataclass(frozen=True)
class Sheet:
    """One sheet: its title, what a row is, the fields that name a row, and its columns."""

    title: str
    grain: str
    key: tuple[str, ...]
    fields: dict[str, Field]

    def empty(self) -> pd.DataFrame:
        """The sheet without rows, typed; with `cell`, the first cell of each row."""
        types = {n: DTYPES.get(f.kind, "string") for n, f in self.fields.items()}
        return pd.DataFrame(
            {n: pd.Series(dtype=t) for n, t in (types | {"cell": "string"}).items()}
        )


def _id(example: str) -> Field:
    return Field("Id", width=12, needed=True, says=f"short and for good, like {example}")


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
    ),
}  # fmt: skip
"""Each sheet by its short name."""
CHANGES = ("sheet", "key", "what", "at")


@dataclass(frozen=True)
class Registers:
    """What the sheets hold, one frame each as declared in SHEETS, with problems by cell.

    `changes` has one row per row that was new, changed or gone, as the record noted it: sheet, key,
    what (new, gone, or the fields that changed, with what they said), at (UTC).
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
