"""Three times the usual tokens or their cost for 24 hours: R6.

A loop that reads its own output burns a month's budget over a weekend. The sum of the last 24 hours
is judged at every hour. A window that touches two local days is measured against the larger of
their baselines, because a Saturday morning's window still holds Friday's work; a burst on a
Saturday is seen when the window holds Saturday alone.
"""

import datetime as dt
from collections.abc import Collection
from statistics import median

import numpy as np
import pandas as pd

from opsbook.baselines import References
from opsbook.estimates import densest, reaches, trailing
from opsbook.rules import findings_of, parameters, stretches
from opsbook.settings import Limits, Workflow

HOUR = pd.Timedelta(hours=1)
DAILY_S = 86400
METRICS = {"tokens": "tokens_floor", "cost_eur": "tokens_floor_eur"}
"""What is judged, and the limit that stands in for the baseline of a quiet day."""
PARAMETERS = (
    "tokens_ratio", "tokens_window_h", "tokens_covered_h", "tokens_min_runs", "tokens_floor",
    "tokens_floor_eur", "baseline_days", "warm_up", "learning",
)  # fmt: skip


def token_days(days: pd.DataFrame, workflow: Workflow | None) -> pd.DataFrame:
    """One workflow's daily totals with tokens, tasks (runs, else calls) and usable.

    A day is usable as a reference when it is wholly covered and not planned off; of a weekly
    workflow only the days on which it ran are.
    """
    tokens = days.input_tokens.fillna(0) + days.output_tokens.fillna(0)
    tasks = days.runs.where(days.runs > 0, days.calls).fillna(0)
    off = [bool(workflow and workflow.off_on(day.date())) for day in days.day]
    ran = (tokens > 0) | (workflow is None or workflow.schedule != "weekly")
    return days.assign(tokens=tokens, tasks=tasks, usable=days.covered & ran & ~np.array(off, bool))


def token_windows(
    hours: pd.DataFrame,
    days: pd.DataFrame,
    metric: str,
    limits: Limits,
    epochs: Collection[dt.date] = (),
) -> pd.DataFrame:
    """The last 24 hours' sum at the close of each hour, with what is usual and a state.

    Clause B4. One workflow's hourly grid without gaps (hour, covered, bucket_s, input_tokens,
    output_tokens, cost_eur) and its `token_days`; `metric` is tokens or cost_eur. Adds observed,
    baseline (the median of the days of the type before, at least the floor where they hold few
    tasks), limit, references, moved, and state: ok, breach, no data, learning, or daily (totals of
    whole days, judged at the local day's end only). Baselines begin anew with each of `epochs`.
    """
    width = limits.tokens_window_h
    tokens = hours.input_tokens.fillna(0) + hours.output_tokens.fillna(0)
    amount = (tokens if metric == "tokens" else hours.cost_eur.fillna(0)).to_numpy(float)
    begins = pd.DatetimeIndex(hours.hour)
    place = pd.DatetimeIndex(days.started_at).searchsorted(begins, side="right") - 1
    starts = (hours.hour + HOUR - width * HOUR).to_numpy()
    windows = pd.DataFrame(
        {
            "workflow": hours.workflow.to_numpy(),
            "hour": hours.hour.array,
            "amount": amount,
            "observed": trailing(amount, width),
            "covered_h": trailing(hours.covered.to_numpy(float), width),
            "daily": _daily(hours, days, place, limits),
        }
    )
    both = starts < days.started_at.to_numpy()[place]
    return windows.join(_usual(windows, days, place, both, metric, limits, epochs))


def _daily(
    hours: pd.DataFrame, days: pd.DataFrame, place: np.ndarray, limits: Limits
) -> np.ndarray:
    """Whether an hour's window holds totals of whole days and is not the end of their day.

    A total that begins hours after local midnight belongs to two local days and to neither.
    """
    whole = (hours.bucket_s >= DAILY_S).to_numpy()
    begun = (hours.hour.array - days.started_at.array[place]) / HOUR
    used = (hours.input_tokens.fillna(0) > 0) | (hours.cost_eur.fillna(0) > 0)
    late = whole & used.to_numpy() & (begun > limits.tokens_window_h - limits.tokens_covered_h)
    ends = hours.hour.array + HOUR >= days.ended_at.array[place]
    held, split = (trailing(x.astype(float), limits.tokens_window_h) > 0 for x in (whole, late))
    return held & (~ends | split)


