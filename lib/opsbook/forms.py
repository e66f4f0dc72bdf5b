"""The form in a notebook with which anyone reports: a minute, the class seen while answering.

Widgets in, one event out. The form knows no rule of its own: it asks what `reports` asks, shows
what that proposes, and enters it as the command does.
"""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import ipywidgets as widgets
import pandas as pd

from opsbook.clock import business_clock
from opsbook.desk import Desk
from opsbook.displays import text
from opsbook.errors import OpsbookError, UsageError
from opsbook.events import Draft
from opsbook.incidents import headline, timers
from opsbook.register import ANSWERS, Incident, Register
from opsbook.reports import QUESTIONS, Report, checked, noticed, opening, proposed, words
from opsbook.responses import checklist
from opsbook.schema import PRIORITIES
from opsbook.workbook import moment

CLOCK_AHEAD = pd.Timedelta(days=60)
"""How far the calendar reaches past the report: deadlines lie ahead."""
BY_ANSWERS = "by the answers"
WIDE = widgets.Layout(width="46rem")
LABELS = {
    "what": "What happened?",
    "noticed_at": "When was it noticed? (date and time, the company's clock)",
    "workflow": "Which workflow?",
    **QUESTIONS,
    "done": "What has been done so far?",
    "priority": "Class",
}


@dataclass(frozen=True)
class Form:
    """The form's parts: what is filled in, what is proposed, and what came of it."""

    company: Desk
    as_of: str
    fields: dict[str, widgets.ValueWidget]
    proposal: widgets.HTML
    button: widgets.Button
    outcome: widgets.HTML

    @property
    def desk(self) -> Desk:
        """The desk at this moment."""
        return replace(self.company, now=moment(self.as_of, self.company.settings), texts=[])

    def report(self, desk: Desk) -> Report:
        """What is filled in; UsageError for what cannot be entered."""
        told = {name: field.value for name, field in self.fields.items()}
        told["noticed_at"] = noticed(told["noticed_at"], desk.settings.company)
        return checked(Report(**told), desk.settings, desk.now)

    def propose(self, _: object = None) -> None:
        """Show the class that the answers lead to now, or what is still missing."""
        self.outcome.value = ""
        try:
            priority, _reason, why = proposed(self.report(self.desk))
        except UsageError as problem:
            self.proposal.value = f"<p>Not ready yet: {text(problem)}.</p>"
            self.button.disabled = True
            return
        self.proposal.value = f"<p>This is a <b>{priority}</b>: {text(why)}.</p>"
        self.button.disabled = False

    def enter(self, _: object = None) -> None:
        """Enter the report and show what follows; a second click enters nothing."""
        if self.button.disabled:
            return
        self.button.disabled = True
        desk = self.desk
        try:
            register = desk.enter(partial(_opening, report=self.report(desk), desk=desk))
        except OpsbookError as problem:
            self.outcome.value = f"<p><b>Not entered:</b> {text(problem)}</p>"
            return
        self.outcome.value = _entered(register, desk)


def report_form(data: str, as_of: str = "") -> widgets.Widget:
    """The form for one company's folder; `as_of` empty: the settings' fixed time, else the click's.

    Answers begin as unknown, which counts as harm until somebody knows better (clause B1).
    """
    form = made(data, as_of)
    asked = [w for name, field in form.fields.items() for w in (_label(name), field)]
    return widgets.VBox([*asked, form.proposal, form.button, form.outcome])


def made(data: str, as_of: str = "") -> Form:
    """The form's parts, joined: every change proposes, the button enters."""
    desk = Desk.at(Path(data), as_of)
    button = widgets.Button(description="Enter the report", button_style="primary")
    form = Form(desk, as_of, _fields(desk), widgets.HTML(), button, widgets.HTML())
    for field in form.fields.values():
        field.observe(form.propose, "value")
    button.on_click(form.enter)
    form.propose()
    return form


def _fields(desk: Desk) -> dict[str, widgets.ValueWidget]:
    """One field for each thing a report says, in the order they are asked."""
    now = desk.now.tz_convert(desk.settings.company.zone)
    workflows = [(w.name, w.id) for w in desk.settings.workflows]
    classes = [(BY_ANSWERS, ""), *((p, p) for p in PRIORITIES)]
    return {
        "what": widgets.Textarea(placeholder="One sentence is enough.", layout=WIDE),
        "noticed_at": widgets.Text(f"{now:%Y-%m-%d %H:%M}", layout=WIDE),
        "workflow": widgets.Dropdown(options=workflows, layout=WIDE),
        **{q: widgets.ToggleButtons(options=ANSWERS, value="unknown") for q in QUESTIONS},
        "done": widgets.Textarea(layout=WIDE),
        "priority": widgets.Dropdown(options=classes, layout=WIDE),
    }


def _label(name: str) -> widgets.Widget:
    return widgets.HTML(f"<b>{LABELS[name]}</b>")


def _opening(register: Register, report: Report, desk: Desk) -> Draft:
    kept = desk.kept(words(report, desk.settings))
    return opening(report, register, desk.settings, desk.now, kept)


def _entered(register: Register, desk: Desk) -> str:
    """What follows from the incident just opened: its id, who must know by when, what is first."""
    incident = list(register.incidents.values())[-1]
    workflow = desk.settings.workflow(incident.workflow)
    steps = checklist(incident.priority, workflow.category, incident.family, incident.harmful)
    told = "".join(f"<li>{line}</li>" for line in _who(incident, desk))
    done = "".join(f"<li>{text(step.text)}</li>" for step in steps)
    return (
        f"<p><b>{incident.id}</b> is entered as a {incident.priority}: "
        f"{text(headline(incident, desk.settings))}.</p>"
        f"<p>Who must know by when:</p><ul>{told}</ul><p>First response:</p><ol>{done}</ol>"
    )


def _who(incident: Incident, desk: Desk) -> list[str]:
    """Each role with its time; the weekly review where nobody is called."""
    company = desk.settings.company
    last = (desk.now + CLOCK_AHEAD).tz_convert(company.zone).date()
    first = incident.detected_at.tz_convert(company.zone).date()
    clock = business_clock(company, first, last)
    due = timers(Register({incident.id: incident}), desk.settings, clock)
    return [
        f"{text(t.role)} by {t.due_at.tz_convert(company.zone):%a %Y-%m-%d %H:%M}, {text(t.rule)}"
        for t in due.itertuples()
    ] or ["Nobody is called; the weekly review looks at it."]
