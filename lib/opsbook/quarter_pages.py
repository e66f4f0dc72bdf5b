"""What the quarterly review and the portfolio page show: a function per section, to HTML.

Clauses E3 and E4. A founder reads them: what each workflow costs and brings, whether it stays, and
whether operating them is still one role's work.
"""

import pandas as pd

from opsbook import charts, duty_pages, month_pages, pages, quarters, vendor_pages
from opsbook.displays import (
    Column,
    Html,
    Tile,
    counted,
    figure,
    light,
    money,
    money_decimals,
    note,
    number,
    span,
    stack,
    table,
    text,
    tiles,
    two_lines,
    wide,
)
from opsbook.displays import day as day_words
from opsbook.reviews import Review
from opsbook.settings import CATEGORIES, Company

LIGHTS = {"keep": "ok", "change": "watch", "retire": "alert", "": "none"}


def at_a_glance(review: Review) -> Html:
    """The period in a sentence and its key figures; the same as of a month."""
    return month_pages.at_a_glance(review)


def updates(review: Review) -> Html:
    """Updates to come, with their window and what is missing, and whether those that live held."""
    empty = "No update is announced or planned." if review.registers.notices.empty else ""
    fine = "No planned update lacks anything, and those that went live held."
    return _of_vendors(review, "updates", vendor_pages.schedule(review), empty, fine)


def contracts(review: Review) -> Html:
    """Contracts: price, data, service level, and the last day to give notice."""
    empty = "No contract is entered in register.xlsx." if review.registers.contracts.empty else ""
    fine = "No contract ends soon, and nothing is missing on file."
    return _of_vendors(review, "contracts", vendor_pages.contracts(review), empty, fine)


def _of_vendors(review: Review, key: str, shown: Html, empty: str, fine: str) -> Html:
    question = quarters.questions(review)[key]
    state, word = ("none", "") if empty else month_pages.state_of(question)
    said = empty or fine
    return stack(
        pages.section(review, key, state, month_pages.heading(question, said), word),
        shown,
        pages.closing(review, key, question or said, bool(question)),
    )


def ai_act(review: Review) -> Html:
    """Which records there are for each duty of a deployer, and what is asked of a person."""
    return month_pages.asked(
        review, "ai-act", quarters.questions(review)["ai-act"], duty_pages.table(review),
        "Every record that a duty of today asks for is there.",
    )  # fmt: skip


# The portfolio


def portfolio(review: Review) -> Html:
    """What each workflow costs and brings, whether it stays, and what operating them takes."""
    question = quarters.portfolio_question(review)
    rows = quarters.portfolio(review)
    state, word = month_pages.state_of(question) if len(rows) else ("none", "")
    said = month_pages.heading(question, _kept(rows))
    return stack(
        pages.section(review, "portfolio", state, said, word),
        *_worth(rows, review),
        verdicts(review),
        hours(review),
        pages.closing(
            review, "portfolio", question or "Every workflow has its verdict.", bool(question)
        ),
    )


def _kept(rows: pd.DataFrame) -> str:
    """How many workflows stay, change and go."""
    if rows.empty:
        return "No workflow is set up yet."
    told = [
        f"{n} to {v}" for v in quarters.VERDICTS if (n := int(rows.verdict.eq(v).sum()))
    ]  # fmt: skip
    return f"{counted(len(rows), 'workflow')}: {', '.join(told)}."


def _worth(rows: pd.DataFrame, review: Review) -> list[Html]:
    company = review.settings.company
    shown = rows.assign(
        name=[
            two_lines(review.settings.display_name(r.workflow), CATEGORIES[r.category])
            for r in rows.itertuples()
        ],
        each=[number(v, company.locale, money_decimals(v)) for v in rows.run_cost],
        worth=[number(v, company.locale) for v in rows.value],
        left=[number(v, company.locale) for v in rows.net],
    )
    columns = [
        Column("Workflow", "name", "html", order="workflow"),
        Column("Cost", "cost", "money"),
        Column("Runs", "runs", "count"),
        Column("A run", "each", unit=company.currency, align="end", order="run_cost"),
        Column("Brought", "worth", unit=company.currency, align="end", order="value"),
        Column("Left over", "left", unit=company.currency, align="end", order="net"),
    ]
    totals = {"cost": rows.cost.sum(), "runs": rows.runs.sum()} | _told_totals(rows, company)
    return [
        figure(*charts.worth(rows, review.settings)),
        table(
            shown, columns, company, f"Cost and value in {review.name}",
            "No workflow is set up yet.", total=totals if len(rows) else None,
        ),
        note(_counted_over(rows, review)),
    ]  # fmt: skip


