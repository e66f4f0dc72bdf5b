"""Every rule, both methods, over one company's facts.

What cannot be judged is a finding too, without a priority: learning, or not evaluable from what the
exports hold. Nothing is passed in silence.
"""

import datetime as dt
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from opsbook.clock import BusinessClock, business_day
from opsbook.panel import hourly_tasks
from opsbook.rules import (
    activity,
    cost,
    deviation,
    errors,
    findings_of,
    gaps,
    models,
    refusals,
    regression,
    spend,
    tokens,
)
from opsbook.schema import FINDINGS, UNASSIGNED
from opsbook.settings import Limits, Settings, Workflow

HOURLY_S = 3600
JUDGED_METRIC = {
    "R3": "error_share",
    "R4": "error_share",
    "R5": "run_cost_eur",
    "R6": "tokens",
    "R9": "tasks",
    "R10": "refused_share",
    "R13": "missing_h",
}
"""What a rule would have measured where it cannot be judged."""


@dataclass(frozen=True)
class Facts:
    """What was measured: the hourly grid, runs, daily totals and the company's calendar.

    `grid` is `panel.hourly_grid`, `runs` is `schema.RUNS` with their local day, `hour_costs`
    `panel.hourly_run_costs`, `days` `panel.daily_totals`, `calendar` `clock.local_days`, `coverage`
    `schema.COVERAGE`; `clock` runs over the same days, and `now` is the moment of judgement;
    `measures` is `panel.measures`, `hours` `panel.hourly_panel`, `models` `panel.model_days` and
    `bills` `schema.BILLS` with amount_eur, in the currency of the reports.
    """

    grid: pd.DataFrame
    runs: pd.DataFrame
    hour_costs: pd.DataFrame
    days: pd.DataFrame
    calendar: pd.DataFrame
    coverage: pd.DataFrame
    clock: BusinessClock
    now: pd.Timestamp
    measures: pd.DataFrame
    hours: pd.DataFrame
    models: pd.DataFrame
    bills: pd.DataFrame
    lists: pd.DataFrame


@dataclass(frozen=True)
class Judged:
    """What the rules say, with the baselines they said it against.

    `run_cost` is `rules.cost.run_cost_bands` for every workflow, `spend` `rules.spend.spend_bands`.
    """

    findings: pd.DataFrame
    run_cost: pd.DataFrame
    spend: pd.DataFrame


def judge(facts: Facts, settings: Settings, literally: bool = True) -> Judged:
    """The findings of all rules under both methods, sorted by method, start and rule.

    Without `literally` only those of our reading: they alone open incidents, and an hourly check
    need not wait for the others.
    """
    limits, by_id = settings.limits, {w.id: w for w in settings.workflows}
    run_cost = run_cost_of_all(facts, settings)
    company = spend.spend_bands(spend.company_days(facts.days), limits)
    found = [
        *_errors(facts, limits),
        *_run_cost(facts, run_cost, limits),
        spend.daily_spend(company, limits, facts.grid),
        *(f for work in each_workflow(facts, settings) for f in _work(work, facts, settings)),
        deviation.deviations(facts.measures, facts.calendar, facts.clock, settings),
        models.new_models(facts.models, limits),
        regression.broken_lists(facts.lists, by_id, models.asked_for(facts.models), facts.now),
        not_judged(facts, run_cost, settings),
        *(_literally(facts, run_cost, company, settings) if literally else []),
    ]
    table = pd.concat([f for f in found if len(f)] or [FINDINGS.empty()], ignore_index=True)
    order = ["method", "started_at", "rule", "workflow"]
    ordered = table.sort_values(order, ignore_index=True)
    return Judged(FINDINGS.check(spend.raised(ordered)), run_cost, company)


def run_cost_of_all(facts: Facts, settings: Settings) -> pd.DataFrame:
    """`rules.cost.run_cost_bands` of every workflow that has single runs, one below the other.

    No rows, but every column, where no export holds single runs.
    """
    limits = settings.limits
    ok = facts.runs[(facts.runs.status == "ok") & facts.runs.cost_eur.notna()]
    small = facts.days[facts.days.ok_runs < limits.run_cost_min_runs]
    few = ok.merge(small[["workflow", "day"]], on=["workflow", "day"])
    known = set(ok.workflow.unique())
    bands = [
        cost.run_cost_bands(
            days, few[few.workflow == workflow], limits, settings.epochs_of(str(workflow))
        )
        for workflow, days in facts.days.groupby("workflow")
        if workflow in known
    ]
    none = cost.run_cost_bands(facts.days.iloc[:0], few, limits)
    return pd.concat(bands, ignore_index=True) if bands else none


ErrorRule = Callable[[pd.DataFrame, Limits], pd.DataFrame]
ERRORS = (errors.errors_over_20, errors.errors_over_5)


def _errors(
    facts: Facts, limits: Limits, rules: Sequence[ErrorRule] = ERRORS
) -> list[pd.DataFrame]:
    judged = facts.grid[facts.grid.workflow.isin(_with_outcomes(facts))]
    grids = [g.reset_index(drop=True) for _, g in judged.groupby("workflow")]
    return [rule(grid, limits) for grid in grids for rule in rules]


def _run_cost(facts: Facts, bands: pd.DataFrame, limits: Limits) -> list[pd.DataFrame]:
    hours = facts.hour_costs
    return [
        cost.run_cost(own.reset_index(drop=True), hours[hours.workflow == workflow], limits)
        for workflow, own in bands.groupby("workflow")
        if workflow != UNASSIGNED
    ]


