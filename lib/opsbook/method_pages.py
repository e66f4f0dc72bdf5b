"""What the method page shows: each clause with its rules as read here, its limits and its examples.

The page is a reference manual made of three sources: the clauses and readings that the package
holds, the limits as this company has set them, and the spec tests. A clause's rules, limits and
examples stand with the clause they serve first; the others point there.
"""

import re
from collections import Counter
from dataclasses import dataclass

import pandas as pd

from opsbook.backtest import ANY, METHODS, alarms, by_rule, history_weeks, labels
from opsbook.clauses import SECTIONS, Clause, Drawing, Example, Spec, clauses, readings
from opsbook.displays import (
    NBSP,
    UNTOUCHED,
    Column,
    Html,
    light,
    note,
    number,
    stack,
    table,
    text,
)
from opsbook.reviews import Review
from opsbook.rules import RULES, Rule
from opsbook.settings import Limits, Settings

STATES = {"done": ("ok", "done"), "part": ("watch", "in part"), "to come": ("planned", "to come")}
PAGES = {
    "index": ("Status", "../index.html"),
    "weekly": ("Weekly reviews", "weekly/index.html"),
    "monthly": ("Monthly reviews", "monthly/index.html"),
    "quarterly": ("Quarterly reviews", "quarterly/index.html"),
    "portfolio": ("Portfolio", "portfolio.html"),
    "incidents": ("Incidents", "incidents/index.html"),
    "data": ("Data", "data.html"),
    "baselines": ("Baselines", "baselines.html"),
    "vendors": ("Vendors", "vendors.html"),
    "ai-act": ("EU AI Act", "ai-act.html"),
    "method": ("Method", "method.html"),
    "backtest": ("Back-test", "backtest.html"),
    "regression": ("Regression", "regression.html"),
}
"""The page a clause is met on, seen from the method page."""
BY_PEOPLE = {"R1": "harm_external", "R2": "harm_internal", "R12": "escalated"}
"""Rules that no data fires, and the reason of class by which the register counts them."""


@dataclass(frozen=True)
class Method:
    """All that the page is made of.

    `counts` is `backtest.by_rule` over the whole history, `by_class` how many incidents had each
    reason of class.
    """

    settings: Settings
    clauses: list[Clause]
    specs: list[Spec]
    counts: pd.DataFrame
    weeks: float
    by_class: Counter[str]

    def rules_of(self, clause: Clause) -> list[Rule]:
        """The rules that serve a clause before any other."""
        return [RULES[r] for r in clause.rules if RULES[r].clause == clause.id]

    def examples_of(self, clause: Clause) -> list[tuple[Spec, list[Example]]]:
        """The spec tests that serve a clause before any other, module by module."""
        own = [(s, [e for e in s.examples if e.clauses[:1] == (clause.id,)]) for s in self.specs]
        return [(spec, examples) for spec, examples in own if examples]

    def told_at(self, clause: Clause) -> list[str]:
        """Other clauses that hold rules or examples which serve this one too."""
        rules = [RULES[r].clause for r in clause.rules]
        every = [e.clauses for s in self.specs for e in s.examples if clause.id in e.clauses]
        return sorted({*rules, *(c[0] for c in every)} - {clause.id})


def method(week: Review, specs: list[Spec]) -> Method:
    """The method page's material from a company's history and the spec tests."""
    told, weeks = labels(week.register), history_weeks(week.facts)
    found = alarms(week.judged.findings, told, week.settings.limits)
    reasons = Counter(
        reason
        for incident in week.register.incidents.values()
        for reason in {step["class_reason"] for step in incident.history}
    )
    counts = by_rule(found, told, weeks)
    return Method(week.settings, clauses(), specs, counts, weeks, reasons)


def overview(own: Method) -> Html:
    """Every clause as a link with its state, section by section."""
    lines = []
    for letter, title in SECTIONS.items():
        links = " ".join(
            f'<a href="#{_anchor(c.id)}">{light(STATES[c.state][0], c.id)}</a>'
            for c in own.clauses
            if c.id.startswith(letter)
        )
        lines.append(f"<div><dt>{text(title)}</dt><dd>{links}</dd></div>")
    states = " ".join(light(state, word) for state, word in STATES.values())
    return Html(
        f'<dl class="ob-contents">{"".join(lines)}</dl><p class="ob-note ob-legend">{states}</p>'
    )


def section(own: Method, letter: str) -> Html:
    """The clauses of one section, each with its rules, limits and examples."""
    return stack(*(_clause(c, own) for c in own.clauses if c.id.startswith(letter)))


def _anchor(clause: str) -> str:
    return f"clause-{clause.lower()}"


def _clause(clause: Clause, own: Method) -> Html:
    state, word = STATES[clause.state]
    shown = PAGES.get(clause.page)
    where = f'on the page <a href="{shown[1]}">{text(shown[0])}</a>' if shown else ""
    return stack(
        f'<section class="ob-spec-clause"><h3 id="{_anchor(clause.id)}">{text(clause.id)}</h3>',
        f'<p class="ob-kicker"><span>{where}</span>{light(state, word)}</p>',
        f'<p class="ob-says">{text(clause.text)}</p>',
        *(_rule(r, own) for r in own.rules_of(clause)),
        _limits(clause, own),
        *(_examples(spec, examples) for spec, examples in own.examples_of(clause)),
        _elsewhere(clause, own),
        "</section>",
    )


def _elsewhere(clause: Clause, own: Method) -> str:
    links = ", ".join(f'<a href="#{_anchor(c)}">{text(c)}</a>' for c in own.told_at(clause))
    return f'<p class="ob-note">Rules and examples that serve it too: {links}.</p>' if links else ""


