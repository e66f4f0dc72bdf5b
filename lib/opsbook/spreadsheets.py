"""`register.xlsx`: the spreadsheet in which people report and keep registers, only ever read here.

Anyone with Excel or LibreOffice reports in a row. Reading takes what people write (any letter case,
their own language's yes, dates of a cell or typed) and names each problem by its cell. A row is
entered once; one edited later becomes a note on its incident. Of the other sheets each row that is
new, changed or gone is noted. The file is never written again.
"""

import datetime as dt
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import openpyxl
import pandas as pd
from openpyxl.cell import Cell
from openpyxl.utils.datetime import from_excel
from openpyxl.worksheet.worksheet import Worksheet

from opsbook import registers as registers_
from opsbook import reports
from opsbook.cells import answer, bare, shown
from opsbook.errors import UsageError
from opsbook.events import Draft, Event
from opsbook.records import Writing
from opsbook.register import Register, fold
from opsbook.register import enter as enter_event
from opsbook.registers import GERMAN, SHEETS, Given, Registers
from opsbook.reports import QUESTIONS, Known, Report
from opsbook.schema import PRIORITIES
from opsbook.settings import Settings
from opsbook.store import Folder

NAME, SHEET = "register.xlsx", "Reports"
HEADS = {
    "what": ("What happened", 60),
    "noticed_at": ("Noticed at", 18),
    "workflow": ("Workflow", 24),
    "seen_by_customer": ("Seen by a customer?", 14),
    "personal_data_to_wrong_person": ("Personal data to the wrong person?", 18),
    "false_information": ("False on safety or law?", 14),
    "acted_on": ("Acted on before it was noticed?", 16),
    "degraded": ("Still going on?", 12),
    "done": ("Done so far", 40),
    "priority": ("Class", 9),
    "began_at": ("Began at", 18),
}
"""Field of a report: its head and the width of its column, in characters."""
NEEDED = ("what", "noticed_at", "workflow")
TIMES = ("noticed_at", "began_at")
MOST_BYTES = 50_000_000
"""What a register may hold unpacked; a real one has a hundredth."""
MOST_ROWS = 10_000
TOP_ROWS = 10
"""Where the heads may stand, if somebody puts a title above them."""
OLE = bytes.fromhex("d0cf11e0a1b11ae1")
"""How a password-protected workbook begins, and an .xls of before 2007."""


@dataclass(frozen=True)
class Row:
    """One report as it stands in a row; `cell` is its first."""

    cell: str
    report: Report


@dataclass(frozen=True)
class Sheet:
    """What a register holds: rows that can be entered, and each problem with its cell."""

    rows: list[Row] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Entered:
    """What became of the rows: events appended, and problems for a person to put right."""

    events: list[Event] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def enter(writing: Writing, settings: Settings) -> Entered:
    """Enter the new and the edited rows of the company's register.xlsx; nothing without one.

    Call it while the record is held. Nothing is entered twice; a row with a problem waits until it
    is put right, and the others are entered.
    """
    log = writing.log
    path = log.folder.path / NAME
    sheet = read(path, settings, writing.now)
    register = fold(writing.events)
    rows = [row.report for row in sheet.rows]
    done = Entered(problems=list(sheet.problems))
    for place, before in reports.unentered(rows, reports.known_rows(register, log.text), settings):
        text = log.keep(reports.words(rows[place], settings))
        try:
            drafts = _drafts(rows[place], before, register, settings, writing.now, text)
            events = writing.append(*drafts)
        except UsageError as problem:
            log.erase(text)
            done.problems.append(f"{NAME}, {sheet.rows[place].cell}: {problem}")
            continue
        for event in events:
            enter_event(register, event)
        done.events.extend(events)
        if before and before.ended and _graver(drafts, before):
            done.problems.append(_too_late(sheet.rows[place].cell, before))
    held = read_sheets(path, settings)
    done.problems.extend(p for p in held.problems if p not in done.problems)
    done.events.extend(_note(writing, held, register))
    return done


def _note(writing: Writing, held: "Held", register: Register) -> list[Event]:
    """Note the rows of the other sheets that say something else than the record last noted."""
    log = writing.log
    found = registers_.unnoted(held.rows, register, log.text)
    drafts = [c.draft(log.keep(c.text) if c.text is not None else "") for c in found]
    return writing.append(*drafts) if drafts else []


