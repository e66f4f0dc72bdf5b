"""What people write into a cell, read as what they mean: days, numbers, answers, choices, roles.

Any letter case, their own language's yes, dates of a cell or typed, numbers with a comma. What a
cell cannot mean is refused in a sentence that says what was expected; whoever reads the sheet names
the cell.
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

import pandas as pd
from babel.core import Locale

from opsbook.errors import UsageError
from opsbook.register import ROLES
from opsbook.reports import MONTH_FIRST, workflow_id
from opsbook.settings import Company, Settings

SAID = {
    "yes": "yes y x true 1 ja j wahr oui o vrai sí si sim tak ano áno da igen jah kyllä ναι",
    "no": "no n false 0 nein falsch non faux não nao nie ne nej ei nem όχι",
    "unknown": "unknown ? unsure unbekannt unklar unsicher inconnu desconocido desconhecido "
    "sconosciuto onbekend nieznane neznámé okänt",
}
"""What people write for an answer, in the languages of our users."""
PLAIN = {word: answer for answer, told in SAID.items() for word in told.split()}
EVERY = ("all", "alle", "*", "tous", "todos", "tutti")
"""What people write where all workflows are meant."""
DAY = re.compile(
    r"(?:(\d{4})-(\d\d?)-(\d\d?)|(\d\d?)([./-]) ?(\d\d?)\5 ?(\d{4}))(?:[T ]0?0:00(?::00)?)?"
)
YEARS = range(1990, 2101)
"""A day outside these is a slip of the year."""
ID = re.compile(r"(?=.*\d)[A-Z0-9][A-Z0-9._/-]{0,19}")
DAY_EXAMPLE = "expected like 2026-11-23"
GROUPS = " \u00a0\u202f\u2009'’"
"""Signs that group thousands whatever the decimal sign is."""


def shown(value: object) -> str:
    """What a cell holds, short and printable."""
    clean = "".join(c if c.isprintable() else " " for c in str(value))
    return f'"{clean[:60]}"'


def bare(text: str) -> str:
    """A word as it is compared: letters and digits alone, in lower case."""
    return re.sub(r"[\W_]+", "", text.casefold())


def answer(value: object) -> str:
    """Yes, no or unknown, in the person's own language; UsageError for another word."""
    said = str(int(value) if isinstance(value, bool) else value)
    word = unicodedata.normalize("NFC", said).strip().strip(".!").casefold()
    if word not in PLAIN:
        raise UsageError(f"{shown(value)} is not yes, no or unknown")
    return PLAIN[word]


def day(value: object, company: Company) -> pd.Timestamp:
    """A local day, naive, from a date of a cell or as text; UsageError for none that exists.

    2026-11-23 and 23.11.2026 are read; 11/12/2026 is day first, except for a company in the USA.
    """
    found = value if isinstance(value, dt.date) else _typed_day(str(value), company)
    if found.year not in YEARS:
        raise UsageError(f"{found:%Y-%m-%d} cannot be meant; correct the year")
    return pd.Timestamp(found.year, found.month, found.day)


def _typed_day(text: str, company: Company) -> dt.date:
    found = DAY.fullmatch(text.strip())
    if not found:
        raise UsageError(f"{shown(text)} is no day; {DAY_EXAMPLE}")
    year, month, number, first, sign, second, last = found.groups()
    if year is None:
        turned = company.locale == MONTH_FIRST and sign == "/"
        year, month, number = last, *((first, second) if turned else (second, first))
    try:
        return dt.date(int(year), int(month), int(number))
    except ValueError as problem:
        raise UsageError(f"{shown(text)} is no day that exists; {DAY_EXAMPLE}") from problem


