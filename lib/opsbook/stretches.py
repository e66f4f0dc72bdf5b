"""What an analyst looks at: one metric over time, and the calls behind any stretch of it.

The series are those the rules judge, with the baselines they judge against. Of the calls only a
stretch is read, only the columns a table shows, and at most so many rows: how many there are in all
is told beside it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import duckdb
import numpy as np
import pandas as pd

from opsbook import store
from opsbook.baselines import before, slots
from opsbook.findings import Facts, Judged
from opsbook.rules import deviation
from opsbook.schema import COMPANY, FAILED, PRIORITIES
from opsbook.settings import Limits, Settings

HOUR = pd.Timedelta(hours=1)
CALLS_SHOWN = 500
"""Rows of a table that a person can still go through."""
SUMS = ["calls", "judged", "failed", "refused", "tokens", "cost_eur", "runs"]
SERIES = ["at", "ended_at", "value", "sample", "center", "lower", "upper"]


@dataclass(frozen=True)
class Metric:
    """One metric as people choose it: its name in words, and which of its calls come first.

    `total` holds for what can be added up over workflows. `first` orders calls in SQL, `told` says
    that order in words.
    """

    words: str
    first: str = "ts, row"
    told: str = "earliest first"
    total: bool = False


_BY_TOKENS = ("coalesce(input_tokens, 0) + coalesce(output_tokens, 0) DESC", "longest first")
_BY_COST = ("cost_eur DESC NULLS LAST", "dearest first")
METRICS = {
    "run_cost_eur": Metric("Cost per run", *_BY_COST),
    "cost_eur": Metric("Cost", *_BY_COST, total=True),
    "tokens": Metric("Tokens", *_BY_TOKENS, total=True),
    "tokens_per_run": Metric("Tokens per run", *_BY_TOKENS),
    "error_share": Metric("Error share", "status IN $failed DESC", "failed first", total=True),
    "latency_ms": Metric("Latency", "latency_ms DESC NULLS LAST", "slowest first"),
    "refused_share": Metric(
        "Refusals",
        "(status = 'refused' OR output_class IS NOT DISTINCT FROM 'refusal') DESC",
        "refused first",
    ),
    "quality": Metric("Quality score", "quality NULLS LAST", "lowest first"),
    "calls": Metric("Calls", total=True),
    "runs": Metric("Runs", total=True),
}


@dataclass(frozen=True)
class Stretch:
    """A stretch of one workflow's metric that somebody looks at; times in UTC, the end exclusive.

    `workflow` may be the company: all of them.
    """

    workflow: str
    metric: str
    started_at: pd.Timestamp
    ended_at: pd.Timestamp


# Series


def metrics_of(workflow: str, facts: Facts) -> list[str]:
    """The metrics that a workflow's exports hold, in the order people are offered them."""
    hours = hours_of(workflow, facts)
    own = set(facts.measures.metric[facts.measures.workflow == workflow])
    own |= {m for m in METRICS if m in hours and hours[m].fillna(0).gt(0).any()}
    if hours.judged.fillna(0).gt(0).any():
        own.add("error_share")
    return [m for m, of in METRICS.items() if m in own and (of.total or workflow != COMPANY)]


def hours_of(workflow: str, facts: Facts) -> pd.DataFrame:
    """One row per hour (UTC) of a workflow, or of all together: the sums SUMS, and covered.

    Tokens are input and output; <NA> without data, runs also where exports hold no single ones.
    """
    grid = facts.grid.assign(tokens=facts.grid.input_tokens + facts.grid.output_tokens)
    began = facts.runs.groupby(["workflow", "hour"]).size().rename("runs").reset_index()
    hours = grid.merge(began, on=["workflow", "hour"], how="left")
    single = hours.covered & hours.bucket_s.eq(0)
    hours["runs"] = hours.runs.astype("Float64").fillna(0).where(single)
    if workflow != COMPANY:
        return hours.loc[hours.workflow == workflow, ["hour", "covered", *SUMS]]
    by_hour = hours.groupby("hour")
    sums = by_hour[SUMS].sum(min_count=1).assign(covered=by_hour.covered.any())
    return sums.reset_index()


