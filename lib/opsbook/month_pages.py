"""What the monthly review shows: a function per section, from `months`' figures to HTML.

Clause E2. Every section says in a sentence how it stands, shows what it rests on, and ends with
what a person has to explain or escalate.
"""

from collections.abc import Mapping, Sequence

import pandas as pd

from opsbook import charts, months, pages, vendor_pages
from opsbook.backtest import labels, other_limits, proposals
from opsbook.displays import (
    Column,
    Html,
    Tile,
    counted,
    day,
    figure,
    freshness,
    light,
    money,
    money_decimals,
    note,
    number,
    ratio,
    share,
    stack,
    table,
    text,
    tiles,
    two_lines,
    wide,
    zone_note,
)
from opsbook.incident_pages import cause_words
from opsbook.incidents import headline
from opsbook.register import Incident
from opsbook.regression_pages import LIGHTS as VERDICTS
from opsbook.regression_pages import Listed
from opsbook.reviews import Review
from opsbook.schema import UNASSIGNED
from opsbook.settings import CATEGORIES, Company
from opsbook.vendors import notice_question

TO_EXPLAIN = "to be explained"
COVERED = {
    "whole": ("ok", "all days"),
    "part": ("watch", "days missing"),
    "none": ("none", "no data"),
}
BACKTEST = "../backtest.html"


def state_of(question: str) -> tuple[str, str]:
    """The light and word of a section: to be explained where it asks something."""
    return ("watch", TO_EXPLAIN) if question else ("ok", "")


LONGEST_HEAD = 170
"""Characters of a question that a section's head repeats; of a longer one it gives the number."""


def heading(question: str, fine: str) -> str:
    """The sentence of a section's head: what it asks, or how many points, or that all is fine.

    >>> heading("", "All is well."), heading("One; " * 40, "")
    ('All is well.', '40 points to explain, at the end of the section.')
    """
    if len(question) <= LONGEST_HEAD:
        return question or fine
    points = [p for p in question.split("; ") if p.strip()]
    return f"{counted(len(points), 'point')} to explain, at the end of the section."


def at_a_glance(review: Review) -> Html:
    """The period in a sentence and its key figures against the period before."""
    company, rows = review.settings.company, months.categories(review)
    grave = review.opened[review.opened.priority.isin(months.GRAVE)]
    told = [
        f"{counted(int(grave.priority.eq(p).sum()), p)}" for p in months.GRAVE
        if grave.priority.eq(p).any()
    ]  # fmt: skip
    open_now = int((grave.open | grave.firing).sum())
    lead = (
        f"{' and '.join(told)}, {open_now or 'none'} still open." if told
        else "No incident of class P1 or P2."
    )  # fmt: skip
    return stack(
        Html(f'<p class="lead">{text(lead)}</p>'),
        note(f"{_lasting(review)} {zone_note(company)}"),
        tiles(*_totals(review, rows)),
    )


def _lasting(review: Review) -> str:
    company = review.settings.company
    first, last = (pd.Timestamp(d) for d in (review.period.first, review.period.last))
    return f"{day(first, company)} to {day(last, company)} {last.year}."


def _totals(review: Review, rows: pd.DataFrame) -> list[Tile]:
    company = review.settings.company
    cost, now, before = (
        rows[c].sum(min_count=1) for c in ("cost_eur", "workday_eur", "before_eur")
    )
    judged, failed = (rows[c].sum(min_count=1) for c in ("judged", "failed"))
    against = months.part(now, before)
    failing = months.part(failed, judged)
    hours = months.manual_hours(review)
    return [
        Tile(
            "Cost", money(cost, company), against=_times_before(against, review),
            trail=months.daily_cost(review),
        ),
        Tile("Calls", number(rows.calls.sum(min_count=1), company.locale), against="counted"),
        Tile("Failing share", share(failing, company.locale), against="below 2 % is usual"),
        Tile(
            "Manual fallback",
            number(sum(hours.values()), company.locale, 1) if hours else "none",
            "hours" if hours else "",
            against="by hand" if hours else "noted by hand",
        ),
    ]  # fmt: skip


