"""Duties of those who use AI, and what the workbook's records show for each: never "compliant".

Clause F2. Each duty is an article, since when it holds, what is on file and what no record of this
kind can show. A light says whether a record is there and recent, not whether the law is kept.
"""

import datetime as dt
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from opsbook.laws import LegalDate, legal_dates
from opsbook.registers import SHEETS
from opsbook.reminders import running
from opsbook.reviews import Review
from opsbook.settings import Workflow

RECENT = pd.Timedelta(days=28)
"""How long ago the size of a workflow's inputs may last have been measured."""
SHEET = "register.xlsx, sheet"
LEADS = ("AI Lead", "Founder or CEO")


@dataclass(frozen=True)
class Shown:
    """What is on file for one duty: a light with its word, and one sentence."""

    light: str
    word: str
    says: str


@dataclass(frozen=True)
class Duty:
    """One duty: its article, what it asks for, the legal dates it holds from, what stays unseen.

    Of several dates the first is when it holds for some; more comes with the others.
    """

    id: str
    article: str
    asks: str
    dates: tuple[str, ...]
    cannot: str
    shown: Callable[[Review], Shown]

    @property
    def since(self) -> LegalDate:
        """The first date it holds from."""
        return legal_dates()[self.dates[0]]


def local_day(review: Review) -> dt.date:
    """The local day of the review."""
    return review.now.tz_convert(review.settings.company.zone).date()


def table(review: Review) -> pd.DataFrame:
    """What is on file for each duty, one row each in DUTIES' order.

    Columns id, article, asks, since (a date), more (the next date that adds to it, else None),
    holds (whether since has come), light, word, says, cannot.
    """
    return pd.DataFrame(
        [_duty(duty, local_day(review)) | vars(duty.shown(review)) for duty in DUTIES]
    )


def _duty(duty: Duty, day: dt.date) -> dict:
    later = [d.date for d in map(legal_dates().get, duty.dates[1:]) if not d.holds(day)]
    return {
        "id": duty.id,
        "article": duty.article,
        "asks": duty.asks,
        "since": duty.since.date,
        "more": min(later, default=None),
        "holds": duty.since.holds(day),
        "cannot": duty.cannot,
    }


def question(review: Review) -> str:
    """What is missing of the duties that hold already; empty when every record is there."""
    rows = table(review)
    lacking = rows[rows.holds & ~rows.light.eq("ok") & ~rows.word.isin(NOTHING_TO_DO)]
    if lacking.empty:
        return ""
    named = "; ".join(f"{r.article}: {r.word}" for r in lacking.itertuples())
    return f"{named}. Who puts it right, and by when?"


NO_HIGH_RISK, NOT_SET, NOBODY = "none is high-risk", "not set", "asked of none"
NOTHING_TO_DO = (NO_HIGH_RISK, NOT_SET, NOBODY)
"""Words of duties that ask for nothing here."""


# The register of AI systems: what is missing, or older than a year


@dataclass(frozen=True)
class Gap:
    """Something missing or old on file: the duty it belongs to, the workflow, and what it is."""

    duty: str
    workflow: str
    says: str


def gaps(review: Review) -> list[Gap]:
    """What the register of AI systems lacks, workflow by workflow in the settings' order."""
    return [
        Gap(duty, workflow.id, said)
        for workflow in review.settings.workflows
        for duty, said in _lacking(workflow, entry(workflow, review), review)
    ]


def entry(workflow: Workflow, review: Review) -> pd.Series:
    """A workflow's row in the register of AI systems; an empty one without."""
    systems = review.registers.systems
    own = systems[systems.workflow == workflow.id]
    return own.iloc[-1] if len(own) else pd.Series(pd.NA, index=[*SHEETS["systems"].fields, "cell"])


def high_risk(review: Review) -> list[Workflow]:
    """The workflows that the register calls high-risk."""
    return [w for w in review.settings.workflows if _said(entry(w, review).risk) == "high"]


