"""The empty template: what to fill in for calls that no vendor exports, as a workbook or as CSV.

`exports.template` reads it. Dates are a spreadsheet's own, so that it shows them as its country
does; where a number is written with a decimal comma, the CSV's columns are set apart by semicolons.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import openpyxl
from babel import Locale
from openpyxl.comments import Comment
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.worksheet import Worksheet

from opsbook.errors import UsageError
from opsbook.exports.template import COLUMNS, TEMPLATE
from opsbook.schema import OUTPUT_CLASSES, STATUSES
from opsbook.settings import Settings

NAME = "template.xlsx"
FORMS = (".xlsx", ".csv")
LAST_ROW = 10_000
"""How far down the workbook offers its lists of choices."""
TIME, WORDS, WHOLE, FIGURE = "yyyy-mm-dd hh:mm", "@", "0", "General"


@dataclass(frozen=True)
class Said:
    """What is said of a column: what to write in it, an example, its width and its format."""

    what: str
    example: object
    width: int = 14
    form: str = FIGURE


GUIDE = {
    "ts": Said(
        "When the call or the task began, on the company's clock.",
        dt.datetime.fromisoformat("2026-11-23T09:30"),
        18,
        TIME,
    ),
    "workflow": Said("The workflow's id in settings/workflows.toml.", "support-chat", 24, WORDS),
    "run_id": Said(
        "One task of the workflow: calls with the same id belong together. Empty: every call is a "
        "task of its own.",
        "ticket-1042",
        20,
        WORDS,
    ),
    "model": Said("The model as the vendor names it.", "gpt-5-mini", 24, WORDS),
    "input_tokens": Said("All tokens sent, cached ones included.", 1840, form=WHOLE),
    "output_tokens": Said("Tokens that came back.", 310, form=WHOLE),
    "cost": Said(
        "What it cost, if you know it. Empty: it is taken from the price table.", 0.0125, 12
    ),
    "currency": Said("The cost's currency; empty: EUR.", "EUR", 10, WORDS),
    "status": Said(f"{', '.join(STATUSES)}; empty: unknown.", "ok", 14, WORDS),
    "latency_ms": Said("How long the answer took, in milliseconds.", 2400, 12, WHOLE),
    "quality": Said("Your own mark of the answer, from 0 to 1.", 0.9, 10),
    "output_class": Said(f"{', '.join(OUTPUT_CLASSES)}; empty: not known.", "answer", 14, WORDS),
}
"""What stands at each of the template's columns, in words for whoever fills it in."""
CHOICES = {"status": STATUSES, "output_class": OUTPUT_CLASSES}


def write_template(path: Path, settings: Settings | None = None) -> None:
    """Write the empty template, as its name's ending says; with the company's workflows to choose.

    UsageError for another ending, a folder that is not there, and a file that is: it may be filled.
    """
    form = path.suffix.lower()
    if form not in FORMS:
        raise UsageError(f"{path} ends in neither {' nor '.join(FORMS)}; name it like {NAME}.")
    if path.exists():
        raise UsageError(f"{path} is there already; name another file, or move that one away.")
    if not path.parent.is_dir():
        raise UsageError(f"{path.parent} is no folder; make it first, or name another.")
    if form == ".csv":
        path.write_text(csv_text(settings), "utf-8-sig")
    else:
        workbook([w.id for w in settings.workflows] if settings else []).save(path)


def csv_text(settings: Settings | None) -> str:
    """The template's header line, its columns set apart as a spreadsheet of the company does."""
    locale = Locale.parse(settings.company.locale) if settings else Locale("en")
    return (";" if locale.number_symbols["latn"]["decimal"] == "," else ",").join(COLUMNS) + "\n"


def workbook(workflows: Sequence[str]) -> openpyxl.Workbook:
    """The template: an empty sheet to fill in, and a second one that explains each column."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.title = "Calls"
    lists = book.create_sheet("Lists")
    choices = CHOICES | ({"workflow": tuple(workflows)} if workflows else {})
    for place, name in enumerate(COLUMNS, start=1):
        _column(sheet, place, name)
        if name in choices:
            _choices(sheet, lists, place, choices[name])
    sheet.freeze_panes = "A2"
    _explained(book.create_sheet("Example", 1))
    lists.sheet_state = "hidden"
    return book


def _column(sheet: Worksheet, place: int, name: str) -> None:
    said = GUIDE[name]
    cell = sheet.cell(1, place, name)
    _as_head(cell)
    cell.comment = Comment(f"{said.what}\n{_needed(name)}", "Opsbook", height=120, width=280)
    column = sheet.column_dimensions[get_column_letter(place)]
    column.width, column.number_format = said.width, said.form


def _as_head(cell: openpyxl.cell.Cell) -> None:
    cell.font = Font(bold=True)
    cell.fill = PatternFill("solid", fgColor="E8EEF4")


def _needed(name: str) -> str:
    return "Needed." if name in TEMPLATE.needs else "The column may be left out."


def _choices(sheet: Worksheet, lists: Worksheet, place: int, words: Sequence[str]) -> None:
    """A list of choices below a head; another word is warned of."""
    letter = get_column_letter(place)
    for row, word in enumerate(words, start=1):
        lists.cell(row, place, word)
    source = f"Lists!${letter}$1:${letter}${len(words)}"
    chosen = DataValidation("list", formula1=source, allow_blank=True)
    chosen.errorStyle, chosen.showErrorMessage = "warning", True
    chosen.errorTitle, chosen.error = COLUMNS[place - 1], f"Expected: {', '.join(words)}"[:220]
    sheet.add_data_validation(chosen)
    chosen.add(f"{letter}2:{letter}{LAST_ROW}")


def _explained(sheet: Worksheet) -> None:
    """One line per column of the template: what it is, whether it is needed, an example."""
    for place, (head, width) in enumerate(
        {"Column": 18, "What to write": 70, "": 26, "Example": 22}.items(), start=1
    ):
        _as_head(sheet.cell(1, place, head))
        sheet.column_dimensions[get_column_letter(place)].width = width
    for row, name in enumerate(COLUMNS, start=2):
        said = GUIDE[name]
        for place, value in enumerate((name, said.what, _needed(name), said.example), start=1):
            cell = sheet.cell(row, place, value)
            cell.alignment = Alignment(wrap_text=True, vertical="top", horizontal="left")
        sheet.cell(row, 4).number_format = said.form
    told = "Fill in the sheet Calls, one row per call, and save a copy in the company's inbox."
    sheet.cell(len(COLUMNS) + 3, 1, told).font = Font(bold=True)