def _told_totals(rows: pd.DataFrame, company: Company) -> dict[str, str]:
    value, net = rows.value.sum(min_count=1), rows.net.sum(min_count=1)
    written = {"worth": number(value, company.locale), "left": number(net, company.locale)}
    return written | {"value": value, "net": net, "run_cost": None, "each": ""}


def _counted_over(rows: pd.DataFrame, review: Review) -> str:
    """Over how long cost and value were counted, and what value rests on."""
    locale = review.settings.company.locale
    known = rows.weeks[rows.weeks > 0]
    if known.empty:
        return "No data in it: neither cost nor value can be told."
    least, most = (number(w, locale, 1) for w in (known.min(), known.max()))
    weeks = f"{most} weeks" if least == most else f"{least} to {most} weeks"
    return (
        f"Cost and value are counted over the same {weeks} with data. Brought: hours saved a week "
        "times what an hour costs, and other value, as register.xlsx says; runs are calls where "
        "the exports hold no runs."
    )


def verdicts(review: Review) -> Html:
    """What people decided of each workflow and why, beside what the figures propose."""
    rows, company = quarters.portfolio(review), review.settings.company
    shown = rows.assign(
        name=[review.settings.display_name(w) for w in rows.workflow],
        trouble=[_trouble(r, company) for r in rows.itertuples()],
        verdict_told=[_verdict(r, company) for r in rows.itertuples()],
        proposed=[_proposal(r) for r in rows.itertuples()],
    )
    columns = [
        Column("Workflow", "name"),
        Column("Incidents, by hand", "trouble", "html", order="P2"),
        Column("Verdict, and why", "verdict_told", "html", order="verdict"),
        Column("The figures propose", "proposed", "html", order="proposal"),
    ]
    return stack(
        table(shown, columns, company, "Verdicts and proposals", "No workflow is set up yet."),
        note("The verdict is a person's, in register.xlsx; the proposal decides nothing."),
    )


def _trouble(row: object, company: Company) -> Html:
    grave = ", ".join(f"{n} {p}" for p in ("P1", "P2") if (n := getattr(row, p))) or "none"
    known = pd.notna(row.manual_h)
    by_hand = f"{number(row.manual_h, company.locale, 1)} h by hand" if known else "no hours noted"
    return Html(f'<span class="ob-lines">{two_lines(grave, by_hand)}</span>')


def _verdict(row: object, company: Company) -> Html:
    """A person's verdict as a light, its reason, and when it was looked at last."""
    seen = (
        f"looked at {day_words(row.checked_on, company)} {row.checked_on.year}"
        if pd.notna(row.checked_on) else ""
    )  # fmt: skip
    reason = "" if pd.isna(row.reason) else str(row.reason)
    lines = "".join(f'<br><span class="ob-note">{text(t)}</span>' for t in (reason, seen) if t)
    return wide(Html(f"{light(LIGHTS[row.verdict], row.verdict or 'open')}{lines}"))


def _proposal(row: object) -> Html:
    lit = light(LIGHTS[row.proposal], row.proposal or "nothing")
    return wide(Html(f'{lit}<br><span class="ob-note">{text("; ".join(row.why))}</span>'))


def hours(review: Review) -> Html:
    """What operating the workflows takes, against what the runbook expects (clause E4)."""
    work = quarters.workload(review)
    return stack(
        Html("<h3>What operating them takes</h3>"),
        Html(
            f'<p class="ob-answer">{light(work.state, _workload_word(work))}</p>'
            f"<p>{text(work.sentence)}</p>"
        ),
        figure(*charts.lead_hours(quarters.lead_hours(review), review.settings)),
    )


def _workload_word(work: quarters.Workload) -> str:
    more = "more hours than expected" if work.question else "more workflows than reckoned for"
    words = {"ok": "as expected", "watch": more, "none": "not noted"}
    return words.get(work.state, "a function of its own")


# The page of the portfolio


