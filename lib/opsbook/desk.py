"""The register's commands: `opsbook incident ...`, each one step of a person, by role.

A step is checked against the record as it stands, under its lock, and entered at once. What reads
tables is imported when a command runs, so that the others start without it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import pandas as pd
import typer

from opsbook import steps
from opsbook.errors import OpsbookError, UsageError
from opsbook.events import Draft
from opsbook.register import Incident, Register, fold
from opsbook.settings import Settings

if TYPE_CHECKING:
    from opsbook.records import Log
    from opsbook.responses import Step

app = typer.Typer(no_args_is_help=True, help="The incident register, step by step.")


class Role(StrEnum):
    """Who acts; the record holds roles, never people."""

    lead = "lead"
    founder = "founder"
    deputy = "deputy"
    operations = "operations"
    reporter = "reporter"


ROLE = {
    Role.lead: "AI Lead",
    Role.founder: "Founder or CEO",
    Role.deputy: "Deputy",
    Role.operations: "Operations",
    Role.reporter: "Reporter",
}
Id = Annotated[str, typer.Argument(help="the incident, like INC-2026-0007")]
As = Annotated[Role, typer.Option("--as", help="in which role you act")]
Text = Annotated[str, typer.Option("--text", help="in your words; kept beside the record")]
Answer = Annotated[str, typer.Option(help="yes, no or unknown")]
Data = Annotated[Path, typer.Option("--data", help="the company's folder")]
AsOf = Annotated[str, typer.Option("--as-of", help="when, ISO 8601 with a zone; empty: now")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON document and nothing else")]
DEMO = Path("data/demo")
CLOCK_AROUND = pd.Timedelta(days=60)
"""How far the business clock reaches around an incident: deadlines lie ahead."""


@dataclass(frozen=True)
class Desk:
    """What a step needs: the company, its record, and the moment."""

    log: "Log"
    settings: Settings
    now: pd.Timestamp
    texts: list[str] = field(default_factory=list)

    @classmethod
    def at(cls, data: Path, as_of: str) -> "Desk":
        """The desk of a company's folder at a moment."""
        from opsbook import store
        from opsbook.records import Log
        from opsbook.workbook import moment

        folder = store.Folder.at(data)
        settings = store.load_settings(folder)
        return cls(Log(folder), settings, moment(as_of, settings))

    def enter(self, step: Callable[[Register], Draft]) -> Register:
        """The register after one step, entered; nothing is entered when the step is refused."""
        try:
            with self.log.writing(self.now) as writing:
                writing.append(step(fold(writing.events)))
                return fold(writing.events)
        except OpsbookError:
            for digest in self.texts:
                self.log.erase(digest)
            raise

    def kept(self, text: str) -> str:
        """The name of a text kept beside the record; empty for none."""
        if not text.strip():
            return ""
        self.texts.append(self.log.keep(text.strip()))
        return self.texts[-1]


def _step(
    name: str, data: Path, as_of: str, step: Callable[[Incident, Desk], Draft], as_json: bool
) -> None:
    """Take one step with one incident and show it as it stands then."""
    desk = Desk.at(data, as_of)
    register = desk.enter(lambda r: step(r.incident(name), desk))
    tell(register.incident(name), desk, as_json)


def tell(incident: Incident, desk: Desk, as_json: bool) -> None:
    """Print an incident: the record as JSON, else one line."""
    from opsbook.incidents import headline

    if as_json:
        typer.echo(_json(document(incident, desk)))
        return
    typer.echo(
        f"{incident.id} {incident.priority} {incident.state}: {headline(incident, desk.settings)}",
        err=True,
    )


def document(incident: Incident, desk: Desk) -> dict:
    """An incident's whole record, its free text included; erased text is null."""
    told = {k: v for k, v in vars(incident).items() if k not in ("timeline", "findings")}
    lines = [
        {"ts": e.ts, "actor": e.actor, "type": e.type} | _read(e.payload, desk.log)
        for e in incident.timeline
    ]
    return told | {"findings": incident.evidence, "rules": incident.rules, "timeline": lines}


