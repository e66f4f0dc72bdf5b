"""Vendors: what they announced, when an update may go live, whether it held, and contracts.

A vendor's new model never goes live by itself: it is a notice, then a planned update in the
quietest open hours, with a GO of the regression list and a way back (clauses C1 and C3). The rows
are people's, of register.xlsx; what was measured stands beside them. Nothing judges a contract.
"""

from dataclasses import dataclass

import pandas as pd

from opsbook.errors import UsageError
from opsbook.periods import midnight
from opsbook.reviews import Review
from opsbook.settings import WEEKDAYS

HOUR = pd.Timedelta(hours=1)
DAY = pd.Timedelta(days=1)
UPDATES = ("model", "end of life", "security")
"""Kinds of notice that another model may follow from."""
DONE = ("accept", "reject", "not affected")
HELD_BY = ("R3", "R4", "R5", "R6", "R8", "R10")
"""Rules that judge errors, cost, latency, quality and refusals: an update has held while they are
silent."""
YEAR, MONTH_DAYS = 365, 30
CONTRACT_KINDS = {"alert": 0, "watch": 1, "ok": 2}


def present_day(review: Review) -> pd.Timestamp:
    """The local day of the moment of judgement, naive."""
    return review.now.tz_convert(review.settings.company.zone).tz_localize(None).normalize()


def said_day(day: object) -> str:
    """A day as sentences have it.

    >>> said_day(pd.Timestamp("2026-12-04"))
    '4 Dec 2026'
    """
    return "not told" if pd.isna(day) else f"{day.day} {day:%b %Y}"


def _days_to(day: object, review: Review) -> int | None:
    return None if pd.isna(day) else (day - present_day(review)).days


def _text(value: object) -> str:
    return "" if pd.isna(value) else str(value)


# Notices


def notices(review: Review) -> pd.DataFrame:
    """Every vendor notice, undecided ones first, then by the day it is in force; one row each.

    Clause E2. Columns of the sheet, with about (ids of the workflows it concerns), days_left (to
    the day it is in force; below zero it is), tested (verdict by workflow, in words), state and
    word of its light, and due (whether somebody has to decide by the next review).
    """
    rows = [
        row._asdict()
        | {
            "about": concerned(review, row),
            "days_left": _days_to(row.effective_on, review),
            "tested": tested(review, row),
        }
        | dict(zip(("state", "word", "due"), _standing(review, row), strict=True))
        for row in review.registers.notices.itertuples(index=False)
    ]
    frame = pd.DataFrame(rows, columns=[*review.registers.notices.columns, *MORE])
    frame["days_left"] = frame.days_left.astype("Int64")
    order = frame.assign(settled=frame.state == "ok")
    return order.sort_values(["settled", "effective_on", "id"], ignore_index=True).drop(
        columns="settled"
    )


MORE = ("about", "days_left", "tested", "state", "word", "due")


def _standing(review: Review, notice: object) -> tuple[str, str, bool]:
    """The light of a notice, its word, and whether it has to be decided by the next review."""
    decision = _text(notice.decision) or "open"
    left = _days_to(notice.effective_on, review)
    if pd.notna(notice.live_on) and notice.live_on <= present_day(review):
        return "ok", f"live since {said_day(notice.live_on)}", False
    if decision in DONE:
        return "ok", decision, False
    if left is None:
        waited = (present_day(review) - notice.announced_on).days
        due = decision == "open" and waited > review.settings.limits.notice_days
        return ("alert" if due else "watch"), f"{decision}, no date told", due
    due = left <= review.settings.limits.notice_days
    when = f"in {left} days" if left > 0 else "today" if left == 0 else f"since {-left} days"
    if decision == "plan":
        return ("alert" if left < 0 else "planned"), f"planned, in force {when}", left < 0
    return ("alert" if due else "watch"), f"not decided, in force {when}", due


def concerned(review: Review, notice: object) -> tuple[str, ...]:
    """Ids of the workflows a notice is about: those named, else those its model answers, else all.

    A model answers a workflow if it did so in the last weeks (`update_weeks`).
    """
    if named := _text(notice.workflows):
        return tuple(named.split(", "))
    every = tuple(w.id for w in review.settings.workflows)
    if not (model := _text(notice.model_now)):
        return every
    seen = answering(review)
    own = seen[(seen.model == model) | (seen.asked == model)].workflow.unique()
    return tuple(w for w in every if w in own) or every


