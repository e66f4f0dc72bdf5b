"""How the values of an export are written: decimals, dates, zone, units, currency, cached tokens.

Each answer is a line that says what it was concluded from; what the values do not tell is assumed
in so many words, or missing.
"""

import re
from collections.abc import Sequence
from statistics import median

from babel.numbers import get_decimal_symbol

from opsbook.exports import synonyms
from opsbook.exports.matching import (
    ASSUMED,
    CERTAIN,
    COMMAS,
    DATED,
    EPOCH,
    ISO,
    LIKELY,
    MISSING,
    PLAIN,
    ZONED,
    Line,
    Sample,
    bare_number,
    is_plain,
    quoted,
)

SIGNED = re.compile(r"[$€£]")


def decimal(values: Sequence[str], semicolons: bool, locale: str) -> Line | None:
    """Which sign parts a number's fraction; None where no number has a sign."""
    bare = [b for b in map(bare_number, values) if "." in b or "," in b]
    commas = [b for b in bare if not PLAIN.fullmatch(b)]
    points = [b for b in bare if not COMMAS.fullmatch(b)]
    style = "comma" if len(commas) > len(points) else "point"
    if commas and points:
        both = f"{len(commas)} numbers like {commas[0]}, {len(points)} like {points[0]}"
        return Line("decimal", style, ASSUMED, f"{both}; the fewer are set aside")
    if commas or points:
        return Line("decimal", style, CERTAIN, f"as in {(commas or points)[0]}")
    comma = semicolons or get_decimal_symbol(locale) == ","
    style = "comma" if comma else "point"
    by = "semicolons part the columns" if semicolons else f"so the company writes ({locale})"
    if bare:
        return Line("decimal", style, ASSUMED, f"{bare[0]} can be read both ways; {by}")
    return Line("decimal", style, ASSUMED, f"no number has a fraction; {by}") if values else None


def dates(times: Sequence[str], month_first: bool, locale: str) -> Line | None:
    """Whether 3/4/2026 is in April or in March; None where no time is written so."""
    written = [d for t in times if (d := DATED.fullmatch(t)) and d[2] == "/"]
    days = [d[0] for d in written if int(d[1]) > 12]  # no thirteenth month
    months = [d[0] for d in written if int(d[3]) > 12]
    order = "month first" if len(months) > len(days) else "day first"
    if days and months:
        both = f"{days[0]} has the day first, {months[0]} the month"
        return Line("dates", order, ASSUMED, f"{both}; the fewer are set aside")
    if days or months:
        return Line("dates", order, CERTAIN, f"as in {(days or months)[0]}")
    if not written:
        return None
    order = "month first" if month_first else "day first"
    reason = f"{written[0][0]} can be read both ways; so the company writes ({locale})"
    return Line("dates", order, ASSUMED, reason)


def zone(column: str, times: Sequence[str], company: str) -> Line:
    """The zone of times that name none."""
    told = [t for t in times if EPOCH.fullmatch(t) or ZONED.search(t)]
    if times and len(told) == len(times):
        return Line("zone", "UTC", CERTAIN, f"each time tells its own, as in {told[0]}")
    if {*synonyms.words(column)} & {*synonyms.ZONES}:
        return Line("zone", "UTC", CERTAIN, "the column's name says so")
    return Line("zone", company, ASSUMED, "the times name no zone; it is the company's")


def bucket(times: Sequence[str], counts: Sequence[str], clock: str = "") -> Line:
    """Whether a row is a call or a total, from its times and from how many requests it counts.

    `clock` names a column that holds nothing but times of day.
    """
    seconds = [_second_of_day(t.strip('"')) for t in times]
    counted = any(bare_number(c) not in ("1", "1.0", "1,0") for c in counts)
    plural = ", and rows count several requests" if counted else ""
    if not seconds:
        return Line("bucket", "call", ASSUMED, "no row tells")
    if not any(seconds):
        aside = f"; the time of day in {quoted(clock)} is not read" if clock else ""
        sure = CERTAIN if counted else ASSUMED if clock else LIKELY
        return Line("bucket", "day", sure, f"all times are at midnight{plural}{aside}")
    if not any(s % 3600 for s in seconds) and (counted or len(set(times)) > 2):
        sure = CERTAIN if counted else LIKELY
        return Line("bucket", "hour", sure, f"all times are at a full hour{plural}")
    if not counted:
        return Line("bucket", "call", CERTAIN, "times are those of single calls")
    if not any(s % 60 for s in seconds):
        return Line("bucket", "minute", LIKELY, f"all times are at a full minute{plural}")
    return Line("bucket", "call", ASSUMED, "times are at no full minute, yet rows count several")


def _second_of_day(time: str) -> int:
    """Seconds after midnight, as written."""
    if EPOCH.fullmatch(time):
        value = float(time)
        return int(value if value < 1e11 else value / 1000) % 86400
    bare = ZONED.sub(r"\1", time)
    clock = next((f[g] for r, g in ((ISO, 1), (DATED, 4)) if (f := r.fullmatch(bare))), None)
    if not clock:
        return 0
    hour, minute = clock.split(":")
    rest = re.search(r":\d\d:(\d\d)", bare)
    return int(hour) * 3600 + int(minute) * 60 + int(rest[1] if rest else 0)


