"""The explorer in a notebook: choose a metric, select a stretch, see its calls, say what it was.

Widgets in, pictures and events out; what is measured comes from `stretches`, what is drawn from
`charts`, what is entered goes the way of the commands. Nothing is fetched from anywhere: the
scripts of charts and tables come with the notebook.
"""

from dataclasses import dataclass, field, replace
from pathlib import Path

import altair as alt
import anywidget
import ipywidgets as widgets
import pandas as pd
import traitlets

from opsbook import charts
from opsbook.desk import ROLE, Desk
from opsbook.displays import (
    bare,
    counted,
    missing,
    money,
    number,
    share,
    span,
    text,
    when,
    zone_note,
)
from opsbook.errors import OpsbookError, UsageError
from opsbook.events import Draft, stamp
from opsbook.register import Register
from opsbook.reports import Report, checked, opening, words
from opsbook.schema import COMPANY, PRIORITIES, UNASSIGNED
from opsbook.settings import Settings
from opsbook.stretches import (
    METRICS,
    SERIES,
    Behind,
    Stretch,
    calls_behind,
    daily,
    hourly,
    metrics_of,
    snapped,
)
from opsbook.workbook import Workbook, open_workbook

STYLE = Path(__file__).with_name("explore.css").read_text("utf-8")
SCRIPT = Path(__file__).with_name("explore.js").read_text("utf-8")
DAY = pd.Timedelta(days=1)
WEEKS_FIRST = 3
"""How much of the history is shown at first."""
AROUND = 4 * DAY
"""What is shown around a finding that somebody goes to."""
MOST_HOURS = 12 * 7 * DAY
"""More hours than this are a grey band: then days tell more."""
WAIT_MS = 250
"""How long a hand must rest before a selection counts."""
UNITS = {
    "run_cost_eur": "{currency} a run, median",
    "cost_eur": "{currency}",
    "tokens": "Tokens",
    "tokens_per_run": "Tokens a run",
    "error_share": "Share of calls that failed",
    "latency_ms": "Milliseconds to an answer, median",
    "refused_share": "Share of answers refused",
    "quality": "Quality score, 0 to 1",
    "calls": "Calls",
    "runs": "Runs",
}
SEEN_ON = {"tasks": ("runs", "calls", "tokens"), "missing_h": ("calls", "runs", "tokens")}
"""Metrics of findings that have no chart of their own, and where they show."""
EXPLAINED, MINOR, INCIDENT = "Explained", "P3", "Open an incident"
BY_HOUR, BY_DAY = "hour", "day"
NOWHERE, EVERYWHERE = -1, -2
PLACES = [("a finding", NOWHERE), ("all that is shown", EVERYWHERE)]
"""What to go to besides findings, which have a row of their own."""
EMBED = {"renderer": "svg", "actions": False, "tooltip": {"theme": "custom"}}
WIDE = widgets.Layout(width="46rem")


class Records(anywidget.AnyWidget):
    """Rows that sort and filter in the browser: {"columns": [...], "rows": [[cell, ...], ...]}.

    A column has label and figure (set right); a cell what is `shown` and what it sorts `by`.
    """

    _esm = SCRIPT
    records = traitlets.Dict({"columns": [], "rows": []}).tag(sync=True)


class Room(anywidget.AnyWidget):
    """An empty line that tells the charts of a page when there is more or less room for them."""

    _esm = """
    export default { render({ el }) {
      el.style.width = "100%";
      const watch = new ResizeObserver(() => window.dispatchEvent(new Event("resize")));
      watch.observe(el);
      return () => watch.disconnect();
    } };
    """


