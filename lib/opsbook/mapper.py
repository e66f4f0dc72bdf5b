"""An unknown export beside the columns of calls: shown, asked about, written to the settings.

What `opsbook map` does. All text of the file is masked and made plain before it is shown.
"""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from duckdb import DuckDBPyConnection
from pydantic import ValidationError
from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from opsbook.errors import ExportError, UsageError
from opsbook.exports import proposing
from opsbook.exports.cells import define, masked
from opsbook.exports.conversion import convert
from opsbook.exports.mapping import mapped_reader
from opsbook.exports.matching import Line, Sample, sample
from opsbook.exports.proposing import About, Proposal
from opsbook.exports.readers import READERS, UNFOLDS, reader_for
from opsbook.exports.reading import Sheet, read_sheet, unpacked
from opsbook.settings import MAPPED, Settings
from opsbook.store import Folder, engine_of

ROWS, SHOWN, LONGEST = 200, 3, 24
"""Rows looked at; values shown of a column; characters shown of a value."""
HEAD_BYTES = 4_000_000
"""Of a larger file only its beginning is read."""
TRIAL = """
SELECT count(*), strftime(min(ts), '%Y-%m-%d %H:%M'), strftime(max(ts), '%Y-%m-%d %H:%M'),
       coalesce(sum(input_tokens), 0)::BIGINT + coalesce(sum(output_tokens), 0)::BIGINT,
       coalesce(sum(cost), 0)
FROM calls
"""
ASKED = "Accept? yes, no, or the name of a line to change"
COLOURS = {"certain": "green", "likely": "cyan", "assumed": "yellow", "missing": "bold red"}


@dataclass(frozen=True)
class Foreign:
    """A file that no reader knows, its first rows as cells of an engine, and what is known besides.

    Of a large file only the beginning is there.
    """

    file: Path
    engine: DuckDBPyConnection
    sheet: Sheet
    sample: Sample
    about: About

    @classmethod
    @contextmanager
    def at(cls, file: Path, settings: Settings) -> Iterator["Foreign"]:
        """The first rows of a file; an error when it is none, or one that is known already."""
        if not file.is_file():
            raise UsageError(f"{file} is no file; name one as it lies in the inbox.")
        with tempfile.TemporaryDirectory() as place, engine_of() as engine:
            define(engine)
            try:
                sheet = read_sheet(engine, _beginning(file, Path(place)), UNFOLDS)
            except ExportError as problem:
                raise ExportError(f"{file.name}: the file {problem}.") from problem
            _refuse_known(file, sheet.header, settings)
            rows = _first_rows(engine, sheet)
            about = _about(file, settings, sheet.comma)
            yield cls(file, engine, sheet, sample(sheet.columns, rows), about)

    def propose(self, chosen: dict[str, str]) -> Proposal:
        """The mapping that the file suggests after what a person chose."""
        return proposing.propose(self.sample, self.about, chosen)

    def trial(self, proposal: Proposal) -> str:
        """What the first rows become with a mapping: how many calls, when, of what cost."""
        found = convert(self.engine, self.sheet, mapped_reader(proposal.mapping()), "UTC")
        calls, first, last, tokens, cost = self.engine.execute(TRIAL).fetchall()[0]
        said = f"Read so, {found.rows_in:,} rows give {calls:,} calls or totals"
        if calls:
            said += f" from {first} to {last} UTC, {tokens:,} tokens, {cost:,.4f} of cost"
        aside = [f"row {r.row}: {plain(r.reason)}" for r in found.quarantine.itertuples()]
        said += f"; {len(aside) or 'none'} {'are' if len(aside) > 1 else 'is'} set aside."
        return "\n".join([said, *aside[:SHOWN]])


def _beginning(file: Path, place: Path) -> Path:
    """A file, or the first one of a packed file, cut after its first megabytes of lines."""
    packed = unpacked(file, place)
    path = next(iter(packed.values()), file)
    with path.open("rb") as whole:
        head = whole.read(HEAD_BYTES)
    if len(head) < HEAD_BYTES or head[:4] in (b"PAR1", b"PK\x03\x04") or head.lstrip()[:1] == b"[":
        return path
    cut = place / "beginning"
    cut.write_bytes(head[: head.rfind(b"\n") + 1] or head)
    return cut


def _first_rows(engine: DuckDBPyConnection, sheet: Sheet) -> list[tuple]:
    if not sheet.columns:
        return []
    cells = ", ".join(f"{cell}::VARCHAR" for cell, _ in sheet.columns.values())
    first = f"SELECT {cells} FROM {sheet.source} LIMIT {ROWS}"  # noqa: S608 (names are our own)
    return engine.execute(first).fetchall()


def _about(file: Path, settings: Settings, comma: bool) -> About:
    return About(
        name=file.name.partition(".")[0],
        zone=settings.company.zone,
        locale=settings.company.locale,
        month_first=settings.company.month_first,
        semicolons=comma,
        taken=frozenset(r.source for r in READERS) | {m.id for m in settings.mappings},
    )


