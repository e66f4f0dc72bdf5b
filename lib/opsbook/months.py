"""The month in figures: what its review looks at, and what in it a person has to explain.

Clause E2. Every figure is of the period under review, whichever kind it is; what is not known is
missing and never zero. The questions are sentences, "" where nothing is left to say.
"""

from collections.abc import Iterable, Sequence

import pandas as pd

from opsbook.backtest import Budget, budget, calls, history_weeks, labels
from opsbook.estimates import exceeds, share_lower_bound, share_upper_bound
from opsbook.postmortem import due_at
from opsbook.register import Incident
from opsbook.reviews import Review
from opsbook.schema import COMPANY, UNASSIGNED
from opsbook.settings import CATEGORIES, Settings
from opsbook.steps import post_mortem_due
from opsbook.vendors import notice_question

GRAVE = ("P1", "P2")
JUDGED = ("ok", "breach", "learning")
"""States of a day whose cost per run was measured against a baseline, or adds to one."""
HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)
FALLBACK = "manual fallback"


# Data


def day_range(review: Review) -> pd.DatetimeIndex:
    """The local days of the period that are over at `now`, naive."""
    today = review.now.tz_convert(review.settings.company.zone).tz_localize(None).normalize()
    last = min(pd.Timestamp(review.period.last), today - DAY)
    return pd.date_range(pd.Timestamp(review.period.first), last, freq="D")


def covered_days(review: Review) -> pd.DataFrame:
    """How much of each day the exports cover; one row per workflow of the settings and local day.

    Columns workflow, day, off (a holiday's name), day_type, covered (share of the day's hours, 0
    where no export speaks of it). Days that are not over are left out.
    """
    days = pd.DataFrame({"day": day_range(review)})
    named = pd.DataFrame({"workflow": [w.id for w in review.settings.workflows]}, dtype="str")
    facts = review.facts.days
    told = facts.assign(day=facts.day.astype(days.day.dtype))
    told = told[["workflow", "day", "covered_share"]].astype({"workflow": "str"})
    both = named.merge(days, how="cross").merge(told, on=["workflow", "day"], how="left")
    calendar = review.facts.calendar.assign(day=lambda c: c.day.astype(days.day.dtype))
    dated = both.merge(calendar[["day", "day_type", "off"]], on="day", how="left")
    covered = dated.covered_share.astype(float).fillna(0.0)
    return dated.assign(covered=covered).drop(columns="covered_share")


def coverage(review: Review) -> pd.DataFrame:
    """How many of the period's days each workflow has data of; one row per workflow.

    Columns workflow, days (over so far), covered (days, in parts too), missing (days without any
    data), share (<NA> where no day is over), state: whole, part or none.
    """
    rows = covered_days(review).groupby("workflow", sort=False).covered
    found = rows.agg(
        days="size", covered="sum", missing=lambda c: int((c == 0).sum())
    ).reset_index()
    every = pd.DataFrame({"workflow": [w.id for w in review.settings.workflows]}, dtype="str")
    table = every.merge(found, on="workflow", how="left").fillna({"days": 0, "covered": 0.0})
    told = table.covered.where(table.days > 0) / table.days.where(table.days > 0)
    state = pd.Series("part", index=table.index).mask(table.covered == 0, "none")
    table = table.assign(missing=table.missing.fillna(0), share=told.astype("Float64"))
    return table.assign(state=state.mask(told >= 1 - SLACK, "whole"))


SLACK = 1e-9
"""Of a share of 1: sums of parts of days end in dust."""