@dataclass
class Explorer:
    """The explorer's parts and what is looked at: the series drawn and the stretch selected."""

    data: str
    as_of: str
    book: Workbook
    fields: dict[str, widgets.ValueWidget]
    chart: alt.JupyterChart
    title: widgets.HTML
    note: widgets.HTML
    told: widgets.HTML
    records: Records
    verdict: dict[str, widgets.ValueWidget]
    button: widgets.Button
    outcome: widgets.HTML
    series: pd.DataFrame = field(default_factory=pd.DataFrame)
    stretch: Stretch | None = None
    held: bool = False

    @property
    def workflow(self) -> str:
        """The workflow chosen, or the company."""
        return self.fields["workflow"].value

    @property
    def metric(self) -> str | None:
        """The metric chosen; None where exports hold none of the workflow."""
        return self.fields["metric"].value

    def look(self) -> widgets.Widget:
        """What to look at: the choices, and the chart on which a hand selects a stretch."""
        choices = [widgets.HBox(list(self.fields.values())[i : i + 3]) for i in (0, 3)]
        return _view(*choices, Room(), self.title, self.chart, self.note)

    def calls(self) -> widgets.Widget:
        """The calls behind the stretch, summed up and one by one."""
        return _view(self.told, self.records)

    def say(self) -> widgets.Widget:
        """What a person makes of the stretch: three answers, a reason, a button."""
        labels = [
            widgets.HTML(f"<b>{w}</b>") for w in ("It was", "Class", "In which role", "Reason")
        ]
        asked = [w for pair in zip(labels, self.verdict.values(), strict=True) for w in pair]
        return _view(*asked, self.button, self.outcome)

    # What happens when something is chosen

    def choose_workflow(self, _: object = None) -> None:
        """Offer the workflow's metrics and findings, keeping the metric where it has it."""
        known = metrics_of(self.workflow, self.book.facts)
        kept = self.metric if self.metric in known else next(iter(known), None)
        held, self.held = self.held, True
        self.fields["metric"].options = [(METRICS[m].words, m) for m in known]
        self.fields["metric"].value = kept
        self.fields["found"].options = _offered(self.book, self.workflow)
        self.held = held
        self.draw()

    def draw(self, _: object = None, selected: tuple | None = None) -> None:
        """Draw what is chosen; a stretch selected before is let go."""
        if self.held:
            return
        self.series, known = self._period(), _known(self.book, self.workflow, self.metric)
        self._look_at(selected)
        if self.series.value.notna().any():
            self.chart.chart = self._drawn(known, selected)
            self.chart.selections.observe(self.select, charts.STRETCH)
            self.chart.layout.display = ""
        else:
            self.chart.layout.display = "none"
        self.title.value, self.note.value = self._words(known)

    def go_to(self, change: dict) -> None:
        """Show a finding with some days around it, and select its stretch; or all that is shown."""
        if change["new"] in (NOWHERE, EVERYWHERE):
            if change["new"] == EVERYWHERE and len(self.series):
                self.draw(selected=(self.series["at"].iloc[0], self.series.ended_at.iloc[-1]))
            return
        finding = self.book.judged.findings.loc[change["new"]]
        self.held = True
        metric = _shown_as(finding.metric, metrics_of(self.workflow, self.book.facts))
        self.fields["metric"].value = metric or self.metric
        ends = (finding.started_at - AROUND, min(finding.ended_at + AROUND, self.book.now))
        zone = self.book.settings.company.zone
        first, last = (t.tz_convert(zone).date() for t in ends)
        self.fields["first"].value, self.fields["last"].value = first, last
        self.held = False
        self.draw(selected=(finding.started_at, finding.ended_at))

    def select(self, change: dict) -> None:
        """Look at the stretch that a hand has drawn over."""
        drawn = change["new"].value.get("middle") or next(iter(change["new"].value.values()), None)
        self._look_at(tuple(pd.Timestamp(ms, unit="ms", tz="UTC") for ms in drawn or ()))

    def ask_class(self, _: object = None) -> None:
        """Ask for a class only where an incident is opened."""
        self.verdict["priority"].disabled = self.verdict["kind"].value != INCIDENT

    def enter(self, _: object = None) -> None:
        """Enter what a person makes of the stretch; a second click enters nothing."""
        if self.button.disabled or self.stretch is None:
            return
        self.button.disabled = True
        desk = Desk.at(Path(self.data), self.as_of)
        told = {name: w.value for name, w in self.verdict.items()}
        try:
            register = label(desk, self.stretch, **told)
        except OpsbookError as problem:
            self.outcome.value = _said(f"Not entered: {problem}", "ob-refused")
            self.button.disabled = False
            return
        self.outcome.value = _said(_entered(register, told["kind"]))
        self.verdict["reason"].value = ""
        self.book = open_workbook(self.data, self.as_of, literally=False)
        self.draw(selected=(self.stretch.started_at, self.stretch.ended_at))

    # What is shown then

    def _period(self) -> pd.DataFrame:
        """The series in the days chosen, at most as many hours as can be told apart."""
        if self.metric is None:
            return pd.DataFrame(columns=SERIES)
        zone = self.book.settings.company.zone
        first, last = (pd.Timestamp(self.fields[n].value, tz=zone) for n in ("first", "last"))
        until = min(last + pd.DateOffset(days=1), self.book.now.tz_convert(zone))
        facts, settings = self.book.facts, self.book.settings
        if self.fields["grain"].value == BY_DAY:
            whole = daily(self.workflow, self.metric, facts, self.book.judged, settings)
        else:
            whole = hourly(self.workflow, self.metric, facts, self.book.judged, settings)
            first = max(first, until - MOST_HOURS)
        shown = whole[(whole["at"] >= first) & (whole["at"] < until)]
        return shown.reset_index(drop=True)

    def _drawn(self, known: pd.DataFrame, selected: tuple | None) -> alt.Chart:
        limits = self.book.settings.limits
        lines = [("5 % (P2)", limits.error_p2_share), ("20 % (P1)", limits.error_p1_share)]
        return charts.explored(
            self.series,
            known,
            lines if self.metric == "error_share" else [],
            UNITS[self.metric].format(currency=self.book.settings.company.currency),
            self.book.calendar,
            self.book.settings,
            selected,
        )

    def _words(self, known: pd.DataFrame) -> tuple[str, str]:
        """The chart's title and the note below it."""
        settings, company = self.book.settings, self.book.settings.company
        name = _name(self.workflow, settings)
        name += f", {METRICS[self.metric].words.lower()}" if self.metric else ""
        if self.series.value.isna().all():
            there = self.series["sample"].fillna(0).gt(0).any()
            return _said(f"{name}: {TOO_FEW if there else NO_DATA}", "ob-title"), ""
        begun, until = self.series["at"].iloc[0], self.series.ended_at.iloc[-1]
        seen = known[(known.started_at < until) & (known.ended_at > begun)].kind.value_counts()
        told = f"{counted(seen.get('finding', 0), 'finding')} of it, "
        told += f"{counted(seen.get('incident', 0), 'incident')} in these days"
        normal = "Band: what is normal for the hour and the kind of day (mean, 2 SD)"
        if self.fields["grain"].value == BY_DAY:
            normal = "Band: what is normal for the kind of day, up to its limit; whole days only"
        note = f"{normal}. Grey: rest days, darker: holidays and closures. {zone_note(company)}"
        return _said(f"{name}: {told}", "ob-title"), _said(f"{note} {DRAG}", "ob-note")

    def _look_at(self, drawn: tuple | None) -> None:
        """Show the calls behind a stretch of whole buckets; nothing where none is selected."""
        ends = snapped(self.series, *drawn) if drawn and len(self.series) else None
        self.button.disabled = ends is None
        self.stretch = Stretch(self.workflow, self.metric, *ends) if ends else None
        if self.stretch is None:
            self.told.value = _said("Nothing is selected yet. " + DRAG, "ob-note")
            self.records.records = {"columns": [], "rows": []}
            return
        behind = calls_behind(self.data, self.stretch)
        self.told.value = summary(self.stretch, behind, self.book.settings)
        files = dict(zip(self.book.files.file_id, self.book.files.file, strict=True))
        self.records.records = records(behind.rows, files, self.book.settings)


