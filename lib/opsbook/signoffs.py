"""Reviews that end in decisions: who signed what, what is carried on, what is overdue.

A review is a draft until every section is reviewed and whatever it asks is explained or escalated;
its sign-off is an event with the hash of the report that was shown. Actions live in the record, in
post-mortems and in register.xlsx, and are in front of somebody until they are done.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from opsbook import months, quarters
from opsbook.agendas import AGENDAS, HIGHER, TITLES
from opsbook.errors import UsageError
from opsbook.events import Draft, stamp
from opsbook.outcomes import Outcomes, Task, left
from opsbook.periods import KINDS, Period, last_complete, period, planned_at
from opsbook.register import Register
from opsbook.reviews import Review, weekly_questions
from opsbook.settings import Company, Settings

SIGNERS = {
    "weekly": ("AI Lead", "Deputy"),
    "monthly": ("AI Lead", "Deputy", "Founder or CEO"),
    "quarterly": ("AI Lead", "Deputy", "Founder or CEO"),
}
"""Who may chair and sign a review."""
DAY = pd.Timedelta(days=1)


@dataclass(frozen=True)
class Shown:
    """The report that is signed: what was shown, from which data, rules and record.

    `report` and `data` are SHA-256 of the page and of the manifest of exports, `rules` names the
    library's version and the limits, `figures` are the period's key figures by name.
    """

    report: str
    path: str
    data: str
    rules: str
    count: int
    head: str
    figures: Mapping[str, float | None]


@dataclass(frozen=True)
class Words:
    """Where the free text of a sign-off lies beside the chain: names by what they are of."""

    explained: Mapping[str, str]
    decisions: Sequence[str]
    tasks: Sequence[str]
    changed: str


def versions(register: Register, name: str) -> int:
    """How often a period's review has been signed."""
    return len(register.reviews.get(name, []))


def refuse_early(reviewed: Period, now: pd.Timestamp, company: Company) -> None:
    """Raise a UsageError for the sign-off of a period that is not over."""
    ended_at = reviewed.bounds(company)[1]
    if now < ended_at:
        raise UsageError(
            f"{reviewed.name} is not over before {_local(ended_at, company)}; its review is signed "
            "after that."
        )


def ready(
    reviewed: Period,
    told: Outcomes,
    questions: Mapping[str, str],
    register: Register,
    registers_ids: Sequence[str],
    now: pd.Timestamp,
    company: Company,
    chair: str,
) -> None:
    """Raise a UsageError with everything that keeps a review from being signed, a line each."""
    refuse_early(reviewed, now, company)
    problems = left(reviewed.kind, questions, told)
    if chair not in SIGNERS[reviewed.kind]:
        who = ", ".join(SIGNERS[reviewed.kind])
        problems.append(f"a {reviewed.kind} review is signed by {who}, not by the {chair}")
    elif chair not in told.present:
        problems.append(f"Present: the {chair} signs and has to have been there")
    if told.held is not None:
        problems += _held(told.held, reviewed, now, company)
    known = {*register.tasks, *registers_ids}
    strange = [t.id for t in told.tasks if t.id and t.id not in known]
    problems += [f"Actions: {i!r} is no action on record; a new one has no id" for i in strange]
    if versions(register, reviewed.name) and not told.changed:
        problems.append("What changed: is empty; say what this version corrects")
    if problems:
        said = "\n".join(f"- {p}" for p in problems)
        raise UsageError(f"{reviewed.name} stays a draft:\n{said}")


def _held(held: pd.Timestamp, reviewed: Period, now: pd.Timestamp, company: Company) -> list[str]:
    if held < reviewed.bounds(company)[1]:
        return [f"Held: {_local(held, company)} lies before the end of {reviewed.name}"]
    return [f"Held: {_local(held, company)} is still to come"] if held > now else []


def _local(at: pd.Timestamp, company: Company) -> str:
    return f"{at.tz_convert(company.zone):%Y-%m-%d %H:%M}"


