"""No task done over a business day: R9, where an empty day is no chance.

A workflow of thirty tasks a day that does none has stopped; one of two tasks a week has not. So
each empty day counts with how improbable it is, days in a row add up, and the rule holds when
together they are rarer than one in a hundred: one day at 4.6 expected tasks, two at 2.3.
"""

from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd

from opsbook.baselines import References
from opsbook.clock import BusinessClock
from opsbook.estimates import chance_of_none
from opsbook.rules import findings_of, parameters
from opsbook.settings import Limits, Workflow

HOUR = pd.Timedelta(hours=1)
DAILY_S = 86400
PARAMETERS = ("zero_tasks_chance", "zero_tasks_days", "baseline_days", "warm_up", "learning")


def business_days(calendar: pd.DataFrame, clock: BusinessClock) -> pd.DataFrame:
    """The company's calendar with opens and closes (UTC): from the day's first opening to its last
    close, NaT on days it does not open.
    """
    real = clock.closes > clock.opens
    opens, closes = (pd.DatetimeIndex(x[real], tz="UTC") for x in (clock.opens, clock.closes))
    place = pd.DatetimeIndex(calendar.started_at).searchsorted(opens, side="right") - 1
    spans = pd.DataFrame({"opens": opens, "closes": closes}).groupby(place)
    return calendar.join(spans.agg({"opens": "min", "closes": "max"}))


def expected_days(business: pd.DataFrame, workflow: Workflow | None) -> pd.DataFrame:
    """The `business_days` on which a workflow is expected to work.

    One that always runs has rest days too, from midnight to midnight. Days it is planned off are
    left out, and a weekly workflow has none: whether it ran is rule R13. Without a workflow the
    company's own.
    """
    if workflow is None or (workflow.schedule == "workdays" and not workflow.planned_off):
        return business[business.opens.notna()].reset_index(drop=True)
    if workflow.schedule == "always":
        opens, closes = business.opens, business.closes
        always = {"opens": opens.fillna(business.started_at)}
        business = business.assign(**always, closes=closes.fillna(business.ended_at))
    off = np.array([workflow.off_on(day.date()) is not None for day in business.day], bool)
    works = business.opens.notna() & ~off & (workflow.schedule != "weekly")
    return business[works].reset_index(drop=True)


def worked_days(expected: pd.DataFrame, hours: pd.DataFrame, now: pd.Timestamp) -> pd.DataFrame:
    """The `expected_days` over by `now`: tasks, done (not failed), refused, covered (every hour).

    `hours` is one workflow's `panel.hourly_tasks`. An hour that the opening or the close cuts
    counts whole. Totals of whole days are taken for the local day they begin in.
    """
    if (hours.bucket_s >= DAILY_S).any():
        expected = expected.assign(opens=expected.started_at, closes=expected.ended_at)
    over = expected[expected.closes <= now].reset_index(drop=True)
    begins = pd.DatetimeIndex(hours.hour)
    first = (begins + HOUR).searchsorted(pd.DatetimeIndex(over.opens), side="right")
    last = begins.searchsorted(pd.DatetimeIndex(over.closes), side="left")
    worked = {c: _between(hours[c], first, last) for c in ("tasks", "done", "refused")}
    needed = np.ceil((over.closes - over.opens) / HOUR)
    complete = (_between(hours.covered, first, last) == last - first) & (last - first >= needed)
    return over.assign(**worked, covered=complete, workflow=hours.workflow.iloc[0])


def _between(values: pd.Series, first: np.ndarray, last: np.ndarray) -> np.ndarray:
    total = np.concatenate([[0.0], values.astype("Float64").fillna(0).to_numpy(float).cumsum()])
    return total[last] - total[first]


def silences(days: pd.DataFrame, limits: Limits) -> pd.DataFrame:
    """Stretches of business days without a task, each with how improbable it is.

    Clause B4. Takes one workflow's `worked_days` in order. Columns first, last and fired (positions
    of days; -1 where it may be chance), expected (mean tasks a day of the days before it),
    references, together (chance of all its days being empty). A day without data ends a silence
    that may be chance, and does not end one that is none.
    """
    seen: dict[str, References] = {}
    found: list[dict[str, Any]] = []
    going = False
    records = [dict(r, place=i) for i, r in enumerate(days.to_dict("records"))]
    for empty, part in groupby(records, lambda r: bool(r["covered"]) and r["done"] == 0):
        stretch = list(part)
        if empty and going:
            found[-1]["last"] = stretch[-1]["place"]
        elif empty:
            found.append(_silence(stretch, seen, limits))
        fired = bool(found) and found[-1]["fired"] >= 0
        going = fired and (empty or (going and not any(r["covered"] for r in stretch)))
        _remember(seen, [r for r in stretch if r["covered"]], empty and going, limits)
    columns = ["first", "last", "fired", "expected", "references", "together"]
    return pd.DataFrame(found, columns=columns)