def _refuse_known(file: Path, header: tuple[str, ...], settings: Settings) -> None:
    """UsageErrors for a file that needs no mapping, or whose first line is no header."""
    own = {m.id for m in settings.mappings}
    known = reader_for(header, settings.mappings)
    if known is not None and known.source in own:
        raise UsageError(
            f"{file.name} is mapped already: {known.source} in settings/mappings.toml. Change it "
            "there."
        )
    if known is not None:
        raise UsageError(
            f"{file.name} needs no mapping: it is read as {known.title}. Put it into the inbox and "
            "run opsbook ingest."
        )
    if not header:
        raise UsageError(f"{file.name} has no header; expected column names in its first line.")
    secret = next((h for h in header if masked(h) != h), None)
    if secret is not None:
        raise UsageError(
            f"{file.name}: {plain(secret)} stands in the first line and is no name of a column. "
            "Put a line with column names before the data."
        )


def plain(text: str) -> str:
    """A text as a terminal may show it: masked, on one line, without control signs."""
    return "".join(c if c.isprintable() else "�" for c in masked(text))


def view(foreign: Foreign, proposal: Proposal) -> Group:
    """What a person looks at: the file's columns beside those of calls, the settings, the rest."""
    mapped = [line for line in proposal.lines if line.name in MAPPED]
    others = [line for line in proposal.lines if line not in mapped]
    columns = _table("Column of calls", "Column of the file", "First values", "Sure", "Why")
    for line in mapped:
        columns.add_row(*_cells(line, _values(foreign.sample, line.value)))
    settings = _table("Setting", "Value", "Sure", "Why")
    for line in others:
        settings.add_row(*_cells(line))
    used = {line.value for line in mapped} | {o.value for o in others if o.name == "key"}
    unused = _table("Not used", "First values")
    used |= {foreign.sample.within.get(name, name) for name in used}
    for name in (h for h in foreign.sample.header if h not in used):
        unused.add_row(Text(plain(name)), Text(_values(foreign.sample, name)))
    absent = [name for name in MAPPED if name not in {line.name for line in mapped}]
    notes = [*proposal.notes, f"Not in the file: {', '.join(absent)}."]
    shown = [columns, settings, unused] if unused.row_count else [columns, settings]
    return Group(*shown, *(Text(plain(note)) for note in notes))


def _table(*heads: str) -> Table:
    return Table(*heads, box=SIMPLE_HEAD)


def _cells(line: Line, *more: str) -> list[Text]:
    texts = [line.name, line.value, *more]
    sure = Text(line.sure, style=COLOURS[line.sure])
    return [*(Text(plain(t)) for t in texts), sure, Text(plain(line.reason))]


def _values(sample: Sample, column: str) -> str:
    """The first values of a column that differ."""
    if column not in sample.header:
        return ""
    first = list(dict.fromkeys(plain(v) for v in sample.values(column)))[:SHOWN]
    return " · ".join(v if len(v) <= LONGEST else f"{v[:LONGEST]}…" for v in first)


def problem(proposal: Proposal) -> str:
    """What keeps a proposal from being a mapping; "" when nothing does."""
    if proposal.missing:
        lacking = "; ".join(f"{line.name.removeprefix('constants.')} is missing: {line.reason}"
                            for line in proposal.missing)  # fmt: skip
        return plain(f"{lacking}. Say it with --set NAME=VALUE")
    try:
        proposal.mapping()
    except ValidationError as wrong:
        told = [f"{'.'.join(map(str, e['loc']))} {e['msg']}".strip() for e in wrong.errors()]
        return plain("; ".join(told))
    return ""


def dialogue(
    foreign: Foreign,
    chosen: dict[str, str],
    ask: Callable[[str], str],
    show: Callable[[object], None],
) -> Proposal | None:
    """The proposal as a person accepts it, changed line by line; None when it is refused."""
    while True:
        proposal = foreign.propose(chosen)
        show(view(foreign, proposal))
        wrong = problem(proposal)
        show(Text(f"{wrong}." if wrong else foreign.trial(proposal)))
        answer = ask(ASKED).strip()
        if answer.lower() in ("no", "n", ""):
            return None
        if answer.lower() in ("yes", "y") and not wrong:
            return proposal
        if answer.lower() not in ("yes", "y"):
            chosen = chosen | _changed(foreign, answer, ask, show)


def _changed(
    foreign: Foreign, name: str, ask: Callable[[str], str], show: Callable[[object], None]
) -> dict[str, str]:
    """One choice more; none when it cannot be, which is told."""
    bare = name.removeprefix("constants.")
    value = "" if "=" in bare else f"={ask(f'{plain(bare)}: a column, a word, or - for nothing')}"
    try:
        said = f"{bare}{value}"
        return dict([proposing.choice(said[:-1] if said.endswith("=-") else said, foreign.sample)])
    except UsageError as wrong:
        show(Text(plain(str(wrong))))
        return {}


def accept(folder: Folder, proposal: Proposal) -> Path:
    """The settings file with the proposal at its end, written whole or not at all."""
    wrong = problem(proposal)
    if wrong:
        raise UsageError(f"Nothing was written: {wrong}.")
    path = folder.path / "settings" / "mappings.toml"
    before = path.read_bytes().decode("utf-8") if path.exists() else ""
    temporary = path.with_suffix(".part")
    temporary.write_bytes(proposing.appended(before, proposal).encode())
    temporary.replace(path)
    return path


def document(proposal: Proposal, told: str, written: Path | None) -> dict:
    """The proposal as JSON, with what the first rows become."""
    return {
        "id": proposal.id,
        "told": told,
        "lines": [{k: plain(v) for k, v in vars(line).items()} for line in proposal.lines],
        "missing": [line.name.removeprefix("constants.") for line in proposal.missing],
        "notes": [plain(n) for n in proposal.notes],
        "text": proposal.text(),
        "written": str(written) if written else None,
    }
