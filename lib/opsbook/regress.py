"""The regression list on the command line: make it, look it over, ask, judge, approve."""

import json
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from opsbook.desk import ROLE, Desk, Role
from opsbook.errors import UsageError
from opsbook.events import Draft

if TYPE_CHECKING:
    import pandas as pd

    from opsbook.lists import List
    from opsbook.live import Estimate
    from opsbook.regression.cases import Answer
    from opsbook.runs import Place

app = typer.Typer(no_args_is_help=True, help="The regression list: cases, checks and verdicts.")
Data = Annotated[Path, typer.Option("--data", help="the company's folder")]
AsOf = Annotated[str, typer.Option("--as-of", help="moment of judgement, ISO 8601 with a zone")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON document and nothing else")]
Which = Annotated[str, typer.Argument(help="a workflow's id, or a list: .xlsx or .csv")]
DEMO = Path("data/demo")
NEEDED, WRONG = 1, 2
OPENAI = "https://api.openai.com/v1"
CONFIRMING = 4


@app.command()
def new(
    which: Which,
    cases: Annotated[Path | None, typer.Option(help="a list to take over: promptfoo's CSV")] = None,
    data: Data = DEMO,
    as_json: Json = False,
) -> None:
    """Make a list to fill in, with its checks to choose from; of another list's cases if named."""
    from opsbook import runs

    at = runs.place(which, data)
    rows = []
    if at.folder:
        settings = runs.store.load_settings(at.folder)
        rows = [(w.id, w.category, f"prompts/{w.id}/system.md", "", "", w.owner, "")
                for w in settings.workflows]  # fmt: skip
    taken = runs.held(runs.Place(None, at.workflow, cases)).cases if cases else ()
    runs.listbooks.make(at.path, sorted(rows, key=lambda r: r[0] != at.workflow), taken)
    told = f"{len(taken)} cases of {cases.name}" if cases else "about ten cases"
    _tell(
        {"path": str(at.path), "cases": len(taken)},
        f"{at.path}: {told}, then opsbook regression lint.",
        as_json,
    )


@app.command()
def export(
    which: Which,
    to: Annotated[Path, typer.Argument(help="the CSV to write, in promptfoo's columns")],
    data: Data = DEMO,
    as_json: Json = False,
) -> None:
    """Write a list as promptfoo's tests; `new --cases` reads them back without a loss."""
    from opsbook import runs

    at = runs.place(which, data)
    found = runs.held(at)
    alone = runs.export(found, to)
    lines = [f"{to}: {len(found.cases)} cases in promptfoo's columns."]
    lines += [f"{c}: promptfoo cannot judge it and passes it with a note." for c in alone]
    document = {"path": str(to), "cases": len(found.cases), "not_judged_there": alone}
    _tell(document, "\n".join(lines), as_json)


@app.command()
def lint(which: Which, data: Data = DEMO, as_json: Json = False) -> None:
    """Name every cell of a list that is not understood; nothing is run."""
    from opsbook import runs

    at = runs.place(which, data)
    found = runs.lists.read(at.path, at.workflow)
    document = {
        "cases": len(found.cases),
        "problems": list(found.problems),
        "notices": list(found.notices),
    }
    lines = [*found.problems, *found.notices] or [f"{at.path}: {len(found.cases)} cases, all good."]
    _tell(document, "\n".join(lines), as_json)
    raise typer.Exit(WRONG if found.problems else 0)


@app.command()
def score(
    which: Which,
    answers: Annotated[Path | None, typer.Option(help="folder, .jsonl, .json or .csv")] = None,
    baseline: Annotated[Path | None, typer.Option(help="answers to compare with")] = None,
    run: Annotated[str, typer.Option(help="keep them as the run of this name")] = "",
    data: Data = DEMO,
    as_of: AsOf = "",
    as_json: Json = False,
) -> None:
    """Judge answers by the list, against the approved run or the one that is named."""
    from opsbook import runs

    at = runs.place(which, data)
    found = runs.held(at)
    now = runs.outputs.read(answers) if answers else list(found.outputs.answers)
    if not now:
        raise UsageError(f"{at.path} has no answers on Outputs; paste them, or name --answers.")
    told = runs.approved(at) if baseline is None else (str(baseline), runs.outputs.read(baseline))
    facts = [("list", at.path.name), ("compared with", told[0] if told else "nothing approved yet")]
    verdict = runs.judged(found, now, *_against(told, facts), **_beside(at, found, told, as_of))
    kept = runs.keep(at, run, found.cases, now, verdict, _moment(at, as_of)) if run else None
    document = verdict.as_json() | ({"results": str(kept)} if kept else {})
    _tell(document, "\n".join(runs.told(verdict, kept)), as_json)
    raise typer.Exit(NEEDED if verdict.verdict.verdict == "HOLD" else 0)


@app.command()
def run(
    which: Which,
    model: Annotated[str, typer.Option(help="the model to ask, as its endpoint names it")],
    endpoint: Annotated[str, typer.Option(help="an OpenAI-compatible address")] = OPENAI,
    key_env: Annotated[str, typer.Option(help="variable with the key")] = "OPENAI_API_KEY",
    name: Annotated[str, typer.Option("--run", help="the run's name; empty: day and model")] = "",
    parameters: Annotated[str, typer.Option(help='JSON, like {"temperature": 0}')] = "{}",
    input_price: Annotated[float | None, typer.Option(help="per million tokens")] = None,
    output_price: Annotated[float | None, typer.Option(help="per million tokens")] = None,
    cap: Annotated[float | None, typer.Option(help="stop before more than this is spent")] = None,
    at_once: Annotated[int, typer.Option(min=1, max=4, help="calls at once")] = 3,
    again: Annotated[bool, typer.Option(help="ask again what was under way when killed")] = False,
    prompt: Annotated[
        Path | None, typer.Option(help="another prompt, as prompts at prints")
    ] = None,
    yes: Annotated[bool, typer.Option("--yes", help="ask for no confirmation")] = False,
    data: Data = DEMO,
    as_of: AsOf = "",
    as_json: Json = False,
) -> None:
    """Ask a model live, again where an answer fails, and judge; goes on where it was stopped."""
    from opsbook import runs

    at = runs.place(which, data)
    found = runs.held(at)
    where = runs.Endpoint(endpoint, model, key_env, input_price, output_price)
    first = runs.asks(at, found.cases, _object(parameters), prompt)
    name = name or f"{date.today()}-{re.sub(r'[^a-zA-Z0-9.+-]+', '-', model)}"  # noqa: DTZ011
    name += "-prompt" if prompt and not name.endswith("-prompt") else ""
    path = at.run(name) / "answers.jsonl"
    repeats = {c.id: c.repeats for c in found.cases}
    calls = [a for ask in first for a in runs.repeated([ask], range(1, repeats[ask.case] + 1))]
    _confirm(runs.live.estimate(calls, where, path), where.currency, yes)
    with _progress(not as_json) as tell:
        told = runs.asked(
            at, found, name, where, first, cap=cap, at_once=at_once, again=again, progress=tell
        )
    if told.stopped:
        raise UsageError(f"Stopped: {told.stopped}. Run it again and it goes on where it was.")
    before = runs.approved(at)
    facts = [("model", model), ("endpoint", endpoint), ("run", name)]
    facts += [("compared with", before[0] if before else "nothing approved yet")]
    answers = runs.outputs.read(path)
    beside = _beside(at, found, before, as_of)
    verdict = runs.judged(found, answers, *_against(before, facts), **beside)
    if prompt:  # a look at an old prompt is no verdict on what runs now
        lines = [*runs.told(verdict, None), f"Kept as {name}, to compare prompt and model with."]
        _tell(verdict.as_json() | {"run": name}, "\n".join(lines), as_json)
        return
    kept = runs.keep(at, name, found.cases, answers, verdict, _moment(at, as_of), written=True)
    document = verdict.as_json() | {
        "results": str(kept), "run": name, "spent": told.spent, "errors": told.errors
    }  # fmt: skip
    _tell(document, "\n".join(runs.told(verdict, kept)), as_json)
    raise typer.Exit(NEEDED if verdict.verdict.verdict == "HOLD" else 0)


def _against(told: "tuple[str, list[Answer]] | None", facts: list) -> tuple:
    """What a run is judged against, with the facts about both: answers, facts, the run's name."""
    return (told[1], facts, told[0]) if told else (None, facts)


def _beside(
    at: "Place", found: "List", before: "tuple[str, list[Answer]] | None", as_of: str
) -> dict:
    """What a run is looked at beside: production's inputs, and the other runs of the list."""
    if at.folder is None or before is None:
        return {}
    from opsbook import production, runs

    now = _moment(at, as_of)
    told = production.beside(at.folder, at.workflow, before[1], now, found.cases)
    return {"production": told, "others": runs.others(at)}


def _moment(at: "Place", as_of: str) -> "pd.Timestamp":
    """The moment by the company's clock; UsageError for a list that is of none."""
    from opsbook import runs
    from opsbook.workbook import moment

    if at.folder is None:
        raise UsageError(f"{at.path} is of no company; a run is kept below data/<company>.")
    return moment(as_of, runs.store.load_settings(at.folder))


def _object(text: str) -> dict:
    try:
        found = json.loads(text)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UsageError(f'{text} is no JSON object; expected like {{"temperature": 0}}.')
    return found


def _confirm(expected: "Estimate", currency: str, yes: bool) -> None:
    cost = "at an unknown cost" if expected.cost is None else f"{expected.cost:.4f} {currency}"
    line = (
        f"{expected.calls} calls, about {expected.input_tokens:,} tokens in and "
        f"{expected.output_tokens:,} out, {cost}; up to {CONFIRMING} more for each case that fails."
    )
    typer.echo(line, err=True)
    if yes or not expected.calls:
        return
    if not sys.stdin.isatty():
        raise UsageError("Nothing was asked: say --yes where nobody can be asked.")
    typer.confirm("Ask the model?", abort=True, err=True)


@contextmanager
def _progress(shown: bool) -> Iterator[Callable[[int, int, float], None]]:
    """A bar on a terminal with calls made and what was spent; nothing elsewhere."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"))
    with Progress(*columns, console=console, disable=not (shown and console.is_terminal)) as bar:
        task = bar.add_task("")
        yield lambda done, of, spent: bar.update(
            task, total=of, completed=done, description=f"{spent:.4f} spent"
        )


@app.command()
def status(data: Data = DEMO, as_json: Json = False) -> None:
    """What the last run of every list says."""
    from opsbook import runs

    found = runs.open_lists(data).lists
    rows = [
        {"workflow": x.workflow, "verdict": x.runs[-1].document["verdict"] if x.runs else None,
         "run": x.runs[-1].name if x.runs else None, "approved": x.approved or None,
         "problems": list(x.problems)}
        for x in found
    ]  # fmt: skip
    told = [
        f"{r['workflow']}: {r['verdict'] or 'no run yet'} {r['run'] or ''}".strip() for r in rows
    ]
    _tell({"rows": rows}, "\n".join(told), as_json)
    raise typer.Exit(NEEDED if any(r["verdict"] == "HOLD" for r in rows) else 0)


@app.command()
def compare(
    which: Which,
    before: Annotated[str, typer.Argument(help="a run's name, or answers: folder or file")],
    after: Annotated[str, typer.Argument(help="the same, of the other version")],
    data: Data = DEMO,
    as_json: Json = False,
) -> None:
    """What one run does that the other did not, case by case, with what drifted beside it."""
    from opsbook import runs

    at = runs.place(which, data)
    found = runs.held(at)
    facts = [("list", at.path.name), ("before", before), ("after", after)]
    verdict = runs.judged(found, runs.named(at, after), runs.named(at, before), facts)
    _tell(verdict.as_json(), "\n".join(runs.told(verdict, None)), as_json)
    raise typer.Exit(NEEDED if verdict.verdict.verdict == "HOLD" else 0)


@app.command()
def why(
    which: Which,
    run: Annotated[str, typer.Argument(help="the run's name; empty: the last one")] = "",
    inputs: Annotated[
        Path | None, typer.Option(help="inputs of production: text, CSV, JSONL")
    ] = None,
    data: Data = DEMO,
    as_of: AsOf = "",
    as_json: Json = False,
) -> None:
    """Did the model change, or the inputs? Each question with its answer and the reason."""
    from opsbook import production, runs

    at = runs.place(which, data)
    found, before = runs.held(at), runs.approved(at)
    if before is None:
        raise UsageError(f"No run of {at.workflow} is approved yet; there is nothing to compare.")
    name = run or runs.last(at)
    now, moment = runs.named(at, name), _moment(at, as_of)
    texts = production.texts_of(inputs) if inputs else []
    beside = production.beside(at.folder, at.workflow, before[1], moment, found.cases, texts)
    told = runs.judged(found, now, before[1], (), before[0], beside, runs.others(at))
    lines = [f"{name} against {before[0]}: {told.conclusion}"]
    lines += [f"{c.question}: {c.answer}; {c.why}" for c in told.causes]
    document = {"run": name, "before": before[0], "conclusion": told.conclusion,
                "causes": [vars(c) for c in told.causes], "effects": told.effects}  # fmt: skip
    _tell(document, "\n".join([*lines, *([told.effects] if told.effects else [])]), as_json)


@app.command()
def approve(
    which: Which,
    run: Annotated[str, typer.Argument(help="the run's name")],
    role: Annotated[Role, typer.Option("--as", help="who approves it")],
    data: Data = DEMO,
    as_of: AsOf = "",
    as_json: Json = False,
) -> None:
    """Make a run what later ones are compared with; an event of the record."""
    from opsbook import runs

    at = runs.place(which, data)
    if at.folder is None:
        raise UsageError(f"{at.path} is of no company; approve a list below data/<company>.")
    path = at.run(run) / "answers.jsonl"
    if not path.exists():
        there = sorted(p.name for p in at.runs.glob("*")) if at.runs.exists() else []
        raise UsageError(f'"{run}" is no run; found {", ".join(there) or "none"}.')
    payload = {
        "workflow": at.workflow,
        "run": run,
        "answers": runs.sha(path),
        "list": runs.sha(at.path),
    }
    desk = Desk.at(at.folder.path, as_of)
    desk.enter(lambda _: Draft("regression_approved", payload=payload, actor=ROLE[role]))
    _tell(payload, f"{run} is what {at.workflow} is compared with from now on.", as_json)


def _tell(document: dict, text: str, as_json: bool) -> None:
    clean = "".join(c if c.isprintable() or c == "\n" else "�" for c in text)
    typer.echo(json.dumps(document, indent=1) if as_json else clean, err=not as_json)
