"""A file as cells of text in an engine, one table for every format.

Nothing here knows a vendor. Small and odd files are read with care: what is no row keeps its place,
its text and a reason a person understands. A large file that looks regular may be read where it
lies (`lying`), many times as fast; whoever does so counts its lines.
"""

import csv
import gzip
import io
import json
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Set
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

import pandas as pd
from duckdb import DuckDBPyConnection, Error
from python_calamine import CalamineWorkbook

from opsbook.errors import ExportError
from opsbook.exports.cells import DECIMAL_COMMA, literal

csv.field_size_limit(2**31 - 1)  # a cell may hold a whole prompt; the default is 131,072 signs
CHUNK = 50_000
HEAD = 1 << 16
"""Bytes that tell what a file is."""
LARGEST_UNPACKED, THICKEST = 2**30, 200
"""A packed file that grows beyond a gibibyte and 200 times itself is no export."""
PLAIN = re.compile(r"-?\d{1,15}(?P<decimals>\.\d+)?")
Unfold = Callable[[object], list[dict] | None]
Line = tuple[int, list[str]]


@dataclass(frozen=True)
class Sheet:
    """A file as cells: its header, and where its rows are in the engine.

    `columns` holds, per header field, the cell's name and type; `source` is what to select from; it
    has a column `row`, the row's number in the file, the header being row 1. `broken` holds row,
    text and reason of lines that are no rows. `comma` says that the file's own style of writing
    numbers is that of a decimal comma.
    """

    header: tuple[str, ...]
    columns: dict[str, tuple[str, str]]
    source: str
    broken: list[dict] = field(default_factory=list)
    comma: bool = False


def read_sheet(engine: DuckDBPyConnection, path: Path, unfolds: Iterable[Unfold] = ()) -> Sheet:
    """The cells of a CSV, JSON, JSONL, XLSX or Parquet file; ExportError if it is none of them.

    `unfolds` are what readers know of JSON documents whose records lie deeper.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head[:4] == b"PAR1":
        return _parquet(engine, path)
    if head[:2] == b"PK":
        return _workbook(engine, path)
    encoding = _encoding(path, head)
    with path.open(encoding=encoding, errors="replace", newline="") as text:
        opening = text.read(HEAD).lstrip()[:1]
        text.seek(0)
        if opening in ("{", "["):
            return _json(engine, text, tuple(unfolds))
        return _csv(engine, text)


def unpacked(path: Path, folder: Path) -> dict[str, Path]:
    """The files in a packed one by name, unpacked into a folder; the file itself if it is none.

    An .xlsx is packed too, and one file.
    """
    with path.open("rb") as file:
        magic = file.read(4)
    if magic[:2] == b"\x1f\x8b":
        return {"": _unpack(lambda: gzip.open(path), path, folder / "0")}
    if magic[:2] != b"PK" or not zipfile.is_zipfile(path):
        return {"": path}
    with zipfile.ZipFile(path) as archive:
        inside = [m for m in archive.infolist() if not m.is_dir()]
        if any(m.filename == "[Content_Types].xml" for m in inside):
            return {"": path}
        wanted = [m for m in inside if not Path(m.filename).name.startswith((".", "_"))]
        return {
            m.filename: _unpack(lambda m=m: archive.open(m), path, folder / str(n))
            for n, m in enumerate(wanted)
        }


def _unpack(opened: Callable[[], io.BufferedIOBase], path: Path, target: Path) -> Path:
    most, written = max(LARGEST_UNPACKED, THICKEST * path.stat().st_size), 0
    try:
        with opened() as packed, target.open("wb") as plain:
            while block := packed.read(1 << 20):
                written += plain.write(block)
                if written > most:
                    raise ExportError(f"unpacks to more than {most:,} bytes; unpack it by hand")
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, RuntimeError) as problem:
        raise ExportError(f"is a damaged packed file ({problem}); export it again") from problem
    if target.read_bytes()[:2] == b"\x1f\x8b":
        return _unpack(lambda: gzip.open(target), path, target.with_suffix(".plain"))
    return target


def _encoding(path: Path, head: bytes) -> str:
    """UTF-8, UTF-16 with a mark, or the cp1252 that old Excel writes."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return "utf-16"
    try:
        with path.open(encoding="utf-8-sig", newline="") as text:
            while text.read(1 << 22):
                pass
    except UnicodeDecodeError:
        return "cp1252"
    return "utf-8-sig"


