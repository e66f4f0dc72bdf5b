"""From findings to incidents: what the rules say now, as events the register still lacks.

Findings of one workflow and rule family are one incident. What failing calls drag along joins
theirs; two workflows of one provider within the hour are one incident of the provider; the same
again within a day of its resolution reopens. Deadlines count from the moment a check noticed.
"""

from collections.abc import Mapping
from copy import deepcopy

import pandas as pd

from opsbook.clock import BusinessClock
from opsbook.events import Draft, stamp
from opsbook.register import ENDED, OPEN, Incident, Register, fold_draft
from opsbook.schema import COMPANY, UNASSIGNED
from opsbook.settings import Limits, Settings

FIRST_RESPONSE = {
    "P1": "Pause the workflow. No follow-up by AI. Establish by hand who and what is affected.",
    "P2": "Switch to the manual process. Log the degradation with its times.",
    "P3": "Log it. It is looked at in the weekly review.",
}
DRAWN_ALONG = ("cost", "latency", "quality", "activity", "refusals")
"""Families that join an open incident of failing calls of the same workflow: its consequences."""
OF_A_PROVIDER = ("errors", "latency", "refusals", "quality")
"""Families in which a provider's trouble shows in several workflows at once."""
NUMBERS = ("observed", "baseline", "limit", "sample", "references")


def news(
    register: Register,
    findings: pd.DataFrame,
    settings: Settings,
    clock: BusinessClock,
    providers: Mapping[str, str],
    now: pd.Timestamp,
) -> list[Draft]:
    """Events that bring the register up to what the rules find at `now`, in order.

    Takes FINDINGS of one method and each workflow's provider. Empty when nothing is new: entering
    the same findings twice changes nothing.
    """
    work, drafts = deepcopy(register), []

    def enter(draft: Draft) -> None:
        drafts.append(draft)
        fold_draft(work, draft, now)

    named = findings[findings.priority.notna()].sort_values(["detected_at", "priority", "rule"])
    found = [_figures(row) for row in named.to_dict("records")]
    for finding in found:
        for draft in _entered(finding, work, settings, providers, now):
            enter(draft)
    for draft in _gone(found, work):
        enter(draft)
    for draft in _escalated(work, settings, clock, now):
        enter(draft)
    return drafts


def _figures(row: dict) -> dict:
    """A finding as an event holds it: times in ISO 8601, missing figures null."""
    texts = {k: row[k] for k in ("rule", "family", "workflow", "metric", "priority", "reason")}
    times = {"from": "started_at", "to": "ended_at", "detected_at": "detected_at"}
    figures = {k: None if pd.isna(row[k]) else float(row[k]) for k in NUMBERS}
    said = {"state": row["state"], "parameters": _text(row["parameters"])}
    return texts | {k: stamp(row[v]) for k, v in times.items()} | figures | said


def _text(value: object) -> str:
    return "" if pd.isna(value) else str(value)


def _entered(
    finding: dict,
    work: Register,
    settings: Settings,
    providers: Mapping[str, str],
    now: pd.Timestamp,
) -> list[Draft]:
    """What one finding adds to the register: nothing, or that it is new, joins, goes on or ends."""
    limits = settings.limits
    known = _recorded(finding, work)
    if known:
        return _followed(finding, *known)
    home = _home(finding, work, limits, providers, now)
    if home is None:
        return [_opening(finding, work, settings, providers, now)]
    return [*_joining(finding, home, providers), *_swallowed(finding, home, work, limits)]


def _recorded(finding: dict, work: Register) -> tuple[Incident, str] | None:
    """The incident, and the key in it, that holds this finding already.

    A stretch that grows keeps its identity: same rule, workflow and metric, overlapping in time.
    """
    for incident in reversed(_standing(work)):
        for key, known in incident.findings.items():
            same = all(known[k] == finding[k] for k in ("rule", "workflow", "metric"))
            if same and _overlap(known, finding) and not _resumed(finding, known, incident):
                return incident, key
    return None


def _standing(work: Register) -> list[Incident]:
    """Incidents that stand for themselves: the findings of a merged one are the other's too."""
    return [i for i in work.incidents.values() if i.state != "merged"]


def _resumed(finding: dict, known: dict, incident: Incident) -> bool:
    """Whether a stretch on record holds again after its incident was resolved."""
    if incident.state not in ("resolved", "closed") or finding["to"] <= known["to"]:
        return False
    return finding["state"] == "firing" or finding["to"] > stamp(incident.times["resolved"])


