"""The register on the command line: made once, looked over by cell, printed by sheet."""

import json
from pathlib import Path
from typing import Annotated

import typer

Data = Annotated[Path, typer.Option("--data", help="the company's folder")]
AsOf = Annotated[str, typer.Option("--as-of", help="moment of judgement, ISO 8601 with a zone")]
Json = Annotated[bool, typer.Option("--json", help="print one JSON document and nothing else")]
DEMO = Path("data/demo")
WRONG = 2

app = typer.Typer(
    no_args_is_help=True,
    help="register.xlsx: reports, vendor notices, contracts, actions and the other registers.",
)


@app.command()
def new(data: Data = DEMO, as_json: Json = False) -> None:
    """Make register.xlsx with all its sheets; people fill it in, and it is only read after that."""
    from opsbook import registerbooks, spreadsheets, store

    folder = store.Folder.at(data)
    place = folder.path / spreadsheets.NAME
    registerbooks.make(place, store.load_settings(folder))
    told = f"{place}: one row per thing; the next check reads it. Then: opsbook register lint."
    _tell({"path": str(place)}, [told], as_json)


@app.command()
def lint(data: Data = DEMO, as_of: AsOf = "", as_json: Json = False) -> None:
    """Name every cell of register.xlsx that is not understood; nothing is entered."""
    from opsbook import spreadsheets, store
    from opsbook.errors import UsageError
    from opsbook.workbook import moment

    folder = store.Folder.at(data)
    settings = store.load_settings(folder)
    place = folder.path / spreadsheets.NAME
    if not place.exists():
        raise UsageError(f"{place} is not there; make it with: opsbook register new")
    reported = spreadsheets.read(place, settings, moment(as_of, settings))
    held = spreadsheets.read_sheets(place, settings)
    counts = {"reports": len(reported.rows)} | {n: len(f) for n, (f, _) in held.rows.items()}
    problems = list(dict.fromkeys([*reported.problems, *held.problems]))
    document = {"rows": counts, "problems": problems, "notices": held.notices}
    fine = f"{place}: {sum(counts.values())} rows, all good."
    _tell(document, [*problems, *held.notices, *([] if problems else [fine])], as_json)
    raise typer.Exit(WRONG if problems else 0)


@app.command("list")
def rows(
    sheet: Annotated[str, typer.Argument(help="a sheet, like notices, contracts or actions")],
    data: Data = DEMO,
    as_json: Json = False,
) -> None:
    """The rows of a sheet as they are read, workflows by id and days in ISO 8601."""
    from opsbook import spreadsheets, store
    from opsbook.records import Log
    from opsbook.register import fold

    folder = store.Folder.at(data)
    log = Log(folder)
    held = spreadsheets.registers(folder, store.load_settings(folder), fold(log.events()), log.text)
    frame = held.frame(sheet)
    found = json.loads(frame.to_json(orient="records", date_format="iso"))
    told = [{k: _plain(v) for k, v in row.items()} for row in found]
    lines = [
        " · ".join(str(v) for k, v in r.items() if v is not None and k != "cell") for r in told
    ]
    _tell({"rows": told, "problems": list(held.problems)}, lines or ["No rows."], as_json)


def _plain(value: object) -> object:
    """A day without its time, which it does not have."""
    return value[:10] if isinstance(value, str) and value.endswith("T00:00:00.000") else value


def _tell(document: dict, lines: list[str], as_json: bool) -> None:
    print(json.dumps(document, indent=1) if as_json else "\n".join(lines))  # noqa: T201
