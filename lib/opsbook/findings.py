"""Every rule, both methods, over one company's facts.

What cannot be judged is a finding too, without a priority: learning, or not evaluable from what the
exports hold. Nothing is passed in silence.
"""

from dataclasses import dataclass

import pandas as pd

from opsbook.clock import BusinessClock
from opsbook.rules import cost, errors, findings_of, spend
from opsbook.schema import FINDINGS, UNASSIGNED
from opsbook.settings import Limits, Settings

HOURLY_S = 3600


@dataclass(frozen=True)
class Facts:
    """What was measured: the hourly grid, runs, daily totals and the company's calendar.

    `grid` is `panel.hourly_grid`, `runs` is `schema.RUNS` with their local day, `hour_costs`
    `panel.hourly_run_costs`, `days` `panel.daily_totals`, `calendar` `clock.local_days`, `coverage`
    `schema.COVERAGE`; `clock` runs over the same days, and `now` is the moment of judgement.
    """

    grid: pd.DataFrame
    runs: pd.DataFrame
    hour_costs: pd.DataFrame
    days: pd.DataFrame
    calendar: pd.DataFrame
    coverage: pd.DataFrame
    clock: BusinessClock
    now: pd.Timestamp


@dataclass(frozen=True)
class Judged:
    """What the rules say, with the baselines they said it against.

    `run_cost` is `rules.cost.run_cost_bands` for every workflow, `spend` `rules.spend.spend_bands`.
    """

    findings: pd.DataFrame
    run_cost: pd.DataFrame
    spend: pd.DataFrame


def judge(facts: Facts, settings: Settings) -> Judged:
    """The findings of all rules under both methods, sorted by method, start and rule."""
    limits = settings.limits
    run_cost = run_cost_of_all(facts, limits)
    company = spend.spend_bands(spend.company_days(facts.days), limits)
    found = [
        *_errors(facts, limits),
        *_run_cost(facts, run_cost, limits),
        spend.daily_spend(company, limits),
        spend.daily_spend_literally(company, limits),
        not_judged(facts, run_cost, settings),
    ]
    table = pd.concat([f for f in found if len(f)] or [FINDINGS.empty()], ignore_index=True)
    order = ["method", "started_at", "rule", "workflow"]
    return Judged(FINDINGS.check(table.sort_values(order, ignore_index=True)), run_cost, company)


def run_cost_of_all(facts: Facts, limits: Limits) -> pd.DataFrame:
    """`rules.cost.run_cost_bands` of every workflow that has single runs, one below the other."""
    ok = facts.runs[(facts.runs.status == "ok") & facts.runs.cost_eur.notna()]
    small = facts.days[facts.days.ok_runs < limits.run_cost_min_runs]
    few = ok.merge(small[["workflow", "day"]], on=["workflow", "day"])
    bands = [
        cost.run_cost_bands(days, few[few.workflow == workflow], limits)
        for workflow, days in facts.days.groupby("workflow")
        if workflow in set(ok.workflow)
    ]
    return pd.concat(bands, ignore_index=True) if bands else pd.DataFrame(columns=["workflow"])


def _errors(facts: Facts, limits: Limits) -> list[pd.DataFrame]:
    judged = facts.grid[facts.grid.workflow.isin(_with_outcomes(facts))]
    rules = (errors.errors_over_20, errors.errors_over_5, errors.errors_literally)
    grids = [g.reset_index(drop=True) for _, g in judged.groupby("workflow")]
    return [rule(grid, limits) for grid in grids for rule in rules]


def _run_cost(facts: Facts, bands: pd.DataFrame, limits: Limits) -> list[pd.DataFrame]:
    hours = facts.hour_costs
    found = [
        found
        for workflow, own in bands.groupby("workflow")
        if workflow != UNASSIGNED
        for found in (
            cost.run_cost(own.reset_index(drop=True), hours[hours.workflow == workflow], limits),
            cost.run_cost_literally(own.reset_index(drop=True), limits),
        )
    ]
    return found


def _with_outcomes(facts: Facts) -> set[str]:
    """Workflows whose exports carry outcomes by the hour or finer."""
    fine = facts.coverage[facts.coverage.has_status & (facts.coverage.bucket_s <= HOURLY_S)]
    return set(fine.workflow)


def not_judged(facts: Facts, run_cost: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """One row per workflow and rule that cannot be judged there, with the reason."""
    outcomes, last = _with_outcomes(facts), run_cost.groupby("workflow").tail(1)
    learning = set(last.workflow[last.references < settings.limits.learning]) if len(last) else ()
    rows = []
    for workflow in sorted(set(facts.grid.workflow) - {UNASSIGNED}):
        if workflow not in outcomes:
            why = "its exports carry no outcomes by the hour"
            rows += [_unjudged(facts, workflow, r, "not evaluable", why) for r in ("R3", "R4")]
        if workflow not in set(run_cost.workflow):
            why = "its exports hold totals, no single runs"
            rows.append(_unjudged(facts, workflow, "R5", "not evaluable", why))
        elif workflow in learning:
            why = f"fewer than {settings.limits.learning} days to compare with"
            rows.append(_unjudged(facts, workflow, "R5", "learning", why))
    return findings_of(rows)


def _unjudged(facts: Facts, workflow: str, rule: str, state: str, why: str) -> dict:
    hours = facts.grid.hour
    return {
        "rule": rule,
        "method": "calendar",
        "workflow": workflow,
        "metric": "error_share" if rule in ("R3", "R4") else "run_cost_eur",
        "started_at": hours.min(),
        "ended_at": hours.max() + pd.Timedelta(hours=1),
        "detected_at": hours.max() + pd.Timedelta(hours=1),
        "state": state,
        "reason": why,
    }
