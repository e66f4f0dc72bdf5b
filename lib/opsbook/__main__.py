"""The commands: `opsbook <command> [--data DIR] [--as-of TIME] [--json]`.

`--json` prints one document on standard output and nothing else; messages go to standard error.
Exit codes: 0 fine, 1 a person is needed, 2 wrong use or settings, 3 could not be done.
"""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import pandas as pd
import typer
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from opsbook import desk, keeping, regress
from opsbook.errors import OpsbookError, UsageError

app = typer.Typer(
    no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help=__doc__
)
prompts = typer.Typer(no_args_is_help=True, help="What prompts said, from git.")
app.add_typer(prompts, name="prompts")
app.add_typer(desk.app, name="incident")
app.add_typer(regress.app, name="regression")
app.add_typer(keeping.app, name="register")

Data = Annotated[Path, typer.Option("--data", help="the company's folder")]
AsOf = Annotated[str, typer.Option("--as-of", help="moment of judgement, ISO 8601 with a zone")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON document and nothing else")]
Renderer = Annotated[str, typer.Option(help="auto, embedded or quarto")]
DEMO = Path("data/demo")

messages = Console(stderr=True)
WIDE = 200
"""Characters a table takes where there is no terminal to say how wide it is."""
NEEDED, NOT_DONE = 1, 3
"""Exit codes: fine, but a person is needed; could not be done."""


@app.command()
def init(
    name: Annotated[str, typer.Argument(help="the folder's name, like acme")],
    company: Annotated[str | None, typer.Option(help="the company's name")] = None,
    country: Annotated[str | None, typer.Option(help="two letters, like AT")] = None,
    subdivision: Annotated[str | None, typer.Option(help="region, by code or name")] = None,
    zone: Annotated[str | None, typer.Option(help="like Europe/Vienna")] = None,
    hours: Annotated[str | None, typer.Option(help="like 'mon-fri 09:00-17:00'")] = None,
    currency: Annotated[str | None, typer.Option(help="of the reports, like EUR")] = None,
    locale: Annotated[str | None, typer.Option(help="like en_AT or de_AT")] = None,
    lead_channel: Annotated[
        list[str], typer.Option("--lead-channel", "--channel", help="apprise address, {VARIABLES}")
    ] = [],  # noqa: B006
    founder_channel: Annotated[list[str], typer.Option(help="the same, for P1 alone")] = [],  # noqa: B006
    workflow: Annotated[list[str], typer.Option(help="id|name|category|owner|matches")] = [],  # noqa: B006
    into: Annotated[Path, typer.Option(help="the folder of companies")] = Path("data"),
    yes: Annotated[bool, typer.Option("--yes", help="ask nothing, take what is proposed")] = False,
    as_json: Json = False,
) -> None:
    """Make a company's folder: settings, an inbox that says what to drop, a template.

    Asks on a terminal for what no option gives.
    """
    from opsbook import init as new

    given = new.Given(
        folder=name,
        name=company,
        country=country,
        subdivision=subdivision,
        zone=zone,
        hours=hours,
        currency=currency,
        locale=locale,
        lead_channels=lead_channel,
        founder_channels=founder_channel,
        workflows=workflow,
    )
    asks = sys.stdin.isatty() and not (yes or as_json)
    place = new.make(given, into, new.Terminal(_ask, _say) if asks else None)
    if as_json:
        _print_json({"path": str(place)})
    for line in [] if as_json else new.next_steps(place):
        _say(line)


@app.command()
def template(
    file: Annotated[Path, typer.Argument(help="a new file, .xlsx or .csv")],
    data: Annotated[Path | None, typer.Option("--data", help="the company's folder")] = None,
    as_json: Json = False,
) -> None:
    """Write the empty template, for calls that no vendor exports."""
    from opsbook import store
    from opsbook.template import write_template

    write_template(file, store.load_settings(store.Folder(data)) if data else None)
    if as_json:
        _print_json({"path": str(file)})
    else:
        _say(f"{file}: one row per call; save a copy in a company's inbox.")


@app.command()
def ingest(data: Data = DEMO, as_of: AsOf = "", as_json: Json = False) -> None:
    """Take what lies in the inbox into the tables; say what happened to each file."""
    from opsbook import inbox, store

    folder = store.Folder(data)
    arrived = inbox.ingest(folder, store.load_settings(folder))
    if as_json:
        _print_json({"files": _rows(arrived.files)})
    else:
        for file in arrived.files.itertuples():
            counts = f"{file.rows_in} rows, {file.loaded} loaded, {file.known} known"
            told = "" if pd.isna(file.problem) else f" {file.problem}"
            line = f"{file.file}: {file.state}, {counts}, {file.quarantined} set aside.{told}"
            messages.print(line, soft_wrap=True, highlight=False, markup=False)
    waiting = arrived.files.state.isin(["unknown", "unreadable"]) | (arrived.files.quarantined > 0)
    raise typer.Exit(NEEDED if waiting.any() else 0)


@app.command("map")
def map_export(
    file: Annotated[Path, typer.Argument(help="an export that no reader knows")],
    data: Data = DEMO,
    accept: Annotated[bool, typer.Option(help="write it to settings/mappings.toml")] = False,
    choices: Annotated[
        list[str] | None, typer.Option("--set", help="NAME=VALUE, like currency=EUR or ts=Date")
    ] = None,
    as_json: Json = False,
) -> None:
    """Propose what an unknown export's columns mean; write it to the settings when accepted."""
    from opsbook import mapper, store
    from opsbook.exports.proposing import choice

    folder = store.Folder(data)
    asks = not (accept or as_json) and sys.stdin.isatty() and sys.stdout.isatty()
    screen = Console(width=None if sys.stdout.isatty() else WIDE)
    with mapper.Foreign.at(file, store.load_settings(folder)) as foreign:
        chosen = dict(choice(text, foreign.sample) for text in choices or [])
        proposal = foreign.propose(chosen)
        if asks:
            agreed = mapper.dialogue(foreign, chosen, typer.prompt, screen.print)
            proposal, accept = agreed or proposal, agreed is not None
        elif not as_json:
            screen.print(mapper.view(foreign, proposal))
        wrong = mapper.problem(proposal)
        told = f"Not a mapping yet: {wrong}." if wrong else foreign.trial(proposal)
    written = mapper.accept(folder, proposal) if accept else None
    if as_json:
        _print_json(mapper.document(proposal, told, written))
    for line in (told, _mapped(written, proposal.id)):
        messages.print(line, soft_wrap=True, highlight=False, markup=False)
    raise typer.Exit(NEEDED if wrong else 0)


def _mapped(written: Path | None, source: str) -> str:
    """What became of a proposal, and what to do next."""
    if written:
        return (
            f'Written to {written}. Name "{source}:*" in the matches of a workflow, put the file '
            "into the inbox and run opsbook ingest."
        )
    return "Nothing was written. Run it again with --accept, or with --set NAME=VALUE to change it."


@app.command()
def findings(
    data: Data = DEMO,
    as_of: AsOf = "",
    method: Annotated[str, typer.Option(help="calendar or runbook")] = "calendar",
    since: Annotated[str, typer.Option("--from", help="only what ended after this day")] = "",
    until: Annotated[str, typer.Option("--to", help="only what began before this day")] = "",
    as_json: Json = False,
) -> None:
    """What the rules say about the ingested data."""
    from opsbook.workbook import open_workbook

    book = open_workbook(data, as_of)
    found = book.judged.findings
    zone = book.settings.company.zone
    own = found[found.method == method]
    own = own[own.ended_at > _day(since, zone)] if since else own
    own = own[own.started_at < _day(until, zone)] if until else own
    own = own.rename(columns={"started_at": "from", "ended_at": "to"})
    columns = ["rule", "workflow", "from", "to", "observed", "limit", "priority", "state", "reason"]
    _show(own, columns, as_json, {"rows": _rows(own)})


@app.command()
def baselines(data: Data = DEMO, as_of: AsOf = "", as_json: Json = False) -> None:
    """What is normal now: the cost per run of each workflow and the company's spend per day."""
    from opsbook.reviews import baselines_now
    from opsbook.workbook import open_workbook

    book = open_workbook(data, as_of)
    normal = baselines_now(book.judged)
    _show(normal, list(normal.columns), as_json, {"rows": _rows(normal)})


@app.command()
def backtest(data: Data = DEMO, as_of: AsOf = "", as_json: Json = False) -> None:
    """Every rule over the history, both methods, and what other limits would have done."""
    from opsbook.backtest import backtest as run
    from opsbook.workbook import open_workbook

    book = open_workbook(data, as_of)
    test = run(book.facts, book.judged.findings, book.register, book.settings)
    document = {
        "weeks": round(test.weeks, 2),
        "rules": _rows(test.rules),
        "what_if": _rows(test.what_if),
        "budget": test.budget.as_json() | {"proposals": _rows(test.budget.proposals)},
    }
    columns = ["rule", "method", "fired", "alarms", "per_week", "caught", "missed", "false"]
    _show(test.rules, columns, as_json, document)
    messages.print(test.budget.sentence(), soft_wrap=True, highlight=False)


class Kind(StrEnum):
    """The three reviews."""

    weekly = "weekly"
    monthly = "monthly"
    quarterly = "quarterly"


@app.command()
def review(
    kind: Annotated[Kind, typer.Argument(help="half an hour, an hour, or an hour and a half")],
    data: Data = DEMO,
    as_of: AsOf = "",
    period: Annotated[str, typer.Option(help="2026-W47, 2026-11, 2026-Q4; empty: the last")] = "",
    renderer: Renderer = "auto",
    correct: Annotated[bool, typer.Option(help="begin the next version of a signed one")] = False,
    as_json: Json = False,
) -> None:
    """Read the inbox, run the notebooks, render the site, and begin the file of its outcomes."""
    from opsbook import kernels

    kernels.warm_up()  # the fork server imports on the other core while this process does
    from opsbook.weekly import build

    built = build(data, as_of, kind.value, period, renderer, messages.print, correct)
    if as_json:
        _print_json(built.as_json())
    else:
        messages.print(built.sentence(), soft_wrap=True, highlight=False)


@app.command("sign-off")
def sign_off(
    period: Annotated[str, typer.Argument(help="the review's period, like 2026-W47")],
    role: desk.As,
    data: Data = DEMO,
    as_of: AsOf = "",
    as_json: Json = False,
) -> None:
    """Sign a review as it was shown last; it says what keeps it a draft."""
    from opsbook import kernels

    kernels.warm_up()
    from opsbook import signing

    done = signing.sign_off(data, period, role, as_of, messages.print)
    if as_json:
        _print_json(done.event.payload | {"seq": done.event.seq, "ts": done.event.ts})
    else:
        _say(f"{period} is signed, event {done.event.seq}; kept as {done.report}.")


@app.command("plan-update")
def plan_update(
    notice: Annotated[str, typer.Argument(help="the id of a vendor's notice, like N-2")],
    data: Data = DEMO,
    as_of: AsOf = "",
    as_json: Json = False,
) -> None:
    """When an update that a vendor announced may go live, and what is missing before it may."""
    from opsbook import vendors
    from opsbook.workbook import open_review

    review = open_review(data, as_of)
    planned = vendors.plan(review, notice)
    if as_json:
        _print_json(planned.as_json())
    else:
        print("\n".join(planned.lines(review)))  # noqa: T201
    raise typer.Exit(0 if planned.ready else NEEDED)


@app.command()
def site(data: Data = DEMO, renderer: Renderer = "auto", as_json: Json = False) -> None:
    """Render the site again from the reports as they are."""
    from opsbook import site as pages

    built = pages.render(Path.cwd(), renderer)
    if as_json:
        _print_json({"pages": built.pages, "problems": built.problems})
    else:
        messages.print(f"{built.pages} pages in {built.output}", soft_wrap=True, highlight=False)


@app.command()
def serve(port: Annotated[int, typer.Option(help="port on this machine")] = 8642) -> None:
    """Serve the built site on this machine only."""
    from opsbook import site as pages

    pages.serve(port=port)


@app.command()
def publish(
    to: Annotated[Path, typer.Argument(help="a web root or a folder of a mounted share")],
    data: Data = DEMO,
    as_json: Json = False,
) -> None:
    """Put the built site and all frozen months into a folder, the old one kept until all is there.

    The months lie below archive/; readers see the old site or the new one, never half of one.
    """
    from opsbook import archive, store
    from opsbook import site as pages

    company = store.load_settings(store.Folder(data)).company.name
    if pages.shows_another(data):
        raise UsageError(f"The site shows another company: make weekly DATA={data} first.")
    done = archive.publish(pages.OUTPUT, archive.place(data), to, company)
    if as_json:
        _print_json(done.as_json())
    else:
        _say(done.sentence())
    raise typer.Exit(0 if all(m.whole for m in done.months) else NEEDED)


@app.command("print")
def print_review(
    kind: Annotated[str, typer.Argument(help="weekly, monthly or quarterly")],
    data: Data = DEMO,
    as_of: AsOf = "",
    period: Annotated[str, typer.Option(help="like 2026-W47; empty: the last")] = "",
    out: Annotated[Path | None, typer.Option(help="the file; else named by the period")] = None,
    as_json: Json = False,
) -> None:
    """Write a built review as a PDF, by the Chromium or Chrome on this machine."""
    from opsbook import printing

    held = printing.held(data, kind, period, as_of)
    made = printing.pdf(held.page, out or Path(f"{held.period.name}.pdf"))
    if as_json:
        _print_json({"path": str(made), "period": held.period.name})
    else:
        _say(f"{made}: the {kind} review of {held.period.name}")


@app.command()
def mail(
    kind: Annotated[str, typer.Argument(help="weekly, monthly or quarterly")],
    data: Data = DEMO,
    as_of: AsOf = "",
    period: Annotated[str, typer.Option(help="like 2026-W47; empty: the last")] = "",
    to: Annotated[str, typer.Option(help="a role of settings/channels.toml")] = "AI Lead",
    out: Annotated[Path | None, typer.Option(help="write it to FILE.eml, send nothing")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="say what would be sent")] = False,
    as_json: Json = False,
) -> None:
    """Send a built review with its charts by mail; chats get its lead sentence and link."""
    import os

    from opsbook import mailing, printing

    held = printing.held(data, kind, period, as_of)
    written = mailing.written(held)
    kept = mailing.keep(written, out) if out else None
    reach = [] if out else mailing.channels(held, to)
    sent = mailing.send(written, reach, os.environ, dry_run)
    facts = {"subject": written.subject, "bytes": written.weight, "charts": len(written.images)}
    if as_json:
        kinds = {"left_out": written.left_out, "path": kept and str(kept), "dry_run": dry_run}
        _print_json(facts | kinds | {"sent": [vars(s) for s in sent]})
    else:
        _say(f"{written.subject}: {written.weight / 1000:.0f} kB, {len(written.images)} charts")
        for line in [str(kept)] if kept else [s.sentence() for s in sent]:
            _say(line)
    raise typer.Exit(0 if all(s.ok for s in sent) else NOT_DONE)


