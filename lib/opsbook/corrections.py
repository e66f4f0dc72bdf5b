"""What corrections.toml says of a file's calls, as SQL: some are left out, some are set right.

An export is never edited. Each entry names calls by where they came from, whose they are and when
they were; the tables are made again when the file changes.
"""

from fnmatch import fnmatchcase

import pandas as pd

from opsbook.exports.cells import literal
from opsbook.settings import Correction, Settings

Numbered = tuple[int, Correction]
"""An entry with its place in the file, from 1."""


def corrections_of(settings: Settings, source: str, file: str) -> list[Numbered]:
    """The entries that may speak of a file, in the order in which they stand."""
    return [
        (n, c)
        for n, c in enumerate(settings.corrections, start=1)
        if fnmatchcase(source, c.source) and fnmatchcase(file, c.file)
    ]


def named(correction: Correction) -> str:
    """The condition on a row of calls that an entry names."""
    model = "coalesce(served_model, request_model, '')"
    texts = {"coalesce(account, '')": "account", model: "model", "coalesce(run_id, '')": "run_id"}
    asked = {sql: getattr(correction, name) for sql, name in texts.items()}
    tests = [f"{sql} GLOB {literal(word)}" for sql, word in asked.items() if word != "*"]
    if correction.row is not None:
        tests.append(f'"row" = {correction.row}')
    for at, sign in ((correction.first, ">="), (correction.last, "<")):
        tests += [] if at is None else [f"ts {sign} TIMESTAMPTZ {literal(at.isoformat())}"]
    return " AND ".join(tests) or "true"


def bad_rows(correction: Correction, rows: pd.Series) -> pd.Series:
    """Which rows set aside an entry leaves out too: one that names no more than file and row does.

    Of a row that could not be read nothing else is known.
    """
    asked = (correction.account, correction.model, correction.run_id)
    alone = asked == ("*",) * 3 and correction.first is None and correction.last is None
    if correction.action != "leave out" or not alone:
        return pd.Series(False, index=rows.index)
    return rows.notna() if correction.row is None else rows.eq(correction.row)


def change(correction: Correction) -> str:
    """The statement that corrects the table calls; it returns the row of each call it touched."""
    if correction.action == "leave out":
        return f'DELETE FROM calls WHERE {named(correction)} RETURNING "row"'
    values = ", ".join(f"{name} = {_literal(v)}" for name, v in correction.values.items())
    return f'UPDATE calls SET {values} WHERE {named(correction)} RETURNING "row"'


def _literal(value: float | str) -> str:
    return literal(value) if isinstance(value, str) else repr(value)


def notice(entry: Numbered, rows: int) -> str:
    """What the data page says of an entry's work on a file."""
    number, correction = entry
    done = "left out" if correction.action == "leave out" else "set right"
    many = "rows" if rows != 1 else "row"
    return f"{rows:,} {many} {done} by corrections.toml, entry {number}: {correction.reason}"
