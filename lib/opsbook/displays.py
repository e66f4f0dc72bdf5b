"""What a page shows beside charts: tables, lights, cards, agenda boxes; how figures are written.

Frames and settings in, HTML out; nothing here opens a file or knows the time. Every text from data
is escaped on its way in, and a shortcode's braces are broken, because a renderer would run them.
Times stand in the company's zone, numbers in its locale, and no light without a word. The look
(classes `ob-...`) is `reports/assets/opsbook.css`.
"""

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from html import escape
from math import floor, isfinite, log10

import altair as alt
import pandas as pd
from babel.dates import format_datetime
from babel.numbers import format_decimal

from opsbook.agendas import PRESENT
from opsbook.events import HEAD_SHOWN
from opsbook.incidents import FIRST_RESPONSE, headline
from opsbook.register import ENDED
from opsbook.settings import Company, Settings

WORDS = {
    "ok": "As expected",
    "watch": "Watch",
    "alert": "P2, significant",
    "critical": "P1, critical",
    "none": "No data",
    "planned": "Still to come",
    "missing": "n/a",
    "nothing": "Nothing to show.",
    "decide": "Explain or escalate",
    "item": "Item {number}",
    "minutes": "{minutes} min",
    "to_come": "Still to come",
    "sort": "Sort by {label}",
    "since": "Since",
    "measured": "Measured",
    "against": "Against",
    "by_when": "Must know",
    "first": "First response",
    "detected": "Detected",
    "at_once": "at once",
    "weekly": "AI Lead, in the weekly review",
    "quiet": "No incident is open.",
    "quiet_more": "Nobody has to act.",
    "firing": "still going on",
    "over": "over since {at}",
    "ago": "{time} ago",
    "ahead": "in {time}",
    "by": "by {at}, {distance}",
    "knows": "knows since {at}",
    "knew_late": "knows since {at}, due {due}",
    "limit": "limit {limit}",
    "reported": "reported by a person",
    "total": "Total",
}
"""Every label of a page, in English; another language is another dict with these keys."""

LIGHTS = ("ok", "watch", "alert", "critical", "none", "planned")
"""The states a light can have; each has its own shape, so that colour is never alone."""

NBSP = "\N{NO-BREAK SPACE}"
WHOLE_EUROS_FROM = 100
WHOLE_PERCENT_FROM = 10


class Html(str):
    """A piece of a page that shows itself: in JupyterLab, papermill's outputs and on the site."""

    __slots__ = ()

    def _repr_html_(self) -> str:
        drawn = 'class="ob-chart"' in self
        return f"{self}<script>{IN_JUPYTERLAB}</script>" if drawn else str(self)

    def _repr_mimebundle_(self, **_: object) -> dict[str, str]:
        """The piece as HTML and as plain words, as notebooks store it."""
        return {"text/html": self._repr_html_(), "text/plain": plain(self)}