@app.command()
def check(data: Data = DEMO, as_of: AsOf = "", as_json: Json = False) -> None:
    """Read the inbox, judge, keep the register and tell whoever must know; quiet otherwise."""
    import os

    from opsbook.check import check as run

    checked = run(data, as_of, os.environ, lambda line: messages.print(line, markup=False))
    if as_json:
        _print_json(checked.as_json())
    else:
        for told in checked.lines():
            messages.print(told, soft_wrap=True, highlight=False, markup=False)
    raise typer.Exit(NEEDED if checked.needs_a_person else 0)


@app.command()
def verify(
    data: Data = DEMO,
    count: Annotated[int | None, typer.Option(help="events noted on a page or message")] = None,
    head: Annotated[str, typer.Option(help="the head noted beside it")] = "",
    as_json: Json = False,
) -> None:
    """Whether the record of events is whole, and still the one whose count and head were noted."""
    from opsbook.records import Log
    from opsbook.store import Folder

    found = Log(Folder.at(data)).verify(count, head)
    if as_json:
        _print_json({k: v for k, v in vars(found).items() if k != "problem" or v})
    elif found.ok:
        messages.print(f"{found.count} events, head {found.head}: whole.", soft_wrap=True)
    else:
        messages.print(f"The record is not whole: {found.problem}.", soft_wrap=True, markup=False)
    raise typer.Exit(0 if found.ok else NOT_DONE)