def _times_before(times: object, review: Review) -> str:
    if pd.isna(times):
        return f"no {_noun(review)} before to compare with"
    return f"{ratio(times, review.settings.company.locale)} a workday of the {_noun(review)} before"


def _noun(review: Review) -> str:
    return {"weekly": "week", "monthly": "month", "quarterly": "quarter"}[review.kind]


# Data


def data(review: Review) -> Html:
    """What arrived, how far it reaches, and of which days there is none."""
    question = months.data_question(review)
    known = review.files.covered_to.notna().any()
    state, word = state_of(question) if known else ("none", "")
    said = (
        question or f"Every file was read, and every day of the {_noun(review)} is covered."
        if known
        else "No export has arrived yet."
    )
    rows = months.coverage(review)
    lit = rows.assign(
        name=[review.settings.display_name(w) for w in rows.workflow],
        light=[COVERED[s][0] for s in rows.state],
        word=[COVERED[s][1] for s in rows.state],
        told=[f"{c:g}" for c in rows.covered.round(1)],
    )
    columns = [
        Column("Workflow", "name"),
        Column("Days", "days", "count"),
        Column("Covered", "told", align="end", order="covered"),
        Column("Without any data", "missing", "count"),
        Column("State", "light", "light", words="word"),
    ]
    company = review.settings.company
    return stack(
        pages.section(review, "data", state, said, word),
        freshness(review.files, review.now, company, pages.STALE_H),
        figure(*charts.covered_days(months.covered_days(review), review.settings)),
        table(
            lit, columns, company, f"Days of the {_noun(review)} with data",
            "No workflow is set up yet.",
        ),
        note(
            f"The record of incidents is one unbroken chain of "
            f"{counted(review.register.count, 'event')}."
        ),
    )  # fmt: skip


def data_closing(review: Review, questions: Mapping[str, str]) -> Html:
    """The end of the data's section, below the carried actions."""
    return _closing(review, "data", questions["data"], "Nothing is missing, no action is late.")


def _closing(review: Review, key: str, question: str, fine: str) -> Html:
    return pages.closing(review, key, question or fine, bool(question))


# The four categories


def categories(review: Review, lists: Sequence[Listed]) -> Html:
    """A panel for each category of clause A, then each workflow in a row."""
    question = months.category_question(review)
    rows = months.categories(review, lists)
    heard = sum(len(h) for h in rows.heard)
    state, word = state_of(question) if heard else ("none", "")
    fine = "Errors and cost of every category stayed within their limits."
    said = heading(question, "") or (
        fine if heard else f"No workflow was heard of in the {_noun(review)}."
    )
    return stack(
        pages.section(review, "categories", state, said, word),
        *(_panel(row, review) for row in rows.itertuples()),
        workflows(review),
        _closing(review, "categories", question, "Nothing in the categories needs a word."),
    )


def _panel(row: object, review: Review) -> Html:
    """One category: its workflows and six figures; who is not heard of is said."""
    names = [review.settings.display_name(w) for w in row.workflows]
    silent = [review.settings.display_name(w) for w in row.workflows if w not in row.heard]
    told = f"{', '.join(names)}." if names else "No workflow of this category is set up."
    told += f" No data: {', '.join(silent)}." if silent else ""
    figures = tiles(*_figures(row, review)) if row.heard else Html("")
    return Html(
        f'<section class="ob-panel"><h3>{text(row.title)}</h3>{note(told)}{figures}</section>'
    )


