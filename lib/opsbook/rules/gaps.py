"""An expected export or run that is missing: R13.

Without its export a workflow is blind: no rule can say anything about it. More than one business
day of it is a finding, and a P2 where customers are at the other end. A workflow that runs once a
week is looked for on the day it is due.
"""

import numpy as np
import pandas as pd

from opsbook.clock import BusinessClock
from opsbook.rules import findings_of, parameters
from opsbook.settings import WEEKDAYS, Limits, Workflow

HOUR = pd.Timedelta(hours=1)
DAY = pd.Timedelta(days=1)


def working_clock(
    clock: BusinessClock, calendar: pd.DataFrame, workflow: Workflow
) -> BusinessClock:
    """The company's business clock, standing on the days a workflow is planned off."""
    opens = pd.DatetimeIndex(clock.opens, tz="UTC")
    place = pd.DatetimeIndex(calendar.started_at).searchsorted(opens, side="right") - 1
    days = calendar.day.iloc[np.maximum(place, 0)]
    runs = np.array([workflow.off_on(day.date()) is None for day in days], bool)
    closes = np.where(runs, clock.closes, clock.opens)
    passed = np.cumsum(closes - clock.opens)
    return BusinessClock(clock.opens, closes, passed - (closes - clock.opens))


def missing_exports(
    hours: pd.DataFrame,
    workflow: Workflow,
    clock: BusinessClock,
    business_day: pd.Timedelta,
    now: pd.Timestamp,
    limits: Limits,
) -> pd.DataFrame:
    """Stretches without data of more than a business day, as findings.

    Clause E1, rule R13. `hours` is one workflow's hourly grid up to `now` (hour, covered); `clock`
    its `working_clock`. Before the first covered hour nothing is expected. At the end of the data
    an export that comes every `export_days` days may take those; a hole that later data left open
    is none that still comes.
    """
    known = hours[hours.covered.cummax()].reset_index(drop=True)
    change = known.covered.ne(known.covered.shift())
    edges = [*known.hour[change], (known.hour.iloc[-1] + HOUR) if len(known) else None]
    gaps = [(a, min(b, now)) for a, b in zip(edges[1:-1:2], edges[2::2], strict=True)]
    allowed = business_day * limits.coverage_gap_days
    late = (workflow.export_days - 1) * DAY
    rows = []
    for start, end in gaps:
        since = start + late if end == now else start
        if since < end and _elapsed(clock, since, end) > allowed:
            detected = _after(clock, start + late, allowed, end)
            rows.append(_gap(start, end, detected, clock, allowed, workflow, now, limits))
    return findings_of(rows)


def _elapsed(clock: BusinessClock, start: pd.Timestamp, end: pd.Timestamp) -> pd.Timedelta:
    return clock.elapsed(pd.DatetimeIndex([start]), pd.DatetimeIndex([end]))[0]


def _after(
    clock: BusinessClock, start: pd.Timestamp, allowed: pd.Timedelta, end: pd.Timestamp
) -> pd.Timestamp:
    """When more than what is allowed had passed since `start`, at the latest `end`.

    At a close no more than that has passed: it is the next opening.
    """
    if start >= end or _elapsed(clock, start, end) <= allowed:
        return end
    return clock.add(start, allowed + pd.Timedelta(1, "ns")).floor("s")


def _gap(
    start: pd.Timestamp,
    end: pd.Timestamp,
    detected: pd.Timestamp,
    clock: BusinessClock,
    allowed: pd.Timedelta,
    workflow: Workflow,
    now: pd.Timestamp,
    limits: Limits,
) -> dict:
    missing, blind, going = _elapsed(clock, start, end) / HOUR, workflow.customer_facing, end == now
    why = "its export is overdue" if going else "an export is missing"
    return {
        "rule": "R13",
        "method": "calendar",
        "workflow": workflow.id,
        "metric": "missing_h",
        "started_at": start,
        "ended_at": end,
        "detected_at": detected,
        "observed": missing,
        "limit": allowed / HOUR,
        "parameters": parameters(limits, "coverage_gap_days"),
        "priority": "P2" if blind else None,
        "state": ("firing" if going else "over") if blind else "note",
        "reason": f"no data for {missing:.3g} business hours ({allowed / HOUR:.3g} allowed): {why}",
    }


def missed_runs(
    hours: pd.DataFrame,
    days: pd.DataFrame,
    workflow: Workflow,
    clock: BusinessClock,
    business_day: pd.Timedelta,
    now: pd.Timestamp,
    limits: Limits,
) -> pd.DataFrame:
    """Due days on which a weekly workflow did not run, as findings without a priority.

    Clause E1, rule R13. `hours` is its `panel.hourly_tasks`, `days` its daily totals. It is due by
    the end of the first business day from its weekday on, and missing when more than one further
    business day has passed; a day that is not wholly covered is not judged.
    """
    due = days[(days.day.dt.weekday == WEEKDAYS.index(workflow.due)) & days.covered]
    ran = pd.DatetimeIndex(hours.hour[hours.tasks.fillna(0) > 0])
    allowed = business_day * (1 + limits.coverage_gap_days)
    rows = []
    for day in due.itertuples():
        if workflow.off_on(day.day.date()) or _elapsed(clock, day.started_at, now) < allowed:
            continue
        deadline = clock.add(day.started_at, allowed)
        if now <= deadline or ((ran >= day.started_at) & (ran < deadline)).any():
            continue
        rows.append(_missed(day, deadline, workflow, limits))
    return findings_of(rows)


def _missed(day: object, deadline: pd.Timestamp, workflow: Workflow, limits: Limits) -> dict:
    return {
        "rule": "R13",
        "method": "calendar",
        "workflow": workflow.id,
        "metric": "tasks",
        "started_at": day.started_at,
        "ended_at": day.ended_at,
        "detected_at": deadline,
        "observed": 0,
        "sample": 1,
        "parameters": parameters(limits, "coverage_gap_days"),
        "state": "note",
        "reason": f"did not run, due every {workflow.due.capitalize()}",
    }
