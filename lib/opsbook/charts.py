"""Charts that answer one question each, and say the answer in their title.

Data in, chart out. A chart is as wide as its page, takes its colours from the page's style (so that
it follows light and dark), names things where they stand instead of in a legend, and carries only
the columns it draws. Days are the company's; hours stand in its zone.
"""

import json
import re
from collections.abc import Sequence
from typing import NamedTuple

import altair as alt
import numpy as np
import pandas as pd
from babel.core import Locale
from babel.dates import get_day_names, get_month_names
from babel.numbers import get_decimal_symbol, get_group_symbol

from opsbook.displays import day as day_words
from opsbook.displays import money, money_decimals, number, ratio, share, when, zone_note
from opsbook.estimates import exceeds, share_lower_bound, share_upper_bound
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
LEAST_SHARE_SHOWN = 0.25
"""The scale of a failing share reaches at least this far, so that both limits are in sight."""
FEW_DAYS, FEW_MONDAYS = 10, 6
"""Up to so many days each is named under a chart, and up to so many Mondays."""


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


def slimmed(svg: str) -> str:
    """A drawing made ahead, without what the page's style says already: half of its weight.

    Colours lose the fallbacks they need only outside the site; places keep a tenth of a pixel.

    >>> slimmed('<path opacity="1" fill="var(--ob-ink,var(--x,#111))" d="M1.0625,2.5"/>')
    '<path fill="var(--ob-ink)" d="M1.1,2.5"/>'
    >>> slimmed('<text x="3.14159">0.025</text>')
    '<text x="3.1">0.025</text>'
    """
    bare = re.sub(r'"var\((--ob-[a-z]+),[^"]*\)"', r'"var(\1)"', svg)
    bare = re.sub(r' (opacity|stroke-width)="1"| (font-family|pointer-events)="[^"]*"', "", bare)
    bare = re.sub(r' (role|aria-[a-z]+|xmlns:xlink|version)="[^"]*"', "", bare)
    bare = re.sub(r'<path class="(background|foreground)"[^>]*/>', "", bare)
    return re.sub(r"<[^>]+>", lambda tag: PLACE.sub(_tenth, tag[0]), bare)


PLACE = re.compile(r"\d+\.\d{2,}")


def _tenth(place: re.Match) -> str:
    return f"{float(place[0]):.1f}"


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
            "grouping": [3], "currency": ["", f" {company.currency}"],
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
    """Rest days in light grey, holidays and closures in a darker one that tells its name."""
    resting = days[days.day_type.eq("restday")].drop_duplicates("day").sort_values("day")
    kind = resting.off.fillna("").astype(str)
    begins = resting.day.diff().ne(DAY) | kind.ne(kind.shift())
    runs = resting.assign(name=kind, run=begins.cumsum()).groupby("run")
    spans = runs.agg(start=("day", "min"), end=("day", "max"), name=("name", "first"))
    spans["end"] += DAY
    plain, named = spans[spans.name.eq("")], spans[spans.name.ne("")]
    drawn = ((plain, REST, []), (named, OFF, ["name"]))
    return [_rect(own, color, tips) for own, color, tips in drawn if len(own)]


def _off_note(days: pd.DataFrame, company: Company) -> str:
    """What the shades stand for, holidays and closures by name and date."""
    named = days[days.off.notna()].drop_duplicates("day").sort_values("day")
    off = ", ".join(f"{d.off} ({day_words(d.day, company)})" for d in named.itertuples())
    return f"Grey: rest days; darker: {off}." if off else "Grey: rest days."


def _rect(spans: pd.DataFrame, color: str, tooltip: Sequence[str] = ()) -> alt.Chart:
    columns = ["start", "end", *tooltip]
    shape = alt.Chart(spans[columns]).mark_rect(color=color)
    encoded = shape.encode(x=alt.X("start:T"), x2="end:T")
    return encoded.encode(
        tooltip=[alt.Tooltip(f"{t}:N", title="") for t in tooltip] or alt.value(None)
    )


def _label(
    frame: pd.DataFrame,
    x: str,
    words: str,
    y: float,
    color: str = MUTED,
    kind: str = "T",
    **mark: object,
) -> alt.Chart:
    """Words at a place along x (a time, or Q for a quantity), `y` pixels below the plot's top."""
    style = {"align": "left", "dx": 4, "fontSize": 11, "color": color, "clip": False} | mark
    return (
        alt.Chart(frame[[x, words]])
        .mark_text(**style)
        .encode(x=alt.X(f"{x}:{kind}"), y=alt.value(y), text=f"{words}:N")
    )


def _days_axis(days: pd.Series) -> alt.Axis:
    """Dates under a chart: Mondays over weeks, every day over one."""
    if days.nunique() <= FEW_DAYS:
        each = sorted(days.unique())
        return alt.Axis(values=[_datum(d + DAY / 2) for d in each], format="%a %-d", title=None)
    mondays = [d for d in sorted(days.unique()) if d.weekday() == 0]
    step = 1 if len(mondays) <= FEW_MONDAYS else 2
    shown = [_datum(d) for d in mondays[(len(mondays) - 1) % step :: step]]
    return alt.Axis(values=shown, format="%-d %b", title=None, labelOverlap=True, ticks=True)


def _datum(at: pd.Timestamp) -> alt.DateTime:
    at = pd.Timestamp(at)
    return alt.DateTime(year=at.year, month=at.month, date=at.day, hours=at.hour)


def _unit(words: str) -> dict:
    """The unit of the vertical axis, written level above the plot."""
    return {
        "title": words, "titleAngle": 0, "titleAlign": "left", "titleAnchor": "end",
        "titleBaseline": "bottom", "titleX": -2, "titleY": -8,
    }  # fmt: skip


def _money_format(values: pd.Series) -> str:
    top = values.max()
    decimals = money_decimals(None if pd.isna(top) else top)
    return ",.2~f" if top >= 1 else f",.{decimals}f"


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
    end = when(finding.ended_at, company)
    day_of_end, hour_of_end = end.rsplit(" ", 1)
    return f"{start} to {hour_of_end if start.startswith(day_of_end) else end}"


def _flag(
    findings: pd.DataFrame, company: Company, seen: Sequence[pd.Timestamp], grain: str = "D"
) -> list[alt.Chart]:
    """The flagged stretches as shaded bands with their priority and when they began.

    Bands cover whole buckets of the chart's `grain`, so that a bucket's mark lies inside. `seen`
    are the local ends of the chart: words stand on the side where there is room.
    """
    if findings.empty:
        return []
    begun, until = seen
    spans = pd.DataFrame(
        {
            "start": _local(findings.started_at, company).dt.floor(grain).clip(lower=begun),
            "end": _local(findings.ended_at, company).dt.ceil(grain).clip(upper=until),
            "words": [_flag_words(f, company, grain) for f in findings.itertuples()],
        }
    )
    late = spans.start > begun + (until - begun) / 2
    parts = [_rect(spans, FLAGGED, ["words"])]
    sides = ((spans[late], "start", "right", -5), (spans[~late], "end", "left", 5))
    for own, edge, side, dx in sides:
        if len(own):
            style = {"align": side, "dx": dx, "fontWeight": 600, "fontSize": 12}
            parts.append(_label(own, edge, "words", y=10, color=ACCENT, **style))
    return parts


def _flag_words(finding: object, company: Company, grain: str) -> str:
    priority = "" if pd.isna(finding.priority) else f"{finding.priority} "
    if grain == "D":
        return f"{priority}{day_words(finding.started_at, company)}"
    return f"{priority}{_weekday_and_hour(finding.started_at, company)}"


