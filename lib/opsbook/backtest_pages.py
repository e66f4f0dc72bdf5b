"""What the back-test's page shows: one function per section.

Both readings of every rule stand beside each other, held against what people said; then what the
alert budget allows, and what other limits would have done. Nothing here changes a setting.
"""

import pandas as pd

from opsbook import charts
from opsbook.backtest import ANY, METHODS, STEPS, Backtest
from opsbook.displays import (
    Column,
    Html,
    Tile,
    counted,
    figure,
    light,
    note,
    number,
    stack,
    table,
    text,
    tiles,
    two_lines,
    zone_note,
)
from opsbook.settings import Company, Settings

READ = {"calendar": "as read here", "runbook": "literally"}
SAID = {True: ("ok", "an incident"), False: ("watch", "none")}


def head(test: Backtest, settings: Settings) -> Html:
    """The answer in a sentence and four figures: who was called, for what, and for nothing."""
    locale, budget = settings.company.locale, test.budget
    ours, literal = (test.called[test.called.method == m] for m in METHODS)
    weeks = number(test.weeks, locale, 1)
    real = int((ours.verdict == "real").sum())
    sentence = (
        f"In {weeks} weeks of history the rules would have called someone "
        f"{counted(len(ours), 'time')}, {real} of them for an incident that people confirmed. "
        f"Read literally: {counted(len(literal), 'time')}."
    )
    caught, confirmed = (
        test.rules[test.rules.rule == ANY].set_index("method").caught,
        test.confirmed,
    )
    return stack(
        Html(f'<p class="lead">{text(sentence)}</p>'),
        tiles(
            Tile(
                "Confirmed incidents seen",
                f"{caught['calendar']} of {confirmed}" if confirmed else "none yet",
                against=f"{caught['runbook']} read literally" if confirmed else "with a root cause",
            ),
            Tile(
                "Calls a week",
                number(_a_week(ours, test), locale, 1),
                against=f"{number(_a_week(literal, test), locale, 1)} read literally",
            ),
            Tile("Declined or explained", str(budget.false), against="calls for nothing"),
            Tile("Not judged by anyone", str(budget.unjudged), against="close or decline them"),
        ),
        note(
            "A call is an alarm of class P1 or P2; what several rules see of one workflow within a "
            "day is one call."
        ),
    )


def _a_week(called: pd.DataFrame, test: Backtest) -> float:
    return len(called) / test.weeks if test.weeks else 0.0


def side_by_side(test: Backtest, settings: Settings) -> Html:
    """Alarms a week of each rule, as read here beside literally."""
    return figure(*charts.alarms_by_rule(test.rules, settings))


def scores(test: Backtest, settings: Settings) -> Html:
    """What each rule did under either method, held against what people said."""
    shown = [_scores(test, settings.company, method) for method in METHODS]
    return stack(
        *shown,
        note(
            "Caught and missed count confirmed incidents; a rule misses those it is on record as "
            "having given their class. False: declined or explained. Not judged: nobody said yet."
        ),
    )


def _scores(test: Backtest, company: Company, method: str) -> Html:
    own = test.rules[(test.rules.method == method) & (test.rules.rule != ANY)]
    columns = [
        Column("Rule", "said", order="rule"),
        Column("Alarms", "alarms", "count"),
        Column("A week", "per_week", "tenths"),
        Column("Caught", "caught", "count"),
        Column("Missed", "missed", "count"),
        Column("False", "false", "count"),
        Column("Not judged", "unjudged", "count"),
    ]
    rows = own.assign(said=own.rule + " " + own.words)
    return table(rows, columns, company, f"Rules {READ[method]}", "No rule is judged.")


