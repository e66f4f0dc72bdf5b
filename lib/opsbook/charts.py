"""Charts that answer one question each, and say the answer in their title.

Data in, chart out. A chart is as wide as its page, takes its colours from the page's style (so that
it follows light and dark), names things where they stand instead of in a legend, and carries only
the columns it draws. Days are the company's; hours stand in its zone.
"""

from collections.abc import Sequence
from typing import NamedTuple

import altair as alt
import numpy as np
import pandas as pd
from babel.core import Locale
from babel.dates import get_day_names, get_month_names
from babel.numbers import get_decimal_symbol, get_group_symbol

from opsbook.displays import day as day_words
from opsbook.displays import money, money_decimals, ratio, share, when
from opsbook.estimates import share_lower_bound, share_upper_bound
from opsbook.settings import Company, Settings

INK = "var(--ob-ink,var(--jp-content-font-color1,#1c2530))"
MUTED = "var(--ob-muted,var(--jp-content-font-color2,#55606d))"
GRID = "var(--ob-grid,var(--jp-border-color2,#e3e7eb))"
LINE = "var(--ob-line,#4a6078)"
SOFT = "var(--ob-soft,#b3c0cd)"
BAND = "var(--ob-band,#e9eff5)"
REST = "var(--ob-rest,rgba(110,125,140,.09))"
OFF = "var(--ob-off,rgba(110,125,140,.2))"
ACCENT = "var(--ob-accent,#b23c12)"
FLAGGED = "var(--ob-flagged,rgba(178,60,18,.12))"
PAGE = "var(--ob-page,var(--jp-layout-color0,#fff))"
CLEAR = "rgba(0,0,0,0)"

FALLBACK_WIDTH = 720
"""Pixels of the drawing made ahead for print and pages without scripts: it knows no container."""
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
HOUR, DAY = pd.Timedelta(hours=1), pd.Timedelta(days=1)
WEEKS_SHOWN = 8


class Answer(NamedTuple):
    """A chart, its title (the answer in words) and a note on how it was measured.

    `displays.figure(*answer)` puts it on a page.
    """

    chart: alt.TopLevelMixin
    title: str
    note: str = ""


Period = tuple[pd.Timestamp, pd.Timestamp]
"""What a page is about: start and end (exclusive), UTC. Charts show more and speak of this."""


def fixed_width(spec: dict, width: int = FALLBACK_WIDTH) -> dict:
    """A chart's specification with a width in pixels in place of its container's."""
    return {**spec, "width": width} if spec.get("width") == "container" else spec


def _page(
    layers: Sequence[alt.Chart], height: int, settings: Settings, right: int = 8
) -> alt.Chart:
    """Layers as one chart in the house style; `right` leaves pixels for labels beside the plot."""
    axis = {
        "labelColor": MUTED, "titleColor": MUTED, "gridColor": GRID, "domainColor": GRID,
        "tickColor": GRID, "labelFontSize": 12, "titleFontSize": 12, "titleFontWeight": "normal",
        "labelPadding": 6, "ticks": False, "labelFont": FONT, "titleFont": FONT,
    }  # fmt: skip
    return (
        alt.layer(*layers)
        .properties(width="container", height=height)
        .configure(
            background="transparent",
            font=FONT,
            aria=False,
            padding={"left": 2, "top": 6, "right": right, "bottom": 2},
            autosize={"type": "fit-x", "contains": "padding"},
            view={"stroke": None},
            axis=axis,
            axisX={"grid": False, "labelFlush": False},
            axisY={"domain": False, "tickCount": 4},
            text={"fontSize": 12, "fill": MUTED},
            locale=_locale(settings.company),
        )
    )


def _locale(company: Company) -> dict:
    """Numbers, weekdays and months as the company's locale writes them, for the chart's axes."""
    locale = Locale.parse(company.locale)
    days = [get_day_names(w, locale=locale) for w in ("wide", "abbreviated")]
    months = [get_month_names(w, locale=locale) for w in ("wide", "abbreviated")]
    sunday_first = (6, 0, 1, 2, 3, 4, 5)
    return {
        "number": {
            "decimal": get_decimal_symbol(locale), "thousands": get_group_symbol(locale),
            "grouping": [3], "currency": ["", " EUR"],
        },
        "time": {
            "dateTime": "%a %e %b %Y %X", "date": "%d.%m.%Y", "time": "%H:%M:%S",
            "periods": ["AM", "PM"],
            "days": [days[0][i] for i in sunday_first],
            "shortDays": [days[1][i] for i in sunday_first],
            "months": [months[0][i] for i in range(1, 13)],
            "shortMonths": [months[1][i] for i in range(1, 13)],
        },
    }  # fmt: skip


# Parts that several charts share


def _local(times: pd.Series, company: Company) -> pd.Series:
    """UTC times as the company's clocks show them, without a zone: what a chart's axis is given."""
    return times.dt.tz_convert(company.zone).dt.tz_localize(None)


