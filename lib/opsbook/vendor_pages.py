"""What the page on vendors shows: notices, updates, the ends of models, contracts.

All of it is people's word from register.xlsx, shown escaped, beside what was measured.
"""

import pandas as pd
from babel.dates import format_date

from opsbook import vendors
from opsbook.displays import (
    Column,
    Html,
    bare,
    counted,
    day,
    explain,
    light,
    missing,
    note,
    number,
    stack,
    table,
    text,
    two_lines,
    two_times,
    when,
    wide,
)
from opsbook.reviews import Review
from opsbook.settings import Company

METRICS = {"run_cost_eur": "a run", "error_share": "fail", "latency_ms": "to an answer"}
"""What a figure of `vendors.held` says, in words after it."""
EMPTY = "None in register.xlsx; whoever hears of one enters it on its sheet {}."


def lead(review: Review) -> Html:
    """What of notices, updates and contracts asks for a person."""
    asked = {
        "notices": vendors.notice_question(review),
        "updates": vendors.update_question(review),
        "contracts": vendors.contract_question(review),
    }
    named = [what for what, question in asked.items() if question]
    said = f"To be decided: {', '.join(named)}." if named else "Nothing is to be decided."
    problems = review.registers.problems
    waits = f"{counted(len(problems), 'cell')} of register.xlsx cannot be read: see the end."
    return stack(
        Html(f'<p class="lead">{text(said)}</p>'),
        *(explain(q, "watch") for q in asked.values() if q),
        explain(waits, "watch") if problems else "",
    )


def notices(review: Review) -> Html:
    """Every vendor notice: what changes, when, tested with which verdict, decided or not."""
    found = vendors.notices(review)
    company = review.settings.company
    shown = found.assign(
        what_=[_what(n) for n in found.itertuples()],
        about_=[_named(n.about, review) for n in found.itertuples()],
        force=[_lines(_day(d, company)) for d in found.effective_on],
        tested_=[t or "nothing to test" for t in found.tested],
        announced=[_lines(_day(d, company)) for d in found.announced_on],
    )
    columns = [
        Column("Notice", "id"),
        Column("What changes", "what_", "html"),
        Column("Workflows", "about_"),
        Column("Announced", "announced", "html", order="announced_on"),
        Column("In force", "force", "html", order="effective_on"),
        Column("Lists", "tested_"),
        Column("State", "state", "light", words="word"),
    ]
    return stack(
        table(shown, columns, company, empty=EMPTY.format("Notices"), label="Vendor notices"),
        changes(review, "notices"),
    )


def _what(notice: object) -> Html:
    """What a notice is, its vendor and models on a quiet line."""
    models = [m for m in (notice.model_now, notice.model_new) if not missing(m)]
    about = f"{notice.vendor}, {notice.kind}" + (f": {' to '.join(models)}" if models else "")
    return wide(two_lines(str(notice.what), about))


def _named(names: tuple[str, ...], review: Review) -> str:
    if len(names) > 1 and len(names) == len(review.settings.workflows):
        return "all"
    return ", ".join(review.settings.display_name(n) for n in names)


def _lines(words: str) -> Html:
    """A cell's words that stay on their line."""
    return Html(f'<span class="ob-lines">{text(words)}</span>')


def _day(at: object, company: Company) -> str:
    """A day with its year: what is told here lies far ahead."""
    if missing(at):
        return "not told"
    return format_date(at.date(), "d MMM y", locale=company.locale)


def changes(review: Review, sheet: str) -> Html:
    """Which rows of a sheet were new, changed or gone since the period began."""
    found = vendors.changed(review, sheet)
    new = found[found.what == "new"].key.tolist()
    others = [f"{c.key}: {c.what}" for c in found[found.what != "new"].itertuples()]
    told = [f"New in register.xlsx: {', '.join(new)}."] if new else []
    told += [f"Changed: {'; '.join(others)}."] if others else []
    return note(" ".join(told)) if told else note("No row was new, changed or gone.")


def ends(review: Review) -> Html:
    """Models that answer now and will be switched off, with the days left."""
    found = vendors.model_ends(review)
    company = review.settings.company
    shown = found.assign(
        name=found.workflow.map(review.settings.display_name),
        last=[when(t, company) for t in found.last_seen],
        ends=[_day(d, company) for d in found.ends_on],
        new=["none named" if missing(m) else m for m in found.model_new],
    )
    columns = [
        Column("Workflow", "name"),
        Column("Model", "model"),
        Column("Answered last", "last", order="last_seen"),
        Column("Ends", "ends", order="ends_on"),
        Column("Left", "state", "light", words="word"),
        Column("Successor", "new"),
        Column("Notice", "notice"),
    ]
    weeks = review.settings.limits.update_weeks
    empty = f"No model that answered in the last {weeks} weeks has an end on the sheet Notices."
    return table(shown, columns, company, empty=empty, label="Ends of models")


