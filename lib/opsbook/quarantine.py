"""Rows set aside, as a file that a person can put right and drop into the inbox again.

Each export with bad rows has one, under quarantine/: the export's own columns, then which file and
row it was and why it was set aside. Dropped into the inbox once corrected, its good rows settle
those that they stand for.
"""

import csv
from pathlib import Path

import pandas as pd
from duckdb import DuckDBPyConnection

from opsbook.exports.cells import masked
from opsbook.exports.reading import PLAIN, Sheet
from opsbook.store import PART, Folder

FILE, ROW, WHY = "opsbook_file", "opsbook_row", "opsbook_why"
OWN = (FILE, ROW, WHY)
Place = tuple[str, int]
"""A row set aside: its export's hash, its number there."""


def write_aside(
    engine: DuckDBPyConnection, sheet: Sheet, path: Path, file_id: str, rows: set[int]
) -> None:
    """Write these bad rows of the file that was converted last, keys and addresses masked.

    Without any, what an earlier reading left there goes.
    """
    names = [n for n in sheet.columns if n not in OWN]
    cells = "".join(f", {sheet.columns[n][0]}::VARCHAR" for n in names)
    bad = engine.execute(
        f'SELECT "row", reason{cells} FROM judged WHERE reason IS NOT NULL ORDER BY "row"'
    ).fetchall()
    bad += [(b["row"], b["reason"], b["text"]) for b in sheet.broken]
    bad = [line for line in bad if line[0] in rows]
    if not bad:
        path.unlink(missing_ok=True)
        return
    path.parent.mkdir(exist_ok=True)
    part = path.with_suffix(PART)
    with part.open("w", encoding="utf-8-sig", newline="") as file:
        lines = csv.writer(file)
        lines.writerow([*map(_plain, names), *OWN])
        for row, why, *told in bad:
            blank = [None] * (len(names) - len(told))
            lines.writerow([*map(_plain, [*told, *blank]), file_id, row, _plain(why)])
    part.replace(path)


def aside_file(folder: Folder, name: str, file_id: str) -> Path:
    """Where the bad rows of an export lie."""
    plain = "".join(c if c.isalnum() or c in "-_. " else "_" for c in name).strip(". ")
    return folder.path / "quarantine" / f"{plain[:80]}-{file_id[:8]}.csv"


def _plain(cell: str | None) -> str:
    """A cell as a spreadsheet shows it: never a formula, no key and no address in it."""
    text = masked(cell or "")
    formula = text[:1] in ("=", "+", "-", "@", "\t", "\r") and not PLAIN.fullmatch(text)
    return f"'{text}" if formula else text


def settled(engine: DuckDBPyConnection, sheet: Sheet) -> set[Place]:
    """The rows of earlier exports that good rows of this file stand for."""
    if not {FILE, ROW} <= set(sheet.columns):
        return set()
    file, row = (f"{sheet.columns[n][0]}::VARCHAR" for n in (FILE, ROW))
    found = engine.execute(
        f"SELECT {file}, try_cast({row} AS BIGINT) FROM judged WHERE reason IS NULL"
    ).fetchall()
    return {(f, r) for f, r in found if f and r}


def without_settled(
    files: pd.DataFrame, aside: pd.DataFrame, places: set[Place]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """FILES and QUARANTINE with the settled rows known instead of set aside."""
    if not places or aside.empty:
        return files, aside
    hit = pd.MultiIndex.from_frame(aside[["file_id", "row"]]).isin(list(places))
    many = files.file_id.map(aside[hit].file_id.value_counts()).fillna(0).astype("Int64")
    counts = {"known": files.known + many, "quarantined": files.quarantined - many}
    return files.assign(**counts), aside[~hit]