def _overlap(one: dict, other: dict) -> bool:
    return one["from"] < other["to"] and other["from"] < one["to"]


def _followed(finding: dict, incident: Incident, key: str) -> list[Draft]:
    """How a finding on record went on: it ended, it resumed, or its class rose."""
    known = incident.findings[key]
    if incident.state in ENDED or finding["state"] == known["state"] == "firing":
        return _raised(finding, incident)
    if all(finding[k] == known[k] for k in ("state", "to", "reason")):
        return _raised(finding, incident)
    kind = "finding_joined" if finding["state"] == "firing" else "finding_ended"
    told = Draft(kind, incident.id, {"finding": finding, "key": key})
    return [told, *_raised(finding, incident)]


def _raised(finding: dict, incident: Incident) -> list[Draft]:
    """A graver finding raises an open incident's class; a class a person set stays."""
    judged = all(h["class_reason"] in ("threshold", "escalated") for h in incident.history)
    if incident.state in ENDED or not judged or finding["priority"] >= incident.priority:
        return []
    raised = {k: finding[k] for k in ("priority", "reason")} | {"class_reason": "threshold"}
    return [Draft("priority_changed", incident.id, raised)]


def _home(
    finding: dict,
    work: Register,
    limits: Limits,
    providers: Mapping[str, str],
    now: pd.Timestamp,
) -> Incident | None:
    """The incident a new finding belongs to: its own, the one it follows from, the provider's."""
    alive = [i for i in reversed(work.incidents.values()) if i.state not in ("declined", "merged")]
    homes = (
        _own(finding, alive, limits),
        [i for i in alive if _drawn_along(finding, i)],
        [i for i in alive if _same_provider(finding, i, limits, providers, now)],
    )
    return next((i for fitting in homes for i in fitting), None)


def _own(finding: dict, alive: list[Incident], limits: Limits) -> list[Incident]:
    """Incidents of a finding's workflow and family that it is part of.

    The gravest is its home, of single breaches the one that came first.
    """
    near = [i for i in alive if _same_key(finding, i) and _near(finding, i, limits)]
    single = [i for i in near if i.priority == "P3"]
    return [i for i in near if i.priority != "P3"] + single[::-1]


def _same_key(finding: dict, incident: Incident) -> bool:
    return incident.family == finding["family"] and finding["workflow"] in incident.workflows


def _near(finding: dict, incident: Incident, limits: Limits) -> bool:
    """Whether a finding belongs to the same event: within `reopen_h` of its end or resolution.

    A single breach (P3) is part of an event only where they meet.
    """
    grave = "P3" not in (finding["priority"], incident.priority)
    reach = pd.Timedelta(hours=limits.reopen_h if grave else 0)
    end = _end(incident)
    if grave and "resolved" in incident.times:
        end = max(end, incident.times["resolved"])
    start, until = pd.Timestamp(finding["from"]), pd.Timestamp(finding["to"])
    return start - reach <= end and until >= incident.started_at - reach


def _end(incident: Incident) -> pd.Timestamp:
    """The end of an incident's last finding; far ahead while one still holds."""
    return FAR_AHEAD if incident.firing and incident.findings else incident.ended_at


FAR_AHEAD = pd.Timestamp("9999-01-01", tz="UTC")


def _drawn_along(finding: dict, incident: Incident) -> bool:
    """Whether failing calls of the same workflow explain a finding: it overlaps their incident."""
    failing = incident.family == "errors" and incident.state in OPEN
    own = finding["family"] in DRAWN_ALONG and finding["workflow"] in incident.workflows
    begun = pd.Timestamp(finding["from"]) <= _end(incident)
    return failing and own and begun and pd.Timestamp(finding["to"]) > incident.started_at


def _same_provider(
    finding: dict,
    incident: Incident,
    limits: Limits,
    providers: Mapping[str, str],
    now: pd.Timestamp,
) -> bool:
    """Whether another workflow of the same provider began to fail in the same way just before."""
    provider = providers.get(finding["workflow"])
    shared = provider is not None and provider == providers.get(incident.workflow)
    alike = finding["family"] == incident.family in OF_A_PROVIDER and incident.state in OPEN
    apart = abs(pd.Timestamp(finding["detected_at"]) - _first_detected(incident))
    grave = "P3" not in (finding["priority"], incident.priority)
    return shared and alike and grave and apart <= pd.Timedelta(minutes=limits.group_provider_min)


