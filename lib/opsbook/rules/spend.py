"""The company's daily spend against days of the same kind: R7.

With weekends near a tenth of a workday a normal workday already stands at 135 % of the calendar
7-day mean. So a workday is measured against workdays, a rest day against rest days; the literal
reading is kept beside it, and the difference is shown.
"""

import pandas as pd

from opsbook.baselines import before
from opsbook.estimates import exceeds
from opsbook.rules import findings_of, parameters
from opsbook.schema import COMPANY, UNASSIGNED
from opsbook.settings import Limits

HOUR = pd.Timedelta(hours=1)
PARAMETERS = (
    "spend_ratio", "spend_days", "spend_min_days", "spend_floor_eur", "spend_floor_share",
)  # fmt: skip
RAISING = ("R5", "R6", "R8")
"""Rules whose P2 on the same day says that a dear day is no accident of volume."""


def company_days(days: pd.DataFrame) -> pd.DataFrame:
    """The company's spend per local day, in EUR, from the workflows' daily totals.

    One row per day: day, started_at, ended_at, day_type, off, cost_eur, complete. A day is complete
    when every workflow that had data by then is covered for the whole of it; what no workflow
    claims is added, and expected of no day.
    """
    begun = days[days.covered_share > 0].groupby("workflow").day.min().rename("begun")
    known = days.join(begun, on="workflow")
    due = known[known.day >= known.begun]
    due = due.assign(covered=due.covered | due.workflow.eq(UNASSIGNED))
    kind = ["day", "started_at", "ended_at", "day_type", "off"]
    by_day = due.groupby(kind, dropna=False)
    return by_day.agg(cost_eur=("cost_eur", "sum"), complete=("covered", "all")).reset_index()


def spend_bands(days: pd.DataFrame, limits: Limits) -> pd.DataFrame:
    """Each company day with the mean of the days of its type before it, and its limit, in EUR.

    Adds center, upper (what must not be exceeded: ratio and floor together) and references. The
    day is not in its own average; <NA> where fewer than `spend_min_days` came before.
    """
    complete = days.cost_eur.where(days.complete)
    by_type = complete.groupby(days.day_type)
    center = by_type.transform(before, limits.spend_days, "mean")
    references = by_type.transform(before, limits.spend_days, "count").fillna(0)
    center = center.where(references >= limits.spend_min_days)
    upper = pd.concat([center * limits.spend_ratio, center + _floor(days, limits)], axis=1)
    return days.assign(center=center, upper=upper.max(axis=1, skipna=False), references=references)


def daily_spend(
    days: pd.DataFrame, limits: Limits, hours: pd.DataFrame | None = None
) -> pd.DataFrame:
    """Days whose spend is over its limit, as findings for the company.

    Clause D1, rule R7: an alert (P3). Takes `spend_bands`. An incomplete day is judged too: what
    is over with a part is over with the whole. With the `hours` of the grid (hour, bucket_s,
    cost_eur) it is detected at the close of the hour in which the day's sum passed its limit.
    """
    over = days[exceeds(days.cost_eur, days.upper)]
    rows = [_row(d, limits, "calendar") for d in over.itertuples()]
    if hours is None:
        return findings_of(rows)
    return findings_of([row | {"detected_at": _passed(row, hours)} for row in rows])


def _passed(row: dict, hours: pd.DataFrame) -> pd.Timestamp:
    """The close of the hour in which a day's sum passed its limit; totals count when they end."""
    own = hours[(hours.hour >= row["started_at"]) & (hours.hour < row["ended_at"])]
    ends = own.hour + pd.to_timedelta(own.bucket_s.clip(lower=HOUR.total_seconds()), unit="s")
    running = own.cost_eur.fillna(0).groupby(ends).sum().cumsum()
    over = running.index[exceeds(running, row["limit"])]
    return min([*over[:1], row["ended_at"]])


def raised(findings: pd.DataFrame) -> pd.DataFrame:
    """The findings, alerts on spend as P2 where R5, R6 or R8 are one on the same day.

    Clause D1; of R8 only what costs. The alert then counts as seen when both were.
    """
    dear = findings.rule.isin(RAISING) & findings.family.eq("cost")
    causes = findings[dear & findings.priority.isin(["P1", "P2"])]
    changed = findings.copy()
    for alert in findings[findings.rule.eq("R7") & findings.method.eq("calendar")].itertuples():
        with_it = causes[
            (causes.method == alert.method)
            & (causes.started_at < alert.ended_at)
            & (causes.ended_at > alert.started_at)
        ]
        if len(with_it):
            names = " and ".join(sorted(set(with_it.rule), key=lambda r: int(r[1:])))
            seen = max(alert.detected_at, with_it.detected_at.min())
            columns = ["priority", "detected_at", "reason"]
            changed.loc[alert.Index, columns] = ["P2", seen, f"{alert.reason}, with {names}"]
    return changed


def daily_spend_literally(days: pd.DataFrame, limits: Limits) -> pd.DataFrame:
    """Days over 150 % of the seven calendar days before them, word for word."""
    complete = days.cost_eur.where(days.complete)
    center = complete.shift().rolling(limits.spend_days).mean()
    bands = days.assign(center=center, upper=center * limits.spend_ratio, references=7)
    over = bands[exceeds(bands.cost_eur, bands.upper)]
    return findings_of([_row(d, limits, "runbook") for d in over.itertuples()])


def _floor(days: pd.DataFrame, limits: Limits) -> pd.Series:
    """The least excess worth an alert on each day, in EUR: from the workdays before it."""
    workday = days.cost_eur.where(days.complete & days.day_type.eq("workday"))
    usual = before(workday, limits.baseline_days, "median")
    return (usual * limits.spend_floor_share).clip(lower=limits.spend_floor_eur)


def _row(day: object, limits: Limits, method: str) -> dict:
    names, kind = PARAMETERS, "days of the same kind"
    if method == "runbook":
        names, kind = PARAMETERS[:2], "calendar days"
    return {
        "rule": "R7",
        "method": method,
        "workflow": COMPANY,
        "metric": "cost_eur",
        "started_at": day.started_at,
        "ended_at": day.ended_at,
        "detected_at": day.ended_at,
        "observed": day.cost_eur,
        "baseline": day.center,
        "limit": day.upper,
        "sample": 1,
        "references": int(day.references),
        "parameters": parameters(limits, *names),
        "priority": "P3",
        "state": "over",
        "reason": f"{day.cost_eur / day.center:.0%} of the mean of {int(day.references)} {kind}",
    }
