"""A mapping proposed for an export that no reader knows, from its header and its first rows.

Each line says what it was concluded from and how sure that is. What a file does not say is asked
or assumed in so many words, never silently guessed. Text in, lines out.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from difflib import SequenceMatcher
from statistics import median
from typing import Literal

from babel.numbers import get_decimal_symbol

from opsbook.exports import synonyms
from opsbook.exports.mapping import outcome
from opsbook.exports.reading import EMPTY, masked
from opsbook.schema import OUTPUT_CLASSES
from opsbook.settings import CONSTANT, MAPPED, MODELS, Mapping

CERTAIN, LIKELY, ASSUMED, MISSING = "certain", "likely", "assumed", "missing"
Sure = Literal["certain", "likely", "assumed", "missing"]
SURE_FROM, LIKELY_FROM, NAMED_FROM, ALIKE_FROM, ALIKE_LETTERS = 0.95, 0.74, 0.62, 0.87, 5
INSIDE_LETTERS = 3
"""How near a column's name must come to a known one, 0 to 1; shorter words are alike by chance."""
MOST = 0.9
"""The share of a column's values that must be what its name says; a few may be broken."""
CODES, WORDS_AT_MOST = re.compile(r"[A-Za-z]{3}"), 12
ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ](\d\d:\d\d)(?::\d\d(?:[.,]\d+)?)?)?")
ZONED = re.compile(r"(:\d\d(?:[.,]\d+)?)(?:Z| ?UTC| ?[+-]\d\d(?::?\d\d)?)$")
DATED = re.compile(r"(\d{1,2})([./])(\d{1,2})\2(?:\d{4}|\d\d)(?: (\d{1,2}:\d\d)(?::\d\d)?)?")
EPOCH = re.compile(r"1\d{9}(?:\d{3})?(?:\.\d+)?|1(?:\.\d+)?[eE]\+?(?:09|9|12)")
CLOCK = re.compile(r"\d{1,2}:\d\d(?::\d\d)?")
SIGNED = re.compile(r"[$€£]")
PLAIN = re.compile(r"-?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?|-?[1-9]\d{0,2}(?:,\d{3})+(?:\.\d+)?")
COMMAS = re.compile(r"-?(?:\d+,?\d*|,\d+)(?:[eE][+-]?\d+)?|-?[1-9]\d{0,2}(?:\.\d{3})+(?:,\d+)?")
VENDORS = {
    "openai": r"gpt-|o[134](?:-|$)|text-embedding-|chatgpt", "anthropic": r"claude",
    "google": r"gemini", "cohere": r"command-|embed-", "deepseek": r"deepseek",
    "mistral": r"(?:open-)?(?:mi[sx]tral|ministral|magistral|codestral|pixtral|devstral|voxtral)",
}  # fmt: skip
MODEL = re.compile("|".join([*VENDORS.values(), "llama", "qwen", "grok", "phi-", "gemma", "nova"]))
COUNTS = (
    "requests", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens",
    "reasoning_tokens",
)  # fmt: skip
NUMBERS = (*COUNTS, "cost", "latency_ms", "quality")


@dataclass(frozen=True)
class Line:
    """One line of a mapping: what is set, to what, how sure that is and why.

    `name` is a column of calls, or the setting's own: zone, units.cost, constants.currency,
    status.succeeded.
    """

    name: str
    value: str
    sure: Sure
    reason: str


@dataclass(frozen=True)
class Sample:
    """The first rows of an export: a header and, per column, the values that are there."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def values(self, name: str) -> list[str]:
        """A column's values without what stands for none."""
        place = self.header.index(name)
        texts = (row[place].strip() for row in self.rows if place < len(row))
        return [t for t in texts if t.lower() not in EMPTY]

    def together(self, *columns: str) -> list[tuple[float, ...]]:
        """The rows in which all of these columns hold a plain number."""
        places = [self.header.index(c) for c in columns]
        cells = [[r[p].strip() for p in places] for r in self.rows if len(r) > max(places)]
        return [tuple(map(float, c)) for c in cells if all(map(_finite, c))]


def sample(header: Iterable[str], rows: Iterable[Iterable[object]]) -> Sample:
    """A header and rows as a sample; columns that no settings file could name are left out."""
    names = [str(h) for h in header]
    good = [i for i, n in enumerate(names) if _writable(n) and n not in names[:i]]
    lines = [["" if c is None else str(c) for c in row] for row in rows]
    kept = tuple(tuple(line[i] for i in good if i < len(line)) for line in lines)
    return Sample(tuple(names[i] for i in good), kept)