def answering(review: Review) -> pd.DataFrame:
    """The models that answered in the last weeks: workflow, model, asked, last_seen."""
    models = review.facts.models
    since = review.now - pd.Timedelta(weeks=review.settings.limits.update_weeks)
    recent = models[(models.last_seen >= since) & models.served_model.notna()]
    seen = recent.groupby(["workflow", "served_model"], as_index=False).agg(
        asked=("request_model", "last"), last_seen=("last_seen", "max")
    )
    return seen.rename(columns={"served_model": "model"})


@dataclass(frozen=True)
class Tested:
    """What a workflow's list said of a new model: the run and its verdict, "" for none."""

    workflow: str
    run: str
    verdict: str


def verdicts(review: Review, notice: object) -> tuple[Tested, ...]:
    """What the lists of the workflows concerned said: of the run named, else of the new model.

    Clause C3. The run named counts, else the latest that asked the model of the notice.
    """
    runs = review.facts.lists
    named, model = _text(notice.run), _text(notice.model_new)
    found = []
    for workflow in concerned(review, notice):
        own = runs[(runs.workflow == workflow) & runs.verdict.notna()]
        own = own[own.run == named] if named else own[own.asked_model == (model or None)]
        last = own.sort_values("at").tail(1)
        told = (last.run.iloc[0], last.verdict.iloc[0]) if len(last) else ("", "")
        found.append(Tested(workflow, *told))
    return tuple(found)


def tested(review: Review, notice: object) -> str:
    """Whether the lists were run against what a notice brings, in words; "" where none has to."""
    if notice.kind not in UPDATES or not (_text(notice.model_new) or _text(notice.run)):
        return "no new model named" if notice.kind in UPDATES else ""
    told = verdicts(review, notice)
    names = {t.verdict: [] for t in told}
    for one in told:
        names[one.verdict].append(review.settings.display_name(one.workflow))
    return "; ".join(f"{verdict or 'not run'}: {', '.join(n)}" for verdict, n in names.items())


def notice_question(review: Review) -> str:
    """Which notices have to be decided, or went live untested; "" for none (clause E2)."""
    found = notices(review)
    due = [f"{n.id} ({n.what}): {n.word}" for n in found[found.due.astype(bool)].itertuples()]
    live = [
        f"{n.id} went live without GO and without a reason ({n.tested})"
        for n in found[found.live_on.notna() & found.kind.isin(UPDATES)].itertuples()
        if not _passed(review, n) and not _text(n.overruled)
    ]
    return _asked([*due, *live])


def _asked(told: list[str]) -> str:
    """Things to be decided, as a question; "" for none."""
    return f"{'; '.join(told)}. Who decides, and by when?" if told else ""


def _passed(review: Review, notice: object) -> bool:
    return all(t.verdict == "GO" for t in verdicts(review, notice))


def changed(review: Review, sheet: str) -> pd.DataFrame:
    """Rows of a sheet that were new, changed or gone since the period began: key, what, at."""
    told = review.registers.changes
    own = told[(told.sheet == sheet) & (told["at"] >= review.started_at)]
    return own.reset_index(drop=True)


def model_ends(review: Review) -> pd.DataFrame:
    """Models that answer now and will be switched off, soonest first; one row per workflow.

    Columns workflow, model, last_seen (UTC), ends_on (<NA>: day not told), days_left, notice,
    model_new, state, word. Takes notices of an end of life that name the model as the calls do.
    """
    ending = review.registers.notices
    ending = ending[(ending.kind == "end of life") & ending.model_now.notna()]
    seen = answering(review)
    rows = []
    for notice in ending.itertuples(index=False):
        own = seen[(seen.model == notice.model_now) | (seen.asked == notice.model_now)]
        left = _days_to(notice.effective_on, review)
        for row in own.itertuples(index=False):
            state, word = _ending(left, review.settings.limits.notice_days)
            rows.append((row.workflow, row.model, row.last_seen, notice.effective_on, left,
                         notice.id, notice.model_new, state, word))  # fmt: skip
    names = ["workflow", "model", "last_seen", "ends_on", "days_left", "notice", "model_new",
             "state", "word"]  # fmt: skip
    frame = pd.DataFrame(rows, columns=names).astype({"days_left": "Int64"})
    return frame.sort_values(["days_left", "workflow"], ignore_index=True)


