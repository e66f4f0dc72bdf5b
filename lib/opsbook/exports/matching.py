"""Which column of an export means what: by its name first, then by what it holds.

A name alone convinces nobody: values that are no times, no numbers or no outcomes refuse it.
"""

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from difflib import SequenceMatcher
from typing import Literal

from opsbook.exports import synonyms
from opsbook.exports.cells import EMPTY, masked
from opsbook.exports.mapping import outcome
from opsbook.schema import OUTPUT_CLASSES
from opsbook.settings import MAPPED, MODELS

CERTAIN, LIKELY, ASSUMED, MISSING = "certain", "likely", "assumed", "missing"
CHOSEN = "chosen"
Sure = Literal["certain", "likely", "assumed", "missing"]
SURE_FROM, LIKELY_FROM, NAMED_FROM, ALIKE_FROM, ALIKE_LETTERS = 0.95, 0.74, 0.62, 0.87, 5
INSIDE_LETTERS = 3
"""How near a column's name must come to a known one, 0 to 1; shorter words are alike by chance."""
LEAVES, DEEPEST = 100, 3
"""Values inside JSON objects that are looked at, and how deep they may lie."""
MOST = 0.9
"""The share of a column's values that must be what its name says; a few may be broken."""
CODES = re.compile(r"[A-Za-z]{3}")
ISO = re.compile(r"\d{4}-\d\d-\d\d(?:[T ](\d\d:\d\d)(?::\d\d(?:[.,]\d+)?)?)?")
ZONED = re.compile(r"(:\d\d(?:[.,]\d+)?)(?:Z| ?UTC| ?[+-]\d\d(?::?\d\d)?)$")
DATED = re.compile(r"(\d{1,2})([./])(\d{1,2})\2(?:\d{4}|\d\d)(?: (\d{1,2}:\d\d)(?::\d\d)?)?")
EPOCH = re.compile(r"1\d{9}(?:\d{3})?(?:\.\d+)?|1(?:\.\d+)?[eE]\+?(?:09|9|12)")
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
    """The first rows of an export: a header and, per column, the values that are there.

    `within` names the column of JSON objects that a column like usage.prompt_tokens lies in.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    within: dict[str, str] = field(default_factory=dict)

    def values(self, name: str) -> list[str]:
        """A column's values without what stands for none."""
        place = self.header.index(name)
        texts = (row[place].strip() for row in self.rows if place < len(row))
        return [t for t in texts if t.lower() not in EMPTY]

    def together(self, *columns: str) -> list[tuple[float, ...]]:
        """The rows in which all of these columns hold a plain number."""
        places = [self.header.index(c) for c in columns]
        cells = [[r[p].strip() for p in places] for r in self.rows if len(r) > max(places)]
        return [tuple(map(float, c)) for c in cells if all(map(is_plain, c))]


def sample(header: Iterable[str], rows: Iterable[Iterable[object]]) -> Sample:
    """A header and rows as a sample; columns that no settings file could name are left out."""
    names = [str(h) for h in header]
    good = [i for i, n in enumerate(names) if _writable(n) and n not in names[:i]]
    lines = [["" if c is None else str(c) for c in row] for row in rows]
    kept = tuple(tuple(line[i] for i in good if i < len(line)) for line in lines)
    return _unfolded(Sample(tuple(names[i] for i in good), kept))


def _unfolded(flat: Sample) -> Sample:
    """The sample with a column more for each value inside a column of JSON objects."""
    inside = [{} for _ in flat.rows]
    within: dict[str, str] = {}
    for place, name in enumerate(flat.header):
        cells = [row[place] if place < len(row) else "" for row in flat.rows]
        for found, leaves in zip(inside, map(_leaves, cells), strict=True):
            told = {f"{name}.{path}": v for path, v in leaves.items()}
            found.update({k: v for k, v in told.items() if _writable(k) and k not in flat.header})
            within.update(dict.fromkeys(found.keys() - within.keys(), name))
    more = list(within)[:LEAVES]
    width = len(flat.header)
    rows = zip(flat.rows, inside, strict=True)
    whole = tuple(
        (*row, *[""] * (width - len(row)), *(found.get(m, "") for m in more)) for row, found in rows
    )
    return Sample((*flat.header, *more), whole, {m: within[m] for m in more})


