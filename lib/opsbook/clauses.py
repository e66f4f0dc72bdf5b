"""The runbook, clause by clause: what the system has to do, and what is done of it.

The clauses are data (`clauses.toml`): their text, the rules that judge them, their state, the spec
tests that hold them and the page a reader meets them on. A test keeps the table whole.
"""

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
