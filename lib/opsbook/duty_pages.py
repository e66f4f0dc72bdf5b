"""What the page on the EU AI Act shows: evidence for each duty, and beside it what it cannot show.

Nothing here says that a law is kept. The light of a row tells whether a record is there and recent.
"""

import hashlib

import pandas as pd
from babel.dates import format_date

from opsbook import obligations
from opsbook.displays import (
    Column,
    Html,
    explain,
    light,
    missing,
    note,
    stack,
    text,
    two_lines,
    wide,
)
from opsbook.displays import table as rows_of
from opsbook.laws import CHECK, LegalDate, legal_dates
from opsbook.reminders import running
from opsbook.reviews import Review
from opsbook.settings import Company, Workflow

EVIDENCE = (
    "This page shows which records are there. It never says that a law is kept, and it is no legal "
    "advice: what the workbook cannot show stands in each row."
)
SHORT_HASH = 8


def lead(review: Review) -> Html:
    """What the page is and is not, and what is asked of a person."""
    asked = obligations.question(review)
    told = asked or "Every record that is asked for by now is there and recent."
    return stack(
        Html(f'<p class="lead">{text(EVIDENCE)}</p>'),
        note(CHECK + old_dates(obligations.local_day(review))),
        *([explain(BEGIN, "watch")] if review.registers.systems.empty else []),
        explain(told, "watch" if asked else "ok"),
    )


BEGIN = (
    "The register of AI systems is empty. Open register.xlsx in the company's folder and enter a "
    "row for each workflow on its sheet AI systems (who is the vendor, the risk class and why), "
    "and the training on the sheet Training; then build the pages again."
)


def old_dates(day: object) -> str:
    """A sentence that names the legal dates looked up over a year before a day; empty for none."""
    old = [d.id for d in legal_dates().values() if d.old(day)]
    named = ", ".join(old)
    return f" Looked up over a year ago, so look again: {named}." if old else ""


def table(review: Review) -> Html:
    """The duties, one row each: since when it holds, what the workbook shows and what it cannot."""
    company = review.settings.company
    rows = obligations.table(review)
    shown = rows.assign(
        duty=[two_lines(r.article, r.asks) for r in rows.itertuples()],
        holds=[_since(r, company) for r in rows.itertuples()],
        says=[wide(Html(f"{light(r.light, r.word)}<br>{text(r.says)}")) for r in rows.itertuples()],
        cannot=[wide(r.cannot) for r in rows.itertuples()],
        order=range(len(rows)),
        day=rows.since.map(str),
    )
    columns = [
        Column("Obligation", "duty", "html", order="order"),
        Column("Holds", "holds", "html", order="day"),
        Column("What the workbook shows", "says", "html", order="word"),
        Column("What it cannot show", "cannot", "html", order="order"),
    ]
    return rows_of(shown, columns, company, label="Obligations and evidence")


def _since(row: object, company: Company) -> Html:
    word = "since" if row.holds else "from"
    more = "" if row.more is None else f"more from {date(row.more, company)}"
    return Html(
        f'<span class="ob-lines">{two_lines(f"{word} {date(row.since, company)}", more)}</span>'
    )


def date(value: object, company: Company) -> str:
    """A day with its year, as the company writes it; n/a when absent."""
    return "n/a" if missing(value) else format_date(value, "d MMM y", locale=company.locale)


def systems(review: Review) -> Html:
    """The register of AI systems, one row per workflow, with what is missing or over a year old."""
    company, kept = review.settings.company, obligations.logs(review).set_index("workflow")
    lacking = obligations.gaps(review)
    rows = pd.DataFrame(
        [_system(w, review, [g.says for g in lacking if g.workflow == w.id], kept.loc[w.id])
         for w in review.settings.workflows]
    )  # fmt: skip
    columns = [
        Column("Workflow", "name", "html", order="sort"),
        Column("Vendor, model", "vendor", "html", order="sort"),
        Column("Role, risk class", "risk", "html", order="sort"),
        Column("Notice to people", "notice", "html", order="sort"),
        Column("Logs kept, days", "days", "count"),
        Column("Register", "light", "light", words="word"),
        Column("Missing, or over a year old", "gaps", "html", order="word"),
    ]
    empty = "None stands in settings/workflows.toml yet."
    return rows_of(rows, columns, company, "", empty, label="AI systems")


def _system(workflow: Workflow, review: Review, lacking: list[str], log: pd.Series) -> dict:
    row = obligations.entry(workflow, review)
    there = row.notna().any()
    said = {k: "–" if missing(v) or not str(v).strip() else str(v) for k, v in row.items()}
    classified = f"classified {date(row.screened_on, review.settings.company)}"
    if not there:
        lacking = ["no row in register.xlsx, sheet AI systems"]
    return {
        "name": two_lines(workflow.name, workflow.owner),
        "vendor": two_lines(said["vendor"], said["model"]),
        "risk": two_lines(f"{said['role']}, {said['risk']}", classified if there else ""),
        "notice": _notice(row, review.settings.company),
        "days": log.days,
        "light": "ok" if not lacking else "watch" if there else "none",
        "word": "whole" if not lacking else f"{len(lacking)} open" if there else "no row",
        "gaps": wide("; ".join(lacking) or "nothing"),
        "sort": workflow.name,
    }