def _first_detected(incident: Incident) -> pd.Timestamp:
    return min(
        (pd.Timestamp(f["detected_at"]) for f in incident.findings.values()),
        default=incident.opened_at,
    )


def _joining(finding: dict, home: Incident, providers: Mapping[str, str]) -> list[Draft]:
    """A new finding in an incident that stands: it joins, or reopens what was resolved."""
    told: dict = {"finding": finding}
    if finding["workflow"] not in home.workflows:
        told["provider"] = providers.get(finding["workflow"])
    kind = "finding_joined" if home.state in OPEN else "reopened"
    return [Draft(kind, home.id, told), *_raised(finding, home)]


def _swallowed(finding: dict, home: Incident, work: Register, limits: Limits) -> list[Draft]:
    """Single breaches that turn out to be part of a graver finding's incident."""
    if finding["priority"] == "P3":
        return []
    open_ones = [i for i in work.incidents.values() if i.open and i.priority == "P3"]
    parts = [i for i in _own(finding, open_ones, limits) if i.id != home.id]
    return [Draft("merged", i.id, {"into": home.id}) for i in parts]


def _opening(
    finding: dict,
    work: Register,
    settings: Settings,
    providers: Mapping[str, str],
    now: pd.Timestamp,
) -> Draft:
    """A new incident for a finding that belongs to none."""
    workflow = settings.workflow(finding["workflow"])
    over = finding["state"] != "firing"
    age = now - pd.Timestamp(finding["to"])
    told = {
        "workflows": [finding["workflow"]],
        "category": workflow.category if workflow else None,
        "family": finding["family"],
        "provider": providers.get(finding["workflow"]),
        "priority": finding["priority"],
        "class_reason": "threshold",
        "started_at": finding["from"],
        "reason": finding["reason"],
        "finding": finding,
        "late": over and age > pd.Timedelta(hours=settings.limits.history_h),
    }
    return Draft("incident_opened", next_id(work, settings, now), told)


def next_id(register: Register, settings: Settings, now: pd.Timestamp) -> str:
    """The id of the next incident: the company's year, and the number within it."""
    year = now.tz_convert(settings.company.zone).year
    numbers = [int(i[9:]) for i in register.incidents if i.startswith(f"INC-{year}-")]
    return f"INC-{year}-{max(numbers, default=0) + 1:04}"


def _gone(found: list[dict], work: Register) -> list[Draft]:
    """Findings on record as firing that the rules do not find any more: the data was corrected."""
    drafts = []
    for incident in _standing(work):
        for key, known in incident.findings.items():
            same = [f for f in found if all(f[k] == known[k] for k in ("rule", "workflow"))]
            if known["state"] == "firing" and not any(_overlap(known, f) for f in same):
                ended = known | {
                    "state": "over",
                    "reason": f"{known['reason']}, by data since gone",
                }
                drafts.append(Draft("finding_ended", incident.id, {"finding": ended, "key": key}))
    return drafts


def _escalated(
    work: Register, settings: Settings, clock: BusinessClock, now: pd.Timestamp
) -> list[Draft]:
    """Open P2s without a root cause for too long become P1 (clause B6, rule R12)."""
    told = {
        "priority": "P1",
        "class_reason": "escalated",
        "reason": "no root cause within four hours",
        "rule": "R12",
    }
    return [
        Draft("priority_changed", i.id, told)
        for i in work.incidents.values()
        if i.priority == "P2" and i.state in OPEN and not (i.root_cause_known or i.late)
        if now >= escalates_at(i, settings, clock)
    ]


def escalates_at(incident: Incident, settings: Settings, clock: BusinessClock) -> pd.Timestamp:
    """When a P2 without a root cause becomes a P1: business hours, elapsed if customers see it."""
    since = incident.history[-1]["at"]
    age = pd.Timedelta(hours=settings.limits.escalate_h)
    return since + age if _customer_facing(incident, settings) else clock.add(since, age)


def _customer_facing(incident: Incident, settings: Settings) -> bool:
    known = [settings.workflow(w) for w in incident.workflows]
    return any(w is not None and w.customer_facing for w in known)