def data_question(review: Review) -> str:
    """Which files wait for a person, and of which workflows days are missing."""
    files = review.files
    waiting = int(files.state.isin(["unknown", "unreadable"]).sum())
    aside = int(files.quarantined.sum())
    told = [f"{counted(waiting, 'file')} could not be read"] if waiting else []
    told += [f"{counted(aside, 'row')} set aside"] if aside else []
    gaps = coverage(review)
    none, part = gaps[gaps.state == "none"], gaps[(gaps.state == "part")]
    told += [f"no data of {_names(none.workflow, review.settings)}"] if len(none) else []
    told += [
        f"{review.settings.display_name(g.workflow)}: {_days_of(g)} of {int(g.days)} days missing"
        for g in part.itertuples()
    ]
    return sentence(told)


def _days_of(gap: object) -> str:
    lacking = gap.days - gap.covered
    return f"{lacking:.0f}" if abs(lacking - round(lacking)) < SLACK else f"{lacking:.1f}"


def _names(workflows: Iterable[str], settings: Settings) -> str:
    return ", ".join(settings.display_name(w) for w in workflows)


def sentence(parts: Sequence[str]) -> str:
    """Parts as one sentence, "" for none.

    >>> sentence(["no drill", "one missed"]), sentence(["keep it?"])
    ('No drill; one missed.', 'Keep it?')
    """
    told = "; ".join(p for p in parts if p)
    return f"{told[0].upper()}{told[1:]}{'' if told.endswith('?') else '.'}" if told else ""


# The four categories


def workflow_figures(review: Review) -> pd.DataFrame:
    """The period of each workflow of the settings in figures, one row each, in their order.

    Columns workflow, category, days (with data, in parts too), calls, runs, judged, failed,
    refused, quality (mean score, 0 to 1), cost_eur, workday_eur (cost for each workday with data),
    before_eur (the same of the period before), manual_h (hours of manual fallback). Missing where
    the exports or the register do not say.
    """
    now, before = _sums(review.days), _sums(_days_before(review))
    table = pd.DataFrame(
        [{"workflow": w.id, "category": w.category} for w in review.settings.workflows],
        columns=["workflow", "category"], dtype="str",
    )  # fmt: skip
    table = table.merge(now, on="workflow", how="left")
    table = table.merge(
        before[["workflow", "workday_eur"]].rename(columns={"workday_eur": "before_eur"}),
        on="workflow", how="left",
    )  # fmt: skip
    table["days"] = table.days.fillna(0.0)
    table["quality"] = table.workflow.map(_quality(review)).astype("Float64")
    table["manual_h"] = table.workflow.map(manual_hours(review)).astype("Float64")
    return table


SUMMED = ["calls", "runs", "judged", "failed", "refused", "cost_eur"]


def _sums(days: pd.DataFrame) -> pd.DataFrame:
    """Sums over each workflow's days with data, and its cost for each workday among them."""
    told = days[days.covered_share > 0].astype({"workflow": "str"})
    told = told.assign(
        runs=told.runs.where(told.runs > 0),
        workdays=told.covered_share.where(told.day_type == "workday", 0.0),
    )
    groups = told.groupby("workflow")
    sums = groups[SUMMED].sum(min_count=1).join(groups.workdays.sum())
    sums["days"] = groups.covered_share.sum()
    per = sums.cost_eur / sums.workdays.where(sums.workdays > 0)
    return sums.assign(workday_eur=per.astype("Float64")).reset_index()


def _days_before(review: Review) -> pd.DataFrame:
    begun, ended = review.period.previous().bounds(review.settings.company)
    days = review.facts.days
    return days[(days.started_at >= begun) & (days.ended_at <= ended)]


def _quality(review: Review) -> dict[str, float]:
    """The mean score of each workflow's scored answers in the period."""
    measured = review.facts.measures
    own = measured[(measured.metric == "quality") & (measured["sample"] > 0)]
    own = own[own.hour.between(*review.bounds, inclusive="left")]
    weighed = own.assign(weight=own.value * own["sample"]).astype({"workflow": "str"})
    sums = weighed.groupby("workflow")[["weight", "sample"]].sum()
    return (sums.weight / sums["sample"]).to_dict()


