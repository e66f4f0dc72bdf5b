"""The quarter in figures: what each workflow costs and is worth, and how well the process runs.

Clauses E3 and E4. What a workflow is worth people say in the register; the tool counts what it
cost, proposes keep, change or retire with its reasons, and decides nothing.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from opsbook import obligations
from opsbook.backtest import Budget
from opsbook.estimates import exceeds
from opsbook.months import (
    DAY,
    GRAVE,
    alert_budget,
    causes,
    counted,
    day_range,
    opened_of,
    part,
    sentence,
    workflow_figures,
)
from opsbook.periods import Period, around, period, planned_at
from opsbook.reviews import Review
from opsbook.settings import Settings
from opsbook.vendors import contract_question, update_question

WEEK = pd.Timedelta(weeks=1)
WEEKS_A_MONTH = 365.25 / 12 / 7
LEAD = "AI Lead"
VERDICTS = ("keep", "change", "retire")


# The portfolio


def portfolio(review: Review) -> pd.DataFrame:
    """What each workflow cost and brought in the period, and whether it stays; the dearest first.

    Clause E3. One row per workflow of the settings: workflow, category, weeks (with data: cost and
    value count over the same days), cost, runs (calls where there are no runs), run_cost, value
    (hours saved times their cost, and other value; <NA> where nobody says), net, P1, P2, manual_h,
    idle_weeks (with data since it last ran), verdict and reason (a person's), checked_on, proposal
    (keep, change, retire; "" where its value is not known) and why (its reasons). Money in the
    company's currency.
    """
    figures = workflow_figures(review).set_index("workflow")
    said = _said(review)
    rows = [
        _worth(w.id, figures.loc[w.id], said.get(w.id, {}), review)
        for w in review.settings.workflows
    ]
    table = pd.DataFrame(rows, columns=PORTFOLIO)
    floats = ["weeks", "cost", "runs", "run_cost", "value", "net", "manual_h", "idle_weeks"]
    typed = table.astype(dict.fromkeys(floats, "Float64"))
    return typed.sort_values(
        ["cost", "workflow"], ascending=[False, True], na_position="last", ignore_index=True
    )


PORTFOLIO = [
    "workflow", "category", "weeks", "cost", "runs", "run_cost", "value", "net", "P1", "P2",
    "manual_h", "idle_weeks", "verdict", "reason", "checked_on", "proposal", "why",
]  # fmt: skip


def _said(review: Review) -> dict[str, dict]:
    """What the register says of each workflow, by its id; of two rows the later one."""
    rows = review.registers.value.to_dict("records")
    return {_id(r["workflow"], review.settings): r for r in rows if pd.notna(r["workflow"])}


def _id(name: str, settings: Settings) -> str:
    """The id of a workflow that is called by its id or its name."""
    plain = str(name).strip().casefold()
    found = (w.id for w in settings.workflows if plain in (w.id, w.name.casefold()))
    return next(found, str(name))


def _worth(workflow: str, figures: pd.Series, said: dict, review: Review) -> dict:
    runs = figures.runs if pd.notna(figures.runs) else figures.calls
    weeks, cost = figures.days / 7, figures.cost_eur
    value = _value(said, weeks)
    own = opened_of([workflow], review)
    verdict = said.get("verdict")
    row = {
        "workflow": workflow,
        "category": figures.category,
        "weeks": weeks,
        "cost": cost,
        "runs": runs,
        "run_cost": part(cost, runs),
        "value": value,
        "net": None if value is None or pd.isna(cost) else value - float(cost),
        **{p: int(own.priority.eq(p).sum()) for p in GRAVE},
        "manual_h": figures.manual_h,
        "idle_weeks": idle_weeks(workflow, review),
        "verdict": verdict if pd.notna(verdict) and verdict in VERDICTS else "",
        "reason": said.get("reason", pd.NA),
        "checked_on": said.get("checked_on", pd.NaT),
    }
    proposal, why = proposed(row, said, review.settings)
    return row | {"proposal": proposal, "why": why}


def _value(said: dict, weeks: float) -> float | None:
    """What a workflow brought in so many weeks; None where the register does not say."""
    hours, cost, month = (said.get(k) for k in ("hours_saved_week", "hour_cost", "value_month"))
    saved = None if pd.isna(hours) or pd.isna(cost) else float(hours) * float(cost) * weeks
    other = None if pd.isna(month) else float(month) * weeks / WEEKS_A_MONTH
    told = [v for v in (saved, other) if v is not None]
    return sum(told) if told else None


def idle_weeks(workflow: str, review: Review) -> float | None:
    """Weeks with data since a workflow last ran, up to the period's end; None without any data."""
    days = review.facts.days
    until = min(review.ended_at, review.now)
    own = days[(days.workflow == workflow) & (days.ended_at <= until) & (days.covered_share > 0)]
    if own.empty:
        return None
    done = own.runs.where(own.runs > 0, own.calls).fillna(own.input_tokens).fillna(own.cost_eur)
    ran = own.day[done.fillna(0) > 0]
    since = own if ran.empty else own[own.day > ran.max()]
    return float(since.covered_share.sum()) / 7


def proposed(row: dict, said: dict, settings: Settings) -> tuple[str, list[str]]:
    """What the figures propose for a workflow, and why: keep, change, retire, or "" for nothing."""
    limits = settings.limits
    retire, change = [], []
    idle, net = row["idle_weeks"], row["net"]
    if idle is not None and idle >= limits.idle_weeks:
        retire.append(f"no run for {counted(int(idle), 'week')}")
    if net is not None and net < 0:
        retire.append("it cost more than it brought")
    grave = row["P1"] + row["P2"]
    if grave >= limits.troubled_p2:
        change.append(f"{counted(grave, 'incident')} of class P1 or P2")
    saved = said.get("hours_saved_week")
    known = pd.notna(saved) and pd.notna(row["manual_h"])
    if known and exceeds(row["manual_h"], float(saved) * row["weeks"]):
        change.append("more hours by hand than it saves")
    if retire or change:
        return ("retire" if retire else "change"), [*retire, *change]
    if row["value"] is None:
        return "", ["nobody has said what it is worth"]
    return "keep", ["it brought more than it cost"]


def portfolio_question(review: Review) -> str:
    """Which workflows have no verdict or one against the figures, and whether the work outgrows."""
    rows = portfolio(review)
    told = []
    open_ = rows[rows.verdict == ""]
    if len(open_):
        told.append(f"{_names(open_.workflow, review.settings)}: keep, change or retire?")
    told += [
        f"{review.settings.display_name(r.workflow)}: the verdict is {r.verdict}, the figures say "
        f"{r.proposal} ({', '.join(r.why)})"
        for r in rows[rows.verdict != ""].itertuples()
        if r.proposal not in ("", "keep", r.verdict) and pd.isna(r.reason)
    ]
    work = workload(review)
    told += [work.question] if work.question else []
    return sentence(told)


def _names(workflows: Sequence[str], settings: Settings) -> str:
    return ", ".join(settings.display_name(w) for w in workflows)


# The AI Lead's hours


def lead_hours(review: Review) -> pd.DataFrame:
    """The AI Lead's hours of each week whose Monday lies in the period and that has begun.

    Clause E4. Columns week, monday (local), hours (<NA> where none were noted). Weeks before both
    the first data and the first hours noted are left out.
    """
    hours = review.registers.hours
    own = hours[hours.kind == LEAD]
    monday = own.day - pd.to_timedelta(own.day.dt.weekday, unit="D")
    sums = own.groupby(monday).hours.sum(min_count=1)
    told = {pd.Timestamp(m): h for m, h in sums.items()}
    covered = review.facts.coverage.covered_from.min()
    begun = [] if pd.isna(covered) else [_monday(covered, review)]
    first = min([*begun, *told], default=pd.Timestamp.max)
    mondays = [d for d in day_range(review) if d.weekday() == 0 and d >= first]
    rows = [
        {"week": around("weekly", m.date()).name, "monday": m, "hours": told.get(m, pd.NA)}
        for m in mondays
    ]
    frame = pd.DataFrame(rows, columns=["week", "monday", "hours"])
    return frame.astype({"hours": "Float64", "monday": "datetime64[us]"})


def _monday(at: pd.Timestamp, review: Review) -> pd.Timestamp:
    """The Monday of the local week that a moment lies in."""
    day = at.tz_convert(review.settings.company.zone).tz_localize(None).normalize()
    return day - pd.Timedelta(days=day.weekday())


@dataclass(frozen=True)
class Workload:
    """How many workflows there are and what they take: hours a week (None where none were noted).

    `state` is one of displays' lights, `sentence` says how it stands, `question` what follows.
    """

    workflows: int
    hours: float | None
    state: str
    sentence: str
    question: str


def workload(review: Review) -> Workload:
    """Whether operating the workflows is still one role's work of a few hours a week.

    Clause E4: two to four hours on three to five workflows; past ten it is a function of its own.
    """
    limits, count = review.settings.limits, len(review.settings.workflows)
    known = lead_hours(review).hours.dropna()
    mean = float(known.mean()) if len(known) else None
    expected = f"{limits.lead_hours_least:g} to {limits.lead_hours_most:g} hours a week"
    took = f"{mean:.1f} hours a week noted" if mean is not None else "no hours noted"
    over = mean is not None and exceeds(mean, limits.lead_hours_most)
    running = counted(count, "workflow")
    if count > limits.function_workflows:
        past = f"past {limits.function_workflows}, AI operations is a function of its own"
        said = f"{running}, {took}: {past}."
        asked = f"{running}: AI operations is a function of its own, who takes it over"
        return Workload(count, mean, "alert", said, asked)
    if over:
        said = f"{running}, {took}: more than the {expected} expected."
        asked = (
            f"the AI Lead spends {mean:.1f} hours a week, {limits.lead_hours_most:g} are expected"
        )
        return Workload(count, mean, "watch", said, asked)
    if count > limits.lead_workflows:
        said = f"{running}, {took}: {expected} are reckoned for up to {limits.lead_workflows}."
        return Workload(count, mean, "watch", said, "")
    state = "none" if mean is None else "ok"
    return Workload(count, mean, state, f"{running}, {took}; {expected} expected.", "")


# How well the process runs


@dataclass(frozen=True)
class Health:
    """How the process itself ran in the period.

    `met`, `missed` and `waiting` count deadlines that began in it; `lag` is the median time from
    an incident's begin to its detection (None without one); `owed` and `signed_off` count its
    post-mortems; `drill` is the last one on record; `due` and `on_time` count reviews.
    """

    budget: Budget
    met: int
    missed: int
    waiting: int
    incidents: int
    lag: pd.Timedelta | None
    owed: int
    signed_off: int
    drill: pd.Timestamp | None
    due: int
    on_time: int


def health(review: Review) -> Health:
    """The alert budget, deadlines, detection, drills and reviews of the period; clause E3."""
    until = min(review.ended_at, review.now)
    timers = review.timers
    own = timers[(timers.since >= review.started_at) & (timers.since < until)]
    late = own.met.isna() & own.current & (own.due_at <= review.now)
    missed = own.met.eq(False).fillna(False) | late
    seen = review.incidents
    seen = seen[seen.priority.isin(GRAVE) & ~seen.late & (seen.state != "merged")]
    seen = seen[(seen.started_at >= review.started_at) & (seen.started_at < until)]
    lags = seen.detected_at - seen.started_at
    drills = review.registers.systems.drill_on.dropna()
    held, papers = reviews_held(review), causes(review).post_mortem
    return Health(
        budget=alert_budget(review),
        met=int(own.met.eq(True).fillna(False).sum()),
        missed=int(missed.sum()),
        waiting=int((own.met.isna() & own.current & ~late).sum()),
        incidents=len(seen),
        lag=lags.median() if len(lags) else None,
        owed=int(papers.ne("").sum()),
        signed_off=int(papers.eq("signed").sum()),
        drill=drills.max() if len(drills) else None,
        due=len(held),
        on_time=int(held.on_time.sum()),
    )


def reviews_held(review: Review) -> pd.DataFrame:
    """The weekly and monthly reviews that fell due in the period, oldest first.

    Columns kind, period, planned_at, held_at (<NA>: not signed), on_time (held within a week).
    They are due from the first of their kind that was signed on.
    """
    until = min(review.ended_at, review.now)
    rows = [
        _held(p, review)
        for kind in ("weekly", "monthly")
        for p in _due(kind, review.started_at, until, review)
        if p.first >= _first_signed(kind, review)
    ]
    frame = pd.DataFrame(rows, columns=["kind", "period", "planned_at", "held_at", "on_time"])
    times = {c: pd.to_datetime(frame[c], utc=True) for c in ("planned_at", "held_at")}
    typed = frame.assign(**times).astype({"on_time": bool})
    return typed.sort_values(["planned_at", "kind"], ignore_index=True)


def _first_signed(kind: str, review: Review) -> dt.date:
    """The first day of the earliest period of a kind whose review is signed; far ahead for none."""
    signed = [
        period(n).first for n, v in review.register.reviews.items() if v[-1]["review"] == kind
    ]
    return min(signed, default=dt.date.max)


def _due(kind: str, begun: pd.Timestamp, until: pd.Timestamp, review: Review) -> list[Period]:
    """The periods of a kind whose review is planned between two moments, the latest first."""
    found, one = [], around(kind, until.tz_convert(review.settings.company.zone).date())
    while (planned := planned_at(one, review.settings.company)) >= begun:
        found += [one] if planned < until else []
        one = one.previous()
    return found


def _held(one: Period, review: Review) -> dict:
    planned = planned_at(one, review.settings.company)
    late = planned + review.settings.limits.review_overdue_days * DAY
    told = review.register.reviews.get(one.name, [])
    held = pd.Timestamp(told[0]["held"]) if told else pd.NaT
    return {
        "kind": one.kind, "period": one.name, "planned_at": planned, "held_at": held,
        "on_time": bool(told) and held <= late,
    }  # fmt: skip


def drill_old(own: Health, review: Review) -> bool:
    """Whether a P1 drill has to be held: there is none, or the last is older than may be."""
    today = review.now.tz_convert(review.settings.company.zone).tz_localize(None)
    return own.drill is None or today - own.drill > review.settings.limits.drill_days * DAY


def health_question(review: Review) -> str:
    """What in the process itself has to be explained: calls for nothing, deadlines, drills."""
    own, told = health(review), []
    if not own.budget.met:
        told.append(f"{own.budget.per_week:.1f} calls a week for nothing or not judged")
    if own.missed:
        told.append(f"{counted(own.missed, 'deadline')} missed")
    if own.drill is None:
        told.append("no P1 drill is on record")
    elif drill_old(own, review):
        told.append(f"the last P1 drill was on {own.drill:%-d %b %Y}")
    if own.due > own.on_time:
        told.append(f"{own.due - own.on_time} of {counted(own.due, 'review')} not held on time")
    return sentence(told)


# All of them


def questions(review: Review, lists: Sequence[object] = ()) -> dict[str, str]:
    """What must be explained or escalated in each section of the quarterly review; "": nothing."""
    return {
        "updates": update_question(review),
        "contracts": contract_question(review),
        "portfolio": portfolio_question(review),
        "ai-act": obligations.question(review),
        "sign-off": health_question(review),
    }
