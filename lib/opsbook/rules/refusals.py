"""Generic refusals to all inputs: R10.

A model that suddenly declines everything fails without an error. The share of refused runs over the
trailing business day is judged at every hour, by its lower bound, so that three refusals in a quiet
morning are not taken for all.
"""

import numpy as np
import pandas as pd

from opsbook.clock import BusinessClock
from opsbook.estimates import densest, exceeds, share_lower_bound, trailing
from opsbook.rules import findings_of, parameters, stretches
from opsbook.settings import Limits

HOUR = pd.Timedelta(hours=1)
DAY_H = 24
PARAMETERS = ("refusal_share", "refusal_min_runs", "refusal_all_runs", "confidence")


def refusal_windows(
    hours: pd.DataFrame,
    clock: BusinessClock,
    business_day: pd.Timedelta,
    limits: Limits,
    always: bool = False,
) -> pd.DataFrame:
    """The trailing business day at the close of each hour: n runs, refused, share and its bound.

    Clause B4. One workflow's `panel.hourly_tasks` without gaps between its rows. A window reaches
    back over `business_day` of business time, with what ran in between while the company was
    closed; of a workflow that `always` runs no more than a day. Adds hour_n, hour_refused and
    state: ok, breach, all (too few for a share, but every one refused) or sparse.
    """
    n, refused = (
        hours[c].astype("Float64").fillna(0).to_numpy(float) for c in ("tasks", "refused")
    )
    reading = clock.reading(pd.DatetimeIndex(hours.hour) + HOUR)
    from_hour = np.searchsorted(reading, reading - business_day.value, side="right")
    width = np.arange(1, len(hours) + 1) - from_hour
    width = np.minimum(width, DAY_H) if always else width
    of, hits = trailing(n, width), trailing(refused, width)
    bound = np.nan_to_num(share_lower_bound(hits, of, limits.confidence))
    full = of >= limits.refusal_min_runs
    every = ~full & (of >= limits.refusal_all_runs) & (hits == of)
    over = full & exceeds(bound, limits.refusal_share)
    return pd.DataFrame(
        {
            "workflow": hours.workflow.to_numpy(),
            "hour": hours.hour.array,
            "hour_n": n,
            "hour_refused": refused,
            "width": width,
            "n": of,
            "refused": hits,
            "share": np.divide(hits, of, out=np.zeros(len(of)), where=of > 0),
            "bound": bound,
            "state": np.select([over, every, full], ["breach", "all", "ok"], "sparse"),
        }
    )


def refusals(windows: pd.DataFrame, limits: Limits) -> pd.DataFrame:
    """Stretches in which most runs of a business day are surely refused, as findings.

    Clause B4, rule R10. Takes `refusal_windows`. The start and end are the hours in which the
    refusals lie, not the windows that look back on them.
    """
    holds, silent = windows.state.isin(["breach", "all"]), windows.state.eq("sparse")
    return findings_of([_row(windows, i, j, silent, limits) for i, j in stretches(holds, silent)])


def _row(windows: pd.DataFrame, i: int, j: int, silent: pd.Series, limits: Limits) -> dict:
    worst = windows.loc[windows.bound[i : j + 1].idxmax()]
    begun = max(i - int(windows.width[i]) + 1, 0)
    held = windows.iloc[begun : j + 1]
    excess = held.hour_refused - limits.refusal_share * held.hour_n
    first, last = densest(excess.to_numpy())
    share = f"all {worst.n:.0f}" if worst.refused == worst.n else f"{worst.share:.0%}"
    of = "" if worst.refused == worst.n else f" of {worst.n:.0f}"
    return {
        "rule": "R10",
        "method": "calendar",
        "workflow": worst.workflow,
        "metric": "refused_share",
        "started_at": held.hour.iloc[first],
        "ended_at": held.hour.iloc[last] + HOUR,
        "detected_at": windows.hour[i] + HOUR,
        "observed": worst.share,
        "limit": limits.refusal_share,
        "sample": int(worst.n),
        "parameters": parameters(limits, *PARAMETERS),
        "priority": "P2",
        "state": "firing" if silent.iloc[j + 1 :].all() else "over",
        "reason": f"{share}{of} runs of a business day were refused",
    }


def refusals_literally(days: pd.DataFrame) -> pd.DataFrame:
    """Business days on which every run was refused, word for word: one run is enough.

    Takes `rules.activity.worked_days`.
    """
    held = days[days.covered & (days.tasks > 0) & (days.refused == days.tasks)]
    rows = [
        {
            "rule": "R10",
            "method": "runbook",
            "workflow": day.workflow,
            "metric": "refused_share",
            "started_at": day.opens,
            "ended_at": day.closes,
            "detected_at": day.closes,
            "observed": 1.0,
            "sample": int(day.tasks),
            "priority": "P2",
            "state": "over",
            "reason": "every run of a business day was refused",
        }
        for day in held.itertuples()
    ]
    return findings_of(rows)
