"""What a person may do with an incident, step by step, and what must be true first.

Each step is a function from the incident to the event it becomes; a step that may not be taken
raises a UsageError that says why and what to do instead. Nothing closes by itself.
"""

import pandas as pd

from opsbook.errors import UsageError
from opsbook.events import Draft, stamp
from opsbook.register import ANSWERS, ENDED, OPEN, ROLES, ROOT_CAUSES, Incident, Register
from opsbook.schema import PRIORITIES
from opsbook.settings import Limits

LOWERING = {"P1": ("Founder or CEO", "Deputy"), "P2": ("AI Lead", "Founder or CEO", "Deputy")}
"""Who may lower or decline an incident of a class, with a reason."""
CONDITION_AT_LEAST = pd.Timedelta(hours=1)
"""The least time a condition must have been false; the panel's hour."""


def acknowledged(incident: Incident, actor: str) -> Draft:
    """Somebody knows: the AI Lead's or the founder's timer is met (clauses B2, B6)."""
    if incident.state in ENDED or incident.state == "resolved":
        raise _refused(incident, "acknowledged", "nobody has to act on it any more")
    since = incident.history[-1]["at"]
    if any(role == actor and at >= since for role, at in incident.confirmed):
        raise _refused(incident, "acknowledged", f"the {actor} has done so already")
    return _draft("acknowledged", incident, actor)


def investigating(incident: Incident, actor: str) -> Draft:
    """Somebody looks for the cause."""
    _from(incident, "investigating", ("acknowledged",))
    return _draft("investigating", incident, actor)


def identified(incident: Incident, actor: str, category: str, text: str = "") -> Draft:
    """The root cause, by category; `unknown` is noted and stops no escalation (clause B6)."""
    if category not in ROOT_CAUSES:
        raise UsageError(f"{category!r} is no root cause; expected one of {', '.join(ROOT_CAUSES)}")
    if incident.state == "detected" or incident.state in ENDED:
        raise _refused(incident, "identified", "it must be acknowledged, and not yet closed")
    return _draft("identified", incident, actor, category=category, text=text)


def mitigated(incident: Incident, actor: str, text: str = "") -> Draft:
    """The damage goes on no longer: the first response holds."""
    _from(incident, "mitigated", ("acknowledged", "investigating", "identified"))
    return _draft("mitigated", incident, actor, text=text)


def resolved(incident: Incident, actor: str, now: pd.Timestamp, text: str = "") -> Draft:
    """The condition is over: false for as long as it took to fire; a P1's scope is known."""
    before = ("mitigated",) if incident.priority == "P1" else OPEN[1:]
    _from(incident, "resolved", before)
    if incident.findings and incident.firing:
        raise _refused(incident, "resolved", "a rule still holds; what was done has not helped yet")
    calm = now - incident.ended_at
    if incident.findings and calm < keep(incident):
        raise _refused(
            incident, "resolved", f"its condition must be false for {_time(keep(incident))}"
        )
    if incident.priority == "P1" and incident.external == "unknown":
        raise _refused(incident, "resolved", "its scope is not known: set the impact first")
    return _draft("resolved", incident, actor, text=text)


def closed(incident: Incident, actor: str, limits: Limits, text: str = "") -> Draft:
    """It is done: a root cause is named; where a post-mortem is due, it is signed."""
    _from(incident, "closed", ("resolved",))
    if not incident.root_cause:
        raise _refused(incident, "closed", "its root cause is not named: identify it first")
    if post_mortem_due(incident, limits) and "post_mortem_signed" not in incident.post_mortem:
        raise _refused(incident, "closed", "its post-mortem is not signed")
    return _draft("closed", incident, actor, text=text)


def declined(incident: Incident, actor: str, text: str) -> Draft:
    """It was none, with the reason; a P1 only by the founder or the deputy, harm never."""
    _from(incident, "declined", ("detected", "acknowledged", "investigating"))
    _may_lower(incident, actor, text, "declined")
    if incident.harmful:
        raise _refused(incident, "declined", "harm was reported; it can be lowered to P2 at most")
    return _draft("declined", incident, actor, text=text)