NO_DATA = "no data in this period"
TOO_FEW = "too few in any hour to measure it: choose days"
DRAG = "Drag over the chart to select a stretch; drag the selection to move it."


def explorer(data: str, as_of: str = "") -> Explorer:
    """The explorer of one company's folder, at its latest P1 or P2; its parts joined."""
    alt.JupyterChart.enable_offline()
    book = open_workbook(data, as_of, literally=False)
    made = Explorer(
        data=data,
        as_of=as_of,
        book=book,
        fields=_fields(book),
        chart=alt.JupyterChart(
            alt.Chart(pd.DataFrame({"x": []})).mark_point(),
            embed_options=EMBED,
            debounce_wait=WAIT_MS,
            max_wait=False,
        ),
        title=widgets.HTML(),
        note=widgets.HTML(),
        told=widgets.HTML(),
        records=Records(),
        verdict=_verdict(),
        button=widgets.Button(description="Enter", button_style="primary", disabled=True),
        outcome=widgets.HTML(),
    )
    made.fields["workflow"].observe(made.choose_workflow, "value")
    made.fields["found"].observe(made.go_to, "value")
    for name in ("metric", "grain", "first", "last"):
        made.fields[name].observe(made.draw, "value")
    made.verdict["kind"].observe(made.ask_class, "value")
    made.button.on_click(made.enter)
    made.choose_workflow()
    return made


