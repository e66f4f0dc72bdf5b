"""Regression lists as people keep them: a workbook edited in Excel, or a CSV, into cases.

Reading takes what people write (heads in German, a yes in their own language, an answer that Excel
spread over rows) and names each problem by its cell. The file is never written again.
"""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from opsbook.cells import PLAIN
from opsbook.errors import UsageError
from opsbook.regression import promptfoo
from opsbook.regression.cases import REPEATS, Answer, Case
from opsbook.regression.figures import locale_of
from opsbook.regression.grammar import problems as check_problems
from opsbook.spreadsheets import opened, unsaved

SHEETS = {
    "cases": "cases case fälle faelle testfälle prüffälle cas casos casi gevallen przypadki",
    "outputs": "outputs output answers antworten ausgaben réponses respuestas risposte antwoorden",
}
"""What the sheets may be called."""
HEADS = {
    "id": "id case kennung fall nr",
    "workflow": "workflow ablauf arbeitsablauf prozess",
    "input": "input eingabe prompt entrée entrada invoer",
    "critical": "critical kritisch critique crítico",
    "repeats": "repeats repeat wiederholungen wiederholung",
    "must_pass": "mustpass mussbestehen minpass",
    "language": "language locale sprache langue idioma",
    "note": "note notiz bemerkung description beschreibung",
    "enabled": "enabled aktiv active eingeschaltet",
    "answer": "answer output antwort ausgabe réponse respuesta",
    "file": "file datei fichier",
    "human": "human person mensch yesno",
}
"""Field of a row: the heads that mean it, letters and digits alone."""
KNOWN = {head: name for name, heads in HEADS.items() for head in heads.split()}
CHECK = re.compile(r"(?:check|prüfung|pruefung|expected|__expected)\s*(\d{0,2})", re.I)
TOP_ROWS, MOST_ROWS = 10, 10_000
MOST_CHARS = 32_767
"""What a cell of Excel holds."""
RETURN = re.compile(r"_x000D_\n?|\r\n?", re.I)
ENCODINGS = ("utf-8-sig", "cp1252")


@dataclass(frozen=True)
class Cell:
    """A cell as a person sees it: its place, its text, and what is wrong with it."""

    at: str
    text: str
    problem: str = ""


@dataclass(frozen=True)
class Outputs:
    """Answers pasted beside the cases, and what a person said of them, by case and repeat."""

    answers: tuple[Answer, ...] = ()
    said: dict[tuple[str, int], bool] = field(default_factory=dict)


@dataclass(frozen=True)
class List:
    """A list as it was read: its cases, pasted outputs, problems and notices with their cells."""

    path: Path
    cases: tuple[Case, ...] = ()
    outputs: Outputs = Outputs()
    problems: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()


def read(path: Path, workflow: str = "") -> List:
    """A list of a workbook or CSV; UsageError where the whole file cannot be read.

    `workflow` is what a row without one belongs to.
    """
    try:
        content = path.read_bytes()
    except OSError as problem:
        raise UsageError(f"{path} cannot be read ({problem.strerror}); name the list.") from None
    notices = unsaved(path)
    if path.suffix.lower() in (".csv", ".tsv"):
        rows = list(_csv_rows(path, content))
        if rows and promptfoo.is_promptfoos(c.text for c in rows[0]):
            own, outputs, said = _promptfoos(rows)
            return _list(path, iter(own), iter(outputs), workflow, [*notices, *said])
        return _list(path, iter(rows), iter(()), workflow, notices)
    if path.suffix.lower() == ".xlsm":
        raise UsageError(f"{path} may hold macros; save it as .xlsx and name that.")
    try:
        book = opened(content)
    except UsageError as problem:
        raise UsageError(f"{path}{problem}.") from None
    sheets = {_bare(s.title): s for s in book.worksheets}
    cases = _named(sheets, "cases")
    if cases is None:
        raise UsageError(f"{path} has no sheet Cases; found {', '.join(book.sheetnames)}.")
    outputs = _named(sheets, "outputs")
    return _list(path, _sheet_rows(cases), _sheet_rows(outputs), workflow, notices)


def _named(sheets: dict, kind: str) -> object | None:
    return next((sheets[n] for n in map(_bare, SHEETS[kind].split()) if n in sheets), None)


def _sheet_rows(sheet: object | None) -> Iterator[list[Cell]]:
    if sheet is None:
        return
    for row in sheet.iter_rows(max_row=min(sheet.max_row, MOST_ROWS)):
        yield [_cell(f"{sheet.title}!{c.coordinate}", c) for c in row]


def _cell(at: str, cell: object) -> Cell:
    if cell.data_type == "f":
        return Cell(at, str(cell.value), "holds a formula; write the text itself")
    if cell.data_type == "e":
        return Cell(at, str(cell.value), f"holds an error, {cell.value}; write the text itself")
    value = cell.value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return Cell(at, "" if value is None else RETURN.sub("\n", str(value)))


