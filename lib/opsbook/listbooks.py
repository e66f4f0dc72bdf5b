"""The workbooks of a regression list: an empty one to fill in, and one of results beside it.

The person's file is made once and never written again. Its lists of choices are named ranges, which
survive every program that saves it. A model's answer is text, whatever it begins with.
"""

import hashlib
import os
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import openpyxl
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.formatting.rule import FormulaRule
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.workbook.defined_name import DefinedName
from openpyxl.worksheet.datavalidation import DataValidation
from openpyxl.worksheet.table import Table, TableStyleInfo
from openpyxl.worksheet.worksheet import Worksheet

from opsbook.errors import UsageError
from opsbook.regression.cases import Answer, Case
from opsbook.regression.drift import Drift
from opsbook.regression.grammar import KINDS
from opsbook.regression.verdicts import CaseVerdict, ListVerdict

CHECKS, ROWS = 8, 200
HEADS = (
    ("id", 14), ("workflow", 20), ("input", 60),
    *((f"check {i}", 28) for i in range(1, CHECKS + 1)),
    ("critical", 10), ("repeats", 10), ("must pass", 10), ("language", 10), ("note", 30),
    ("enabled", 10),
)  # fmt: skip
WORKFLOWS = ("workflow", "category", "prompt file", "model now", "endpoint", "owner", "parameters")
OUTPUTS = (("id", 14), ("repeat", 10), ("answer", 90), ("file", 24), ("human", 10))
GUIDE = (
    ("What this is", "About ten representative inputs of one workflow, and what each answer has to "
     "keep. It is run before a model is changed, and every week."),
    ("How to write a case", "One row on Cases: an id, the input as the workflow gets it, and up to "
     f"{CHECKS} checks. Take real inputs: the usual one, the longest, the one that went wrong."),
    ("How to write a check", "Choose one from the list and complete it. Plain text means: the "
     "whole answer is this. Put not- before a check to turn it round."),
    ("Critical", "yes: if this case is lost, the update is held back at once."),
    ("Then", "Save, and run: opsbook regression lint. It names every cell that is not understood."),
    ("Answers", "Paste them on Outputs with the case's id, or give opsbook a folder or a file. In "
     "the column human a person writes yes or no."),
)  # fmt: skip
EXAMPLES = (
    "contains: order number", "one-of: invoice, credit note, other", "fields: invoice_no, total",
    "bullets: 3-5", "language: de", "not-is-refusal",
)  # fmt: skip
MOST_CHARS, SHOWN = 32_000, 1_000
"""What a cell holds with room to spare, and how much of a longer text stands in it."""
MARKED = 4_000
"""Characters up to which words that differ are marked: comparing takes the square of the length."""
UNSAFE = re.compile(r"[^\w.+-]+")
CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
COLOURS = {
    "GO": "D7EFDC", "SAME": "D7EFDC", "GAINED": "D7EFDC", "LOOK": "FFF0CC", "UNSTABLE": "FFF0CC",
    "WAITING": "FFF0CC", "ERROR": "FFF0CC", "BROKEN-BEFORE": "E6E6E6", "HOLD": "F8D5D2",
    "LOST": "F8D5D2", "MISSING": "F8D5D2",
}  # fmt: skip
TOP = Alignment(wrap_text=True, vertical="top")


def make(path: Path, workflows: Sequence[tuple[str, ...]], cases: Sequence[Case] = ()) -> None:
    """A new list with its lists of choices and half a page on how to fill it in.

    `workflows` are rows of the sheet by that name, `cases` are written into it. UsageError where a
    file lies already: people write in it.
    """
    if path.exists():
        raise UsageError(f"{path} is there already: people write in it; it is not made again.")
    book = openpyxl.Workbook()
    _read_me(book.active)
    sheet = book.create_sheet("Cases")
    _cases(sheet, cases, [w[0] for w in workflows])
    _rows(book.create_sheet("Workflows"), [(h, 22) for h in WORKFLOWS], workflows)
    _rows(book.create_sheet("Outputs"), OUTPUTS, ())
    checks = [(k.example, k.says) for k in KINDS.values()]
    _rows(book.create_sheet("Checks"), (("check", 44), ("what the answer must do", 90)), checks)
    _choices(book, sheet, [w[0] for w in workflows])
    path.parent.mkdir(parents=True, exist_ok=True)
    _save(book, path)


