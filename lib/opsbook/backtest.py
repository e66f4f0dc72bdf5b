"""What the rules would have done over the company's history, and other limits in their place.

Every rule under both methods is held against what people said: an incident with a root cause was
one, a declined one was none, a stretch somebody explained was none. What nobody has judged yet is
counted as such, and never as false. Other limits are tried on the history one at a time; above the
alert budget the mildest that helps is proposed. Nothing is ever applied.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import add

import pandas as pd
from pydantic import ValidationError

from opsbook.clock import business_day
from opsbook.findings import Facts, each_workflow, run_cost_of_all
from opsbook.register import Incident, Register
from opsbook.rules import RULES, cost, deviation, errors, findings_of, refusals, spend, tokens
from opsbook.schema import UNASSIGNED
from opsbook.settings import Limits, Settings

HOUR, WEEK = pd.Timedelta(hours=1), pd.Timedelta(days=7)
METHODS = ("calendar", "runbook")
ANY = "any"
"""The row of all rules together."""
FROM_DATA = ("R3", "R4", "R5", "R6", "R7", "R8", "R9", "R10", "R11", "R13")
"""Rules that data fires; the others follow from a report, from the clock or from a list's run."""
CALLS_SOMEONE = ("P1", "P2")
STEPS = (0.75, 1.0, 1.25, 1.5, 1.75)
"""What is tried in place of a limit, as a part of it: one step tighter, three milder."""
TRIED = {
    "R3": "error_p1_share",
    "R4": "error_p2_share",
    "R5": "run_cost_ratio",
    "R6": "tokens_ratio",
    "R7": "spend_ratio",
    "R8": "deviation_sd",
    "R10": "refusal_share",
    "R11": "isolated_k",
}
"""The limit that other values are tried for, by rule; the greater, the milder."""
LABELS = ["workflow", "metric", "rules", "started_at", "ended_at", "real", "source"]


@dataclass(frozen=True)
class Backtest:
    """The back-test of one company: `rules` is `by_rule`, `what_if` is `other_limits`.

    `weeks` is how long the history is, `labels` what people said of it, `called` what `calls` finds
    in it, and `budget` sums up what people would have been called for.
    """

    weeks: float
    labels: pd.DataFrame
    called: pd.DataFrame
    rules: pd.DataFrame
    what_if: pd.DataFrame
    budget: "Budget"

    @property
    def confirmed(self) -> int:
        """How many stretches people confirmed to be incidents, one per workflow."""
        return int(self.labels.real.sum())


@dataclass(frozen=True)
class Budget:
    """Calls over the history that nobody has confirmed, and how many a week may be false.

    `false` were declined or explained, `unjudged` nobody has judged; `proposals` are rows of
    `other_limits` that would meet the budget.
    """

    allowed_per_week: float
    weeks: float
    false: int
    unjudged: int
    proposals: pd.DataFrame

    @property
    def per_week(self) -> float:
        """Calls for nothing a week, if all that nobody has judged were for nothing."""
        return (self.false + self.unjudged) / self.weeks if self.weeks else 0.0

    @property
    def known_per_week(self) -> float:
        """Calls a week that a person has said were for nothing."""
        return self.false / self.weeks if self.weeks else 0.0

    @property
    def met(self) -> bool:
        """Whether even then they are no more than allowed."""
        return self.per_week <= self.allowed_per_week

    def sentence(self) -> str:
        """What a person is told on the terminal."""
        told = (
            f"Calls for nothing: {self.known_per_week:.1f} a week known to be, {self.per_week:.1f} "
            f"if all {self.unjudged} that nobody has judged were; {self.allowed_per_week:.1f} "
            "allowed."
        )
        proposed = [f"{p.limit} = {p.value:g}" for p in self.proposals.itertuples()]
        return f"{told} Proposed, not applied: {', '.join(proposed)}." if proposed else told

    def as_json(self) -> dict:
        """The command's document, without its proposals."""
        return {
            "allowed_per_week": self.allowed_per_week,
            "false": self.false,
            "unjudged": self.unjudged,
            "per_week": round(self.per_week, 3),
            "met": self.met,
        }


def backtest(
    facts: Facts, findings: pd.DataFrame, register: Register, settings: Settings
) -> Backtest:
    """All rules over the history in `facts`; `findings` are those of `findings.judge`."""
    weeks, told = history_weeks(facts), labels(register)
    called = calls(findings, told, settings.limits)
    tried = other_limits(facts, findings, told, settings)
    return Backtest(
        weeks=weeks,
        labels=told,
        called=called,
        rules=by_rule(alarms(findings, told, settings.limits), told, weeks),
        what_if=tried,
        budget=budget(called, tried, weeks, settings.limits),
    )