def _lacking(workflow: Workflow, row: pd.Series, review: Review) -> list[tuple[str, str]]:
    found = [
        *(
            ("class", f"no {SHEETS['systems'].fields[f].head.lower()}")
            for f in _blank(row, CLASSED)
        ),
        ("class", "the risk class is open") if _said(row.risk) in ("", "open") else None,
        ("class", _aged(row.screened_on, "classification", review)),
        ("art-5", _aged(row.prohibited_on, "Art. 5 screening", review)),
        ("art-5", "classed as prohibited") if _said(row.risk) == "prohibited" else None,
        *(_notice(row, review) if workflow.customer_facing else []),
        *_published(row, review),
        *(_used(workflow, row, review) if _said(row.risk) == "high" else []),
    ]
    return [gap for gap in found if gap and gap[1]]


CLASSED = ("role", "reasons", "reviewer")


def _blank(row: pd.Series, fields: tuple[str, ...]) -> list[str]:
    return [f for f in fields if not _said(row[f])]


def _said(value: object) -> str:
    return "" if pd.isna(value) else str(value).strip()


def _aged(day: object, what: str, review: Review) -> str:
    """What is wrong with the day something was done: never, too long ago, or still to come."""
    if pd.isna(day):
        return f"no {what}"
    now = pd.Timestamp(local_day(review))
    if day > now:
        return f"{what} dated {day:%Y-%m-%d}, still to come"
    months = review.settings.limits.duty_months
    old = day < now - pd.DateOffset(months=months)
    return f"{what} of {day:%Y-%m-%d} is over {months} months old" if old else ""


def _notice(row: pd.Series, review: Review) -> list[tuple[str, str]]:
    if not _said(row.notice_text):
        return [("art-50-1", "no notice to people")]
    return [("art-50-1", _aged(row.notice_on, "check of the notice", review))]


def _published(row: pd.Series, review: Review) -> list[tuple[str, str]]:
    publishes = _said(row.publishes)
    if publishes == "no":
        return []
    if publishes != "yes":
        return [("art-50-4", "not said whether it publishes text")]
    reviewer = "" if _said(row.published_reviewer) else "nobody named who reviews its texts"
    aged = _aged(row.published_on, "check of that review", review)
    return [("art-50-4", reviewer), ("art-50-4", aged)]


def _used(workflow: Workflow, row: pd.Series, review: Review) -> list[tuple[str, str]]:
    """What the use of a high-risk system lacks."""
    return [
        ("class", "" if _said(row.annex_iii) else "no Annex III point"),
        ("art-26-1", "" if _said(row.instructions) else "no instructions on file"),
        ("art-26-1", _aged(row.instructions_on, "check of the instructions", review)),
        ("art-26-2", "" if workflow.deputy else "no deputy in the settings"),
        ("art-26-2", "" if _said(row.may_stop) else "nobody named who may stop it"),
        ("art-26-2", _aged(row.drill_on, "drill", review)),
        ("art-26-7", "" if _said(row.informed) else "no document that informs people"),
        ("art-26-7", _aged(row.informed_on, "informing people", review)),
    ]


# Logs, training, requests


def logs(review: Review) -> pd.DataFrame:
    """How far back each workflow's calls are kept: workflow, oldest (UTC, <NA>), days, short.

    Grain: workflow of the settings. Days from its oldest export to now; `short` below `log_days`.
    """
    coverage = review.facts.coverage
    oldest = coverage.groupby("workflow").covered_from.min() if len(coverage) else {}
    rows = [(w.id, oldest.get(w.id, pd.NaT)) for w in review.settings.workflows]
    frame = pd.DataFrame(rows, columns=["workflow", "oldest"])
    age = review.now - pd.to_datetime(frame.oldest, utc=True)
    days = (age / pd.Timedelta(days=1)).astype("Float64").fillna(0).clip(lower=0)
    whole = days.floordiv(1).astype("Int64")
    return frame.assign(days=whole, short=days < review.settings.limits.log_days)