def _shades(days: pd.DataFrame) -> list[alt.Chart]:
    """Rest days in light grey; holidays and closures in a darker one, with their names on top."""
    resting = days[days.day_type.eq("restday")][["day", "off"]].drop_duplicates("day")
    kind = resting.off.fillna("").astype(str)
    begins = resting.day.diff().ne(DAY) | kind.ne(kind.shift())
    runs = resting.assign(name=kind, run=begins.cumsum()).groupby("run")
    spans = runs.agg(start=("day", "min"), end=("day", "max"), name=("name", "first"))
    spans["end"] += DAY
    drawn = []
    for named, color in ((False, REST), (True, OFF)):
        own = spans[spans.name.ne("") == named]
        if len(own):
            drawn.append(_rect(own, color, ["name"] if named else []))
    named = spans[spans.name.ne("")]
    return [*drawn, *([_label(named, "start", "name", y=8)] if len(named) else [])]


def _rect(spans: pd.DataFrame, color: str, tooltip: Sequence[str] = ()) -> alt.Chart:
    columns = ["start", "end", *tooltip]
    shape = alt.Chart(spans[columns]).mark_rect(color=color)
    encoded = shape.encode(x=alt.X("start:T"), x2="end:T")
    return encoded.encode(
        tooltip=[alt.Tooltip(f"{t}:N", title="") for t in tooltip] or alt.value(None)
    )


def _label(
    frame: pd.DataFrame, x: str, words: str, y: float, color: str = MUTED, **mark: object
) -> alt.Chart:
    """Words at a time, `y` pixels below the top of the plot."""
    style = {"align": "left", "dx": 4, "fontSize": 11, "color": color, "clip": False} | mark
    return (
        alt.Chart(frame[[x, words]])
        .mark_text(**style)
        .encode(x=alt.X(f"{x}:T"), y=alt.value(y), text=f"{words}:N")
    )


def _days_axis(days: int) -> alt.Axis:
    """Dates under a chart: Mondays over weeks, every day over one."""
    if days <= 10:  # noqa: PLR2004
        return alt.Axis(format="%a %-d", tickCount={"interval": "day", "step": 1}, title=None)
    step = 1 if days <= 42 else 2  # noqa: PLR2004
    return alt.Axis(
        format="%-d %b", title=None, tickCount={"interval": "week", "step": step},
        labelOverlap=True,
    )  # fmt: skip


def _unit(words: str) -> dict:
    """The unit of the vertical axis, written level above the plot."""
    return {
        "title": words, "titleAngle": 0, "titleAlign": "left", "titleAnchor": "end",
        "titleBaseline": "bottom", "titleX": -2, "titleY": -8,
    }  # fmt: skip


def _money_format(values: pd.Series) -> str:
    top = values.max()
    return f",.{money_decimals(None if pd.isna(top) else top)}f"


