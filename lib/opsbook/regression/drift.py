"""What changed beside the contract: length, latency, cost, layout and tone of two runs' answers.

Per-case medians are compared, so that a long case weighs no more than a short one, and the cases
are drawn again and again (bootstrap). Only what exceeds the noise between the baseline's own
repeats is drift; of a baseline with one answer a case that noise is not known, and this is said.
"""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from opsbook.refusals import output_class
from opsbook.regression.cases import Answer
from opsbook.regression.layout import BULLET, FENCE, prose
from opsbook.regression.tongues import FORMAL, forms_of_address, language_of

DRAWS, SEED = 2000, 20260101
CONFIDENCE = 0.95
LEAST = 1.10
"""A change of a measure by less is no drift."""
LEAST_SHARE = 0.2
"""A change of a share of cases by less is no drift."""
FEWEST = 5
"""Cases under which nothing is said of drift."""
HEDGE = re.compile(
    r"\b(?:perhaps|maybe|might|possibly|it seems|generally|please note|vielleicht|möglicherweise|"
    r"eventuell|in der regel|bitte beachten|peut-être|il semble|en général|veuillez noter|quizás|"
    r"tal vez|posiblemente|parece que|forse|probabilmente|misschien|mogelijk|być może|talvez)\b",
    re.I,
)


def _told(text: str | None) -> bool:
    return bool(text and text.strip())


MEASURES: Mapping[str, Callable[[Answer], float | None]] = {
    "length": lambda a: float(len(a.text)) if _told(a.text) else None,
    "output tokens": lambda a: a.output_tokens,
    "latency": lambda a: a.latency_ms,
    "cost": lambda a: a.cost,
}
"""Measures compared by their ratio."""
COUNTS: Mapping[str, Callable[[Answer], float | None]] = {
    "code fences": lambda a: float(bool(FENCE.search(a.text or ""))),
    "bullets": lambda a: float(bool(BULLET.search(prose(a.text or "")))),
    "refusals": lambda a: float(
        output_class(a.text, a.finish_reason, a.refusal) in ("refusal", "partial")
    ),
    "hedges": lambda a: float(bool(HEDGE.search(a.text or ""))),
    "exclamation marks": lambda a: float("!" in (a.text or "")),
    "formal address": lambda a: _formal(a.text or ""),
}
"""What an answer has or has not, compared by the share of answers."""


@dataclass(frozen=True)
class Drift:
    """One measure of two runs: what it was and is (medians or shares), its change with bounds.

    `change` is a ratio for measures, a difference of shares (-1 to 1) otherwise; `noise` is the
    largest change between the baseline's own repeats, None where it is not known; `drifted` is
    whether the change exceeds it surely.
    """

    measure: str
    before: float
    after: float
    change: float
    low: float
    high: float
    noise: float | None
    cases: int
    drifted: bool

    def sentence(self) -> str:
        """The change in words."""
        if self.measure in MEASURES:
            told = f"{self.change:.2f} times ({self.before:,.4g} before, {self.after:,.4g} now"
            return f"{self.measure}: {told}; {self.cases} cases)"
        told = f"{self.after:.0%} of answers, {self.before:.0%} before ({self.cases} cases)"
        return f"{self.measure}: {told}"


Answers = Mapping[str, Sequence[Answer]]


def drift(before: Answers, after: Answers) -> list[Drift]:
    """Every measure that both runs hold for enough cases, what drifted first."""
    both = sorted(set(before) & set(after))
    found = [_ratio(n, f, before, after, both) for n, f in MEASURES.items()]
    found += [_share(n, f, before, after, both) for n, f in COUNTS.items()]
    found.append(_share("another language", _language_of(before), before, after, both))
    told = [d for d in found if d]
    return sorted(told, key=lambda d: not d.drifted)


def _language_of(before: Answers) -> Callable[[Answer], float | None]:
    """Whether an answer is in another language than the approved answers to its case."""
    usual = {c: {language_of(a.text or "") for a in answers} for c, answers in before.items()}

    def differs(answer: Answer) -> float | None:
        found = language_of(answer.text or "")
        known = usual.get(answer.case, set()) - {None}
        return None if found is None or not known else float(found not in known)

    return differs


def _formal(text: str) -> float | None:
    code = language_of(text)
    if code not in FORMAL:
        return None
    formal, informal = forms_of_address(text, code)
    return None if not formal + informal else float(formal > informal)


def _values(answers: Sequence[Answer], of: Callable[[Answer], float | None]) -> list[float]:
    return [float(v) for a in answers if (v := of(a)) is not None and not math.isnan(v)]


def _pairs(
    of: Callable[[Answer], float | None], before: Answers, after: Answers, both: Sequence[str]
) -> list[tuple[list[float], list[float]]]:
    found = [(_values(before[c], of), _values(after[c], of)) for c in both]
    return [(a, b) for a, b in found if a and b]


def _ratio(
    name: str, of: Callable, before: Answers, after: Answers, both: Sequence[str]
) -> Drift | None:
    pairs = _pairs(of, before, after, both)
    pairs = [(a, b) for a, b in pairs if np.median(a) > 0 and np.median(b) > 0]
    if len(pairs) < FEWEST:
        return None
    logs = np.array([math.log(np.median(b) / np.median(a)) for a, b in pairs])
    low, high = _bounds(logs)
    noise = _noise([[math.log(v) for v in a if v > 0] for a, _ in pairs])
    return Drift(
        name, float(np.median([np.median(a) for a, _ in pairs])),
        float(np.median([np.median(b) for _, b in pairs])), math.exp(logs.mean()),
        math.exp(low), math.exp(high), None if noise is None else math.exp(noise), len(pairs),
        _sure(low, high, noise) and bool(abs(logs.mean()) >= math.log(LEAST)),
    )  # fmt: skip


def _share(
    name: str, of: Callable, before: Answers, after: Answers, both: Sequence[str]
) -> Drift | None:
    pairs = _pairs(of, before, after, both)
    if len(pairs) < FEWEST:
        return None
    changes = np.array([np.mean(b) - np.mean(a) for a, b in pairs])
    low, high = _bounds(changes)
    noise = _noise([a for a, _ in pairs])
    drifted = _sure(low, high, noise) and abs(changes.mean()) >= LEAST_SHARE
    return Drift(
        name, float(np.mean([np.mean(a) for a, _ in pairs])),
        float(np.mean([np.mean(b) for _, b in pairs])), float(changes.mean()),
        low, high, noise, len(pairs), bool(drifted),
    )  # fmt: skip


def _sure(low: float, high: float, noise: float | None) -> bool:
    """Whether a change lies beyond the noise between a run's own repeats."""
    return bool(low > (noise or 0.0) or high < -(noise or 0.0))


def _bounds(values: np.ndarray) -> tuple[float, float]:
    """The bounds of a mean over cases, the cases drawn again and again."""
    draws = np.random.default_rng(SEED).choice(values, (DRAWS, len(values))).mean(axis=1)
    tail = (1 - CONFIDENCE) / 2
    return float(np.quantile(draws, tail)), float(np.quantile(draws, 1 - tail))


def _noise(repeats: list[list[float]]) -> float | None:
    """How far the mean over cases moves between two draws of the same run's repeats (A/A)."""
    if any(len(values) < 2 for values in repeats):
        return None
    random = np.random.default_rng(SEED)
    moved = np.zeros(DRAWS)
    for values in repeats:
        one, other = (random.choice(values, (DRAWS, len(values))) for _ in range(2))
        moved += np.median(one, axis=1) - np.median(other, axis=1)
    return float(np.quantile(np.abs(moved / len(repeats)), CONFIDENCE))