@app.command()
def doctor(data: Data = DEMO, as_json: Json = False) -> None:
    """What is missing or wrong, on this machine and in a company's folder, and what to do."""
    import os

    from opsbook.doctor import examine

    checks = examine(data, os.environ)
    if as_json:
        _print_json({"checks": [c.as_json() for c in checks]})
    else:
        for check in checks:
            _say(check.line())
    raise typer.Exit(NEEDED if any(c.required and not c.ok for c in checks) else 0)


@app.command()
def erase(
    text: Annotated[str, typer.Argument(help="the text's hash, as the record names it")],
    data: Data = DEMO,
    as_of: AsOf = "",
    despite_hold: Annotated[
        bool, typer.Option("--despite-hold", help="also what an incident's evidence is kept for")
    ] = False,
) -> None:
    """Take a text that names a person off the disk for good; the record says that it was there."""
    from opsbook.dossier import holding
    from opsbook.events import Draft
    from opsbook.register import fold
    from opsbook.spreadsheets import registers

    at = desk.Desk.at(data, as_of)
    register = fold(at.log.events())
    known = registers(at.log.folder, at.settings, register, at.log.text)
    held = holding(text, register, at.settings, known)
    if held and not despite_hold:
        raise UsageError(
            f"{text[:8]} belongs to {', '.join(held)}, whose evidence is kept until somebody says "
            "that no harm was done or that it is no high-risk system: opsbook incident impact. If "
            "it has to go nevertheless, say --despite-hold; the record will tell that it did."
        )
    at.log.erase(text)
    told = {"text": text} | ({"despite_hold": held} if held else {})
    at.enter(lambda _: Draft("text_erased", payload=told))


