"""Failing calls: R3 (over 20 %) and R4 (over 5 % for more than two hours).

A share of few calls jumps, so a rule asks how sure the share is: it fires on the lower bound of the
share, over a window that reaches back until there are calls enough. Failed means the final outcome
of a logical call was an error, a rate limit or a time-out; refusals are R10, cancels are no calls.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from opsbook.estimates import exceeds, share_lower_bound, trailing
from opsbook.rules import findings_of, parameters, stretches
from opsbook.settings import Limits

HOUR = pd.Timedelta(hours=1)
P1 = (
    "error_p1_share", "error_p1_errors", "rate_min_calls", "rate_watch_calls", "rate_lookback_h",
    "confidence",
)  # fmt: skip
P2 = (
    "error_p2_share", "error_p2_errors", "error_p2_window_h", "rate_min_calls", "rate_lookback_h",
    "confidence",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One way in which a rule can hold, and what follows from it."""

    rule: str
    limit: float
    priority: str | None
    words: str
    parameters: str
    state: str = "firing"
    method: str = "calendar"


def errors_over_20(hours: pd.DataFrame, limits: Limits) -> pd.DataFrame:
    """Stretches in which the failing share is surely over the P1 limit, as findings.

    Clause D6, rule R3; one workflow's hourly grid (hour, covered, judged, failed) without gaps
    between its rows. Fewer calls than the minimum of which all failed are a P2, fewer than
    `rate_watch_calls` nothing. A share over the limit whose bound is not is a candidate without a
    priority: a person decides.
    """
    windows = pooled_windows(hours, 1, limits)
    limit = limits.error_p1_share
    full = windows.n >= limits.rate_min_calls
    over = full & exceeds(windows.share, limit) & (windows.failed >= limits.error_p1_errors)
    sure = exceeds(windows.bound, limit)
    total = ~full & (windows.n >= limits.rate_watch_calls) & (windows.failed == windows.n)
    used = parameters(limits, *P1)
    cases = (
        (over & sure, Case("R3", limit, "P1", "{share} of calls failed", used)),
        (over & ~sure, Case("R3", limit, None, "{share} of few calls failed", used, "candidate")),
        (total, Case("R3", limit, "P2", "every call failed, at low volume", used)),
    )
    silent = ~full & ~total
    return findings_of([row for on, case in cases for row in _rows(windows, on, silent, case)])


def errors_over_5(hours: pd.DataFrame, limits: Limits) -> pd.DataFrame:
    """Stretches in which the failing share is surely over the P2 limit for more than two hours.

    Clause D5, rule R4; grid as for R3. Three hourly buckets are pooled; each of them with calls
    enough must itself be over the limit, and its oldest and newest third must hold a failure, so
    that one bad hour is not taken for three.
    """
    windows = pooled_windows(hours, limits.error_p2_window_h, limits)
    limit = limits.error_p2_share
    full = windows.n >= limits.rate_min_calls
    lasting = windows.first_third & windows.last_third & ~windows.interrupted
    enough = full & (windows.failed >= limits.error_p2_errors)
    holds = enough & lasting & exceeds(windows.bound, limit)
    words = "{share} of calls failed for more than two hours"
    case = Case("R4", limit, "P2", words, parameters(limits, *P2))
    return findings_of(_rows(windows, holds, ~full, case))


def errors_literally(hours: pd.DataFrame, limits: Limits) -> pd.DataFrame:
    """What R3 and R4 say read word for word: bare shares per hour, no minimum of calls."""
    windows = pooled_windows(hours, 1, limits.model_copy(update={"rate_min_calls": 1}))
    hour = windows.assign(share=_share(windows.hour_failed, windows.hour_n), width=1)
    long = hour.assign(width=limits.error_p2_window_h)
    silent = hour.hour_n.eq(0)
    over_20 = pd.Series(exceeds(hour.share, limits.error_p1_share))
    over_5 = pd.Series(exceeds(hour.share, limits.error_p2_share))
    three = over_5.rolling(limits.error_p2_window_h).sum().eq(limits.error_p2_window_h)
    one, two = limits.error_p1_share, limits.error_p2_share
    used = parameters(limits, "error_p1_share")
    p1 = Case("R3", one, "P1", "{share} failed in an hour", used, method="runbook")
    used = parameters(limits, "error_p2_share", "error_p2_window_h")
    p2 = Case("R4", two, "P2", "{share} failed, three hours", used, method="runbook")
    return findings_of(
        [*_rows(hour, over_20, silent, p1), *_rows(long, three, silent, p2)],
    )


