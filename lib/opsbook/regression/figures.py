"""Checks of figures in an answer: numbers, amounts and dates, read strictly in one country's style.

`1.234` is a thousand and some in German and a little over one in English: the locale in parentheses
says which, then the case's language, then the style in which the figure was typed. What could be
either is an error of the list, and said of an answer.
"""

import datetime as dt
import re
from dataclasses import dataclass
from decimal import Decimal

from babel import Locale, UnknownLocaleError
from babel.dates import get_month_names

from opsbook.regression.kinds import Kind, Reply, Typed

SPACES = "\u00a0\u202f\u2009 "
LOCALE = re.compile(r"\s*\(\s*([a-z]{2,3}(?:[_-][A-Za-z]{2,4})?)\s*\)\s*$")
TOLERANCE = re.compile(r"\s*(?:±|\+-|\+/-)\s*([\d.,]+)\s*(%)?\s*$")
NUMBER = re.compile(
    rf"(?<![\w.,])[-−+]?\d+(?:[.,'’{SPACES}]\d+)*(?![\w]|[.,]\d)"
)  # fmt: skip
SIGNS = {
    "€": "EUR",
    "$": "USD",
    "£": "GBP",
    "zł": "PLN",
    "Fr.": "CHF",
    "Euro": "EUR",
    "euros": "EUR",
}
CURRENCY = rf"(?:[A-Z]{{3}}|{'|'.join(map(re.escape, SIGNS))})"
NUMERIC_DATE = re.compile(r"(?<!\d)(\d{1,4})([./-])\s?(\d{1,2})\2\s?(\d{2,4})(?!\d)")
MONTH_FIRST = {"en", "en_US"}
Judged = tuple[bool, str]


@dataclass(frozen=True)
class Style:
    """How a country writes numbers: its decimal sign, and the signs that may group thousands."""

    decimal: str
    groups: str


COMMA, POINT = Style(",", ".'’" + SPACES), Style(".", ",'’" + SPACES)


def locale_of(name: str) -> Locale:
    """A locale by its name, like de or fr_CH; ValueError for one that nobody knows."""
    try:
        return Locale.parse(name.replace("-", "_"))
    except (UnknownLocaleError, ValueError):
        raise ValueError(f'"{name}" is no locale; expected like de, fr or de_CH') from None


def style_of(name: str) -> Style:
    """The style of a locale."""
    symbols = locale_of(name).number_symbols["latn"]
    base = COMMA if symbols["decimal"] == "," else POINT
    return Style(base.decimal, base.groups)


def read(text: str, style: Style) -> Decimal | None:
    """The number a text is in a style, strictly; None if that style would not write it so.

    >>> read("1.234,56", COMMA), read("1,234.56", COMMA), read("1.23", COMMA)
    (Decimal('1234.56'), None, None)
    """
    plain = text.strip().replace("−", "-")
    groups = "".join(re.escape(g) for g in style.groups)
    whole = rf"(?:\d+|\d{{1,3}}(?:([{groups}])\d{{3}})(?:\1\d{{3}})*)"
    if not re.fullmatch(rf"[-+]?{whole}(?:{re.escape(style.decimal)}\d+)?", plain):
        return None
    for sign in style.groups:
        plain = plain.replace(sign, "")
    return Decimal(plain.replace(style.decimal, "."))


def styled(text: str, name: str) -> tuple[Decimal, Style]:
    """A number as typed with its style; ValueError where it could be two numbers, or none."""
    styles = [style_of(name)] if name else [COMMA, POINT]
    found = [(value, style) for style in styles if (value := read(text, style)) is not None]
    if not found:
        raise ValueError(f'"{text}" is no number{f" in {name}" if name else ""}; expected 1234,56')
    if len({value for value, _ in found}) > 1:
        raise ValueError(
            f'"{text}" is ambiguous: {found[0][0]} or {found[1][0]}? Say the locale, like ({"de"})'
        )
    return found[0][0], found[0][1] if name or len(found) == 1 else POINT


@dataclass(frozen=True)
class Figure:
    """A number wanted, how far off it may be, and the currency beside it (empty: none)."""

    value: Decimal
    by: Decimal
    styles: tuple[Style, ...]
    currency: str = ""


def _cut(typed: Typed) -> tuple[str, str, re.Match | None]:
    place = LOCALE.search(typed.value)
    text = typed.value[: place.start()] if place else typed.value
    if place:
        locale_of(place[1])
    by = TOLERANCE.search(text)
    return (text[: by.start()] if by else text).strip(), place[1] if place else typed.language, by


def number(typed: Typed) -> Figure:
    """A number with its tolerance: 1234,56 ± 1 % (de)."""
    text, name, by = _cut(typed)
    value, style = styled(text, name)
    off = styled(by[1], "de" if "," in by[1] else "en")[0] if by else Decimal(0)
    both = not name and read(text, COMMA) is not None and read(text, POINT) is not None
    off = abs(value) * off / 100 if by and by[2] else off
    return Figure(value, off, (COMMA, POINT) if both else (style,))