def _writable(name: str) -> bool:
    return bool(name.strip()) and not any("\ud800" <= c <= "\udfff" for c in name)


def _finite(text: str) -> bool:
    return bool(PLAIN.fullmatch(text)) and "," not in text


# Which column means what


@dataclass(frozen=True)
class Match:
    """A column of the export for a column of calls: how near its name is, 0 to 1, and to what."""

    name: str
    column: str
    nearness: float
    like: str


def matches(given: Sample) -> list[Match]:
    """Every column of the export for every column of calls it may mean, the nearest name first."""
    found = [_match(name, column) for name in MAPPED for column in given.header]
    return sorted((m for m in found if m.nearness > NAMED_FROM), key=lambda m: -m.nearness)


def _match(name: str, column: str) -> Match:
    known = synonyms.COLUMNS[name].split("|")
    otherwise = frozenset(synonyms.OTHERWISE.get(name, "").split("|"))
    scores = [_nearness(k, column, otherwise) - i / 1000 for i, k in enumerate(KNOWN[name])]
    best = max(range(len(known)), key=lambda i: scores[i])
    priced = name == "cost" and bool({*synonyms.words(column)} & synonyms.CURRENCIES.keys())
    return Match(name, column, scores[best] + priced / 2000, known[best])


def _nearness(known: tuple[str, ...], column: str, otherwise: frozenset[str]) -> float:
    """How near a column's name is to a known one: the same, more words, or spelt alike."""
    own = synonyms.told(column)
    joined, whole = "".join(known), "".join(own)
    if joined in (whole, "".join(synonyms.words(column))):
        return 1.0
    if otherwise & (set(own) - set(known)):
        return 0.0
    if set(known) <= set(own) and len(joined) >= INSIDE_LETTERS:
        return 0.6 + 0.3 * len(known) / len(own)
    if min(len(joined), len(whole)) < ALIKE_LETTERS:
        return 0.0
    ratio = SequenceMatcher(None, joined, whole, autojunk=False).ratio()
    return 0.85 * ratio if ratio >= ALIKE_FROM else 0.0


KNOWN = {name: synonyms.names(listed) for name, listed in synonyms.COLUMNS.items()}


def unfit(name: str, values: Sequence[str]) -> str:
    """What a column of these values lacks to be this column of calls; "" when nothing."""
    test, wanted = TESTS.get(name, (_some_text, "words"))
    strange = [v for v in values if not test(v)]
    if len(strange) <= (1 - MOST) * len(values):
        return ""
    return f"holds {_quoted(strange[0])}; expected {wanted}"


def _is_time(text: str) -> bool:
    bare = text.strip('"')
    forms = (ISO, DATED, EPOCH)
    return any(f.fullmatch(bare) or f.fullmatch(ZONED.sub(r"\1", bare)) for f in forms)


def _is_number(text: str) -> bool:
    bare = _bare(text)
    return bool(PLAIN.fullmatch(bare) or COMMAS.fullmatch(bare))


def _bare(text: str) -> str:
    """A number without currency signs, and what people set between thousands."""
    return re.sub(r"[$€£\s\u00a0\u202f'’]", "", text)


def _is_share(text: str) -> bool:
    bare = _bare(text).replace(",", ".")
    return bool(PLAIN.fullmatch(bare)) and 0 <= float(bare) <= 1


def _some_text(text: str) -> bool:
    return text[:1] not in "{[" and len(text) < 200


def _some_name(text: str) -> bool:
    return _some_text(text) and not _is_number(text) and not _is_time(text)


TESTS = {
    "ts": (_is_time, "times like 2026-11-23T14:00:00Z"),
    **dict.fromkeys(NUMBERS, (_is_number, "numbers")),
    "quality": (_is_share, "scores from 0 to 1"),
    "currency": (lambda t: bool(CODES.fullmatch(t)), "codes like EUR"),
    "status": (lambda t: outcome(t) is not None, "outcomes like success, error or 429"),
    "output_class": (lambda t: t.lower() in OUTPUT_CLASSES, ", ".join(OUTPUT_CLASSES)),
    **dict.fromkeys((*MODELS, "provider"), (_some_name, "names")),
}


def _quoted(text: str) -> str:
    """A value as a message may show it: masked, short, on one line."""
    plain = "".join(c if c.isprintable() else "�" for c in masked(text))
    return f'"{plain[:40]}{"…" * (len(plain) > 40)}"'