def pooled_windows(hours: pd.DataFrame, base: int, limits: Limits) -> pd.DataFrame:
    """For each hour the shortest window ending with it that holds calls enough.

    One row per hour of the grid: width (hours, from `base` up to the look-back), n, failed, share
    and its lower bound, whether the window's first and last third hold a failure, and whether an
    hour in it with calls enough was not over the P2 limit (interrupted).
    """
    n, failed = (hours[c].fillna(0).to_numpy(float) for c in ("judged", "failed"))
    width = _width(n, base, limits)
    third = np.maximum(width // 3, 1)
    calm = (n >= limits.rate_min_calls) & ~exceeds(_share(failed, n), limits.error_p2_share)
    pooled_n, pooled_failed = trailing(n, width), trailing(failed, width)
    return pd.DataFrame(
        {
            "workflow": hours.workflow.to_numpy(),
            "hour": hours.hour.array,
            "hour_n": n,
            "hour_failed": failed,
            "width": width,
            "n": pooled_n,
            "failed": pooled_failed,
            "share": _share(pooled_failed, pooled_n),
            "bound": np.nan_to_num(share_lower_bound(pooled_failed, pooled_n, limits.confidence)),
            "first_third": pooled_failed - trailing(failed, width - third) > 0,
            "last_third": trailing(failed, third) > 0,
            "interrupted": trailing(calm.astype(float), width) > 0,
        }
    )


def _width(n: np.ndarray, base: int, limits: Limits) -> np.ndarray:
    """Hours to reach back from each hour until there are calls enough, at most the look-back."""
    longest = max(limits.rate_lookback_h, base)
    width = np.full(len(n), longest)
    for hours in range(longest, base - 1, -1):
        width = np.where(trailing(n, hours) >= limits.rate_min_calls, hours, width)
    return width


def _share(failed: np.ndarray, n: np.ndarray) -> np.ndarray:
    failed, n = np.asarray(failed, float), np.asarray(n, float)
    return np.divide(failed, n, out=np.zeros(len(n)), where=n > 0)


def _rows(windows: pd.DataFrame, holds: pd.Series, silent: pd.Series, case: Case) -> list[dict]:
    """A finding for each stretch of windows in which a case holds and calls failed.

    An hour without calls, or one that only looks back on failures, neither ends nor extends it.
    """
    fresh = holds & (windows.hour_failed > 0)
    quiet = silent | windows.hour_n.eq(0) | (holds & ~fresh)
    return [_row(windows, i, j, quiet, case) for i, j in stretches(fresh, quiet)]


def _row(windows: pd.DataFrame, i: int, j: int, quiet: pd.Series, case: Case) -> dict:
    """One finding for windows i to j, trimmed to the hours that hold a failure."""
    first = max(i - int(windows.width[i]) + 1, 0)
    failing = np.flatnonzero(windows.hour_failed[first : j + 1]) + first
    worst = windows.share[i : j + 1].idxmax()
    over = case.state == "firing" and not quiet[j + 1 :].all()
    return {
        "rule": case.rule,
        "method": case.method,
        "workflow": windows.workflow[i],
        "metric": "error_share",
        "started_at": windows.hour[failing[0]],
        "ended_at": windows.hour[failing[-1]] + HOUR,
        "detected_at": windows.hour[i] + HOUR,
        "observed": windows.share[worst],
        "limit": case.limit,
        "sample": int(windows.n[worst]),
        "parameters": case.parameters,
        "priority": case.priority,
        "state": "over" if over else case.state,
        "reason": case.words.format(share=f"{windows.share[worst]:.0%}"),
    }
