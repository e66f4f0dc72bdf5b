"""What one run of a workflow costs against its own baseline: R5, and the list of expensive runs.

The median of a day's successful runs is judged, never a single run: in a quiet week of real calls
no day left its baseline by 6 % while dozens of single runs cost more than twice as much.
"""

import datetime as dt
from collections.abc import Collection
from statistics import median

import pandas as pd

from opsbook.baselines import References
from opsbook.estimates import exceeds
from opsbook.rules import findings_of, parameters, stretches
from opsbook.settings import Limits

QUIET = ("no data", "partial", "sparse", "learning", "collapsed")
"""States of a day that say nothing about its cost per run."""
PARAMETERS = (
    "run_cost_ratio", "run_cost_min_runs", "run_cost_pool_days", "run_cost_collapsed",
    "baseline_days", "learning", "left_out_share",
)  # fmt: skip
JUDGED = (
    "from_day", "pool_days", "whole", "observed_eur", "sample", "center", "upper", "references",
    "state", "moved",
)  # fmt: skip
"""What a band says of a day besides its totals."""


def run_cost_bands(
    days: pd.DataFrame,
    few: pd.DataFrame,
    limits: Limits,
    epochs: Collection[dt.date] = (),
) -> pd.DataFrame:
    """Each day of one workflow with its median cost per run, its baseline and its state.

    Clause D2. `days` are its daily totals in order; `few` holds day and cost_eur of every
    successful run on days with fewer than the minimum, which are pooled with the days before. Adds
    observed_eur, sample, pool_days, center, upper (EUR a run), references, moved, and state: ok,
    breach, sparse, no data, partial (not covered to its end), learning (too few references) or
    collapsed (under a tenth of the usual runs: said, not judged). Baselines begin anew with each
    of `epochs`.
    """
    history = References(limits, epochs=epochs)
    rows = []
    for day in days.itertuples():
        row = _observed(day, few, limits)
        window, moved = history.ahead_of(row["from_day"])
        row |= _against(row, window, limits) | {"moved": moved}
        if row["state"] in ("ok", "breach", "learning"):
            history.add(row, left_out=row["state"] == "breach")
        rows.append(row)
    return pd.DataFrame(rows, index=days.index, columns=JUDGED).join(days)


def _observed(day: object, few: pd.DataFrame, limits: Limits) -> dict:
    """The day's median over enough runs, pooling back where it has too few of its own."""
    seen = {"day": day.day, "from_day": day.day, "day_type": day.day_type, "pool_days": 1}
    seen |= {"whole": day.covered}
    own = {"observed_eur": day.run_cost_eur, "sample": int(day.ok_runs)}
    if day.ok_runs >= limits.run_cost_min_runs or not day.ok_runs:
        return seen | own
    for back in range(1, limits.run_cost_pool_days):
        first = day.day - pd.Timedelta(days=back)
        pool = few.cost_eur[few.day.between(first, day.day)]
        if len(pool) >= limits.run_cost_min_runs:
            pooled = {"observed_eur": pool.median(), "sample": len(pool), "pool_days": back + 1}
            return seen | pooled | {"from_day": first}
    return seen | own


def _against(row: dict, window: list[dict], limits: Limits) -> dict:
    """A day's baseline and state."""
    references = len(window)
    center = median([b["observed_eur"] for b in window]) if references else float("nan")
    upper = center * limits.run_cost_ratio
    same_type = [b["sample"] for b in window if b["day_type"] == row["day_type"]]
    usual = median(same_type or [b["sample"] for b in window] or [0])
    over = bool(exceeds(row["observed_eur"], upper))
    state = (
        ("no data" if pd.isna(row["observed_eur"]) else None)
        or ("partial" if not row["whole"] else None)
        or ("sparse" if row["sample"] < limits.run_cost_min_runs else None)
        or ("learning" if references < limits.learning else None)
        or ("collapsed" if over and row["sample"] < limits.run_cost_collapsed * usual else None)
        or ("breach" if over else "ok")
    )
    return {"center": center, "upper": upper, "references": references, "state": state}


def run_cost(bands: pd.DataFrame, hours: pd.DataFrame, limits: Limits) -> pd.DataFrame:
    """Stretches of days whose median cost per run is over its limit, as findings.

    Clause D2, rule R5. Takes one workflow's `run_cost_bands` and its hourly median costs (hour,
    run_cost_eur). The rule judges days; the hour in which the level rose is traced and is the
    finding's start.
    """
    breach, silent = bands.state.eq("breach"), bands.state.isin(QUIET)
    found = stretches(breach, silent)
    return findings_of([_row(bands, i, j, silent, hours, limits) for i, j in found])


