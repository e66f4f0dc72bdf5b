"""A mapping proposed for an export that no reader knows, from its header and its first rows.

Each line says what it was concluded from and how sure that is. What a file does not say is asked
or assumed in so many words, never silently guessed. Text in, lines out.
"""

import json
import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from opsbook.errors import UsageError
from opsbook.exports import synonyms
from opsbook.exports.cells import masked
from opsbook.exports.conventions import (
    bucket,
    cache,
    cost_unit,
    currency,
    dates,
    decimal,
    latency_unit,
    tokens_unit,
    zone,
)
from opsbook.exports.mapping import outcome
from opsbook.exports.matching import (
    ASSUMED,
    CERTAIN,
    CHOSEN,
    COUNTS,
    LIKELY,
    MISSING,
    NUMBERS,
    VENDORS,
    Line,
    Sample,
    _writable,
    columns,
    quoted,
)
from opsbook.settings import CONSTANT, MAPPED, MODELS, Mapping

CLOCK = re.compile(r"\d{1,2}:\d\d(?::\d\d)?")


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
    rest = {n: v for n, v in said.items() if n not in found}
    by_hand = [_by_hand(n, v) for n, v in rest.items() if v]
    concluded = [
        line
        for line in _settings(given, about, found)
        if line.name.removeprefix("constants.") not in rest
    ]
    lines = [*_lacking({*found, *(n for n, v in rest.items() if v)}), *mapped, *concluded, *by_hand]
    used = {*found.values(), *(line.value for line in lines if line.name == "key")}
    return Proposal(
        id=said.get("id") or _free_id(about.name, about.taken),
        title=said.get("title") or _title(about.name),
        lines=tuple(line for line in lines if line.name not in ("id", "title")),
        notes=tuple(notes),
        header=tuple(dict.fromkeys(given.within.get(h, h) for h in given.header if h in used)),
    )


def _by_hand(name: str, value: str) -> Line:
    """What a person set that is no column: a word for the whole file, or a setting."""
    return Line(f"constants.{name}" if name in CONSTANT else name, value, CERTAIN, CHOSEN)


def _lacking(named: set[str]) -> list[Line]:
    """What a mapping cannot do without and nothing tells."""
    lines = []
    if "ts" not in named:
        lines.append(Line("ts", "", MISSING, "no column holds times like 2026-11-23T14:00:00Z"))
    if not named & {*MODELS, "cost"}:
        asked = "no column names the model, and none holds a cost; one of them is needed"
        lines.append(Line("model", "", MISSING, asked))
    return lines


def _settings(given: Sample, about: About, found: dict[str, str]) -> Iterable[Line]:
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
    if "cost" in found and "currency" not in found:
        yield currency(found["cost"], values("cost"))
    counts = [n for n in COUNTS if n in found and n != "requests"]
    if counts:
        yield tokens_unit([found[n] for n in counts], values(*counts))
    yield from _some(cache(given, found))
    yield from _vendor(values(*MODELS), found)
    for word in dict.fromkeys(values("status")):
        yield from _word(word)
    yield _key(given)


def _word(word: str) -> list[Line]:
    """What a word for an outcome means; HTTP's codes and our own words need no line."""
    means = outcome(word)
    known = not means or means == word or word[:1].isdigit()
    return [] if known else [Line(f"status.{word}", means, LIKELY, "as it is called")]


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


def appended(before: str, proposal: Proposal) -> str:
    """A settings file's text with the proposal after it; what stood there stays as it is."""
    gap = "" if not before else "\n" if before.endswith("\n") else "\n\n"
    text = f"{before}{gap}# Proposed by `opsbook map`; each line says why.\n{proposal.text()}"
    tomllib.loads(text.removeprefix("\ufeff"))
    return text


SETTINGS = (
    "id", "title", "zone", "decimal", "dates", "bucket", "key", "input_tokens_include_cache",
    "units.latency", "units.cost", "units.tokens",
)  # fmt: skip
"""What can be chosen besides columns of calls; `status.` and a word as well."""


def choice(text: str, given: Sample) -> tuple[str, str]:
    """A choice written NAME=VALUE; a UsageError says what could have been chosen.

    >>> choice("currency=EUR", Sample((), ()))
    ('currency', 'EUR')
    """
    name, sign, value = (part.strip() for part in text.partition("="))
    if not sign or not (name in (*MAPPED, *SETTINGS) or name.startswith("status.")):
        known = ", ".join((*MAPPED, *SETTINGS))
        raise UsageError(
            f"{quoted(text)} is no choice; expected NAME=VALUE like currency=EUR or ts=Date, the "
            f"name one of {known} or status.WORD. An empty value leaves a column out."
        )
    column = name in MAPPED and value and name not in CONSTANT
    if (column or name == "key") and value and value not in given.header:
        listed = ", ".join(map(quoted, given.header))
        raise UsageError(f"{name}: {quoted(value)} is no column of the file; it has {listed}.")
    return name, value