def _drafts(
    report: Report,
    before: Known | None,
    register: Register,
    settings: Settings,
    now: pd.Timestamp,
    text: str,
) -> list[Draft]:
    """The events of a new row, or of an edited one."""
    source = f"{NAME} {text}"
    if before is None:
        return [reports.opening(report, register, settings, now, text, source)]
    return reports.edits(report, before, register.incident(before.incident), text, source)


def _graver(drafts: list[Draft], before: Known) -> bool:
    return drafts[0].payload["priority"] < before.priority


def _too_late(cell: str, before: Known) -> str:
    return (
        f"{NAME}, {cell}: the row is graver now, but {before.incident} is ended; report it in a "
        "new row"
    )


# Reading


def read(path: Path, settings: Settings, now: pd.Timestamp) -> Sheet:
    """The reports of a register as of `now`; no rows without a file. The file is not changed.

    What keeps the whole file from being read is a problem too, never an exception: a check goes on.
    """
    try:
        book = _book(path)
        return _read(_reports(book), settings, now, path.name) if book else Sheet()
    except UsageError as problem:
        return Sheet(problems=[f"{path.name}{problem}"])


def _book(path: Path) -> openpyxl.Workbook | None:
    """A workbook on disk, None without one; UsageError with what is wrong and what to do.

    One that was read stays open until its file changes: a check reads it twice.
    """
    try:
        found = path.stat()
        return _kept(path, (found.st_ino, found.st_mtime_ns, found.st_size))
    except FileNotFoundError:
        return None
    except OSError as problem:
        raise UsageError(f" cannot be read ({problem.strerror}); close it") from problem


@lru_cache(maxsize=1)
def _kept(path: Path, _trace: tuple) -> openpyxl.Workbook:
    return opened(path.read_bytes())


def _reports(book: openpyxl.Workbook) -> Worksheet:
    """The sheet Reports; UsageError without one."""
    named = {bare(s.title): s for s in book.worksheets}
    if bare(SHEET) not in named:
        raise UsageError(f" has no sheet {SHEET}; found {', '.join(book.sheetnames)}")
    return named[bare(SHEET)]


def opened(content: bytes) -> openpyxl.Workbook:
    """A workbook of its bytes, whatever they are; UsageError with what is wrong and what to do.

    The message goes on after the file's name. A workbook saved as Strict Open XML opens without
    any sheet and without an error: it is refused.
    """
    if content.startswith(OLE):
        raise UsageError(" is password-protected or an old .xls; save it as .xlsx without one")
    try:
        with zipfile.ZipFile(BytesIO(content)) as parts:
            unpacked = sum(part.file_size for part in parts.infolist())
        if unpacked > MOST_BYTES:
            raise UsageError(f" unpacks to {unpacked / 1e6:.0f} MB; expected what people typed")
        book = openpyxl.load_workbook(BytesIO(content))
    except UsageError:
        raise
    except Exception as problem:  # hostile bytes must not stop a check
        said = f"{type(problem).__name__}: {problem}"[:120]
        raise UsageError(
            f" is damaged or no .xlsx ({said}); open it in Excel or LibreOffice and save it again"
        ) from problem
    if not book.worksheets:
        raise UsageError(
            " holds no sheet that can be read; saved as Strict Open XML? Save it again as .xlsx"
        )
    return book


def _read(sheet: Worksheet, settings: Settings, now: pd.Timestamp, name: str) -> Sheet:
    """A sheet's rows, each read by itself."""
    known = {bare(w): n for n, (head, _) in HEADS.items() for w in (head, n)}
    top, columns = _heads(sheet, known, {n: HEADS[n][0] for n in NEEDED})
    found = Sheet(problems=[f"{name}, {p}" for p in _shape(sheet)])
    last = min(sheet.max_row, MOST_ROWS)
    for cells in sheet.iter_rows(min_row=top + 1, max_row=last):
        held = {f: cells[i] for f, i in columns.items()}
        if all(_text(c) == "" for c in held.values()):
            continue
        report, problems = _report(held, settings, now)
        found.problems.extend(f"{name}, {p}" for p in problems)
        if report:
            found.rows.append(Row(_at(held["what"]), report))
    return found