def signed(
    reviewed: Period,
    told: Outcomes,
    words: Words,
    shown: Shown,
    register: Register,
    open_ids: Sequence[str],
    now: pd.Timestamp,
    settings: Settings,
    chair: str,
    version: int,
) -> Draft:
    """The sign-off as an event; what `ready` refuses has to be settled before.

    `open_ids` are the actions that were open; those that the file does not close are carried on.
    """
    sections = {
        i.key: {
            "reviewed": told.said(i.key).reviewed,
            "explained": words.explained.get(i.key, ""),
            "escalated": told.said(i.key).escalated,
        }
        for i in AGENDAS[reviewed.kind]
    }
    closed = [{"id": t.id, "state": t.state} for t in told.tasks if t.id and t.state != "open"]
    ended = {c["id"] for c in closed}
    if versions(register, reviewed.name) != version - 1:
        raise UsageError(f"version {version} of {reviewed.name} was signed by somebody meanwhile")
    assert told.held is not None  # `ready` has seen to it
    return Draft(
        "review_signed",
        payload={
            "review": reviewed.kind,
            "period": reviewed.name,
            "version": version,
            "planned": stamp(planned_at(reviewed, settings.company)),
            "held": stamp(told.held),
            "present": list(told.present),
            "sections": sections,
            "decisions": list(words.decisions),
            "changed": words.changed,
            "made": made(told.tasks, words.tasks, register, now, settings.company),
            "carried": [i for i in open_ids if i not in ended],
            "closed": closed,
            "outcomes": told.sha256,
            "report": shown.report,
            "path": shown.path,
            "data": shown.data,
            "rules": shown.rules,
            "count": shown.count,
            "head": shown.head,
            "figures": dict(shown.figures),
        },
        actor=chair,
    )


def made(
    tasks: Sequence[Task],
    words: Sequence[str],
    register: Register,
    now: pd.Timestamp,
    company: Company,
) -> list[dict]:
    """The new actions with their ids; `words` are the names of their texts, in order."""
    year = now.tz_convert(company.zone).year
    begun = sum(name.startswith(f"A-{year}-") for name in register.tasks)
    fresh = [t for t in tasks if not t.id]
    return [
        {
            "id": f"A-{year}-{begun + n:04}",
            "text": text,
            "owner": t.owner,
            "due": t.due.isoformat(),
            "kind": t.kind,
        }
        for n, (t, text) in enumerate(zip(fresh, words, strict=True), start=1)
    ]


def texts_of(told: dict) -> list[str]:
    """The names of all free text of a sign-off."""
    said = [part["explained"] for part in told["sections"].values()]
    named = [*said, *told["decisions"], told["changed"], *(t["text"] for t in told["made"])]
    return [name for name in named if name]


def questions(review: Review, lists: Sequence[object]) -> dict[str, str]:
    """What has to be explained or escalated in each section of a review; empty for nothing.

    `lists` are the regression lists, each with `title` and `runs`. Actions past their day are asked
    where the agenda has them: in a section of their own, or with the month's data.
    """
    asked = ASKED[review.kind](review, lists)
    key = "actions" if any(i.key == "actions" for i in AGENDAS[review.kind]) else "data"
    both = (asked.get(key, ""), actions_question(review))
    return asked | {key: " ".join(q for q in both if q)}


ASKED = {
    "weekly": weekly_questions,
    "monthly": months.questions,
    "quarterly": quarters.questions,
}


def key_figures(review: Review) -> dict[str, float | None]:
    """The period's key figures by name: what two versions of a report are compared by.

    Cost in the company's currency, in all and per workflow; calls with a known outcome, those that
    failed; incidents by class.
    """
    days = review.days
    spent = days.groupby("workflow").cost_eur.sum(min_count=1)
    told = {f"cost of {w}": c for w, c in spent.sort_index().items()}
    counts = review.opened.priority.value_counts()
    told |= {"cost": days.cost_eur.sum(), "calls": days.judged.sum(), "failed": days.failed.sum()}
    told |= {p: int(counts.get(p, 0)) for p in ("P1", "P2", "P3")}
    return {n: None if pd.isna(v) else round(float(v), FIGURE_DECIMALS) for n, v in told.items()}