def _figures(row: object, review: Review) -> list[Tile]:
    company = review.settings.company
    locale, limits = company.locale, review.settings.limits
    counted_runs = f"{number(row.runs, locale)} runs" if pd.notna(row.runs) else "runs not told"
    failing = "n/a"
    state, interval = "", "the exports carry no outcomes"
    if pd.notna(row.share):
        failing = share(row.share, locale)
        interval = f"{share(row.low, locale)} to {share(row.high, locale)}"
        state = "alert" if row.low > limits.error_p2_share else "ok"
    grave = " and ".join(f"{n} {p}" for p in months.GRAVE if (n := getattr(row, p)))
    return [
        Tile(
            "Calls", number(row.calls, locale), against=counted_runs,
            trail=months.daily_calls(review, row.workflows) if pd.notna(row.calls) else (),
        ),
        Tile(
            "Failing share", failing, against=interval, state=state,
            word={"alert": "over the limit", "ok": "within the limit"}.get(state, ""),
        ),
        Tile("Refused", share(row.refused_share, locale), against=_quality(row, locale)),
        Tile(
            "Cost", money(row.cost_eur, company), against=_times_before(row.ratio, review),
            trail=months.daily_cost(review, row.workflows),
        ),
        Tile(
            "Incidents", grave or "none",
            against=f"{row.P3 or 'no'} P3",
            state="critical" if row.P1 else "alert" if row.P2 else "ok",
            word="see the causes" if grave else "no P1, no P2",
        ),
        Tile(
            "Manual fallback",
            number(row.manual_h, locale, 1) if pd.notna(row.manual_h) else "none",
            "hours" if pd.notna(row.manual_h) else "",
            against="noted in register.xlsx",
        ),
    ]  # fmt: skip


def _quality(row: object, locale: str) -> str:
    """What else is known of quality: cases of the lists as before, and scores."""
    told = [f"list: {row.passed:.0f} of {row.cases:.0f} cases pass"] if pd.notna(row.cases) else []
    told += [f"score {number(row.quality, locale, 2)}"] if pd.notna(row.quality) else []
    return "; ".join(told) or "no list has run, nothing is scored"


def workflows(review: Review) -> Html:
    """Each workflow's volume, errors and cost in a row."""
    rows = months.workflow_figures(review)
    shown = rows.assign(
        name=[
            two_lines(review.settings.display_name(w), CATEGORIES[c])
            for w, c in zip(rows.workflow, rows.category, strict=True)
        ],
        failing=rows.failed / rows.judged.mask(rows.judged == 0),
        refusing=rows.refused / rows.judged.mask(rows.judged == 0),
        times=rows.workday_eur / rows.before_eur,
    )
    columns = [
        Column("Workflow", "name", "html", order="workflow"),
        Column("Calls", "calls", "count"),
        Column("Failed", "failing", "share"),
        Column("Refused", "refusing", "share"),
        Column("Cost", "cost_eur", "money"),
        Column("A workday", "workday_eur", "money"),
        Column("Times before", "times", "ratio"),
        Column("By hand", "manual_h", "tenths", unit="h"),
    ]
    company = review.settings.company
    return stack(
        table(
            shown, columns, company, f"Workflows in {review.name}", "No workflow is set up yet.",
            total={"cost_eur": rows.cost_eur.sum()} if len(rows) else None,
        ),
        note(f"n/a: the exports or the register do not say.{_unclaimed(review)}"),
    )  # fmt: skip


def _unclaimed(review: Review) -> str:
    """What the period cost that no workflow claims, as a sentence; "" for nothing."""
    stray = review.days[review.days.workflow == UNASSIGNED].cost_eur.sum()
    return f" No workflow claims {money(stray, review.settings.company)} more." if stray else ""


# Vendor notices


def vendors(review: Review) -> Html:
    """Vendor notices with what was tested and decided, and the ends of models that still answer."""
    question = notice_question(review)
    fine = "Every vendor notice that is near is decided."
    state, word = state_of(question)
    if review.registers.notices.empty:
        state, word, fine = "none", "", "No vendor notice is entered in register.xlsx."
    return stack(
        pages.section(review, "vendors", state, heading(question, fine), word),
        vendor_pages.notices(review),
        vendor_pages.ends(review),
        _closing(review, "vendors", question, fine),
    )


