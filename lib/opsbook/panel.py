"""From raw calls to what the rules judge: an hourly panel, runs, and a grid that knows its gaps.

The two folds over raw calls are the one heavy step. They are written once with narwhals, so the
same expressions run on DuckDB here and on another engine elsewhere. Everything after them is small.
"""

import narwhals as nw
import numpy as np
import pandas as pd

from opsbook.schema import FAILED

HOUR = pd.Timedelta(hours=1)
COUNTS = ["calls", "judged", "failed", "refused"]
GRID = [*COUNTS, "unpriced", "input_tokens", "output_tokens", "cost_eur"]
"""What the hourly grid adds up over models; the first four need a count of requests."""


def hourly_panel(calls: nw.LazyFrame) -> nw.LazyFrame:
    """Sums and a median latency per workflow, served model and hour (UTC).

    Grain and units: `schema.PANEL`. Caller cancels are left out of every count (clause D4); calls
    of unknown outcome count as calls but not as judged. A row without a count of requests adds
    tokens and cost only.
    """
    status = nw.col("status")
    requests = nw.col("requests")
    kept = calls.filter(status != "cancelled").with_columns(
        hour=nw.col("ts").dt.truncate("1h"),
        served_model=nw.coalesce("served_model", nw.lit("unknown")),
        judged=nw.when(status != "unknown").then(requests).otherwise(0),
        failed=nw.when(status.is_in(FAILED)).then(requests).otherwise(0),
        refused=nw.when(_refusal()).then(requests).otherwise(0),
        unpriced=nw.when(nw.col("cost_kind") == "unpriced").then(1).otherwise(0),
    )
    sums = ("judged", "failed", "refused", "unpriced")
    tokens = ("input_tokens", "cache_read_tokens", "output_tokens")
    panel = kept.group_by("workflow", "served_model", "hour").agg(
        requests.sum().alias("calls"),
        requests.count().alias("counted"),
        *(nw.col(c).sum() for c in (*sums, *tokens, "cost_eur")),
        nw.col("latency_ms").median(),
    )
    counts = (nw.when(nw.col("counted") > 0).then(nw.col(c)).alias(c) for c in ("calls", *sums[:3]))
    return panel.with_columns(*counts).drop("counted")


def _refusal() -> nw.Expr:
    return (nw.col("status") == "refused") | (nw.col("output_class") == "refusal")


def fold_runs(calls: nw.LazyFrame) -> nw.LazyFrame:
    """One row per run: its calls in one, its outcome that of its last call.

    Grain and units: `schema.RUNS`. A call without a run is a run of its own; totals hold no runs
    and are left out, as are caller cancels. The cost of a run with an unpriced call is missing,
    not low.
    """
    own = nw.concat_str([nw.col("source"), nw.col("row_key")], separator=":")
    single = calls.filter(nw.col("bucket_s") == 0, nw.col("status") != "cancelled")
    last = single.with_columns(
        run_id=nw.coalesce("run_id", own),
        unpriced=nw.when(nw.col("cost_eur").is_null()).then(1).otherwise(0),
        refused=nw.when(_refusal()).then(1).otherwise(0),
    )
    last = last.with_columns(
        place=nw.col("row")
        .cum_count(reverse=True)
        .over("workflow", "run_id", order_by=["ts", "file_id", "row"])
    )
    folded = last.group_by("workflow", "run_id").agg(
        nw.col("ts").min().alias("started_at"),
        nw.len().alias("calls"),
        *(nw.col(c).sum() for c in ("input_tokens", "output_tokens", "cost_eur", "unpriced")),
        *(
            nw.when(nw.col("place") == 1).then(nw.col(c)).otherwise(None).max().alias(c)
            for c in ("status", "served_model", "refused")
        ),
    )
    return folded.with_columns(
        hour=nw.col("started_at").dt.truncate("1h"),
        cost_eur=nw.when(nw.col("unpriced") == 0).then(nw.col("cost_eur")),
    ).drop("unpriced")


def execution_runs(executions: pd.DataFrame) -> pd.DataFrame:
    """Runs as an automation tool logs them, one row each: its attempts in one, the last one's end.

    Takes `schema.EXECUTIONS`; columns of `schema.RUNS`, without calls, tokens and cost. Cancelled
    ones are left out. Where a workflow's calls are known too, those tell its runs: both would count
    each task twice.
    """
    over = executions[executions.status != "cancelled"].sort_values(["started_at", "row"])
    runs = over.groupby(["workflow", "run_id"], as_index=False).agg(
        started_at=("started_at", "min"), status=("status", "last")
    )
    return runs.assign(hour=runs.started_at.dt.floor("h"), calls=0, refused=False)