def _literally(
    facts: Facts, run_cost: pd.DataFrame, company: pd.DataFrame, settings: Settings
) -> list[pd.DataFrame]:
    """Every rule read word for word."""
    limits = settings.limits
    dear = [own for w, own in run_cost.groupby("workflow") if w != UNASSIGNED]
    return [
        *_errors(facts, limits, (errors.errors_literally,)),
        *(cost.run_cost_literally(own.reset_index(drop=True), limits) for own in dear),
        spend.daily_spend_literally(company, limits),
        *(f for w in each_workflow(facts, settings) for f in _work_literally(w, facts, limits)),
        deviation.deviations_literally(facts.measures, facts.clock, settings),
    ]


def _work_literally(work: "Work", facts: Facts, limits: Limits) -> list[pd.DataFrame]:
    """Rules R6, R9 and R10 for one workflow, word for word."""
    days = tokens.token_days(work.days, work.workflow)
    worked = activity.worked_days(
        activity.expected_days(work.business, None), work.hours, facts.now
    )
    bursts = [tokens.token_bursts_literally(days, m, limits) for m in tokens.METRICS]
    literal = (activity.zero_tasks_literally(worked), refusals.refusals_literally(worked))
    return [*bursts, *literal]


@dataclass(frozen=True)
class Work:
    """One workflow with its `panel.hourly_tasks` and daily totals, and its settings if it has.

    `business` is the company's `rules.activity.business_days`.
    """

    name: str
    hours: pd.DataFrame
    days: pd.DataFrame
    workflow: Workflow | None
    business: pd.DataFrame
    epochs: list[dt.date]


def each_workflow(facts: Facts, settings: Settings) -> Iterator[Work]:
    """The workflows that exports speak of, in order; what none claims is left out."""
    hours = dict(list(hourly_tasks(facts.grid, facts.runs).groupby("workflow")))
    days = dict(list(facts.days.groupby("workflow")))
    business = activity.business_days(facts.calendar, facts.clock)
    for name in sorted(set(hours) & set(days) - {UNASSIGNED}):
        own = (frame[name].reset_index(drop=True) for frame in (hours, days))
        yield Work(name, *own, settings.workflow(name), business, settings.epochs_of(name))


def _work(work: Work, facts: Facts, settings: Settings) -> list[pd.DataFrame]:
    """Rules R6, R9, R10 and R13 for one workflow."""
    return [
        *_tokens(work, facts, settings.limits),
        *_activity(work, facts, settings.limits),
        *_refusals(work, facts, settings),
        *_gaps(work, facts, settings),
    ]


def _tokens(work: Work, facts: Facts, limits: Limits) -> list[pd.DataFrame]:
    days, found, states = tokens.token_days(work.days, work.workflow), [], set()
    for metric in tokens.METRICS:
        windows = tokens.token_windows(work.hours, days, metric, limits, work.epochs)
        found.append(tokens.token_bursts(windows, metric, limits))
        states |= set(windows.state)
    if states & {"ok", "breach"}:
        return found
    why = ("learning", f"fewer than {limits.learning} days to compare with")
    if "daily" in states:
        why = ("not evaluable", "daily data that do not fit the company's days")
    return [*found, findings_of([_unjudged(facts, work.name, "R6", *why)])]


def _activity(work: Work, facts: Facts, limits: Limits) -> list[pd.DataFrame]:
    own = activity.expected_days(work.business, work.workflow)
    if own.empty:  # runs once a week: whether it ran is rule R13
        return []
    days = activity.worked_days(own, work.hours, facts.now)
    found = [activity.zero_tasks(days, work.hours, limits)]
    references, told = activity.usual_now(days, limits)
    if references < limits.learning:
        why = f"fewer than {limits.learning} business days to compare with"
        found.append(findings_of([_unjudged(facts, work.name, "R9", "learning", why)]))
    elif not told:
        why = f"so few tasks that {limits.zero_tasks_days} days with none may be chance"
        found.append(findings_of([_unjudged(facts, work.name, "R9", "not evaluable", why)]))
    return found


def _refusals(work: Work, facts: Facts, settings: Settings) -> list[pd.DataFrame]:
    if work.name not in _with_outcomes(facts):
        why = "its exports carry no outcomes by the hour"
        return [findings_of([_unjudged(facts, work.name, "R10", "not evaluable", why)])]
    always = work.workflow is not None and work.workflow.schedule == "always"
    day = business_day(settings.company)
    windows = refusals.refusal_windows(work.hours, facts.clock, day, settings.limits, always)
    return [refusals.refusals(windows, settings.limits)]


def _gaps(work: Work, facts: Facts, settings: Settings) -> list[pd.DataFrame]:
    if work.workflow is None:
        return []
    clock = gaps.working_clock(facts.clock, facts.calendar, work.workflow)
    rest = (work.workflow, clock, business_day(settings.company), facts.now, settings.limits)
    found = [gaps.missing_exports(work.hours, *rest)]
    if work.workflow.schedule == "weekly":
        found.append(gaps.missed_runs(work.hours, work.days, *rest))
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
    why = "no export has spoken of it yet"
    unheard = [w.id for w in settings.workflows if w.id not in set(facts.grid.workflow)]
    rows += [_unjudged(facts, w, "R13", "not evaluable", why) for w in unheard]
    return findings_of(rows)


def _unjudged(facts: Facts, workflow: str, rule: str, state: str, why: str) -> dict:
    until = facts.now.ceil("h")
    return {
        "rule": rule,
        "method": "calendar",
        "workflow": workflow,
        "metric": JUDGED_METRIC[rule],
        "started_at": min([until, *facts.grid.hour.head(1)]),
        "ended_at": until,
        "detected_at": until,
        "state": state,
        "reason": why,
    }