def _heads(
    sheet: Worksheet, known: Mapping[str, str], needed: Mapping[str, str]
) -> tuple[int, dict[str, int]]:
    """The row of the heads, and the column of each field; UsageError when one is missing.

    `known` gives the field of a head, as `bare` has it, `needed` the head of a field that must be.
    """
    best: tuple[int, dict[str, int]] = (1, {})
    for cells in sheet.iter_rows(max_row=min(TOP_ROWS, sheet.max_row)):
        columns: dict[str, int] = {}
        for place, cell in enumerate(cells):
            name = known.get(bare(_text(cell)))
            if name in columns:
                raise UsageError(f", {_at(cell)}: the head {_text(cell)!r} stands twice")
            columns |= {name: place} if name else {}
        if len(columns) > len(best[1]):
            best = (cells[0].row, columns)
    merged = [r for r in sheet.merged_cells.ranges if r.min_row <= best[0] <= r.max_row]
    if merged:
        raise UsageError(f", {sheet.title}!{merged[0].coord}: heads are merged; unmerge them")
    missing = [head for name, head in needed.items() if name not in best[1]]
    if missing:
        place = f"{sheet.title}!A{best[0]}"
        raise UsageError(f", {place}: the head {missing[0]!r} is missing; put it back")
    return best


def _shape(sheet: Worksheet) -> list[str]:
    """What of a sheet's shape hides something: merged cells, too many rows."""
    name = sheet.title
    merged = [f"{name}!{r.coord} is merged; unmerge it" for r in sheet.merged_cells.ranges]
    more = sheet.max_row > MOST_ROWS
    return merged + ([f"{name}!A{MOST_ROWS + 1}: rows from here on are not read"] if more else [])


def _report(
    cells: dict[str, Cell], settings: Settings, now: pd.Timestamp
) -> tuple[Report | None, list[str]]:
    """The report a row holds, or what is wrong with its cells."""
    told: dict[str, object] = {}
    problems = []
    for name, cell in cells.items():
        try:
            value = _value(name, cell, settings)
            told |= {} if value is None else {name: value}
        except UsageError as problem:
            problems.append(f"{_at(cell)}: {problem}")
    if problems:
        return None, problems
    try:
        return reports.checked(Report(**told), settings, now), []
    except UsageError as problem:
        return None, [f"{_at(cells['noticed_at'])}: {problem}"]


def _value(name: str, cell: Cell, settings: Settings) -> object:
    """A cell as the field it fills; None for an empty one. UsageError for what it cannot be."""
    text = _text(cell)
    if problem := _no_value(cell):
        raise UsageError(problem)
    if text == "" and name in NEEDED:
        raise UsageError(f"{HEADS[name][0]} is empty")
    if text == "":
        return None
    if name in TIMES:
        return _time(cell, settings)
    if name in QUESTIONS:
        return answer(cell.value)
    if name == "priority":
        return _class(text)
    return reports.workflow_id(text, settings) if name == "workflow" else text


def _no_value(cell: Cell) -> str:
    """What keeps a cell from holding a value; empty for nothing."""
    if cell.data_type not in ("f", "e"):
        return ""
    what = "a formula" if cell.data_type == "f" else f"an error, {_text(cell)}"
    return f"is {what}; write the value itself"


def _time(cell: Cell, settings: Settings) -> pd.Timestamp:
    """A moment from a cell of Excel's dates, or as text."""
    value = cell.value
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = _from_serial(value, cell)
    if isinstance(value, str):
        return reports.noticed(value, settings.company)
    if not isinstance(value, dt.datetime) or value.time() == dt.time.min:  # a date alone
        raise UsageError(f"{shown(value)} has no date with its time of day; {reports.EXAMPLE}")
    return reports.in_zone(pd.Timestamp(value).round("s"), settings.company)


def _from_serial(value: float, cell: Cell) -> dt.datetime | float:
    """The moment behind a number whose cell lost its date format; a number of no time stays."""
    try:
        return from_excel(value, cell.parent.parent.epoch) if value % 1 else value
    except (ValueError, OverflowError):
        return value


def _class(text: str) -> str:
    found = re.fullmatch(r"p?\s*([123])(?:\.0)?", text.casefold())
    if not found:
        raise UsageError(f"{shown(text)} is no class; expected {', '.join(PRIORITIES)} or nothing")
    return f"P{found[1]}"