def _remember(
    seen: dict[str, References], days: list[dict[str, Any]], left_out: bool, limits: Limits
) -> None:
    for day in days:
        for kind in (day["day_type"], "any"):
            seen.setdefault(kind, References(limits)).add(day, left_out)


def _silence(stretch: list[dict], seen: dict[str, References], limits: Limits) -> dict:
    """A silence's row: each day counts with its own kind's chance of being empty."""
    begun = stretch[0]["day"]
    usual = {k: _usual(k, begun, seen, limits) for k in {d["day_type"] for d in stretch}}
    chances = np.array([usual[d["day_type"]][1] for d in stretch])
    together = chances.cumprod()
    fired = together <= limits.zero_tasks_chance
    expected, _, references = usual[stretch[0]["day_type"]]
    return {
        "first": stretch[0]["place"],
        "last": stretch[-1]["place"],
        "fired": stretch[int(fired.argmax())]["place"] if fired.any() else -1,
        "expected": expected,
        "references": references,
        "together": together[-1],
    }


def _usual(
    kind: str, day: pd.Timestamp, seen: dict[str, References], limits: Limits
) -> tuple[float, float, int]:
    """Tasks expected on a day, the chance of none, and the references both rest on.

    Under `warm_up` days of the type all days count. The chance is 1, which proves nothing, under
    `learning` days and where even `zero_tasks_days` empty ones could be chance.
    """
    window = seen.get(kind, References(limits)).ahead_of(day)[0]
    if len(window) < limits.warm_up:
        window = seen.get("any", References(limits)).ahead_of(day)[0]
    if len(window) < limits.learning:
        return float("nan"), 1.0, len(window)
    done = np.array([d["done"] for d in window], float)
    chance = chance_of_none(done, limits.confidence)
    rare = chance**limits.zero_tasks_days > limits.zero_tasks_chance
    return float(done.mean()), 1.0 if rare else chance, len(window)


def usual_now(days: pd.DataFrame, limits: Limits) -> tuple[int, bool]:
    """The references at the end of the data, and whether a silence could be told from chance."""
    seen: dict[str, References] = {}
    _remember(seen, days[days.covered].to_dict("records"), False, limits)
    _, chance, references = _usual("workday", pd.Timestamp.max, seen, limits)
    return references, chance < 1


def zero_tasks(days: pd.DataFrame, hours: pd.DataFrame, limits: Limits) -> pd.DataFrame:
    """Silences that are no chance, as findings.

    Clause B4, rule R9. Takes one workflow's `worked_days` and its `panel.hourly_tasks`: the first
    task after the close ends it. Detected at the close of the business day that made it improbable.
    """
    found = silences(days, limits)
    done_at = hours.hour[hours.done.fillna(0) > 0]
    return findings_of(
        [_row(days, s, done_at, limits) for s in found[found.fired >= 0].itertuples()]
    )


def _row(days: pd.DataFrame, silence: Any, done_at: pd.Series, limits: Limits) -> dict:
    first, last, fired = (days.loc[i] for i in (silence.first, silence.last, silence.fired))
    length = int(days.covered[silence.first : silence.last + 1].sum())
    lasting = "a business day" if length == 1 else f"{length} business days"
    return {
        "rule": "R9",
        "method": "calendar",
        "workflow": first.workflow,
        "metric": "tasks",
        "started_at": first.opens,
        "ended_at": last.closes,
        "detected_at": fired.closes,
        "observed": 0,
        "baseline": silence.expected,
        "limit": None,
        "sample": length,
        "references": silence.references,
        "parameters": parameters(limits, *PARAMETERS),
        "priority": "P2",
        "state": "over" if (done_at >= last.closes).any() else "firing",
        "reason": f"no task done over {lasting}, {silence.expected:.3g} a day expected "
        f"(mean of {silence.references} days)",
    }


def zero_tasks_literally(days: pd.DataFrame) -> pd.DataFrame:
    """Business days without a task, word for word: however rare the work is."""
    rows = [
        {
            "rule": "R9",
            "method": "runbook",
            "workflow": day.workflow,
            "metric": "tasks",
            "started_at": day.opens,
            "ended_at": day.closes,
            "detected_at": day.closes,
            "observed": 0,
            "sample": 1,
            "priority": "P2",
            "state": "over",
            "reason": "no task done over a business day",
        }
        for day in days[days.covered & days.done.eq(0) & days.day_type.eq("workday")].itertuples()
    ]
    return findings_of(rows)