def _usual(
    windows: pd.DataFrame,
    days: pd.DataFrame,
    place: np.ndarray,
    both: np.ndarray,
    metric: str,
    limits: Limits,
    epochs: Collection[dt.date],
) -> pd.DataFrame:
    """Baseline, limit, references and state of each hour, day by day: a breach spoils its day."""
    base, references, moved = (np.full(len(days), value) for value in (np.nan, 0, False))
    baseline = np.full(len(windows), np.nan)
    breach = np.zeros(len(windows), bool)
    blind = windows.daily.to_numpy() | (windows.covered_h < limits.tokens_covered_h).to_numpy()
    observed = windows.observed.to_numpy()
    seen: dict[str, References] = {}
    edges = np.searchsorted(place, np.arange(len(days) + 1))
    told = days[["day", "day_type", "usable", "tasks", metric]]
    told = told.astype({metric: float, "tasks": float})
    for i, day in enumerate(told.itertuples()):
        own = slice(edges[i], edges[i + 1])
        base[i], references[i], moved[i] = _baseline(day, seen, metric, limits)
        baseline[own] = np.where(both[own], max(base[i], base[max(i - 1, 0)]), base[i])
        breach[own] = ~blind[own] & reaches(observed[own], baseline[own] * limits.tokens_ratio)
        if day.usable:
            bucket = {"day": day.day, "amount": getattr(day, metric), "tasks": day.tasks}
            for kind in (day.day_type, "any"):
                known = seen.setdefault(kind, References(limits, epochs=epochs))
                known.add(bucket, left_out=bool(breach[own].any()))
    state = np.select(
        [windows.daily, blind, np.isnan(baseline), breach],
        ["daily", "no data", "learning", "breach"],
        "ok",
    )
    return pd.DataFrame(
        {
            "baseline": baseline,
            "limit": baseline * limits.tokens_ratio,
            "references": references[place],
            "moved": moved[place],
            "state": state,
        }
    )


def _baseline(
    day: object, seen: dict[str, References], metric: str, limits: Limits
) -> tuple[float, int, bool]:
    """A day's usual amount, the references it rests on, and whether the level has moved.

    Under `warm_up` days of its type all days count; under `learning` there is none (NaN).
    """
    typed = seen.get(day.day_type, References(limits))
    window, moved = typed.ahead_of(day.day)
    if len(window) < limits.warm_up:
        window, moved = seen.get("any", typed).ahead_of(day.day)
    if len(window) < limits.learning:
        return float("nan"), len(window), moved
    usual, tasks = (median([b[c] for b in window]) for c in ("amount", "tasks"))
    floor = getattr(limits, METRICS[metric])
    return (usual if tasks >= limits.tokens_min_runs else max(usual, floor)), len(window), moved


def token_bursts(windows: pd.DataFrame, metric: str, limits: Limits) -> pd.DataFrame:
    """Stretches in which 24 hours hold three times the usual tokens, or cost, as findings.

    Clause B4, rule R6. Takes `token_windows`. Windows that share hours are one stretch; its start
    and end are the hours in which the excess lies, its detection the close of the first window.
    """
    breach, silent = windows.state.eq("breach"), ~windows.state.isin(["ok", "breach"])
    joined: list[tuple[int, int]] = []
    for i, j in stretches(breach, silent):
        near = bool(joined) and i - joined[-1][1] < limits.tokens_window_h
        joined = [*joined[:-1], (joined[-1][0], j)] if near else [*joined, (i, j)]
    return findings_of([_burst(windows, i, j, silent, metric, limits) for i, j in joined])


def _burst(
    windows: pd.DataFrame, i: int, j: int, silent: pd.Series, metric: str, limits: Limits
) -> dict:
    width = limits.tokens_window_h
    judged = windows.iloc[i : j + 1]
    worst = judged.loc[(judged.observed / judged.limit).where(judged.state == "breach").idxmax()]
    held = windows.iloc[max(i - width + 1, 0) : j + 1]
    first, last = densest(held.amount.to_numpy() - float(judged.limit.min()) / width)
    what = "its usual tokens" if metric == "tokens" else "its usual cost"
    times = worst.observed / worst.baseline if worst.baseline else float("inf")
    return {
        "rule": "R6",
        "method": "calendar",
        "workflow": worst.workflow,
        "metric": metric,
        "started_at": held.hour.iloc[first],
        "ended_at": held.hour.iloc[last] + HOUR,
        "detected_at": windows.hour[i] + HOUR,
        "observed": worst.observed,
        "baseline": worst.baseline,
        "limit": worst.limit,
        "sample": int(worst.covered_h),
        "references": int(worst.references),
        "parameters": parameters(limits, *PARAMETERS),
        "priority": "P2",
        "state": "firing" if silent.iloc[j + 1 :].all() else "over",
        "reason": f"{times:.1f} times {what} in {width} hours (median of "
        f"{int(worst.references)} days)",
    }


def token_bursts_literally(days: pd.DataFrame, metric: str, limits: Limits) -> pd.DataFrame:
    """Days with three times the mean of the seven calendar days before, word for word."""
    whole = days[metric].where(days.covered).astype("Float64").astype(float)
    center = whole.shift().rolling(limits.spend_days).mean()
    over = center.gt(0) & reaches(whole, center * limits.tokens_ratio)
    told = days[["workflow", "started_at", "ended_at", metric]]
    rows = [
        {
            "rule": "R6",
            "method": "runbook",
            "workflow": day.workflow,
            "metric": metric,
            "started_at": day.started_at,
            "ended_at": day.ended_at,
            "detected_at": day.ended_at,
            "observed": getattr(day, metric),
            "baseline": center[day.Index],
            "limit": center[day.Index] * limits.tokens_ratio,
            "sample": 1,
            "references": limits.spend_days,
            "parameters": parameters(limits, "tokens_ratio", "spend_days"),
            "priority": "P2",
            "state": "over",
            "reason": f"{getattr(day, metric) / center[day.Index]:.1f} times the mean of the "
            f"{limits.spend_days} calendar days before",
        }
        for day in told[over].itertuples()
    ]
    return findings_of(rows)
