"""What a cell of an export may say, as SQL macros: numbers, times, objects, and what to mask.

The macros stand in cells.sql. They are typed once, for small files and large ones, and know no
vendor.
"""

import re
from importlib.resources import files

from duckdb import DuckDBPyConnection

EMPTY = ("", "null", "none", "nan", "n/a", "-")
LARGEST = 2.0**53
"""Larger numbers are not exact, and no count or cost is that large."""
SECRET = re.compile(
    r"\b(?:sk|pk|rk|xox[abp]|ghp|hf)[-_][A-Za-z0-9_-]{12,}|\bAKIA[A-Z0-9]{16}\b"
    r"|\bAIza[A-Za-z0-9_-]{30,}|\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_.-]+|\b[A-Fa-f0-9]{40,}\b"
)
"""Keys as vendors issue them, signed tokens, and the hashes of keys."""
EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[\w.-]+")
DECIMAL_COMMA = re.compile(r"^-?(?:\d{1,3}(?:\.\d{3})+,\d+|0,\d+|\d+,(?:\d{1,2}|\d{4,}))$")
"""A number that can only be read with a decimal comma; 1,234 alone could be either."""
DECIMAL_POINT = re.compile(r"^-?\d+\.(?:\d{1,2}|\d{4,})$")
_SIGN, _APART = r"[$€£\s\x{00a0}\x{202f}]*", r"\s'’\x{00a0}\x{202f}"
GROUPED = (
    rf"{_SIGN}[+-]?{_SIGN}(?:[1-9]\d{{0,2}}(?:[%s{_APART}]\d{{3}})+|\d+)(?:%s\d*)?"
    rf"(?:[eE][+-]?\d+)?{_SIGN}"
)
"""A number as people write it; what stands between thousands, and the decimal sign, to be set."""


def masked(text: str) -> str:
    """The text with keys shortened to their ends and e-mail addresses to their domain.

    >>> masked("sk-proj-abcdefghijklmnop mail max@example.com")
    'sk-…mnop mail …@example.com'
    """
    hidden = SECRET.sub(lambda m: f"{m.group()[:3]}…{m.group()[-4:]}", text)
    return EMAIL.sub(lambda m: "…@" + m.group().partition("@")[2], hidden)


def define(engine: DuckDBPyConnection) -> None:
    """Make the macros known to an engine; its clock is set to UTC."""
    engine.execute("SET TimeZone = 'UTC'")
    engine.create_function("masked", masked, ["VARCHAR"], "VARCHAR")
    engine.execute(_macros())


def _macros() -> str:
    text = files("opsbook.exports").joinpath("cells.sql").read_text("utf-8")
    names = {
        "$empty": " ".join(f"WHEN {literal(e)} THEN NULL" for e in EMPTY),
        "$suspect": literal(f"@|{SECRET.pattern}"),
        "$largest": repr(LARGEST),
        "$grouped_with_point": literal(GROUPED % (",", r"\.")),
        "$grouped_with_comma": literal(GROUPED % (r"\.", ",")),
    }
    return re.sub("|".join(map(re.escape, names)), lambda m: names[m.group()], text)


def literal(text: str) -> str:
    """A text as an SQL literal.

    >>> literal("it's")
    "'it''s'"
    """
    return "'" + text.replace("\0", "").replace("'", "''") + "'"