def _ending(left: int | None, near: int) -> tuple[str, str]:
    if left is None:
        return "watch", "no day told"
    if left < 0:
        return "alert", f"ended {-left} days ago, still called"
    return ("alert" if left <= near else "watch"), f"{left} days left"


# Updates


@dataclass(frozen=True)
class Window:
    """The quietest open hours of a week: their weekday and first hour (local), and what is usual.

    `calls` are those usual in the window, `busiest` those in the busiest one of the same length;
    <NA> where no export counts calls. `weeks` is how many it was measured in, at least.
    """

    weekday: int
    first_hour: int
    hours: int
    calls: float | None
    busiest: float | None
    weeks: int

    @property
    def words(self) -> str:
        """The window as people say it: "Friday 15:00-17:00"."""
        end = self.first_hour + self.hours
        return f"{WEEKDAYS[self.weekday].capitalize()} {self.first_hour:02}:00-{end:02}:00"


def quietest(review: Review, names: tuple[str, ...]) -> Window | None:
    """The window in which some workflows are called least while the company is open; None for none.

    Clause C1. Measured over the last weeks (`update_weeks`), in hours that exports cover and that
    were open from end to end; each workflow weighs the same, however much it is called, and one
    whose exports tell days alone is left out. An hour of the week counts if it was seen at least
    twice. Of equals the first of the week.
    """
    limits = review.settings.limits
    slots = _slots(review, names)
    length = limits.update_window_h
    found = []
    for weekday, hour in slots.index:
        places = [(weekday, hour + i) for i in range(length)]
        if all(p in slots.index for p in places):
            own = slots.loc[places]
            found.append((own.weight.sum(), weekday, hour, own.calls.sum(min_count=length),
                          own.weeks.min()))  # fmt: skip
    if not found:
        return None
    _, weekday, hour, calls, weeks = min(found, key=lambda f: (round(f[0], 9), f[1], f[2]))
    counted = [f[3] for f in found if pd.notna(f[3])]
    known = pd.notna(calls) and bool(counted)
    return Window(
        weekday=int(weekday), first_hour=int(hour), hours=length,
        calls=float(calls) if known else None, busiest=float(max(counted)) if known else None,
        weeks=int(weeks),
    )  # fmt: skip


SEEN_TWICE = 2


def _slots(review: Review, names: tuple[str, ...]) -> pd.DataFrame:
    """What is usual in each open hour of the week: weight, calls, weeks, by weekday and hour."""
    facts, zone = review.facts, review.settings.company.zone
    since = review.now - pd.Timedelta(weeks=review.settings.limits.update_weeks)
    grid = facts.grid
    own = grid[grid.workflow.isin(names) & grid.covered.astype(bool)]
    own = own[(own.hour >= since) & (own.hour < review.now)]
    coarse = own[own.bucket_s.fillna(0) > HOUR.total_seconds()].workflow.unique()
    own = own[~own.workflow.isin(coarse)]
    starts = pd.DatetimeIndex(own.hour)
    own = own[facts.clock.elapsed(starts, starts + HOUR) == HOUR]
    if own.empty:
        return pd.DataFrame(columns=["weight", "calls", "weeks"])
    calls, tokens = own.calls.astype("Float64"), own.input_tokens.astype("Float64")
    counts = calls.groupby(own.workflow).transform("sum").fillna(0) > 0
    size = calls.where(counts, tokens).fillna(0).astype(float)
    total = size.groupby(own.workflow).transform("sum")
    told = own.assign(weight=(size / total.where(total > 0)).fillna(0), calls=calls.where(counts))
    by_hour = told.groupby("hour").agg(
        weight=("weight", "sum"), calls=("calls", lambda c: c.sum(min_count=1))
    )
    local = by_hour.index.tz_convert(zone)
    keys = [local.weekday.rename("weekday"), local.hour.rename("first_hour")]
    slots = by_hour.groupby(keys).agg(
        weight=("weight", "mean"), calls=("calls", "mean"), weeks=("weight", "size")
    )
    return slots[slots.weeks >= SEEN_TWICE]