@app.command()
def evidence(
    period: Annotated[str, typer.Option(help="like 2026-Q4, 2026-11 or 2026-W47")],
    data: Data = DEMO,
    as_of: AsOf = "",
    out: Annotated[Path | None, typer.Option(help="the zip; empty: evidence-PERIOD.zip")] = None,
    with_exports: Annotated[
        bool, typer.Option("--with-exports", help="the exports of the period as well")
    ] = False,
    with_texts: Annotated[
        bool, typer.Option("--with-texts", help="what people wrote as well; it may name people")
    ] = False,
    as_json: Json = False,
) -> None:
    """One zip of a period's records that anyone can check with Python alone."""
    from opsbook import evidence as bundles

    at = desk.Desk.at(data, as_of)
    made = bundles.bundle(at.log.folder, period, at.now, out, with_exports, with_texts)
    if as_json:
        _print_json(made.as_json())
    else:
        _say(made.sentence())


@app.command()
def calendar(
    data: Data = DEMO,
    as_of: AsOf = "",
    out: Annotated[Path, typer.Option(help="the file; - for standard output")] = Path(
        "opsbook.ics"
    ),
    as_json: Json = False,
) -> None:
    """Reviews, deadlines, contracts and legal dates as a file that every calendar program reads."""
    from opsbook import calendars
    from opsbook.workbook import open_review

    shown = open_review(data, as_of)
    made = calendars.calendar(shown)
    if str(out) == "-":
        sys.stdout.buffer.write(made)
        return
    out.write_bytes(made)
    count = len(calendars.entries(shown))
    if as_json:
        _print_json({"path": str(out), "entries": count})
    else:
        _say(f"{out}: {count} entries. Open it in a calendar program, or subscribe to the site's.")