def _notice(row: pd.Series, company: Company) -> Html:
    """The first digits of a notice's hash, so that a changed text shows, and its last check."""
    if missing(row.notice_text):
        return Html("–")
    digest = hashlib.sha256(str(row.notice_text).encode()).hexdigest()[:SHORT_HASH]
    return two_lines(f"SHA-256 {digest}", f"checked {date(row.notice_on, company)}")


def training(review: Review) -> Html:
    """Training per role: what, when, until when it counts, and who has none."""
    lights = {"held": "ok", "overdue": "watch", "to be held": "watch", "none": "none"}
    rows, company = obligations.training(review), review.settings.company
    shown = rows.assign(
        light=rows.state.map(lights),
        word=rows.state.replace({"none": "nothing on file"}),
        topic=rows.topic.fillna("–"),
        held=[date(d, company) for d in rows.held_on],
        valid=[date(d, company) for d in rows.until],
        held_at=rows.held_on.astype(str),
        valid_to=rows.until.astype(str),
    )
    columns = [
        Column("Role", "role"),
        Column("Topic", "topic"),
        Column("Held", "held", order="held_at"),
        Column("Counts until", "valid", order="valid_to"),
        Column("State", "light", "light", words="word"),
    ]
    return rows_of(shown, columns, company, label="Training")


def requests(review: Review) -> Html:
    """What people asked about decisions, and how long an answer took."""
    rows, company = obligations.requests(review), review.settings.company
    open_ones = rows.answered_on.isna()
    shown = rows.assign(
        name=rows.workflow.map(review.settings.display_name) if len(rows) else [],
        received=[date(d, company) for d in rows.received_on],
        received_at=rows.received_on.astype(str),
        light=["alert" if late else "watch" if still else "ok"
               for late, still in zip(rows.late, open_ones, strict=True)],
        word=["late" if late else "open" if still else "answered"
              for late, still in zip(rows.late, open_ones, strict=True)],
        said=[wide(w) for w in rows.what],
    )  # fmt: skip
    columns = [
        Column("Request", "id"),
        Column("Received", "received", order="received_at"),
        Column("Workflow", "name"),
        Column("What is asked", "said", "html", order="id"),
        Column("Days", "days", "count"),
        Column("State", "light", "light", words="word"),
    ]
    return rows_of(shown, columns, company, "", "None is on file.", label="Requests")


def dates(review: Review) -> Html:
    """The legal dates: what holds from when, by which source, and when that was looked up."""
    company, day = review.settings.company, obligations.local_day(review)
    rows = pd.DataFrame([_legal(d, day, company) for d in legal_dates().values()])
    columns = [
        Column("From", "from", order="at"),
        Column("What", "what"),
        Column("Source", "source", "html", order="what"),
        Column("State", "light", "light", words="word"),
        Column("Looked up", "checked", order="checked_at"),
    ]
    return stack(rows_of(rows, columns, company, label="Legal dates"), note(CHECK))


def _legal(known: LegalDate, day: object, company: Company) -> dict:
    state = ("watch", "look again") if known.old(day) else ("none", "holds")
    if not known.old(day) and not known.holds(day):
        state = ("planned", "to come")
    return {
        "from": date(known.date, company),
        "at": str(known.date),
        "what": known.what,
        "source": wide(known.source),
        "light": state[0],
        "word": state[1],
        "checked": date(known.checked_on, company),
        "checked_at": str(known.checked_on),
    }


def reminders(review: Review) -> Html:
    """The status page's reminders: per open incident and law the next time, or that it has passed.

    Nothing where none runs.
    """
    clocks = running(review.register.incidents.values(), review.settings, review.registers)
    if clocks.empty:
        return Html("")
    rows = [_reminder(own, review) for _, own in clocks.groupby(["incident", "law"], sort=False)]
    shown = pd.DataFrame(rows).sort_values(["passed", "due_at"], ignore_index=True)
    columns = [
        Column("Incident", "incident", link="link"),
        Column("Law", "law"),
        Column("If it is", "what", "html", order="law"),
        Column("By", "due_at", "when"),
        Column("Reminder", "light", "light", words="word"),
    ]
    company = review.settings.company
    return stack(
        rows_of(shown, columns, company, "Reminders of the law, until somebody answers"),
        note(
            "They run from when it was noticed until somebody answers: opsbook incident impact ID "
            "--harm, --personal-data, --high-risk."
        ),
    )


def _reminder(own: pd.DataFrame, review: Review) -> dict:
    """The next clock of an incident and law; the last where all have passed."""
    ahead = own[own.due_at > review.now]
    row = (ahead if len(ahead) else own.iloc[::-1]).iloc[0]
    return {
        "incident": row.incident,
        "link": f"reports/incidents/{row.incident}.html",
        "law": row.law,
        "what": two_lines(row.what, row.why),
        "due_at": row.due_at,
        "passed": not len(ahead),
        "light": "watch",
        "word": "runs" if len(ahead) else "passed",
    }