def _read(payload: dict, log: "Log") -> dict:
    """A payload with its text read from beside the record; findings stand elsewhere."""
    kept = {k: v for k, v in payload.items() if k != "finding"}
    return kept | ({"text": log.text(kept["text"])} if kept.get("text") else {})


def _json(value: object) -> str:
    import json

    return json.dumps(value, indent=1, ensure_ascii=False, default=_plain)


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, pd.Timestamp) else str(value)


@app.command()
def ack(name: Id, role: As, data: Data = DEMO, as_of: AsOf = "", as_json: Json = False) -> None:
    """You know of it: your role's timer is met."""
    _step(name, data, as_of, lambda i, _: steps.acknowledged(i, ROLE[role]), as_json)


@app.command()
def investigate(
    name: Id, role: As, data: Data = DEMO, as_of: AsOf = "", as_json: Json = False
) -> None:
    """Somebody looks for the cause."""
    _step(name, data, as_of, lambda i, _: steps.investigating(i, ROLE[role]), as_json)


@app.command()
def identify(
    name: Id,
    cause: Annotated[str, typer.Argument(help="root cause, like vendor_outage")],
    role: As,
    text: Text = "",
    data: Data = DEMO,
    as_of: AsOf = "",
    as_json: Json = False,
) -> None:
    """Name the root cause; `unknown` is noted and stops no escalation."""
    _step(
        name,
        data,
        as_of,
        lambda i, d: steps.identified(i, ROLE[role], cause, d.kept(text)),
        as_json,
    )


@app.command()
def mitigate(
    name: Id, role: As, text: Text = "", data: Data = DEMO, as_of: AsOf = "", as_json: Json = False
) -> None:
    """The damage goes on no longer."""
    _step(name, data, as_of, lambda i, d: steps.mitigated(i, ROLE[role], d.kept(text)), as_json)


@app.command()
def resolve(
    name: Id, role: As, text: Text = "", data: Data = DEMO, as_of: AsOf = "", as_json: Json = False
) -> None:
    """The condition is over, for as long as it took to fire."""
    _step(
        name, data, as_of, lambda i, d: steps.resolved(i, ROLE[role], d.now, d.kept(text)), as_json
    )


@app.command()
def close(
    name: Id, role: As, text: Text = "", data: Data = DEMO, as_of: AsOf = "", as_json: Json = False
) -> None:
    """It is done: the root cause is named, a post-mortem that is due is signed."""
    _step(
        name,
        data,
        as_of,
        lambda i, d: steps.closed(i, ROLE[role], d.settings.limits, d.kept(text)),
        as_json,
    )


@app.command()
def decline(
    name: Id, role: As, text: Text, data: Data = DEMO, as_of: AsOf = "", as_json: Json = False
) -> None:
    """It was none, with the reason."""
    _step(name, data, as_of, lambda i, d: steps.declined(i, ROLE[role], d.kept(text)), as_json)


@app.command("class")
def reclassify(
    name: Id,
    priority: Annotated[str, typer.Argument(help="P1, P2 or P3")],
    role: As,
    text: Text = "",
    data: Data = DEMO,
    as_of: AsOf = "",
    as_json: Json = False,
) -> None:
    """Give it another class: up by anyone, down by who may, with a reason."""
    _step(
        name,
        data,
        as_of,
        lambda i, d: steps.reclassified(i, ROLE[role], priority.upper(), d.kept(text)),
        as_json,
    )


@app.command()
def note(
    name: Id, text: Text, role: As, data: Data = DEMO, as_of: AsOf = "", as_json: Json = False
) -> None:
    """Write a line into its timeline."""
    if not text.strip():
        raise UsageError("--text is empty; say what is to be noted")
    _step(name, data, as_of, lambda i, d: steps.noted(i, ROLE[role], d.kept(text)), as_json)