@dataclass(frozen=True)
class Plan:
    """An update as it stands: its window, what the lists said, and what is missing before it.

    `starts_at` is the next such window, UTC; None where there is none, and for an emergency, which
    goes live at once.
    """

    notice: str
    what: str
    workflows: tuple[str, ...]
    window: Window | None
    starts_at: pd.Timestamp | None
    tested: tuple[Tested, ...]
    emergency: bool
    missing: tuple[str, ...]
    after: tuple[str, ...]

    @property
    def ready(self) -> bool:
        """Whether nothing is missing before it may go live."""
        return not self.missing

    def as_json(self) -> dict:
        """The document of `opsbook plan-update`; times in ISO 8601, UTC."""
        window = self.window
        ends_at = self.starts_at and self.starts_at + window.hours * HOUR
        return {
            "notice": self.notice, "what": self.what, "workflows": list(self.workflows),
            "emergency": self.emergency, "ready": self.ready, "missing": list(self.missing),
            "after": list(self.after), "tested": [vars(t) for t in self.tested],
            "window": window and vars(window) | {"words": window.words},
            "starts_at": self.starts_at and self.starts_at.isoformat(),
            "ends_at": ends_at and ends_at.isoformat(),
        }  # fmt: skip

    def lines(self, review: Review) -> list[str]:
        """The plan as a person reads it: what, when, what the lists said, what is missing."""
        names = ", ".join(review.settings.display_name(w) for w in self.workflows)
        told = [f"{self.notice}: {self.what} ({names})", *self._when(review)]
        told += [
            f"{review.settings.display_name(t.workflow)}: {t.verdict} ({t.run})"
            for t in self.tested
            if t.verdict
        ]
        told += [f"Missing: {m}" for m in self.missing]
        told += [f"Right after it is live: {a}." for a in self.after]
        return [*told, "Ready." if self.ready else "Not ready."]

    def _when(self, review: Review) -> list[str]:
        if self.emergency:
            return ["Emergency: it may go live at once, and the lists run right after."]
        if self.window is None or self.starts_at is None:
            return []
        at = self.starts_at.tz_convert(review.settings.company.zone)
        usual = (
            "its calls are not counted"
            if self.window.calls is None
            else f"usually {self.window.calls:.0f} calls, at most {self.window.busiest:.0f}"
        )
        return [f"Window: {self.window.words}, next on {said_day(at)} ({usual})."]


def plan(review: Review, name: str) -> Plan:
    """The planned update of a notice, by its id; UsageError for none, or one that updates nothing.

    Clauses C1 and C3: nothing goes live without a GO, or a reason why it is overruled, and a way
    back. A notice of the kind security may be an emergency: at once, the list runs after.
    """
    register = review.registers.notices
    found = register[register.id.str.upper() == name.strip().upper()]
    if found.empty:
        known = ", ".join(register.id) or "none yet"
        raise UsageError(f"{name[:40]!r} is no notice; register.xlsx has: {known}.")
    notice = next(found.itertuples(index=False))
    if notice.kind not in UPDATES:
        raise UsageError(
            f"{notice.id} is about {notice.kind}: nothing goes live by it; decide it on the sheet "
            f"Notices. An update follows from: {', '.join(UPDATES)}."
        )
    names = concerned(review, notice)
    emergency = notice.kind == "security"
    window = quietest(review, names)
    starts_at = None if emergency or window is None else _next(review, window)
    checks = _untested(review, notice)
    plain = _unsaid(notice, emergency)
    if not emergency and starts_at is None:
        plain.append("No export tells the hours of its calls: choose a quiet window by hand")
    if starts_at is not None and starts_at >= _in_force(review, notice):
        late = f"The next window lies after {said_day(notice.effective_on)}, when it is in force"
        plain.append(late)
    return Plan(
        notice=notice.id, what=notice.what, workflows=names, window=window, starts_at=starts_at,
        tested=verdicts(review, notice), emergency=emergency,
        missing=tuple(plain if emergency else [*plain, *checks]),
        after=tuple(checks if emergency else ()),
    )  # fmt: skip


def _in_force(review: Review, notice: object) -> pd.Timestamp:
    """The moment a notice is in force, UTC; far off where its day is not told."""
    if pd.isna(notice.effective_on):
        return review.now + 100 * YEAR * DAY
    return midnight(notice.effective_on.date(), review.settings.company)


