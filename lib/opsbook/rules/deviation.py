"""Hours off their baseline: R8 (two SD for over four business hours), R11 (a single one, far off).

Each hour is measured against the same hour of days of its kind, so that a Monday morning is not
held against a Sunday night. A level that stays off calls someone (P2); an hour that stands out from
its week and from its slot by far is listed (P3). Most real events last one to three hours: by the
runbook's own design they are P3.
"""

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from opsbook.baselines import HOURS, Normal, SlotHistory, Slots, slots
from opsbook.clock import BusinessClock
from opsbook.estimates import ROUNDING
from opsbook.rules import findings_of, parameters
from opsbook.rules.lasting import Run, Runs
from opsbook.schema import UNASSIGNED
from opsbook.settings import Limits, Settings

HOUR = pd.Timedelta(hours=1)
RUNS, CALLS = "deviation_min_runs", "rate_min_calls"
PARAMETERS = {
    "R8": ("deviation_sd", "deviation_share", "deviation_h", "deviation_gap_h", "baseline_days"),
    "R11": ("isolated_k", "isolated_days", "deviation_share", "baseline_days"),
}


@dataclass(frozen=True)
class Metric:
    """One metric, under the name it has in `panel.measures`.

    `bad` is its bad direction, 1 up and -1 down; `family` what its R8 findings are grouped in;
    `number` and `unit` write a value, `absent` says why there may be none; `least` names the limit
    that holds the least sample of an hour. A `pooled` one is a share: hours reach back for it.
    """

    name: str
    bad: int
    family: str
    number: str
    unit: str
    absent: str
    least: str = ""
    pooled: bool = False


NO_RUNS = "no single runs, only totals"
METRICS = {
    m.name: m
    for m in (
        Metric("cost_eur", 1, "cost", "{:,.2f}", "{currency} an hour", "no cost by the hour"),
        Metric("run_cost_eur", 1, "cost", "{:,.4f}", "{currency} a run", NO_RUNS, RUNS),
        Metric("tokens_per_run", 1, "cost", "{:,.0f}", "tokens a run", NO_RUNS, RUNS),
        Metric("latency_ms", 1, "latency", "{:,.0f}", "ms an answer", "no latency", RUNS),
        Metric("refused_share", 1, "refusals", "{:.0%}", "refused", "no outcomes", CALLS, True),
        Metric("quality", -1, "quality", "{:.2f}", "of 1 in quality", "no score", RUNS),
        Metric("format_pass_share", -1, "quality", "{:.0%}", "in format", "no check", CALLS, True),
    )
}


@dataclass(frozen=True)
class Measured:
    """Series of hourly values to judge, bad when high: `values`, `sample` are series x hours.

    NaN is nothing to judge. `weak` hours are single events, whatever they measure; `sign` (one a
    series) turns values back; `names` holds the workflow and metric of each series.
    """

    names: list[tuple[str, str]]
    hours: pd.DatetimeIndex
    values: np.ndarray
    sample: np.ndarray
    weak: np.ndarray
    sign: np.ndarray
    both: bool = False
    method: str = "calendar"


@dataclass(frozen=True)
class Bands:
    """Every hour of many series against its baselines: arrays of series x hours.

    `center`, `spread` (mean and SD), `references` and `moved` are those R8 judges with. `high` and
    `low` say where an hour is beyond them, `isolated` where it is far off as R11 asks, beyond
    `isolated_limit` around `middle`. `bad` and `good` hold the runs that lasted, by direction.
    """

    center: np.ndarray
    spread: np.ndarray
    references: np.ndarray
    moved: np.ndarray
    high: np.ndarray
    low: np.ndarray
    middle: np.ndarray
    isolated: np.ndarray
    isolated_limit: np.ndarray
    bad: list[Run]
    good: list[Run]


def deviations(
    measures: pd.DataFrame, calendar: pd.DataFrame, clock: BusinessClock, settings: Settings
) -> pd.DataFrame:
    """What R8 and R11 find in `panel.measures`, by our reading.

    Clauses B5 and B8. A deviation in the good direction is a note without a priority. What no
    workflow claims is left out; of workflows that run once a week it is said that their hours are
    not alike, as it is of metrics that an export does not hold.
    """
    judged = _judged(measures, settings)
    rows = _rows(judged, calendar, clock, settings) if len(judged) else []
    return findings_of([*rows, *_absent(measures, _weekly(settings))])


