"""The weekly review: eight sections, each with what was measured, a light and one sentence.

"No data" is a result and nothing is empty: a section whose rule is still to come says so. What is
neither explained nor escalated keeps the review a DRAFT.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from opsbook.estimates import share_lower_bound, share_upper_bound
from opsbook.findings import Facts, Judged
from opsbook.outcomes import Outcomes
from opsbook.periods import Period
from opsbook.prices import price_rows
from opsbook.register import Register
from opsbook.registers import Registers
from opsbook.rules import RULES
from opsbook.rules.cost import expensive_runs
from opsbook.rules.models import models_seen
from opsbook.schema import UNASSIGNED
from opsbook.settings import WEEKDAYS, Settings, Workflow
from opsbook.splits import cost_split, spent


@dataclass(frozen=True)
class Review:
    """One period of a company (a week, month or quarter), with everything measured up to `now`.

    `files` and `quarantine` are FILES and QUARANTINE; the other frames as in `findings` and
    `incidents`. `texts` are what people wrote, by its name in the record (None: erased);
    `outcomes` what the review came to so far, in this `version` of it.
    """

    period: Period
    now: pd.Timestamp
    settings: Settings
    facts: Facts
    judged: Judged
    register: Register
    registers: Registers
    incidents: pd.DataFrame
    timers: pd.DataFrame
    files: pd.DataFrame
    quarantine: pd.DataFrame
    texts: Mapping[str, str | None]
    outcomes: Outcomes
    version: int = 1

    @property
    def name(self) -> str:
        """The period's name, like 2026-W47, 2026-11 or 2026-Q4."""
        return self.period.name

    @property
    def kind(self) -> str:
        """The kind of review: weekly, monthly or quarterly."""
        return self.period.kind

    @property
    def started_at(self) -> pd.Timestamp:
        """The period's start, UTC."""
        return self.bounds[0]

    @property
    def ended_at(self) -> pd.Timestamp:
        """The period's end (exclusive), UTC."""
        return self.bounds[1]

    @cached_property
    def bounds(self) -> tuple[pd.Timestamp, pd.Timestamp]:
        """Its start and end (exclusive), UTC."""
        return self.period.bounds(self.settings.company)

    @property
    def findings(self) -> pd.DataFrame:
        """The findings (calendar) with a priority that touch the period."""
        found = self.judged.findings
        named = found[(found.method == "calendar") & found.priority.notna()]
        return named[self._touches(named)]

    @property
    def opened(self) -> pd.DataFrame:
        """The incidents that touch the period, gravest first; a merged one is part of another."""
        standing = self.incidents[self.incidents.state != "merged"]
        own = standing[self._touches(standing)]
        return own.sort_values(["priority", "detected_at"])

    def _touches(self, frame: pd.DataFrame) -> pd.Series:
        return (frame.started_at < self.ended_at) & (frame.ended_at > self.started_at)

    @property
    def days(self) -> pd.DataFrame:
        """The period's daily totals, one row per workflow and local day."""
        days = self.facts.days
        return days[(days.started_at >= self.started_at) & (days.ended_at <= self.ended_at)]


def spend_by_workflow(week: Review) -> pd.DataFrame:
    """Cost of the week against the four complete weeks before, one row per workflow, dearest first.

    Columns workflow, cost_eur, usual_eur (mean of those weeks; <NA> without one), ratio, calls.
    """
    days = week.facts.days[week.facts.days.started_at < week.ended_at]
    since = [weeks_before(week, n) for n in range(1, WEEKS_BEFORE + 1)]
    ago = sum((days.started_at < t).astype(int) for t in [week.started_at, *since])
    near = days.assign(weeks_ago=ago)[ago <= WEEKS_BEFORE]
    sums = near.groupby(["workflow", "weeks_ago"])[["cost_eur", "calls"]].sum(min_count=1)
    this = sums.xs(0, level="weeks_ago") if (near.weeks_ago == 0).any() else sums.iloc[:0]
    before = sums[sums.index.get_level_values("weeks_ago") > 0].cost_eur
    usual = before.groupby("workflow").mean().rename("usual_eur")
    table = this.join(usual).reset_index()
    return table.assign(ratio=table.cost_eur / table.usual_eur).sort_values(
        "cost_eur", ascending=False, ignore_index=True
    )