def columns(given: Sample, chosen: dict[str, str]) -> tuple[list[Line], list[str]]:
    """A line per column of calls that was found, each column used once; and what does not fit."""
    lines = {n: Line(n, c, CERTAIN, "chosen") for n, c in chosen.items() if c in given.header}
    closed, notes = {*chosen}, []
    for match in matches(given):
        used = {line.value for line in lines.values()}
        if match.name in closed or match.name in lines or match.column in used:
            continue
        why_not = unfit(match.name, given.values(match.column))
        if not why_not:
            lines[match.name] = _named(match, bool(given.values(match.column)))
        elif match.nearness > SURE_FROM:
            notes.append(f"{match.name}: {_quoted(match.column)} is named so, but {why_not}.")
    by_value = [line for line in _by_values(given, lines) if line.name not in closed]
    found = _one_model({**lines, **{line.name: line for line in by_value}}, chosen)
    notes = [n for n in notes if n.partition(":")[0] not in found]
    if not found.keys() & {*MODELS}:
        notes.append("model: no column names it; nothing can be priced or told apart by model.")
    return [found[n] for n in MAPPED if n in found], notes


def _named(match: Match, checked: bool) -> Line:
    """The line of a column found by its name; without values, nothing is certain."""
    same = match.nearness > SURE_FROM
    reason = f"named {'so' if same else 'like'}: {match.like}"
    reason += "" if checked else "; the first rows hold no value to check"
    near = LIKELY if match.nearness > LIKELY_FROM else ASSUMED
    return Line(match.name, match.column, CERTAIN if same and checked else near, reason)


def _by_values(given: Sample, lines: dict[str, Line]) -> list[Line]:
    """The time and the model by what a column holds, where no name told them."""
    tests = {
        "ts": (lambda t: _is_time(t) and not EPOCH.fullmatch(t), "the only times"),
        "model": (lambda t: bool(MODEL.match(t.lower())), "models by their names"),
    }
    used = {line.value for line in lines.values()}
    found = []
    for name, (test, what) in tests.items():
        free = [c for c in given.header if c not in used and (v := given.values(c))
                and all(map(test, v))]  # fmt: skip
        if name not in lines and len(free) == 1 and not (name == "model" and lines.keys() & MODELS):
            found.append(Line(name, free[0], ASSUMED, f"not by its name, but it holds {what}"))
    return found


def _one_model(lines: dict[str, Line], chosen: dict[str, str]) -> dict[str, Line]:
    """A model beside one that was asked for or that answered is the other of the two."""
    pair = {"request_model": "served_model", "served_model": "request_model"}
    told = [n for n in pair if n in lines]
    if "model" not in lines or not told:
        return lines
    others = {n: line for n, line in lines.items() if n != "model"}
    other = pair[told[0]]
    if len(told) > 1 or other in chosen:
        return others
    return others | {other: replace(lines["model"], name=other)}


# How its values are written


def decimal(values: Sequence[str], semicolons: bool, locale: str) -> Line | None:
    """Which sign parts a number's fraction; None where no number has a sign."""
    bare = [b for b in map(_bare, values) if "." in b or "," in b]
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
    counted = any(_bare(c) not in ("1", "1.0", "1,0") for c in counts)
    plural = ", and rows count several requests" if counted else ""
    if not seconds:
        return Line("bucket", "call", ASSUMED, "no row tells")
    if not any(seconds):
        aside = f"; the time of day in {_quoted(clock)} is not read" if clock else ""
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
    sizes = [float(_bare(v).replace(",", ".")) for v in values if _finite(_bare(v))]
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
    if values and not any(re.search(r"[.,]", v) or _bare(v) == "0" for v in values):
        asked = "all are whole numbers: cents, or perhaps no cost at all?"
        return Line("units.cost", "units", ASSUMED, asked)
    return Line("units.cost", "units", LIKELY, "the column's name says nothing of cents")


def tokens_unit(counts: Sequence[str], values: Sequence[str]) -> Line:
    """Single tokens unless the columns' names say thousands or millions."""
    unit = next((u for c in counts if (u := _unit(c, synonyms.TOKENS))), "")
    if unit:
        return Line("units.tokens", unit, CERTAIN, "the column's name says so")
    broken = [b for b in map(_bare, values) if re.fullmatch(r"\d+[.,](?!\d{3}$)\d*[1-9]", b)]
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
        return Line("constants.currency", named[0], CERTAIN, f"{_quoted(column)} says so")
    signs = {s for v in values for s in SIGNED.findall(v)}
    if len(signs) == 1:
        (sign,) = signs
        code = synonyms.CURRENCIES[sign]
        return Line("constants.currency", code, LIKELY, f"the sign {sign}")
    asked = f"no column, name or sign tells the currency of {_quoted(column)}"
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
        return Line(name, "false", CERTAIN, f"{_quoted(whole)} says so")
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
    name, by = "input_tokens_include_cache", f"{_quoted(total)} is input and output"
    if cached and all(r[0] == sum(r[1:]) for r in cached):
        return Line(name, "false", CERTAIN, f"{by} and the cached ones")
    if cached and all(r[0] == sum(r[1:3]) for r in cached):
        return Line(name, "true", LIKELY, f"{by} without the cached ones")
    return None