def _csv_rows(path: Path, content: bytes) -> Iterator[list[Cell]]:
    text = _decoded(path, content)
    first = text.lstrip("\ufeff").split("\n", 1)[0]
    sign = max(";,\t", key=first.count)
    for i, row in enumerate(csv.reader(io.StringIO(text, newline=""), delimiter=sign), start=1):
        yield [Cell(f"{path.name}!{_letter(j)}{i}", RETURN.sub("\n", v)) for j, v in enumerate(row)]


def _promptfoos(rows: list[list[Cell]]) -> tuple[list[list[Cell]], list[list[Cell]], list[str]]:
    """Rows of promptfoo's CSV as rows of cases and of outputs, each cell with its own place."""
    heads = [c.text.strip() for c in rows[0]]
    found = [
        (row, promptfoo.read({n: c.text for n, c in zip(heads, row, strict=False)}, place))
        for place, row in enumerate(rows[1:], start=1)
        if any(c.text.strip() for c in row)
    ]
    names = list(dict.fromkeys(n for _, told in found for n in told.fields)) or ["id"]
    columns = [h for h in heads if promptfoo.EXPECTED.fullmatch(h)]
    checks = [f"check {i}" for i in range(1, len(columns) + 1)]
    own = [[Cell(rows[0][0].at, n) for n in (*names, *checks)]]
    outputs = [[Cell(rows[0][0].at, n) for n in ("id", "answer")]]
    for row, told in found:
        at = dict(zip(heads, (c.at for c in row), strict=False))
        said = {c: Cell(at[c], text, wrong) for c, text, wrong in told.checks}
        where = {"note": "__description"} | {n: f"__metadata:{n}" for n in promptfoo.OWN}
        cells = [
            Cell(at.get(n) or at.get(where.get(n, n), row[0].at), told.fields.get(n, ""))
            for n in names
        ]
        own.append(cells + [said.get(c, Cell(at.get(c, row[0].at), "")) for c in columns])
        if told.output:
            id_ = Cell(row[0].at, told.fields["id"])
            outputs.append([id_, Cell(at["__providerOutput"], told.output)])
    kept = [h for h in heads if h.startswith(promptfoo.KEPT)]
    notices = [
        f"{cell.at}: {cell.text} is kept and not followed: here every check of a case must hold."
        for cell, head in zip(rows[0], heads, strict=True)
        if head in kept
    ]
    return own, outputs if len(outputs) > 1 else [], notices


def _decoded(path: Path, content: bytes) -> str:
    for encoding in ENCODINGS:
        try:
            return content.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise UsageError(f"{path} is neither UTF-8 nor Windows-1252; save it as CSV UTF-8.")