def _rule(rule: Rule, own: Method) -> str:
    """A rule in the runbook's words beside our reading, and what follows from it."""
    read = readings()[rule.id]
    told = [
        ("Measured against", read.baseline),
        ("Least sample", read.minimum),
        ("Window and clock", read.window),
        ("What follows", read.follows),
        ("Fired so far", _fired(rule, own)),
    ]
    facts = "".join(f"<div><dt>{k}</dt><dd>{_filled(v, own)}</dd></div>" for k, v in told)
    return (
        f'<div class="ob-rule"><p class="ob-rule-name"><strong>{rule.id}</strong> '
        f"{text(rule.name)}{'' if rule.done else ' ' + light('planned', 'not judged yet')}</p>"
        f'<div class="ob-beside"><div><p class="ob-kicker">In the runbook\'s words</p>'
        f"<p>{text(read.words)}</p></div>"
        f'<div><p class="ob-kicker">As it is read here</p><p>{_filled(read.reading, own)}</p></div>'
        f"</div><dl>{facts}</dl></div>"
    )


def _filled(words: str, own: Method) -> str:
    """Words with the limits they name, as the company has set them."""
    return text(re.sub(r"(?<=\d)%", f"{NBSP}%", words.format(**own.settings.limits.model_dump())))


def _fired(rule: Rule, own: Method) -> str:
    """How often a rule fired over the history, as read here and literally."""
    if rule.id in BY_PEOPLE:
        return f"{own.by_class.get(BY_PEOPLE[rule.id], 0)} on the register"
    counts = own.counts[own.counts.rule == rule.id].set_index("method")
    if counts.empty or not own.weeks:
        return "not judged yet"
    locale = own.settings.company.locale
    ours, literal = (
        f"{counts.alarms[m]} ({number(counts.per_week[m], locale, 1)} a week)" for m in METHODS
    )
    weeks = number(own.weeks, locale, 1)
    return f"{ours} as read here, {literal} read literally, in {weeks} weeks"


def _limits(clause: Clause, own: Method) -> Html:
    """The limits that serve a clause: value as set, unit, reason."""
    rows = [
        f.json_schema_extra | {"name": name, "value": _value(name, own)}
        for name, f in Limits.model_fields.items()
        if f.json_schema_extra["clause"] == clause.id
    ]
    columns = [
        Column("Limit", "name"),
        Column("As set", "value"),
        Column("Why", "reason"),
    ]
    title = f"Limits of {clause.id}"
    return table(pd.DataFrame(rows), columns, own.settings.company, title) if rows else Html("")


def _value(name: str, own: Method) -> str:
    """A limit as set, with its unit."""
    unit = Limits.model_fields[name].json_schema_extra["unit"]
    return f"{getattr(own.settings.limits, name):,.10g} {unit}"


# Examples: the spec tests


def no_examples(own: Method) -> Html:
    """What to do where the spec tests are not there; nothing where they are."""
    if own.specs:
        return Html("")
    return note(
        "The examples are the project's own spec tests, and an installed library comes without "
        "them: open this page from the project's folder."
    )


def _examples(spec: Spec, examples: list[Example]) -> str:
    """A module's examples: one table in sight, the others folded."""
    shown = next((e for e in examples if _is_table(e)), examples[0])
    rest = [e for e in examples if e is not shown]
    legend = "".join(
        f"<div><dt>{text(name)}</dt><dd>{text(said)}</dd></div>"
        for name, said in spec.legend.items()
    )
    more = f"{len(rest)} more examples" if len(rest) > 1 else "One more example"
    folded = f"<details><summary>{more}</summary>{''.join(map(_example, rest))}</details>"
    return (
        f'<div class="ob-examples"><p class="ob-kicker">'
        f"For example: {text(spec.subject)}</p>{_example(shown)}"
        f"{f'<dl class=ob-reads>{legend}</dl>' if legend else ''}{folded if rest else ''}</div>"
    )


def _is_table(example: Example) -> bool:
    """Whether it shows values and what follows from them, and no code."""
    return bool(example.drawings) and "holds" not in example.drawings[0].heads


def _example(example: Example) -> str:
    drawn = "".join(_drawing(d) for d in example.drawings)
    return f'<div class="ob-example"><p>{text(example.sentence)}</p>{drawn}</div>'


def _drawing(drawing: Drawing) -> str:
    heads = "".join(f"<th>{text(_words(h))}</th>" for h in drawing.heads)
    rows = "".join(
        f"<tr>{''.join(f'<td>{text(cell)}</td>' for cell in row)}</tr>" for row in drawing.rows
    )
    return f'<table class="ob-drawing"{UNTOUCHED}><tr>{heads}</tr>{rows}</table>'


def _words(name: str) -> str:
    return name.replace("_", " ")


def fired(own: Method) -> Html:
    """How often each rule fired over the whole history, as read here and literally."""
    wide = own.counts.pivot(index="rule", columns="method", values=["alarms", "per_week"])
    wide.columns = [f"{figure}_{of}" for figure, of in wide.columns]
    words = own.counts.drop_duplicates("rule")[["rule", "words"]]
    rows = words.merge(wide, left_on="rule", right_index=True)
    rows["words"] = rows.rule.where(rows.rule != ANY, "All:") + " " + rows.words
    columns = [
        Column("Rule", "words", order="rule"),
        Column("As read here", "alarms_calendar", "count"),
        Column("a week", "per_week_calendar", "tenths"),
        Column("Literally", "alarms_runbook", "count"),
        Column("a week", "per_week_runbook", "tenths"),
    ]
    weeks = number(own.weeks, own.settings.company.locale, 1)
    return table(rows, columns, own.settings.company, f"Alarms in {weeks} weeks of history")
