"""`register.xlsx`: the spreadsheet in which people report, made once and only ever read after that.

Anyone with Excel or LibreOffice reports in a row. Reading takes what people write (any letter case,
their own language's yes, dates of a cell or typed) and names each problem by its cell. A row is
entered once; one edited later becomes a note on its incident. The file is never written again.
"""

import datetime as dt
import re
import unicodedata
import zipfile
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import openpyxl
import pandas as pd
from openpyxl.cell import Cell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.utils.datetime import from_excel
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from opsbook import reports
from opsbook.errors import UsageError
from opsbook.events import Draft, Event
from opsbook.records import Writing
from opsbook.register import ANSWERS, Register, fold
from opsbook.register import enter as enter_event
from opsbook.reports import QUESTIONS, Known, Report
from opsbook.schema import PRIORITIES
from opsbook.settings import Settings

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
SAID = {
    "yes": "yes y x true 1 ja j wahr oui o vrai sí si sim tak ano áno da igen jah kyllä ναι",
    "no": "no n false 0 nein falsch non faux não nao nie ne nej ei nem όχι",
    "unknown": "unknown ? unsure unbekannt unklar unsicher inconnu desconocido desconhecido "
    "sconosciuto onbekend nieznane neznámé okänt",
}
"""What people write for an answer, in the languages of our users."""
PLAIN = {word: answer for answer, told in SAID.items() for word in told.split()}
GUIDE = (
    "One row per thing that went wrong; whoever notices it writes it. Save the file: the next "
    "check enters the row and tells whoever must know.",
    "What happened, when it was noticed and which workflow are needed; one sentence is enough.",
    "Answer yes, no or unknown. What nobody knows counts as harm until somebody does.",
    "Class: leave it empty, the answers propose it. You may write P1 at once.",
    "Noticed at: date and time, like 2026-11-23 09:30, on the company's clock.",
    "If it is grave, do not wait for the next check: tell the AI Lead now.",
    "A row may be corrected later: the change becomes a note on its incident. Rows may be sorted.",
)
LAST_ROW = 1000
"""How far down the new file offers its lists of choices."""
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
    sheet = read(log.folder.path / NAME, settings, writing.now)
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
    return done


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
        content = path.read_bytes()
    except FileNotFoundError:
        return Sheet()
    except OSError as problem:
        return Sheet(problems=[f"{path.name} cannot be read ({problem.strerror}); close it"])
    try:
        return _read(_sheet(content), settings, now, path.name)
    except UsageError as problem:
        return Sheet(problems=[f"{path.name}{problem}"])


def _sheet(content: bytes) -> Worksheet:
    """The sheet Reports of a workbook's bytes; UsageError with what is wrong and what to do."""
    book = opened(content)
    named = {s.title.strip().casefold(): s for s in book.worksheets}
    if SHEET.casefold() not in named:
        raise UsageError(f" has no sheet {SHEET}; found {', '.join(book.sheetnames)}")
    return named[SHEET.casefold()]


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
    top, columns = _heads(sheet)
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


def _heads(sheet: Worksheet) -> tuple[int, dict[str, int]]:
    """The row of the heads, and the column of each field; UsageError when one is missing."""
    known = {_bare(head): name for name, (head, _) in HEADS.items()}
    known |= {_bare(name): name for name in HEADS}
    best: tuple[int, dict[str, int]] = (1, {})
    for cells in sheet.iter_rows(max_row=min(TOP_ROWS, sheet.max_row)):
        columns: dict[str, int] = {}
        for place, cell in enumerate(cells):
            name = known.get(_bare(_text(cell)))
            if name in columns:
                raise UsageError(f", {_at(cell)}: the head {_text(cell)!r} stands twice")
            columns |= {name: place} if name else {}
        if len(columns) > len(best[1]):
            best = (cells[0].row, columns)
    merged = [r for r in sheet.merged_cells.ranges if r.min_row <= best[0] <= r.max_row]
    if merged:
        raise UsageError(f", {SHEET}!{merged[0].coord}: heads are merged; unmerge them")
    missing = [HEADS[name][0] for name in NEEDED if name not in best[1]]
    if missing:
        raise UsageError(f", {SHEET}!A{best[0]}: the head {missing[0]!r} is missing; put it back")
    return best


def _shape(sheet: Worksheet) -> list[str]:
    """What of a sheet's shape hides something: merged cells, too many rows."""
    merged = [f"{SHEET}!{r.coord} is merged; unmerge it" for r in sheet.merged_cells.ranges]
    more = sheet.max_row > MOST_ROWS
    return merged + ([f"{SHEET}!A{MOST_ROWS + 1}: rows from here on are not read"] if more else [])


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
    if cell.data_type in ("f", "e"):
        what = "a formula" if cell.data_type == "f" else f"an error, {text}"
        raise UsageError(f"is {what}; write the value itself")
    if text == "" and name in NEEDED:
        raise UsageError(f"{HEADS[name][0]} is empty")
    if text == "":
        return None
    if name in TIMES:
        return _time(cell, settings)
    if name in QUESTIONS:
        return _answer(cell.value)
    if name == "priority":
        return _class(text)
    return reports.workflow_id(text, settings) if name == "workflow" else text


