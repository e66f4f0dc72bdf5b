"""An unknown export beside the columns of calls: shown, asked about, written to the settings.

What `opsbook map` does. All text of the file is masked and made plain before it is shown.
"""

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError
from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from opsbook.errors import ExportError, UsageError
from opsbook.exports import proposing
from opsbook.exports.cells import masked
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
ASKED = "Accept? yes, no, or the name of a line to change"
COLOURS = {"certain": "green", "likely": "cyan", "assumed": "yellow", "missing": "bold red"}


@dataclass(frozen=True)
class Foreign:
    """A file that no reader knows: its first rows, and what is known besides."""

    file: Path
    sample: Sample
    about: About

    @classmethod
    def at(cls, file: Path, settings: Settings) -> "Foreign":
        """The first rows of a file; an error when it is none, or one that is known already."""
        if not file.is_file():
            raise UsageError(f"{file} is no file; name one as it lies in the inbox.")
        try:
            sheet, rows = _first_rows(file)
        except ExportError as problem:
            raise ExportError(f"{file.name}: the file {problem}.") from problem
        _refuse_known(file, sheet.header, settings)
        about = About(
            name=file.name.partition(".")[0],
            zone=settings.company.zone,
            locale=settings.company.locale,
            month_first=settings.company.month_first,
            semicolons=sheet.comma,
            taken=frozenset(r.source for r in READERS) | {m.id for m in settings.mappings},
        )
        return cls(file, sample(sheet.header, rows), about)

    def propose(self, chosen: dict[str, str]) -> Proposal:
        """The mapping that the file suggests after what a person chose."""
        return proposing.propose(self.sample, self.about, chosen)


def _first_rows(file: Path) -> tuple[Sheet, list[tuple[str, ...]]]:
    """A file's cells and its first rows as text; of an archive those of its first file."""
    with tempfile.TemporaryDirectory() as place, engine_of() as engine:
        head = Path(place) / "head"
        head.write_bytes(_beginning(file.read_bytes()))
        path = next(iter(unpacked(head, Path(place)).values()), head)
        sheet = read_sheet(engine, path, UNFOLDS)
        cells = [f"coalesce({sheet.columns[h][0]}::VARCHAR, '')" for h in sheet.header] or ["''"]
        return sheet, engine.sql(f"FROM {sheet.source} SELECT {', '.join(cells)}").fetchmany(ROWS)


def _beginning(content: bytes) -> bytes:
    """A large text file's whole first lines; other files as they are."""
    if len(content) <= HEAD_BYTES or content[:2] in (b"PK", b"\x1f\x8b") or content[:1] == b"[":
        return content
    return content[: content.rfind(b"\n", 0, HEAD_BYTES) + 1] or content


def _refuse_known(file: Path, header: tuple[str, ...], settings: Settings) -> None:
    """UsageErrors for a file that needs no mapping, or whose first line is no header."""
    known = reader_for(header)
    if known is not None:
        raise UsageError(
            f"{file.name} needs no mapping: it is read as {known.title}. Put it into the inbox and "
            "run opsbook ingest."
        )
    own = next((m for m in settings.mappings if {*m.header} <= {*header}), None)
    if own is not None:
        raise UsageError(
            f"{file.name} is mapped already: {own.id} in settings/mappings.toml. Change it there."
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
        show(Text(f"{wrong}." if wrong else "Nothing is missing."))
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


def document(proposal: Proposal, written: Path | None) -> dict:
    """The proposal as JSON."""
    return {
        "id": proposal.id,
        "lines": [{k: plain(v) for k, v in vars(line).items()} for line in proposal.lines],
        "missing": [line.name.removeprefix("constants.") for line in proposal.missing],
        "notes": [plain(n) for n in proposal.notes],
        "text": proposal.text(),
        "written": str(written) if written else None,
    }
