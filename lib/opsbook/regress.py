"""The regression list on the command line: make it, look it over, judge answers, approve a run."""

import json
from pathlib import Path
from typing import Annotated

import typer

from opsbook.desk import ROLE, Desk, Role
from opsbook.errors import UsageError
from opsbook.events import Draft

app = typer.Typer(no_args_is_help=True, help="The regression list: cases, checks and verdicts.")
Data = Annotated[Path, typer.Option("--data", help="the company's folder")]
AsOf = Annotated[str, typer.Option("--as-of", help="moment of judgement, ISO 8601 with a zone")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON document and nothing else")]
Which = Annotated[str, typer.Argument(help="a workflow's id, or a list: .xlsx or .csv")]
DEMO = Path("data/demo")
NEEDED, WRONG = 1, 2


@app.command()
def new(which: Which, data: Data = DEMO, as_json: Json = False) -> None:
    """Make an empty list to fill in, with its checks to choose from."""
    from opsbook import runs

    at = runs.place(which, data)
    rows = []
    if at.folder:
        settings = runs.store.load_settings(at.folder)
        rows = [(w.id, w.category, f"prompts/{w.id}/system.md", "", "", w.owner, "")
                for w in settings.workflows]  # fmt: skip
    runs.listbooks.make(at.path, sorted(rows, key=lambda r: r[0] != at.workflow))
    _tell(
        {"path": str(at.path)},
        f"{at.path}: about ten cases, then opsbook regression lint.",
        as_json,
    )


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
    verdict = runs.judged(found, now, told[1] if told else None, facts)
    kept = runs.keep(at, run, found.cases, now, verdict) if run else None
    document = verdict.as_json() | ({"results": str(kept)} if kept else {})
    _tell(document, "\n".join(runs.told(verdict, kept)), as_json)
    raise typer.Exit(NEEDED if verdict.verdict.verdict == "HOLD" else 0)


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