def training(review: Review) -> pd.DataFrame:
    """One row per training, and one per role that has none: role, topic, held_on, until, state.

    `until` is the last day it counts; state is held, overdue, to be held or none.
    """
    rows = [_training(t, review) for t in review.registers.training.to_dict("records")]
    known = {r["role"].lower() for r in rows}
    rows += [
        {"role": role, "topic": pd.NA, "held_on": pd.NaT, "until": pd.NaT, "state": "none"}
        for role in _roles(review)
        if role.lower() not in known
    ]
    return pd.DataFrame(rows, columns=["role", "topic", "held_on", "until", "state"])


def _roles(review: Review) -> list[str]:
    """Whose work with AI the settings name: the AI Lead, and owners and deputies of workflows."""
    named = [r for w in review.settings.workflows for r in (w.owner, w.deputy) if r]
    return list(dict.fromkeys([LEADS[0], *named]))


def _training(row: dict, review: Review) -> dict:
    kept = {k: row[k] for k in ("role", "topic", "held_on")}
    if pd.isna(row["held_on"]):
        return kept | {"until": pd.NaT, "state": "to be held"}
    months = row["valid_months"]
    valid = review.settings.limits.duty_months if pd.isna(months) else int(months)
    until = row["held_on"] + pd.DateOffset(months=valid)
    return kept | {
        "until": until,
        "state": "overdue" if until.date() < local_day(review) else "held",
    }


def requests(review: Review) -> pd.DataFrame:
    """The requests of people about decisions, newest first, with days open or taken, and `late`."""
    own = review.registers.requests.sort_values("received_on", ascending=False, ignore_index=True)
    until = own.answered_on.fillna(pd.Timestamp(local_day(review)))
    days = (until - own.received_on).dt.days.astype("Int64")
    late = own.answered_on.isna() & (days > review.settings.limits.request_days)
    return own.assign(days=days, late=late.astype(bool))


# What is shown for each duty


def _on_file(duty: str, review: Review, what: str, among: list[Workflow] | None = None) -> Shown:
    """A duty of the register of AI systems: of how many workflows its record is whole."""
    own = review.settings.workflows if among is None else among
    lacking = {g.workflow for g in gaps(review) if g.duty == duty} & {w.id for w in own}
    whole = len(own) - len(lacking)
    says = f"{what}: whole for {whole} of {len(own)} workflows."
    if not own:
        return Shown("none", NOBODY, f"{what}: no workflow that it asks for.")
    if not lacking:
        return Shown("ok", "on file", says)
    empty = all(entry(w, review).isna().all() for w in own)
    word = "nothing on file" if empty else f"{len(lacking)} of {len(own)} lack it"
    return Shown("none" if empty else "watch", word, says)


def _of_high_risk(duty: str, review: Review, what: str) -> Shown:
    """The same, for what is asked of high-risk systems alone."""
    own = high_risk(review)
    if own:
        return _on_file(duty, review, what, own)
    open_ones = [
        w for w in review.settings.workflows if _said(entry(w, review).risk) in ("", "open")
    ]
    if open_ones:
        says = f"{what}: asked of high-risk systems; the class of {len(open_ones)} is open."
        return Shown("none", "class open", says)
    return Shown("none", NO_HIGH_RISK, f"{what}: asked of high-risk systems alone.")


def _literacy(review: Review) -> Shown:
    rows = training(review)
    counts = rows.state.value_counts().to_dict()
    roles = rows.groupby("role").state.agg(set)
    trained = int(sum("held" in states for states in roles))
    says = f"Training on file for {trained} of {len(roles)} roles that work with AI."
    late = counts.get("overdue", 0) + counts.get("to be held", 0)
    if set(rows.state) == {"none"}:
        return Shown("none", "nothing on file", f"{says} Enter it in {SHEET} Training.")
    none = counts.get("none", 0)
    said = [f"{late} overdue" if late else "", f"{none} roles without" if none else ""]
    word = ", ".join(s for s in said if s)
    return Shown("watch", word, says) if word else Shown("ok", "on file", says)