def history_weeks(facts: Facts) -> float:
    """Weeks from the first hour that an export covers to the last one before judgement."""
    covered = facts.coverage
    if covered.empty:
        return 0.0
    last = min(facts.now, covered.covered_to.max())
    return (last - covered.covered_from.min()) / WEEK


# What people said


def labels(register: Register) -> pd.DataFrame:
    """Stretches that people have judged, one row per workflow and stretch, times in UTC.

    Columns workflow, metric (<NA>: whatever was seen), rules (those that gave it its class; none
    for what a person reported), started_at, ended_at, real (an incident, or none), source. From the
    register: incidents with a root cause, declined ones, and what was explained.
    """
    judged = (row for i in register.incidents.values() for row in _of_incident(i))
    explained = (row for e in register.explained for row in _of_explained(e))
    frame = pd.DataFrame([*judged, *explained], columns=LABELS)
    times = dict.fromkeys(["started_at", "ended_at"], "datetime64[us, UTC]")
    return frame.astype(times | {"real": bool})


def _of_incident(incident: Incident) -> Iterator[dict]:
    real = incident.state != "declined" and incident.root_cause_known
    if not real and incident.state != "declined":
        return
    for workflow in incident.workflows:
        own = [f for f in incident.evidence if f["workflow"] == workflow]
        gravest = [f["rule"] for f in own if f["priority"] == own[0]["priority"]]
        yield {
            "workflow": workflow,
            "metric": None,
            "rules": tuple(dict.fromkeys(gravest)),
            "started_at": incident.started_at,
            "ended_at": max(incident.ended_at, incident.started_at + HOUR),
            "real": real,
            "source": incident.id,
        }


def _of_explained(told: dict) -> Iterator[dict]:
    if {"workflow", "from", "to"} <= set(told):
        yield {
            "workflow": told["workflow"],
            "metric": told.get("metric"),
            "rules": (),
            "started_at": pd.Timestamp(told["from"]),
            "ended_at": pd.Timestamp(told["to"]),
            "real": False,
            "source": "explained",
        }


# What the rules said


def alarms(
    findings: pd.DataFrame,
    told: pd.DataFrame,
    limits: Limits,
    keys: Sequence[str] = ("rule", "method", "workflow"),
) -> pd.DataFrame:
    """Findings with a class as alarms: those of one rule and workflow within a day are one.

    One row per alarm: its `keys`, priority (the gravest), started_at, ended_at, detected_at, fired
    (findings in it) and verdict: real, false or unjudged, by the labels its findings overlap; one
    that was an incident outweighs one that was none.
    """
    named = findings[findings.priority.notna()].sort_values("started_at", kind="stable")
    last: dict[tuple, dict] = {}
    found: list[dict] = []
    said = told.to_dict("records")
    for row in named.to_dict("records"):
        key = tuple(row[k] for k in keys)
        row |= {"fired": 1, "verdict": _verdict(row, said)}
        known = last.get(key)
        if known and row["started_at"] - known["ended_at"] <= limits.reopen_h * HOUR:
            known |= {k: pick(known[k], row[k]) for k, pick in SPAN.items()}
        else:
            last[key] = row
            found.append(row)
    return pd.DataFrame(found, columns=[*keys, *SPAN])


VERDICTS = ("real", "unjudged", "false")
"""What an alarm is, the first that any of its findings is."""
SPAN: dict[str, Callable] = {
    "priority": min,
    "started_at": min,
    "ended_at": max,
    "detected_at": min,
    "fired": add,
    "verdict": lambda *both: min(both, key=VERDICTS.index),
}
"""What an alarm keeps of its findings, and how."""


def calls(findings: pd.DataFrame, told: pd.DataFrame, limits: Limits) -> pd.DataFrame:
    """Alarms of class P1 or P2 as people are called: one a workflow, however many rules see it."""
    grave = findings[findings.priority.isin(CALLS_SOMEONE)]
    return alarms(grave, told, limits, ("method", "workflow"))


def _verdict(finding: dict, said: list[dict]) -> str:
    meant = [label for label in said if _share(finding, label) and _means(label, finding)]
    real = [label["real"] for label in meant]
    return "real" if any(real) else "false" if real else "unjudged"


def _means(label: dict, finding: dict) -> bool:
    """Whether a label is about what a finding measured: one without a metric is about all."""
    return pd.isna(label["metric"]) or label["metric"] == finding["metric"]


def _share(one: dict, other: dict) -> bool:
    """Whether two stretches share a workflow and some time."""
    same = one["workflow"] == other["workflow"]
    return same and one["started_at"] < other["ended_at"] and other["started_at"] < one["ended_at"]


