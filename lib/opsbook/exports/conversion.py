"""A file's cells made canonical rows in an engine, with a reason for each row that could not be.

Whatever the cells hold: every row is in a table, set aside, or counted as holding nothing.
"""

from dataclasses import dataclass, replace

import pandas as pd
from duckdb import DuckDBPyConnection

from opsbook.exports import Part, Reader, Reading
from opsbook.exports.cells import DECIMAL_COMMA, DECIMAL_POINT, literal, masked
from opsbook.exports.fields import NOTHING, Fields
from opsbook.exports.reading import Sheet
from opsbook.schema import BILLS, CALLS, EXECUTIONS, SQL, Table

SHAPES = {"calls": CALLS, "bills": BILLS, "runs": EXECUTIONS}
"""What a reading's parts become, by name."""
COMMAS = (DECIMAL_COMMA, DECIMAL_POINT)
SAMPLE = 10_000
"""Rows of a large file that show its style."""


@dataclass(frozen=True)
class Converted:
    """What a file holds: the tables of `reading` in the engine, and what stands beside them.

    `rows_in` counts every row, broken ones included; `empty_rows` are those that say nothing, or
    nothing of AI. `quarantine` holds row, text and reason of those set aside. `covered_from` and
    `covered_to` are what a source of totals states.
    """

    reading: Reading
    rows_in: int
    empty_rows: int
    quarantine: pd.DataFrame
    covered_from: pd.Timestamp | None
    covered_to: pd.Timestamp | None
    bucket_s: int
    notices: tuple[str, ...]


def fields_of(
    engine: DuckDBPyConnection, sheet: Sheet, reader: Reader, zone: str, month_first: bool
) -> Fields:
    """The columns of a sheet as a reader asks for them, its numbers in the sheet's own style."""
    numbers = [sheet.columns[n][0] for n in reader.numbers if n in sheet.columns]
    return Fields(sheet.columns, zone, _commas(engine, sheet, numbers), month_first)


def _commas(engine: DuckDBPyConnection, sheet: Sheet, cells: list[str]) -> bool:
    """Whether the numbers in these cells show decimal commas; else as the file is separated."""
    if not cells:
        return False
    plain = ", ".join(f"trim({c}::VARCHAR)" for c in cells)
    shown = [f"bool_or(regexp_matches(cell, {literal(style.pattern)}))" for style in COMMAS]
    texts = f"SELECT unnest([{plain}]) AS cell FROM {sheet.source} LIMIT {SAMPLE * len(cells)}"
    comma, point = engine.execute(f"SELECT {', '.join(shown)} FROM ({texts})").fetchall()[0]
    return bool(comma) or (sheet.comma and not point)


def convert(
    engine: DuckDBPyConnection, sheet: Sheet, reader: Reader, zone: str, month_first: bool = False
) -> Converted:
    """The canonical rows of a sheet as temporary tables calls, bills and runs of the engine.

    Grain and columns as in `schema`, what only the company knows (workflow, price, EUR) still NULL.
    """
    fields = fields_of(engine, sheet, reader, zone, month_first)
    reading = reader.read(fields)
    engine.execute(
        "CREATE OR REPLACE TEMP TABLE judged AS SELECT *, "
        f"{fields.reason} AS reason FROM {fields.query(sheet.source)}"
    )
    for name in SHAPES:
        parts = getattr(reading, name)
        engine.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {rows_of(parts, SHAPES[name])}")
    used = " UNION ".join(f'SELECT "row" FROM {name}' for name in SHAPES)
    count, good, taken = engine.execute(
        "SELECT (SELECT count(*) FROM judged), (SELECT count(*) FROM judged WHERE reason IS NULL),"
        f" (SELECT count(*) FROM ({used}))"
    ).fetchall()[0]
    start, end, width = stated(engine, reading, "judged WHERE reason IS NULL")
    return Converted(
        reading=reading,
        rows_in=count + len(sheet.broken),
        empty_rows=good - taken,
        quarantine=_quarantine(engine, sheet),
        covered_from=start,
        covered_to=end,
        bucket_s=width,
        notices=(f"{good - taken:,} {reading.notice}",) if reading.notice and good > taken else (),
    )


def asked(sheet: Sheet, reader: Reader) -> Fields:
    """What a reader asks a file for, whether its first rows have it or not."""
    fields = Fields(sheet.columns)
    reader.read(fields)
    return fields


def at_once(fields: Fields, reading: Reading, source: str) -> str | None:
    """The query of a file's calls in one go; None if the reading holds more than single calls.

    row_key is NULL in a row that cannot be used.
    """
    if reading.bills or reading.runs or reading.covered or len(reading.calls) != 1:
        return None
    part = reading.calls[0]
    key = f"CASE WHEN NOT ({fields.odd}) THEN {part.columns['row_key']} END"
    part = replace(part, columns=part.columns | {"row_key": key})
    return rows_of((part,), CALLS, f"(SELECT *, NULL AS reason FROM {fields.query(source)})")


def rows_of(parts: tuple[Part, ...], table: Table, source: str = "judged") -> str:
    """The query of a table's rows out of judged ones; what the source does not know is NULL."""
    selects = [_select(p, table, source) for p in parts] or [
        _select(Part({}, where="false"), table, source)
    ]
    return " UNION ALL ".join(selects)


def _select(part: Part, table: Table, source: str) -> str:
    own = (
        {"bucket_s": "0", "status": "'unknown'", "about_ai": "true"}
        | part.columns
        | {"row": '"row"'}
    )
    columns = ", ".join(
        f'({own.get(name, NOTHING)})::{SQL[column.dtype]} AS "{name}"'
        for name, column in table.columns.items()
    )
    return f"SELECT {columns} FROM {source} WHERE reason IS NULL AND ({part.where})"


def stated(
    engine: DuckDBPyConnection, reading: Reading, source: str
) -> tuple[pd.Timestamp | None, pd.Timestamp | None, int]:
    """From when to when a file of totals speaks, and the width of its finest bucket in seconds."""
    if reading.covered is None:
        return None, None, 0
    start, end = reading.covered
    ends = f"epoch_us(min({start})), epoch_us(max({end}))"
    found = engine.execute(f"SELECT {ends}, min({reading.bucket_s}) FROM {source}").fetchall()[0]
    first, last = (
        None if at is None else pd.Timestamp(at, unit="us", tz="UTC") for at in found[:2]
    )
    return first, last, int(found[2] or 0)


def _quarantine(engine: DuckDBPyConnection, sheet: Sheet) -> pd.DataFrame:
    """Row, text and reason of every row that cannot be used, broken lines among them."""
    cells = ", ".join(f"coalesce({cell}::VARCHAR, '')" for cell, _ in sheet.columns.values())
    text = f"concat_ws(',', {cells})" if cells else "''"
    bad = engine.execute(
        f'SELECT "row", {text} AS text, reason FROM judged WHERE reason IS NOT NULL'
    ).df()
    both = pd.concat([bad, pd.DataFrame(sheet.broken)], ignore_index=True)
    both = both.reindex(columns=["row", "text", "reason"])
    return both.assign(text=both.text.astype("string").map(masked)).sort_values("row")