def _read_me(sheet: Worksheet) -> None:
    sheet.title = "Read me"
    sheet.column_dimensions["A"].width, sheet.column_dimensions["B"].width = 24, 90
    sheet.append(["Regression list"])
    sheet["A1"].font = Font(bold=True, size=14)
    for head, text in GUIDE:
        sheet.append([head, text])
    for place, example in enumerate(EXAMPLES):
        sheet.append(["" if place else "Six examples", _plain(example)])
    for row in sheet.iter_rows(min_row=2):
        row[0].font = Font(bold=True)
        for cell in row:
            cell.alignment = TOP
    sheet.sheet_view.showGridLines = False


def _cases(sheet: Worksheet, cases: Sequence[Case], workflows: Sequence[str]) -> None:
    extra = tuple(dict.fromkeys(n for c in cases for n in c.variables))
    heads = (*HEADS[:3], *((name, 24) for name in extra), *HEADS[3:])
    rows = [_row(case, heads, extra) for case in cases] or [[""] * len(heads)]
    _rows(sheet, heads, rows, empty=ROWS)
    last = get_column_letter(len(heads))
    table = Table(displayName="Cases", ref=f"A1:{last}{len(rows) + 1}")
    table.tableStyleInfo = TableStyleInfo(name="TableStyleLight1", showRowStripes=True)
    sheet.add_table(table)
    sheet.freeze_panes = "B2"
    checks = [i for i, (head, _) in enumerate(heads, start=1) if head.startswith("check ")]
    first, end = get_column_letter(checks[0]), get_column_letter(checks[-1])
    amber = PatternFill(bgColor="FFE2B8", fill_type="solid")
    for rule, on in (
        (f"AND($C2<>\"\",OR($A2=\"\",COUNTIF($A$2:$A${ROWS},$A2)>1))", f"A2:A{ROWS}"),
        (f"AND($A2<>\"\",COUNTA(${first}2:${end}2)=0)", f"{first}2:{end}{ROWS}"),
    ):  # fmt: skip
        sheet.conditional_formatting.add(on, FormulaRule(formula=[rule], fill=amber))


def _row(case: Case, heads: Sequence[tuple[str, int]], extra: Sequence[str]) -> list[str]:
    told = {
        "id": case.id, "workflow": case.workflow, "input": case.input,
        "critical": "yes" if case.critical else "", "repeats": str(case.repeats),
        "must pass": str(case.must_pass or ""), "language": case.language, "note": case.note,
        "enabled": "yes" if case.enabled else "no",
    }  # fmt: skip
    told |= {f"check {i}": text for i, (_, text) in enumerate(case.checks, start=1)}
    told |= {name: case.variables.get(name, "") for name in extra}
    return [told.get(head, "") for head, _ in heads]


def _rows(
    sheet: Worksheet,
    heads: Sequence[tuple[str, int]],
    rows: Sequence[Sequence[str]],
    empty: int = 0,
) -> None:
    """Heads, rows of text and so many empty rows formatted as text, so that 1,5 stays as typed."""
    for place, (head, width) in enumerate(heads, start=1):
        cell = sheet.cell(1, place, head)
        cell.font, cell.alignment = Font(bold=True), TOP
        cell.fill = PatternFill("solid", fgColor="E8EEF4")
        sheet.column_dimensions[get_column_letter(place)].width = width
    for number in range(2, max(len(rows) + 2, empty)):
        for place in range(1, len(heads) + 1):
            cell = sheet.cell(number, place)
            cell.number_format, cell.alignment = "@", TOP
            if number - 2 < len(rows) and place <= len(rows[number - 2]):
                write(cell, rows[number - 2][place - 1])
    sheet.freeze_panes = "A2"