# The whole proposal


@dataclass(frozen=True)
class Proposal:
    """A mapping as proposed: a line for each thing set, and what does not fit.

    `draft` is what the settings file will say; it is a `Mapping` once nothing is missing.
    """

    id: str
    title: str
    lines: tuple[Line, ...]
    notes: tuple[str, ...]
    header: tuple[str, ...]

    @property
    def missing(self) -> tuple[Line, ...]:
        """What only a person can say."""
        return tuple(line for line in self.lines if line.sure == MISSING)

    @property
    def draft(self) -> dict:
        """The mapping as the settings file holds it, without what is missing."""
        draft: dict = {"id": self.id, "title": self.title, "header": list(self.header)}
        for line in self.lines:
            place, _, rest = line.name.partition(".")
            if line.sure == MISSING:
                continue
            if line.name in MAPPED:
                draft.setdefault("columns", {})[line.name] = line.value
            elif rest:
                draft.setdefault(place, {})[rest] = line.value
            else:
                draft[line.name] = _typed(line)
        return draft

    @property
    def mapping(self) -> Mapping:
        """The mapping, checked; a ValidationError says what is wrong with it."""
        return Mapping.model_validate(self.draft)

    def text(self) -> str:
        """The draft as TOML, each line with how sure it is and why; read back it is the draft."""
        by_name = {line.name: line for line in self.lines}
        draft = self.draft
        top = {k: v for k, v in draft.items() if not isinstance(v, dict)}
        lines = ["[[mapping]]", *(_toml(k, v, by_name.get(k)) for k, v in top.items())]
        for place, table in ((k, v) for k, v in draft.items() if isinstance(v, dict)):
            prefix = "" if place == "columns" else f"{place}."
            lines += ["", f"[mapping.{place}]"]
            lines += [_toml(k, v, by_name.get(f"{prefix}{k}")) for k, v in table.items()]
        return "\n".join(lines) + "\n"


def _typed(line: Line) -> object:
    if line.name == "key":
        return [line.value] if line.value else []
    return line.value == "true" if line.name == "input_tokens_include_cache" else line.value


def _toml(key: str, value: object, line: Line | None) -> str:
    """One key of a TOML file, with why it is so as a comment."""
    bare = key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else toml_text(key)
    if isinstance(value, list):
        written = "[" + ", ".join(map(toml_text, value)) + "]"
    else:
        written = toml_text(value) if isinstance(value, str) else json.dumps(value)
    if line is None:
        return f"{bare} = {written}"
    why = "".join(c if c.isprintable() else "�" for c in f"{line.sure}: {line.reason}")
    return f"{bare} = {written}  # {why}"


def toml_text(text: str) -> str:
    """A text as a TOML string: JSON's, with the one control sign that JSON leaves."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


@dataclass(frozen=True)
class About:
    """What is known besides the file: its name, the company's zone and locale, the separator."""

    name: str = "export"
    zone: str = "UTC"
    locale: str = "en_GB"
    month_first: bool = False
    semicolons: bool = False
    taken: frozenset[str] = frozenset()


def propose(given: Sample, about: About, chosen: dict[str, str] | None = None) -> Proposal:
    """The mapping that a file's header and first rows suggest.

    `chosen` holds what a person has said, by the names that lines have: a column of the file, a
    word for the whole file, a setting, or "" for nothing; all else follows from it.
    """
    said = chosen or {}
    mapped, notes = columns(given, said)
    found = {line.name: line.value for line in mapped}
    set_by_hand = [_by_hand(n, v) for n, v in said.items() if v and n not in found]
    told = {line.name for line in set_by_hand} | {n for n, v in said.items() if not v}
    concluded = [line for line in _settings(given, about, found, told) if line.name not in told]
    lines = [*_lacking(found, told), *mapped, *concluded, *set_by_hand]
    in_file = [h for h in given.header if h in found.values()]
    return Proposal(
        id=said.get("id") or _free_id(about.name, about.taken),
        title=said.get("title") or _title(about.name),
        lines=tuple(line for line in lines if line.name not in ("id", "title")),
        notes=tuple(notes),
        header=tuple(in_file),
    )


