"""Incidents: findings of one workflow and rule family in one, with who must know by when.

Deadlines count from detection, the close of the bucket in which a rule first held: that is when an
hourly check says so. A weekly batch alone cannot keep a one-hour promise, and the lag is shown.
"""

import pandas as pd

from opsbook.clock import BusinessClock
from opsbook.rules import RULES
from opsbook.schema import COMPANY, UNASSIGNED
from opsbook.settings import Limits, Settings, Workflow

FIRST_RESPONSE = {
    "P1": "Pause the workflow. No follow-up by AI. Establish by hand who and what is affected.",
    "P2": "Switch to the manual process. Log the degradation with its times.",
    "P3": "Log it. It is looked at in the weekly review.",
}
ATTACHED_TO_ERRORS = ("cost", "deviation", "activity", "refusals")
"""Families that join an open incident of failing calls of the same workflow: its consequences."""

COLUMNS = [
    "id", "workflow", "family", "priority", "class_reason", "started_at", "detected_at",
    "ended_at", "state", "rules", "findings", "reason", "external",
]  # fmt: skip


def incidents(findings: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """One row per incident, oldest first: what happened, since when, how it stands.

    Takes FINDINGS of one method. Findings with a priority of one workflow and family are one
    incident while less than `reopen_h` lies between them; what failing calls drag along joins
    them. `rules` and `findings` hold the rules and the findings' positions; state is firing or
    over. The id carries the year and the number within it, in the order of detection.
    """
    named = findings[findings.priority.notna()].sort_values("detected_at")
    groups: list[dict] = []
    for finding in named.itertuples():
        group = _group_for(finding, groups, settings.limits)
        if group is None:
            groups.append(_opened(finding))
        else:
            _join(group, finding)
    years: dict[int, int] = {}
    for group in groups:
        year = group["detected_at"].tz_convert(settings.company.zone).year
        years[year] = years.get(year, 0) + 1
        group["id"] = f"INC-{year}-{years[year]:04}"
    return pd.DataFrame(groups, columns=COLUMNS)


def _group_for(finding: object, groups: list[dict], limits: Limits) -> dict | None:
    family = RULES[finding.rule].family
    reach = pd.Timedelta(hours=limits.reopen_h)
    for group in reversed(groups):
        same = group["family"] == family
        drawn = group["family"] == "errors" and family in ATTACHED_TO_ERRORS
        near = finding.started_at <= group["ended_at"] + (reach if same else pd.Timedelta(0))
        if group["workflow"] == finding.workflow and (same or drawn) and near:
            return group
    return None


def _opened(finding: object) -> dict:
    return {
        "id": "",
        "workflow": finding.workflow,
        "family": RULES[finding.rule].family,
        "priority": finding.priority,
        "class_reason": "threshold",
        "started_at": finding.started_at,
        "detected_at": finding.detected_at,
        "ended_at": finding.ended_at,
        "state": finding.state,
        "rules": [finding.rule],
        "findings": [finding.Index],
        "reason": finding.reason,
        "external": "unknown",
    }


def _join(group: dict, finding: object) -> None:
    """Let a finding join its incident: the higher class and its reason lead."""
    if finding.priority < group["priority"]:
        group["priority"], group["reason"] = finding.priority, finding.reason
    group["started_at"] = min(group["started_at"], finding.started_at)
    group["ended_at"] = max(group["ended_at"], finding.ended_at)
    group["state"] = "firing" if "firing" in (group["state"], finding.state) else "over"
    group["rules"] = sorted({*group["rules"], finding.rule}, key=lambda r: int(r[1:]))
    group["findings"] = [*group["findings"], finding.Index]


def timers(
    incidents: pd.DataFrame, findings: pd.DataFrame, settings: Settings, clock: BusinessClock
) -> pd.DataFrame:
    """Who must know by when: one row per incident and role, by due time.

    Clauses B2 and B6. Columns id, role, due_at (UTC), since (when its class was reached), rule.
    Counted from the detection of the first finding of the incident's class. A P3 has none: the
    weekly review.
    """
    rows = []
    for incident in incidents.itertuples():
        own = findings.loc[incident.findings]
        since = own.detected_at[own.priority == incident.priority].min()
        rows += [
            {"id": incident.id, "since": since} | due
            for due in _due(incident, since, settings, clock)
        ]
    columns = ["id", "role", "due_at", "since", "rule"]
    return pd.DataFrame(rows, columns=columns).sort_values("due_at", ignore_index=True)


def _due(
    incident: object, since: pd.Timestamp, settings: Settings, clock: BusinessClock
) -> list[dict]:
    limits, workflow = settings.limits, settings.workflow(incident.workflow)
    if incident.priority == "P1":
        lead = since + pd.Timedelta(minutes=limits.p1_lead_min)
        founder = since + pd.Timedelta(minutes=limits.p1_founder_min)
        due = [_timer("AI Lead", lead, f"within {limits.p1_lead_min} minutes")]
        told = _timer("Founder or CEO", founder, f"within {limits.p1_founder_min} minutes")
        return [*due, told] if incident.external != "no" else due
    if incident.priority == "P2":
        return [_p2_timer(since, workflow, limits, clock)]
    return []


def _p2_timer(
    since: pd.Timestamp, workflow: Workflow | None, limits: Limits, clock: BusinessClock
) -> dict:
    if workflow and workflow.customer_facing:
        return _timer("AI Lead", since, "at once: customers see it")
    hours = limits.p2_lead_business_h
    due = clock.add(since, pd.Timedelta(hours=hours))
    return _timer("AI Lead", due, f"within {hours:g} business hours")


def _timer(role: str, due_at: pd.Timestamp, rule: str) -> dict:
    return {"role": role, "due_at": due_at, "rule": rule}


def headline(incident: object, settings: Settings) -> str:
    """What happened, in the words of a page: the workflow's name and the reason."""
    if incident.workflow in (COMPANY, UNASSIGNED):
        return f"Company spend: {incident.reason}"
    return f"{settings.display_name(incident.workflow)}: {incident.reason}"