def hourly(
    workflow: str, metric: str, facts: Facts, judged: Judged, settings: Settings
) -> pd.DataFrame:
    """A metric hour by hour, as SERIES: value, sample, the center and edges of what is normal.

    Clause B5. At and ended_at in UTC; <NA> without data or with too small a sample. Normal is the
    mean, and `deviation_sd` SD around it, of the same hour of days of its kind; days of a P1 or P2
    of the metric are left out.
    """
    measures = facts.measures
    own = measures[(measures.workflow == workflow) & (measures.metric == metric)]
    if len(own):
        series, _ = deviation.measured(own, settings.limits)
    else:
        series = _counted(workflow, metric, facts, settings.limits)
    at = slots(series.hours, facts.calendar, settings.company.zone)
    open_ns = deviation.open_time(series.hours, facts.clock)
    left_out = _spoilt(pd.Series(series.hours), workflow, metric, facts, judged)
    usable = replace(series, values=np.where(left_out, np.nan, series.values))
    bands = deviation.bands(usable, at, open_ns, settings.limits)
    sign = int(series.sign[0])
    center, reach = sign * bands.center[0], settings.limits.deviation_sd * bands.spread[0]
    return _typed(
        at=series.hours,
        ended_at=series.hours + HOUR,
        value=sign * series.values[0],
        sample=series.sample[0],
        center=center,
        lower=np.maximum(center - reach, 0),
        upper=center + reach,
    )


def _spoilt(
    times: pd.Series, workflow: str, metric: str, facts: Facts, judged: Judged
) -> np.ndarray:
    """Which buckets lie in a local day of a P1 or P2 of this metric: they are not normal."""
    found = judged.findings
    own = found[(found.workflow == workflow) & (found.metric == metric)]
    own = own[(own.method == "calendar") & own.priority.isin(PRIORITIES[:2])]
    hit, days = np.zeros(len(times), bool), facts.calendar
    for f in own.itertuples():
        held = days[(days.started_at < f.ended_at) & (days.ended_at > f.started_at)]
        ends = held.started_at.min(), held.ended_at.max()
        hit |= times.between(*ends, inclusive="left").to_numpy(bool)
    return hit


def _counted(workflow: str, metric: str, facts: Facts, limits: Limits) -> deviation.Measured:
    """The hours of what is only counted, as a series that may be off in either direction."""
    hours = hours_of(workflow, facts)
    hours = hours[hours.hour + HOUR <= facts.now]
    value, sample = (v.to_numpy(float, na_value=np.nan) for v in _figure(hours, metric, limits))
    return deviation.Measured(
        names=[(workflow, metric)],
        hours=pd.DatetimeIndex(hours.hour),
        values=value[None],
        sample=sample[None],
        weak=np.zeros((1, len(value)), bool),
        sign=np.ones(1, int),
    )


def _figure(sums: pd.DataFrame, metric: str, limits: Limits) -> tuple[pd.Series, pd.Series]:
    """A metric from sums, and what it was taken from; a share of too few calls is <NA>."""
    if metric not in ("error_share", "refused_share"):
        return sums[metric], sums.calls
    of = sums.judged.where(sums.judged >= limits.rate_watch_calls)
    return sums["failed" if metric == "error_share" else "refused"] / of, sums.judged