def write(cell: object, text: str) -> None:
    """A text in a cell, as text: no formula, control characters as symbols, cut where it ends."""
    cell.value = _plain(text) or None
    if isinstance(cell.value, str):
        cell.data_type = "s"


def _plain(text: object) -> str:
    plain = CONTROL.sub(lambda m: chr(0x2400 + ord(m[0])), str(text))
    return plain if len(plain) <= MOST_CHARS else plain[:MOST_CHARS] + "…"


def _choices(book: openpyxl.Workbook, sheet: Worksheet, workflows: Sequence[str]) -> None:
    """The lists of choices, as named ranges of a hidden sheet; another text is allowed."""
    lists = book.create_sheet("Lists")
    lists.sheet_state = "hidden"
    words = {
        "CheckExamples": [k.example for k in KINDS.values()],
        "WorkflowNames": list(workflows) or ["workflow"],
        "YesNo": ["yes", "no"],
    }
    heads = {c.value: c.column_letter for c in sheet[1]}
    on = {"WorkflowNames": ["workflow"], "YesNo": ["critical", "enabled"]}
    on["CheckExamples"] = [h for h in heads if h.startswith("check ")]
    for place, (name, entries) in enumerate(words.items(), start=1):
        letter = get_column_letter(place)
        for row, entry in enumerate(entries, start=1):
            write(lists.cell(row, place), entry)
        ref = f"Lists!${letter}$1:${letter}${len(entries)}"
        book.defined_names[name] = DefinedName(name, attr_text=ref)
        chosen = DataValidation(
            "list", formula1=f"={name}", allow_blank=True, showErrorMessage=False
        )
        chosen.showInputMessage, chosen.promptTitle = True, name
        chosen.prompt = "Choose one and complete it, or type your own."
        sheet.add_data_validation(chosen)
        for head in on[name]:
            chosen.add(f"{heads[head]}2:{heads[head]}{ROWS}")


def _save(book: openpyxl.Workbook, path: Path) -> Path:
    """The workbook written whole or not at all; beside a locked file, with .NEW in its name."""
    book.properties.creator = "Opsbook"
    book.properties.created = book.properties.modified = datetime(2026, 1, 1, tzinfo=UTC).replace(
        tzinfo=None
    )
    part = path.with_name(f".{path.name}.part")
    book.save(part)
    try:
        os.replace(part, path)  # noqa: PTH105 - atomic
    except PermissionError:
        path = path.with_name(f"{path.stem}.NEW{path.suffix}")
        part.replace(path)
    return path


def results(
    path: Path,
    verdict: ListVerdict,
    cases: Sequence[Case],
    now: dict[str, list[Answer]],
    before: dict[str, list[Answer]],
    drifts: Sequence[Drift],
    facts: Sequence[tuple[str, str]],
) -> Path:
    """The results as a workbook of its own: summary, per case old and new, drift, review, facts."""
    book = openpyxl.Workbook()
    _summary(book.active, verdict)
    by = {c.id: c for c in cases}
    heads = (("id", 14), ("verdict", 16), ("passes", 10), ("why", 50), ("input", 40),
             ("approved answer", 60), ("answer now", 60))  # fmt: skip
    sheet = book.create_sheet("Per case")
    _rows(sheet, heads, [_compared(v, by[v.id], now, before) for v in verdict.cases])
    _colour(sheet, 2)
    _mark(sheet, verdict.cases, now, before)
    for number, case in enumerate(verdict.cases, start=2):
        for column, name, run in ((6, "approved", before), (7, "now", now)):
            _filed(sheet.cell(number, column), path, case.id, name, _text(run.get(case.id, [])))
    drift_rows = [(d.measure, "drift" if d.drifted else "no drift", d.sentence()) for d in drifts]
    _rows(book.create_sheet("Differences"), (("measure", 22), ("", 12), ("what", 90)), drift_rows)
    waits = [
        (v.id, "", _text(now.get(v.id, [])), "") for v in verdict.cases if v.verdict == "WAITING"
    ]
    _rows(
        book.create_sheet("Review"),
        (("id", 14), ("human", 10), ("answer", 90), ("note", 30)),
        waits,
    )
    _rows(book.create_sheet("Run facts"), (("fact", 26), ("value", 90)), facts)
    path.parent.mkdir(parents=True, exist_ok=True)
    return _save(book, path)