def _row(
    bands: pd.DataFrame, i: int, j: int, silent: pd.Series, hours: pd.DataFrame, limits: Limits
) -> dict:
    first, stretch = bands.iloc[i], bands.iloc[i : j + 1]
    worst = stretch.loc[(stretch.observed_eur / stretch.center).idxmax()]
    earlier = bands.iloc[:i]
    calm = earlier.ended_at[~silent.iloc[:i]]
    since = calm.iloc[-1] - pd.Timedelta(days=1) if len(calm) else first.started_at
    return {
        "rule": "R5",
        "method": "calendar",
        "workflow": first.workflow,
        "metric": "run_cost_eur",
        "started_at": onset(hours, since, first.ended_at, first.upper) or first.started_at,
        "ended_at": stretch.ended_at.iloc[-1],
        "detected_at": first.ended_at,
        "observed": worst.observed_eur,
        "baseline": worst.center,
        "limit": worst.upper,
        "sample": int(worst["sample"]),
        "references": int(worst.references),
        "parameters": parameters(limits, *PARAMETERS),
        "priority": "P2",
        "state": "firing" if silent.iloc[j + 1 :].all() else "over",
        "reason": f"{worst.observed_eur / worst.center:.1f} times its baseline, "
        f"{_cause(bands, i, j)}",
    }


def onset(
    hours: pd.DataFrame, since: pd.Timestamp, until: pd.Timestamp, limit: float
) -> pd.Timestamp | None:
    """The hour from which hours over the limit outweigh the others up to `until`, if any do.

    `hours` holds hour and run_cost_eur. The split is where over counted +1 and under -1 add up
    highest.
    """
    window = hours[(hours.hour >= since) & (hours.hour < until)].sort_values("hour")
    votes = (2 * exceeds(window.run_cost_eur, limit) - 1)[::-1].cumsum()[::-1]
    return window.hour.iloc[votes.argmax()] if len(votes) and votes.max() > 0 else None


def _cause(bands: pd.DataFrame, i: int, j: int) -> str:
    """What grew, inputs or outputs, against the calm days before (clause D3)."""
    calm = bands.iloc[:i]
    calm = calm[calm.state.isin(["ok", "learning"])].tail(20)
    grown = {
        name: bands[column].iloc[i : j + 1].median() / calm[column].median()
        for name, column in (("inputs", "run_input_tokens"), ("outputs", "run_output_tokens"))
    }
    return ", ".join(f"{name} {times:.1f} times as long" for name, times in grown.items())


def run_cost_literally(days: pd.DataFrame, limits: Limits) -> pd.DataFrame:
    """Days whose mean cost per run is over 200 % of the mean of the days before, word for word."""
    mean = days.run_cost_mean_eur
    center = mean.shift().rolling(limits.baseline_days, min_periods=1).mean()
    over = exceeds(mean, center * limits.run_cost_ratio)
    told = days[["workflow", "started_at", "ended_at", "ok_runs", "run_cost_mean_eur"]]
    rows = [
        {
            "rule": "R5",
            "method": "runbook",
            "workflow": day.workflow,
            "metric": "run_cost_eur",
            "started_at": day.started_at,
            "ended_at": day.ended_at,
            "detected_at": day.ended_at,
            "observed": day.run_cost_mean_eur,
            "baseline": center[day.Index],
            "limit": center[day.Index] * limits.run_cost_ratio,
            "sample": int(day.ok_runs),
            "parameters": parameters(limits, "run_cost_ratio", "baseline_days"),
            "priority": "P2",
            "state": "over",
            "reason": f"{day.run_cost_mean_eur / center[day.Index]:.0%} of the mean before",
        }
        for day in told[over].itertuples()
    ]
    return findings_of(rows)


def expensive_runs(runs: pd.DataFrame, bands: pd.DataFrame, limits: Limits) -> pd.DataFrame:
    """Single successful runs over `expensive_run_ratio` times their day's baseline, dearest first.

    Clause B8: a list (P3), no alarm. `runs` are `schema.RUNS` with their local day. Adds center and
    ratio; days still learning list nothing.
    """
    judged = bands.loc[bands.references >= limits.learning, ["workflow", "day", "center"]]
    priced = runs[(runs.status == "ok") & runs.cost_eur.notna()].merge(
        judged, on=["workflow", "day"]
    )
    ratio = priced.cost_eur / priced.center
    over = priced.assign(ratio=ratio)[exceeds(ratio, limits.expensive_run_ratio)]
    order = ["cost_eur", "started_at", "run_id"]
    return over.sort_values(order, ascending=[False, True, True], ignore_index=True)
