"""`register.xlsx` as the tool makes it, once: sheets with choices and what each column is.

The lists of choices are named ranges of a hidden sheet, which survive every program that saves the
file. Nothing here opens a file that people wrote.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

import openpyxl
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.properties import PageSetupProperties
from openpyxl.worksheet.worksheet import Worksheet

from opsbook.cells import roles_of
from opsbook.errors import UsageError
from opsbook.register import ANSWERS
from opsbook.registers import SHEETS, YES_NO, Field, Sheet
from opsbook.reports import QUESTIONS
from opsbook.schema import PRIORITIES
from opsbook.settings import Settings
from opsbook.spreadsheets import HEADS, SHEET, TIMES

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
KEEPING = (
    "One row per thing; correct it where it stands. The next check reads the file and notes each "
    "row that is new, changed or gone, with the day. The tool never writes this file again.",
    "Owners are roles, never people: choose one from the list. Rows go on record.",
    "Rows may be sorted, columns moved, columns of your own added. Keep the heads and the sheets' "
    "names; leave formulas out, write the value itself.",
    "opsbook register lint names every cell that is not understood.",
)
LAST_ROW = 1000
"""How far down the new file offers its lists of choices."""
FORMATS = {"day": "yyyy-mm-dd", "number": "General"}
SAYS = {
    "day": "a day, like 2026-11-23",
    "number": "a number",
    "role": "a role, never a person",
    "workflows": "one or several, set apart by commas",
}
"""What is said of a kind of column where nothing else is."""
GUIDE_WIDTH, LINE_PT = 90, 16
TOP = Alignment(wrap_text=True, vertical="top")
MOST_SAID = 220
"""Characters that a message of Excel's holds, with a little to spare."""


def make(
    path: Path, settings: Settings, rows: Mapping[str, Sequence[Mapping[str, object]]] | None = None
) -> None:
    """A new register.xlsx with heads, lists of choices and a note on how to use it.

    `rows` are written into it, by sheet and field. UsageError when a file lies there: what people
    wrote is never overwritten.
    """
    if path.exists():
        raise UsageError(f"{path} is there already: people write in it; it is not made again.")
    book = openpyxl.Workbook()
    _reports(book.active)
    _guide(book.create_sheet("Read me"))
    for name, sheet in SHEETS.items():
        _sheet(book.create_sheet(sheet.title), sheet, name, (rows or {}).get(name, ()))
    _lists(book, settings)
    book.properties.creator = "Opsbook"
    path.parent.mkdir(parents=True, exist_ok=True)
    book.save(path)


def _reports(sheet: Worksheet) -> None:
    sheet.title = SHEET
    lists = {"workflow": "WorkflowNames", "priority": "Classes"} | dict.fromkeys(
        QUESTIONS, "Answers"
    )
    for place, (name, (head, width)) in enumerate(HEADS.items(), start=1):
        _column(sheet, place, head, width, "yyyy-mm-dd hh:mm" if name in TIMES else "@")
        if name in lists:
            _rule(sheet, place, _choices(head, lists[name]))
    _finished(sheet)


def _sheet(page: Worksheet, sheet: Sheet, name: str, rows: Sequence[Mapping[str, object]]) -> None:
    """One of SHEETS: heads, formats, choices, messages, and the rows given."""
    for place, (key, field) in enumerate(sheet.fields.items(), start=1):
        form = FORMATS.get(field.kind, "@")
        _column(page, place, field.head, field.width, form)
        _rule(page, place, _validation(field, f"{name}_{key}"))
        for number, row in enumerate(rows, start=2):
            cell = page.cell(number, place, row.get(key))
            cell.number_format, cell.alignment = form, TOP
            if isinstance(cell.value, str):
                cell.data_type = "s"
    for number, row in enumerate(rows, start=2):
        page.row_dimensions[number].height = LINE_PT * _lines(sheet, row)
    _finished(page)


def _lines(sheet: Sheet, row: Mapping[str, object]) -> int:
    """How many lines a row's longest text takes in its column."""
    return max(
        1 + len(value) // field.width
        for key, field in sheet.fields.items()
        if isinstance(value := row.get(key, ""), str)
    )


def _finished(page: Worksheet) -> None:
    page.freeze_panes = "A2" if page.title == SHEET else "B2"
    page.row_dimensions[1].height = 45
    page.print_title_rows = "1:1"
    page.page_setup.orientation, page.page_setup.paperSize = "landscape", page.PAPERSIZE_A4
    page.sheet_properties.pageSetUpPr = PageSetupProperties(fitToPage=True)
    page.page_setup.fitToHeight = 0


