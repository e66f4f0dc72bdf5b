"""The rules: each a plain function from measured facts and limits to findings.

`RULES` is the list a page prints: what each is called, which clause it serves, the family its
findings are grouped in, and whether it is judged yet.
"""

from dataclasses import dataclass

import pandas as pd

from opsbook.schema import FINDINGS
from opsbook.settings import Limits


@dataclass(frozen=True)
class Rule:
    """One rule as a page names it."""

    id: str
    name: str
    words: str
    clause: str
    family: str
    done: bool = False


RULES = {
    r.id: r
    for r in (
        Rule("R1", "harm-external", "harmful output was delivered", "B1", "harm", True),
        Rule("R2", "harm-internal", "acted on before anyone noticed", "B1", "harm", True),
        Rule("R3", "error-20", "more than 20 % of calls fail", "D6", "errors", True),
        Rule("R4", "error-5", "more than 5 % fail for over two hours", "D5", "errors", True),
        Rule("R5", "run-cost", "a run costs over twice its baseline", "D2", "cost", True),
        Rule("R6", "tokens-3x", "three times the tokens for 24 hours", "B4", "cost", True),
        Rule("R7", "spend-150", "spend over 150 % of its average", "D1", "cost", True),
        Rule("R8", "deviation-2sd", "two SD off for over four hours", "B5", "deviation", True),
        Rule("R9", "zero-tasks", "no task done over a business day", "B4", "activity", True),
        Rule("R10", "refusals", "generic refusals to all inputs", "B4", "refusals", True),
        Rule("R11", "isolated", "a single breach, no pattern", "B8", "isolated", True),
        Rule("R12", "escalate", "no root cause after four hours", "B6", "escalation", True),
        Rule("R13", "coverage", "an expected export or run is missing", "E1", "coverage", True),
        Rule("R14", "regression", "the list lost a case", "C3", "regression", True),
        Rule("R15", "served-model", "a model answers for the first time", "F1", "models", True),
    )
}


def stretches(holds: pd.Series, silent: pd.Series) -> list[tuple[int, int]]:
    """First and last position of each stretch in which something holds.

    Silent buckets (no data, too few calls) neither end a stretch nor belong to it: missing data
    never resolves what is firing.

    >>> stretches(pd.Series([0, 1, 0, 1, 0, 0]).eq(1), pd.Series([0, 0, 1, 0, 0, 0]).eq(1))
    [(1, 3)]
    """
    found: list[tuple[int, int]] = []
    going = False
    for i, (on, quiet) in enumerate(zip(holds, silent, strict=True)):
        if on:
            found = [*found[:-1], (found[-1][0], i)] if going else [*found, (i, i)]
            going = True
        elif not quiet:
            going = False
    return found


def findings_of(rows: list[dict]) -> pd.DataFrame:
    """Rows a rule wrote, as FINDINGS; a row that names no family has its rule's own."""
    named = [{"family": RULES[row["rule"]].family} | row for row in rows]
    return FINDINGS.conform(pd.DataFrame(named)) if rows else NONE.copy()


NONE = FINDINGS.empty()


def parameters(limits: Limits, *names: str) -> str:
    """The limits a finding was judged with, in words: "run_cost_ratio=2, run_cost_min_runs=10"."""
    return ", ".join(f"{name}={getattr(limits, name):g}" for name in names)