@prompts.command("at")
def prompts_at(
    day: Annotated[str, typer.Argument(help="a day, or a moment in ISO 8601")],
    workflow: Annotated[str, typer.Argument(help="the workflow's id")],
    data: Data = DEMO,
    as_json: Json = False,
) -> None:
    """What a workflow's prompts said on a day (at its end, on the company's clock)."""
    from opsbook import prompts as kept
    from opsbook import store

    folder = store.Folder.at(data)
    zone = store.load_settings(folder).company.zone
    moment = _moment(day, zone)
    found = [(path, kept.at(path, moment)) for path in kept.files(folder, workflow)]
    if as_json:
        rows = [{"now": not kept.uncommitted(p) and kept.at(p, _END) == v} | v.as_json()
                for p, v in found if v]  # fmt: skip
        _print_json({"prompts": rows})
    for path, version in [] if as_json else found:
        if version is None:
            _say(f"{path}: not yet there on {day}.")
            continue
        since = version.at.tz_convert(zone)
        _say(f"{version.file}, since {since:%Y-%m-%d %H:%M}, {version.commit}: {version.subject}")
        print("".join(c if c.isprintable() or c in "\n\t" else "�" for c in version.text))  # noqa: T201
    raise typer.Exit(0 if any(v for _, v in found) else NEEDED)