def by_rule(found: pd.DataFrame, told: pd.DataFrame, weeks: float) -> pd.DataFrame:
    """What each rule did under each method, and all together; one row per rule and method.

    Takes `alarms` and `labels`. Columns rule, name, words, method, fired (findings), alarms,
    per_week (alarms), caught and missed (confirmed incidents; a rule misses those that it is on
    record as having given their class), false, unjudged.
    """
    judged = [r for r in RULES.values() if r.id in FROM_DATA]
    rows = []
    for method in METHODS:
        own = found[found.method == method]
        for rule in judged:
            named = {"rule": rule.id, "name": rule.name, "words": rule.words, "method": method}
            rows.append(named | _score(own[own.rule == rule.id], told, weeks, rule.id))
        every = {"rule": ANY, "name": "", "words": "all rules together", "method": method}
        rows.append(every | _score(own, told, weeks, None))
    return pd.DataFrame(rows)


def _score(found: pd.DataFrame, told: pd.DataFrame, weeks: float, rule: str | None) -> dict:
    real = told[told.real]
    stretches = found.to_dict("records")
    caught = [any(_share(s, label) for s in stretches) for label in real.to_dict("records")]
    due = [rule is None or rule in rules for rules in real.rules]
    return {
        "fired": int(found.fired.sum()),
        "alarms": len(found),
        "per_week": len(found) / weeks if weeks else 0.0,
        "caught": sum(caught),
        "missed": sum(d and not c for d, c in zip(due, caught, strict=True)),
        "false": int((found.verdict == "false").sum()),
        "unjudged": int((found.verdict == "unjudged").sum()),
    }


# Other limits


def other_limits(
    facts: Facts, findings: pd.DataFrame, told: pd.DataFrame, settings: Settings
) -> pd.DataFrame:
    """What each rule would have done with another limit; one row per limit and value.

    Columns rule, limit, unit, value, step (of STEPS), set (whether it is what the settings say),
    for_nothing (calls of the whole company then that nobody has confirmed) and the figures of
    `by_rule`. Only the rule concerned is judged again, under the calendar method.
    """
    weeks, rows = history_weeks(facts), []
    ours = findings[(findings.method == METHODS[0]) & findings.priority.notna()]
    for rule, name in TRIED.items():
        again, rest = JUDGED[rule](facts, findings, settings), ours[ours.rule != rule]
        for limits, step in _variants(name, settings.limits):
            whole = ours if limits == settings.limits else _with(again(limits), rule, rest)
            own = alarms(whole[whole.rule == rule], told, limits)
            rows.append(
                {
                    "rule": rule,
                    "limit": name,
                    "unit": Limits.model_fields[name].json_schema_extra["unit"],
                    "value": getattr(limits, name),
                    "step": step,
                    "set": limits == settings.limits,
                    "for_nothing": int((calls(whole, told, limits).verdict != "real").sum()),
                }
                | _score(own, told, weeks, rule)
            )
    return pd.DataFrame(rows)


def _with(fresh: pd.DataFrame, rule: str, rest: pd.DataFrame) -> pd.DataFrame:
    """The findings of all rules, those of one of them judged again."""
    own = fresh[(fresh.rule == rule) & (fresh.method == METHODS[0])]
    return spend.raised(pd.concat([rest, own], ignore_index=True))


def _variants(name: str, limits: Limits) -> Iterator[tuple[Limits, float]]:
    """The limits with one of them changed by each step, where the settings would allow it."""
    for step in STEPS:
        value = round(getattr(limits, name) * step, 6)
        try:
            yield Limits(**limits.model_dump() | {name: value}), step
        except ValidationError:
            continue


Again = Callable[[Limits], pd.DataFrame]
"""One rule over the same history: the limits in, its findings out."""


def _together(found: Iterable[pd.DataFrame]) -> pd.DataFrame:
    return pd.concat([f for f in found if len(f)] or [findings_of([])], ignore_index=True)


def _judged_workflows(facts: Facts, findings: pd.DataFrame, rule: str) -> list[pd.DataFrame]:
    """The hourly grids of the workflows that a rule judges at all."""
    left = findings[(findings.rule == rule) & (findings.state == "not evaluable")].workflow
    own = facts.grid[~facts.grid.workflow.isin([*left])]
    return [g.reset_index(drop=True) for _, g in own.groupby("workflow")]


def _errors_over_20(facts: Facts, findings: pd.DataFrame, settings: Settings) -> Again:
    grids = _judged_workflows(facts, findings, "R3")
    return lambda limits: _together(errors.errors_over_20(g, limits) for g in grids)