def _prohibited(review: Review) -> Shown:
    banned = [g for g in gaps(review) if g.says == "classed as prohibited"]
    shown = _on_file("art-5", review, "Screened within the year")
    if banned:
        named = ", ".join(review.settings.display_name(g.workflow) for g in banned)
        return Shown("alert", "classed as prohibited", f"{named}: stop it, or say why not.")
    return shown


def _notices(review: Review) -> Shown:
    own = [w for w in review.settings.workflows if w.customer_facing]
    return _on_file(
        "art-50-1", review, "Notice to people with its last check, customer-facing", own
    )


def _oversight(review: Review) -> Shown:
    shown = _of_high_risk("art-26-2", review, "Owner, deputy, who may stop it, drill")
    flows = review.settings.workflows
    stop = sum(bool(_said(entry(w, review).may_stop)) for w in flows)
    deputies = sum(bool(w.deputy) for w in flows)
    own = review.timers[review.timers.met.notna() & (review.timers.since > _year_ago(review))]
    met = f" Deadlines to be told met in the year: {int(own.met.sum())} of {len(own)}."
    said = f" Of {len(flows)} workflows, all with an owner, {deputies} have a deputy and {stop} "
    said += "somebody who may stop it."
    return Shown(shown.light, shown.word, shown.says + said + met)


def _year_ago(review: Review) -> pd.Timestamp:
    return review.now - pd.DateOffset(months=review.settings.limits.duty_months)


def _inputs(review: Review) -> Shown:
    grid = review.facts.grid
    recent = grid[(grid.hour > review.now - RECENT) & (grid.input_tokens.fillna(0) > 0)]
    own = [w for w in review.settings.workflows if w.id in set(recent.workflow)]
    says = f"Size of inputs measured in the last four weeks for {len(own)} of "
    says += f"{len(review.settings.workflows)} workflows; their pages draw it."
    if not own:
        return Shown("none", "no data", says)
    whole = len(own) == len(review.settings.workflows)
    return Shown("ok" if whole else "watch", "measured" if whole else "measured in part", says)


def _monitored(review: Review) -> Shown:
    year = [i for i in review.register.incidents.values() if i.detected_at > _year_ago(review)]
    stops = [i.times["mitigated"] - i.detected_at for i in year if "mitigated" in i.times]
    told = {role: bool(review.settings.channels_for(role, "P1")) for role in LEADS}
    deaf = [role for role, there in told.items() if not there]
    says = f"{len(year)} incidents in the year, {sum(i.open for i in year)} open."
    if stops:
        median = pd.Series(stops).median() / pd.Timedelta(hours=1)
        says += f" Damage stopped after {median:.1f} h (median of {len(stops)})."
    if deaf:
        return Shown("watch", "no channel", f"{says} No channel reaches {' and '.join(deaf)}.")
    return Shown("ok", "watched", says)


def _kept(review: Review) -> Shown:
    rows, days = logs(review), review.settings.limits.log_days
    short = rows[rows.short]
    if rows.empty or rows.oldest.isna().all():
        return Shown("none", "no export", "No export has arrived yet.")
    says = f"Exports reach back {days} days for {len(rows) - len(short)} of {len(rows)} workflows, "
    says += f"the shortest {int(rows.days.min())} days. The incident log is not that log."
    return Shown("alert", "too short", says) if len(short) else Shown("ok", "kept", says)


def _informed(review: Review) -> Shown:
    shown = _of_high_risk("art-26-7", review, "Document that informs people")
    asked = requests(review)
    late = int(asked.late.sum())
    waiting = int(asked.answered_on.isna().sum())
    says = f"{shown.says} Requests: {len(asked)} on file, {waiting} open, {late} over "
    says += f"{review.settings.limits.request_days} days."
    return Shown("alert", f"{late} late", says) if late else Shown(shown.light, shown.word, says)