class Cells:
    """The table `cells` of an engine, filled chunk by chunk; columns may come late."""

    def __init__(self, engine: DuckDBPyConnection) -> None:
        """An empty table, in the place of one that may be there."""
        self.engine, self.columns = engine, {}
        engine.execute('CREATE OR REPLACE TEMP TABLE cells ("row" BIGINT)')

    def add(self, header: Iterable[str], lines: Iterable[Line]) -> None:
        """Rows with their numbers, in the order of a header; of doubled names the first counts."""
        header = tuple(header)
        for name in header:
            if name not in self.columns:
                self.columns[name] = (f"c{len(self.columns)}", "VARCHAR")
                self.engine.execute(f"ALTER TABLE cells ADD COLUMN {self.columns[name][0]} VARCHAR")
        first = [n for n, name in enumerate(header) if name not in header[:n]]
        names = ["row", *(self.columns[header[n]][0] for n in first)]
        for chunk in _chunks(lines):
            rows = [(number, *(line[n] for n in first)) for number, line in chunk]
            frame = pd.DataFrame(rows, columns=names).astype(dict.fromkeys(names[1:], "object"))
            self.engine.register("chunk", frame)
            self.engine.execute("INSERT INTO cells BY NAME SELECT * FROM chunk")
            self.engine.unregister("chunk")

    def sheet(self, header: Iterable[str], broken: list[dict], comma: bool = False) -> Sheet:
        """The sheet of what was added."""
        return Sheet(tuple(header), self.columns, "cells", broken, comma)


def _csv(engine: DuckDBPyConnection, text: io.TextIOBase) -> Sheet:
    delimiter = separator(text.readline())
    text.seek(0)
    lines = csv.reader((line.replace("\0", "") for line in text), delimiter=delimiter)
    try:
        return _tabular(engine, lines, delimiter == ";")
    except csv.Error as problem:
        raise ExportError(f"is no readable CSV ({problem}); export it again") from problem


def separator(first: str) -> str:
    """What parts the fields of a header line."""
    return max(",;\t", key=first.count)


def _workbook(engine: DuckDBPyConnection, path: Path) -> Sheet:
    try:
        sheet = CalamineWorkbook.from_path(path).get_sheet_by_index(0)
        cells = sheet.to_python(skip_empty_area=False)
    except Exception as problem:  # calamine raises its own, plain and zip errors
        raise ExportError(f"is no readable workbook ({problem}); save it as .xlsx") from problem
    texts = (c for line in cells for c in line if isinstance(c, str))
    comma = any(map(DECIMAL_COMMA.search, texts))
    return _tabular(engine, ([_cell_text(c, comma) for c in line] for line in cells), comma)


def _cell_text(cell: object, comma: bool) -> str:
    """A cell as text; a number in the style in which the sheet's own text writes numbers."""
    if isinstance(cell, float):
        plain = format(cell, ".15g")
        return plain.replace(".", ",") if comma else plain
    return cell.isoformat() if hasattr(cell, "isoformat") else str(cell)