def manual_hours(review: Review) -> dict[str, float]:
    """Hours of manual fallback noted for each workflow in the period; "" for all of them."""
    hours = review.registers.hours
    first, last = pd.Timestamp(review.period.first), pd.Timestamp(review.period.last)
    own = hours[(hours.kind == FALLBACK) & hours.day.between(first, last)]
    named = own.assign(workflow=own.workflow.fillna("").astype("str"))
    return named.groupby("workflow").hours.sum().astype(float).to_dict()


def categories(review: Review, lists: Sequence[object] | None = None) -> pd.DataFrame:
    """The four categories of clause A in figures: one row each, empty ones among them.

    Columns category, title, workflows (ids), heard (of them with data), calls, runs, judged,
    failed, share, low, high (of calls that failed; 90 %), refused_share, quality, passed and cases
    (of `in_use` of each workflow's list), cost_eur, workday_eur, before_eur (of the workflows
    with data in both periods), ratio, P1, P2, P3, manual_h.
    """
    figures = workflow_figures(review)
    told = {listed.workflow: in_use(listed, review) for listed in lists} if lists else {}
    rows = [_category(name, figures, told, review) for name in CATEGORIES]
    table = pd.DataFrame(rows)
    floats = [
        "calls", "runs", "judged", "failed", "share", "low", "high", "refused_share", "quality",
        "passed", "cases", "cost_eur", "workday_eur", "before_eur", "ratio", "manual_h",
    ]  # fmt: skip
    return table.astype(dict.fromkeys(floats, "Float64"))


def _category(name: str, figures: pd.DataFrame, told: dict, review: Review) -> dict:
    own = figures[figures.category == name]
    sums = own[[*SUMMED, "manual_h"]].sum(min_count=1).to_dict()
    both = own[own.workday_eur.notna() & own.before_eur.notna()]
    before = both.before_eur.sum(min_count=1)
    scored = own[own.quality.notna() & own.calls.notna()]
    runs = [run for w in own.workflow if (run := told.get(w)) is not None]
    weight = scored.calls.sum()
    return {
        "category": name,
        "title": CATEGORIES[name],
        "workflows": own.workflow.tolist(),
        "heard": own.workflow[own.days > 0].tolist(),
        **sums,
        **_failing(sums["failed"], sums["judged"], review.settings.limits.confidence),
        "refused_share": part(sums["refused"], sums["judged"]),
        "quality": (scored.quality * scored.calls).sum() / weight if weight else None,
        "passed": sum(passed(r) for r in runs) if runs else None,
        "cases": sum(len(r.document["cases"]) for r in runs) if runs else None,
        "workday_eur": own.workday_eur.sum(min_count=1),
        "before_eur": before,
        "ratio": part(both.workday_eur.sum(min_count=1), before),
        **_incident_counts(own.workflow.tolist(), review),
    }


def part(own: object, whole: object) -> float | None:
    """A share or ratio; None where either is missing or there is no whole."""
    if pd.isna(own) or pd.isna(whole) or not whole:
        return None
    return float(own) / float(whole)


def _failing(failed: object, judged: object, level: float) -> dict:
    """The failing share with its interval; None where no outcome is known."""
    found = part(failed, judged)
    if found is None:
        return dict.fromkeys(("share", "low", "high"))
    low, high = (
        float(bound(pd.Series([failed], dtype=float), pd.Series([judged], dtype=float), level)[0])
        for bound in (share_lower_bound, share_upper_bound)
    )
    return {"share": found, "low": low, "high": high}


def _incident_counts(workflows: list[str], review: Review) -> dict[str, int]:
    counts = opened_of(workflows, review).priority.value_counts()
    return {p: int(counts.get(p, 0)) for p in ("P1", "P2", "P3")}


def opened_of(workflows: Sequence[str], review: Review) -> pd.DataFrame:
    """The incidents of the period that any of these workflows is part of."""
    every = review.opened
    part_of = [bool({*w} & {*workflows}) for w in every.workflows]
    return every[pd.Series(part_of, every.index, dtype=bool)]