def schedule(review: Review) -> Html:
    """Updates to come with their window and what is missing, and what became of those that live."""
    found = vendors.schedule(review)
    company = review.settings.company
    shown = found.assign(
        what_=[_what(n) for n in found.itertuples()],
        about_=[_named(n.about, review) for n in found.itertuples()],
        window_=[_window(n, company) for n in found.itertuples()],
        rest=[wide(_rest(n)) for n in found.itertuples()],
    )
    columns = [
        Column("Notice", "id"),
        Column("Update", "what_", "html"),
        Column("Workflows", "about_"),
        Column("Window", "window_", "html"),
        Column("Lists", "tested"),
        Column("State", "state", "light", words="word"),
        Column("Missing, or what became of it", "rest", "html"),
    ]
    weeks, hours = review.settings.limits.update_weeks, review.settings.limits.update_window_h
    how = (
        f"The window is the {hours} open hours of the week with the fewest calls in the last "
        f"{weeks} weeks. It needs GO, or a reason why not, and a way back. An update has held when "
        "no rule fired since."
    )
    return stack(
        table(shown, columns, company, empty=EMPTY.format("Notices"), label="Update schedule"),
        _figures(review),
        note(how),
    )


def _window(row: object, company: Company) -> Html:
    if not missing(row.live_on):
        return two_lines("live", f"since {_day(row.live_on, company)}")
    if missing(row.window):
        return Html("none")
    calls = "calls not counted" if missing(row.calls) else f"usually {row.calls:.0f} calls"
    at = "" if missing(row.starts_at) else f"{day(row.starts_at, company)}, "
    return two_times(row.window, f"{at}{calls}")


def _rest(row: object) -> str:
    return row.held or row.missing or "nothing"


def _figures(review: Review) -> Html:
    """Cost a run, failures and latency of the updates that live, before and after."""
    rows = []
    for notice in review.registers.notices.itertuples(index=False):
        if notice.kind not in vendors.UPDATES or not (held := vendors.held(review, notice)):
            continue
        for workflow, own in held.figures.groupby("workflow", sort=False):
            told = {m: _both(f, review.settings.company) for m, f in _by_metric(own)}
            rows.append({"id": notice.id, "name": review.settings.display_name(workflow),
                         "days": held.days} | told)  # fmt: skip
    columns = [
        Column("Live", "id"), Column("Workflow", "name"), Column("Days since", "days", "count"),
        Column("Cost of a run", "run_cost_eur", align="end"),
        Column("Calls that fail", "error_share", align="end"),
        Column("To an answer", "latency_ms", align="end"),
    ]  # fmt: skip
    if not rows:
        return Html("")
    frame = pd.DataFrame(rows)
    return table(frame, columns, review.settings.company, "Before and after an update")


def _by_metric(figures: pd.DataFrame) -> list[tuple[str, object]]:
    return [(f.metric, f) for f in figures.itertuples()]


def _both(figure: object, company: Company) -> str:
    sides = [bare(figure.metric, v, company) for v in (figure.before, figure.after)]
    return " to ".join(sides)


def contracts(review: Review) -> Html:
    """Every contract: until when, the last day to give notice, what is on file and what is not."""
    found = vendors.contracts(review)
    company = review.settings.company
    shown = found.assign(
        what_=[
            wide(two_lines(str(c.what), f"{c.id}, {c.vendor}; {c.owner}"))
            for c in found.itertuples()
        ],
        until_=[_until(c, company) for c in found.itertuples()],
        state_=[_state(c) for c in found.itertuples()],
        agreed=[wide(two_lines(_level(c), _data(c, company))) for c in found.itertuples()],
        gaps_=[wide(g) if g else Html("nothing") for g in found.gaps],
    )
    columns = [
        Column("Contract", "what_", "html", order="what"),
        Column("A year", "price_year", "money"),
        Column("Until", "until_", "html", order="notice_by"),
        Column("State", "state_", "html", order="days_left"),
        Column("Service level, data", "agreed", "html"),
        Column("Not on file", "gaps_", "html"),
    ]
    total = {"price_year": found.price_year.sum()} if len(found) else None
    return stack(
        table(
            shown, columns, company, empty=EMPTY.format("Contracts"), label="Contracts", total=total
        ),
        changes(review, "contracts"),
    )


def _until(contract: object, company: Company) -> Html:
    """Until when a contract runs, and the last day to give notice."""
    runs = "runs on" if missing(contract.until) else _day(contract.until, company)
    by = "no notice day"
    if not missing(contract.notice_by):
        by = f"notice by {_day(contract.notice_by, company)}"
    return Html(f'<span class="ob-lines">{two_lines(runs, by)}</span>')


def _state(contract: object) -> Html:
    """The light of a contract, with what follows from a notice day that passed on a line below."""
    first, _, more = contract.word.partition(": ")
    below = f'<br><span class="ob-note">{text(more)}</span>' if more else ""
    return Html(f"{light(contract.state, first)}{below}")


def _level(contract: object) -> str:
    return "service level not told" if missing(contract.sla) else str(contract.sla)


def _data(contract: object, company: Company) -> str:
    """What is agreed on data: kept how long, trained on, sub-processors checked when."""
    days = contract.retention_days
    kept = "kept: not told" if missing(days) else f"kept {number(days, company.locale)} days"
    trains = "unknown" if missing(contract.trains_on_data) else contract.trains_on_data
    agreed = "none" if missing(contract.dpa_on) else _day(contract.dpa_on, company)
    checked = "never" if missing(contract.subprocessors_on) else _day(
        contract.subprocessors_on, company
    )  # fmt: skip
    return f"agreement {agreed}; {kept}; trains on it: {trains}; sub-processors checked {checked}"


def problems(review: Review) -> Html:
    """Cells of register.xlsx that could not be read, and what is not there."""
    told = [*review.registers.problems, *review.registers.absent]
    if not told:
        return note("Every row of register.xlsx was read.")
    items = "".join(f"<li>{text(t)}</li>" for t in told)
    return Html(f"<ul>{items}</ul>")