def _time(cell: Cell, settings: Settings) -> pd.Timestamp:
    """A moment from a cell of Excel's dates, or as text."""
    value = cell.value
    if isinstance(value, int | float) and not isinstance(value, bool):
        value = _from_serial(value, cell)
    if isinstance(value, str):
        return reports.noticed(value, settings.company)
    if not isinstance(value, dt.datetime) or value.time() == dt.time.min:  # a date alone
        raise UsageError(f"{_shown(value)} has no date with its time of day; {reports.EXAMPLE}")
    return reports.in_zone(pd.Timestamp(value).round("s"), settings.company)


def _from_serial(value: float, cell: Cell) -> dt.datetime | float:
    """The moment behind a number whose cell lost its date format; a number of no time stays."""
    try:
        return from_excel(value, cell.parent.parent.epoch) if value % 1 else value
    except (ValueError, OverflowError):
        return value


def _answer(value: object) -> str:
    said = str(int(value) if isinstance(value, bool) else value)
    word = unicodedata.normalize("NFC", said).strip().strip(".!").casefold()
    if word not in PLAIN:
        raise UsageError(f"{_shown(value)} is not yes, no or unknown")
    return PLAIN[word]


def _class(text: str) -> str:
    found = re.fullmatch(r"p?\s*([123])(?:\.0)?", text.casefold())
    if not found:
        raise UsageError(f"{_shown(text)} is no class; expected {', '.join(PRIORITIES)} or nothing")
    return f"P{found[1]}"


def _text(cell: Cell) -> str:
    return "" if cell.value is None else str(cell.value).strip()


def _bare(text: str) -> str:
    """A head as it is compared: letters and digits alone, in lower case."""
    return re.sub(r"[\W_]+", "", text.casefold())


def _shown(value: object) -> str:
    """What a cell holds, short and printable."""
    clean = "".join(c if c.isprintable() else " " for c in str(value))
    return f'"{clean[:60]}"'


def _at(cell: Cell) -> str:
    return f"{SHEET}!{cell.coordinate}"


# Making


def make(path: Path, settings: Settings) -> None:
    """A new register.xlsx with heads, lists of choices and a note on how to use it.

    UsageError when a file lies there: what people wrote is never overwritten.
    """
    if path.exists():
        raise UsageError(f"{path} is there already: people write in it; it is not made again.")
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = SHEET
    choices = {"workflow": [w.name for w in settings.workflows], "priority": list(PRIORITIES)}
    choices |= {question: list(ANSWERS) for question in QUESTIONS}
    lists = book.create_sheet("Lists")
    for place, (name, (head, width)) in enumerate(HEADS.items(), start=1):
        _column(sheet, place, head, width, "yyyy-mm-dd hh:mm" if name in TIMES else "@")
        if name in choices:
            _choices(sheet, lists, place, head, choices[name])
    sheet.freeze_panes = "A2"
    sheet.row_dimensions[1].height = 45
    _guide(book.create_sheet("Read me", 1))
    lists.sheet_state = "hidden"
    book.save(path)


def _column(sheet: Worksheet, place: int, head: str, width: int, form: str) -> None:
    cell = sheet.cell(1, place, head)
    cell.font = Font(bold=True)
    cell.fill = PatternFill("solid", fgColor="E8EEF4")
    cell.alignment = Alignment(wrap_text=True, vertical="top")
    column = sheet.column_dimensions[get_column_letter(place)]
    column.width, column.number_format = width, form
    column.alignment = Alignment(wrap_text=True, vertical="top")


def _choices(sheet: Worksheet, lists: Worksheet, place: int, head: str, words: list[str]) -> None:
    """A list of choices below a head; another word is warned of, and read if it can be."""
    letter = get_column_letter(place)
    for row, word in enumerate([head, *words], start=1):
        lists.cell(row, place, word)
    chosen = DataValidation(
        "list", formula1=f"Lists!${letter}$2:${letter}${len(words) + 1}", allow_blank=True
    )
    chosen.errorStyle, chosen.showErrorMessage = "warning", True
    chosen.errorTitle, chosen.error = head, f"Expected: {', '.join(words)}"[:220]
    sheet.add_data_validation(chosen)
    chosen.add(f"{letter}2:{letter}{LAST_ROW}")


def _guide(sheet: Worksheet) -> None:
    sheet.column_dimensions["A"].width = 100
    for row, line in enumerate(("How to report", *GUIDE), start=1):
        cell = sheet.cell(row, 1, line)
        cell.alignment = Alignment(wrap_text=True)
        cell.font = Font(bold=row == 1)