def model_days(calls: nw.LazyFrame) -> nw.LazyFrame:
    """What answered, day by day: calls, rows and cost per workflow, provider, model and cost kind.

    Columns workflow, provider, request_model, served_model, cost_kind, day (UTC), first_seen,
    last_seen, calls (requests; <NA> where not counted), rows, cost_eur. Caller cancels count.
    """
    keys = ("workflow", "provider", "request_model", "served_model", "cost_kind")
    return (
        calls.with_columns(day=nw.col("ts").dt.truncate("1d"))
        .group_by(*keys, "day")
        .agg(
            nw.col("ts").min().alias("first_seen"),
            nw.col("ts").max().alias("last_seen"),
            nw.col("requests").sum().alias("calls"),
            nw.col("requests").count().alias("counted"),
            nw.len().alias("rows"),
            nw.col("cost_eur").sum(),
        )
        .with_columns(calls=nw.when(nw.col("counted") > 0).then(nw.col("calls")))
        .drop("counted")
    )


def hourly_answers(calls: nw.LazyFrame) -> nw.LazyFrame:
    """Per workflow and hour (UTC): the median latency of its ok calls and the mean quality score.

    Columns workflow, hour, latency_ms, timed (ok calls with a latency), quality (0 to 1), scored.
    Single calls only: totals hold neither.
    """
    single = calls.filter(nw.col("bucket_s") == 0, nw.col("status") != "cancelled")
    latency = nw.when(nw.col("status") == "ok").then(nw.col("latency_ms"))
    told = single.with_columns(hour=nw.col("ts").dt.truncate("1h"), latency_ms=latency)
    answers = told.group_by("workflow", "hour").agg(
        nw.col("latency_ms").median(),
        nw.col("latency_ms").count().alias("timed"),
        nw.col("quality").mean(),
        nw.col("quality").count().alias("scored"),
    )
    return answers.filter((nw.col("timed") > 0) | (nw.col("scored") > 0))


def hourly_grid(panel: pd.DataFrame, covered: pd.DataFrame) -> pd.DataFrame:
    """Every workflow in every hour of the history: zero where covered, <NA> without data.

    `covered` holds workflow, hour, covered and bucket_s (`coverage.covered_hours`). Columns as in
    `schema.PANEL`, models added up, with covered and bucket_s beside them; sorted by workflow,
    hour.
    """
    uncounted = panel.calls.isna().groupby(panel.workflow).all()
    sums = panel.groupby(["workflow", "hour"])[GRID].sum(min_count=1).reset_index()
    grid = covered.merge(sums, on=["workflow", "hour"], how="left")
    grid[GRID] = grid[GRID].astype("Float64").fillna(0.0).where(grid.covered)
    blind = grid.workflow.isin(uncounted[uncounted].index)
    grid[COUNTS] = grid[COUNTS].mask(blind)
    return grid.sort_values(["workflow", "hour"], ignore_index=True)