@app.command()
def merge(
    name: Id,
    into: Annotated[str, typer.Argument(help="the incident that goes on for both")],
    role: As,
    data: Data = DEMO,
    as_of: AsOf = "",
    as_json: Json = False,
) -> None:
    """Make it part of another incident."""
    desk = Desk.at(data, as_of)
    register = desk.enter(lambda r: steps.merged(r.incident(name), ROLE[role], r.incident(into)))
    tell(register.incident(into), desk, as_json)


@app.command()
def impact(
    name: Id,
    role: As,
    external: Annotated[
        str, typer.Option(help="did it reach anyone outside: yes, no, unknown")
    ] = "",
    harm: Annotated[str, typer.Option(help="did harm happen: yes, no, unknown")] = "",
    personal_data: Annotated[str, typer.Option(help="yes, no, unknown")] = "",
    high_risk: Annotated[str, typer.Option(help="a high-risk system: yes, no, unknown")] = "",
    persons: Annotated[int | None, typer.Option(help="persons concerned")] = None,
    eur: Annotated[float | None, typer.Option(help="damage in EUR")] = None,
    text: Text = "",
    data: Data = DEMO,
    as_of: AsOf = "",
    as_json: Json = False,
) -> None:
    """Say what it did; without `external no` the founder's timer runs."""
    told = {"external": external, "harm": harm, "personal_data": personal_data}
    told |= {"high_risk": high_risk, "persons": persons, "eur": eur}
    _step(
        name,
        data,
        as_of,
        lambda i, d: steps.impact_set(i, ROLE[role], **told, text=d.kept(text)),
        as_json,
    )


@app.command()
def report(
    what: Annotated[str, typer.Option("--what", help="what happened, in a sentence")],
    workflow: Annotated[str, typer.Option("--workflow", help="its id or name")],
    noticed: Annotated[str, typer.Option(help="when, like 2026-11-23 09:30; empty: now")] = "",
    began: Annotated[str, typer.Option(help="when it began, if known")] = "",
    seen_by_customer: Answer = "",
    personal_data: Answer = "",
    false_information: Answer = "",
    acted_on: Answer = "",
    degraded: Answer = "",
    done: Annotated[str, typer.Option("--done", help="what was done so far")] = "",
    priority: Annotated[str, typer.Option(help="P1, P2 or P3; empty: by the answers")] = "",
    data: Data = DEMO,
    as_of: AsOf = "",
    as_json: Json = False,
) -> None:
    """Report what you noticed, in a minute; the answers propose the class."""
    from opsbook import reports

    desk = Desk.at(data, as_of)
    company = desk.settings.company
    told = reports.Report(
        what=what,
        noticed_at=reports.noticed(noticed, company) if noticed else desk.now,
        workflow=workflow,
        seen_by_customer=seen_by_customer,
        personal_data_to_wrong_person=personal_data,
        false_information=false_information,
        acted_on=acted_on,
        degraded=degraded,
        done=done,
        priority=priority,
        began_at=reports.noticed(began, company) if began else None,
    )
    told = reports.checked(told, desk.settings, desk.now)
    text = desk.kept(reports.words(told, desk.settings))
    register = desk.enter(lambda r: reports.opening(told, r, desk.settings, desk.now, text))
    tell(list(register.incidents.values())[-1], desk, as_json)


@app.command()
def step(
    name: Id,
    done: Annotated[str, typer.Argument(help="a step of its first response, by its id")],
    role: As,
    data: Data = DEMO,
    as_of: AsOf = "",
    as_json: Json = False,
) -> None:
    """Tick off a step of the first response."""

    def taken(incident: Incident, desk: Desk) -> Draft:
        known = [s.id for s in _response(incident, desk)]
        return steps.step_done(incident, ROLE[role], done, known)

    _step(name, data, as_of, taken, as_json)