def amount(typed: Typed) -> Figure:
    """A number with its currency: 1.234,56 EUR (de)."""
    text, name, by = _cut(typed)
    beside = re.fullmatch(rf"(?:({CURRENCY})\s*)?(.*?)(?:\s*({CURRENCY}))?", text)
    code = beside and (beside[1] or beside[3])
    if not code:
        raise ValueError(f'"{text}" names no currency; expected like 1.234,56 EUR (de)')
    tail = (by[0].strip() if by else "") + (f" ({name})" if name else "")
    found = number(Typed(f"{beside[2]} {tail}", language=name))
    return Figure(found.value, found.by, found.styles, SIGNS.get(code, code))


def has_number(wanted: Figure, reply: Reply) -> Judged:
    """Whether the number stands in the answer, written as the locale does."""
    said = [(m[0].strip(), m) for m in NUMBER.finditer(reply.text)]
    if wanted.currency:
        said = [(text, m) for text, m in said if wanted.currency in _beside(reply.text, m)]
    there = {text: read(text, s) for text, _ in said for s in wanted.styles}
    near = [t for t, v in there.items() if v is not None and abs(v - wanted.value) <= wanted.by]
    unit = f" {wanted.currency}" if wanted.currency else ""
    if near:
        return True, f"has {near[0]}{unit}"
    other = [t for t, _ in said if any(read(t, s) == wanted.value for s in (COMMA, POINT))]
    if other:
        return False, f'has {wanted.value}{unit}, but written "{other[0]}"'
    shown = ", ".join(dict.fromkeys(t for t, _ in said[:5])) or "none"
    return False, f"has no {wanted.value}{unit}; its figures: {shown}"


def _beside(text: str, found: re.Match) -> set[str]:
    before = re.search(rf"({CURRENCY})[{SPACES}]?$", text[: found.start()])
    after = re.match(rf"[{SPACES}]?({CURRENCY})(?!\w)", text[found.end() :])
    return {SIGNS.get(m[1], m[1]) for m in (before, after) if m}


@dataclass(frozen=True)
class Day:
    """A day wanted, with the locale whose forms an answer may use."""

    day: dt.date
    locale: str


def date(typed: Typed) -> Day:
    """A day as typed: 2026-11-24, 24.11.2026 (de), 11/24/2026 (en_US)."""
    text, name, _ = _cut(typed)
    found = NUMERIC_DATE.fullmatch(text)
    days = _days(found, name) if found else set()
    if not days:
        raise ValueError(f'"{text}" is no day; expected like 2026-11-24 or 24.11.2026 (de)')
    if len(days) > 1:
        raise ValueError(f'"{text}" is ambiguous: day or month first? Write it like 2026-11-24')
    return Day(days.pop(), name)


def _days(found: re.Match, name: str) -> set[dt.date]:
    """Every day that digits can mean: one, if a locale or their order says which."""
    a, sign, b, c = int(found[1]), found[2], int(found[3]), int(found[4])
    if len(found[1]) == 4:
        orders = [(a, b, c)]
    else:
        year = c + 2000 if len(found[4]) == 2 else c
        american = name.replace("-", "_") in MONTH_FIRST
        both = sign == "/" and not name
        orders = [(year, a, b)] if american else [(year, b, a)]
        orders += [(year, a, b)] if both else []
    return {day for order in orders if (day := _day(*order))}


def _day(year: int, month: int, day: int) -> dt.date | None:
    try:
        return dt.date(year, month, day)
    except ValueError:
        return None


def has_date(wanted: Day, reply: Reply) -> Judged:
    """Whether the day stands in the answer: in digits, or with its month's name."""
    read_as = [(m[0], _days(m, wanted.locale)) for m in NUMERIC_DATE.finditer(reply.text)]
    if any(days == {wanted.day} for _, days in read_as) or _named(wanted, reply.text):
        return True, f"has {wanted.day}"
    for text, days in read_as:
        if wanted.day in days:
            return False, f'has "{text}", which may be another day: the locale is not said'
    return (
        False,
        f"has no {wanted.day}; its dates: {', '.join(t for t, _ in read_as[:5]) or 'none'}",
    )


def _named(wanted: Day, text: str) -> bool:
    day = wanted.day
    locale = locale_of(wanted.locale or "en")
    names = {get_month_names(w, c, locale)[day.month].strip(".")
             for w in ("wide", "abbreviated") for c in ("format", "stand-alone")}  # fmt: skip
    name = "(?:" + "|".join(map(re.escape, sorted(names, key=len, reverse=True))) + r")\.?"
    gap = r"[\s,]*(?:de\s+|del\s+)?"
    forms = rf"\b0?{day.day}(?:\.|º|er|st|nd|rd|th)?{gap}{name}{gap}{day.year}\b"
    turned = rf"\b{name}\s+0?{day.day}(?:st|nd|rd|th)?,?\s+{day.year}\b"
    return bool(re.search(f"{forms}|{turned}", text, re.I))


KINDS = (
    Kind("number", "number: 1234,56 ± 1 %", "It has this number, written as the locale does.",
         number, has_number),
    Kind("amount", "amount: 1.234,56 EUR (de)", "It has this amount with its currency.",
         amount, has_number),
    Kind("date", "date: 24.11.2026 (de)", "It has this day, in digits or with the month's name.",
         date, has_date),
)  # fmt: skip