def hourly_tasks(grid: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The grid's hours with what was worked: tasks, done (all but failed) and refused.

    A task is a run where the source holds single calls, a call where it only counts them, and an
    hour with tokens where it counts nothing: never more than there were. <NA> without data.
    """
    flags = runs.assign(
        tasks=1, failed=runs.status.isin(FAILED), refused=runs.refused.fillna(False)
    )
    by_hour = flags.groupby(["workflow", "hour"])[["tasks", "failed", "refused"]].sum()
    single = grid[["workflow", "hour"]].join(by_hour, on=["workflow", "hour"]).fillna(0)
    busy = (grid.input_tokens.fillna(0) + grid.output_tokens.fillna(0) > 0).astype("Float64")
    counted = grid.bucket_s.eq(0) & grid.workflow.isin(runs.workflow.unique())
    tasks, failed, refused = (
        single[one].astype("Float64").where(counted, grid[total])
        for one, total in (("tasks", "calls"), ("failed", "failed"), ("refused", "refused"))
    )
    tasks = tasks.fillna(busy)
    worked = {"tasks": tasks, "done": tasks - failed.fillna(0), "refused": refused}
    return grid.assign(**{name: values.where(grid.covered) for name, values in worked.items()})


def hourly_run_costs(runs: pd.DataFrame) -> pd.DataFrame:
    """Per workflow and hour: run_cost_eur, the median cost of its ok_runs successful runs."""
    ok = runs[(runs.status == "ok") & runs.cost_eur.notna()]
    by_hour = ok.groupby(["workflow", "hour"]).cost_eur
    return by_hour.agg(run_cost_eur="median", ok_runs="size").reset_index()


def measures(
    grid: pd.DataFrame, runs: pd.DataFrame, answers: pd.DataFrame, now: pd.Timestamp
) -> pd.DataFrame:
    """One row per workflow, metric and hour: value, sample, covered; clause B5.

    Metrics cost_eur (a sum), run_cost_eur and tokens_per_run (medians of ok runs), latency_ms
    (median of ok calls), refused_share (of judged calls) and quality (a mean, 0 to 1); `sample`
    counts what each was taken from. `answers` are `hourly_answers`. A metric has a row for every
    whole hour of the history, or none where a workflow's exports do not hold it by the hour; value
    is <NA> where it could not be measured. Sorted by metric, workflow, hour; names are categorical.
    """
    key = ["workflow", "hour"]
    hours = grid[grid.hour + HOUR <= now]
    for table in (answers, hourly_run_costs(runs), hourly_run_tokens(runs)):
        hours = hours.merge(table, on=key, how="left")
    priced = hours.cost_eur.gt(0).fillna(False).groupby(hours.workflow).transform("any")
    told = {
        "cost_eur": (hours.cost_eur.where(priced & hours.unpriced.eq(0)), hours.calls),
        "latency_ms": (hours.latency_ms, hours.timed),
        "quality": (hours.quality, hours.scored),
        "refused_share": (hours.refused / hours.judged.mask(hours.judged == 0), hours.judged),
        "run_cost_eur": (hours.run_cost_eur, hours.ok_runs),
        "tokens_per_run": (hours.tokens_per_run, hours.sized_runs),
    }
    rows = [_measure(hours, *of).assign(metric=metric) for metric, of in told.items()]
    table = pd.concat(rows, ignore_index=True)
    return table.astype({"metric": pd.CategoricalDtype(list(told))})


def _measure(hours: pd.DataFrame, value: pd.Series, sample: pd.Series) -> pd.DataFrame:
    """One metric's rows, of the workflows that have it; totals of a day are no hours."""
    fine = hours.covered & hours.bucket_s.le(HOUR.total_seconds())
    rows = pd.DataFrame(
        {
            "workflow": hours.workflow.astype("category"),
            "hour": hours.hour,
            "value": value.astype("Float64").where(fine),
            "sample": sample.astype("Float64").fillna(0).where(fine),
            "covered": hours.covered,
        }
    )
    return rows[rows.value.notna().groupby(hours.workflow).transform("any")]


def hourly_run_tokens(runs: pd.DataFrame) -> pd.DataFrame:
    """Per workflow and hour: tokens_per_run, the median of input and output of its sized_runs."""
    ok = runs[runs.status == "ok"]
    by_hour = ok.assign(tokens=ok.input_tokens + ok.output_tokens).groupby(["workflow", "hour"])
    return by_hour.tokens.agg(tokens_per_run="median", sized_runs="count").reset_index()


def daily_totals(grid: pd.DataFrame, runs: pd.DataFrame, calendar: pd.DataFrame) -> pd.DataFrame:
    """One row per workflow and local day, with what the day was.

    Columns workflow, day, started_at, ended_at, day_type, off, covered (whole day) and
    covered_share, the grid's sums, runs, ok_runs, run_cost_eur (median of a successful run) and
    its mean. A day that still runs is not covered: its hours to come are no data.
    """
    days = grid.assign(day=local_day(grid.hour, calendar))
    sums = ["calls", "judged", "failed", "refused", "input_tokens", "output_tokens", "cost_eur"]
    by_day = days.groupby(["workflow", "day"])
    totals = by_day[sums].sum(min_count=1)
    totals["covered_hours"] = by_day.covered.sum()
    joined = totals.join(daily_run_costs(runs, calendar), how="left").reset_index()
    joined[["runs", "ok_runs"]] = joined[["runs", "ok_runs"]].astype("Float64").fillna(0)
    dated = joined.merge(calendar, on="day")
    covered = (dated.covered_hours / dated.hours.round()).clip(upper=1)
    return dated.drop(columns="covered_hours").assign(covered=covered == 1, covered_share=covered)


def daily_run_costs(runs: pd.DataFrame, calendar: pd.DataFrame) -> pd.DataFrame:
    """Runs, successful ones, and the median and mean cost of those, per workflow and local day."""
    dated = runs.assign(day=local_day(runs.hour, calendar), ok=runs.status == "ok")
    cost = dated.cost_eur.where(dated.ok)
    by_day = dated.assign(ok_cost=cost).groupby(["workflow", "day"])
    return by_day.agg(
        runs=("ok", "size"),
        ok_runs=("ok_cost", "count"),
        run_cost_eur=("ok_cost", "median"),
        run_cost_mean_eur=("ok_cost", "mean"),
        run_input_tokens=("input_tokens", "median"),
        run_output_tokens=("output_tokens", "median"),
    )


def local_day(hours: pd.Series, calendar: pd.DataFrame) -> np.ndarray:
    """The local day each UTC hour begins in, as the calendar draws them; NaT outside of it."""
    edges = pd.DatetimeIndex([*calendar.started_at, calendar.ended_at.iloc[-1]])
    place = edges.searchsorted(pd.DatetimeIndex(hours), side="right") - 1
    inside = (place >= 0) & (place < len(calendar))
    day = calendar.day.to_numpy()[np.clip(place, 0, len(calendar) - 1)]
    return np.where(inside, day, np.datetime64("NaT"))