def _filed(cell: object, book: Path, case: str, name: str, text: str) -> None:
    """A text that no cell holds, in a file beside the workbook; the cell has its beginning."""
    if len(text) <= MOST_CHARS:
        return
    mark = hashlib.sha256(case.encode()).hexdigest()[:6]
    file = book.with_suffix("") / f"{UNSAFE.sub('-', case)[:40]}-{mark}-{name}.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text, "utf-8", newline="\n")
    link = f"{file.parent.name}/{file.name}"
    write(cell, f"{text[:SHOWN]}…\n\n{len(text):,} characters, whole in {link}")
    cell.hyperlink = link


def _summary(sheet: Worksheet, verdict: ListVerdict) -> None:
    sheet.title = "Summary"
    counts: dict[str, int] = {}
    for case in verdict.cases:
        counts[case.verdict] = counts.get(case.verdict, 0) + 1
    rows = [("Verdict", verdict.verdict), *((k, str(v)) for k, v in counts.items())]
    rows += [("Why" if not i else "", reason) for i, reason in enumerate(verdict.reasons)]
    _rows(
        sheet, (("Regression list", 22), ("", 100)), [*rows, ("What it cannot show", verdict.limit)]
    )
    _colour(sheet, 2)
    sheet["B2"].font = Font(bold=True, size=14)


def _colour(sheet: Worksheet, column: int) -> None:
    for cell in sheet[get_column_letter(column)][1:]:
        if cell.value in COLOURS:
            cell.fill = PatternFill("solid", fgColor=COLOURS[cell.value])


def _text(answers: Sequence[Answer]) -> str:
    if not answers:
        return ""
    first = answers[0]
    return first.text if first.text is not None else f"(error: {first.error})"


def _compared(
    found: CaseVerdict, case: Case, now: dict[str, list[Answer]], before: dict[str, list[Answer]]
) -> tuple[str, ...]:
    old, new = _text(before.get(case.id, [])), _text(now.get(case.id, []))
    return case.id, found.verdict, f"{found.passes}/{found.of}", found.why, case.input, old, new


def _mark(
    sheet: Worksheet,
    cases: Sequence[CaseVerdict],
    now: dict[str, list[Answer]],
    before: dict[str, list[Answer]],
) -> None:
    """The words that are new in an answer, bold and red, where an approved one stands beside it."""
    red = InlineFont(b=True, color="B42318")
    for number, case in enumerate(cases, start=2):
        old, new = _text(before.get(case.id, [])), _plain(_text(now.get(case.id, [])))
        if not old or old == new or max(len(old), len(new)) > MARKED:
            continue
        parts = [TextBlock(red, w) if fresh else w for w, fresh in differing(_plain(old), new)]
        cell = sheet.cell(number, 7)
        cell.value = CellRichText(*parts)


def differing(old: str, new: str) -> list[tuple[str, bool]]:
    """The new text in pieces, and of each whether the old one does not have it there."""
    from difflib import SequenceMatcher

    a, b = re.findall(r"\s+|[^\s]+", old), re.findall(r"\s+|[^\s]+", new)
    found = SequenceMatcher(None, a, b, autojunk=False).get_opcodes()
    return [("".join(b[j:k]), op != "equal") for op, _, _, j, k in found if k > j]
