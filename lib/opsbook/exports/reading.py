"""A file's bytes as rows of text, and columns of text as numbers and times.

Nothing here knows a vendor. What cannot be read is never dropped: a broken line and a value that is
no number keep their row, their text and a reason a person understands.
"""

import csv
import gzip
import io
import json
import re
import zlib
from dataclasses import dataclass, field, replace

import pandas as pd
from python_calamine import CalamineWorkbook

from opsbook.errors import ExportError

EMPTY = ("", "null", "none", "nan", "n/a", "-")
SECRET = re.compile(
    r"\b(?:sk|pk|rk|xox[abp]|ghp|hf)[-_][A-Za-z0-9_-]{12,}|\bAKIA[A-Z0-9]{16}\b"
    r"|\bAIza[A-Za-z0-9_-]{30,}|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_.-]+|\b[A-Fa-f0-9]{40,}\b"
)
"""Keys as vendors issue them, signed tokens, and the hashes of keys."""
csv.field_size_limit(2**31 - 1)  # a cell may hold a whole prompt; the default is 131,072 signs
DECIMAL_COMMA = re.compile(r"^-?(?:\d{1,3}(?:\.\d{3})+,\d+|0,\d+|\d+,(?:\d{1,2}|\d{4,}))$")
"""A number that can only be read with a decimal comma; 1,234 alone could be either."""
EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")


@dataclass(frozen=True)
class Rows:
    """A file as text: one column per header field, indexed by the row's number in the file.

    `broken` holds row, text and reason of lines that are no rows; `comma` says that semicolons part
    the fields, `month_first` that the company writes 3/14/2026.
    """

    header: tuple[str, ...]
    frame: pd.DataFrame
    broken: list[dict] = field(default_factory=list)
    comma: bool = False
    month_first: bool = False

    @property
    def count(self) -> int:
        """Rows found, broken ones included."""
        return len(self.frame) + len(self.broken)


def read_rows(content: bytes, month_first: bool = False) -> Rows:
    """The rows of a CSV, JSON, JSONL or XLSX file, gzipped or not; ExportError if it is none."""
    return replace(_rows(content), month_first=month_first)


def _rows(content: bytes) -> Rows:
    if content[:2] == b"\x1f\x8b":
        content = _unzipped(content)
    if content[:2] == b"PK":
        return _sheet_rows(content)
    text = decoded(content)
    return _json_rows(text) if text.lstrip()[:1] in ("{", "[") else _csv_rows(text)


def _unzipped(content: bytes) -> bytes:
    try:
        return gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as problem:
        raise ExportError(f"is a damaged gzip file ({problem}); export it again") from problem


def decoded(content: bytes) -> str:
    """Text from UTF-8, UTF-16 with a mark, or the cp1252 that old Excel writes."""
    if content[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return content.decode("utf-16", "replace")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return content.decode("cp1252", "replace")


def _csv_rows(text: str) -> Rows:
    first = text.partition("\n")[0]
    delimiter = max(",;\t", key=first.count)
    try:
        lines = list(
            csv.reader(io.StringIO(text.replace("\0", ""), newline=""), delimiter=delimiter)
        )
    except csv.Error as problem:
        raise ExportError(f"is no readable CSV ({problem}); export it again") from problem
    return _tabular(lines, delimiter == ";")


def _sheet_rows(content: bytes) -> Rows:
    try:
        book = CalamineWorkbook.from_filelike(io.BytesIO(content))
        sheet = book.get_sheet_by_index(0).to_python(skip_empty_area=False)
    except Exception as problem:  # calamine raises its own, plain and zip errors
        raise ExportError(f"is no readable workbook ({problem}); save it as .xlsx") from problem
    texts = [c for line in sheet for c in line if isinstance(c, str)]
    comma = any(map(DECIMAL_COMMA.search, texts))
    return _tabular([[_cell_text(c, comma) for c in line] for line in sheet], comma)


def _cell_text(cell: object, comma: bool) -> str:
    """A cell as text; a number in the style in which the sheet's own text writes numbers."""
    if isinstance(cell, float) and comma:
        return format(cell, ".15g").replace(".", ",")
    return cell.isoformat() if hasattr(cell, "isoformat") else str(cell)


def _tabular(lines: list[list[str]], semicolons: bool) -> Rows:
    """Lines as rows under the first one; short lines are filled, long ones are broken."""
    if not lines:
        return Rows((), pd.DataFrame())
    header = tuple(h.strip() for h in lines[0])
    width, good, numbers, broken = len(header), [], [], []
    for number, line in enumerate(lines[1:], start=2):
        if not any(c.strip() for c in line):
            continue
        if len(line) > width and any(c.strip() for c in line[width:]):
            reason = f"has {len(line)} fields; expected {width} as in the header"
            broken.append({"row": number, "text": ",".join(line), "reason": reason})
            continue
        good.append((line + [""] * width)[:width])
        numbers.append(number)
    frame = pd.DataFrame(good, columns=list(header), index=numbers, dtype="string")
    return Rows(header, frame.loc[:, ~frame.columns.duplicated()], broken, comma=semicolons)


def _json_rows(text: str) -> Rows:
    """Records of a JSON list, of an object's `data`, or of lines; nested values stay text."""
    try:
        whole = json.loads(text)
    except (ValueError, RecursionError):
        return _jsonl_rows(text.split("\n"))
    inner = whole.get("data", whole) if isinstance(whole, dict) else whole
    return _records(dict(enumerate(inner if isinstance(inner, list) else [whole], start=1)), [])


def _jsonl_rows(lines: list[str]) -> Rows:
    records, broken = {}, []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            records[number] = json.loads(line)
        except (ValueError, RecursionError):
            reason = "is no complete JSON object; expected one a line"
            broken.append({"row": number, "text": line, "reason": reason})
    return _records(records, broken)


def _records(records: dict[int, object], broken: list[dict]) -> Rows:
    plain = {n: r for n, r in records.items() if isinstance(r, dict)}
    strange = [
        {"row": n, "text": json.dumps(r), "reason": "is no JSON object"}
        for n, r in records.items()
        if not isinstance(r, dict)
    ]
    texts = [{k: _json_text(v) for k, v in r.items()} for r in plain.values()]
    frame = pd.DataFrame(texts, index=list(plain), dtype="string")
    return Rows(tuple(frame.columns), frame, broken + strange)


def _json_text(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def masked(text: str) -> str:
    """The text with keys shortened to their ends and e-mail addresses to their domain.

    >>> masked("sk-proj-abcdefghijklmnop mail max@example.com")
    'sk-…mnop mail …@example.com'
    """
    hidden = SECRET.sub(lambda m: f"{m.group()[:3]}…{m.group()[-4:]}", text)
    return EMAIL.sub(lambda m: "…@" + m.group().partition("@")[2], hidden)