FIGURE_DECIMALS = 6


# Actions


TASK_COLUMNS = [
    "id", "what", "owner", "due_on", "kind", "state", "origin", "review", "carried", "overdue",
]  # fmt: skip


def tasks(review: Review) -> pd.DataFrame:
    """Every action known at `now`, the earliest due first.

    Clause E1. Columns as TASK_COLUMNS: what (<NA>: erased), due_on (local day), state (open, done,
    dropped), origin (a review, an incident or register.xlsx), review (the kind that follows it
    now), carried (how many reviews left it open), overdue. Closed in the record or in the sheet is
    closed.
    """
    sheet = {r.id: r for r in review.registers.actions.itertuples()}
    rows = [_of_record(t, review) for n, t in review.register.tasks.items() if n not in sheet]
    rows += [_of_sheet(r, review) for r in sheet.values()]
    frame = pd.DataFrame(rows, columns=[c for c in TASK_COLUMNS if c != "overdue"])
    frame["due_on"] = pd.to_datetime(frame.due_on)
    today = pd.Timestamp(review.now.tz_convert(review.settings.company.zone).date())
    frame["overdue"] = (frame.state == "open") & (frame.due_on < today)
    return frame.sort_values(["due_on", "id"], ignore_index=True)


def _of_record(told: dict, review: Review) -> dict:
    what = review.texts.get(told.get("text", ""))
    return {
        "id": told["id"], "what": what, "owner": told.get("owner"), "due_on": told.get("due"),
        "kind": told.get("kind"), "state": told["state"], "origin": told["origin"],
        **_followed(told, review.settings),
    }  # fmt: skip


def _of_sheet(row: object, review: Review) -> dict:
    told = review.register.tasks.get(row.id) or {"review": "weekly", "carried": {}, "state": "open"}
    state = row.state if pd.notna(row.state) else "open"
    return {
        "id": row.id, "what": row.what, "owner": row.owner, "due_on": row.due_on, "kind": row.kind,
        "state": told["state"] if state == "open" else state, "origin": "register.xlsx",
        **_followed(told, review.settings),
    }  # fmt: skip


def _followed(told: dict, settings: Settings) -> dict:
    """Which kind of review follows an action: the next higher one once it was carried too often."""
    kind, carried = told["review"], list(told["carried"].values())
    while kind in HIGHER and carried.count(kind) >= settings.limits.action_carried:
        kind = HIGHER[kind]
    return {"review": kind, "carried": len(carried)}


def to_follow(review: Review) -> pd.DataFrame:
    """The open actions that a review of this kind has in front of it, the earliest due first."""
    every = tasks(review)
    return every[(every.state == "open") & (every.review == review.kind)]


def actions_question(review: Review) -> str:
    """Which open actions are past their day; empty for none. Clause E1."""
    late = to_follow(review).query("overdue").id
    return f"{', '.join(late)}: past the day agreed. Done, dropped, or until when?" * bool(
        len(late)
    )


def risen(review: Review) -> pd.DataFrame:
    """The open actions that began with this kind of review and that a higher one follows now."""
    every = tasks(review)
    began = every.id.map(lambda i: review.register.tasks.get(i, {}).get("review", "weekly"))
    return every[(every.state == "open") & (began == review.kind) & (every.review != review.kind)]


def closed_lately(review: Review) -> pd.DataFrame:
    """Actions that ended on record since the last sign-off of this kind of review."""
    every = tasks(review)
    since = last_signed(review.register, review.kind, before=review.name)
    ended = every.id.map(lambda i: review.register.tasks.get(i, {}).get("ended"))
    recent = ended.notna() & (pd.Series(since is None, index=every.index) | (ended > (since or "")))
    return every[(every.state != "open") & recent]