def _reported(law: str, review: Review) -> Shown:
    """The reminder clocks of one law on incidents that are not ended."""
    clocks = running(review.register.incidents.values(), review.settings, review.registers)
    own = clocks[clocks.law.str.startswith(law)]
    if own.empty:
        return Shown("ok", "none runs", "No reminder runs on an open incident.")
    named = sorted(own.incident.unique())
    passed = own[own.due_at <= review.now].incident.nunique()
    says = f"Reminders on {', '.join(named)}; a time has passed on {passed}. Answer on each."
    return Shown("watch", f"{len(named)} to answer", says)


def _not_set(law: str, review: Review) -> Shown:
    if law in review.settings.company.laws_also:
        return _reported(law, review)
    return Shown("none", NOT_SET, "Off: laws_also in settings/company.toml turns its reminders on.")


DUTIES = (
    Duty("art-4", "Art. 4", "Support the AI literacy of the people who work with it", ("art-4",),
         "What was taught, and whether it was understood", _literacy),
    Duty("art-5", "Art. 5", "No prohibited practice", ("art-5", "art-5-more"),
         "Whether a practice is prohibited: that is a legal judgement", _prohibited),
    Duty("art-50-1", "Art. 50(1), (3)", "Tell people that they deal with AI", ("art-50",),
         "Whether the notice is seen, and the design around it", _notices),
    Duty("art-50-4", "Art. 50(4)", "Say that a published text is made by AI, or review it",
         ("art-50",), "What was published, and how well it was reviewed",
         lambda r: _on_file("art-50-4", r, "Whether it publishes, and who reviews")),
    Duty("class", "Art. 3, 6, 25, Annex III", "Know your role and the system's risk class",
         ("art-4", "annex-iii"), "Whether the class is right",
         lambda r: _on_file("class", r, "Role and class with reasons, date and role")),
    Duty("art-26-1", "Art. 26(1)", "Use it by its instructions", ("annex-iii", "annex-i"),
         "The measures that were taken",
         lambda r: _of_high_risk("art-26-1", r, "Instructions on file with their last check")),
    Duty("art-26-2", "Art. 26(2), 14", "Human oversight by people who can and may",
         ("annex-iii", "annex-i"), "Whether those people are competent", _oversight),
    Duty("art-26-4", "Art. 26(4)", "Input data that fit the purpose", ("annex-iii", "annex-i"),
         "Whether the data are representative", _inputs),
    Duty("art-26-5", "Art. 26(5), 72", "Watch it, tell the provider, suspend it",
         ("annex-iii", "annex-i"), "What the vendor watches and does", _monitored),
    Duty("art-26-6", "Art. 26(6), 12, 19", "Keep its logs for six months at least",
         ("annex-iii", "annex-i"), "The logs that lie with the vendor", _kept),
    Duty("art-26-7", "Art. 26(7), (11), 86", "Inform people, and explain decisions",
         ("annex-iii", "annex-i"), "What works councils and labour law ask for", _informed),
    Duty("art-73", "Art. 73", "Report a serious incident", ("annex-iii", "annex-i"),
         "Whether an incident is serious", lambda r: _reported("AI Act", r)),
    Duty("gdpr-33", "GDPR Art. 33", "Notify a breach of personal data within 72 hours",
         ("gdpr-33",), "Whether there is a breach and a risk", lambda r: _reported("GDPR", r)),
    Duty("nis2", "NIS2 Art. 23", "Report a significant incident", ("nis2",),
         "Whether the company is in its scope", lambda r: _not_set("NIS2", r)),
    Duty("dora", "DORA Art. 19", "Report a major incident", ("dora",),
         "Whether the company is in its scope", lambda r: _not_set("DORA", r)),
)  # fmt: skip
"""Every duty that the page shows, in its order."""