def run_cost_by_workflow(week: Review) -> pd.DataFrame:
    """The last judged day's cost per run of each workflow against its baseline (rule R5).

    Columns workflow, day, observed_eur, center, upper, ratio, sample, references, state. A workflow
    whose exports hold no single runs is missing here and stands among what is not judged.
    """
    bands = week.judged.run_cost
    own = bands[(bands.started_at >= week.started_at) & (bands.ended_at <= week.ended_at)]
    judged = own[own.state.isin(["ok", "breach", "learning"]) & (own.workflow != UNASSIGNED)]
    last = judged.groupby("workflow").tail(1)
    columns = ["day", "observed_eur", "center", "upper", "sample", "references", "state"]
    return last[["workflow", *columns]].assign(ratio=last.observed_eur / last.center)


def dearest_runs(week: Review, most: int = 5) -> pd.DataFrame:
    """The dearest runs over twice their day's baseline, with their input size (clause B8)."""
    runs = week.facts.runs
    own = runs[(runs.started_at >= week.started_at) & (runs.started_at < week.ended_at)]
    return expensive_runs(own, week.judged.run_cost, week.settings.limits).head(most)


def error_shares(week: Review) -> pd.DataFrame:
    """The week's failing share per workflow with its 90 % interval, highest first (clause D4).

    Columns workflow, judged, failed, share, low, high. Workflows without outcomes are left out.
    """
    sums = week.days.groupby("workflow")[["judged", "failed"]].sum().reset_index()
    own = sums[sums.judged > 0]
    level = week.settings.limits.confidence
    return own.assign(
        share=own.failed / own.judged,
        low=share_lower_bound(own.failed, own.judged, level),
        high=share_upper_bound(own.failed, own.judged, level),
    ).sort_values("share", ascending=False, ignore_index=True)


def days_run(week: Review) -> pd.DataFrame:
    """What each workflow did on each day of the week: ran, zero, no data or planned off.

    Columns workflow, day, state, runs (calls where the source has no runs, <NA> where it has no
    counts at all: then tokens tell that it ran), off.
    """
    days = week.days[week.days.workflow != UNASSIGNED]
    done = days.runs.where(days.runs > 0, days.calls)
    active = done.fillna(days.input_tokens).fillna(0) > 0
    off = [
        _planned_off(week.settings.workflow(d.workflow), d.day, d.day_type)
        for d in days[["workflow", "day", "day_type"]].itertuples()
    ]
    state = pd.Series("ran", index=days.index).mask(~active, "zero")
    state = state.mask((state == "zero") & pd.Series(off, days.index, bool), "planned off")
    state = state.mask(days.covered_share == 0, "no data")
    return days[["workflow", "day", "off"]].assign(state=state, runs=done)


def _planned_off(workflow: Workflow | None, day: pd.Timestamp, day_type: str) -> bool:
    """Whether a workflow is not expected to run on a day."""
    if workflow is None:
        return False
    resting = workflow.schedule == "workdays" and day_type == "restday"
    other = workflow.schedule == "weekly" and WEEKDAYS[day.weekday()] != workflow.due
    return resting or other or workflow.off_on(day.date()) is not None


def not_judged(week: Review) -> pd.DataFrame:
    """Workflow and rule pairs that could not be judged, with the reason."""
    found = week.judged.findings
    return found[found.state.isin(["learning", "not evaluable"]) & (found.method == "calendar")]


def fired_by_rule(week: Review) -> pd.DataFrame:
    """How often each rule fired in the week under either method, one row per rule.

    Columns rule, name, words, clause, done, calendar, runbook.
    """
    found = week.judged.findings
    own = found[found.priority.notna()]
    own = own[week._touches(own)]
    counts = own.groupby(["rule", "method"]).size().unstack(fill_value=0)
    rules = pd.DataFrame([vars(r) for r in RULES.values()]).rename(columns={"id": "rule"})
    joined = rules.merge(counts, left_on="rule", right_index=True, how="left")
    methods = ["calendar", "runbook"]
    return joined.reindex(columns=[*rules.columns, *methods]).fillna(dict.fromkeys(methods, 0))