def reclassified(
    incident: Incident, actor: str, priority: str, text: str, reason: str = "human"
) -> Draft:
    """Another class: up by anyone, down by who may, with a reason, harm never below P2."""
    if priority not in PRIORITIES or priority == incident.priority:
        raise UsageError(f"{incident.id} is {incident.priority}; expected another of P1, P2, P3")
    if incident.state in ENDED:
        raise _refused(incident, "given another class", "it is ended")
    if priority > incident.priority:
        _may_lower(incident, actor, text, "lowered")
        if incident.harmful and priority == "P3":
            raise _refused(incident, "lowered to P3", "harm stays a P2 at least")
    return _draft(
        "priority_changed", incident, actor, priority=priority, class_reason=reason, text=text
    )


def merged(incident: Incident, actor: str, into: Incident) -> Draft:
    """It is part of another incident, which goes on for both."""
    if incident.state in ENDED or into.state in ENDED or into.id == incident.id:
        raise _refused(incident, f"merged into {into.id}", "both must be open, and not the same")
    return _draft("merged", incident, actor, into=into.id)


def step_done(incident: Incident, actor: str, step: str, steps: list[str]) -> Draft:
    """A step of the first response, done now."""
    if step not in steps:
        raise UsageError(f"{step!r} is no step of {incident.id}; expected one of {steps}")
    return _draft("step_done", incident, actor, step=step)


def impact_set(incident: Incident, actor: str, **told: str | float | None) -> Draft:
    """What it did: external, harm, personal_data (yes, no or unknown), persons, eur, text."""
    known = {k: v for k, v in told.items() if v not in (None, "")}
    for name in ("external", "harm", "personal_data", "high_risk"):
        if known.get(name, "unknown") not in ANSWERS:
            raise UsageError(f"{name} is {known[name]!r}; expected yes, no or unknown")
    if not known:
        raise UsageError("nothing is said about the impact; name at least one of its parts")
    return _draft("impact_set", incident, actor, **known)


def noted(incident: Incident, actor: str, text: str) -> Draft:
    """A line for its timeline."""
    return _draft("noted", incident, actor, text=text)


def keep(incident: Incident) -> pd.Timedelta:
    """How long its condition must be false before it is over: as long as it took to fire."""
    taken = [pd.Timestamp(f["detected_at"]) - pd.Timestamp(f["from"]) for f in incident.evidence]
    return max([CONDITION_AT_LEAST, *taken[:1]])


def post_mortem_due(incident: Incident, limits: Limits) -> bool:
    """Whether a post-mortem is owed: P1 always, P2 when long, repeated or escalated."""
    ever_p1 = any(h["priority"] == "P1" for h in incident.history)
    long = incident.ended_at - incident.started_at > pd.Timedelta(hours=limits.post_mortem_p2_h)
    again = bool(incident.reopened)
    return ever_p1 or (incident.priority == "P2" and (long or again))


def _may_lower(incident: Incident, actor: str, text: str, word: str) -> None:
    allowed = LOWERING.get(incident.priority, ROLES)
    if actor not in allowed:
        raise _refused(incident, word, f"that is for {' or '.join(allowed)}, not {actor}")
    if not text:
        raise _refused(incident, word, "a reason is needed")


def _from(incident: Incident, step: str, states: tuple[str, ...]) -> None:
    if incident.state not in states:
        raise _refused(incident, step, f"it must be {' or '.join(states)} first")


def _refused(incident: Incident, step: str, why: str) -> UsageError:
    return UsageError(
        f"{incident.id} ({incident.priority}, {incident.state}) cannot be {step}: {why}."
    )


def _draft(kind: str, incident: Incident, actor: str, **payload: object) -> Draft:
    if actor not in ROLES:
        raise UsageError(f"{actor!r} is no role; expected one of {', '.join(ROLES)}")
    return Draft(kind, incident.id, {k: v for k, v in payload.items() if v != ""}, actor)


def _time(span: pd.Timedelta) -> str:
    hours = span / pd.Timedelta(hours=1)
    return f"{hours:.0f} h" if hours < 48 else f"{hours / 24:.1f} days"


def silence(
    register: Register,
    actor: str,
    workflow: str,
    family: str,
    now: pd.Timestamp,
    until: pd.Timestamp,
    text: str,
) -> Draft:
    """Messages of one workflow held back until a moment, with who and why."""
    told = {
        "silence": f"S{len(register.silences) + 1:04}",
        "workflow": workflow,
        "family": family or None,
        "from": stamp(now),
        "to": stamp(until),
        "text": text,
    }
    return Draft("silenced", None, told, actor)