def _unsaid(notice: object, emergency: bool) -> list[str]:
    """What the row of a notice does not say and an update needs."""
    told = []
    if not emergency and (_text(notice.decision) or "open") not in ("plan", "accept"):
        told.append(f"Nobody planned it: its decision is {_text(notice.decision) or 'open'}")
    if not emergency and not _text(notice.model_new):
        told.append("New model is empty: what would go live?")
    if not _text(notice.rollback):
        told.append("Way back is empty: how is the old model brought back?")
    return told


def _untested(review: Review, notice: object) -> list[str]:
    """What the regression lists still lack for a GO; nothing where a reason overrules them."""
    if _text(notice.overruled):
        return []
    told = []
    for one in verdicts(review, notice):
        name = review.settings.display_name(one.workflow)
        if not one.verdict:
            model = _text(notice.model_new) or "MODEL"
            told.append(
                f"{name}: its list was not run against it; opsbook regression run {one.workflow} "
                f"--model {model}"
            )
        elif one.verdict != "GO":
            told.append(
                f"{name}: its list says {one.verdict} ({one.run}); put it right and run it again, "
                "or say in Overruled because why it goes live all the same"
            )
    return told


def _next(review: Review, window: Window) -> pd.Timestamp | None:
    """The next day on which a window is open from end to end, from tomorrow on; UTC."""
    calendar, zone = review.facts.calendar, review.settings.company.zone
    ahead = calendar[(calendar.day > present_day(review)) & (calendar.day_type == "workday")]
    for day in ahead[ahead.day.dt.weekday == window.weekday].day:
        at = (day + window.first_hour * HOUR).tz_localize(
            zone, ambiguous=True, nonexistent="shift_forward"
        )
        ends = at + window.hours * HOUR
        open_for = review.facts.clock.elapsed(pd.DatetimeIndex([at]), pd.DatetimeIndex([ends]))[0]
        if open_for == window.hours * HOUR:
            return at.tz_convert("UTC")
    return None


def schedule(review: Review) -> pd.DataFrame:
    """Updates that are to come, are planned or went live, the next first; one row per notice.

    Clauses C1 and E3. Columns id, vendor, what, model_now, model_new, about, decision,
    effective_on, live_on, window (words), starts_at (UTC), calls, tested, rollback, missing (what
    keeps it from going live), held (what became of it), state, word.
    """
    rows = []
    register = review.registers.notices
    for notice in register[register.kind.isin(UPDATES)].itertuples(index=False):
        if _text(notice.decision) in ("reject", "not affected"):
            continue
        planned = plan(review, notice.id)
        result = held(review, notice)
        window = None if result or planned.emergency else planned.window
        rows.append(notice._asdict() | {
            "about": planned.workflows, "window": window and window.words,
            "starts_at": window and planned.starts_at, "calls": window and window.calls,
            "tested": tested(review, notice),
            "missing": "" if result else "; ".join(planned.missing),
            "held": result.words if result else "",
        } | _light(review, notice, planned, result))  # fmt: skip
    names = ["id", "vendor", "what", "kind", "model_now", "model_new", "about", "decision",
             "effective_on", "live_on", "window", "starts_at", "calls", "tested", "rollback",
             "missing", "held", "state", "word"]  # fmt: skip
    frame = pd.DataFrame(rows, columns=names)
    frame["starts_at"] = pd.to_datetime(frame.starts_at, utc=True)
    order = frame.assign(live=frame.live_on.notna()).sort_values(["live", "effective_on", "id"])
    return order.drop(columns="live").reset_index(drop=True)


def _light(review: Review, notice: object, planned: Plan, result: "Held | None") -> dict[str, str]:
    if result:
        return {"state": result.state, "word": result.word}
    if planned.emergency:
        return {"state": "alert", "word": "emergency: at once"}
    if _text(notice.decision) not in ("plan", "accept"):
        return {"state": "watch", "word": "candidate"}
    if planned.ready:
        return {"state": "ok", "word": "ready"}
    return {"state": "alert", "word": f"{len(planned.missing)} missing"}