def _tabular(engine: DuckDBPyConnection, lines: Iterator[list[str]], comma: bool) -> Sheet:
    """Lines as rows under the first one; short lines are filled, long ones are broken."""
    header = tuple(h.strip() for h in next(iter(lines), []))
    width, broken = len(header), []

    def rows() -> Iterator[Line]:
        for number, line in enumerate(lines, start=2):
            if not any(c.strip() for c in line):
                continue
            if len(line) > width and any(c.strip() for c in line[width:]):
                reason = f"has {len(line)} fields; expected {width} as in the header"
                broken.append({"row": number, "text": ",".join(line), "reason": reason})
                continue
            yield number, ([c.strip() for c in line] + [""] * width)[:width]

    cells = Cells(engine)
    cells.add(header, rows())
    return cells.sheet(dict.fromkeys(header), broken, comma)


def _json(engine: DuckDBPyConnection, text: io.TextIOBase, unfolds: tuple[Unfold, ...]) -> Sheet:
    """Records of a JSON list, of an object's `data`, of lines, or of what a reader unfolds."""
    broken: list[dict] = []
    cells = Cells(engine)
    for chunk in _chunks(_records(_documents(text, broken), unfolds, broken)):
        header = tuple(dict.fromkeys(name for _, record in chunk for name in record))
        lines = ((n, [_json_text(r.get(h)) for h in header]) for n, r in chunk)
        cells.add(map(_json_text, header), lines)
    return cells.sheet(cells.columns, broken)


def _documents(text: io.TextIOBase, broken: list[dict]) -> Iterator[tuple[int, object]]:
    """Each document with its number: of a list, of an object's `data`, or of the lines."""
    try:
        whole = json.load(text)
    except (ValueError, RecursionError):
        text.seek(0)
        return _lines(text, broken)
    inner = (
        whole.get("data") if isinstance(whole, dict) and whole.get("object") != "page" else whole
    )
    return enumerate(inner if isinstance(inner, list) else [whole], start=1)


def _lines(text: Iterable[str], broken: list[dict]) -> Iterator[tuple[int, object]]:
    for number, line in enumerate(text, start=1):
        if not line.strip():
            continue
        try:
            yield number, json.loads(line)
        except (ValueError, RecursionError):
            reason = "is no complete JSON object; expected one a line"
            broken.append({"row": number, "text": line.rstrip("\r\n"), "reason": reason})


def _records(
    documents: Iterable[tuple[int, object]], unfolds: tuple[Unfold, ...], broken: list[dict]
) -> Iterator[tuple[int, dict]]:
    """The objects among the documents, and the records that lie deeper, numbered as they come."""
    deep = 0
    for number, document in documents:
        unfolded = next((r for u in unfolds if (r := u(document)) is not None), None)
        for record in unfolded or ():
            deep += 1
            yield deep, record
        if unfolded is None and isinstance(document, dict):
            yield number, document
        elif unfolded is None:
            reason = "is no JSON object; expected one a record"
            broken.append({"row": number, "text": json.dumps(document)[:2000], "reason": reason})


def _json_text(value: object) -> str | None:
    if value is None:
        return None
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text.encode("utf-8", "replace").decode()  # JSON can spell halves of a character


def _chunks(items: Iterable) -> Iterator[list]:
    waiting = iter(items)
    while chunk := list(islice(waiting, CHUNK)):
        yield chunk


def _parquet(engine: DuckDBPyConnection, path: Path) -> Sheet:
    """A Parquet file where it lies, with its own types."""
    place = f"read_parquet({literal(str(path))}, file_row_number = true)"
    try:
        types = engine.sql(f"DESCRIBE SELECT * FROM {place}").fetchall()
    except Error as problem:
        raise ExportError(f"is no readable Parquet file ({problem}); export it again") from problem
    named = [(name, kind) for name, kind, *_ in types if name != "file_row_number"]
    columns = {name: (f"c{n}", kind) for n, (name, kind) in enumerate(named)}
    cells = ", ".join(f"{quoted(name)} AS {cell}" for name, (cell, _) in columns.items())
    row = 'file_row_number + 2 AS "row"'
    return Sheet(tuple(columns), columns, f"(SELECT {cells}, {row} FROM {place})")