def deviations_literally(
    measures: pd.DataFrame, clock: BusinessClock, settings: Settings
) -> pd.DataFrame:
    """What R8 and R11 find in `panel.measures` read word for word."""
    judged, limits = _judged(measures, settings), settings.limits
    if judged.empty:
        return findings_of([])
    _, literal = measured(judged, limits)
    bare = bands_literally(literal, open_time(literal.hours, clock), limits)
    return findings_of([_named(row, literal, settings) for row in spans(bare, literal, limits)])


def _judged(measures: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Measures of workflows whose hours are alike: none that run once a week, none unclaimed.

    Hours of days planned off are no data: nothing to judge, and nothing that says what is normal.
    """
    own = measures[~measures.workflow.isin({UNASSIGNED, *_weekly(settings)})]
    return own.assign(value=own.value.mask(_planned_off(own, settings)))


def _planned_off(measures: pd.DataFrame, settings: Settings) -> pd.Series:
    off = pd.Series(False, index=measures.index)
    for workflow in settings.workflows:
        for closure in workflow.planned_off:
            edges = pd.DatetimeIndex([closure.first, closure.last + dt.timedelta(days=1)])
            start, end = edges.tz_localize(settings.company.zone).tz_convert("UTC")
            within = measures.hour.between(start, end, inclusive="left")
            off |= (measures.workflow == workflow.id) & within
    return off


def _weekly(settings: Settings) -> set[str]:
    return {w.id for w in settings.workflows if w.schedule == "weekly"}


def _rows(
    measures: pd.DataFrame, calendar: pd.DataFrame, clock: BusinessClock, settings: Settings
) -> list[dict]:
    limits = settings.limits
    ours, _ = measured(measures, limits)
    at, open_ns = slots(ours.hours, calendar, settings.company.zone), open_time(ours.hours, clock)
    found = bands(ours, at, open_ns, limits, _begins(ours, at, settings))
    return [
        *(_named(r, ours, settings) for r in spans(found, ours, limits) if _worth(r, ours, limits)),
        *_learning(found, ours, limits),
    ]


def _begins(series: Measured, at: Slots, settings: Settings) -> dict[int, list[int]]:
    """The days, by their position, on which series begin an epoch of their workflow."""
    zone = settings.company.zone
    place = {series.hours[s.start].tz_convert(zone).date(): i for i, s in enumerate(at.days())}
    found: dict[int, list[int]] = {}
    for row, (workflow, _) in enumerate(series.names):
        for first in settings.epochs_of(workflow):
            if first in place:
                found.setdefault(place[first], []).append(row)
    return found


def measured(measures: pd.DataFrame, limits: Limits) -> tuple[Measured, Measured]:
    """`panel.measures` as series for either method: ours with least samples, the literal bare."""
    names = _names(measures)
    hours = pd.DatetimeIndex(measures.hour.unique())
    shape = (len(names), len(hours))
    values, sample = (
        measures[c].to_numpy(float, na_value=np.nan).reshape(shape) for c in ("value", "sample")
    )
    known = [METRICS[metric] for _, metric in names]
    parts = (with_sample(*row, limits) for row in zip(values, sample, known, strict=True))
    enough, of, weak = (np.array(part) for part in zip(*parts, strict=True))
    sign = np.array([m.bad for m in known])
    one, none = np.ones(len(names), int), np.zeros(shape, bool)
    return (
        Measured(names, hours, sign[:, None] * enough, of, weak, sign),
        Measured(names, hours, values, sample, none, one, both=True, method="runbook"),
    )


def _names(measures: pd.DataFrame) -> list[tuple[str, str]]:
    """The workflow and metric of each series, in order."""
    pairs = measures[["workflow", "metric"]].drop_duplicates().astype(str)
    return list(pairs.itertuples(index=False, name=None))


def with_sample(
    values: np.ndarray, sample: np.ndarray, metric: Metric, limits: Limits
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """One series' values with enough sample (else NaN), their sample, and which are single events.

    Shares are pooled over the fewest hours that hold the least sample, at most as many as R8 lets
    pass: one bad hour alone can never make a run. An hour that only looks back on events, or on
    fewer than `deviation_min_refusals`, is weak.
    """
    least = getattr(limits, metric.least) if metric.least else 0
    if not metric.pooled:
        return np.where(sample >= least, values, np.nan), sample, np.zeros(len(values), bool)
    n = np.nan_to_num(sample)
    own = np.nan_to_num(values) * n
    share, of, hits = np.full(len(n), np.nan), np.zeros(len(n)), np.zeros(len(n))
    for width in range(int(limits.deviation_h), 0, -1):
        calls, found = (np.convolve(a, np.ones(width))[: len(n)] for a in (n, own))
        full = (calls >= least) & (n > 0)
        share[full], of[full], hits[full] = found[full] / calls[full], calls[full], found[full]
    fewest = limits.deviation_min_refusals * (1 - ROUNDING)
    return share, of, (own == 0) | (hits < fewest)


def open_time(hours: pd.DatetimeIndex, clock: BusinessClock) -> np.ndarray:
    """The business time in each hour, in ns."""
    return clock.reading(hours + HOUR) - clock.reading(hours)


def bands(
    series: Measured,
    at: Slots,
    open_ns: np.ndarray,
    limits: Limits,
    begins: Mapping[int, Sequence[int]] = MappingProxyType({}),
) -> Bands:
    """Series against their slots and their weeks, day by day.

    Clauses B5 and B8. `open_ns` is the business time in each hour. Days of a run that fired stay
    out of the baselines of later days; what lies before a day of `begins` stays out of those of the
    series named there.
    """
    history = SlotHistory(series.values, at, limits)
    bad, good = (Runs.of(len(series.values), limits) for _ in range(2))
    days = []
    for day, span in enumerate(history.spans):
        if day in begins:
            history.forget(np.array(begins[day]), day)
        seen = _day(series, span, history.slot(day), history.week(day), limits)
        judged = seen.pop("judged")
        for j in np.flatnonzero(open_ns[span] > 0):
            for runs, breach in ((bad, seen["high"][:, j]), (good, seen["low"][:, j])):
                runs.step(span.start + j, breach, judged[:, j] & ~breach, open_ns[span.start + j])
        for runs in (bad, good)[: 1 + series.both]:
            runs.mark(history.left_out, at.day)
        history.add(day)
        days.append(seen)
    columns = {k: np.concatenate([d[k] for d in days], axis=1) for k in days[0]}
    return Bands(**columns, bad=bad.end(), good=good.end())


def _day(series: Measured, span: slice, slot: Normal, week: Normal, limits: Limits) -> dict:
    """One day's columns of `Bands`, and which hours can be judged."""
    value = series.values[:, span]
    known = (slot.n >= limits.learning) & ~np.isnan(value)
    reach = limits.deviation_sd * slot.sd
    least = limits.deviation_share * np.abs(slot.median)
    off = np.abs(value - slot.median) >= least * (1 - ROUNDING)
    strong = known & off & ~series.weak[:, span]
    wide, weekly = (limits.isolated_k * normal.robust() for normal in (slot, week))
    alone = over(value, slot.median + wide) & over(value, week.median + weekly)
    if series.both:
        alone |= over(-value, wide - slot.median) & over(-value, weekly - week.median)
    return {
        "center": slot.mean,
        "spread": slot.sd,
        "references": slot.n,
        "moved": slot.moved == 1,
        "high": strong & over(value, slot.mean + reach) & (value > slot.median),
        "low": known & off & over(-value, reach - slot.mean) & (value < slot.median),
        "middle": slot.median,
        "isolated": strong & alone & (week.n >= limits.learning),
        "isolated_limit": np.maximum(slot.median + wide, week.median + weekly),
        "judged": known,
    }


def over(value: np.ndarray, limit: np.ndarray) -> np.ndarray:
    """Whether values are over their limits by more than rounding, below zero too."""
    return value - limit > ROUNDING * np.maximum(np.abs(value), np.abs(limit))


def bands_literally(series: Measured, open_ns: np.ndarray, limits: Limits) -> Bands:
    """Series against mean and SD of the seven calendar days before each hour, word for word."""
    values = series.values
    center, spread, n = trailing(values, limits.isolated_days * HOURS)
    known = (n > 1) & ~np.isnan(values)
    reach, far = limits.deviation_sd * spread, limits.isolated_k * spread
    high = known & over(values, center + reach)
    low = known & over(-values, reach - center)
    bad, good = (Runs.of(len(values), limits) for _ in range(2))
    for i in np.flatnonzero(open_ns > 0):
        for runs, breach in ((bad, high[:, i]), (good, low[:, i])):
            runs.step(i, breach, known[:, i] & ~breach, open_ns[i])
    return Bands(
        center=center,
        spread=spread,
        references=n,
        moved=np.zeros(n.shape, bool),
        high=high,
        low=low,
        middle=center,
        isolated=known & (over(values, center + far) | over(-values, far - center)),
        isolated_limit=center + far,
        bad=bad.end(),
        good=good.end(),
    )


def trailing(values: np.ndarray, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Mean, SD (ddof 1) and number of the up to `width` values before each, missing ones left out.

    >>> [float(a[0, -1]) for a in trailing(np.array([[9.0, 1.0, np.nan, 3.0, 7.0]]), 3)]
    [2.0, 1.4142135623730951, 2.0]
    """
    there = ~np.isnan(values)
    level = np.nan_to_num(np.nanmean(np.where(there.any(axis=1)[:, None], values, 0), axis=1))
    near = np.where(there, values - level[:, None], 0)
    n, total, squares = (_sum_before(a, width) for a in (there.astype(float), near, near**2))
    mean = total / np.where(n > 0, n, np.nan)
    variance = (squares - n * mean**2) / np.where(n > 1, n - 1, np.nan)
    return mean + level[:, None], np.sqrt(np.maximum(variance, 0)), n


def _sum_before(values: np.ndarray, width: int) -> np.ndarray:
    """The sum of the up to `width` values before each."""
    total = np.pad(np.cumsum(values, axis=1), ((0, 0), (1, 0)))
    end = np.arange(values.shape[1])
    return total[:, end] - total[:, np.maximum(end - width, 0)]


def spans(found: Bands, series: Measured, limits: Limits) -> Iterator[dict]:
    """Runs that lasted (R8) and single hours far off (R11), each with its place and its figures.

    An hour far off stays found when it turns out to be part of a run: a check has said so already.
    `series` and `worst` are the row and the hour of its worst value.
    """
    for run in found.bad:
        yield _run(found, series, run, 1, limits) | {"priority": "P2"}
    for run in found.good:
        told = {"priority": "P2"} if series.both else {"priority": None, "state": "note"}
        yield _run(found, series, run, -1, limits) | told
    edges = np.diff(np.pad(found.isolated, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    firsts, ends = np.argwhere(edges == 1), np.argwhere(edges == -1)[:, 1]
    for (row, first), end in zip(firsts, ends, strict=True):
        yield _single(found, series, int(row), int(first), int(end))


def _run(found: Bands, series: Measured, run: Run, up: int, limits: Limits) -> dict:
    where = (run.series, slice(run.first, run.last + 1))
    breach = (found.high if up > 0 else found.low)[where]
    beyond = np.where(breach, up * (series.values[where] - found.center[where]), -np.inf)
    worst = (run.series, run.first + int(np.argmax(beyond)))
    reach = up * limits.deviation_sd * found.spread[worst]
    return _figures(found.center[worst], found.center[worst] + reach, found, series, worst) | {
        "rule": "R8",
        "started_at": series.hours[run.first],
        "ended_at": series.hours[run.last] + HOUR,
        "detected_at": series.hours[run.fired] + HOUR,
        "state": "over" if run.over else "firing",
    }


def _single(found: Bands, series: Measured, row: int, first: int, end: int) -> dict:
    """Hours in a row that are far off and no part of a run that lasted."""
    distance = np.abs(series.values[row, first:end] - found.middle[row, first:end])
    worst = (row, first + int(np.argmax(distance)))
    middle = found.middle[worst]
    limit = found.isolated_limit[worst]
    limit = limit if series.values[worst] > middle else 2 * middle - limit
    return _figures(middle, limit, found, series, worst) | {
        "rule": "R11",
        "started_at": series.hours[first],
        "ended_at": series.hours[end - 1] + HOUR,
        "detected_at": series.hours[first] + HOUR,
        "priority": "P3",
        "state": "over",
    }


def _figures(
    baseline: float, limit: float, found: Bands, series: Measured, worst: tuple[int, int]
) -> dict:
    row, sign = worst[0], series.sign[worst[0]]
    return {
        "series": row,
        "observed": sign * series.values[worst],
        "baseline": sign * baseline,
        "limit": sign * limit,
        "sample": max(round(np.nan_to_num(series.sample[worst])), 1),
        "references": int(found.references[worst]),
        "moved": bool(found.moved[worst]),
    }


def _named(row: dict, series: Measured, settings: Settings) -> dict:
    """A finding's row: the span under its workflow and metric, in words."""
    workflow, name = series.names[row["series"]]
    metric, rule = METRICS[name], row["rule"]
    told = {"workflow": workflow, "metric": name, "method": series.method}
    used = (*PARAMETERS[rule], *([metric.least] if metric.least else []))
    said = {"parameters": parameters(settings.limits, *used)}
    said["reason"] = _words(row, metric, settings.company.currency)
    return row | told | {"family": metric.family} | said


def _worth(row: dict, series: Measured, limits: Limits) -> bool:
    """Whether a finding is worth a look: a single hour that cost some cents more is not."""
    cents = row["observed"] - row["baseline"] < limits.isolated_floor_eur
    return not (row["rule"] == "R11" and series.names[row["series"]][1] == "cost_eur" and cents)


def _words(row: dict, metric: Metric, currency: str) -> str:
    """Why, for a page: "4,504 ms an answer, 2.0 times its baseline of 2,296 (20 hours like it)"."""
    observed, baseline = row["observed"], row["baseline"]
    value, usual = metric.number.format(observed), metric.number.format(baseline)
    ratio = baseline > 0 and not metric.pooled
    times = f"{observed / baseline:.1f} times its" if ratio else "against a"
    moved = "; the baseline has moved: confirm the new normal" if row["moved"] else ""
    like = f"({row['references']} hours like it{moved})"
    unit = metric.unit.replace("{currency}", currency)
    return f"{value} {unit}, {times} baseline of {usual} {like}"


def _learning(found: Bands, series: Measured, limits: Limits) -> list[dict]:
    """Series without an hour to judge, or with too few to compare with: off, and said."""
    rows = []
    for (workflow, name), values, n in zip(
        series.names, series.values, found.references, strict=True
    ):
        there, least = np.flatnonzero(~np.isnan(values)), METRICS[name].least
        enough = f" with {getattr(limits, least)} or more" if least else " with data"
        if not len(there):
            rows.append(_off(workflow, name, "not evaluable", f"no hour{enough}", series.hours))
        elif n[there[-1]] < limits.learning:
            why = f"fewer than {limits.learning} hours{enough} to compare with"
            rows.append(_off(workflow, name, "learning", why, series.hours))
    return rows


def _absent(measures: pd.DataFrame, weekly: set[str]) -> list[dict]:
    """What R8 cannot judge, and why: metrics an export does not hold, workflows run weekly."""
    hours = pd.DatetimeIndex(measures.hour.unique())
    workflows = measures.workflow.cat.categories if len(measures) else ()
    known = set(_names(measures))
    weekly_why = "it runs once a week, its hours are not alike"
    return [
        _off(
            w,
            m.name,
            "not evaluable",
            weekly_why if w in weekly else f"its exports hold {m.absent}",
            hours,
        )
        for w in workflows
        for m in METRICS.values()
        if w != UNASSIGNED and (w in weekly or (w, m.name) not in known)
    ]


def _off(workflow: str, metric: str, state: str, why: str, hours: pd.DatetimeIndex) -> dict:
    until = hours[-1] + HOUR
    return {
        "rule": "R8",
        "method": "calendar",
        "family": METRICS[metric].family,
        "workflow": workflow,
        "metric": metric,
        "started_at": hours[0],
        "ended_at": until,
        "detected_at": until,
        "state": state,
        "reason": why,
    }


COLUMNS = [
    "rule", "started_at", "ended_at", "detected_at", "observed", "baseline", "limit", "references",
    "priority", "state",
]  # fmt: skip


def judge_series(
    hours: pd.DatetimeIndex,
    values: np.ndarray,
    calendar: pd.DataFrame,
    clock: BusinessClock,
    zone: str,
    limits: Limits,
    direction: str = "both",
) -> pd.DataFrame:
    """What R8 and R11 find in one series of hourly values, by our reading.

    Clauses B5 and B8. `hours` (UTC) ascend without doubles; an hour that is not there, or whose
    value is NaN, is no data. `calendar` is `clock.local_days` and covers them, as does `clock`;
    `direction` is what is bad: up, down or both. One row per finding in order of start: rule,
    started_at, ended_at, detected_at, observed, baseline, limit, references, priority, state.
    """
    every = pd.date_range(hours[0], hours[-1], freq="h")
    sign = np.array([-1 if direction == "down" else 1])
    there = sign * pd.Series(values, hours).reindex(every).to_numpy(float)[None]
    full, none = np.full(there.shape, np.nan), np.zeros(there.shape, bool)
    series = Measured([], every, there, full, none, sign, both=direction == "both")
    found = bands(series, slots(every, calendar, zone), open_time(every, clock), limits)
    rows = pd.DataFrame(list(spans(found, series, limits)), columns=COLUMNS)
    return rows.sort_values(["started_at", "rule"], ignore_index=True)