def timers(register: Register, settings: Settings, clock: BusinessClock) -> pd.DataFrame:
    """Who must know by when: one row per incident, class it had and role, by due time.

    Clauses B2 and B6. Columns id, role, kind (inform or escalate), since (when the class was
    reached), due_at, told_at (a message was delivered), confirmed_at (the role acknowledged),
    met (<NA> while nobody knows), current (whether it is the class it has now), rule in words. A P3
    has none: the weekly review; nor has what was over long before it was found.
    """
    rows = [
        {"id": i.id} | due
        for i in register.incidents.values()
        if not i.late
        for due in _due(i, settings, clock)
    ]
    frame = pd.DataFrame(rows, columns=TIMERS)
    times = {c: pd.to_datetime(frame[c], utc=True) for c in TIMER_TIMES}
    typed = frame.assign(**times).astype({"met": "boolean", "current": "bool"})
    return typed.sort_values(["due_at", "id"], kind="stable", ignore_index=True)


TIMERS = [
    "id", "role", "kind", "since", "due_at", "told_at", "confirmed_at", "met", "current", "rule",
]  # fmt: skip
TIMER_TIMES = ["since", "due_at", "told_at", "confirmed_at"]
LEAD, FOUNDER = "AI Lead", "Founder or CEO"


def _due(incident: Incident, settings: Settings, clock: BusinessClock) -> list[dict]:
    """The timers of every class an incident had, its own last."""
    ends = [h["at"] for h in incident.history[1:]] + [None]
    return [
        _with_answer(timer, incident, since, until)
        for (since, priority), until in zip(_classes(incident), ends, strict=True)
        for timer in _of_class(incident, priority, since, settings, clock)
    ]


def _classes(incident: Incident) -> list[tuple[pd.Timestamp, str]]:
    return [(h["at"], h["priority"]) for h in incident.history]


def _of_class(
    incident: Incident,
    priority: str,
    since: pd.Timestamp,
    settings: Settings,
    clock: BusinessClock,
) -> list[dict]:
    limits = settings.limits
    if priority == "P1":
        lead, founder = limits.p1_lead_min, limits.p1_founder_min
        told = [_timer(LEAD, since + pd.Timedelta(minutes=lead), f"within {lead} minutes")]
        also = _timer(FOUNDER, since + pd.Timedelta(minutes=founder), f"within {founder} minutes")
        return told + ([also] if incident.external != "no" else [])
    if priority == "P2":
        return [_p2_timer(incident, since, settings, clock)]
    return []


def _p2_timer(
    incident: Incident, since: pd.Timestamp, settings: Settings, clock: BusinessClock
) -> dict:
    if _customer_facing(incident, settings):
        return _timer(LEAD, since, "at once: customers see it")
    hours = settings.limits.p2_lead_business_h
    due = clock.add(since, pd.Timedelta(hours=hours))
    return _timer(LEAD, due, f"within {hours:g} business hours")


def _timer(role: str, due_at: pd.Timestamp, rule: str) -> dict:
    return {"role": role, "kind": "inform", "due_at": due_at, "rule": rule}


def _with_answer(
    timer: dict, incident: Incident, since: pd.Timestamp, until: pd.Timestamp | None
) -> dict:
    """A timer with when its role was told and when it confirmed, within this class."""
    sent = [
        pd.Timestamp(n["notification_sent"])
        for n in incident.notices.values()
        if n["state"] == "sent" and timer["role"] in n["roles"]
    ]
    told_at = min((t for t in sent if t >= since), default=pd.NaT)
    heard = [at for role, at in incident.confirmed if role == timer["role"] and at >= since]
    confirmed_at = min(heard, default=pd.NaT)
    known = min((t for t in (told_at, confirmed_at) if pd.notna(t)), default=None)
    return timer | {
        "since": since,
        "told_at": told_at,
        "confirmed_at": confirmed_at,
        "met": pd.NA if known is None else known <= timer["due_at"] + GRACE,
        "current": until is None,
    }


GRACE = pd.Timedelta(minutes=5)
"""What a message sent at once may take."""


def headline(incident: object, settings: Settings) -> str:
    """What happened, in the words of a page: the workflows' names and the reason."""
    reason = _what_happened(incident)
    if incident.workflow in (COMPANY, UNASSIGNED):
        return f"Company spend: {reason}"
    if len(incident.workflows) > 1 and incident.provider:
        names = ", ".join(settings.display_name(w) for w in incident.workflows)
        return f"{incident.provider} ({names}): {reason}"
    return f"{settings.display_name(incident.workflow)}: {reason}"


def _what_happened(incident: object) -> str:
    """Its reason; of an escalated one, first what was found: that nobody knows why comes after."""
    if incident.class_reason != "escalated" or not incident.evidence:
        return incident.reason
    return f"{incident.evidence[0]['reason']}; {incident.reason}"