def _fields(book: Workbook) -> dict[str, widgets.ValueWidget]:
    """What can be chosen; the workflow and metric of the latest P1 or P2 at first."""
    known = sorted(set(book.facts.grid.workflow) - {UNASSIGNED})
    rest = [w for w in (UNASSIGNED,) if w in set(book.facts.grid.workflow)]
    names = [(_name(w, book.settings), w) for w in [COMPANY, *known, *rest]]
    found = _findings(book)
    grave = found[found.priority.isin(PRIORITIES[:2]) & found.workflow.isin(known)]
    latest = grave[grave.started_at == grave.started_at.max()].head(1)
    workflow = next(iter([*latest.workflow, *known, COMPANY]))
    metrics = metrics_of(workflow, book.facts) or list(METRICS)
    metric = next((_shown_as(m, metrics) for m in latest.metric), None)
    last = book.now.tz_convert(book.settings.company.zone).date()
    first = last - 7 * WEEKS_FIRST * DAY.to_pytimedelta()
    return {
        "workflow": widgets.Dropdown(options=names, value=workflow, description="Workflow"),
        "metric": widgets.Dropdown(
            options=[(METRICS[m].words, m) for m in metrics],
            value=metric or metrics[0],
            description="Metric",
        ),
        "grain": widgets.Dropdown(options=[BY_HOUR, BY_DAY], description="By"),
        "first": widgets.DatePicker(value=first, description="From"),
        "last": widgets.DatePicker(value=last, description="To"),
        "found": widgets.Dropdown(options=PLACES, description="Go to"),
    }


def _verdict() -> dict[str, widgets.ValueWidget]:
    return {
        "kind": widgets.ToggleButtons(options=[EXPLAINED, MINOR, INCIDENT]),
        "priority": widgets.Dropdown(options=PRIORITIES, value="P2", disabled=True),
        "actor": widgets.Dropdown(options=list(ROLE.values())),
        "reason": widgets.Textarea(placeholder="One sentence is enough.", layout=WIDE),
    }


def _view(*parts: widgets.Widget) -> widgets.Widget:
    """Parts one below the other in our look; each carries the style, wherever it is shown."""
    view = widgets.VBox([widgets.HTML(f"<style>{STYLE}</style>"), *parts])
    return view.add_class("ob-explore")


def _said(sentence: str, look: str = "ob-said") -> str:
    return f'<p class="{look}">{text(sentence)}</p>'


def _name(workflow: str, settings: Settings) -> str:
    return "Whole company" if workflow == COMPANY else settings.display_name(workflow)


# What is known of a time


def _findings(book: Workbook) -> pd.DataFrame:
    """The findings that something follows from, oldest first."""
    found = book.judged.findings
    return found[(found.method == "calendar") & found.priority.notna()]


def _shown_as(metric: str, known: list[str]) -> str | None:
    """The metric on whose chart a finding shows; None when the workflow has none of them."""
    return next((m for m in SEEN_ON.get(metric, (metric,)) if m in known), None)