def daily(
    workflow: str, metric: str, facts: Facts, judged: Judged, settings: Settings
) -> pd.DataFrame:
    """A metric by local day, as SERIES; days of 23 to 25 hours, whole ones only.

    Where a rule judges days (R5, R7), center and upper are its baseline and limit. Else normal is
    the mean, and `deviation_sd` SD around it, of the last `baseline_days` days of the kind before.
    Latency, quality and tokens per run of a day are the mean of its hours, by their sample.
    """
    bands = _judged_days(workflow, metric, judged)
    if bands is not None:
        return bands[bands.ended_at <= facts.now].reset_index(drop=True)
    days = days_of(workflow, facts)
    if metric in ("latency_ms", "quality", "tokens_per_run", "run_cost_eur"):
        value, sample = _mean_of_hours(workflow, metric, facts, days)
    else:
        value, sample = _figure(days, metric, settings.limits)
    whole = value.where(days.covered & (days.ended_at <= facts.now))
    left_out = _spoilt(days.started_at, workflow, metric, facts, judged)
    return _typed(
        at=days.started_at,
        ended_at=days.ended_at,
        value=whole,
        sample=sample,
        **_usual(whole.mask(left_out), days.day_type, settings.limits),
    )


def days_of(workflow: str, facts: Facts) -> pd.DataFrame:
    """One row per local day of a workflow, or of all together: SUMS, covered and what it was."""
    days = facts.days.assign(tokens=facts.days.input_tokens + facts.days.output_tokens)
    if workflow != COMPANY:
        return days[days.workflow == workflow].reset_index(drop=True)
    by_day = days.groupby("day")
    sums = (
        by_day[SUMS].sum(min_count=1).join(by_day[["started_at", "ended_at", "day_type"]].first())
    )
    return sums.assign(covered=by_day.covered.any()).reset_index()


def _judged_days(workflow: str, metric: str, judged: Judged) -> pd.DataFrame | None:
    """Days as a rule judged them; None where none judges days of it."""
    if metric == "run_cost_eur":
        own = judged.run_cost[judged.run_cost.workflow == workflow]
        told = {"value": own.get("observed_eur"), "sample": own.get("sample")}
    elif (workflow, metric) == (COMPANY, "cost_eur"):
        own = judged.spend
        told = {"value": own.cost_eur, "sample": own.get("calls")}
    else:
        return None
    if own.empty:
        return None
    edges = {"center": own.center, "lower": own.center, "upper": own.upper}
    return _typed(at=own.started_at, ended_at=own.ended_at, **told, **edges)


def _mean_of_hours(
    workflow: str, metric: str, facts: Facts, days: pd.DataFrame
) -> tuple[pd.Series, pd.Series]:
    measures = facts.measures
    own = measures[(measures.workflow == workflow) & (measures.metric == metric)]
    edges = pd.DatetimeIndex(days.started_at)
    known = own[own.value.notna() & own["sample"].gt(0) & (own.hour >= edges[0])]
    place = edges.searchsorted(pd.DatetimeIndex(known.hour), side="right") - 1
    weighed = known.assign(weighed=known.value * known["sample"], place=place).groupby("place")
    sums = weighed[["weighed", "sample"]].sum().reindex(range(len(days)))
    return sums.weighed / sums["sample"], sums["sample"]


def _usual(value: pd.Series, kind: pd.Series, limits: Limits) -> dict[str, pd.Series]:
    """Center and edges of what is normal on days of the kind; <NA> while it is learnt."""
    by_kind = value.astype("Float64").groupby(kind)
    center, spread, n = (
        by_kind.transform(before, limits.baseline_days, s) for s in ("mean", "std", "count")
    )
    center = center.where(n >= limits.learning)
    reach = limits.deviation_sd * spread
    return {"center": center, "lower": (center - reach).clip(lower=0), "upper": center + reach}


def _typed(**columns: object) -> pd.DataFrame:
    frame = pd.DataFrame(columns)[SERIES].reset_index(drop=True)
    return frame.astype(dict.fromkeys(SERIES[2:], "Float64"))