def _floats(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The frame with these columns as floats of four significant digits: less to carry."""
    rounded = {c: [float(f"{v:.4g}") for v in _array(frame[c])] for c in columns}
    return frame.assign(**rounded)


def _array(values: pd.Series) -> np.ndarray:
    return values.to_numpy(float, na_value=np.nan)


def _touching(findings: pd.DataFrame, period: Period) -> pd.DataFrame:
    begun, ended = period
    return findings[(findings.started_at < ended) & (findings.ended_at > begun)]


def _lasting(finding: object, company: Company) -> str:
    """When a finding held: "since Tue 17 Nov 14:00", or from when to when."""
    start = when(finding.started_at, company)
    if finding.state == "firing":
        return f"since {start}"
    return f"{start} to {when(finding.ended_at, company)}"


def _flag(findings: pd.DataFrame, company: Company, until: pd.Timestamp) -> list[alt.Chart]:
    """The flagged stretches as shaded bands; each says what it is and since when."""
    if findings.empty:
        return []
    spans = pd.DataFrame(
        {
            "start": _local(findings.started_at, company),
            "end": _local(findings.ended_at, company).clip(upper=until),
            "name": [_flag_words(f, company) for f in findings.itertuples()],
        }
    ).sort_values("start")
    late = spans.end > until - DAY * 14
    parts = [_rect(spans, FLAGGED, ["name"])]
    for late_one, side, dx in ((True, "right", -5), (False, "left", 0)):
        own = spans[late == late_one]
        if len(own):
            style = {"align": side, "dx": dx, "fontWeight": 600, "fontSize": 12}
            parts.append(_label(own, "start", "name", y=24, color=ACCENT, **style))
    return parts


def _flag_words(finding: object, company: Company) -> str:
    priority = "" if pd.isna(finding.priority) else f"{finding.priority} "
    return f"{priority}since {when(finding.started_at, company)}"


# 1. What does a run of one workflow cost?


def run_cost(
    bands: pd.DataFrame,
    findings: pd.DataFrame,
    workflow: str,
    settings: Settings,
    period: Period,
    weeks: int = WEEKS_SHOWN,
) -> Answer:
    """The cost per run of one workflow by day against its baseline and limit (clause D2).

    Takes `rules.cost.run_cost_bands` and FINDINGS of any workflows. The median of the day's
    successful runs, EUR; days without enough runs are left out.
    """
    company = settings.company
    until = _local(pd.Series([period[1]]), company).iloc[0]
    own = bands[(bands.workflow == workflow) & (bands.day < until)]
    shown = own[own.day >= until - pd.Timedelta(weeks=weeks)].sort_values("day")
    found = findings[(findings.workflow == workflow) & (findings.rule == "R5")]
    found = _touching(found, (period[1] - pd.Timedelta(weeks=weeks), period[1]))
    drawn = _floats(shown, ["observed_eur", "center", "upper"])
    drawn["noon"] = drawn.day + DAY / 2
    layers = [*_shades(shown), *_band(drawn), *_flag(found, company, until), *_points(drawn)]
    title = run_cost_title(shown, _touching(found, period), workflow, settings)
    return Answer(
        _page(layers, 250, settings, right=86),
        title,
        "Median of a day's successful runs. Line: baseline, the median of the 20 operating days "
        f"before; dashed: the limit. Grey: rest days. Times in {company.zone}.",
    )


def run_cost_title(
    shown: pd.DataFrame, findings: pd.DataFrame, workflow: str, settings: Settings
) -> str:
    """The answer: how many times its baseline and since when, or that it stayed within."""
    name, locale = settings.display_name(workflow), settings.company.locale
    if len(findings):
        worst = findings.loc[(findings.observed / findings.baseline).astype(float).idxmax()]
        times = ratio(worst.observed / worst.baseline, locale)
        return f"{name}: {times} its cost per run, {_lasting(worst, settings.company)}"
    judged = shown[shown.state.isin(["ok", "breach", "learning"])]
    if judged.empty:
        return f"{name}: no day with runs enough to judge its cost"
    last = judged.iloc[-1]
    if last.state == "learning":
        return f"{name}: {money(last.observed_eur, locale)} a run, baseline still being learnt"
    return f"{name}: {money(last.observed_eur, locale)} a run, within its baseline"


def _band(drawn: pd.DataFrame) -> list[alt.Chart]:
    known = drawn.dropna(subset=["center", "upper"])
    if known.empty:
        return []
    base = alt.Chart(known[["noon", "center", "upper"]]).encode(x=alt.X("noon:T"))
    last = known.iloc[[-1]][["noon", "center", "upper"]]
    end = alt.Chart(last).encode(x=alt.X("noon:T"))
    style = {"align": "left", "dx": 12, "fontSize": 11, "baseline": "middle", "clip": False}
    return [
        base.mark_area(color=BAND, tooltip=None).encode(y=alt.Y("center:Q"), y2="upper:Q"),
        base.mark_line(color=SOFT, strokeWidth=1.5, tooltip=None).encode(y=alt.Y("center:Q")),
        base.mark_line(color=MUTED, strokeWidth=1, strokeDash=[4, 3], tooltip=None).encode(
            y=alt.Y("upper:Q")
        ),
        end.mark_text(text="baseline", color=MUTED, **style).encode(y=alt.Y("center:Q")),
        end.mark_text(text="limit", color=MUTED, **style).encode(y=alt.Y("upper:Q")),
    ]


def _points(drawn: pd.DataFrame) -> list[alt.Chart]:
    known = drawn[drawn.state.isin(["ok", "breach", "learning"])].copy()
    known["over"] = known.state.eq("breach")
    form = _money_format(known.observed_eur)
    y = alt.Y("observed_eur:Q", scale=alt.Scale(zero=True, nice=True)).axis(
        format=form, **_unit("EUR a run")
    )
    axis = _days_axis(int((drawn.day.max() - drawn.day.min()) / DAY) if len(drawn) else 0)
    columns = ["noon", "observed_eur", "center", "upper", "sample", "over"]
    base = alt.Chart(known[columns]).encode(x=alt.X("noon:T", axis=axis), y=y)
    color = alt.condition("datum.over", alt.value(ACCENT), alt.value(LINE))
    tips = [
        alt.Tooltip("noon:T", title="Day", format="%a %-d %b"),
        alt.Tooltip("observed_eur:Q", title="EUR a run", format=form),
        alt.Tooltip("center:Q", title="Baseline", format=form),
        alt.Tooltip("upper:Q", title="Limit", format=form),
        alt.Tooltip("sample:Q", title="Runs", format=",d"),
    ]
    return [
        base.mark_line(color=LINE, strokeWidth=1.5, tooltip=None),
        base.mark_circle(size=42, opacity=1, stroke=PAGE, strokeWidth=1).encode(
            color=color,
            size=alt.condition("datum.over", alt.value(70), alt.value(36)),
            tooltip=tips,
        ),
    ]