def asked(review: Review, key: str, question: str, shown: Html, fine: str) -> Html:
    """A section: its head, what it shows, and what it asks of a person, or that nothing is."""
    state, word = state_of(question)
    return stack(
        pages.section(review, key, state, heading(question, fine), word),
        shown,
        _closing(review, key, question, fine),
    )


# Regression lists


def lists(review: Review, found: Sequence[Listed]) -> Html:
    """Which workflows changed, what their lists say, and the last verdict of each model."""
    question = months.list_question(review, found)
    rows = months.changed(review, found)
    moved = rows[rows.changed]
    state, word = state_of(question) if len(rows) else ("none", "")
    said = heading(question, "") or (
        f"{counted(len(moved), 'workflow')} changed, and the lists answer as before."
        if len(moved)
        else f"No workflow's prompt, model or list changed in the {_noun(review)}."
    )
    return stack(
        pages.section(review, "lists", state, said, word),
        _changes(rows, review),
        _models(review, found),
        *_unknown(rows),
        _closing(review, "lists", question, "No list has to be looked at."),
    )


def _changes(rows: pd.DataFrame, review: Review) -> Html:
    shown = rows.assign(
        what=[wide(_what_changed(r)) for r in rows.itertuples()],
        order=(~rows.changed.astype(bool)).astype(int),
        rows_told=[_rows_told(r) for r in rows.itertuples()],
        light=[VERDICTS[v] for v in rows.verdict],
        word=[v or "no run yet" for v in rows.verdict],
        run=[two_lines(r.model or "no run yet", r.day) for r in rows.itertuples()],
    ).sort_values("order", kind="stable")
    columns = [
        Column("Workflow", "title"),
        Column("Changed", "what", "html", order="order"),
        Column("Cases", "rows_told"),
        Column("Last verdict", "light", "light", words="word"),
        Column("Model, run", "run", "html", order="day"),
    ]
    return table(
        shown, columns, review.settings.company, "What changed, and the list's last word",
        "No workflow is set up yet.",
    )  # fmt: skip


def _what_changed(row: object) -> str:
    told = [f"prompt, {counted(row.prompts, 'time')}"] if row.prompts else []
    told += [f"{m} answers for the first time" for m in row.models]
    told += ["the list, since its run was approved"] if row.edited is True else []
    return "; ".join(told) or "nothing"


def _rows_told(row: object) -> str:
    """How many cases a list has, and which came or went since its approved run."""
    told = [f"{len(row.added)} added"] if row.added else []
    told += [f"{len(row.gone)} gone"] if row.gone else []
    return ", ".join([str(row.cases) if row.cases else "no list", *told])


def _models(review: Review, found: Sequence[Listed]) -> Html:
    rows = months.verdicts(review, found)
    shown = rows.assign(
        light=[VERDICTS[v] for v in rows.verdict],
        told=[f"{r.same} of {r.cases}" for r in rows.itertuples()],
        kept=["approved" if a else "" for a in rows.approved],
    )
    columns = [
        Column("List", "title"),
        Column("Model", "model"),
        Column("Last run", "day"),
        Column("Verdict", "light", "light", words="verdict"),
        Column("Cases as before", "told", align="end"),
        Column("Compared with", "kept"),
    ]
    return table(
        shown, columns, review.settings.company, "The last verdict on each model",
        "No list was run yet.",
    )  # fmt: skip


def _unknown(rows: pd.DataFrame) -> list[Html]:
    """Of whom changes of the prompt are not known, and why; once for each reason."""
    told = rows[rows.unknown != ""]
    if told.empty:
        return []
    names = ", ".join(told.title)
    why = told.unknown.iloc[0]
    return [note(f"Whether the prompt changed is not known for {names}: {why}")]


# Cost baselines