def daily_cost(review: Review, workflows: Sequence[str] | None = None) -> list[float]:
    """What each day of the period cost, of some workflows or of all, from the first with data.

    A day without data is NaN.
    """
    return _daily(review, workflows, "cost_eur")


def daily_calls(review: Review, workflows: Sequence[str] | None = None) -> list[float]:
    """Calls of each day of the period, of some workflows or of all; as `daily_cost`."""
    return _daily(review, workflows, "calls")


def _daily(review: Review, workflows: Sequence[str] | None, column: str) -> list[float]:
    own = review.days[review.days.covered_share > 0]
    own = own if workflows is None else own[own.workflow.isin([*workflows])]
    sums = own.groupby("day")[column].sum(min_count=1)
    sums.index = pd.DatetimeIndex(sums.index)
    told = sums.reindex(day_range(review)).astype(float)
    return told.loc[told.first_valid_index() :].tolist()


def category_question(review: Review) -> str:
    """Which categories failed, cost far more than before, or were not heard of."""
    limits = review.settings.limits
    told = []
    for row in categories(review).itertuples():
        said = []
        if row.workflows and not row.heard:
            said.append("no data in it")
        if pd.notna(row.low) and exceeds(row.low, limits.error_p2_share):
            said.append(f"{percent(row.share)} of calls failed")
        if pd.notna(row.ratio) and exceeds(row.ratio, limits.spend_ratio):
            said.append(f"a workday cost {row.ratio:.1f} times what it did before")
        if row.P1:
            said.append(f"{row.P1} P1")
        told += [f"{row.title}: {' and '.join(said)}"] if said else []
    return sentence(told)


# Regression lists


def last_run(listed: object, review: Review, model: str | None = None) -> object | None:
    """The last run of a list that was made by `now`, on any model or on one; None without one."""
    today = review.now.tz_convert(review.settings.company.zone).date().isoformat()
    made = [r for r in listed.runs if r.day <= today and model in (None, r.model)]
    return made[-1] if made else None


def in_use(listed: object, review: Review) -> object | None:
    """The last run by `now` on the model of the approved one: a candidate's says nothing of now."""
    approved = next((r.model for r in listed.runs if r.name == listed.approved), None)
    return last_run(listed, review, approved)


def passed(run: object) -> int:
    """How many cases of a run fail none of their checks."""
    return sum(not c["failed_checks"] for c in run.document["cases"])


def same(run: object) -> int:
    """How many cases of a run came out as before."""
    return sum(c["verdict"] == "SAME" for c in run.document["cases"])


