"""The incident register: a fold over the record of events, with the steps a person may take.

An incident is what its events say, and any table of incidents is a view. The rules only open it,
let findings join it and say when its condition is over; what it was, how grave it is and when it is
done, people decide, each step guarded.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import pandas as pd

from opsbook.errors import UsageError
from opsbook.events import GENESIS, Draft, Event, stamp
from opsbook.settings import Limits

STATES = (
    "detected", "acknowledged", "investigating", "identified", "mitigated", "resolved", "closed",
    "declined", "merged",
)  # fmt: skip
ENDED = ("closed", "declined", "merged")
OPEN = STATES[:5]
"""States in which somebody still has to act."""
ROLES = ("AI Lead", "Founder or CEO", "Deputy", "Operations", "Reporter", "Opsbook")
CLASS_REASONS = ("harm_external", "harm_internal", "threshold", "escalated", "human")
HARM = CLASS_REASONS[:2]
ROOT_CAUSES = (
    "vendor_model_change", "vendor_outage", "prompt_change", "input_change", "integration_code",
    "limits_config", "price_change", "data_quality", "human_use", "security", "unknown",
)  # fmt: skip
ANSWERS = ("yes", "no", "unknown")


@dataclass
class Incident:
    """One incident as its events tell it; times are UTC, `workflows` ids, the first one leads.

    `findings` holds the figures of each finding by its key, `history` each class it had,
    `times` when each state was reached.
    """

    id: str
    workflows: list[str]
    family: str
    priority: str
    class_reason: str
    started_at: pd.Timestamp
    detected_at: pd.Timestamp
    opened_at: pd.Timestamp
    reason: str
    provider: str | None = None
    late: bool = False
    state: str = "detected"
    impact: dict = field(default_factory=dict)
    findings: dict[str, dict] = field(default_factory=dict)
    history: list[dict] = field(default_factory=list)
    times: dict[str, pd.Timestamp] = field(default_factory=dict)
    root_cause: dict = field(default_factory=dict)
    steps: dict[str, pd.Timestamp] = field(default_factory=dict)
    confirmed: list[tuple[str, pd.Timestamp]] = field(default_factory=list)
    notices: dict[str, dict] = field(default_factory=dict)
    reopened: list[pd.Timestamp] = field(default_factory=list)
    actions: list[dict] = field(default_factory=list)
    post_mortem: dict = field(default_factory=dict)
    merged_into: str | None = None
    timeline: list[Event] = field(default_factory=list)

    @property
    def workflow(self) -> str:
        """The workflow it began in."""
        return self.workflows[0]

    @property
    def open(self) -> bool:
        """Whether somebody still has to act."""
        return self.state in OPEN

    @property
    def firing(self) -> bool:
        """Whether a rule still holds; for what a person reported, whether it is still open.

        What was merged goes on in the other incident, if it does.
        """
        if not self.findings or self.state == "merged":
            return self.state in OPEN
        return any(f["state"] == "firing" for f in self.findings.values())

    @property
    def ended_at(self) -> pd.Timestamp:
        """The end of the last bucket any of its findings held in; its start without findings."""
        ends = [pd.Timestamp(f["to"]) for f in self.findings.values()]
        return max([self.started_at, *ends])

    @property
    def rules(self) -> list[str]:
        """Rules that found it, in their order."""
        return sorted({f["rule"] for f in self.findings.values()}, key=lambda r: int(r[1:]))

    @property
    def external(self) -> str:
        """Whether it reached anyone outside: yes, no or unknown."""
        return self.impact.get("external", "unknown")

    @property
    def evidence(self) -> list[dict]:
        """Its findings, the gravest and then the earliest first."""
        return sorted(self.findings.values(), key=lambda f: (f["priority"], f["detected_at"]))

    @property
    def harmful(self) -> bool:
        """Whether a person said it does harm, external or internal."""
        return any(h["class_reason"] in HARM for h in self.history)

    @property
    def root_cause_known(self) -> bool:
        """Whether its root cause is named; `unknown` does not count (clause B6)."""
        return self.root_cause.get("category", "unknown") != "unknown"

    def flapping(self, limits: Limits) -> bool:
        """Whether it was reopened too often within a week."""
        week = pd.Timedelta(days=limits.flapping_days)
        recent = [t for t in self.reopened if t > self.reopened[-1] - week]
        return len(recent) >= limits.flapping_reopened


@dataclass
class Register:
    """All incidents by id, in the order they were opened, with silences and explanations.

    `approved` is, by workflow, the regression run that later ones are compared with. `rows` is what
    was last noted of a row of register.xlsx, by sheet and key, `row_notes` every note, oldest
    first. `reviews` are the sign-offs by period, a version after the other; `tasks` the actions by
    id. `count` and `head` are those of the chain it was folded from.
    """

    incidents: dict[str, Incident] = field(default_factory=dict)
    silences: dict[str, dict] = field(default_factory=dict)
    explained: list[dict] = field(default_factory=list)
    reports: set[str] = field(default_factory=set)
    erased: set[str] = field(default_factory=set)
    approved: dict[str, dict] = field(default_factory=dict)
    rows: dict[tuple[str, str], dict] = field(default_factory=dict)
    row_notes: list[dict] = field(default_factory=list)
    reviews: dict[str, list[dict]] = field(default_factory=dict)
    tasks: dict[str, dict] = field(default_factory=dict)
    count: int = 0
    head: str = GENESIS

    def incident(self, name: str) -> Incident:
        """The incident with this id; UsageError for none."""
        found = self.incidents.get(name.upper())
        if found is None:
            known = ", ".join(list(self.incidents)[-3:]) or "none yet"
            raise UsageError(f"{name!r} is no incident; the latest are: {known}.")
        return found

    def frame(self) -> pd.DataFrame:
        """One row per incident, oldest first, as `COLUMNS`; `evidence` holds its findings."""
        rows = [{c: getattr(i, c) for c in COLUMNS} for i in self.incidents.values()]
        frame = pd.DataFrame(rows, columns=COLUMNS)
        times = ["started_at", "detected_at", "ended_at"]
        flags = dict.fromkeys(["open", "firing", "late"], "bool")
        return frame.astype(dict.fromkeys(times, "datetime64[us, UTC]") | flags)


COLUMNS = [
    "id", "workflow", "workflows", "family", "provider", "priority", "class_reason", "state",
    "open", "firing", "started_at", "detected_at", "ended_at", "rules", "evidence", "reason",
    "external", "late",
]  # fmt: skip


def fold(events: Iterable[Event]) -> Register:
    """The register that a chain of events makes; events of a kind it does not know only count."""
    register = Register()
    for event in events:
        register.count, register.head = event.seq, event.hash
        enter(register, event)
    return register


def enter(register: Register, event: Event) -> None:
    """Let one more event change a register."""
    incident = register.incidents.get(event.incident or "")
    if event.type in ON_REGISTER:
        ON_REGISTER[event.type](register, event)
    elif incident and event.type in ON_INCIDENT:
        ON_INCIDENT[event.type](incident, event)
    if event.type == "post_mortem_signed":
        _tasks_of(register, event)
    if event.incident in register.incidents:
        register.incidents[event.incident].timeline.append(event)


def fold_draft(register: Register, draft: Draft, now: pd.Timestamp) -> None:
    """Let an event change a register before it is sealed: what a page shows ahead of the record."""
    loose = Event(
        register.count, stamp(now), draft.actor, draft.type, draft.incident, draft.payload, "", ""
    )
    enter(register, loose)


# What each kind of event does


def finding_key(finding: dict) -> str:
    """What tells findings of one incident apart: rule, workflow, metric and start."""
    return " ".join(finding[k] for k in ("rule", "workflow", "metric", "from"))


def _opened(register: Register, event: Event) -> None:
    told = event.payload
    incident = Incident(
        id=event.incident or "",
        workflows=list(told["workflows"]),
        family=told["family"],
        priority=told["priority"],
        class_reason=told["class_reason"],
        started_at=pd.Timestamp(told["started_at"]),
        detected_at=pd.Timestamp(told.get("detected_at", event.ts)),
        opened_at=event.at,
        reason=told["reason"],
        provider=told.get("provider"),
        late=told.get("late", False),
        impact=dict(told.get("impact", {})),
        times={"detected": event.at},
    )
    incident.history.append(_class(event) | {"at": incident.detected_at})
    if finding := told.get("finding"):
        incident.findings[finding_key(finding)] = finding
    register.reports |= {told["report"]} if "report" in told else set()
    register.incidents[incident.id] = incident


def _class(event: Event) -> dict:
    kept = ("priority", "class_reason", "text")
    told = {k: event.payload[k] for k in kept if k in event.payload}
    return {"at": event.at, "actor": event.actor} | told


def _joined(incident: Incident, event: Event) -> None:
    finding = event.payload["finding"]
    key = event.payload.get("key") or finding_key(finding)
    if key in incident.findings:  # its headline tells the last figures
        told = incident.findings[key]["reason"]
        incident.reason = incident.reason.replace(told, finding["reason"])
    incident.findings[key] = finding
    incident.started_at = min(incident.started_at, pd.Timestamp(finding["from"]))
    if finding["workflow"] not in incident.workflows:
        incident.workflows.append(finding["workflow"])
        incident.provider = event.payload.get("provider") or incident.provider


def _class_changed(incident: Incident, event: Event) -> None:
    incident.priority = event.payload["priority"]
    incident.class_reason = event.payload["class_reason"]
    incident.reason = event.payload.get("reason", incident.reason)
    incident.history.append(_class(event))


def _reached(incident: Incident, event: Event) -> None:
    if event.type == "acknowledged":
        incident.confirmed.append((event.actor, event.at))
    if STATES.index(event.type) > STATES.index(incident.state):
        incident.state = event.type
        incident.times[event.type] = pd.Timestamp(event.payload.get("at", event.ts))


def _identified(incident: Incident, event: Event) -> None:
    incident.root_cause = {**event.payload, "by": event.actor, "when": event.ts}
    if incident.root_cause_known:
        _reached(incident, event)


def _reopened(incident: Incident, event: Event) -> None:
    incident.state = "detected"
    incident.reopened.append(event.at)
    incident.confirmed.clear()
    incident.post_mortem.pop("post_mortem_signed", None)
    incident.times = {"detected": event.at}
    incident.history.append(
        {
            "at": event.at,
            "actor": event.actor,
            "priority": incident.priority,
            "class_reason": incident.class_reason,
        }
    )
    _joined(incident, event)


def _merged(register: Register, event: Event) -> None:
    incident = register.incidents[event.incident or ""]
    incident.merged_into = event.payload["into"]
    into = register.incidents[incident.merged_into]
    into.findings |= incident.findings
    into.workflows += [w for w in incident.workflows if w not in into.workflows]
    _reached(incident, event)


def _noticed(incident: Incident, event: Event) -> None:
    told = dict(event.payload)
    known = incident.notices.setdefault(told["notice"], {})
    known |= told | {"state": event.type.removeprefix("notification_"), event.type: event.ts}


def _step(incident: Incident, event: Event) -> None:
    incident.steps[event.payload["step"]] = pd.Timestamp(event.payload.get("at", event.ts))


def _impact(incident: Incident, event: Event) -> None:
    incident.impact |= event.payload


def _post_mortem(incident: Incident, event: Event) -> None:
    incident.post_mortem |= {**event.payload, event.type: event.ts}
    incident.actions = list(event.payload.get("actions", incident.actions))


def _silenced(register: Register, event: Event) -> None:
    register.silences[event.payload["silence"]] = {**event.payload, "by": event.actor}


def _silence_ended(register: Register, event: Event) -> None:
    register.silences[event.payload["silence"]]["to"] = event.ts


def _explained(register: Register, event: Event) -> None:
    register.explained.append({**event.payload, "by": event.actor, "at": event.ts})


def _erased(register: Register, event: Event) -> None:
    register.erased.add(event.payload["text"])


def _approved(register: Register, event: Event) -> None:
    register.approved[event.payload["workflow"]] = event.payload | {"ts": event.ts}


def _row_noted(register: Register, event: Event) -> None:
    told = event.payload | {"at": event.ts}
    register.row_notes.append(told)
    register.rows[told["sheet"], told["key"]] = told


def _review_signed(register: Register, event: Event) -> None:
    told = event.payload | {"by": event.actor, "ts": event.ts, "seq": event.seq}
    register.reviews.setdefault(told["period"], []).append(told)
    for task in told["made"]:
        register.tasks[task["id"]] = _task(task, told["review"], told["period"])
    for name in told["carried"]:
        _known_task(register, name)["carried"][told["period"]] = told["review"]
    for closed in told["closed"]:
        _known_task(register, closed["id"]).update(state=closed["state"], ended=event.ts)


def _task(told: dict, review: str, origin: str) -> dict:
    """An action as it stands when it is made; `carried` are the reviews that left it open."""
    return told | {"state": "open", "review": review, "origin": origin, "carried": {}}


def _known_task(register: Register, name: str) -> dict:
    """An action by its id; one of register.xlsx says there what it is."""
    return register.tasks.setdefault(name, _task({"id": name}, "weekly", "register.xlsx"))


def _tasks_of(register: Register, event: Event) -> None:
    """Actions of a signed post-mortem: the weekly review follows them."""
    for number, task in enumerate(event.payload.get("actions", []), start=1):
        name = f"{event.incident}/{number}"
        register.tasks[name] = _task({"id": name} | task, "weekly", event.incident or "")


ON_REGISTER: dict[str, Callable[[Register, Event], None]] = {
    "incident_opened": _opened,
    "merged": _merged,
    "silenced": _silenced,
    "silence_ended": _silence_ended,
    "explained": _explained,
    "text_erased": _erased,
    "regression_approved": _approved,
    "row_noted": _row_noted,
    "review_signed": _review_signed,
}
ON_INCIDENT: dict[str, Callable[[Incident, Event], None]] = {
    "finding_joined": _joined,
    "finding_ended": _joined,
    "priority_changed": _class_changed,
    "acknowledged": _reached,
    "investigating": _reached,
    "identified": _identified,
    "mitigated": _reached,
    "resolved": _reached,
    "closed": _reached,
    "declined": _reached,
    "reopened": _reopened,
    "notification_started": _noticed,
    "notification_sent": _noticed,
    "notification_failed": _noticed,
    "step_done": _step,
    "impact_set": _impact,
    "post_mortem_started": _post_mortem,
    "post_mortem_signed": _post_mortem,
}
KINDS = ("noted", "torn_line_set_aside", *ON_REGISTER, *ON_INCIDENT)
"""Every kind of event there is."""