@dataclass(frozen=True)
class Held:
    """What became of an update: days since, figures before and after, rules that fired since."""

    days: int
    figures: pd.DataFrame
    fired: tuple[str, ...]
    enough: bool

    @property
    def state(self) -> str:
        """Its light: alert when a rule fired, watch while too few days have passed."""
        return "alert" if self.fired else "ok" if self.enough else "watch"

    @property
    def word(self) -> str:
        """Its light's word."""
        return "did not hold" if self.fired else "held" if self.enough else "watched"

    @property
    def words(self) -> str:
        """What became of it, in a sentence."""
        if self.fired:
            return f"{'; '.join(self.fired)}"
        return f"no rule fired in {self.days} days"


def held(review: Review, notice: object) -> Held | None:
    """Whether the baselines held since an update went live; None before it did.

    Clause C1. It held when no rule on errors, cost, latency, quality or refusals fired for its
    workflows since and enough days have passed (`update_held_days`); a P3 does not count. Figures
    compare as many days before, `update_weeks` at most: one row per workflow and metric, columns
    workflow, metric (run_cost_eur, error_share, latency_ms), before, after (<NA>: not told).
    """
    if pd.isna(notice.live_on) or notice.live_on > present_day(review):
        return None
    names = concerned(review, notice)
    live = midnight(notice.live_on.date(), review.settings.company)
    found = review.judged.findings
    own = found[
        (found.method == "calendar") & found.priority.isin(["P1", "P2"])
        & found.workflow.isin(names) & found.rule.isin(HELD_BY) & (found.started_at >= live)
        & (found.started_at < review.now)
    ]  # fmt: skip
    days = (present_day(review) - notice.live_on).days
    zone = review.settings.company.zone
    fired = [
        f"{f.rule} ({f.priority}) on {said_day(f.started_at.tz_convert(zone))}, "
        f"{review.settings.display_name(f.workflow)}"
        for f in own.sort_values("started_at").itertuples()
    ]
    enough = days >= review.settings.limits.update_held_days
    return Held(days, _figures(review, names, live), tuple(dict.fromkeys(fired)), enough)


def _figures(review: Review, names: tuple[str, ...], live: pd.Timestamp) -> pd.DataFrame:
    """Cost a run, failing share and latency of each workflow, before and after a moment."""
    most = pd.Timedelta(weeks=review.settings.limits.update_weeks)
    reach = min(most, review.now - live)
    spans = {"before": (live - reach, live), "after": (live, live + reach)}
    rows = [
        {"workflow": w, "metric": metric} | {side: read(review, w, *s) for side, s in spans.items()}
        for w in names
        for metric, read in FIGURES.items()
    ]
    return pd.DataFrame(rows, columns=["workflow", "metric", "before", "after"]).astype(
        {"before": "Float64", "after": "Float64"}
    )


def _run_cost(
    review: Review, workflow: str, start: pd.Timestamp, end: pd.Timestamp
) -> float | None:
    runs = review.facts.runs
    own = runs[(runs.workflow == workflow) & (runs.started_at >= start) & (runs.started_at < end)]
    return _known(own[own.status == "ok"].cost_eur.median())


def _error_share(
    review: Review, workflow: str, start: pd.Timestamp, end: pd.Timestamp
) -> float | None:
    grid = review.facts.grid
    own = grid[(grid.workflow == workflow) & (grid.hour >= start) & (grid.hour < end)]
    judged = own.judged.sum()
    return _known(own.failed.sum() / judged) if pd.notna(judged) and judged > 0 else None


def _latency(review: Review, workflow: str, start: pd.Timestamp, end: pd.Timestamp) -> float | None:
    told = review.facts.measures
    own = told[(told.workflow == workflow) & (told.metric == "latency_ms")]
    own = own[(own.hour >= start) & (own.hour < end) & own.value.notna()]
    weight = own["sample"].sum()
    return _known((own.value * own["sample"]).sum() / weight) if weight > 0 else None


def _known(value: object) -> float | None:
    return None if pd.isna(value) else float(value)


FIGURES = {"run_cost_eur": _run_cost, "error_share": _error_share, "latency_ms": _latency}


def update_question(review: Review) -> str:
    """Which planned updates lack something, and which did not hold; "" for none (clause E3)."""
    told = []
    for row in schedule(review).itertuples():
        if row.held and row.state == "alert":
            told.append(f"{row.id} ({row.what}) did not hold: {row.held}")
        elif not row.held and row.state == "alert":
            told.append(f"{row.id} ({row.what}): {row.missing or row.word}")
    return _asked(told)