def _text(cell: Cell) -> str:
    return "" if cell.value is None else str(cell.value).strip()


def _at(cell: Cell) -> str:
    return f"{cell.parent.title}!{cell.coordinate}"


# The other sheets


@dataclass(frozen=True)
class Held:
    """What the other sheets hold: per sheet its rows and whether all of it could be read.

    `notices` say what is not there, like a sheet that an older version of the tool did not make.
    """

    rows: dict[str, tuple[pd.DataFrame, bool]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    notices: list[str] = field(default_factory=list)


def registers(
    folder: Folder, settings: Settings, register: Register, text: Callable[[str], str | None]
) -> Registers:
    """The company's registers as register.xlsx holds them, with what the record noted of them.

    `text` reads what is kept beside the chain. Without a file every register is empty.
    """
    held = read_sheets(folder.path / NAME, settings)
    return Registers(
        **{name: frame for name, (frame, _) in held.rows.items()},
        changes=registers_.changes(register, text),
        problems=tuple(held.problems),
        absent=tuple(held.notices),
    )


def read_sheets(path: Path, settings: Settings) -> Held:
    """The sheets of SHEETS in a register; none without a file. The file is not changed.

    What keeps a sheet or the file from being read is a problem, never an exception.
    """
    try:
        book = _book(path)
    except UsageError as problem:
        return Held(problems=[f"{path.name}{problem}"])
    held = Held(notices=unsaved(path))
    named = {bare(s.title): s for s in book.worksheets} if book else {}
    absent = []
    for name, sheet in SHEETS.items() if book else ():
        titles = (sheet.title, GERMAN[sheet.title], name)
        found = next((named[bare(t)] for t in titles if bare(t) in named), None)
        if found is None:
            absent.append(sheet.title)
        else:
            _read_sheet(found, name, held, settings, path.name)
    if absent:
        held.notices.append(f"{path.name} has no sheet {', '.join(absent)}: nothing is read there")
    return held


def _read_sheet(found: Worksheet, name: str, held: Held, settings: Settings, file: str) -> None:
    """Put into `held` what one sheet holds."""
    sheet = SHEETS[name]
    known = {
        bare(w): n for n, f in sheet.fields.items() for w in (f.head, n, GERMAN.get(f.head, f.head))
    }
    try:
        top, columns = _heads(
            found, known, {n: f.head for n, f in sheet.fields.items() if f.needed}
        )
    except UsageError as problem:
        held.problems.append(f"{file}{problem}")
        return
    absent = [f.head for n, f in sheet.fields.items() if n not in columns]
    if absent:
        place = f"{file}, {found.title}!A{top}"
        held.notices.append(f"{place}: no head {', '.join(absent)}; nothing is read for it")
    rows = found.iter_rows(min_row=top + 1, max_row=min(found.max_row, MOST_ROWS))
    given = ({n: _given(row[i], sheet.fields[n].kind) for n, i in columns.items()} for row in rows)
    done = registers_.typed(sheet, given, settings)
    problems = [*_shape(found), *done.problems]
    held.problems.extend(f"{file}, {p}" for p in problems)
    held.rows[name] = (done.frame, not problems)


def _given(cell: Cell, kind: str) -> Given:
    """A cell as the registers read it; a bare number in a column of days is a day of Excel's."""
    value, problem = cell.value, _no_value(cell)
    serial = kind == "day" and isinstance(value, int | float) and not isinstance(value, bool)
    if serial and not problem:
        value = _day_of_serial(value, cell)
    return Given(_at(cell), value, problem)


def _day_of_serial(value: float, cell: Cell) -> dt.datetime | float:
    try:
        return from_excel(int(value), cell.parent.parent.epoch) if value >= 1 else value
    except (ValueError, OverflowError):
        return value


def unsaved(path: Path) -> list[str]:
    """A notice where a spreadsheet program has a file open: unsaved edits are not seen."""
    marks = (path.with_name(f"~${path.name}"), path.with_name(f".~lock.{path.name}#"))
    if any(mark.exists() for mark in marks):
        return [f"{path.name} is open in a spreadsheet program: what is not saved is not seen."]
    return []