def changed(review: Review, lists: Sequence[object]) -> pd.DataFrame:
    """What changed of each workflow in the period, and what its list says; one row per list.

    Columns workflow, title, prompts (changes in the period), models (that answered for the first
    time), edited (whether the list is another than the one approved; <NA> without an approved
    one), added and gone (ids of its cases against the approved run), at (of the last change, UTC),
    changed, verdict, model, day (of the last run), ran (on the day of the change or after it; <NA>
    where neither is known), problems, unknown (why prompts' changes are not known).
    """
    rows = [_changed(listed, review) for listed in lists]
    columns = [
        "workflow", "title", "prompts", "models", "edited", "added", "gone", "at", "changed",
        "verdict", "model", "day", "ran", "cases", "problems", "unknown",
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def _changed(listed: object, review: Review) -> dict:
    begun, ended = review.bounds
    ended = min(ended, review.now)
    prompts = [c for c in listed.prompts if begun <= c.at < ended]
    found = review.judged.findings
    new = found[(found.rule == "R15") & (found.workflow == listed.workflow)]
    new = new[(new.started_at >= begun) & (new.started_at < ended)]
    approved = review.register.approved.get(listed.workflow, {})
    edited = listed.sha != approved["list"] if approved.get("list") and listed.sha else pd.NA
    before = next((r for r in listed.runs if r.name == approved.get("run")), None)
    known = [c["id"] for c in before.document["cases"]] if before else [*listed.inputs]
    times = [*(c.at for c in prompts), *new.started_at]
    at, run = max(times, default=pd.NaT), last_run(listed, review)
    day_of = at.tz_convert(review.settings.company.zone).date().isoformat() if times else ""
    return {
        "workflow": listed.workflow,
        "title": listed.title,
        "prompts": len(prompts),
        "models": [str(r).partition(" answers ")[0] for r in new.reason],
        "edited": edited,
        "added": [c for c in listed.inputs if c not in known],
        "gone": [c for c in known if c not in listed.inputs] if listed.inputs else [],
        "at": at,
        "changed": bool(times) or edited is True,
        "verdict": run.document["verdict"] if run else "",
        "model": run.model if run else "",
        "day": run.day if run else "",
        "ran": (run is not None and run.day >= day_of) if times else pd.NA,
        "cases": len(listed.inputs),
        "problems": len(listed.problems),
        "unknown": listed.unknown,
    }


def verdicts(review: Review, lists: Sequence[object]) -> pd.DataFrame:
    """The last verdict of each list on each model, the newest first; made by `now`.

    Columns workflow, title, model, day, verdict, same, cases, approved (whether that run is what
    later ones are compared with).
    """
    today = review.now.tz_convert(review.settings.company.zone).date().isoformat()
    rows = [
        {
            "workflow": listed.workflow,
            "title": listed.title,
            "model": run.model,
            "day": run.day,
            "verdict": run.document["verdict"],
            "same": same(run),
            "cases": len(run.document["cases"]),
            "approved": run.name == listed.approved,
        }
        for listed in lists
        for run in {r.model: r for r in listed.runs if r.day <= today}.values()
    ]
    columns = ["workflow", "title", "model", "day", "verdict", "same", "cases", "approved"]
    table = pd.DataFrame(rows, columns=columns)
    places = {listed.workflow: i for i, listed in enumerate(lists)}
    ranked = table.assign(place=table.workflow.map(places))
    ordered = ranked.sort_values(["place", "day", "model"], ascending=[True, False, True])
    return ordered.drop(columns="place").reset_index(drop=True)


def list_question(review: Review, lists: Sequence[object]) -> str:
    """Which workflows changed and were not tested since, or tested and not as before."""
    table = changed(review, lists)
    told = [_untested(row, review) for row in table[table.changed].itertuples()]
    return sentence([t for t in told if t])


def _untested(row: object, review: Review) -> str:
    what = " and ".join(
        w
        for w in (
            "its prompt changed" if row.prompts else "",
            "another model answers" if row.models else "",
            "its list was edited" if row.edited is True else "",
        )
        if w
    )
    if not row.cases:
        return f"{row.title}: {what} and it has no list"
    if row.ran is False:
        since = local(row.at, review)
        return f"{row.title}: {what} on {since} and its list has not run since"
    if row.verdict in ("HOLD", "LOOK"):
        return f"{row.title}: {what} and its list says {row.verdict}"
    if row.edited is True:
        return f"{row.title}: its list was edited since its run was approved"
    return ""


# Cost baselines


def baseline_drift(review: Review) -> pd.DataFrame:
    """What was normal when the period began and when it ended, one row per workflow, and company.

    Columns workflow, metric (run: the median cost of a run; day: of a day on which it ran, where
    the exports hold no runs), start_eur, end_eur (<NA> while learning), drift (end over start,
    less 1), references (days it rests on at the end), left_out (share of the last days that an
    incident spoilt), moved (more than may be left out: a person confirms the new normal), epochs
    (reasons of those that began in it). Of company: a workday's spend.
    """
    rows = [_drift(w.id, review) for w in review.settings.workflows]
    table = pd.DataFrame([*rows, _company_drift(review)])
    drift = table.end_eur / table.start_eur - 1
    return table.assign(drift=drift.astype("Float64"))


def _drift(workflow: str, review: Review) -> dict:
    bands = review.judged.run_cost
    own = bands[(bands.workflow == workflow) & bands.state.isin(JUDGED)]
    if own.empty:
        return _day_drift(workflow, review)
    until = min(review.ended_at, review.now)
    before, inside = own[own.started_at < review.started_at], own[own.started_at < until]
    epochs = review.settings.epochs_of(workflow)
    return {
        "workflow": workflow,
        "metric": "run",
        "start_eur": _center(before, pd.Timestamp(review.period.first), epochs, review),
        "end_eur": _center(inside, _local_day(until, review), epochs, review),
        "references": _window(inside, _local_day(until, review), epochs, review)[1],
        **_left_out(inside, review),
        "epochs": _epochs(workflow, review),
    }


def _local_day(at: pd.Timestamp, review: Review) -> pd.Timestamp:
    return at.tz_convert(review.settings.company.zone).tz_localize(None).normalize()


def _window(
    bands: pd.DataFrame, at: pd.Timestamp, epochs: list, review: Review
) -> tuple[pd.Series, int]:
    """The values that say what is normal on a local day, as `baselines.References` takes them."""
    limits = review.settings.limits
    begun = max([pd.Timestamp(e) for e in epochs if pd.Timestamp(e) <= at], default=None)
    own = bands[bands.day < at]
    own = own[own.from_day >= begun] if begun is not None else own
    recent = own.tail(limits.baseline_days)
    spoilt = recent.state.eq("breach")
    moved = spoilt.sum() > limits.left_out_share * len(recent)
    kept = recent if moved else own[own.state != "breach"].tail(limits.baseline_days)
    return kept.observed_eur, len(kept)


def _center(bands: pd.DataFrame, at: pd.Timestamp, epochs: list, review: Review) -> float | None:
    values, count = _window(bands, at, epochs, review)
    return (
        float(values.astype(float).median()) if count >= review.settings.limits.learning else None
    )


def _left_out(bands: pd.DataFrame, review: Review) -> dict:
    recent = bands.tail(review.settings.limits.baseline_days)
    spoilt = recent.state.eq("breach").mean() if len(recent) else 0.0
    return {"left_out": spoilt, "moved": bool(spoilt > review.settings.limits.left_out_share)}


def _epochs(workflow: str, review: Review) -> list[str]:
    found = review.settings.workflow(workflow)
    own = found.epochs if found else []
    return [e.reason for e in own if review.period.first <= e.first <= review.period.last]


def _day_drift(workflow: str, review: Review) -> dict:
    """The same of a workflow whose exports hold totals: its cost on days on which it ran."""
    days = review.facts.days
    ran = days[(days.workflow == workflow) & days.covered & (days.cost_eur > 0)]
    until = min(review.ended_at, review.now)
    ends = [_median_before(ran, at, review) for at in (review.started_at, until)]
    return {
        "workflow": workflow, "metric": "day", "start_eur": ends[0][0], "end_eur": ends[1][0],
        "references": ends[1][1], "left_out": 0.0, "moved": False,
        "epochs": _epochs(workflow, review),
    }  # fmt: skip


def _median_before(
    days: pd.DataFrame, at: pd.Timestamp, review: Review
) -> tuple[float | None, int]:
    own = days.cost_eur[days.ended_at <= at].tail(review.settings.limits.baseline_days)
    enough = len(own) >= review.settings.limits.learning
    return (float(own.astype(float).median()) if enough else None), len(own)


def _company_drift(review: Review) -> dict:
    spend = review.judged.spend
    days = spend[(spend.day_type == "workday") & spend.cost_eur.notna()]
    until = min(review.ended_at, review.now)
    ends = [_median_before(days, at, review) for at in (review.started_at, until)]
    return {
        "workflow": COMPANY, "metric": "workday", "start_eur": ends[0][0], "end_eur": ends[1][0],
        "references": ends[1][1], "left_out": 0.0, "moved": False, "epochs": [],
    }  # fmt: skip


def alert_budget(review: Review) -> Budget:
    """Whom the rules called for nothing over the history, without trying other limits."""
    limits = review.settings.limits
    found = review.judged.findings
    called = calls(found, labels(review.register), limits)
    return budget(called, NO_TRIALS, history_weeks(review.facts), limits)


NO_TRIALS = pd.DataFrame(columns=["limit", "value", "set", "for_nothing", "caught"]).astype(
    {"limit": "str", "value": float, "set": bool, "for_nothing": float, "caught": float}
)


def baseline_question(review: Review) -> str:
    """Which baselines moved or drifted without an epoch, and whether calls for nothing exceed."""
    limits = review.settings.limits
    told = []
    for row in baseline_drift(review).itertuples():
        name = review.settings.display_name(row.workflow)
        far = pd.notna(row.drift) and exceeds(abs(row.drift), limits.baseline_drift)
        if row.moved:
            told.append(f"{name}: baseline moved, confirm the new normal")
        elif far and not row.epochs:
            told.append(f"{name}: its baseline went {signed_percent(row.drift)}")
    spent = alert_budget(review)
    if not spent.met:
        told.append(
            f"{spent.per_week:.1f} calls a week for nothing or not judged, "
            f"{spent.allowed_per_week:g} allowed: judge them, or decide on limits"
        )
    return sentence(told)


def percent(part: float) -> str:
    """A share in whole percent, with one decimal below ten.

    >>> percent(0.123), percent(0.054)
    ('12 %', '5.4 %')
    """
    return f"{part:.0%}".replace("%", " %") if part >= TENTH else f"{part:.1%}".replace("%", " %")


TENTH = 0.1


def signed_percent(change: float) -> str:
    """A change in percent with its sign.

    >>> signed_percent(0.12), signed_percent(-0.0001)
    ('+12 %', '0 %')
    """
    told = percent(abs(change))
    return "0 %" if told == "0.0 %" else f"{'+' if change > 0 else '−'}{told}"


def counted(n: int, one: str) -> str:
    """How many, in words.

    >>> counted(1, "day"), counted(3, "day")
    ('1 day', '3 days')
    """
    return f"{n} {one}{'' if n == 1 else 's'}"


def local(at: pd.Timestamp, review: Review) -> str:
    """A moment as its local weekday and date."""
    return f"{at.tz_convert(review.settings.company.zone):%a %-d %b}"


# Root causes


def causes(review: Review) -> pd.DataFrame:
    """Every P1 and P2 of the period, or open since before it; one row each, the latest first.

    Columns id, workflow, priority, state, cause (category, "" for none), started_at, resolved_at
    (<NA> before), again (findings of class P1 or P2 of the same workflow and family that began
    since), single (of class P3), clean_days (days with data since, in parts too), post_mortem
    (signed, due, overdue, owed, or none is owed: ""), due_at, actions (number), late (of them, open
    and due before `now`).
    """
    every = review.incidents
    begun = every.started_at < review.ended_at
    own = every.id.isin(review.opened.id) | (every.open & begun & (every.state != "merged"))
    grave = every[own & every.priority.isin(GRAVE)]
    ordered = grave.sort_values(["started_at", "id"], ascending=[False, True])
    rows = [_caused(review.register.incidents[i], review) for i in ordered.id]
    columns = [
        "id", "workflow", "priority", "state", "cause", "started_at", "resolved_at", "again",
        "single", "clean_days", "post_mortem", "due_at", "actions", "late",
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=columns)
    times = {c: pd.to_datetime(table[c], utc=True) for c in ("started_at", "resolved_at", "due_at")}
    return table.assign(**times)


def _caused(incident: Incident, review: Review) -> dict:
    resolved = incident.times.get("resolved", pd.NaT)
    if incident.state == "declined":
        resolved = incident.times.get("declined", pd.NaT)
    again, single = _since(incident, resolved, review)
    state, due = _post_mortem(incident, review)
    tasks = review.register.tasks
    names = [f"{incident.id}/{n}" for n in range(1, len(incident.actions) + 1)]
    waiting = [tasks.get(n, {}).get("state", "open") == "open" for n in names]
    days = [pd.Timestamp(a["due"]).date() for a in incident.actions]
    today = review.now.tz_convert(review.settings.company.zone).date()
    return {
        "id": incident.id,
        "workflow": incident.workflow,
        "priority": incident.priority,
        "state": incident.state,
        "cause": incident.root_cause.get("category", "") if incident.root_cause_known else "",
        "started_at": incident.started_at,
        "resolved_at": resolved,
        "again": again,
        "single": single,
        "clean_days": _days_since(incident, resolved, review),
        "post_mortem": state,
        "due_at": due,
        "actions": len(incident.actions),
        "late": sum(d < today and w for d, w in zip(days, waiting, strict=True)),
    }


def _since(incident: Incident, resolved: pd.Timestamp, review: Review) -> tuple[int, int]:
    """Findings of its workflows and family that began after it was resolved: P1 and P2, and P3."""
    if pd.isna(resolved):
        return 0, 0
    found = review.judged.findings
    own = found[(found.method == "calendar") & found.priority.notna()]
    own = own[own.workflow.isin(incident.workflows) & (own.family == incident.family)]
    own = own[own.started_at > resolved]
    grave = own.priority.isin(GRAVE)
    return int(grave.sum()), int((~grave).sum())


def _days_since(incident: Incident, resolved: pd.Timestamp, review: Review) -> float:
    """Days with data since: of the workflow with the fewest."""
    if pd.isna(resolved):
        return 0.0
    days = review.facts.days
    own = days[(days.started_at >= resolved) & (days.ended_at <= review.now)]
    if incident.workflow not in (COMPANY, UNASSIGNED):
        own = own[own.workflow.isin(incident.workflows)]
    sums = own.groupby("workflow").covered_share.sum()
    return float(sums.min()) if len(sums) else 0.0


def _post_mortem(incident: Incident, review: Review) -> tuple[str, object]:
    """How its post-mortem stands, and when it is due."""
    if incident.post_mortem.get("post_mortem_signed"):
        return "signed", pd.NaT
    if incident.state == "declined" or not post_mortem_due(incident, review.settings.limits):
        return "", pd.NaT
    due = due_at(incident, review.settings, review.facts.clock)
    if due is None:
        return "owed", pd.NaT
    return ("overdue" if due < review.now else "due"), due


def cause_question(review: Review) -> str:
    """Which P1 and P2 have no cause, are not resolved, fired again, or owe something."""
    told = []
    for row in causes(review).itertuples():
        said = []
        if not row.cause and row.state not in ("declined", "merged"):
            said.append("no root cause on record")
        if pd.isna(row.resolved_at) and row.state not in ("declined", "merged"):
            said.append("not resolved")
        if row.again:
            said.append(f"fired again {counted(row.again, 'time')} since it was resolved")
        if row.post_mortem == "overdue":
            said.append(f"its post-mortem is overdue since {local(row.due_at, review)}")
        if row.late:
            said.append(f"{counted(row.late, 'action')} past the day agreed")
        told += [f"{row.id}: {', '.join(said)}"] if said else []
    return sentence(told)


# All of them


def questions(review: Review, lists: Sequence[object]) -> dict[str, str]:
    """What must be explained or escalated in each section of the monthly review; "" for nothing."""
    return {
        "data": data_question(review),
        "categories": category_question(review),
        "vendors": notice_question(review),
        "lists": list_question(review, lists),
        "baselines": baseline_question(review),
        "causes": cause_question(review),
        "sign-off": "",
    }