# Contracts


def contracts(review: Review) -> pd.DataFrame:
    """Every contract, the nearest last day to give notice first; one row each.

    Clause E3. Columns of the sheet, with until (the end of the present term; <NA>: runs on),
    notice_by (the last day to give notice; <NA> where none is needed), days_left, state and word of
    its light, and gaps (what is not on file or too old, in words).
    """
    rows = [
        row._asdict() | _term(review, row) | {"gaps": "; ".join(_gaps(review, row))}
        for row in review.registers.contracts.itertuples(index=False)
    ]
    more = ["until", "notice_by", "days_left", "state", "word", "gaps"]
    frame = pd.DataFrame(rows, columns=[*review.registers.contracts.columns, *more])
    frame = frame.astype({"days_left": "Int64", "until": "datetime64[us]"})
    frame["notice_by"] = frame.notice_by.astype("datetime64[us]")
    order = frame.assign(grade=frame.state.map(CONTRACT_KINDS))
    return order.sort_values(["grade", "notice_by", "id"], ignore_index=True).drop(columns="grade")


def _term(review: Review, contract: object) -> dict[str, object]:
    """Until when a contract runs as it stands, the last day to end it by then, and its light."""
    now, limits = present_day(review), review.settings.limits
    told = {"until": pd.NaT, "notice_by": pd.NaT, "days_left": None}
    if pd.isna(contract.ends_on):
        months = (
            "" if pd.isna(contract.notice_months) else f"; notice {contract.notice_months:g} mo."
        )
        return told | {"state": "ok", "word": f"runs on{months}"}
    renews = 0 if pd.isna(contract.renews_months) else contract.renews_months
    until, terms = contract.ends_on, 0
    while until < now and renews > 0:
        terms += 1
        until = contract.ends_on + months_of(terms * renews)
    told |= {"until": until}
    if until < now:
        return told | {"state": "watch", "word": f"ended {said_day(until)}"}
    if not renews:
        left = (until - now).days
        near = left <= limits.contract_days
        told |= {"days_left": left}
        return told | {"state": "watch" if near else "ok", "word": f"ends in {left} days"}
    by = until - months_of(0 if pd.isna(contract.notice_months) else contract.notice_months)
    left = (by - now).days
    told |= {"notice_by": by, "days_left": left}
    if left < 0:
        longer = said_day(until + months_of(renews))
        return told | {"state": "alert", "word": f"notice day passed: runs on to {longer}"}
    state = (
        "alert" if left <= limits.notice_days else "watch" if left <= limits.contract_days else "ok"
    )
    return told | {"state": state, "word": f"{left} days to give notice"}


def months_of(months: float) -> pd.DateOffset:
    """A length of some months, half ones as days."""
    whole = int(months)
    return pd.DateOffset(months=whole, days=round((months - whole) * MONTH_DAYS))


def _gaps(review: Review, contract: object) -> list[str]:
    """What of a contract is not on file, or was looked at too long ago."""
    now = present_day(review)
    told = []
    if pd.isna(contract.dpa_on):
        told.append("no data processing agreement")
    if pd.isna(contract.subprocessors_on):
        told.append("sub-processors never checked")
    elif (now - contract.subprocessors_on).days > YEAR:
        told.append(f"sub-processors last checked {said_day(contract.subprocessors_on)}")
    trains = _text(contract.trains_on_data) or "unknown"
    if trains != "no":
        told.append(f"trains on our data: {trains}")
    if pd.isna(contract.retention_days):
        told.append("how long data is kept is not told")
    if pd.isna(contract.checked_on) or (now - contract.checked_on).days > YEAR:
        told.append("not looked at within a year")
    return told


def contract_question(review: Review) -> str:
    """Which contracts end or renew soon, or lack something on file; "" for none (clause E3)."""
    told = []
    for row in contracts(review).itertuples():
        parts = [row.word] if row.state in ("alert", "watch") else []
        parts += [row.gaps] if row.gaps else []
        if parts:
            told.append(f"{row.id} of {row.vendor}: {', '.join(parts)}")
    return _asked(told)