def _leaves(cell: str) -> dict[str, str]:
    """The values inside a JSON object by their paths, joined by dots; none of another text."""
    if cell[:1] != "{":
        return {}
    try:
        told = json.loads(cell)
    except (ValueError, RecursionError):
        return {}
    return dict(_paths(told, DEEPEST))


def _paths(told: dict, deeper: int) -> Iterator[tuple[str, str]]:
    for name, value in told.items():
        if isinstance(value, dict) and deeper:
            yield from ((f"{name}.{path}", v) for path, v in _paths(value, deeper - 1))
        elif isinstance(value, str | int | float) and "." not in name and '"' not in name:
            yield name, value if isinstance(value, str) else json.dumps(value)


def _writable(name: str) -> bool:
    return bool(name.strip()) and not any("\ud800" <= c <= "\udfff" for c in name)


def is_plain(text: str) -> bool:
    """Whether a text is a number that needs no reading: digits with a point at most."""
    return bool(PLAIN.fullmatch(text)) and "," not in text


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
    return f"holds {quoted(strange[0])}; expected {wanted}"


def _is_time(text: str) -> bool:
    bare = text.strip('"')
    forms = (ISO, DATED, EPOCH)
    return any(f.fullmatch(bare) or f.fullmatch(ZONED.sub(r"\1", bare)) for f in forms)


def _is_number(text: str) -> bool:
    bare = bare_number(text)
    return bool(PLAIN.fullmatch(bare) or COMMAS.fullmatch(bare))


def bare_number(text: str) -> str:
    """A number without currency signs, and what people set between thousands."""
    return re.sub(r"[$€£\s\u00a0\u202f'’]", "", text)


def _is_share(text: str) -> bool:
    bare = bare_number(text).replace(",", ".")
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


def quoted(text: str) -> str:
    """A value as a message may show it: masked, short, on one line."""
    plain = "".join(c if c.isprintable() else "�" for c in masked(text))
    return f'"{plain[:40]}{"…" * (len(plain) > 40)}"'


def columns(given: Sample, chosen: dict[str, str]) -> tuple[list[Line], list[str]]:
    """A line per column of calls that was found, each column used once; and what does not fit."""
    lines = {
        n: Line(n, c, CERTAIN, CHOSEN)
        for n, c in chosen.items()
        if n in MAPPED and c in given.header
    }
    closed = {*chosen, *(MODELS if "model" in chosen else ())}
    notes = _by_name(given, lines, closed)
    for line in _by_values(given, lines):
        if line.name not in closed:
            lines[line.name] = line
    found = _one_model(lines, chosen)
    told = [note for name, note in notes.items() if name not in found]
    if not {*MODELS} & (found.keys() | chosen.keys()):
        told.append("model: no column names it; nothing can be priced or told apart by model.")
    return [found[n] for n in MAPPED if n in found], told


def _by_name(given: Sample, lines: dict[str, Line], closed: set[str]) -> dict[str, str]:
    """Lines added for the columns found by their names; notes on those that hold other things."""
    notes = {}
    for match in matches(given):
        used = {line.value for line in lines.values()}
        if match.name in closed or match.name in lines or match.column in used:
            continue
        values = given.values(match.column)
        why_not = unfit(match.name, values)
        if not why_not:
            lines[match.name] = _named(match, bool(values))
        elif match.nearness > SURE_FROM:
            named = f"{match.name}: {quoted(match.column)} is named so, but {why_not}."
            notes.setdefault(match.name, named)
    return notes


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
