"""The runbook, clause by clause: what the system has to do, and what is done of it.

The clauses are data (`clauses.toml`): their text, the rules that judge them, their state, the spec
tests that hold them and the page a reader meets them on. A test keeps the table whole. The spec
tests themselves, as `specs` reads them, are the examples beside the clauses.
"""

import re
import tomllib
from dataclasses import dataclass
from importlib import resources

SECTIONS = {
    "A": "What runs in production",
    "B": "Incidents",
    "C": "Model versions",
    "D": "Cost and capacity",
    "E": "Rhythm",
    "F": "Questions it must answer",
}


@dataclass(frozen=True)
class Clause:
    """One clause: its text, its rules, its state, and where it is tested and shown."""

    id: str
    text: str
    rules: list[str]
    state: str
    tests: list[str]
    page: str


def clauses() -> list[Clause]:
    """All clauses in the runbook's order, from the package's own data."""
    text = resources.files("opsbook").joinpath("clauses.toml").read_text("utf-8")
    return [Clause(**row) for row in tomllib.loads(text)["clause"]]


@dataclass(frozen=True)
class Reading:
    """A rule in the runbook's words and as it is read here; braces name limits of the settings."""

    words: str
    reading: str
    baseline: str
    minimum: str
    window: str
    follows: str


def readings() -> dict[str, Reading]:
    """How each rule is read, by its id, from the package's own data."""
    text = resources.files("opsbook").joinpath("readings.toml").read_text("utf-8")
    return {rule: Reading(**row) for rule, row in tomllib.loads(text).items()}


@dataclass(frozen=True)
class Drawing:
    """A table that a test draws: its heads, and its cells as text, row by row."""

    heads: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


@dataclass(frozen=True)
class Example:
    """One spec test as a reader meets it: what it says, the clauses it serves, what it draws."""

    sentence: str
    clauses: tuple[str, ...]
    drawings: tuple[Drawing, ...]


@dataclass(frozen=True)
class Spec:
    """One module of spec tests: its subject, its clauses, how its drawings read, its examples."""

    module: str
    subject: str
    clauses: tuple[str, ...]
    legend: dict[str, str]
    examples: tuple[Example, ...]


def cited(words: str) -> tuple[str, ...]:
    """The clauses that words name, in their order, ranges written out.

    >>> cited("D4 to D6, B9: error rate")
    ('D4', 'D5', 'D6', 'B9')
    """
    found = re.finditer(r"\b([A-F])(\d)(?: to (?:\1)?(\d))?\b", words)
    spans = [(m[1], int(m[2]), int(m[3] or m[2])) for m in found]
    return tuple(dict.fromkeys(f"{s}{n}" for s, a, b in spans for n in range(a, b + 1)))