def number(value: object, company: Company) -> float:
    """A number from zero up, as a cell holds it or as the company's country writes it.

    A text with one sign alone that may mean a decimal or a thousand is read in the company's
    locale, and refused where that would not write it so. UsageError for what is no number.

    >>> here = Company(name="Example", zone="Europe/Vienna", country="AT", locale="de_AT",
    ...                hours={"monday": ["09:00-17:00"]})
    >>> [number(v, here) for v in (2, "1.234,56", "7,5", "1,234.56", "12 000 €")]
    [2.0, 1234.56, 7.5, 1234.56, 12000.0]
    """
    read = float(value) if _is_number(value) else _typed_number(str(value), company)
    if not 0 <= read < float("inf"):
        raise UsageError(f"{shown(value)} is no number from zero up")
    return read


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _typed_number(text: str, company: Company) -> float:
    plain = re.sub(rf"[{GROUPS}]", "", re.sub(r"^(?:[A-Z]{3}|€)|(?:[A-Z]{3}|€)$", "", text.strip()))
    decimal = _decimal(plain, company)
    thousands = "." if decimal == "," else ","
    form = rf"-?(?:\d+|\d{{1,3}}(?:{re.escape(thousands)}\d{{3}})+)(?:{re.escape(decimal)}\d+)?"
    if not re.fullmatch(form, plain):
        raise UsageError(f"{shown(text)} is no number; expected like 1234{decimal}5")
    return float(plain.replace(thousands, "").replace(decimal, "."))


def _decimal(plain: str, company: Company) -> str:
    """The decimal sign of a typed number: the last of two, else what cannot group, else local."""
    signs = [c for c in plain if c in ".,"]
    if len(set(signs)) > 1:
        return signs[-1]
    local = "," if Locale.parse(company.locale).number_symbols["latn"]["decimal"] == "," else "."
    grouping = re.fullmatch(r"-?\d{1,3}(?:[.,]\d{3})+", plain)
    return local if grouping or not signs else signs[0]


def choice(value: object, values: Sequence[str]) -> str:
    """One of a few words, in any case; UsageError with the nearest.

    >>> choice("End-of-Life", ["model", "end of life"])
    'end of life'
    """
    if {"yes", "no"} <= set(values):
        return answer(value)
    known = {bare(v): v for v in values}
    asked = bare(str(value))
    if asked in known:
        return known[asked]
    raise UsageError(f"{shown(value)} is none of {', '.join(values)}{_nearest(asked, known)}")


def _nearest(asked: str, known: dict[str, str]) -> str:
    near = get_close_matches(asked, known, 1)
    return f"; did you mean {known[near[0]]}?" if near else ""


def workflows(value: object, settings: Settings) -> str:
    """Ids of workflows, set apart by ", " and without doubles; "" where all are named."""
    names = [n for n in re.split(r"[,;\n]", str(value)) if n.strip()]
    if all(every(n) for n in names):
        return ""
    return ", ".join(dict.fromkeys(workflow_id(n, settings) for n in names))


def every(value: object) -> bool:
    """Whether a cell says that all workflows are meant."""
    return str(value).strip().casefold() in EVERY


def role(value: object, known: Iterable[str]) -> str:
    """A role of the company; UsageError for anything else, which is not repeated.

    Rows go on record, where no person's name may stand: what is no known role may be one.
    """
    roles = {bare(r): r for r in known}
    asked = bare(str(value))
    if asked in roles:
        return roles[asked]
    hint = _nearest(asked, roles)
    told = f"expected one of: {', '.join(roles.values())}" if not hint else hint.removeprefix("; ")
    raise UsageError(
        f"this is no role of the company. Roles stand here, never a person's name or address, "
        f"because rows go on record; {told}"
    )


def roles_of(settings: Settings) -> list[str]:
    """The roles a company has: the runbook's, then the owners and deputies of its workflows."""
    own = [r for w in settings.workflows for r in (w.owner, w.deputy) if r]
    return list(dict.fromkeys([*(r for r in ROLES if r not in NO_OWNERS), *own]))


NO_OWNERS = ("Reporter", "Opsbook")


def id_of(value: object) -> str:
    """A short name with a number, in capitals; UsageError for one that might be a person's."""
    whole = isinstance(value, float) and value.is_integer()
    text = str(int(value) if whole else value).strip().upper()
    if not ID.fullmatch(text):
        raise UsageError(f"{shown(value)} is no id; expected letters and a number, like N-1")
    return text