def latency_unit(column: str, values: Sequence[str]) -> Line:
    """Milliseconds, seconds or minutes: as the name says, else as large as the values are."""
    unit = _unit(column, synonyms.LATENCY)
    if unit:
        return Line("units.latency", unit, CERTAIN, "the column's name says so")
    sizes = [float(bare_number(v).replace(",", ".")) for v in values if is_plain(bare_number(v))]
    middle = median(sizes) if sizes else 0.0
    if middle >= 200:  # two hundred seconds would be long, two hundred milliseconds are usual
        return Line("units.latency", "ms", LIKELY, f"the middle one is {middle:g}")
    fraction = any(s % 1 for s in sizes)
    if sizes and middle < 60 and fraction:
        return Line("units.latency", "s", LIKELY, f"the middle one is {middle:g}, with fractions")
    return Line("units.latency", "ms", ASSUMED, "neither the name nor the values tell")


def _unit(column: str, units: dict[str, tuple[str, ...]]) -> str:
    own = synonyms.words(column)
    return next((u for u, named in units.items() if {*own[1:]} & {*named}), "")


def cost_unit(column: str, values: Sequence[str]) -> Line:
    """Whole units of the currency unless the column's name says otherwise."""
    unit = _unit(column, synonyms.COST)
    if unit:
        return Line("units.cost", unit, CERTAIN, "the column's name says so")
    if values and not any(re.search(r"[.,]", v) or bare_number(v) == "0" for v in values):
        asked = "all are whole numbers: cents, or perhaps no cost at all?"
        return Line("units.cost", "units", ASSUMED, asked)
    return Line("units.cost", "units", LIKELY, "the column's name says nothing of cents")


def tokens_unit(counts: Sequence[str], values: Sequence[str]) -> Line:
    """Single tokens unless the columns' names say thousands or millions."""
    unit = next((u for c in counts if (u := _unit(c, synonyms.TOKENS))), "")
    if unit:
        return Line("units.tokens", unit, CERTAIN, "the column's name says so")
    broken = [b for b in map(bare_number, values) if re.fullmatch(r"\d+[.,](?!\d{3}$)\d*[1-9]", b)]
    if broken:
        asked = f"{broken[0]} is no whole number; are they thousands (1k) or millions (1M)?"
        return Line("units.tokens", "1", ASSUMED, asked)
    return Line("units.tokens", "1", LIKELY, "whole numbers")


def currency(column: str, values: Sequence[str]) -> Line:
    """The currency of a cost by its column's name or by the signs in it; missing when untold."""
    named = [synonyms.CURRENCIES[w] for w in synonyms.words(column) if w in synonyms.CURRENCIES]
    code = re.search(r"[(\[_ ]([A-Z]{3})[)\]]?$", column)
    named += [code[1]] if code else []
    if named:
        return Line("constants.currency", named[0], CERTAIN, f"{quoted(column)} says so")
    signs = {s for v in values for s in SIGNED.findall(v)}
    if len(signs) == 1:
        (sign,) = signs
        code = synonyms.CURRENCIES[sign]
        return Line("constants.currency", code, LIKELY, f"the sign {sign}")
    asked = f"no column, name or sign tells the currency of {quoted(column)}"
    return Line("constants.currency", "", MISSING, asked)


def cache(given: Sample, found: dict[str, str]) -> Line | None:
    """Whether input tokens include the cached ones; None where no cache is counted.

    Cached tokens counted twice are the most common cause of wrong cost.
    """
    name = "input_tokens_include_cache"
    parts = [found[n] for n in ("cache_read_tokens", "cache_write_tokens") if n in found]
    if not parts or "input_tokens" not in found:
        return None
    whole = found["input_tokens"]
    above = next((r for r in given.together(whole, *parts) if sum(r[1:]) > r[0]), None)
    if above:
        reason = f"a row has {sum(above[1:]):g} cached and {above[0]:g} of input"
        return Line(name, "false", CERTAIN, reason)
    if {"uncached", "no", "non", "o"} & {*synonyms.words(whole)}:
        return Line(name, "false", CERTAIN, f"{quoted(whole)} says so")
    told = _by_total(given, found, whole, parts)
    asked = "the file does not tell; ask the vendor: false would add the cached ones"
    return told or Line(name, "true", ASSUMED, asked)


def _by_total(
    given: Sample, found: dict[str, str], whole: str, parts: Sequence[str]
) -> Line | None:
    """The same by a column of totals, where its rows add up in one way only."""
    known = [synonyms.words(t) for t in synonyms.TOTALS.split("|")]
    total = next((h for h in given.header if synonyms.told(h) in known), None)
    if total is None or "output_tokens" not in found:
        return None
    rows = given.together(total, whole, found["output_tokens"], *parts)
    cached = [r for r in rows if sum(r[3:])]
    name, by = "input_tokens_include_cache", f"{quoted(total)} is input and output"
    if cached and all(r[0] == sum(r[1:]) for r in cached):
        return Line(name, "false", CERTAIN, f"{by} and the cached ones")
    if cached and all(r[0] == sum(r[1:3]) for r in cached):
        return Line(name, "true", LIKELY, f"{by} without the cached ones")
    return None