def last_signed(register: Register, kind: str, before: str = "") -> str | None:
    """When a review of a kind was last signed, as the record writes it; `before` leaves one out."""
    told = [v[-1]["ts"] for n, v in register.reviews.items()
            if v[-1]["review"] == kind and n != before]  # fmt: skip
    return max(told, default=None)


def escalated(review: Review) -> pd.DataFrame:
    """What lower reviews escalated in this period, one row per section, oldest first.

    Columns period, section (its title), to (a role), text (<NA>: erased or none).
    """
    lower = [k for k, higher in HIGHER.items() if higher == review.kind]
    rows = [
        {
            "period": name,
            "section": next(i.title for i in AGENDAS[told["review"]] if i.key == key),
            "to": said["escalated"],
            "text": review.texts.get(said["explained"]),
        }
        for name, signed_ in review.register.reviews.items()
        for told in signed_[-1:]
        if told["review"] in lower and _ended_within(name, review.period)
        for key, said in told["sections"].items()
        if said["escalated"]
    ]
    return pd.DataFrame(rows, columns=["period", "section", "to", "text"])


def _ended_within(name: str, outer: Period) -> bool:
    return outer.first <= period(name).last <= outer.last


# Which reviews there are, and which are late


STANDING = [
    "kind", "period", "planned_at", "late_at", "state", "signed_at", "on_time", "version", "made",
]  # fmt: skip


def standing(review: Review) -> pd.DataFrame:
    """The reviews that are or were due, one row per period, the latest of each kind first.

    Clause E1. Columns as STANDING: planned_at, late_at and signed_at UTC, state (signed, due, to
    come or overdue: not signed within `review_overdue_days` of its date), on_time, version (0:
    unsigned), made (whether it was begun or signed, so that there is a page). Of each kind every
    period since the first that was signed counts; before one was, the last two, and none that was
    over before the company's first data.
    """
    covered = review.facts.coverage.covered_from.dropna()
    since = covered.min() if len(covered) else None
    rows = [
        _stands(expected, review)
        for kind in KINDS
        for expected in _expected(kind, review.register, review.now, since, review.settings.company)
    ]
    times = dict.fromkeys(["planned_at", "late_at", "signed_at"], "datetime64[us, UTC]")
    return pd.DataFrame(rows, columns=STANDING).astype(times)


def _expected(
    kind: str, register: Register, now: pd.Timestamp, since: pd.Timestamp | None, company: Company
) -> list[Period]:
    """The periods of a kind whose review is due or was, the latest first."""
    known = [period(n) for n, v in register.reviews.items() if v[-1]["review"] == kind]
    latest = last_complete(kind, now, company)
    first = min([p.first for p in known], default=latest.previous().first)
    found, one = [], latest
    while one.first >= first and (known or (since is not None and one.bounds(company)[1] > since)):
        found.append(one)
        one = one.previous()
    return found


def _stands(reviewed: Period, review: Review) -> dict:
    company, limits, now = review.settings.company, review.settings.limits, review.now
    planned = planned_at(reviewed, company)
    late = planned + limits.review_overdue_days * DAY
    told = review.register.reviews.get(reviewed.name, [])
    signed_at = pd.Timestamp(told[0]["ts"]) if told else None
    waiting = "overdue" if now > late else "due" if now >= planned else "to come"
    return {
        "kind": reviewed.kind, "period": reviewed.name, "planned_at": planned, "late_at": late,
        "state": "signed" if told else waiting, "signed_at": signed_at,
        "on_time": bool(told) and signed_at <= late, "version": len(told),
        "made": bool(told) or reviewed == review.period,
    }  # fmt: skip


def headline(reviewed: Period, version: int = 1) -> str:
    """A review's title: what it is of, and which version beyond the first.

    >>> headline(period("2026-W47")), headline(period("2026-11"), 2)
    ('Weekly review 2026-W47', 'Monthly review 2026-11, version 2')
    """
    return f"{TITLES[reviewed.kind]} {reviewed.name}" + (
        f", version {version}" if version > 1 else ""
    )