def _by_hand(name: str, value: str) -> Line:
    """What a person set that is no column: a word for the whole file, or a setting."""
    return Line(f"constants.{name}" if name in CONSTANT else name, value, CERTAIN, "chosen")


def _lacking(found: dict[str, str], told: set[str]) -> list[Line]:
    """What a mapping cannot do without and nothing tells."""
    named = {*found, *(t.removeprefix("constants.") for t in told)}
    lines = []
    if "ts" not in found:
        lines.append(Line("ts", "", MISSING, "no column holds times; which one tells when?"))
    if not named & {*MODELS, "cost"}:
        asked = "no column names the model, and none holds a cost; one of them is needed"
        lines.append(Line("model", "", MISSING, asked))
    return lines


def _settings(given: Sample, about: About, found: dict[str, str], told: set[str]) -> Iterable[Line]:
    """The lines on how values are written, from the columns found."""

    def values(*names: str) -> list[str]:
        return [v for n in names if n in found for v in given.values(found[n])]

    times = values("ts")
    yield from _some(decimal(values(*NUMBERS), about.semicolons, about.locale))
    yield from _some(dates(times, about.month_first, about.locale))
    if "ts" in found:
        yield zone(found["ts"], times, about.zone)
        yield bucket(times, values("requests"), _clock(given, found))
    if "latency_ms" in found:
        yield latency_unit(found["latency_ms"], values("latency_ms"))
    if "cost" in found:
        yield cost_unit(found["cost"], values("cost"))
    if "cost" in found and "currency" not in found and "constants.currency" not in told:
        yield currency(found["cost"], values("cost"))
    counts = [n for n in COUNTS if n in found and n != "requests"]
    if counts:
        yield tokens_unit([found[n] for n in counts], values(*counts))
    yield from _some(cache(given, found))
    yield from _vendor(values(*MODELS), found)
    words = dict.fromkeys(values("status"))
    yield from (Line(f"status.{w}", s, LIKELY, "as it is called") for w in words
                if (s := outcome(w)) and s != w and not w[:1].isdigit())  # fmt: skip
    yield _key(given)


def _some(line: Line | None) -> list[Line]:
    return [line] if line else []


def _clock(given: Sample, found: dict[str, str]) -> str:
    """A column that holds nothing but times of day; "" where there is none."""
    free = (h for h in given.header if h not in found.values())
    clocks = (h for h in free if (v := given.values(h)) and all(map(CLOCK.fullmatch, v)))
    return next(clocks, "")


def _vendor(models: Sequence[str], found: dict[str, str]) -> list[Line]:
    """The provider, where no column names it and all models are of one."""
    if "provider" in found or not models:
        return []
    of = [v for v, p in VENDORS.items() if all(re.match(p, m.lower()) for m in models)]
    return [Line("constants.provider", v, LIKELY, "all models are its own") for v in of]


def _key(given: Sample) -> Line:
    """The column that names a row across exports; "" where all mapped columns together must."""
    known = [synonyms.words(k) for k in synonyms.KEYS.split("|")]
    ids = [h for k in known for h in given.header if synonyms.words(h) == k]
    for column in ids:
        values = given.values(column)
        if values and len(set(values)) == len(values) == len(given.rows):
            return Line("key", column, LIKELY, "it differs in each row")
    return Line("key", "", ASSUMED, "no column names a row: all that are mapped together do")


def _free_id(name: str, taken: frozenset[str]) -> str:
    """A source's id after a file's name, without its dates, and not one that there is."""
    plain = "-".join(w for w in synonyms.words(name) if w.isascii() and not w.isdigit())
    plain = re.sub(r"[^a-z0-9-]", "", plain)[:40].strip("-") or "export"
    numbered = (f"{plain}-{n}" for n in range(2, len(taken) + 3))
    return next(i for i in (plain, *numbered) if i not in taken)


def _title(name: str) -> str:
    plain = "".join(c if c.isprintable() and _writable(c + "x") else " " for c in masked(name))
    return " ".join(re.sub(r"[_-]+", " ", plain).split())[:60] or "Export"


def with_mapping(before: str, proposal: Proposal) -> str:
    """A settings file's text with the proposal at its end; what stood there stays as it is."""
    after = f"{before.rstrip()}\n\n" if before.strip() else ""
    text = after + "# Proposed by `opsbook map`; each line says why.\n" + proposal.text()
    tomllib.loads(text)
    return text