def baselines(review: Review) -> Html:
    """How far what is normal moved, what was left out, and whom the rules call for nothing."""
    question = months.baseline_question(review)
    rows = months.baseline_drift(review)
    known = rows.end_eur.notna().any()
    state, word = state_of(question) if known else ("none", "")
    limit = share(review.settings.limits.baseline_drift, review.settings.company.locale)
    said = heading(question, "") or (
        f"Every baseline stayed within {limit} of where it was."
        if known
        else "No workflow has a baseline yet: it takes a few days with runs."
    )
    return stack(
        pages.section(review, "baselines", state, said, word),
        figure(*charts.drifts(rows, review.settings)),
        _baseline_table(rows, review),
        _budget(review),
        _closing(review, "baselines", question, "The cost baselines are still right."),
    )


METRIC_WORDS = {"run": "a run", "day": "a day it ran", "workday": "a workday"}


def _baseline_table(rows: pd.DataFrame, review: Review) -> Html:
    locale, company = review.settings.company.locale, review.settings.company
    shown = rows.assign(
        name=[
            two_lines(review.settings.display_name(r.workflow), METRIC_WORDS[r.metric])
            for r in rows.itertuples()
        ],
        began=[number(v, locale, money_decimals(v)) for v in rows.start_eur],
        ended=[number(v, locale, money_decimals(v)) for v in rows.end_eur],
        went=["n/a" if pd.isna(d) else months.signed_percent(d) for d in rows.drift],
        light=["watch" if m else "ok" if pd.notna(e) else "none" for m, e in
               zip(rows.moved, rows.end_eur, strict=True)],
        word=[_baseline_word(r) for r in rows.itertuples()],
        begun=["; ".join(e) for e in rows.epochs],
    )  # fmt: skip
    columns = [
        Column("Workflow", "name", "html", order="workflow"),
        Column("At the begin", "began", unit=company.currency, align="end", order="start_eur"),
        Column("At the end", "ended", unit=company.currency, align="end", order="end_eur"),
        Column("Went", "went", align="end", order="drift"),
        Column("Rests on", "references", "count", unit="days"),
        Column("Left out", "left_out", "share"),
        Column("State", "light", "light", words="word"),
        *([Column("New epoch", "begun")] if any(rows.epochs) else []),
    ]
    return stack(
        table(shown, columns, company, "What was normal", "No workflow is set up yet."),
        note(
            "Left out: days of the window on which the cost per run was over its limit. Where they "
            "are more than half, they stay in, and a person confirms the new normal."
        ),
    )


def _baseline_word(row: object) -> str:
    if row.moved:
        return "moved"
    return "learnt" if pd.notna(row.end_eur) else "still learning"


def _budget(review: Review) -> Html:
    """Whether calls for nothing stay within the budget; above it, the limits that would help."""
    spent, locale = months.alert_budget(review), review.settings.company.locale
    least, most, allowed = (
        number(n, locale, 1) for n in (spent.known_per_week, spent.per_week, spent.allowed_per_week)
    )
    lit = light("ok", "within the budget") if spent.met else light("watch", "above the budget")
    said = (
        f"Calls for nothing: {least} a week known to be, {most} if all not judged yet were; "
        f"{allowed} allowed, over {number(spent.weeks, locale, 1)} weeks of history."
    )
    link = f'<a href="{BACKTEST}">Back-test</a>'
    return stack(
        Html(f'<p class="ob-answer">{lit}</p><p>{text(said)} {link}</p>'),
        "" if spent.met else _proposed(review),
    )


def _proposed(review: Review) -> Html:
    """The mildest change that would meet the budget; proposed, never applied."""
    tried = other_limits(
        review.facts, review.judged.findings, labels(review.register), review.settings
    )
    found = proposals(tried, months.alert_budget(review))
    shown = found.assign(
        now=[f"{getattr(review.settings.limits, n):g}" for n in found.limit],
        shown=[f"{v:g}" for v in found.value],
    )
    columns = [
        Column("Limit", "limit"),
        Column("Rule", "rule"),
        Column("As set", "now", align="end"),
        Column("Proposed", "shown", align="end"),
        Column("Unit", "unit"),
        Column("Calls spared", "saved", "count"),
    ]
    return table(
        shown, columns, review.settings.company,
        "Proposed, not applied: decide in settings/limits.toml",
        "No value that was tried helps without losing a confirmed incident.",
    )  # fmt: skip