def portfolio_head(review: Review) -> Html:
    """How many workflows stay, change and go, and what they brought for what."""
    rows, company = quarters.portfolio(review), review.settings.company
    told = rows[rows.value.notna()]
    brought = money(told.value.sum(), company) if len(told) else "not told"
    counts = rows.verdict.value_counts()
    undecided = int(counts.get("", 0))
    return stack(
        Html(f'<p class="lead">{text(_kept(rows))}</p>'),
        note(f"{review.name}, as far as there is data."),
        tiles(
            Tile("Workflows", str(len(rows)), against="in production"),
            Tile("Cost", money(rows.cost.sum(min_count=1), company), against="of their calls"),
            Tile("Brought", brought, against=f"by the word of {len(told)} of {len(rows)}"),
            Tile(
                "Without a verdict", str(undecided),
                state="watch" if undecided else "ok",
                word="keep, change or retire?" if undecided else "all decided",
            ),
        ),
    )  # fmt: skip


def worth(review: Review) -> Html:
    """What each workflow brought beside what it cost."""
    return stack(*_worth(quarters.portfolio(review), review))


# How well the process runs


def health(review: Review) -> Html:
    """How the process itself ran: calls for nothing, deadlines, detection, drills, reviews."""
    question, own = quarters.health_question(review), quarters.health(review)
    return stack(
        Html(f'<div class="ob-panel">{tiles(*_health_tiles(own, review))}</div>'),
        _reviews(review),
        pages.closing(
            review, "sign-off", question or "The process ran as it should.", bool(question)
        ),
    )


def _health_tiles(own: quarters.Health, review: Review) -> list[Tile]:
    locale, company = review.settings.company.locale, review.settings.company
    due = own.met + own.missed + own.waiting
    late = "alert" if own.missed else "ok"
    return [
        Tile(
            "Calls for nothing", number(own.budget.per_week, locale, 1), "a week",
            against=f"{number(own.budget.allowed_per_week, locale, 1)} allowed",
            state="ok" if own.budget.met else "alert",
            word="within the budget" if own.budget.met else "above the budget",
        ),
        Tile(
            "Deadlines met", f"{own.met} of {due}" if due else "none ran",
            against=f"{own.waiting} still open" if own.waiting else "of those that began in it",
            state=late if due else "none", word=f"{own.missed} missed" if own.missed else
            "none missed" if due else "nothing to judge",
        ),
        Tile(
            "Detected after", span(own.lag) if own.lag is not None else "n/a",
            against=f"median of {counted(own.incidents, 'incident')} of class P1 or P2",
        ),
        Tile(
            "Last P1 drill",
            day_words(own.drill, company).partition(" ")[2] if own.drill is not None else "none",
            against=str(own.drill.year) if own.drill is not None else "on record",
            **_drill_light(own, review),
        ),
        Tile(
            "Post-mortems signed",
            f"{own.signed_off} of {own.owed}" if own.owed else "none owed",
            against="of P1 and P2 that owe one",
            state="none" if not own.owed else "ok" if own.signed_off == own.owed else "watch",
            word="nothing to judge"
            if not own.owed
            else "all"
            if own.signed_off == own.owed
            else "still to be signed",
        ),
        Tile(
            "Reviews on time", f"{own.on_time} of {own.due}" if own.due else "none due",
            against="weekly and monthly, held within a week of their date",
            state="none" if not own.due else "ok" if own.on_time == own.due else "watch",
            word="nothing to judge" if not own.due else
            "all" if own.on_time == own.due else "late or not held",
        ),
    ]  # fmt: skip


def _drill_light(own: quarters.Health, review: Review) -> dict[str, str]:
    old = quarters.drill_old(own, review)
    return {"state": "watch" if old else "ok", "word": "hold one" if old else "within a year"}


def _reviews(review: Review) -> Html:
    rows = quarters.reviews_held(review)
    late = rows[~rows.on_time]
    shown = late.assign(
        light="watch", word=["held late" if pd.notna(s) else "not held" for s in late.held_at]
    )
    columns = [
        Column("Review", "period"),
        Column("Kind", "kind"),
        Column("Planned", "planned_at", "when"),
        Column("Held", "held_at", "when"),
        Column("State", "light", "light", words="word"),
    ]
    fine = "Every review was held on time." if len(rows) else "No review was signed yet."
    return table(shown, columns, review.settings.company, "Reviews not held on time", fine)