def _offered(book: Workbook, workflow: str) -> list[tuple[str, int]]:
    """The workflow's findings to go to, latest first, by their row."""
    found = _findings(book)
    own = found[found.workflow == workflow].iloc[::-1]
    company = book.settings.company
    offered = [
        (f"{when(f.started_at, company)}: {f.rule} {f.priority}, {f.metric}", int(f.Index))
        for f in own.itertuples()
    ]
    return [*PLACES, *offered]


def _known(book: Workbook, workflow: str, metric: str | None) -> pd.DataFrame:
    """Findings of a metric, incidents and explained stretches: what `charts.explored` marks."""
    found, known = _findings(book), metrics_of(workflow, book.facts)
    own = found[
        (found.workflow == workflow) & found.metric.map(lambda m: _shown_as(m, known) == metric)
    ]
    rows = [
        (f.started_at, f.ended_at, f"{f.rule} {f.priority}", "finding") for f in own.itertuples()
    ]
    for i in (i for i in book.register.incidents.values() if i.state != "merged"):
        if workflow in i.workflows or (workflow == COMPANY and i.priority in PRIORITIES[:2]):
            over = book.now if i.firing else i.ended_at
            end = max(over, i.started_at + pd.Timedelta(hours=1))
            rows.append((i.started_at, end, f"{i.id} {i.priority}", "incident"))
    for e in book.register.explained:
        if e.get("workflow") == workflow:
            ends = pd.Timestamp(e["from"]), pd.Timestamp(e["to"])
            rows.append((*ends, f"explained, {e['by']}", "explained"))
    frame = pd.DataFrame(rows, columns=["started_at", "ended_at", "words", "kind"])
    return frame.astype(dict.fromkeys(["started_at", "ended_at"], "datetime64[us, UTC]"))


# The calls in words


def summary(stretch: Stretch, behind: Behind, settings: Settings) -> str:
    """What the calls of a stretch add up to, as HTML: one sentence, then models and prompts."""
    company, of = settings.company, behind.totals
    locale = company.locale
    begun, end = (when(t, company) for t in (stretch.started_at, stretch.ended_at))
    day_of_end, hour_of_end = end.rsplit(" ", 1)
    ends = f"{begun} to {hour_of_end if begun.startswith(day_of_end) else end}"
    facts = [
        counted(int(of["calls"]), "call") if not missing(of["calls"]) else "calls not counted",
        f"{share(of['failed'] / of['calls'], locale)} failed" if of["failed"] > 0 else "",
        f"{number(of['refused'], locale)} refused" if of["refused"] > 0 else "",
        f"{number(of['tokens'], locale)} tokens" if of["tokens"] > 0 else "",
        money(of["cost_eur"], company),
        f"{number(of['unpriced'], locale)} without a price" if of["unpriced"] else "",
        f"{bare('latency_ms', of['latency_ms'], company)} to an answer"
        if of["latency_ms"] > 0
        else "",
    ]
    shown = ""
    if len(behind.rows) < of["rows"]:
        shown = f"The table shows {len(behind.rows)} of {number(of['rows'], locale)} rows, "
        shown += METRICS[stretch.metric].told + "."
    mixes = [
        f"{name}: " + ", ".join(f"{k} ({number(n, locale)})" for k, n in mix.items()) + "."
        for name, mix in (("Models", behind.models), ("Prompts", behind.prompts))
        if mix
    ]
    lasted = span(stretch.ended_at - stretch.started_at)
    head = f"{_name(stretch.workflow, settings)}, {ends} ({lasted})"
    said = f"<b>{text(head)}:</b> {text(', '.join(f for f in facts if f))}."
    return f'<p class="ob-said">{said}</p>' + _said(" ".join([*mixes, shown]), "ob-note")