def _errors_over_5(facts: Facts, findings: pd.DataFrame, settings: Settings) -> Again:
    grids = _judged_workflows(facts, findings, "R4")
    return lambda limits: _together(errors.errors_over_5(g, limits) for g in grids)


def _run_cost(facts: Facts, findings: pd.DataFrame, settings: Settings) -> Again:
    hours = dict(list(facts.hour_costs.groupby("workflow")))
    none = facts.hour_costs.iloc[:0]

    def again(limits: Limits) -> pd.DataFrame:
        bands = run_cost_of_all(facts, settings.model_copy(update={"limits": limits}))
        own = bands[bands.workflow != UNASSIGNED].groupby("workflow")
        return _together(
            cost.run_cost(b.reset_index(drop=True), hours.get(w, none), limits) for w, b in own
        )

    return again


def _tokens(facts: Facts, findings: pd.DataFrame, settings: Settings) -> Again:
    works = [
        (w.hours, tokens.token_days(w.days, w.workflow), w.epochs)
        for w in each_workflow(facts, settings)
    ]

    def again(limits: Limits) -> pd.DataFrame:
        return _together(
            tokens.token_bursts(tokens.token_windows(hours, days, m, limits, epochs), m, limits)
            for hours, days, epochs in works
            for m in tokens.METRICS
        )

    return again


def _spend(facts: Facts, findings: pd.DataFrame, settings: Settings) -> Again:
    days = spend.company_days(facts.days)
    return lambda limits: spend.daily_spend(spend.spend_bands(days, limits), limits, facts.grid)


def _deviations(facts: Facts, findings: pd.DataFrame, settings: Settings) -> Again:
    rest = (facts.measures, facts.calendar, facts.clock)
    return lambda limits: deviation.deviations(
        *rest, settings.model_copy(update={"limits": limits})
    )


def _refusals(facts: Facts, findings: pd.DataFrame, settings: Settings) -> Again:
    judged = {g.workflow[0] for g in _judged_workflows(facts, findings, "R10")}
    works = [w for w in each_workflow(facts, settings) if w.name in judged]
    day = business_day(settings.company)

    def again(limits: Limits) -> pd.DataFrame:
        return _together(
            refusals.refusals(
                refusals.refusal_windows(
                    w.hours,
                    facts.clock,
                    day,
                    limits,
                    always=bool(w.workflow and w.workflow.schedule == "always"),
                ),
                limits,
            )
            for w in works
        )

    return again


JUDGED: dict[str, Callable[[Facts, pd.DataFrame, Settings], Again]] = {
    "R3": _errors_over_20,
    "R4": _errors_over_5,
    "R5": _run_cost,
    "R6": _tokens,
    "R7": _spend,
    "R8": _deviations,
    "R10": _refusals,
    "R11": _deviations,
}
"""How a rule alone is judged again: what does not change with its limits is made once."""


# The alert budget


def budget(called: pd.DataFrame, tried: pd.DataFrame, weeks: float, limits: Limits) -> Budget:
    """How many calls are for nothing, and what would bring them within the budget.

    Clause E2. Takes `calls` and `other_limits`; the calendar method counts, for the whole company.
    """
    counts = called.verdict[called.method == METHODS[0]].value_counts()
    spent = Budget(
        allowed_per_week=limits.alert_budget,
        weeks=weeks,
        false=int(counts.get("false", 0)),
        unjudged=int(counts.get("unjudged", 0)),
        proposals=tried.iloc[:0],
    )
    return spent if spent.met else replace(spent, proposals=proposals(tried, spent))


def proposals(tried: pd.DataFrame, spent: Budget) -> pd.DataFrame:
    """The mildest change that meets the budget and loses no confirmed incident, as `other_limits`.

    One change where one is enough, else the most helpful one of each limit until it is. Adds saved:
    the alarms that it would have spared. Proposed, never applied.
    """
    now = tried[tried.set].set_index("limit")
    saved = tried.limit.map(now.for_nothing) - tried.for_nothing
    far = (tried.value / tried.limit.map(now.value) - 1).abs()
    kept = (saved > 0) & (tried.caught >= tried.limit.map(now.caught))
    helpful = tried.assign(saved=saved, far=far)[kept]
    excess = spent.false + spent.unjudged - spent.allowed_per_week * spent.weeks
    enough = helpful[helpful.saved >= excess].sort_values("far", kind="stable").head(1)
    if len(enough):
        return enough.drop(columns="far")
    best = helpful.sort_values(["saved", "far"], ascending=[False, True], kind="stable")
    best = best.drop_duplicates("limit")
    needed = best.saved.cumsum().shift(fill_value=0) < excess
    return best[needed].drop(columns="far")