def _weekday_and_hour(at: pd.Timestamp, company: Company) -> str:
    words = when(at, company).split(" ")
    return f"{words[0]} {words[-1]}"


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
    ends = (until - pd.Timedelta(weeks=weeks), until)
    layers = [*_shades(shown), *_band(drawn), *_flag(found, company, ends)]
    layers += _points(drawn, company.currency)
    title = run_cost_title(shown, _touching(found, period), workflow, settings)
    return Answer(
        _page(layers, 250, settings, right=64),
        title,
        "Median of a day's successful runs. Line: baseline, the median of the 20 operating days "
        f"before; dashed: the limit. {_off_note(shown, company)} {zone_note(company)}",
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
    paid = f"{name}: {money(last.observed_eur, settings.company)} a run"
    learning = last.state == "learning"
    return f"{paid}, {'baseline still being learnt' if learning else 'within its baseline'}"


def _band(drawn: pd.DataFrame) -> list[alt.Chart]:
    known = drawn.dropna(subset=["center", "upper"])
    if known.empty:
        return []
    base = alt.Chart(known[["noon", "center", "upper"]]).encode(x=alt.X("noon:T"))
    last = known.iloc[[-1]][["noon", "center", "upper"]]
    end = alt.Chart(last).encode(x=alt.X("noon:T"))
    style = {"align": "left", "dx": 8, "fontSize": 11, "baseline": "middle", "clip": False}
    return [
        base.mark_area(color=BAND, tooltip=None).encode(y=alt.Y("center:Q"), y2="upper:Q"),
        base.mark_line(color=SOFT, strokeWidth=1.5, tooltip=None).encode(y=alt.Y("center:Q")),
        base.mark_line(color=MUTED, strokeWidth=1, strokeDash=[4, 3], tooltip=None).encode(
            y=alt.Y("upper:Q")
        ),
        end.mark_text(text="baseline", color=MUTED, **style).encode(y=alt.Y("center:Q")),
        end.mark_text(text="limit", color=MUTED, **style).encode(y=alt.Y("upper:Q")),
    ]


def _points(drawn: pd.DataFrame, currency: str) -> list[alt.Chart]:
    known = drawn[drawn.state.isin(["ok", "breach", "learning"])].copy()
    known["over"] = known.state.eq("breach")
    form = _money_format(known.observed_eur)
    y = alt.Y("observed_eur:Q", scale=alt.Scale(zero=True, nice=True)).axis(
        format=form, **_unit(f"{currency} a run")
    )
    axis = _days_axis(drawn.day)
    columns = ["noon", "observed_eur", "center", "upper", "sample", "over"]
    base = alt.Chart(known[columns]).encode(x=alt.X("noon:T", axis=axis), y=y)
    color = alt.condition("datum.over", alt.value(ACCENT), alt.value(LINE))
    tips = [
        alt.Tooltip("noon:T", title="Day", format="%a %-d %b"),
        alt.Tooltip("observed_eur:Q", title=f"{currency} a run", format=form),
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


# 2. What does a day cost the company?


def spend(
    days: pd.DataFrame,
    findings: pd.DataFrame,
    settings: Settings,
    period: Period,
    weeks: int = WEEKS_SHOWN,
) -> Answer:
    """The company's spend per day against its limit; flagged days stand out (clause D1).

    Takes `rules.spend.spend_bands` and FINDINGS. EUR per local day.
    """
    company = settings.company
    begun = period[1] - pd.Timedelta(weeks=weeks)
    shown = days[(days.started_at >= begun) & (days.started_at < period[1])]
    found = findings[findings.rule == "R7"]
    drawn = _floats(shown, ["cost_eur", "center", "upper"]).assign(
        start=shown.day + DAY * 0.12,
        end=shown.day + DAY * 0.88,
        words=[ratio(t, company.locale) for t in _array(shown.cost_eur) / _array(shown.center)],
        over=exceeds(shown.cost_eur, shown.upper),
        rest=shown.day_type.eq("restday"),
    )
    return Answer(
        _page([*_shades(shown), *_bars(drawn, company.currency)], 230, settings),
        spend_title(shown, _touching(found, period), settings, period),
        f"Bars: {company.currency} per day. Short lines: the day's limit, from the mean of the "
        f"last days of its kind. {_off_note(shown, company)} Days of {company.zone}.",
    )


def spend_title(
    days: pd.DataFrame, findings: pd.DataFrame, settings: Settings, period: Period
) -> str:
    """The answer: what the period cost and which days went over, if any did."""
    company, locale = settings.company, settings.company.locale
    own = days[(days.started_at >= period[0]) & (days.started_at < period[1])]
    spent = money(own.cost_eur.sum(), company)
    if findings.empty:
        return f"Spend: {spent} in the week, no day over its limit"
    worst = findings.loc[(findings.observed / findings.baseline).astype(float).idxmax()]
    more = f" and {len(findings) - 1} more over the limit" if len(findings) > 1 else ""
    times = ratio(worst.observed / worst.baseline, locale)
    return f"Spend: {times} its usual day on {day_words(worst.started_at, company)}{more}"


def _bars(drawn: pd.DataFrame, currency: str) -> list[alt.Chart]:
    form = _money_format(drawn.cost_eur)
    columns = ["day", "start", "end", "cost_eur", "center", "upper", "over", "rest"]
    named = drawn[drawn.over][["day", "cost_eur", "words"]].assign(day=drawn.day + DAY / 2)
    axis = _days_axis(drawn.day)
    x = {"x": alt.X("start:T", axis=axis), "x2": "end:T"}
    base = alt.Chart(drawn[columns]).encode(**x)
    over, rest = alt.when("datum.over"), alt.value(SOFT)
    color = over.then(alt.value(ACCENT)).when("datum.rest").then(rest).otherwise(alt.value(LINE))
    tips = [
        alt.Tooltip("day:T", title="Day", format="%a %-d %b"),
        alt.Tooltip("cost_eur:Q", title=currency, format=form),
        alt.Tooltip("center:Q", title="Usual", format=form),
        alt.Tooltip("upper:Q", title="Limit", format=form),
    ]
    y = alt.Y("cost_eur:Q", scale=alt.Scale(zero=True, nice=True))
    y = y.axis(format=form, **_unit(currency))
    return [
        base.mark_rect().encode(y=y, y2=alt.datum(0), color=color, tooltip=tips),
        base.mark_rule(color=INK, strokeWidth=1.25, tooltip=None).encode(y=alt.Y("upper:Q")),
        alt.Chart(named)
        .mark_text(dy=-8, color=ACCENT, fontWeight=600, tooltip=None)
        .encode(x=alt.X("day:T"), y=alt.Y("cost_eur:Q"), text="words:N"),
    ]


# 3. When did the calls of one workflow fail?


def error_hours(
    hours: pd.DataFrame,
    findings: pd.DataFrame,
    workflow: str,
    settings: Settings,
    period: Period,
) -> Answer:
    """The failing share of one workflow's calls per hour, with its 90 % interval (clause D4).

    Takes the hourly grid (workflow, hour, judged, failed) and FINDINGS. Hours with very few
    calls draw nothing.
    """
    company, limits = settings.company, settings.limits
    own = hours[hours.workflow.eq(workflow) & hours.hour.between(*period, inclusive="left")]
    some = own[own.judged >= limits.rate_watch_calls]
    drawn = _floats(_with_interval(some, limits.confidence), ["share", "low", "high"])
    drawn["at"] = _local(some.hour, company) + HOUR / 2
    drawn["over"] = drawn.low > limits.error_p2_share
    drawn["few"] = drawn.judged < limits.rate_min_calls
    found = findings[(findings.workflow == workflow) & findings.rule.isin(["R3", "R4"])]
    found = _touching(found, period)
    days = _days_between(period, company)
    flagged = _flag(found, company, (days.iloc[0], days.iloc[-1] + DAY), "h")
    layers = [*_nights(days), *_share_limits(settings), *flagged, *_shares(drawn, days)]
    return Answer(
        _page(layers, 230, settings, right=44),
        error_title(found, own, workflow, settings),
        "Dots: share of an hour's calls that failed, with its 90 % interval; hollow under "
        f"{limits.rate_min_calls} calls, left out under {limits.rate_watch_calls}. "
        f"{zone_note(company)}",
    )


def error_title(
    findings: pd.DataFrame, hours: pd.DataFrame, workflow: str, settings: Settings
) -> str:
    """The answer: how many calls failed and when, or that the share stayed under its limit."""
    name, locale = settings.display_name(workflow), settings.company.locale
    if len(findings):
        worst = findings.loc[findings.observed.astype(float).idxmax()]
        part = share(worst.observed, locale)
        return f"{name}: {part} of calls failed, {_lasting(worst, settings.company)}"
    judged = hours.judged.sum()
    if not judged:
        return f"{name}: no call whose outcome is known"
    part = share(hours.failed.sum() / judged, locale)
    return f"{name}: {part} of calls failed, no stretch over a limit"


def _with_interval(counts: pd.DataFrame, confidence: float) -> pd.DataFrame:
    failed, judged = _array(counts.failed), _array(counts.judged)
    return pd.DataFrame(
        {
            "failed": failed.astype(int),
            "judged": judged.astype(int),
            "share": failed / judged,
            "low": share_lower_bound(failed, judged, confidence),
            "high": share_upper_bound(failed, judged, confidence),
        },
        index=counts.index,
    )


def _days_between(period: Period, company: Company) -> pd.Series:
    """The local days a period begins in, touches and ends before."""
    begun, ended = (at.tz_convert(company.zone).tz_localize(None) for at in period)
    return pd.Series(pd.date_range(begun.normalize(), ended - pd.Timedelta(1), freq="D"))


def _nights(days: pd.Series) -> list[alt.Chart]:
    """A hairline at each midnight."""
    return [
        alt.Chart(pd.DataFrame({"midnight": days[1:]}))
        .mark_rule(color=GRID, tooltip=None)
        .encode(x=alt.X("midnight:T"))
    ]


def _share_limits(settings: Settings) -> list[alt.Chart]:
    """The limits of failing calls as dashed lines, named at the right."""
    limits, locale = settings.limits, settings.company.locale
    at = [limits.error_p2_share, limits.error_p1_share]
    words = [f"P2 {share(at[0], locale)}", f"P1 {share(at[1], locale)}"]
    base = alt.Chart(pd.DataFrame({"limit": at, "words": words})).encode(y=alt.Y("limit:Q"))
    name = {"align": "left", "dx": 6, "fontSize": 11, "color": MUTED, "baseline": "middle"}
    return [
        base.mark_rule(color=MUTED, strokeDash=[4, 3], tooltip=None),
        base.mark_text(**name, clip=False).encode(x=alt.value("width"), text="words:N"),
    ]


def _shares(drawn: pd.DataFrame, days: pd.Series) -> list[alt.Chart]:
    axis = _days_axis(days)
    ends = [_datum(days.iloc[0]), _datum(days.iloc[-1] + DAY)]
    x = alt.X("at:T", axis=axis, scale=alt.Scale(domain=ends))
    scale = alt.Scale(domain=[0, max([LEAST_SHARE_SHOWN, *drawn.share])], clamp=True, nice=True)
    ticks = alt.Axis(format="~%", tickCount=5)
    y = alt.Y("share:Q", scale=scale, axis=ticks, title=None)
    columns = ["at", "share", "failed", "judged", "over", "few"]
    base = alt.Chart(drawn[columns]).encode(x=x)
    color = alt.condition("datum.over", alt.value(ACCENT), alt.value(LINE))
    hollow, over = alt.when("datum.few"), alt.value(ACCENT)
    inside = hollow.then(alt.value(PAGE)).when("datum.over").then(over).otherwise(alt.value(LINE))
    sure = alt.Chart(drawn[~drawn.few & (drawn.failed > 0)][["at", "low", "high", "over"]])
    tips = [
        alt.Tooltip("at:T", title="Hour", format="%a %-d %b %H h"),
        alt.Tooltip("share:Q", title="Failed", format=".1%"),
        alt.Tooltip("failed:Q", title="Failed calls", format=",d"),
        alt.Tooltip("judged:Q", title="Calls", format=",d"),
    ]
    return [
        sure.mark_rule(tooltip=None, opacity=0.45).encode(
            x=alt.X("at:T"), y=alt.Y("low:Q"), y2="high:Q", color=color
        ),
        base.mark_point(opacity=1, size=26, strokeWidth=1).encode(
            y=y, stroke=color, fill=inside, tooltip=tips
        ),
    ]


# 4. Whose calls failed in the period?

ROW = 46
"""Pixels of a row that has its name above its marks: names need no margin, even on a phone."""


def error_shares(shares: pd.DataFrame, settings: Settings) -> Answer:
    """The failing share of each workflow with its 90 % interval, one row each (clause D4).

    Takes `reviews.error_shares`: workflow, judged, failed, share, low, high.
    """
    limits = settings.limits
    drawn = _floats(shares, ["share", "low", "high"]).reset_index(drop=True)
    drawn["row"] = drawn.index + 0.5
    drawn["over"] = drawn.low > limits.error_p2_share
    drawn["name"] = [settings.display_name(w) for w in drawn.workflow]
    drawn["words"] = [_counted(r, settings.company.locale) for r in drawn.itertuples()]
    top = max([LEAST_SHARE_SHOWN, *drawn.share])
    return Answer(
        _page(_share_rows(drawn, top, settings), ROW * len(drawn) + 8, settings, right=10),
        error_shares_title(drawn, settings),
        "Dots: share of calls that failed; lines: its 90 % interval. Upright: the limits of P2 and "
        "P1. Workflows whose exports carry no outcomes are left out.",
    )


def error_shares_title(shares: pd.DataFrame, settings: Settings) -> str:
    """The answer: which workflows surely failed more often than the limit, or that none did."""
    limit = share(settings.limits.error_p2_share, settings.company.locale)
    if shares.empty:
        return "No workflow with calls whose outcome is known"
    over = shares[shares.low > settings.limits.error_p2_share]
    if over.empty:
        return f"No workflow surely had more than {limit} of its calls fail"
    names = ", ".join(settings.display_name(w) for w in over.workflow)
    return f"Over {limit} of calls failed: {names}"


def share_by_week(weeks: pd.DataFrame, name: str, settings: Settings) -> Answer:
    """The failing share of one workflow week by week with its 90 % interval (clause D4).

    Takes `workflow_pages.weekly_outcomes`: week, judged, failed, share, low, high; oldest first.
    """
    limit, locale = settings.limits.error_p2_share, settings.company.locale
    drawn = _floats(weeks, ["share", "low", "high", "failed", "judged"])
    drawn["over"] = drawn.low > limit
    drawn["limit"] = limit
    base = alt.Chart(drawn[["week", "share", "low", "high", "failed", "judged", "over", "limit"]])
    x = alt.X("week:O", sort=None, axis=alt.Axis(title=None, labelAngle=0, labelOverlap=True))
    top = max([2 * limit, *drawn.high])
    scale = alt.Scale(domain=[0, top], nice=True)
    y = alt.Y("share:Q", scale=scale).axis(format="~%", title=None)
    color = alt.condition("datum.over", alt.value(ACCENT), alt.value(LINE))
    tips = [
        alt.Tooltip("week:N", title="Week"),
        alt.Tooltip("share:Q", title="Failed", format=".1%"),
        alt.Tooltip("low:Q", title="At least", format=".1%"),
        alt.Tooltip("high:Q", title="At most", format=".1%"),
        alt.Tooltip("failed:Q", title="Failed calls", format=",d"),
        alt.Tooltip("judged:Q", title="Calls", format=",d"),
    ]
    line = alt.Chart(drawn[["limit"]].head(1))
    layers = [
        line.mark_rule(color=MUTED, strokeDash=[4, 3], tooltip=None).encode(y="limit:Q"),
        base.mark_rule(strokeWidth=3, opacity=0.35, tooltip=None).encode(
            x=x, y=alt.Y("low:Q", scale=scale).axis(format="~%", title=None), y2="high:Q",
            color=color,
        ),
        base.mark_circle(size=80, opacity=1).encode(x=x, y=y, color=color, tooltip=tips),
    ]  # fmt: skip
    over = drawn[drawn.over].week.tolist()
    last = f"{share(drawn.share.iloc[-1], locale)} in {drawn.week.iloc[-1]}" if len(drawn) else ""
    title = (
        f"{name}: more than {share(limit, locale)} of calls failed in {', '.join(over)}"
        if over
        else f"{name}: {last}, in no week surely more than {share(limit, locale)}"
    )
    return Answer(
        _page(layers, 180, settings),
        title,
        "Dots: share of calls that failed; lines: its 90 % interval; dashed: the limit of P2.",
    )


def _counted(row: object, locale: str) -> str:
    return (
        f"{share(row.share, locale)}, {number(row.failed, locale)} of {number(row.judged, locale)}"
    )


def _share_rows(drawn: pd.DataFrame, top: float, settings: Settings) -> list[alt.Chart]:
    limits = settings.limits
    at = [limits.error_p2_share, limits.error_p1_share]
    lines = pd.DataFrame({"limit": at, "words": ["P2", "P1"]})
    each = lines[["limit"]].merge(drawn[["row"]], how="cross")
    each = each.assign(top=each.row - 0.16, bottom=each.row + 0.16)
    scale = alt.Scale(domain=[0, top], clamp=True, nice=False)
    axis = alt.Axis(format="~%", title=None, tickCount=5, grid=False)
    x = alt.X("share:Q", scale=scale, axis=axis)
    y = _rows_y("row", len(drawn), 0.18)
    color = alt.condition("datum.over", alt.value(ACCENT), alt.value(LINE))
    columns = ["row", "name", "share", "low", "high", "failed", "judged", "over", "words"]
    base = alt.Chart(drawn[columns])
    tips = [
        alt.Tooltip("name:N", title="Workflow"),
        alt.Tooltip("share:Q", title="Failed", format=".1%"),
        alt.Tooltip("low:Q", title="At least", format=".1%"),
        alt.Tooltip("high:Q", title="At most", format=".1%"),
        alt.Tooltip("failed:Q", title="Failed calls", format=",d"),
        alt.Tooltip("judged:Q", title="Calls", format=",d"),
    ]
    return [
        alt.Chart(each)
        .mark_rule(color=MUTED, tooltip=None)
        .encode(x=alt.X("limit:Q"), y=_rows_y("top", len(drawn), 0.18), y2="bottom:Q"),
        _label(lines, "limit", "words", y=2, dx=0, align="center", baseline="bottom", kind="Q"),
        base.mark_rule(strokeWidth=3, opacity=0.35, tooltip=None).encode(
            x=alt.X("low:Q"), x2="high:Q", y=y, color=color
        ),
        base.mark_circle(size=80, opacity=1).encode(x=x, y=y, color=color, tooltip=tips),
        *_row_names(base, len(drawn), "words"),
    ]


def _rows_y(field: str, rows: int, shift: float = 0.0) -> alt.Y:
    """Row positions from the top, without an axis; `shift` moves the marks down within the row."""
    domain = [rows - shift, -shift]
    return alt.Y(f"{field}:Q", axis=None, scale=alt.Scale(domain=domain, nice=False, zero=False))


def _row_names(base: alt.Chart, rows: int, words: str = "", shift: float = 0.18) -> list[alt.Chart]:
    """Each row's name above its marks at the left, and further words (a field) at the right."""
    y = _rows_y("row", rows, shift)
    style = {"dy": -15, "baseline": "middle", "tooltip": None}
    name = base.mark_text(align="left", color=INK, fontWeight=500, fontSize=12.5, **style)
    names = [name.encode(x=alt.value(0), y=y, text="name:N")]
    more = base.mark_text(align="right", color=MUTED, **style)
    return [*names, more.encode(x=alt.value("width"), y=y, text=f"{words}:N")] if words else names


# 5. Did every workflow run?

CELL_WORDS = {"ran": "ran", "zero": "zero", "no data": "no data", "planned off": "off"}
CELL_COLORS = {
    "ran": (BAND, INK),
    "zero": (ACCENT, PAGE),
    "no data": (PAGE, INK),
    "planned off": (REST, MUTED),
}
"""Fill and ink of a day's cell; its word stands in it."""


def days_run(ran: pd.DataFrame, settings: Settings) -> Answer:
    """What each workflow did on each day: ran (how often), zero, no data or planned off.

    Clause E1. Takes `reviews.days_run`: workflow, day, off, state, runs.
    """
    names = list(dict.fromkeys(ran.workflow))
    named = _off_note(ran, settings.company)
    drawn = ran.assign(
        row=ran.workflow.map({n: i + 0.5 for i, n in enumerate(names)}),
        name=ran.workflow.map(settings.display_name),
        start=ran.day + DAY * 0.02,
        end=ran.day + DAY * 0.98,
        noon=ran.day + DAY / 2,
        words=[_cell_words(r, settings.company.locale) for r in ran.itertuples()],
    )
    return Answer(
        _page(_cells(drawn, len(names)), ROW * len(names) + 4, settings),
        days_run_title(ran, settings),
        "Numbers: runs, or calls where the exports hold no runs; ran: they hold no counts. Zero "
        f"was measured, no data was not. {named.removeprefix('Grey: rest days').lstrip('.; ')}",
    )


def days_run_title(ran: pd.DataFrame, settings: Settings) -> str:
    """The answer: every workflow ran, or which did not, and which nobody knows of."""
    missed = {
        state: ", ".join(settings.display_name(w) for w in dict.fromkeys(own.workflow))
        for state, own in ran[ran.state.isin(["zero", "no data"])].groupby("state")
    }
    said = [
        f"no run on some day: {missed['zero']}" if "zero" in missed else "",
        f"no data on some day: {missed['no data']}" if "no data" in missed else "",
    ]
    told = "; ".join(s for s in said if s)
    return told[0].upper() + told[1:] if told else "Every workflow ran on every day it should"


def _cell_words(row: object, locale: str) -> str:
    counted = row.state == "ran" and not pd.isna(row.runs)
    return number(row.runs, locale) if counted else CELL_WORDS[row.state]


def _cells(drawn: pd.DataFrame, rows: int) -> list[alt.Chart]:
    x = alt.X("start:T", axis=_days_axis(drawn.day))
    tips = [
        alt.Tooltip("name:N", title="Workflow"),
        alt.Tooltip("day:T", title="Day", format="%a %-d %b"),
        alt.Tooltip("state:N", title="State"),
        alt.Tooltip("words:N", title="Runs"),
    ]
    placed = drawn.assign(top=drawn.row - 0.08, bottom=drawn.row + 0.44, middle=drawn.row + 0.18)
    columns = ["top", "middle", "bottom", "name", "day", "start", "end", "noon", "state", "words"]
    parts = []
    for state, (fill, ink) in CELL_COLORS.items():
        own = placed[placed.state.eq(state)]
        if own.empty:
            continue
        base = alt.Chart(own[columns])
        edge = {"stroke": MUTED, "strokeDash": [3, 2]} if state == "no data" else {}
        parts += [
            base.mark_rect(color=fill, **edge).encode(
                x=x, x2="end:T", y=_rows_y("top", rows), y2="bottom:Q", tooltip=tips
            ),
            base.mark_text(color=ink, fontSize=11, baseline="middle", tooltip=None).encode(
                x=alt.X("noon:T"), y=_rows_y("middle", rows), text="words:N"
            ),
        ]
    names = alt.Chart(drawn[["row", "name"]].drop_duplicates())
    return [*parts, *_row_names(names, rows, shift=0)]


# 6. Which workflows left their usual cost per run?

STRIP = 84
"""Pixels of a workflow's strip, its name included."""
LEAST_RATIO, MOST_RATIO = 0.7, 3.2
"""The strip's scale, in halvings and doublings of the baseline; the rest stands at its edge."""


def run_cost_of_all(
    bands: pd.DataFrame,
    findings: pd.DataFrame,
    settings: Settings,
    period: Period,
    weeks: int = WEEKS_SHOWN,
) -> Answer:
    """Each workflow's cost per run as a ratio to its baseline, one strip each (clause D2).

    Takes `rules.cost.run_cost_bands` of all workflows and FINDINGS.
    """
    begun = period[1] - pd.Timedelta(weeks=weeks)
    inside = (bands.started_at >= begun) & (bands.started_at < period[1])
    known = set(settings.workflow(w) and w for w in bands.workflow) - {None}
    shown = bands[inside & bands.workflow.isin(known) & bands.center.gt(0)]
    names = [w.id for w in settings.workflows if w.id in set(shown.workflow)]
    drawn = _strips(shown[shown.state.isin(["ok", "breach"])], names)
    found = _touching(findings[findings.rule == "R5"], period)
    layers = [*_shades(shown), *_strip_lines(drawn, shown, names, settings)]
    return Answer(
        _page(layers, STRIP * max(len(names), 1), settings, right=34),
        run_cost_of_all_title(found, settings),
        "Cost per run divided by its baseline, on a scale of doublings. Thin line: the baseline; "
        f"dashed: the limit. {_off_note(shown, settings.company)}",
    )


def run_cost_of_all_title(findings: pd.DataFrame, settings: Settings) -> str:
    """The answer: which workflows were over twice their cost per run, or that all stayed within."""
    if findings.empty:
        return "Every workflow stayed within its cost per run"
    names = ", ".join(settings.display_name(w) for w in dict.fromkeys(findings.workflow))
    count = findings.workflow.nunique()
    plural = "workflow" if count == 1 else "workflows"
    return f"{count} {plural} over the limit of cost per run: {names}"


def _strips(bands: pd.DataFrame, names: list[str]) -> pd.DataFrame:
    """Ratios laid on their workflow's strip: y counts strips from the top."""
    times = _array(bands.observed_eur) / _array(bands.center)
    place = bands.workflow.map({n: i for i, n in enumerate(names)}).astype(float)
    return pd.DataFrame(
        {
            "noon": bands.day + DAY / 2,
            "row": place,
            "ratio": [float(f"{t:.3g}") for t in times],
            "y": np.round(place + _height(times), 3),
            "over": bands.state.eq("breach"),
        }
    )


def _height(times: np.ndarray) -> np.ndarray:
    """Where a ratio lies within its strip, from 0.3 (most) to 0.96 (least): doublings are equal."""
    reach = np.log2(MOST_RATIO / LEAST_RATIO)
    return 0.3 + 0.66 * np.log2(MOST_RATIO / np.clip(times, LEAST_RATIO, MOST_RATIO)) / reach


def _strip_lines(
    drawn: pd.DataFrame, shown: pd.DataFrame, names: list[str], settings: Settings
) -> list[alt.Chart]:
    limit = settings.limits.run_cost_ratio
    scale = alt.Scale(domain=[max(len(names), 1), 0], nice=False, zero=False)
    y = alt.Y("y:Q", axis=None, scale=scale)
    lines = pd.DataFrame(
        [
            {"y": i + float(_height(np.array([at]))[0]), "words": f"{at:g}×", "limit": at == limit}
            for i in range(len(names))
            for at in (1.0, limit)
        ],
        columns=["y", "words", "limit"],
    )
    heads = [settings.display_name(n) for n in names]
    title = pd.DataFrame({"y": [i + 0.14 for i in range(len(names))], "name": heads})
    marks = alt.Chart(lines)
    text = {"align": "left", "dx": 6, "fontSize": 11, "baseline": "middle"}
    level = [
        marks.transform_filter("!datum.limit").mark_rule(color=SOFT, tooltip=None).encode(y=y),
        marks.transform_filter("datum.limit")
        .mark_rule(color=MUTED, strokeDash=[4, 3], tooltip=None)
        .encode(y=y),
        marks.mark_text(color=MUTED, **text).encode(x=alt.value("width"), y=y, text="words:N"),
        alt.Chart(title)
        .mark_text(align="left", color=INK, fontSize=12.5, fontWeight=500, baseline="middle")
        .encode(x=alt.value(0), y=y, text="name:N"),
    ]
    return [*level, *_strip_points(drawn, shown, y)]


def _strip_points(drawn: pd.DataFrame, shown: pd.DataFrame, y: alt.Y) -> list[alt.Chart]:
    tips = [
        alt.Tooltip("noon:T", title="Day", format="%a %-d %b"),
        alt.Tooltip("ratio:Q", title="Times its baseline", format=".2f"),
    ]
    base = alt.Chart(drawn).encode(x=alt.X("noon:T", axis=_days_axis(shown.day)), y=y)
    color = alt.condition("datum.over", alt.value(ACCENT), alt.value(LINE))
    size = alt.condition("datum.over", alt.value(44), alt.value(12))
    return [
        base.mark_line(strokeWidth=1.25, color=LINE, tooltip=None).encode(detail="row:Q"),
        base.mark_circle(opacity=1).encode(color=color, size=size, tooltip=tips),
    ]


# 7. How did one incident go?

GAP = pd.Timedelta(hours=3)
"""Hours further apart than this are not joined by a line."""
PLOT, MARK = 200, 16
"""Pixels of an incident's plot, and of each mark's words above it."""
COURSE_UNITS = {
    "error_share": "Share of calls that failed",
    "refused_share": "Share refused",
    "run_cost_eur": "{currency} a run, median of the hour",
    "tokens": "Tokens",
    "cost_eur": "{currency}",
    "tasks": "Tasks",
    "missing_h": "Tasks; a gap is no data",
    "latency_ms": "Milliseconds to an answer, median of the hour",
    "tokens_per_run": "Tokens a run, median of the hour",
}
SUMMED = {"window": " in the 24 hours before", "day": " a day", "hour": " an hour"}
"""What a sum is taken over, by the length of a bucket."""
Mark = tuple[str, pd.Timestamp]
"""What happened in an incident's course, in words, and when (UTC)."""


def incident(
    course: pd.DataFrame,
    finding: dict,
    marks: Sequence[Mark],
    settings: Settings,
    grain: str = "hour",
) -> Answer:
    """The metric of one finding, bucket by bucket, with what happened when marked above it.

    Clauses B2, B6. `course` is `dossier.course`: at (start of the bucket, UTC), value, center,
    upper; `finding` the figures of `Incident.findings`. Marks outside of the course are left out.
    """
    company, bucket = settings.company, DAY if grain == "day" else HOUR
    drawn = _floats(course, ["value", "center", "upper"])
    value, upper = _array(course.value), _array(course.upper)
    drawn["over"] = exceeds(upper, value) if _bad_when_low(finding) else exceeds(value, upper)
    drawn["at"] = _local(course["at"], company) + bucket / 2
    seen = [m for m in marks if course["at"].min() <= m[1] <= course["at"].max() + bucket]
    height = PLOT + MARK * len(seen)
    band = pd.DataFrame({"start": [finding["from"]], "end": [finding["to"]]})
    held = band.apply(lambda at: _local(pd.to_datetime(at), company))
    layers = [
        _rect(held, FLAGGED),
        *_marks(seen, company, drawn["at"]),
        *_course(drawn, str(finding["metric"]), height / PLOT, bucket),
    ]
    unit = COURSE_UNITS.get(finding["metric"], str(finding["metric"]).replace("_", " "))
    unit = unit.replace("{currency}", company.currency)
    summed = SUMMED[grain] if finding["metric"] in ("cost_eur", "tokens", "tasks") else ""
    return Answer(
        _page(layers, height, settings, right=56),
        incident_title(finding, settings),
        f"{unit}{summed}. Line: baseline; dashed: the limit, where there is one. Shaded: where "
        f"the rule held. {zone_note(company)}",
    )


def _bad_when_low(finding: dict) -> bool:
    """Whether a finding's limit lies under its baseline, as a quality score's does."""
    base, limit = finding["baseline"], finding["limit"]
    return base is not None and limit is not None and limit < base


def incident_title(finding: dict, settings: Settings) -> str:
    """The answer: what was found, and from when to when it lasted."""
    name = settings.display_name(finding["workflow"])
    held = pd.Series(
        {
            "started_at": pd.Timestamp(finding["from"]),
            "ended_at": pd.Timestamp(finding["to"]),
            "state": finding["state"],
        }
    )
    return f"{name}: {finding['reason']}, {_lasting(held, settings.company)}"


def _marks(marks: Sequence[Mark], company: Company, shown: pd.Series) -> list[alt.Chart]:
    """Upright lines, each from its words down.

    The words stand in steps, one below the other, so that no line runs through another's words.
    """
    frames = [
        pd.DataFrame(
            {
                "at": [at.tz_convert(company.zone).tz_localize(None)],
                "words": [f"{what} {_weekday_and_hour(at, company)}"],
            }
        )
        for what, at in sorted(marks, key=lambda m: m[1])
    ]
    middle = shown.min() + (shown.max() - shown.min()) / 2
    return [part for i, f in enumerate(frames) for part in _mark(f, 8 + MARK * i, middle)]


def _mark(mark: pd.DataFrame, y: float, middle: pd.Timestamp) -> list[alt.Chart]:
    late = mark["at"].iloc[0] > middle
    side = {"align": "right", "dx": -4} if late else {"align": "left", "dx": 4}
    rule = alt.Chart(mark).mark_rule(color=INK, strokeWidth=1)
    tip = [alt.Tooltip("words:N", title="")]
    upright = rule.encode(x=alt.X("at:T"), y=alt.value(y - 6), y2=alt.value("height"), tooltip=tip)
    return [upright, _label(mark, "at", "words", y=y, color=INK, baseline="middle", **side)]


def _course(drawn: pd.DataFrame, metric: str, room: float, bucket: pd.Timedelta) -> list[alt.Chart]:
    """Values as dots on a line, over baseline and limit; `room` is what the scale leaves above."""
    levels = drawn[["value", "center", "upper"]]
    form = "~%" if metric.endswith("_share") else _course_format(metric, levels)
    top = max([*levels.max().dropna(), 0.0]) or 1.0
    y = alt.Y("value:Q", scale=alt.Scale(domain=[0, top * room * HEADROOM], nice=False))
    reach = drawn["at"].max() - drawn["at"].min()
    form_at = "%a %-d %b" if reach > DAY * 3 else "%a %H:%M"
    axis = alt.Axis(format=form_at, title=None, labelOverlap=True, tickCount=6, labelSeparation=8)
    known = drawn.dropna(subset="value")
    gaps = known.assign(part=known["at"].diff().gt(max(GAP, bucket)).cumsum())
    base = alt.Chart(gaps[["at", "value", "over", "part"]]).encode(
        x=alt.X("at:T", axis=axis), y=y.axis(format=form, title=None)
    )
    tips = [
        alt.Tooltip("at:T", title="Day" if bucket == DAY else "Hour", format="%a %-d %b %H h"),
        alt.Tooltip("value:Q", title="Value", format=form),
    ]
    color = alt.condition("datum.over", alt.value(ACCENT), alt.value(LINE))
    return [
        *_level(drawn, "center", "baseline", {"color": SOFT, "strokeWidth": 1.5}),
        *_level(drawn, "upper", "limit", {"color": MUTED, "strokeDash": [4, 3]}),
        base.mark_line(color=LINE, strokeWidth=1.25, tooltip=None).encode(detail="part:O"),
        base.mark_circle(size=36, opacity=1).encode(color=color, tooltip=tips),
    ]


HEADROOM = 1.06
"""How far the scale reaches over the highest value."""


def _course_format(metric: str, levels: pd.DataFrame) -> str:
    top = pd.Series([levels.max().max()])
    return _money_format(top) if metric.endswith("eur") else ",~s" if top[0] >= THOUSANDS else ",~f"


THOUSANDS = 10_000
"""From here on an axis writes 10k, 2M."""


def _level(drawn: pd.DataFrame, field: str, word: str, style: dict) -> list[alt.Chart]:
    """A line at the baseline or the limit, bucket by bucket, named at its end; none where none."""
    known = drawn.dropna(subset=field)[["at", field]]
    if known.empty:
        return []
    changes = known[field].ne(known[field].shift()) | known[field].ne(known[field].shift(-1))
    known = known[changes]
    y = alt.Y(f"{field}:Q")
    name = {"align": "left", "dx": 6, "fontSize": 11, "baseline": "middle", "text": word}
    line = alt.Chart(known).mark_line(interpolate="step-after", tooltip=None, **style)
    last = alt.Chart(known.iloc[[-1]]).mark_text(color=MUTED, clip=False, **name)
    return [part.encode(x=alt.X("at:T"), y=y) for part in (line, last)]


# The back-test: either reading of each rule


def alarms_by_rule(rules: pd.DataFrame, settings: Settings) -> Answer:
    """Alarms a week of each rule, as it is read here and literally, one row each (clause E2).

    Takes `backtest.by_rule`: rule, name, words, method, per_week, alarms.
    """
    wide = rules.pivot(index="rule", columns="method", values=["per_week", "alarms"])
    wide.columns = [f"{figure}_{method}" for figure, method in wide.columns]
    named = rules.drop_duplicates("rule")[["rule", "name", "words"]]
    drawn = named.merge(wide.reset_index(), on="rule")
    drawn = drawn[(drawn.alarms_calendar + drawn.alarms_runbook) > 0].reset_index(drop=True)
    drawn["row"] = drawn.index + 0.5
    locale = settings.company.locale
    drawn["name"] = (drawn.rule + " " + drawn["name"]).where(drawn.rule != "any", "All rules")
    ours, literal = ([number(x, locale, 1) for x in drawn[f"per_week_{m}"]] for m in METHODS)
    drawn["said"] = [f"{a}, literally {b}" for a, b in zip(ours, literal, strict=True)]
    return Answer(
        _page(_alarm_rows(drawn), ROW * max(len(drawn), 1) + 8, settings, right=10),
        alarms_by_rule_title(drawn, locale),
        "Alarms a week: filled as the rule is read here, open as the runbook reads literally. "
        "Findings of one rule and workflow within a day are one alarm.",
    )


def alarms_by_rule_title(drawn: pd.DataFrame, locale: str) -> str:
    """The answer: how many alarms a week either reading gives."""
    every = drawn[drawn.rule == "any"]
    if every.empty:
        return "No rule fired under either reading"
    ours, literal = (number(every[f"per_week_{m}"].iloc[0], locale, 1) for m in METHODS)
    return f"{ours} alarms a week as the rules are read here, {literal} read literally"


METHODS = ("calendar", "runbook")


def _alarm_rows(drawn: pd.DataFrame) -> list[alt.Chart]:
    top = max([1.0, *drawn.per_week_calendar, *drawn.per_week_runbook])
    drawn = drawn.assign(upper=drawn.row - 0.09, lower=drawn.row + 0.09, zero=0.0)
    base = alt.Chart(drawn)
    tips = [
        alt.Tooltip("words:N", title="Rule"),
        alt.Tooltip("alarms_calendar:Q", title="Alarms as read here", format=",d"),
        alt.Tooltip("alarms_runbook:Q", title="Literally", format=",d"),
    ]
    axis = alt.Axis(title="a week", tickCount=5, grid=True)
    scale = alt.Scale(domain=[0, top], nice=True)
    bars = [
        base.mark_bar(size=7, fill=fill, stroke=stroke, strokeWidth=1).encode(
            x=alt.X(f"per_week_{method}:Q", scale=scale, axis=axis),
            x2="zero:Q",
            y=_rows_y(place, len(drawn), 0.18),
            tooltip=tips,
        )
        for method, place, fill, stroke in (
            (METHODS[0], "upper", ACCENT, ACCENT),
            (METHODS[1], "lower", PAGE, MUTED),
        )
    ]
    return [*bars, *_row_names(base, len(drawn), "said")]


# Why did a cost move?

PART_WORDS = {
    "volume": "Calls", "input": "Inputs", "output": "Outputs", "price": "Price", "mix": "Models",
}  # fmt: skip


def cost_split(parts: pd.DataFrame, settings: Settings) -> Answer:
    """What each part brought to a change of cost, one row each (clause D3).

    Takes `reviews.cost_split_of`: factor, brought_eur, with before_eur and after_eur beside.
    """
    company = settings.company
    drawn = parts.assign(
        row=parts.index + 0.5, zero=0.0, name=parts.factor.map(PART_WORDS),
        brought=parts.brought_eur.astype(float), more=parts.brought_eur > 0,
        said=[_signed(v, company) for v in parts.brought_eur],
    )  # fmt: skip
    base, form = alt.Chart(drawn.drop(columns="brought_eur")), _money_format(drawn.brought.abs())
    reach = max(drawn.brought.abs().max(), 1e-9)
    x = alt.X("brought:Q", scale=alt.Scale(domain=[-reach, reach], nice=True))
    bars = base.mark_bar(size=12).encode(
        x=x.axis(format=form, title=company.currency, grid=True, tickCount=5),
        x2="zero:Q",
        y=_rows_y("row", len(drawn), 0.18),
        color=alt.condition("datum.more", alt.value(ACCENT), alt.value(LINE)),
        tooltip=[alt.Tooltip("name:N", title="Part"), alt.Tooltip("said:N", title="Brought")],
    )
    return Answer(
        _page([bars, *_row_names(base, len(drawn), "said")], ROW * len(drawn) + 8, settings, 10),
        cost_split_title(parts, settings),
        "To the right: made the week dearer than the mean of the four weeks before.",
    )


def cost_split_title(parts: pd.DataFrame, settings: Settings) -> str:
    """The answer: by how much the cost moved, and which part moved it most."""
    company, change = settings.company, parts.brought_eur.sum()
    most = parts.loc[parts.brought_eur.abs().idxmax()]
    moved = f"{_signed(change, company)} against {money(parts.attrs['before_eur'], company)}"
    if abs(change) < LEAST_CHANGE * parts.attrs["before_eur"]:
        return f"The week cost what the weeks before did ({moved})"
    part, brought = PART_WORDS[most.factor].lower(), _signed(most.brought_eur, company)
    return f"{moved}, most of it {part} ({brought})"


LEAST_CHANGE = 0.02
"""Of the cost before: below it nothing worth a sentence has moved."""


def _signed(amount: float, company: Company) -> str:
    return ("+" if amount > 0 else "") + money(amount, company)


# 8. What did one metric do, and what is known of it? (for JupyterLab: a stretch can be selected)

FEW_POINTS = 200
"""Up to so many buckets each has its dot; of more only those a finding holds."""
EXPLORED, LANE = 300, 15
"""Pixels of the plot, and of each row of what is known above it."""
STRETCH = "stretch"
"""The name of the selection; along x its value is from and to in milliseconds of UTC."""
DAY_WORDS = 12
"""Up to so many days each is named under the chart."""


def explored(
    series: pd.DataFrame,
    known: pd.DataFrame,
    lines: Sequence[tuple[str, float]],
    unit: str,
    calendar: pd.DataFrame,
    settings: Settings,
    selected: Period | None = None,
) -> alt.Chart:
    """A metric bucket by bucket with its normal band, what is known above it, days off in grey.

    `series` are buckets (at, ended_at, value, center, lower, upper), `known` stretches with
    started_at, ended_at, words and kind (finding, incident or explained); `lines` fixed limits;
    `calendar` the days that the buckets lie in. Along x runs UTC, so that a day on which the clocks
    change is as long as it was; the words below it are the company's. A hand selects along x.
    """
    drawn = _floats(series, ["value", "center", "lower", "upper"])
    begun, until = drawn["at"].iloc[0], drawn.ended_at.iloc[-1]
    seen = known.assign(
        start=known.started_at.clip(lower=begun), end=known.ended_at.clip(upper=until)
    )
    seen = seen[seen.start < seen.end].reset_index(drop=True)
    found = seen[seen.kind == "finding"]
    drawn["middle"] = drawn["at"] + (drawn.ended_at - drawn["at"]) / 2
    drawn["flagged"] = _inside(drawn.middle, found)
    drawn["when"] = [when(t, settings.company) for t in drawn["at"]]
    lanes, most = _lanes(seen, (begun, until))
    room = LANE * (most + 1)
    levels = drawn[["value", "upper"]].max().max()
    top = max([0.0 if pd.isna(levels) else levels, *(v for _, v in lines[:1])]) or 1.0
    height = EXPLORED + room
    x = alt.X(
        "middle:T",
        scale=alt.Scale(type="utc", domain=[_ms(begun), _ms(until)], nice=False),
        axis=_named_days(calendar, (begun, until), settings.company),
    )
    y = alt.Y("value:Q", scale=alt.Scale(domain=[0, top * HEADROOM * height / EXPLORED]))
    brush = alt.selection_interval(
        name=STRETCH,
        encodings=["x"],
        mark=alt.BrushConfig(fill=LINE, fillOpacity=0.18, stroke=LINE, strokeOpacity=0.9),
        **({"value": {"x": [_ms(t) for t in selected]}} if selected else {}),
    )
    values = y.axis(format=_explored_format(unit, drawn), **_unit(unit))
    layers = [
        *_closed(calendar, (begun, until)),
        *([_rect(found, FLAGGED)] if len(found) else []),
        *_usual_band(drawn),
        *_fixed_lines(lines, top * HEADROOM),
        *_explored_points(drawn, x, values, brush),
        *lanes,
    ]
    return _page(layers, height, settings, right=64)


def _ms(at: pd.Timestamp) -> int:
    return int(at.timestamp() * 1000)


def _inside(times: pd.Series, spans: pd.DataFrame) -> np.ndarray:
    """Which times lie in one of the spans."""
    hit = np.zeros(len(times), bool)
    for span in spans.itertuples():
        hit |= times.between(span.started_at, span.ended_at, inclusive="left").to_numpy()
    return hit


def _closed(calendar: pd.DataFrame, ends: Period) -> list[alt.Chart]:
    """Rest days in light grey, holidays and closures in a darker one with their names, in UTC."""
    own = calendar[(calendar.ended_at > ends[0]) & (calendar.started_at < ends[1])]
    resting = own[own.day_type.eq("restday")]
    spans = pd.DataFrame(
        {
            "start": resting.started_at.clip(lower=ends[0]),
            "end": resting.ended_at.clip(upper=ends[1]),
            "name": resting.off.fillna("").astype(str),
        }
    )
    plain, named = spans[spans.name.eq("")], spans[spans.name.ne("")]
    shades = ((plain, REST, []), (named, OFF, ["name"]))
    rects = [_rect(own, color, tips) for own, color, tips in shades if len(own)]
    style = {"color": MUTED, "angle": 270, "baseline": "top", "dx": 0, "dy": 3}
    foot = EXPLORED // 2
    return [*rects, *([_label(named, "start", "name", y=foot, **style)] if len(named) else [])]


def _usual_band(drawn: pd.DataFrame) -> list[alt.Chart]:
    """What is normal, from its lower to its upper edge, and its center; gaps where none is."""
    known = drawn.dropna(subset=["center", "upper"])
    if known.empty:
        return []
    known = known.assign(part=(known["at"] != known.ended_at.shift()).cumsum())
    base = alt.Chart(known[["middle", "center", "lower", "upper", "part"]])
    base = base.encode(x=alt.X("middle:T"), detail="part:O")
    last = alt.Chart(known.iloc[[-1]][["middle", "center"]])
    style = {"align": "left", "dx": 8, "fontSize": 11, "baseline": "middle", "clip": False}
    return [
        base.mark_area(color=BAND, tooltip=None).encode(y=alt.Y("lower:Q"), y2="upper:Q"),
        base.mark_line(color=SOFT, strokeWidth=1.25, tooltip=None).encode(y=alt.Y("center:Q")),
        last.mark_text(text="normal", color=MUTED, **style).encode(
            x=alt.X("middle:T"), y=alt.Y("center:Q")
        ),
    ]


def _fixed_lines(lines: Sequence[tuple[str, float]], top: float) -> list[alt.Chart]:
    """Limits that are the same at all times, each named at its end; none above the plot."""
    shown = pd.DataFrame([(w, v) for w, v in lines if v <= top], columns=["words", "limit"])
    if shown.empty:
        return []
    base = alt.Chart(shown).encode(y=alt.Y("limit:Q"))
    style = {"align": "left", "dx": 6, "fontSize": 11, "baseline": "middle", "clip": False}
    return [
        base.mark_rule(color=MUTED, strokeDash=[4, 3]),
        base.mark_text(color=MUTED, **style).encode(x=alt.value("width"), text="words:N"),
    ]


def _explored_points(
    drawn: pd.DataFrame, x: alt.X, y: alt.Y, brush: alt.Parameter
) -> list[alt.Chart]:
    """The values, joined where they follow each other; the selection is theirs."""
    known = drawn.dropna(subset="value")
    gap = known["at"].diff() > 2 * (known.ended_at - known["at"])
    known = known.assign(part=gap.cumsum())
    columns = ["middle", "value", "part", "flagged", "when", "center"]
    base = alt.Chart(known[columns]).encode(x=x, y=y)
    color = alt.condition("datum.flagged", alt.value(ACCENT), alt.value(LINE))
    few = len(known) <= FEW_POINTS
    plain = 30 if few else 9
    tips = [
        alt.Tooltip("when:N", title="From"),
        alt.Tooltip("value:Q", title="Value", format=",.4~g"),
        alt.Tooltip("center:Q", title="Normal", format=",.4~g"),
    ]
    size = alt.condition("datum.flagged", alt.value(44), alt.value(plain))
    return [
        base.mark_line(color=LINE, strokeWidth=1.4, tooltip=None).encode(detail="part:O"),
        base.mark_circle(opacity=1).encode(color=color, size=size, tooltip=tips).add_params(brush),
    ]


def _explored_format(unit: str, drawn: pd.DataFrame) -> str:
    """How the axis writes values: shares in percent, small amounts with the decimals they need."""
    if unit.startswith("Share"):
        return "~%"
    top = drawn[["value", "upper"]].max().max()
    return ",~s" if top >= THOUSANDS else ",.3~g" if top < 1 else ",~g"


def _named_days(calendar: pd.DataFrame, ends: Period, company: Company) -> alt.Axis:
    """Days or Mondays where they begin, in the company's words; hours within two days."""
    days = calendar[(calendar.started_at >= ends[0]) & (calendar.started_at < ends[1])]
    if len(days) <= 2:
        hours = pd.date_range(ends[0], ends[1], freq="3h")
        words = {_ms(t): when(t, company).rsplit(" ", 1)[1] for t in hours}
        words |= {_ms(t): day_words(t, company) for t in days.started_at}
    else:
        shown = days if len(days) <= DAY_WORDS else days[days.day.dt.weekday == 0]
        step = max(1, -(-len(shown) // DAY_WORDS))
        words = {_ms(t): day_words(t, company) for t in shown.started_at[::step]}
    return alt.Axis(
        values=list(words),
        labelExpr=f"{json.dumps(words)}[time(datum.value)] || ''",
        labelAlign="left",
        labelOffset=0,
        title=None,
        ticks=True,
        tickSize=6,
        grid=True,
        labelOverlap=True,
    )


KNOWN_COLORS = {"finding": ACCENT, "incident": INK, "explained": MUTED}


def _lanes(seen: pd.DataFrame, ends: Period) -> tuple[list[alt.Chart], int]:
    """What is known as bars with their words above the plot, none over another; and how many rows.

    A word needs room beside its bar: bars that would meet its end go into another row.
    """
    parts, until = [], []
    wide = (ends[1] - ends[0]) / 90  # of a letter, at a usual width of the page
    for row in seen.sort_values(["started_at", "kind"]).itertuples():
        needs = wide * len(row.words)
        late = row.start + needs > ends[1]
        start, end = (row.end - needs, row.end) if late else (row.start, row.start + needs)
        end = max(end, row.end)
        fits = [i for i, free in enumerate(until) if free <= min(start, row.start)]
        lane = fits[0] if fits else len(until)
        until[lane:] = [end, *until[lane + 1 :]]
        parts += _known_bar(row, lane, late)
    return parts, len(until)


def _known_bar(row: object, lane: int, late: bool) -> list[alt.Chart]:
    color, y = KNOWN_COLORS[row.kind], LANE * lane
    at = pd.DataFrame({"start": [row.start], "end": [row.end], "words": [row.words]})
    tip = [alt.Tooltip("words:N", title="")]
    bar = alt.Chart(at).mark_rect(color=color, cornerRadius=1)
    side = {"align": "right", "dx": 0} if late else {"align": "left", "dx": 0}
    style = {"fontSize": 11, "color": color, "baseline": "top", "fontWeight": 600} | side
    return [
        bar.encode(
            x=alt.X("start:T"), x2="end:T", y=alt.value(y), y2=alt.value(y + 2.5), tooltip=tip
        ),
        _label(at, "end" if late else "start", "words", y=y + 4, **style),
    ]


# 9. Of which days is there data?

STRIPE = 34
"""Pixels of a row that has its name above a strip of days."""


def covered_days(days: pd.DataFrame, settings: Settings) -> Answer:
    """How much of each day the exports cover: whole, in part, or not at all; a row per workflow.

    Clause E2. Takes `months.covered_days`: workflow, day, off, day_type, covered.
    """
    names = list(dict.fromkeys(days.workflow))
    parts = np.where(days.covered >= 1 - DUST, "whole", np.where(days.covered > 0, "part", "none"))
    drawn = days.assign(
        row=days.workflow.map({n: i + 0.5 for i, n in enumerate(names)}).astype(float),
        name=days.workflow.map(settings.display_name).astype(str),
        start=days.day + DAY * 0.06,
        end=days.day + DAY * 0.94,
        state=parts,
        share=days.covered.round(3),
    )
    return Answer(
        _page(_covered_cells(drawn, len(names)), STRIPE * max(len(names), 1) + 8, settings),
        covered_days_title(days, settings),
        "A cell is a day: filled where the exports cover all of it, pale where they cover a part, "
        "dashed where there is no data.",
    )


DUST = 1e-9


def covered_days_title(days: pd.DataFrame, settings: Settings) -> str:
    """The answer: every day is there, or of whom how many are not."""
    if days.empty:
        return "No day of the period is over yet"
    lacking = days[days.covered < 1 - DUST].groupby("workflow", sort=False).size()
    if lacking.empty:
        return "Every day of every workflow is covered"
    if (days.covered == 0).all():
        return "No export covers any day"
    told = [f"{settings.display_name(w)} {n}" for w, n in lacking.items()]
    return f"Days not covered in full: {', '.join(told)}"


def _covered_cells(drawn: pd.DataFrame, rows: int) -> list[alt.Chart]:
    x = alt.X("start:T", axis=_days_axis(drawn.day))
    tips = [
        alt.Tooltip("name:N", title="Workflow"),
        alt.Tooltip("day:T", title="Day", format="%a %-d %b"),
        alt.Tooltip("share:Q", title="Covered", format=".0%"),
    ]
    placed = drawn.assign(top=drawn.row + 0.06, bottom=drawn.row + 0.42)
    columns = ["top", "bottom", "name", "day", "start", "end", "share"]
    looks = {
        "whole": {"color": SOFT},
        "part": {"color": BAND, "stroke": SOFT},
        "none": {"color": PAGE, "stroke": ACCENT, "strokeDash": [2, 2]},
    }
    cells = [
        alt.Chart(own[columns])
        .mark_rect(cornerRadius=1, **look)
        .encode(x=x, x2="end:T", y=_rows_y("top", rows), y2="bottom:Q", tooltip=tips)
        for state, look in looks.items()
        if len(own := placed[placed.state == state])
    ]
    names = alt.Chart(drawn[["row", "name"]].drop_duplicates())
    style = {"dy": -6, "align": "left", "color": INK, "fontWeight": 500, "baseline": "middle"}
    y = _rows_y("row", rows)
    return [*cells, names.mark_text(**style).encode(x=alt.value(0), y=y, text="name:N")]


# 10. Did what is normal move?

AROUND_ZERO = "datum.value ? datum.label : '0'"
"""Labels of an axis of changes: what did not change has no sign."""


def drifts(rows: pd.DataFrame, settings: Settings) -> Answer:
    """How far each baseline went over the period, a bar each; over the limit stands out.

    Clause E2. Takes `months.baseline_drift`; workflows without both ends are left out.
    """
    limit, locale = settings.limits.baseline_drift, settings.company.locale
    known = rows[rows.drift.notna()].reset_index(drop=True)
    drawn = known.assign(
        row=known.index + 0.5,
        zero=0.0,
        name=[settings.display_name(w) for w in known.workflow],
        part=known.drift.astype(float).round(4),
        far=exceeds(known.drift.abs(), limit),
        said=[_went_words(r, settings.company) for r in known.itertuples()],
    )
    reach = max([limit * 1.4, *drawn.part.abs()])
    x = alt.X("part:Q", scale=alt.Scale(domain=[-reach, reach], nice=False))
    base = alt.Chart(drawn[["row", "zero", "name", "part", "far", "said"]])
    bars = base.mark_bar(size=10).encode(
        x=x.axis(format="+.0%", labelExpr=AROUND_ZERO, title=None, grid=True, tickCount=5),
        x2="zero:Q",
        y=_rows_y("row", len(drawn), 0.18),
        color=alt.condition("datum.far", alt.value(ACCENT), alt.value(LINE)),
        tooltip=[alt.Tooltip("name:N", title="Workflow"), alt.Tooltip("said:N", title="Baseline")],
    )
    edges = drawn[["row"]].merge(pd.DataFrame({"edge": [-limit, limit]}), how="cross")
    edges = edges.assign(top=edges.row - 0.16, bottom=edges.row + 0.16)
    lines = (
        alt.Chart(edges)
        .mark_rule(color=MUTED, tooltip=None)
        .encode(x="edge:Q", y=_rows_y("top", len(drawn), 0.18), y2="bottom:Q")
    )
    layers = [lines, bars, *_row_names(base, len(drawn), "said")]
    return Answer(
        _page(layers, ROW * max(len(drawn), 1) + 8, settings, right=10),
        drifts_title(drawn, settings),
        "What was normal at the period's end against its begin: the median cost of a run, or of a "
        f"day where the exports hold no runs. Upright: {share(limit, locale)}, from which somebody "
        "should know why.",
    )


def _went_words(row: object, company: Company) -> str:
    return f"{money(row.start_eur, company)} to {money(row.end_eur, company)}".replace(
        f"\N{NO-BREAK SPACE}{company.currency} to", " to"
    )


def drifts_title(drawn: pd.DataFrame, settings: Settings) -> str:
    """The answer: which baselines went further than the limit, or that none did."""
    limit = share(settings.limits.baseline_drift, settings.company.locale)
    if drawn.empty:
        return "No baseline is old enough to say whether it moved"
    far = drawn[drawn.far]
    if far.empty:
        return f"No baseline moved by more than {limit}"
    return f"Moved by more than {limit}: {', '.join(far.name)}"


# 11. How long did each incident last, and has it been quiet since?


SHORTEST = 120
"""The part of the time shown that a bar has at least, so that a short incident is seen."""


def incident_spans(rows: pd.DataFrame, settings: Settings, until: pd.Timestamp) -> Answer:
    """Each P1 and P2 from its begin to its resolution, and the quiet time since; a row each.

    Clause E2. Takes `months.causes`; `until` is the moment of judgement, UTC.
    """
    company = settings.company
    drawn = rows.reset_index(drop=True)
    least = (until - drawn.started_at.min()) / SHORTEST
    ends = pd.concat([drawn.resolved_at.fillna(until), drawn.started_at + least], axis=1)
    ends = ends.max(axis=1).clip(upper=until)
    placed = pd.DataFrame(
        {
            "row": drawn.index + 0.5,
            "name": [_incident_name(r, settings) for r in drawn.itertuples()],
            "start": _local(drawn.started_at, company),
            "end": _local(ends, company),
            "now": _local(pd.Series([until] * len(drawn), dtype=ends.dtype), company),
            "quiet": drawn.resolved_at.notna() & drawn.again.eq(0),
            "said": [_quiet_words(r) for r in drawn.itertuples()],
        }
    )
    return Answer(
        _page(_spans(placed), ROW * max(len(placed), 1) + 8, settings, right=10),
        incident_spans_title(drawn),
        "Bar: from its begin until a person resolved it. Thin line: since then; it stands out "
        f"where the same rules fired again. {zone_note(company)}",
    )


def _incident_name(row: object, settings: Settings) -> str:
    return f"{row.priority} {settings.display_name(row.workflow)} ({row.id.rpartition('-')[2]})"


def _quiet_words(row: object) -> str:
    if pd.isna(row.resolved_at):
        return "not resolved"
    if row.again:
        return "fired again"
    return f"quiet for {row.clean_days:.0f} {'day' if round(row.clean_days) == 1 else 'days'}"


def incident_spans_title(rows: pd.DataFrame) -> str:
    """The answer: how many are over and stayed quiet, and how many not."""
    if rows.empty:
        return "No P1 and no P2"
    waiting, again = int(rows.resolved_at.isna().sum()), int((rows.again > 0).sum())
    quiet = len(rows) - waiting - int(((rows.again > 0) & rows.resolved_at.notna()).sum())
    told = [f"{quiet} of {len(rows)} resolved and quiet since"]
    told += [f"{waiting} not resolved"] if waiting else []
    told += [f"{again} fired again"] if again else []
    return ", ".join(told)


def _spans(placed: pd.DataFrame) -> list[alt.Chart]:
    rows = len(placed)
    base = alt.Chart(placed)
    axis = alt.Axis(format="%-d %b", title=None, tickCount=6, labelOverlap=True, ticks=True)
    y = _rows_y("row", rows, 0.18)
    tips = [
        alt.Tooltip("name:N", title="Incident"),
        alt.Tooltip("start:T", title="Began", format="%a %-d %b %H:%M"),
        alt.Tooltip("end:T", title="Resolved", format="%a %-d %b %H:%M"),
    ]
    color = alt.condition("datum.quiet", alt.value(LINE), alt.value(ACCENT))
    soft = alt.condition("datum.quiet", alt.value(SOFT), alt.value(ACCENT))
    return [
        base.mark_rule(strokeWidth=1.5, tooltip=None).encode(
            x=alt.X("end:T", axis=axis), x2="now:T", y=y, color=soft
        ),
        base.mark_rule(strokeWidth=9).encode(
            x=alt.X("start:T"), x2="end:T", y=y, color=color, tooltip=tips
        ),
        *_row_names(base, rows, "said"),
    ]


# 12. Which workflow is worth what it costs?


def worth(rows: pd.DataFrame, settings: Settings) -> Answer:
    """What each workflow brought in a quarter beside what it cost, a row each.

    Clause E3. Takes `quarters.portfolio`: workflow, value, cost, net. Where nobody says what it is
    worth, its cost stands alone.
    """
    company = settings.company
    known = rows.reset_index(drop=True)
    drawn = pd.DataFrame(
        {
            "row": known.index + 0.5,
            "name": [settings.display_name(w) for w in known.workflow],
            "value": [float(f"{v:.4g}") for v in _array(known.value)],
            "cost": [float(f"{v:.4g}") for v in _array(known.cost)],
            "said": [_worth_words(r, company) for r in known.itertuples()],
            "zero": 0.0,
        }
    )
    drawn["dear"] = drawn.cost > drawn.value
    return Answer(
        _page(_worth_rows(drawn, company), ROW * max(len(drawn), 1) + 8, settings, right=10),
        worth_title(known, settings),
        f"{company.currency} in the quarter. Filled: what it brought, by the register's word; "
        "open: what its calls cost. In the accent's colour: it cost more than it brought.",
    )


def _worth_words(row: object, company: Company) -> str:
    if pd.isna(row.value):
        return f"cost {money(row.cost, company)}, value not told"
    return f"{money(row.value, company)} for {money(row.cost, company)}"


def worth_title(rows: pd.DataFrame, settings: Settings) -> str:
    """The answer: what the portfolio brought for what, and who cost more than they brought."""
    company = settings.company
    told = rows[rows.value.notna()]
    if rows.empty:
        return "No workflow is set up yet"
    if told.empty:
        return "Nobody has said yet what the workflows are worth"
    dear = told[told.net < 0]
    both = f"{money(told.value.sum(), company)} for {money(told.cost.sum(), company)}"
    if dear.empty:
        return f"Worth {both}; every workflow brought more than it cost"
    names = ", ".join(settings.display_name(w) for w in dear.workflow)
    return f"Worth {both}; cost more than it brought: {names}"


def _worth_rows(drawn: pd.DataFrame, company: Company) -> list[alt.Chart]:
    placed = drawn.assign(upper=drawn.row - 0.09, lower=drawn.row + 0.09)
    base, form = alt.Chart(placed), _money_format(pd.concat([drawn.value, drawn.cost]))
    top = max([1e-6, *drawn.value.dropna(), *drawn.cost.dropna()])
    x = alt.Scale(domain=[0, top], nice=True)
    axis = alt.Axis(format=form, title=company.currency, grid=True, tickCount=5)
    tips = [
        alt.Tooltip("name:N", title="Workflow"),
        alt.Tooltip("value:Q", title="Value", format=form),
        alt.Tooltip("cost:Q", title="Cost", format=form),
    ]
    edge = alt.condition("datum.dear", alt.value(ACCENT), alt.value(MUTED))
    value = base.mark_bar(size=7, color=LINE).encode(
        x=alt.X("value:Q", scale=x, axis=axis), x2="zero:Q",
        y=_rows_y("upper", len(drawn), 0.18), tooltip=tips,
    )  # fmt: skip
    cost = base.mark_bar(size=7, fill=PAGE, strokeWidth=1).encode(
        x=alt.X("cost:Q", scale=x), x2="zero:Q", y=_rows_y("lower", len(drawn), 0.18),
        stroke=edge, tooltip=tips,
    )  # fmt: skip
    return [value, cost, *_row_names(base, len(drawn), "said")]


# 13. How many hours a week does it take?


def lead_hours(weeks: pd.DataFrame, settings: Settings) -> Answer:
    """The AI Lead's hours week by week against the runbook's span (clause E4).

    Takes `quarters.lead_hours`: week, monday, hours (<NA> where none were noted).
    """
    limits, locale = settings.limits, settings.company.locale
    drawn = pd.DataFrame(
        {
            "start": weeks.monday + DAY * 0.7,
            "end": weeks.monday + DAY * 6.3,
            "middle": weeks.monday + DAY * 3.5,
            "hours": _array(weeks.hours),
            "week": weeks.week.astype(str),
        }
    )
    drawn["over"] = drawn.hours > limits.lead_hours_most
    usual = pd.DataFrame({"low": [limits.lead_hours_least], "high": [limits.lead_hours_most]})
    top = max([limits.lead_hours_most * 1.5, *drawn.hours.dropna()])
    y = alt.Y("hours:Q", scale=alt.Scale(domain=[0, top], nice=True))
    known = drawn.dropna(subset="hours")
    layers = [
        alt.Chart(usual).mark_rect(color=BAND, tooltip=None).encode(y="low:Q", y2="high:Q"),
        alt.Chart(known)
        .mark_rect()
        .encode(
            x=alt.X("start:T", axis=_weeks_axis(weeks), scale=_weeks_scale(weeks)), x2="end:T",
            y=y.axis(**_unit("hours"), tickCount=5), y2=alt.datum(0),
            color=alt.condition("datum.over", alt.value(ACCENT), alt.value(LINE)),
            tooltip=[
                alt.Tooltip("week:N", title="Week"),
                alt.Tooltip("hours:Q", title="Hours", format=",.1~f"),
            ],
        ),
        alt.Chart(drawn[drawn.hours.isna()])
        .mark_text(text="none", color=MUTED, baseline="bottom", dy=-3)
        .encode(x="middle:T", y=alt.datum(0)),
    ]  # fmt: skip
    span_words = f"{number(limits.lead_hours_least, locale)} to {limits.lead_hours_most:g} hours"
    return Answer(
        _page(layers, 190, settings),
        lead_hours_title(weeks, settings),
        f"Bars: hours noted for a week in the register; none: nothing was. Band: {span_words}, "
        f"what the runbook expects for up to {limits.lead_workflows} workflows.",
    )


def _weeks_axis(weeks: pd.DataFrame) -> alt.Axis:
    """Each Monday under its week's bar, every other one where there are many."""
    step = 1 if len(weeks) <= FEW_MONDAYS + 1 else 2
    shown = [_datum(m) for m in weeks.monday.iloc[(len(weeks) - 1) % step :: step]]
    return alt.Axis(values=shown, format="%-d %b", title=None, labelOverlap=True, ticks=True)


def _weeks_scale(weeks: pd.DataFrame) -> alt.Scale:
    """From the first Monday to the end of the last week."""
    if weeks.empty:
        return alt.Scale()
    ends = [_datum(weeks.monday.iloc[0]), _datum(weeks.monday.iloc[-1] + DAY * 7)]
    return alt.Scale(domain=ends, nice=False)


def lead_hours_title(weeks: pd.DataFrame, settings: Settings) -> str:
    """The answer: hours a week on average, against what the runbook expects."""
    limits, locale = settings.limits, settings.company.locale
    known = weeks.hours.dropna()
    if known.empty:
        return "Nobody noted the AI Lead's hours"
    mean = float(known.mean())
    told = f"The AI Lead spent {number(mean, locale, 1)} hours a week"
    if mean > limits.lead_hours_most:
        return f"{told}, more than the {limits.lead_hours_most:g} expected"
    if mean < limits.lead_hours_least:
        return f"{told}, less than the {limits.lead_hours_least:g} expected"
    return f"{told}, as expected"


class _Of(NamedTuple):
    """A company alone, for a chart that needs no other setting."""

    company: Company


DRIFT_ROW, DRIFT_ENDS = 40, (0.5, 2.0)
"""Pixels of a measure's row, and how far the scale of ratios reaches at least."""


def list_drift(drifts: pd.DataFrame, company: Company) -> Answer:
    """How many times as much of each measure a run's answers have as the approved run's.

    Columns measure, change, low, high (bounds of 95 % of draws of cases), noise (the largest ratio
    between the approved run's own repeats, <NA> where it had none), drifted.
    """
    drawn = drifts.assign(
        row=[i + 0.5 for i in range(len(drifts))],
        name=drifts.measure.str.capitalize(),
        least=1 / drifts.noise.astype(float).fillna(1.0),
        most=drifts.noise.astype(float).fillna(1.0),
        words=[_drift_words(r, company) for r in drifts.itertuples()],
    )
    ends = [
        min(DRIFT_ENDS[0], drawn.low.min() * 0.95),
        max(DRIFT_ENDS[1], drawn.high.max() * 1.05),
    ]
    return Answer(
        _page(_drift_rows(drawn, ends), DRIFT_ROW * len(drawn) + 24, _Of(company)),
        list_drift_title(drifts, company),
        "Median of each case's answers now over the approved ones; the line holds 95 % of draws of "
        "cases, the band what the approved run's own repeats differ by.",
    )


def list_drift_title(drifts: pd.DataFrame, company: Company) -> str:
    """The answer: what drifted and how far, or that nothing did."""
    told = [
        f"{r.measure} {number(r.change, company.locale, 2)}×"
        for r in drifts[drifts.drifted].itertuples()
    ]
    said = ", ".join(told)
    return said[0].upper() + said[1:] + " the approved run's" if told else "No measure drifted"


def _drift_words(row: object, company: Company) -> str:
    times = number(row.change, company.locale, 2)
    told = f"{times}×, {'drift' if row.drifted else 'no drift'}"
    return told if pd.notna(row.noise) else f"{told} (noise not known)"


def _drift_rows(drawn: pd.DataFrame, ends: list[float]) -> list[alt.Chart]:
    """Per measure its name, the band of noise, the bounds as a line and the change as a point."""
    rows, shift = len(drawn), 0.18
    ticks = [v for v in (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0) if ends[0] <= v <= ends[1]]
    axis = alt.Axis(values=ticks, labelExpr="datum.label + ' \u00d7'", title=None, grid=True)
    scale = alt.Scale(type="log", domain=ends, nice=False)
    columns = ["row", "name", "words", "change", "low", "high", "least", "most", "drifted"]
    base = alt.Chart(drawn[columns])
    y = _rows_y("row", rows, shift)
    tips = [
        alt.Tooltip("name:N", title="Measure"),
        alt.Tooltip("change:Q", title="Times the approved", format=".2f"),
        alt.Tooltip("low:Q", title="At least", format=".2f"),
        alt.Tooltip("high:Q", title="At most", format=".2f"),
    ]
    color = alt.condition("datum.drifted", alt.value(ACCENT), alt.value(LINE))
    x = alt.X("low:Q", scale=scale, axis=axis)
    one = alt.Chart(pd.DataFrame({"at": [1.0]}))
    return [
        base.mark_bar(color=BAND, size=14, tooltip=None).encode(
            x=alt.X("least:Q", scale=scale, axis=axis), x2="most:Q", y=y
        ),
        one.mark_rule(color=MUTED, strokeDash=[3, 3]).encode(x=alt.X("at:Q", scale=scale)),
        base.mark_rule(strokeWidth=2.5).encode(x=x, x2="high:Q", y=y, color=color, tooltip=tips),
        base.mark_point(size=70, filled=True, opacity=1).encode(
            x=alt.X("change:Q", scale=scale), y=y, color=color, tooltip=tips
        ),
        *_row_names(base, rows, "words", shift),
    ]