# Root causes


POST_MORTEMS = {
    "signed": ("ok", "signed"), "due": ("watch", "due"), "overdue": ("alert", "OVERDUE"),
    "owed": ("watch", "owed"), "": ("none", "none is owed"),
}  # fmt: skip


def causes(review: Review) -> Html:
    """Every P1 and P2: its cause, whether its fix holds by the data since, and its post-mortem."""
    question, rows = months.cause_question(review), months.causes(review)
    state, word = state_of(question)
    named = int((rows.cause != "").sum())
    said = heading(question, "") or (
        f"{counted(len(rows), 'incident')} of class P1 or P2: {named} with a root cause, none "
        "fired again."
        if len(rows)
        else f"No P1 and no P2 in the {_noun(review)}."
    )
    shown = [
        figure(*charts.incident_spans(rows, review.settings, review.now)),
        _cause_table(rows, review),
        note(
            "Verified by the data since: whether any rule of the same workflow and family fired "
            "again after it was resolved, and how many days with data that rests on."
        ),
    ]
    return stack(
        pages.section(review, "causes", state, said, word),
        *(shown if len(rows) else [note("Nothing to verify.")]),
        _closing(review, "causes", question, "Every cause is known and every fix holds."),
    )


def _cause_table(rows: pd.DataFrame, review: Review) -> Html:
    company = review.settings.company
    incidents = [review.register.incidents[i] for i in rows.id]
    verified = [_verified(r) for r in rows.itertuples()]
    shown = rows.assign(
        link=[pages.FROM_A_REVIEW.format(id=i) for i in rows.id],
        what=[
            wide(two_lines(headline(i, review.settings), _cause(i))) for i in incidents
        ],
        light=[v[0] for v in verified],
        word=[v[1] for v in verified],
        paper=[_paper(r, i, company) for r, i in zip(rows.itertuples(), incidents, strict=True)],
    )  # fmt: skip
    columns = [
        Column("Incident", "id", link="link"),
        Column("Class", "priority", "badge"),
        Column("What, root cause", "what", "html", order="workflow"),
        Column("Fix", "light", "light", words="word"),
        Column("Post-mortem, actions", "paper", "html", order="post_mortem"),
    ]
    return table(shown, columns, company, "Causes and fixes", "None.")


def _cause(incident: Incident) -> str:
    known = incident.root_cause_known
    return f"root cause: {cause_words(incident.root_cause)}" if known else "no root cause on record"


def _verified(row: object) -> tuple[str, str]:
    """Whether the data since says that it is fixed: a light and its words."""
    if row.state == "declined":
        return "none", "declined"
    if pd.isna(row.resolved_at):
        return "watch", "not resolved"
    if row.again:
        return "alert", f"fired again {counted(row.again, 'time')}"
    days = counted(round(row.clean_days), "day")
    if not round(row.clean_days):
        return "none", "no data since"
    more = f", {row.single} P3" if row.single else ""
    return "ok", f"quiet for {days}{more}"


def _paper(row: object, incident: Incident, company: Company) -> Html:
    """How its post-mortem stands, and what its actions are for and by when; its page has more."""
    state, word = POST_MORTEMS[row.post_mortem]
    when = f" {day(row.due_at, company)}" if pd.notna(row.due_at) else ""
    told = [f"{a['kind']}: {day(pd.Timestamp(a['due']), company)}" for a in incident.actions]
    lines = "".join(f'<br><span class="ob-note">{text(t)}</span>' for t in told)
    return Html(f'<span class="ob-lines">{light(state, f"{word}{when}")}{lines}</span>')