def lying(
    engine: DuckDBPyConnection,
    path: Path,
    also: Set[str] = frozenset(),
    numbers: Set[str] = frozenset(),
) -> Sheet | None:
    """A file that looks regular where it lies; None for any other.

    Its rows are not numbered: `row` is the first one's number below zero, which says that they are
    in the file's order.
    It may turn out odd while it is read. `also` are fields that the first lines of a JSONL need not
    have; `numbers` are read as such where the first lines have plain ones.
    """
    with path.open("rb") as file:
        head = file.read(HEAD)
    if head[:4] == b"PAR1":
        return _parquet(engine, path)
    if head[:2] in (b"PK", b"\xff\xfe", b"\xfe\xff") or head[:1] == b"[" or b"\0" in head:
        return None
    lines = head.decode("utf-8-sig", "replace").split("\n")[:-1]
    if not lines[1:]:
        return None
    if head[:1] == b"{":
        return _lying_jsonl(path, lines, also, numbers)
    return _lying_csv(path, lines, numbers)


def _lying_csv(path: Path, lines: list[str], numbers: Set[str]) -> Sheet | None:
    delimiter = separator(lines[0])
    header, *rows = csv.reader(lines, delimiter=delimiter)
    header = [name.strip() for name in header]
    if len(set(header)) < len(header):
        return None
    columns = {}
    for n, name in enumerate(header):
        shown = [PLAIN.fullmatch(r[n]) for r in rows if r[n:] and r[n]]
        columns[name] = (
            f"c{n}",
            _kind([_plain(m) for m in shown]) if name in numbers else "VARCHAR",
        )
    names = ", ".join(f"{cell}: '{kind}'" for cell, kind in columns.values())
    place = (
        f"read_csv({literal(str(path))}, columns = {{{names}}}, delim = {literal(delimiter)},"
        " quote = '\"', escape = '\"', header = true, auto_detect = false, encoding = 'utf-8')"
    )
    source = f'(SELECT *, -2 AS "row" FROM {place})'
    return Sheet(tuple(header), columns, source, comma=delimiter == ";")


def _plain(number: re.Match | None) -> int | float | None:
    return None if number is None else 0.5 if number["decimals"] else 1


def _lying_jsonl(path: Path, lines: list[str], also: Set[str], numbers: Set[str]) -> Sheet | None:
    try:
        records = [json.loads(line) for line in lines]
    except (ValueError, RecursionError):
        return None
    if not all(isinstance(r, dict) for r in records):
        return None
    header = tuple(dict.fromkeys([*(name for r in records for name in r), *sorted(also)]))
    if len({name.lower() for name in header}) < len(header):
        return None
    shown = {name: [r[name] for r in records if r.get(name) is not None] for name in header}
    kinds = {n: _kind(values) if n in numbers else "VARCHAR" for n, values in shown.items()}
    columns = {name: (f"c{n}", kinds[name]) for n, name in enumerate(header)}
    typed = ", ".join(f"{quoted(name)}: '{kind}'" for name, kind in kinds.items())
    place = f"read_json({literal(str(path))}, columns = {{{typed}}}, format = 'newline_delimited')"
    cells = ", ".join(f"{quoted(name)} AS {cell}" for name, (cell, _) in columns.items())
    return Sheet(header, columns, f'(SELECT {cells}, -1 AS "row" FROM {place})')


def _kind(values: list) -> str:
    """The type of a field by the values that it shows; text for everything but plain numbers."""
    if values and all(type(v) is int for v in values):
        return "BIGINT"
    return "DOUBLE" if values and all(type(v) in (int, float) for v in values) else "VARCHAR"


def numbered(sheet: Sheet) -> Sheet:
    """A file where it lies with its rows numbered, which is slower."""
    row = '(row_number() OVER () - "row" - 1) AS "row"'
    return replace(sheet, source=f"(SELECT * REPLACE ({row}) FROM {sheet.source})")


def quoted(name: str) -> str:
    """A name in SQL, whatever stands in it."""
    return '"' + name.replace('"', '""') + '"'