def explained(week: Review) -> pd.DataFrame:
    """Stretches that a person has explained, oldest first: in the week, or since its begin.

    Columns workflow, metric, started_at, ended_at, reason (<NA>: erased), by (a role). What is
    entered within a week of its end is seen too: that is when the review is held.
    """
    columns = ["workflow", "metric", "from", "to", "text", "by", "at"]
    rows = [[e.get(c) for c in columns] for e in week.register.explained]
    told = pd.DataFrame(rows, columns=columns, dtype="string")
    times = {c: pd.to_datetime(told[c], utc=True) for c in ("from", "to", "at")}
    found = told.assign(**times, reason=told.text.map(week.texts).astype("string"))
    found = found.rename(columns={"from": "started_at", "to": "ended_at"})
    entered = found["at"].between(week.started_at, week.ended_at + pd.Timedelta(days=7))
    own = found[week._touches(found) | entered]
    return own.sort_values("started_at", ignore_index=True).drop(columns=["text", "at"])


def undecided(week: Review) -> pd.DataFrame:
    """Incidents, P1 and P2, of the week or still open, whose root cause nobody has named.

    Clause E1. They keep a review a DRAFT; `unknown` is no root cause, and what was declined needs
    none.
    """
    every = week.incidents
    own = every.id.isin(week.opened.id) | every.open | every.firing
    grave = every[own & every.priority.isin(["P1", "P2"])]
    told = [week.register.incidents[i] for i in grave.id]
    left = [i.id for i in told if not i.root_cause_known and i.state not in ("declined", "merged")]
    return grave[grave.id.isin(left)]


def baselines_now(judged: Judged) -> pd.DataFrame:
    """What is normal at the end of the data, one row per workflow and metric.

    Columns workflow, metric, slot, n, center, spread (the limit minus the center), state; EUR.
    """
    measured = judged.run_cost[judged.run_cost.state != "no data"]
    runs = measured.groupby("workflow").tail(1).assign(metric="run_cost_eur", slot="day")
    spend = judged.spend.groupby("day_type").tail(1)
    company = spend.assign(workflow="company", metric="cost_eur", slot=spend.day_type)
    company = company.assign(state=company.center.isna().map({True: "learning", False: "ok"}))
    both = pd.concat([runs, company], ignore_index=True).rename(columns={"references": "n"})
    both["spread"] = both.upper - both.center
    return both[["workflow", "metric", "slot", "n", "center", "spread", "state"]]


def weekly_spend(week: Review, weeks: int = 8) -> list[float]:
    """The company's spend of the last weeks in EUR, oldest first, the week itself last."""
    days = week.judged.spend[week.judged.spend.started_at < week.ended_at]
    monday = days.day - pd.to_timedelta(days.day.dt.weekday, unit="D")
    return days.groupby(monday).cost_eur.sum().tail(weeks).tolist()


def candidates(week: Review) -> pd.DataFrame:
    """Near misses of the week: stretches over a limit with too few calls to be sure."""
    found = week.judged.findings
    own = found[(found.method == "calendar") & (found.state == "candidate")]
    return own[week._touches(own)]


def cost_kinds(week: Review) -> pd.DataFrame:
    """Each workflow's cost over the history and its rows without a price; workflow, EUR, count."""
    grid = week.facts.grid
    return grid.groupby("workflow")[["cost_eur", "unpriced"]].sum().reset_index()


def cost_split_of(week: Review, workflow: str) -> pd.DataFrame | None:
    """What changed a workflow's cost against the mean of the four complete weeks before.

    Clause D3. Columns factor (`splits.FACTORS`), brought_eur; attrs before_eur and after_eur. None
    without calls in both periods, or where exports do not count them.
    """
    hours = week.facts.hours
    own = hours[hours.workflow == workflow]
    weight = output_weights(own.served_model.dropna().unique(), week)
    weeks = [n for n in range(1, WEEKS_BEFORE + 1) if _between(own, *_week_before(week, n)).size]
    if not weeks:
        return None
    before = spent(pd.concat([_between(own, *_week_before(week, n)) for n in weeks]), weight)
    after = spent(_between(own, *week.bounds), weight)
    if before is None or after is None:
        return None
    before = replace(before, calls=before.calls / len(weeks))
    parts = cost_split(before, after)
    table = pd.DataFrame({"factor": list(parts), "brought_eur": list(parts.values())})
    table.attrs = {"before_eur": before.cost, "after_eur": after.cost}
    return table