def snapped(
    series: pd.DataFrame, low: pd.Timestamp, high: pd.Timestamp
) -> tuple[pd.Timestamp, pd.Timestamp] | None:
    """The whole buckets that a hand drew over: those whose middle lies within, else the one hit.

    None where there is no bucket. A bucket across a change of clocks is as long as it was.
    """
    middle = series["at"] + (series.ended_at - series["at"]) / 2
    hit = series[middle.between(low, high)]
    if hit.empty:
        hit = series[(series["at"] <= low) & (low < series.ended_at)]
    return None if hit.empty else (hit["at"].iloc[0], hit.ended_at.iloc[-1])


# Calls


COLUMNS = (
    "ts", "run_id", "served_model", "prompt_version", "status", "error_type", "output_class",
    "input_tokens", "output_tokens", "cost_eur", "latency_ms", "quality", "bucket_s", "requests",
    "workflow", "file_id", "row",
)  # fmt: skip


@dataclass(frozen=True)
class Behind:
    """The calls behind a stretch: at most CALLS_SHOWN `rows`, and what all of them add up to.

    `totals` holds rows (as counted in the tables), calls, failed, refused, cost_eur, tokens,
    latency_ms (a median) and unpriced; `models` and `prompts` rows by served model and by prompt
    version.
    """

    rows: pd.DataFrame
    totals: dict[str, float]
    models: dict[str, int]
    prompts: dict[str, int]


def calls_behind(data: str, stretch: Stretch, most: int = CALLS_SHOWN) -> Behind:
    """The calls and totals that touch a stretch; of a metric's, those first that matter for it.

    A row of totals (`bucket_s` over 0) touches it when part of its bucket does.
    """
    first = METRICS[stretch.metric].first.replace("$failed", str(FAILED))
    columns = ", ".join(COLUMNS)
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        calls = store.calls_relation(store.Folder.at(data), engine)
        ask = _asking(engine, calls, stretch)
        rows = ask(f"SELECT {columns} FROM own ORDER BY {first}, ts, row LIMIT {most}")  # noqa: S608
        totals = ask(TOTALS).to_dict("records")[0]
        models, prompts = (_by(column, ask) for column in ("served_model", "prompt_version"))
    return Behind(rows, totals, models, prompts)


def _by(column: str, ask: Callable[[str], pd.DataFrame]) -> dict[str, int]:
    """How many rows each value of a column has, most first."""
    known = f"FROM own WHERE {column} IS NOT NULL GROUP BY ALL ORDER BY n DESC, k"
    return ask(f"SELECT {column} AS k, count(*) AS n {known}").set_index("k").n.to_dict()


TOTALS = f"""
SELECT count(*) AS rows, sum(requests) AS calls, coalesce(sum(cost_eur), 0) AS cost_eur,
  sum(requests) FILTER (status IN {FAILED}) AS failed,
  sum(requests) FILTER (status = 'refused' OR output_class = 'refusal') AS refused,
  sum(coalesce(input_tokens, 0) + coalesce(output_tokens, 0)) AS tokens,
  median(latency_ms) FILTER (status = 'ok') AS latency_ms,
  count(*) FILTER (cost_eur IS NULL) AS unpriced
FROM own
"""  # noqa: S608 - nothing from outside stands in it


def _asking(
    engine: duckdb.DuckDBPyConnection, calls: duckdb.DuckDBPyRelation, stretch: Stretch
) -> Callable[[str], pd.DataFrame]:
    """Asks questions of a stretch's own calls; names and times go in as parameters."""
    calls.create_view("calls")
    within = "ts < $until AND (ts >= $since OR ts + to_seconds(bucket_s) > $since)"
    whose = "" if stretch.workflow == COMPANY else "AND workflow = $workflow"
    own = f"WITH own AS (SELECT * FROM calls WHERE {within} {whose}) "  # noqa: S608
    told = {"since": stretch.started_at, "until": stretch.ended_at}
    told |= {} if stretch.workflow == COMPANY else {"workflow": stretch.workflow}
    at = {k: v.to_pydatetime() if isinstance(v, pd.Timestamp) else v for k, v in told.items()}
    return lambda question: engine.execute(own + question, at).df()