def alert_budget(test: Backtest, settings: Settings) -> Html:
    """Whether calls for nothing stay within the budget, and what would bring them there."""
    budget, locale = test.budget, settings.company.locale
    allowed = number(budget.allowed_per_week, locale, 1)
    least, most = (number(x, locale, 1) for x in (budget.known_per_week, budget.per_week))
    state = "ok" if budget.met else "alert"
    word = "within the budget" if budget.met else "above the budget"
    said = (
        f"Allowed: {allowed} false P2 a week for the whole company. Known to be false: {least} a "
        f"week; {most} if everything that nobody has judged were false too."
    )
    return stack(
        Html(f'<p class="ob-answer">{light(state, word)}</p><p>{text(said)}</p>'),
        "" if budget.met else _proposed(test, settings),
    )


def _proposed(test: Backtest, settings: Settings) -> Html:
    proposed = test.budget.proposals
    return stack(
        table(
            proposed.assign(shown=[f"{v:g}" for v in proposed.value]),
            [
                Column("Limit", "limit"),
                Column("Rule", "rule"),
                Column("Proposed", "shown", align="end"),
                Column("Unit", "unit"),
                Column("Calls spared", "saved", "count"),
                Column("Confirmed caught", "caught", "count"),
            ],
            settings.company,
            "Proposed: the mildest change that loses no confirmed incident",
            "No value that was tried helps without losing a confirmed incident.",
        ),
        note(
            "Proposed, never applied: the monthly review decides, in settings/limits.toml. Judging "
            "what nobody has judged comes first."
        ),
    )


def other_limits(test: Backtest, settings: Settings) -> Html:
    """What each rule would have done with other values of its limit, one row per limit."""
    company = settings.company
    cells = test.what_if.assign(cell=[_tried(r, company.locale) for r in test.what_if.itertuples()])
    wide = cells.pivot(index="limit", columns="step", values="cell").reindex(columns=[*STEPS])
    limits = cells.drop_duplicates("limit")[["rule", "limit", "unit"]]
    rows = limits.merge(wide.fillna("n/a"), left_on="limit", right_index=True)
    rows["name"] = [
        two_lines(f"{r.rule} {r.limit}", r.unit)
        for r in rows[["rule", "limit", "unit"]].itertuples()
    ]
    steps = [Column(_step(s), s, "html") for s in STEPS]
    columns = [Column("Limit", "name", "html", order="limit"), *steps]
    return stack(
        table(rows, columns, company, "Alarms with another value in place of a limit"),
        note(
            "Bold: the value. Only the rule concerned is judged again; missed counts confirmed "
            "incidents that it is on record as having given their class."
        ),
    )


def _tried(row: object, locale: str) -> Html:
    """What one value would have done: the value, how many alarms, and what it would have missed."""
    often = f", {number(row.per_week, locale, 1)} a week" if row.alarms else ""
    told = counted(row.alarms, "alarm") + often
    lost = f"; missed {row.missed}" if row.missed else ""
    return Html(
        f"<strong>{text(f'{row.value:g}')}</strong><br>"
        f'<span class="ob-note">{text(told + lost)}</span>'
    )


def _step(step: float) -> str:
    """How far a value is from the one set, in words."""
    if step == 1:
        return "As set"
    return f"{abs(step - 1):.0%} {'more' if step > 1 else 'less'}".replace("%", " %")


def said(test: Backtest, settings: Settings) -> Html:
    """What people said of the history: the labels everything above is held against."""
    labels = test.labels
    rows = labels.assign(
        name=[settings.display_name(w) for w in labels.workflow],
        light=[SAID[r][0] for r in labels.real],
        word=[SAID[r][1] for r in labels.real],
        seen=[" ".join(r) or "a person" for r in labels.rules],
        page=[f"incidents/{s}.html" if s.startswith("INC-") else None for s in labels.source],
    )
    columns = [
        Column("Workflow", "name"),
        Column("From", "started_at", "when"),
        Column("To", "ended_at", "when"),
        Column("It was", "light", "light", words="word"),
        Column("Class given by", "seen"),
        Column("On record as", "source", link="page"),
    ]
    empty = (
        "Nobody has judged anything yet: close incidents with a root cause, decline what was "
        "none, explain what was expected."
    )
    return stack(
        table(rows, columns, settings.company, "Stretches that people judged", empty),
        note(zone_note(settings.company)),
    )