def _letter(place: int) -> str:
    return chr(65 + place) if place < 26 else chr(64 + place // 26) + chr(65 + place % 26)


def _list(
    path: Path,
    rows: Iterator[list[Cell]],
    outputs: Iterator[list[Cell]],
    workflow: str,
    notices: list[str],
) -> List:
    top, held = _headed(path, rows, "id")
    cases, problems = [], []
    for row in _joined(held, top, "input"):
        case, found = _case(row, workflow)
        problems += found
        if case:
            cases.append(case)
    problems += _doubled(cases)
    if not cases and not problems:
        problems = [
            f"{path.name} has no case; write one per row, with an id, an input and a check."
        ]
    answers, said, wrong = _outputs(path, outputs)
    return List(
        path, tuple(cases), Outputs(tuple(answers), said), tuple(problems + wrong), tuple(notices)
    )


Row = dict[str, Cell]


def _headed(path: Path, rows: Iterator[list[Cell]], needed: str) -> tuple[Row, list[Row]]:
    """The heads by field, and every row below as cells by field."""
    table = list(rows)
    for place, row in enumerate(table[:TOP_ROWS]):
        heads = _heads(row)
        if needed in heads.values() and len(heads) > 1:
            names = {name: row[i] for i, name in heads.items()}
            below = [{n: r[i] for i, n in heads.items() if i < len(r)} for r in table[place + 1 :]]
            return names, below
    if not table:
        return {}, []
    raise UsageError(
        f"{path}, {table[0][0].at}: no row of heads with {needed} in the first {TOP_ROWS}; merged "
        "heads hide them. Expected id, workflow, input, check 1 ..."
    )


def _heads(row: Sequence[Cell]) -> dict[int, str]:
    found: dict[int, str] = {}
    for place, cell in enumerate(row):
        bare, check = _bare(cell.text), CHECK.fullmatch(cell.text.strip())
        name = f"check {check[1] or 1}" if check else KNOWN.get(bare) or cell.text.strip()
        if name and name not in found.values():
            found[place] = name
    return found


def _joined(rows: Iterable[Row], heads: Row, text: str) -> list[Row]:
    """The rows with an id; what Excel spread below one, without an id, is joined to its text."""
    found: list[Row] = []
    for row in rows:
        filled = {n: c for n, c in row.items() if c.text.strip() or c.problem}
        if not filled:
            continue
        if "id" in filled or not found or set(filled) != {text}:
            found.append(row)
        else:
            above = found[-1][text]
            found[-1] = found[-1] | {text: Cell(above.at, f"{above.text}\n{filled[text].text}")}
    return found


def _case(row: Row, workflow: str) -> tuple[Case | None, list[str]]:
    problems = [f"{c.at}: {c.problem}." for c in row.values() if c.problem]
    at = row["id"].at
    text = {name: cell.text.strip() for name, cell in row.items()}
    if not text["id"]:
        return None, [*problems, f"{at}: the id is empty; give each case one of its own."]
    given: dict = {}
    for name, read_as in (("critical", _yes), ("enabled", _yes), ("repeats", _count),
                          ("must_pass", _count), ("language", _locale)):  # fmt: skip
        if text.get(name):
            try:
                given[name] = read_as(text[name])
            except ValueError as error:
                problems.append(f"{row[name].at}: {error}.")
    checks = tuple(
        (cell.at, cell.text.strip())
        for name, cell in row.items()
        if name.startswith("check ") and cell.text.strip() and not cell.problem
    )
    own = {*HEADS, *(n for n in row if n.startswith("check "))}
    case = Case(
        id=text["id"], workflow=text.get("workflow") or workflow, input=row_text(row, "input"),
        checks=checks, note=text.get("note", ""), cell=at,
        variables={n: c.text for n, c in row.items() if n not in own and c.text}, **given,
    )  # fmt: skip
    return case, problems + _whole(case, row) + check_problems(case)


def row_text(row: Row, name: str) -> str:
    """The text of a cell as it stands; empty where the column is not there."""
    return row[name].text if name in row else ""


def _whole(case: Case, row: Row) -> list[str]:
    found = []
    if not case.input.strip() and not case.variables:
        found.append(f"{row['input'].at if 'input' in row else case.cell}: the input is empty.")
    if case.must_pass is not None and case.must_pass > case.repeats:
        found.append(
            f"{row['must_pass'].at}: must pass {case.must_pass} of {case.repeats} repeats; "
            "expected no more than the repeats."
        )
    return found


def _doubled(cases: Sequence[Case]) -> list[str]:
    first: dict[str, Case] = {}
    found = []
    for case in cases:
        before = first.setdefault(case.id.casefold(), case)
        if before is not case:
            found.append(f"{case.cell}: id {case.id} stands at {before.cell} too; give it another.")
    return found


def _outputs(path: Path, rows: Iterator[list[Cell]]) -> tuple[list[Answer], dict, list[str]]:
    heads, below = _headed(path, rows, "id")
    answers, said, problems = [], {}, []
    for row in _joined(below, heads, "answer") if heads else []:
        if not row["id"].text.strip() or not (row_text(row, "answer") or row_text(row, "file")):
            continue
        problems += [f"{c.at}: {c.problem}." for c in row.values() if c.problem]
        id_ = row["id"].text.strip()
        try:
            repeat = _count(row_text(row, "repeats").strip() or str(_next(answers, id_)))
            answers.append(Answer(id_, repeat, _pasted(path, row)))
            if word := row_text(row, "human").strip():
                said[id_, repeat] = _yes(word)
        except ValueError as error:
            problems.append(f"{row['id'].at}: {error}.")
    return answers, said, problems


def _next(answers: Sequence[Answer], id_: str) -> int:
    return 1 + sum(a.case == id_ for a in answers)


def _pasted(path: Path, row: Row) -> str:
    """A pasted answer, or the text of the file that stands for one too long for a cell."""
    name = row_text(row, "file").strip()
    if not name:
        return row_text(row, "answer")
    folder = path.parent.resolve()
    place = (folder / name).resolve()
    if not place.is_relative_to(folder) or not place.is_file():
        raise ValueError(f'file "{name}" is not below {path.parent.name}')
    return place.read_text("utf-8")


def _yes(text: str) -> bool:
    word = PLAIN.get(text.strip(" .!").casefold())
    if word not in ("yes", "no"):
        raise ValueError(f'"{text[:40]}" is neither yes nor no')
    return word == "yes"


def _count(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 99:
        raise ValueError(
            f'"{text[:40]}" is no count; expected a whole number from 1, like {REPEATS}'
        )
    return int(text)


def _locale(text: str) -> str:
    locale_of(text)
    return text.replace("-", "_")


def _bare(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.casefold())