@app.command("post-mortem")
def post_mortem(
    name: Id,
    role: As,
    sign: Annotated[bool, typer.Option("--sign", help="it is written: sign it")] = False,
    data: Data = DEMO,
    as_of: AsOf = "",
    as_json: Json = False,
) -> None:
    """Begin the post-mortem, a file filled with what the record knows; with --sign, sign it."""
    from opsbook import postmortem

    desk = Desk.at(data, as_of)
    incident = fold(desk.log.events()).incident(name)
    place = desk.log.folder.path / postmortem.place(incident)
    if sign:
        if not place.exists():
            raise UsageError(f"{place} is missing; begin it with the same command without --sign")
        owners = postmortem.roles(desk.settings)
        written = postmortem.read(place.read_bytes(), str(place), owners)
        refs = [desk.kept(action.text) for action in written.actions]
        register = desk.enter(
            lambda r: postmortem.signed(r.incident(name), ROLE[role], written, refs)
        )
    else:
        register = desk.enter(lambda r: _begun(r.incident(name), ROLE[role], place, r, desk))
        typer.echo(f"Write it in {place}, then sign it with --sign.", err=True)
    tell(register.incident(name), desk, as_json)


@app.command("list")
def list_all(
    data: Data = DEMO,
    as_of: AsOf = "",
    every: Annotated[bool, typer.Option("--all", help="closed ones too")] = False,
    as_json: Json = False,
) -> None:
    """The incidents that are open; with --all every one."""
    desk = Desk.at(data, as_of)
    register = fold(e for e in desk.log.events() if e.at <= desk.now)
    shown = [i for i in register.incidents.values() if every or i.open]
    if as_json:
        typer.echo(_json({"rows": [document(i, desk) for i in shown], **_chain(register)}))
        return
    for incident in shown:
        tell(incident, desk, as_json)


@app.command()
def show(name: Id, data: Data = DEMO, as_of: AsOf = "", as_json: Json = False) -> None:
    """One incident's whole record."""
    desk = Desk.at(data, as_of)
    incident = fold(desk.log.events()).incident(name)
    if as_json:
        tell(incident, desk, as_json)
        return
    typer.echo(_json(document(incident, desk)))


@app.command()
def silence(
    workflow: Annotated[str, typer.Argument(help="the workflow whose messages are held back")],
    until: Annotated[str, typer.Option("--until", help="end, ISO 8601 with a zone")],
    text: Annotated[str, typer.Option("--text", help="why")],
    role: As,
    family: Annotated[str, typer.Option(help="only this rule family, like errors")] = "",
    data: Data = DEMO,
    as_of: AsOf = "",
) -> None:
    """Hold back messages of one workflow for a time; it is listed on every review."""
    from opsbook.workbook import moment

    desk = Desk.at(data, as_of)
    end = moment(until, desk.settings)
    if desk.settings.workflow(workflow) is None:
        known = ", ".join(w.id for w in desk.settings.workflows)
        raise UsageError(f"{workflow!r} is no workflow; expected one of {known}")
    if end <= desk.now or not text.strip():
        raise UsageError("a silence needs an end that lies ahead (--until) and a reason (--text)")
    kept = desk.kept(text)
    desk.enter(lambda r: steps.silence(r, ROLE[role], workflow, family, desk.now, end, kept))


def _response(incident: Incident, desk: Desk) -> tuple["Step", ...]:
    """The first response to an incident."""
    from opsbook.responses import checklist

    workflow = desk.settings.workflow(incident.workflow)
    category = workflow.category if workflow else None
    return checklist(incident.priority, category, incident.family, incident.harmful)


def _begun(incident: Incident, role: str, place: Path, register: Register, desk: Desk) -> Draft:
    """Its post-mortem begun: the file, never written over, and the event."""
    from opsbook import postmortem
    from opsbook.clock import business_clock
    from opsbook.incidents import timers

    clock = business_clock(
        desk.settings.company,
        (incident.started_at - CLOCK_AROUND).date(),
        (desk.now + CLOCK_AROUND).date(),
    )
    due = postmortem.due_at(incident, desk.settings, clock)
    draft = postmortem.started(incident, role, due)
    told = timers(register, desk.settings, clock)
    text = postmortem.template(incident, desk.settings, told[told.id == incident.id], due)
    place.parent.mkdir(parents=True, exist_ok=True)
    if not place.exists():
        place.write_text(text, "utf-8")
    return draft


def _chain(register: Register) -> dict:
    return {"count": register.count, "head": register.head}