def _column(page: Worksheet, place: int, head: str, width: int, form: str) -> None:
    cell = page.cell(1, place, head)
    cell.font = Font(bold=True)
    cell.fill = PatternFill("solid", fgColor="E8EEF4")
    cell.alignment = TOP
    column = page.column_dimensions[get_column_letter(place)]
    column.width, column.number_format, column.alignment = width, form, TOP


def _validation(field: Field, name: str) -> DataValidation:
    """What a column offers or expects; another value is warned of, and read if it can be."""
    lists = {"choice": name, "workflow": "WorkflowNames", "workflows": "WorkflowNames",
             "role": "Roles"}  # fmt: skip
    if field.kind in lists:
        rule = _choices(field.head, "Answers" if field.values == YES_NO else lists[field.kind])
        rule.showErrorMessage = field.kind != "workflows"
    elif field.kind == "day":
        rule = DataValidation("date", "between", "DATE(1990,1,1)", "DATE(2100,12,31)")
        _warn(rule, field.head, f"Expected: {SAYS['day']}")
    elif field.kind == "number":
        rule = DataValidation("decimal", "greaterThanOrEqual", "0")
        _warn(rule, field.head, "Expected: a number from zero up")
    else:
        rule = DataValidation()
    said = [field.says or SAYS.get(field.kind, ""), "needed" if field.needed else ""]
    rule.promptTitle, rule.prompt = field.head[:32], "; ".join(s for s in said if s)[:MOST_SAID]
    rule.allow_blank, rule.showInputMessage = True, bool(rule.prompt)
    return rule


def _choices(head: str, name: str) -> DataValidation:
    rule = DataValidation("list", formula1=f"={name}", allow_blank=True)
    _warn(rule, head, "Expected: one of the list. Other spellings are read if they are understood.")
    return rule


def _warn(rule: DataValidation, head: str, words: str) -> None:
    rule.errorStyle, rule.showErrorMessage = "warning", True
    rule.errorTitle, rule.error = head[:32], words[:MOST_SAID]


def _rule(page: Worksheet, place: int, rule: DataValidation) -> None:
    if rule.type is None and not rule.showInputMessage:
        return
    letter = get_column_letter(place)
    page.add_data_validation(rule)
    rule.add(f"{letter}2:{letter}{LAST_ROW}")


def _lists(book: openpyxl.Workbook, settings: Settings) -> None:
    """The hidden sheet of choices, each list a column with its head, and a name for it."""
    page = book.create_sheet("Lists")
    page.sheet_state = "hidden"
    words = {
        "Answers": ("Answer", ANSWERS),
        "Classes": ("Class", PRIORITIES),
        "WorkflowNames": ("Workflow", [w.name for w in settings.workflows] or ["-"]),
        "Roles": ("Role", roles_of(settings)),
    }
    words |= {
        f"{name}_{key}": (f"{sheet.title}: {field.head}", field.values)
        for name, sheet in SHEETS.items()
        for key, field in sheet.fields.items()
        if field.kind == "choice" and field.values != YES_NO
    }
    for place, (name, (head, entries)) in enumerate(words.items(), start=1):
        letter = get_column_letter(place)
        for row, word in enumerate([head, *entries], start=1):
            page.cell(row, place, word).data_type = "s"
        ref = f"Lists!${letter}$2:${letter}${len(entries) + 1}"
        book.defined_names[name] = DefinedName(name, attr_text=ref)


def _guide(page: Worksheet) -> None:
    page.column_dimensions["A"].width, page.column_dimensions["B"].width = 24, GUIDE_WIDTH
    rows = [("How to report", ""), *(("", line) for line in GUIDE)]
    rows += [("How to keep a register", ""), *(("", line) for line in KEEPING)]
    rows += [("Sheets", ""), (SHEET, "a row: something that went wrong")]
    rows += [(s.title, f"a row: {s.grain}") for s in SHEETS.values()]
    for row, (first, second) in enumerate(rows, start=1):
        page.cell(row, 1, first).font = Font(bold=True)
        page.cell(row, 2, second or None)
        page.cell(row, 1).alignment = Alignment(vertical="top")
        page.cell(row, 2).alignment = TOP
        page.row_dimensions[row].height = LINE_PT * (1 + len(second) // GUIDE_WIDTH)
    page.sheet_view.showGridLines = False
