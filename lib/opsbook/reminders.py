"""Reminder clocks of the law on an incident: by when somebody must have looked, never what it is.

Whether an incident is serious or a breach, people decide. Until they have answered, its time runs
from when it was noticed, and what belongs to it is neither erased nor changed.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import pandas as pd

from opsbook.register import ENDED, Incident
from opsbook.registers import Registers
from opsbook.schema import COMPANY, UNASSIGNED
from opsbook.settings import Settings

HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)
AI_ACT, GDPR = "AI Act Art. 73", "GDPR Art. 33"


@dataclass(frozen=True)
class Clock:
    """One time the law gives from awareness: which law, in which case, and how long."""

    law: str
    case: str
    within: pd.Timedelta


CLOCKS = (
    Clock(AI_ACT, "widespread infringement, or critical infrastructure disrupted", 2 * DAY),
    Clock(AI_ACT, "a person died", 10 * DAY),
    Clock(AI_ACT, "any other serious incident", 15 * DAY),
    Clock(GDPR, "a breach of personal data: notify the authority", 72 * HOUR),
    Clock("NIS2 Art. 23", "early warning of a significant incident", 24 * HOUR),
    Clock("NIS2 Art. 23", "notification of a significant incident", 72 * HOUR),
    Clock("DORA Art. 19", "first notification of a major incident, at the latest", 24 * HOUR),
)
"""Regulation (EU) 2024/1689 Art. 73(2) to (4), with Art. 26(5) for those who use a system;
Regulation (EU) 2016/679 Art. 33(1); Directive (EU) 2022/2555 Art. 23(4); Regulation (EU) 2022/2554
Art. 19(4) with its technical standards."""
COLUMNS = ["incident", "law", "what", "due_at", "since", "why"]
CLASSES = {"high": "yes", "minimal": "no", "limited": "no"}
"""What a workflow's risk class says of "is it a high-risk system"; another says nothing."""


def clocks(incident: Incident, settings: Settings, registers: Registers) -> pd.DataFrame:
    """The reminder clocks of one incident, soonest first: COLUMNS, one row per clock, times UTC.

    Clause F2. Art. 73 where a high-risk system and harm are both yes or unknown, Art. 33 where
    personal data are; NIS2 and DORA where the settings name them. Unknown counts for a P1 and a P2
    of a workflow; of a P3 and of the company's spend only yes does. What was declined or merged has
    none. Judges nothing: no row says that it is a serious incident.
    """
    if incident.state in ("declined", "merged"):
        return _frame([])
    told = {name: answer(incident, name, registers) for name in ASKED}
    laws = {
        AI_ACT: ("high_risk", "harm"),
        GDPR: ("personal_data",),
        **({"NIS2 Art. 23": ("external",)} if "NIS2" in settings.company.laws_also else {}),
        **({"DORA Art. 19": ("external",)} if "DORA" in settings.company.laws_also else {}),
    }
    running = [c for c in CLOCKS if all(_may_be(incident, told[a]) for a in laws.get(c.law, ("",)))]
    return _frame([_row(incident, c, laws[c.law], told) for c in running])


ASKED = {
    "high_risk": "high-risk system",
    "harm": "harm",
    "personal_data": "personal data",
    "external": "reached anyone outside",
    "": "not asked",
}
"""The answers that decide whether a clock runs, in words."""


def answer(incident: Incident, name: str, registers: Registers) -> str:
    """Yes, no or unknown: a person's answer, else what the register of AI systems says."""
    if not name:
        return "no"
    told = incident.impact.get(name, "unknown")
    if told != "unknown" or name != "high_risk":
        return told
    systems = registers.systems
    known = dict(zip(systems.workflow, systems.risk.fillna("open"), strict=True))
    classes = [CLASSES.get(known.get(w, "open"), "unknown") for w in incident.workflows]
    return next((a for a in ("yes", "unknown") if a in classes), "no")


def _may_be(incident: Incident, told: str) -> bool:
    asked = incident.priority != "P3" and incident.workflow not in (COMPANY, UNASSIGNED)
    return told == "yes" or (asked and told == "unknown")


def _row(incident: Incident, clock: Clock, asked: Iterable[str], told: dict[str, str]) -> dict:
    return {
        "incident": incident.id,
        "law": clock.law,
        "what": clock.case,
        "due_at": incident.detected_at + clock.within,
        "since": incident.detected_at,
        "why": ", ".join(f"{ASKED[a]}: {told[a]}" for a in asked),
    }


def _frame(rows: list[dict]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=COLUMNS)
    times = {c: pd.to_datetime(frame[c], utc=True) for c in ("due_at", "since")}
    return frame.assign(**times).sort_values("due_at", kind="stable", ignore_index=True)


def running(
    incidents: Iterable[Incident], settings: Settings, registers: Registers
) -> pd.DataFrame:
    """The clocks of all incidents that are not ended, soonest first; COLUMNS."""
    own = [clocks(i, settings, registers) for i in incidents if i.state not in ENDED]
    return _frame([row for frame in own for row in frame.to_dict("records")])


def held(incident: Incident, settings: Settings, registers: Registers) -> bool:
    """Whether what belongs to an incident is kept as it is: a clock of Art. 73 is on it.

    It ends with the answer no to one of its questions, not with the incident.
    """
    return AI_ACT in set(clocks(incident, settings, registers).law)
