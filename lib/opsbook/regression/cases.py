"""What a regression list is made of: cases with their checks as typed, answers, and what was found.

A case is one representative input and the contract its answer must keep. An answer is what one
model said to it once. Everything else of this package is a function from these to the next.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import pandas as pd

REPEATS, CONFIRMING = 3, 4
"""How often a case is asked, and how often again if any answer fails (confirm on fail)."""


@dataclass(frozen=True)
class Case:
    """One row of a list. `checks` are (cell, text as typed).

    `must_pass` of `repeats` answers have to pass where the list says so; None leaves it to
    confirmation on failure. A case that is not `enabled` is kept and not run. `language` is a
    locale like de or de_CH, "" where none is said.
    """

    id: str
    workflow: str
    input: str
    checks: tuple[tuple[str, str], ...]
    variables: Mapping[str, str] = field(default_factory=dict)
    critical: bool = False
    repeats: int = REPEATS
    must_pass: int | None = None
    language: str = ""
    note: str = ""
    enabled: bool = True
    cell: str = ""


@dataclass(frozen=True)
class Answer:
    """What a model answered to a case once: repeats count from 1; times UTC; latency in ms.

    `error` is what the endpoint said instead of an answer: never a fail, never a pass. Hashes are
    of what was sent and judged by; `prompt_blob` is the prompt file's git blob.
    """

    case: str
    repeat: int = 1
    text: str | None = None
    error: str | None = None
    finish_reason: str | None = None
    refusal: str | None = None
    asked_model: str | None = None
    returned_model: str | None = None
    system_fingerprint: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    latency_ms: float | None = None
    cost: float | None = None
    currency: str | None = None
    prompt_blob: str | None = None
    prompt_sha: str | None = None
    input_sha: str | None = None
    checks_sha: str | None = None
    parameters: str | None = None
    endpoint: str | None = None
    client: str | None = None
    at: pd.Timestamp | None = None


PASS, FAIL, WAITING, OFF = "pass", "fail", "waiting", "off"


@dataclass(frozen=True)
class Checked:
    """What one check says of one answer, `why` as a sentence about the answer.

    `state` is pass, fail, waiting (a person has to say) or off (nothing here can judge it).
    """

    check: str
    state: str
    why: str = ""