def plain(html: str) -> str:
    """The words of a piece of HTML, without its scripts and drawings.

    >>> plain("<p>Spend <b>4 EUR</b></p><script>x</script>")
    'Spend 4 EUR'
    """
    shown = re.sub(r"<(script|svg)\b.*?</\1>", " ", html, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", shown).split())


def text(value: object) -> str:
    """Any text from data, safe inside HTML: escaped, and with a shortcode's braces broken.

    >>> text("<b> {{< env KEY >}}")
    '&lt;b&gt; {&#123;&lt; env KEY &gt;}}'
    """
    return escape(str(value), quote=True).replace("{{", "{&#123;")


def stack(*parts: str) -> Html:
    """Pieces of a page, one below the other."""
    return Html("\n".join(parts))


# Figures, as people in the company write them


def missing(value: object) -> bool:
    """Whether a figure is absent: None, <NA>, NaN or infinite."""
    if value is None or value is pd.NA or value is pd.NaT:
        return True
    return isinstance(value, float) and not isfinite(value)


def number(value: object, locale: str, decimals: int = 0) -> str:
    """A number with the locale's separators and a fixed count of decimals; n/a when absent.

    >>> number(1234.4, "en_GB"), number(1234.56, "de_DE", 1)
    ('1,234', '1.234,6')
    """
    if missing(value):
        return WORDS["missing"]
    pattern = "#,##0" + ("." + "0" * decimals if decimals else "")
    return format_decimal(round(float(value), decimals), format=pattern, locale=locale)


def money_decimals(amount: object) -> int:
    """Decimals an amount is worth showing: two digits of what it is, none from 100 on.

    >>> [money_decimals(x) for x in (0.0042, 0.31, 4.2, 99.0, 1234.0)]
    [4, 2, 2, 2, 0]
    """
    size = 0.0 if missing(amount) else abs(float(amount))
    if size >= WHOLE_EUROS_FROM:
        return 0
    return max(2, 1 - floor(log10(size))) if 0 < size < 1 else 2


def money(amount: object, company: Company) -> str:
    """An amount in the company's currency, with its unit.

    >>> from types import SimpleNamespace
    >>> swiss = SimpleNamespace(locale="en_GB", currency="CHF")
    >>> money(0.314, swiss).replace(NBSP, " "), money(1234.0, swiss).replace(NBSP, " ")
    ('0.31 CHF', '1,234 CHF')
    """
    if missing(amount):
        return WORDS["missing"]
    return f"{number(amount, company.locale, money_decimals(amount))}{NBSP}{company.currency}"


def ratio(times: object, locale: str) -> str:
    """How many times something is what it was.

    >>> ratio(2.42, "en_GB")
    '2.4×'
    """
    return WORDS["missing"] if missing(times) else f"{number(times, locale, 1)}×"


def share(part: object, locale: str) -> str:
    """A share (0 to 1) in percent: one decimal below 10 % unless it is whole, none from there on.

    >>> [share(x, "en_GB").replace(NBSP, " ") for x in (0.0234, 0.05, 0.62)]
    ['2.3 %', '5 %', '62 %']
    """
    if missing(part):
        return WORDS["missing"]
    percent = 100 * float(part)
    whole = round(percent, 1) == round(percent) or percent >= WHOLE_PERCENT_FROM
    decimals = 0 if whole else 1
    return f"{number(percent, locale, decimals)}{NBSP}%"


def local(at: pd.Timestamp, company: Company) -> pd.Timestamp:
    """A moment in the company's zone; a naive one is local already."""
    return at if at.tzinfo is None else at.tz_convert(company.zone)


def when(at: object, company: Company) -> str:
    """A moment as weekday, date and time in the company's zone; n/a when absent."""
    return _written(at, company, "EEE d MMM HH:mm")


def day(at: object, company: Company) -> str:
    """A local day as weekday and date; n/a when absent."""
    return _written(at, company, "EEE d MMM")


def _written(at: object, company: Company, pattern: str) -> str:
    if missing(at):
        return WORDS["missing"]
    return format_datetime(local(pd.Timestamp(at), company), pattern, locale=company.locale)


def zone_note(company: Company) -> str:
    """The zone all times of a page are in, as a sentence."""
    return f"Times in {company.zone}."


def span(time: pd.Timedelta) -> str:
    """A length of time in its two largest units, rounded down.

    >>> span(pd.Timedelta("3 days 19:50:00")), span(pd.Timedelta("42min")), span(pd.Timedelta("6h"))
    ('3 d 19 h', '42 min', '6 h')
    """
    whole = int(abs(time) / pd.Timedelta(minutes=1))
    days, hours, minutes = whole // 1440, whole // 60 % 24, whole % 60
    if days:
        return f"{days} d {hours} h" if hours else f"{days} d"
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    return f"{minutes} min"


def deadline(at: pd.Timestamp, now: pd.Timestamp, company: Company) -> str:
    """By when, and how far off that is: "by Thu 19 Nov 13:00, 3 d 19 h ago"."""
    key = "ago" if at <= now else "ahead"
    distance = WORDS[key].format(time=span(at - now))
    return WORDS["by"].format(at=when(at, company), distance=distance)


METRICS = {
    "error_share": "{} of calls failed",
    "run_cost_eur": "{} a run",
    "cost_eur": "{} an hour",
    "R6 cost_eur": "{} in 24 hours",
    "R7 cost_eur": "{} that day",
    "tokens": "{} tokens",
    "tokens_per_run": "{} tokens a run",
    "latency_ms": "{} to an answer",
    "runs": "{} runs",
    "refused_share": "{} of runs refused",
    "tasks": "{} tasks done",
    "missing_h": "{} business hours without data",
    "lost_cases": "{} cases lost",
}
"""A metric's figure in words, after a rule where it sums over another time; one that is not here
shows its own name."""


def measured(metric: str, value: object, company: Company, rule: str = "") -> str:
    """A figure of a finding in words: its metric's unit is in the metric's name."""
    words = METRICS.get(f"{rule} {metric}") or METRICS.get(
        metric, f"{metric.replace('_', ' ')} {{}}"
    )
    return words.format(bare(metric, value, company))


def bare(metric: str, value: object, company: Company) -> str:
    """A metric's figure with its unit alone.

    >>> from types import SimpleNamespace
    >>> here = SimpleNamespace(locale="en_GB", currency="GBP")
    >>> bare("error_share", 0.12, here).replace(NBSP, " "), bare("latency_ms", 1830, here)
    ('12 %', '1.8 s')
    """
    locale = company.locale
    if missing(value):
        return WORDS["missing"]
    if metric.endswith("_share"):
        return share(value, locale)
    if metric.endswith("_ms"):
        return f"{number(float(value) / MS, locale, 1)} s"
    return money(value, company) if metric.endswith("eur") else number(value, locale)


MS = 1000


# Lights and boxes

SHAPES = {
    "ok": '<circle cx="8" cy="8" r="6"/><path class="ob-cut" d="M5 8.2l2.2 2.2L11 6.2"/>',
    "watch": '<path d="M8 1.8 14.2 8 8 14.2 1.8 8z"/>',
    "alert": '<path d="M8 1.6 15 14H1z"/><path class="ob-cut" d="M8 6v4M8 11.6v.9"/>',
    "critical": '<path d="M5.1 1h5.8L15 5.1v5.8L10.9 15H5.1L1 10.9V5.1z"/>'
    '<path class="ob-cut" d="M8 4.2v5M8 11v1.2"/>',
    "none": '<circle class="ob-hollow" cx="8" cy="8" r="5.5"/>',
    "planned": '<circle class="ob-hollow ob-dashed" cx="8" cy="8" r="5.5"/>',
}
BADGES = {"P1": "critical", "P2": "alert", "P3": "watch"}


def light(state: str, word: str = "") -> Html:
    """A light with its word; the shape differs by state, not the colour alone.

    `state` is one of LIGHTS; without a word the state's own stands there.
    """
    shape = f'<svg class="ob-shape" viewBox="0 0 16 16" aria-hidden="true">{SHAPES[state]}</svg>'
    return Html(
        f'<span class="ob-light ob-{state}">{shape}<span>{text(word or WORDS[state])}</span></span>'
    )


def badge(priority: object) -> Html:
    """A priority (P1 to P3) as a badge; a dash when nothing follows from it."""
    if missing(priority):
        return Html('<span class="ob-badge ob-none">–</span>')
    return Html(f'<span class="ob-badge ob-{BADGES[str(priority)]}">{text(priority)}</span>')


def agenda(item: int, title: str, minutes: int, state: str, sentence: str, word: str = "") -> Html:
    """The head of an agenda section: its number and minutes, a light with its word, one sentence.

    Clause E1. Leave `title` empty where a heading with it stands right above.
    """
    facts = [WORDS["item"].format(number=item), title, WORDS["minutes"].format(minutes=minutes)]
    head = " · ".join(text(f) for f in facts if f)
    return Html(
        f'<div class="ob-agenda ob-{state}"><p class="ob-kicker"><span>{head}</span>'
        f'{light(state, word)}</p><p class="ob-answer">{text(sentence)}</p></div>'
    )


def explain(sentence: str, state: str = "alert") -> Html:
    """The line a section ends with: what a person has to explain or escalate, or that nothing is.

    `sentence` says what, and who decides; `state` is "ok" where nothing is left to decide.
    """
    return Html(
        f'<p class="ob-explain ob-{state}"><strong>{WORDS["decide"]}:</strong> {text(sentence)}</p>'
    )


def to_come(clause: str, rule: str, sentence: str = "") -> Html:
    """A box in place of a section whose rule is still to come: never an empty section.

    `clause` is the runbook's number, `rule` what will be judged there in words.
    """
    head = f"{light('planned')} <span>{text(rule)}</span>"
    said = f"<p>{text(sentence)}</p>" if sentence else ""
    return Html(
        f'<div class="ob-tocome"><p class="ob-tocome-head">{head} '
        f'<span class="ob-clause">{text(clause)}</span></p>{said}</div>'
    )


def note(sentence: str) -> Html:
    """A quiet line under a table or a figure: how it was measured, in which zone."""
    return Html(f'<p class="ob-note">{text(sentence)}</p>')


def chain_note(count: int, head: str) -> Html:
    """The foot of every page: how far the record reached when it was made, and how to check it.

    Whoever keeps a page can see whether the record was cut or written anew since.
    """
    short = head[:HEAD_SHOWN]
    command = f"opsbook verify --count {count} --head {short}"
    return Html(
        f'<p class="ob-record">Record: {counted(count, "event")}, head <code>{short}</code>. '
        f"To see that it still holds them: <code>{command}</code></p>"
    )


def signatures(kind: str) -> Html:
    """Room to sign on a printed review, a line for each role; a screen does not show it."""
    lines = "".join(
        f"<tr><th scope='row'>{text(role)}</th><td></td><td></td></tr>" for role in PRESENT[kind]
    )
    return Html(
        '<table class="ob-sign"><thead><tr><th>Role</th><th>Held on</th>'
        f"<th>Signature</th></tr></thead><tbody>{lines}</tbody></table>"
    )


def counted(n: int, one: str, many: str = "") -> str:
    """How many, in words.

    >>> counted(0, "file"), counted(1, "file"), counted(3, "stretch", "stretches")
    ('no files', '1 file', '3 stretches')
    """
    return f"{n or 'no'} {one if n == 1 else many or one + 's'}"


def wide(words: str) -> Html:
    """A cell's words that wrap, with room enough to be read."""
    return Html(f'<span class="ob-wide">{words if isinstance(words, Html) else text(words)}</span>')


def two_lines(first: str, second: str) -> Html:
    """A cell's words with a quiet line below them."""
    return Html(f'{text(first)}<br><span class="ob-note">{text(second)}</span>')


def two_times(first: str, second: str) -> Html:
    """Two moments in a cell, each on a line of its own; the second one quiet."""
    return Html(f'<span class="ob-lines">{two_lines(first, second)}</span>')


@dataclass(frozen=True)
class Tile:
    """One key figure: what it is called, the figure, its unit, what it is measured against.

    `trail` are the values of its sparkline, oldest first; `state` one of LIGHTS.
    """

    label: str
    value: str
    unit: str = ""
    against: str = ""
    trail: Sequence[float] = ()
    state: str = ""
    word: str = ""


def tiles(*figures: Tile) -> Html:
    """Key figures beside each other, each with a line of its recent past."""
    return Html(f'<dl class="ob-tiles">{"".join(_tile(f) for f in figures)}</dl>')


def _tile(figure: Tile) -> str:
    unit = f' <span class="ob-unit">{text(figure.unit)}</span>' if figure.unit else ""
    lit = light(figure.state, figure.word) if figure.state else ""
    against = f"<span>{text(figure.against)}</span>" if figure.against else ""
    return (
        f'<div class="ob-tile"><dt>{text(figure.label)}</dt>'
        f'<dd><span class="ob-figure">{text(figure.value)}{unit}</span>{sparkline(figure.trail)}'
        f'<span class="ob-against">{against}{lit}</span></dd></div>'
    )


def sparkline(values: Sequence[float]) -> Html:
    """The recent past of a figure as a line of 120 x 28; its last value is a dot.

    Absent values leave a gap. Hidden from screen readers: the figure beside it says what counts.
    """
    points = _points([float("nan") if missing(v) else float(v) for v in values])
    if not points:
        return Html("")
    path = " ".join(f"{'M' if fresh else 'L'}{x} {y}" for x, y, fresh in points)
    x, y, _ = points[-1]
    return Html(
        '<svg class="ob-spark" viewBox="0 0 120 28" aria-hidden="true">'
        f'<path d="{path}"/><circle cx="{x}" cy="{y}" r="2.5"/></svg>'
    )


def _points(values: list[float]) -> list[tuple[float, float, bool]]:
    """Places on the sparkline's canvas and whether a new stroke begins there."""
    there = [v for v in values if isfinite(v)]
    if not there:
        return []
    low, high = min([0.0, *there]), max(there)
    reach, step = (high - low) or 1.0, 112 / max(len(values) - 1, 1)
    return [
        (round(4 + i * step, 1), round(24 - 20 * (v - low) / reach, 1), not i or not isfinite(p))
        for i, (v, p) in enumerate(zip(values, [float("nan"), *values], strict=False))
        if isfinite(v)
    ]


# Tables

WRITERS: dict[str, Callable[[object, Company], str]] = {
    "text": lambda v, _: WORDS["missing"] if missing(v) else str(v),
    "count": lambda v, c: number(v, c.locale),
    "tenths": lambda v, c: number(v, c.locale, 1),
    "share": lambda v, c: number(None if missing(v) else 100 * float(v), c.locale, 1),
    "ratio": lambda v, c: ratio(v, c.locale),
    "when": when,
    "day": day,
}
"""How a column writes its values; the unit stands in the head, not in every row."""
UNITS = {"share": "%"}
UNTOUCHED = ' data-quarto-disable-processing="true" data-quarto-bootstrap="false"'
"""Tells Quarto to leave a table as it is: rewritten it would lose what it is sorted by."""
FIGURES = ("count", "tenths", "money", "share", "ratio")


@dataclass(frozen=True)
class Column:
    """One column of a table: its head, the frame's column it shows, and how.

    `format` is one of WRITERS, "money" (the company's), "light" (a state of LIGHTS; `words` names
    the column with its word), "badge" (a priority) or "html" (an Html piece). `unit` stands in the
    head; the currency and % come by themselves. `link` names the column with the cell's address,
    `order` one to sort by instead.

    Amounts of one column have the same decimals, so that their points line up.
    """

    label: str
    field: str
    format: str = "text"
    unit: str = ""
    align: str = ""
    link: str = ""
    words: str = ""
    order: str = ""
    decimals: int = 2

    @property
    def end(self) -> bool:
        """Whether its cells are set right: figures are."""
        return (self.align or ("end" if self.format in FIGURES else "")) == "end"

    def unit_for(self, company: Company) -> str:
        """The unit in the head: the one given, else that of the format."""
        return self.unit or (UNITS | {"money": company.currency}).get(self.format, "")


def table(
    frame: pd.DataFrame,
    columns: Sequence[Column],
    company: Company,
    caption: str = "",
    empty: str = "",
    total: dict[str, object] | None = None,
    mark: str = "",
    label: str = "",
) -> Html:
    """A table people can sort, one row per row of the frame; a sentence when there is none.

    The first column heads its row. `total` maps fields to the figures of a last row; `mark` names
    a column of flags whose rows are set off; `label` names the table for screen readers where a
    heading right above it takes the place of a caption. Times and numbers as the company writes.
    """
    said = f"<caption><span>{text(caption)}</span></caption>" if caption else ""
    if frame.empty:
        title = f'<span class="ob-title">{text(caption)}</span> ' if caption else ""
        return Html(f'<p class="ob-empty">{title}{text(empty or WORDS["nothing"])}</p>')
    columns = [_lined_up(c, frame) for c in columns]
    head = "".join(_head(c, company, len(frame) > 1) for c in columns)
    body = "".join(_row(row, columns, company, mark) for row in frame.to_dict("records"))
    foot = _foot(total, columns, company) if total else ""
    name = text(caption or label or columns[0].label)
    return Html(
        f'<div class="ob-scroll" role="region" aria-label="{name}" tabindex="0">'
        f'<table class="ob-table"{UNTOUCHED}>{said}<thead><tr>{head}</tr></thead>'
        f"<tbody>{body}</tbody>{foot}</table></div>"
    )


def _lined_up(column: Column, frame: pd.DataFrame) -> Column:
    """The column with as many decimals as its smallest amount is worth."""
    if column.format != "money":
        return column
    needed = [money_decimals(v) for v in frame[column.field] if not missing(v)]
    return replace(column, decimals=max(needed, default=2))


def _head(column: Column, company: Company, sorts: bool) -> str:
    told = column.unit_for(company)
    unit = f'<span class="ob-unit">{text(told)}</span>' if told else ""
    side = ' class="ob-end"' if column.end else ""
    name = f"{text(column.label)} {unit}".strip()
    button = f'<button type="button" class="ob-sort">{name}</button>' if sorts else name
    return f'<th scope="col"{side}>{button}</th>'


def _row(row: dict, columns: Sequence[Column], company: Company, mark: str) -> str:
    marked = bool(mark) and not missing(row[mark]) and bool(row[mark])
    cells = [_cell(row, c, company, heads=i == 0) for i, c in enumerate(columns)]
    return f"<tr{_MARKED if marked else ''}>{''.join(cells)}</tr>"


_MARKED = ' class="ob-marked"'


def _cell(row: dict, column: Column, company: Company, heads: bool) -> str:
    shown = written(row, column, company)
    if column.link and not missing(row[column.link]):
        shown = f'<a href="{text(row[column.link])}">{shown}</a>'
    kinds = [
        "ob-end" if column.end else "",
        "ob-time" if column.format in ("when", "day") else "",
        "ob-na" if missing(row[column.field]) else "",
    ]
    classes = " ".join(k for k in kinds if k)
    attributes = (f' class="{classes}"' if classes else "") + _sort_key(row, column)
    return f'<th scope="row"{attributes}>{shown}</th>' if heads else f"<td{attributes}>{shown}</td>"


def written(row: dict, column: Column, company: Company) -> str:
    """A cell's content as HTML: the value in the column's format, escaped."""
    value = row[column.field]
    if column.format == "html":
        return str(value)
    if column.format == "light":
        word = row[column.words] if column.words else ""
        return light(str(value), "" if missing(word) else str(word))
    if column.format == "badge":
        return badge(value)
    if column.format == "money":
        return text(number(value, company.locale, column.decimals))
    return text(WRITERS[column.format](value, company))


def _sort_key(row: dict, column: Column) -> str:
    """What a browser sorts a cell by; an absent value goes last."""
    value = row[column.order or column.field]
    if missing(value):
        return ' data-sort=""'
    if isinstance(value, pd.Timestamp):
        return f' data-sort="{value.isoformat()}"'
    if column.format == "light" and not column.order:
        return f' data-sort="{LIGHTS.index(str(value))}"'
    if column.order or column.format in FIGURES:
        return f' data-sort="{text(value)}"'
    return ""


def _foot(total: dict[str, object], columns: Sequence[Column], company: Company) -> str:
    cells = [
        _cell(total, c, company, heads=False)
        if c.field in total
        else ('<th scope="row">' + WORDS["total"] + "</th>" if i == 0 else "<td></td>")
        for i, c in enumerate(columns)
    ]
    return f"<tfoot><tr>{''.join(cells)}</tr></tfoot>"


# Incidents, freshness, figures


def cards(
    incidents: pd.DataFrame,
    timers: pd.DataFrame,
    settings: Settings,
    now: pd.Timestamp,
    link: str = "",
) -> Html:
    """A card per incident, in the frame's order: what, since when, against what, who acts by when.

    Takes `register.Register.frame` and `incidents.timers`. `link` is the address of an incident's
    page with `{id}` in it.
    """
    if incidents.empty:
        return Html(
            f'<div class="ob-card ob-ok"><p class="ob-card-what">{light("ok", WORDS["quiet"])} '
            f"{WORDS['quiet_more']}</p></div>"
        )
    shown = [
        _card(i, timers[(timers.id == i.id) & timers.current], settings, now, link)
        for i in incidents.itertuples()
    ]
    return Html(f'<div class="ob-cards">{"".join(shown)}</div>')


def _card(
    incident: object,
    timers: pd.DataFrame,
    settings: Settings,
    now: pd.Timestamp,
    link: str,
) -> str:
    company = settings.company
    facts = [
        (WORDS["since"], text(since(incident, company))),
        (WORDS["detected"], text(when(incident.detected_at, company))),
        (WORDS["measured"], text(against(incident, company))),
        (WORDS["by_when"], who_by_when(timers, now, company)),
        (WORDS["first"], text(FIRST_RESPONSE[incident.priority])),
    ]
    href = link.format(id=incident.id)
    return card(incident, headline(incident, settings), facts, href)


def card(incident: object, what: str, facts: Sequence[tuple[str, str]], href: str = "") -> Html:
    """One incident as a card: its class, id and state, what happened, and facts by name.

    `facts` hold HTML; `href` is the address of its page. Leave `what` empty where the page's title
    says it.
    """
    rows = "".join(f"<div><dt>{text(label)}</dt><dd>{said}</dd></div>" for label, said in facts)
    name = text(incident.id)
    named = f'<a href="{text(href)}">{name}</a>' if href else name
    said = f'<p class="ob-card-what">{text(what)}</p>' if what else ""
    return Html(
        f'<article class="ob-card ob-{BADGES[incident.priority]}"><p class="ob-card-head">'
        f'{badge(incident.priority)} <span class="ob-id">{named}</span> {state_light(incident)}</p>'
        f"{said}<dl>{rows}</dl></article>"
    )


def state_light(incident: object) -> Html:
    """The state of an incident as a light: its word, and whether a rule still holds."""
    return light(state_of(incident), state_words(incident))


def state_of(incident: object) -> str:
    """Which of LIGHTS an incident's state is: that of its class until the damage is stopped."""
    if incident.state in ("resolved", *ENDED):
        return "ok"
    return "watch" if incident.state == "mitigated" else BADGES[incident.priority]


def state_words(incident: object) -> str:
    """An incident's state in words: "acknowledged, still going on"."""
    return f"{incident.state}, {WORDS['firing']}" if incident.firing else str(incident.state)


def since(incident: object, company: Company) -> str:
    """When an incident began and whether it goes on, in local time."""
    going = WORDS["over"].format(at=when(incident.ended_at, company))
    state = WORDS["firing"] if incident.firing else going
    return f"{when(incident.started_at, company)}, {state}"


def against(incident: object, company: Company) -> str:
    """What was measured and against what, from the incident's gravest finding."""
    if not incident.evidence:
        return WORDS["reported"]
    worst = incident.evidence[0]
    metric, base, limit = worst["metric"], worst["baseline"], worst["limit"]
    usual = "" if missing(base) else f" against {bare(metric, base, company)}"
    most = (
        "" if missing(limit) else f" ({WORDS['limit'].format(limit=bare(metric, limit, company))})"
    )
    return f"{measured(metric, worst['observed'], company, worst['rule'])}{usual}{most}"


def who_by_when(timers: pd.DataFrame, now: pd.Timestamp, company: Company) -> Html:
    """Who must know by which local time, each with how far off that is, or since when they do."""
    if timers.empty:
        return Html(text(WORDS["weekly"]))
    said = [
        f'<span class="ob-due{"" if _in_time(t, now) else " ob-past"}"><strong>{text(t.role)}'
        f'</strong> <time datetime="{t.due_at.isoformat()}">'
        f"{text(_known(t, now, company))}</time></span>"
        for t in timers.itertuples()
    ]
    return Html(" ".join(said))


def _in_time(timer: object, now: pd.Timestamp) -> bool:
    return timer.due_at > now if pd.isna(timer.met) else bool(timer.met)


def _known(timer: object, now: pd.Timestamp, company: Company) -> str:
    if pd.isna(timer.met):
        return deadline(timer.due_at, now, company)
    heard = min(at for at in (timer.told_at, timer.confirmed_at) if pd.notna(at))
    key = "knows" if timer.met else "knew_late"
    return WORDS[key].format(at=when(heard, company), due=when(timer.due_at, company))


def freshness(files: pd.DataFrame, now: pd.Timestamp, company: Company, stale_h: float) -> Html:
    """How far the data of each source reaches, newest last: one row per reader.

    Takes FILES. A source whose data ends more than `stale_h` hours before `now` is to be watched.
    """
    loaded = files[files.covered_to.notna()]
    rows = (
        loaded.groupby("reader")
        .agg(files=("file", "size"), rows=("loaded", "sum"), reaches=("covered_to", "max"))
        .reset_index()
        .sort_values("reaches")
    )
    age = now - rows.reaches
    late = age > pd.Timedelta(hours=stale_h)
    rows["state"] = late.map({True: "watch", False: "ok"})
    rows["word"] = [WORDS["ago"].format(time=span(a)) for a in age.clip(lower=pd.Timedelta(0))]
    columns = (
        Column("Source", "reader"),
        Column("Data reaches", "reaches", "when"),
        Column("Age", "state", "light", words="word", order="reaches"),
        Column("Files", "files", "count"),
        Column("Rows", "rows", "count"),
    )
    return table(rows, columns, company, "How fresh the data is", "No export has arrived yet.")


def figure(chart: alt.TopLevelMixin, title: str, note: str = "") -> Html:
    """A chart with its answer as its title, as the site and JupyterLab draw it.

    The specification stands in a script tag; whoever draws it fills `.ob-plot`. `note` says how it
    was measured.
    """
    plain_json = json.loads(json.dumps(chart.to_dict()), parse_constant=lambda _: None)  # NaN: null
    spec = json.dumps(plain_json, separators=(",", ":"), ensure_ascii=False)
    safe = spec.replace("<", "\\u003c").replace("{{", "{\\u007b")
    said = f'<p class="ob-note">{text(note)}</p>' if note else ""
    return Html(
        f'<figure class="ob-chart"><figcaption class="ob-title">{text(title)}</figcaption>'
        f'<div class="ob-plot" role="img" aria-label="{text(title)}"></div>'
        f'<script type="application/json" class="ob-spec">{safe}</script>{said}</figure>'
    )


IN_JUPYTERLAB = """
(function (me) {
  var settings = document.getElementById("jupyter-config-data");
  if (!settings || !me) return;
  var figures = me.parentElement.querySelectorAll("figure.ob-chart");
  function draw() { figures.forEach(window.opsbook.draw); }
  if (window.opsbook) return draw();
  var script = document.createElement("script");
  script.src = JSON.parse(settings.textContent).baseUrl + "files/reports/assets/opsbook.js";
  script.onload = draw;
  document.head.appendChild(script);
})(document.currentScript);
"""
"""Draws an output's charts in JupyterLab with the site's own scripts, so without another host. The
publish step takes it out again: a page of the site loads them by itself."""