WEEKS_BEFORE = 4
"""Weeks that a week's cost is compared with."""


def weeks_before(week: Review, count: int) -> pd.Timestamp:
    """The start of the week so many weeks before, on the company's wall clock, as UTC."""
    zone = week.settings.company.zone
    wall = week.started_at.tz_convert(zone).tz_localize(None) - pd.Timedelta(weeks=count)
    return wall.tz_localize(zone, ambiguous=True, nonexistent="shift_forward").tz_convert("UTC")


def _week_before(week: Review, count: int) -> tuple[pd.Timestamp, pd.Timestamp]:
    return weeks_before(week, count), weeks_before(week, count - 1)


def _between(hours: pd.DataFrame, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    return hours[(hours.hour >= start) & (hours.hour < end)]


def output_weights(models: Sequence[str], week: Review) -> dict[str, float]:
    """What an output token costs in input tokens, of each model that a price is known of."""
    day = week.ended_at.tz_localize(None).floor("D")
    told = {m: week.settings.model_of("", m) for m in models}
    places = pd.DataFrame({"provider": "", "model": sorted({*told.values()}), "day": day})
    known = price_rows(places, week.settings.prices).query("from_input_tokens == 0 and input > 0")
    ratios = dict(zip(known.model, known.output / known.input, strict=True))
    return {m: ratios[name] for m, name in told.items() if name in ratios}


def unpriced_rows(week: Review, workflow: str) -> int:
    """Rows of a workflow's week that have no price."""
    days = week.facts.grid
    own = days[(days.workflow == workflow) & days.hour.between(*week.bounds, inclusive="left")]
    return int(own.unpriced.fillna(0).sum())


def models_of(week: Review, workflow: str) -> pd.DataFrame:
    """`rules.models.models_seen` of one workflow, up to the end of the week."""
    models = week.facts.models
    return models_seen(models[(models.workflow == workflow) & (models.day < week.ended_at)])


CENTS_OF_CENTS = 4
"""Decimals of a difference: sums over calls end in dust."""


def reconciled(week: Review, months: int = 3) -> pd.DataFrame:
    """Bills against calls, one row per vendor and month (UTC) of the last months, newest first.

    Columns provider, month, billed_eur (<NA> without a bill), reported_eur, estimated_eur,
    unpriced (rows), difference_eur (bill less calls), share (of the bill that the calls explain).
    """
    calls = week.facts.models
    named = calls.assign(
        provider=calls.provider.fillna("not told"), month=calls.day.dt.strftime("%Y-%m"),
        kind=calls.cost_kind.where(calls.cost_kind.isin(["reported", "unpriced"]), "estimated"),
    )  # fmt: skip
    keys = ["provider", "month"]
    cost = named.pivot_table("cost_eur", keys, "kind", "sum").reindex(
        columns=["reported", "estimated"]
    )
    rows = named[named.kind == "unpriced"].groupby(keys)["rows"].sum().rename("unpriced")
    bills = week.facts.bills[week.facts.bills.about_ai]
    billed = bills.assign(month=bills.period_start.dt.strftime("%Y-%m")).groupby(keys)
    sums = billed.amount_eur.sum(min_count=1).rename("billed_eur")
    table = cost.join([rows, sums], how="outer").reset_index()
    table = table.rename(columns={k: f"{k}_eur" for k in ("reported", "estimated")})
    figures = ["reported_eur", "estimated_eur", "unpriced"]
    table[figures] = table[figures].astype("Float64").fillna(0.0)
    told = table.reported_eur + table.estimated_eur
    table["difference_eur"] = (table.billed_eur - told).round(CENTS_OF_CENTS)
    table["share"] = told / table.billed_eur
    last = sorted(table.month.unique())[-months:]
    return table[table.month.isin(last)].sort_values(
        ["month", "provider"], ascending=[False, True], ignore_index=True
    )


def unpriced_models(week: Review) -> pd.DataFrame:
    """Models without a price, most rows first: provider, model, rows, first_seen, last_seen."""
    models = week.facts.models
    own = models[models.cost_kind == "unpriced"]
    named = own.assign(
        provider=own.provider.fillna("not told"),
        model=own.served_model.fillna(own.request_model).fillna("not told"),
    )
    groups = named.groupby(["provider", "model"], as_index=False)
    found = groups.agg(
        rows=("rows", "sum"), first_seen=("first_seen", "min"), last_seen=("last_seen", "max")
    )
    return found.sort_values("rows", ascending=False, ignore_index=True)


def single_breaches(week: Review) -> pd.DataFrame:
    """The week's findings of class P3 that no graver incident holds already (clause B9)."""
    found = week.findings[week.findings.priority == "P3"]
    part = [
        any(
            (f.rule, f.workflow, f.metric) == (known["rule"], known["workflow"], known["metric"])
            and f.started_at < pd.Timestamp(known["to"])
            and f.ended_at > pd.Timestamp(known["from"])
            for incident in week.register.incidents.values()
            if incident.priority != "P3"
            for known in incident.findings.values()
        )
        for f in found.itertuples()
    ]
    return found[~pd.Series(part, index=found.index, dtype=bool)]


# What a weekly review asks


def weekly_questions(week: Review, lists: Sequence[object] = ()) -> dict[str, str]:
    """What has to be explained or escalated in each section of a weekly review; empty for nothing.

    Clause E1. `lists` are the regression lists, each with `title` and `runs`.
    """
    return {
        "data": data_question(week),
        "cost": cost_question(week),
        "errors": errors_question(week),
        "ran": ran_question(week, lists),
        "open": open_question(week),
    }


def data_question(week: Review) -> str:
    """What of the period's data a person has to look at: files, rows, calls of no workflow."""
    files = week.files
    waiting = int(files.state.isin(["unknown", "unreadable"]).sum())
    aside = int(files.quarantined.sum())
    told = [f"{waiting} files could not be read"] if waiting else []
    told += [f"{aside} rows are set aside"] if aside else []
    stray = week.days[(week.days.workflow == UNASSIGNED) & (week.days.calls > 0)].calls.sum()
    told += [f"{stray:,.0f} calls belong to no workflow"] if stray else []
    return f"{'; '.join(told)}: what becomes of them?" if told else ""


def cost_question(week: Review) -> str:
    """Which stretches over the limits of cost have to be explained."""
    found = week.findings
    grave = found[(found.family == "cost") & found.priority.isin(GRAVE)]
    n = len(grave)
    return (
        f"{n} {'stretch' if n == 1 else 'stretches'} over the limits of cost: what changed, and "
        "who decides whether it stays?"
        if n
        else ""
    )


def errors_question(week: Review) -> str:
    """Which stretches of failing calls have to be explained."""
    n = int(week.findings.rule.isin(["R3", "R4"]).sum())
    return (
        f"{n} {'stretch' if n == 1 else 'stretches'} of failing calls: what caused it?" if n else ""
    )


def ran_question(week: Review, lists: Sequence[object] = ()) -> str:
    """Which days without a run or without data, and which held-back lists, have to be explained."""
    states = days_run(week).state.value_counts()
    zero, blind = int(states.get("zero", 0)), int(states.get("no data", 0))
    told = [f"{zero} {'day' if zero == 1 else 'days'} with zero runs"] if zero else []
    told += [f"{blind} {'day' if blind == 1 else 'days'} without data"] if blind else []
    missing = f"{', '.join(told)}: holiday, fault or a missing export?" if told else ""
    held = [x.title for x in lists if x.runs and x.runs[-1].document["verdict"] == "HOLD"]
    back = f"{', '.join(held)}: the regression list says HOLD; what follows?" if held else ""
    return " ".join(p for p in (missing, back) if p)


def open_question(week: Review) -> str:
    """Which incidents, P1 and P2, have no root cause on record."""
    uncaused = undecided(week).id.tolist()
    return f"{', '.join(uncaused)}: no root cause on record. Name it, or escalate." * bool(uncaused)


GRAVE = ("P1", "P2")