_END = pd.Timestamp.max.tz_localize("UTC")


def _moment(text: str, zone: str) -> pd.Timestamp:
    """The end of a day, or the moment itself where a time is told."""
    try:
        found = pd.Timestamp(text)
    except ValueError:
        raise UsageError(f'"{text}" is no day; expected like 2026-10-12.') from None
    found = found if found.tz else found.tz_localize(zone)
    return found if ":" in text else found + pd.DateOffset(days=1) - pd.Timedelta(seconds=1)


@app.command()
def limits(data: Data = DEMO, as_json: Json = False) -> None:
    """Print every limit as settings/limits.toml, with its unit, default, clause and reason."""
    from opsbook import store
    from opsbook.settings import limits_text

    held = store.load_settings(store.Folder(data)).limits
    if as_json:
        fields = type(held).model_fields.items()
        rows = [{"name": n, "value": getattr(held, n)} | f.json_schema_extra for n, f in fields]
        _print_json({"rows": rows})
    else:
        print(limits_text(held), end="")  # noqa: T201


@app.command()
def schedule(
    kind: Annotated[str, typer.Option(help="cron, systemd, windows, github or gitlab")] = "cron",
    data: Data = DEMO,
    as_json: Json = False,
) -> None:
    """Print what a scheduler needs to run the check every hour, from here."""
    from opsbook import store
    from opsbook.schedule import Job, lines

    settings = store.load_settings(store.Folder(data))
    variables = dict.fromkeys(v for c in settings.channels for v in c.variables)
    job = Job(settings.company.name, str(Path.cwd()), sys.executable, str(data), list(variables))
    text = lines(kind, job)
    if as_json:
        _print_json({"kind": kind, "text": text, "variables": list(variables)})
    else:
        print(text, end="")  # noqa: T201


@app.command("clean-notebooks")
def clean_notebooks(folder: Annotated[Path, typer.Argument()] = Path("notebooks")) -> None:
    """Take outputs, counts and editor traces out of the notebooks."""
    from opsbook import notebooks

    for path in sorted(folder.glob("*.ipynb")):
        notebooks.clean(path)


def _ask(question: str, proposal: str) -> str:
    return typer.prompt(question, default=proposal, show_default=bool(proposal), err=True)


def _say(line: str) -> None:
    messages.print(line, soft_wrap=True, highlight=False, markup=False)


def _day(text: str, zone: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz=zone)


def _rows(frame: pd.DataFrame) -> list[dict]:
    """A frame's rows as plain JSON: times in ISO 8601 UTC, missing values null."""
    return json.loads(frame.to_json(orient="records", date_format="iso", double_precision=12))


def _show(frame: pd.DataFrame, columns: list[str], as_json: bool, document: dict) -> None:
    if as_json:
        _print_json(document)
        return
    table = Table(*columns, box=SIMPLE_HEAD)
    for row in frame[columns].itertuples(index=False):
        table.add_row(*("" if pd.isna(v) else _cell(v) for v in row))
    Console(width=None if sys.stdout.isatty() else WIDE).print(table)


def _print_json(document: dict) -> None:
    print(json.dumps(document, indent=1))  # noqa: T201


def _cell(value: object) -> str:
    if isinstance(value, pd.Timestamp):
        return value.strftime("%Y-%m-%d %H:%MZ")
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def main() -> None:
    """Run a command; an error a person can put right becomes a sentence and an exit code."""
    try:
        app()
    except OpsbookError as problem:
        messages.print(f"opsbook: {problem}", soft_wrap=True, highlight=False, markup=False)
        sys.exit(problem.exit_code)


if __name__ == "__main__":
    main()