def records(rows: pd.DataFrame, files: dict[str, str], settings: Settings) -> dict:
    """Calls as `Records` takes them; columns that hold nothing are left out.

    Times stand in the company's zone, with its name where the clocks change in between.
    """
    company, locale = settings.company, settings.company.locale
    local = rows.ts.dt.tz_convert(company.zone)
    changes = local.map(lambda t: t.utcoffset()).nunique() > 1
    at = local.dt.strftime("%a %d %b %H:%M:%S" + (" %Z" if changes else ""))
    export = [f"{files.get(f, f)}, row {r}" for f, r in zip(rows.file_id, rows.row, strict=True)]
    status = rows.status.where(
        rows.error_type.isna(), rows.status + ": " + rows.error_type.astype(str)
    )
    figures = {label.format(currency=company.currency): f for label, f in FIGURES.items()}
    columns = [
        ("Time", at, [t.isoformat() for t in rows.ts], False),
        ("Workflow", *[[_name(w, settings) for w in rows.workflow]] * 2, False),
        ("Run", rows.run_id, rows.run_id, False),
        ("Outcome", status, status, False),
        ("Answer", rows.output_class, rows.output_class, False),
        ("Model", rows.served_model, rows.served_model, False),
        ("Prompt", rows.prompt_version, rows.prompt_version, False),
        *(
            (label, [_figure(f, v, locale) for v in rows[f]], rows[f], True)
            for label, f in figures.items()
        ),
        ("Export", export, export, False),
    ]
    kept = [c for c in columns if pd.Series(list(c[2]), dtype=object).notna().any()]
    told = {"Workflow": rows.workflow.nunique() > 1, "Requests": rows.bucket_s.gt(0).any()}
    kept = [c for c in kept if told.get(c[0], True)]
    cells = [[_cell(s, b) for s, b in zip(shown, by, strict=True)] for _, shown, by, _ in kept]
    return {
        "columns": [{"label": label, "figure": figure} for label, _, _, figure in kept],
        "rows": [list(row) for row in zip(*cells, strict=True)],
    }


FIGURES = {
    "Requests": "requests",
    "Input tokens": "input_tokens",
    "Output tokens": "output_tokens",
    "{currency}": "cost_eur",
    "Milliseconds": "latency_ms",
    "Quality": "quality",
}


def _figure(name: str, value: object, locale: str) -> str:
    if missing(value):
        return ""
    decimals = {"cost_eur": 6, "quality": 2}.get(name, 0)
    return number(value, locale, decimals)


def _cell(shown: object, by: object) -> dict:
    """A cell; numbers sort as such, an absent value last."""
    if missing(by):
        return {"shown": "", "by": None}
    return {"shown": str(shown), "by": float(by) if not isinstance(by, str) else by}


# What a person makes of it


def label(
    desk: Desk, stretch: Stretch, kind: str, reason: str, actor: str, priority: str = "P2"
) -> Register:
    """The register after a person has said what a stretch was: one event.

    Explained: nothing was wrong, and the review says why (clause E1). P3: logged, for the weekly
    review (B8). An incident is opened with its class; it began with the stretch and is noticed now.
    UsageError without a reason, or for an incident of no single workflow.
    """
    if not reason.strip():
        raise UsageError("no reason is given; one sentence is enough")
    if kind == EXPLAINED:
        return desk.enter(lambda _: _explained(desk, stretch, reason, actor))
    told = Report(
        what=reason,
        noticed_at=desk.now,
        workflow=stretch.workflow,
        priority=MINOR if kind == MINOR else priority,
        began_at=stretch.started_at,
    )
    told = checked(told, desk.settings, desk.now)
    kept = desk.kept(words(told, desk.settings))
    return desk.enter(
        lambda r: replace(opening(told, r, desk.settings, desk.now, kept), actor=actor)
    )


def _explained(desk: Desk, stretch: Stretch, reason: str, actor: str) -> Draft:
    told = {
        "workflow": stretch.workflow,
        "metric": stretch.metric,
        "from": stamp(stretch.started_at),
        "to": stamp(stretch.ended_at),
        "text": desk.kept(reason),
    }
    return Draft("explained", None, told, actor)


def _entered(register: Register, kind: str) -> str:
    """What was entered, and where it stands from now on."""
    if kind == EXPLAINED:
        return "Entered as explained; the weekly review says so."
    incident = list(register.incidents.values())[-1]
    return f"{incident.id} is entered as a {incident.priority}; the weekly review lists it."
