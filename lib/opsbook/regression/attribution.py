"""Did the model change, or the inputs (clause F1)? Told from what every answer carries.

Each question is answered changed, same or could not tell; what no answer carries is never the same.
What was sent comes first: a vendor is not blamed for our own change.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from opsbook.regression.cases import Answer

CHANGED, SAME, UNKNOWN = "changed", "same", "could not tell"
NEW_TOKENS = 0.05
"""A share of words the list has never seen, above which production's inputs are others."""
LENGTH = 1.5
"""A ratio of input lengths, either way, from which on production's inputs are others."""
WORD = re.compile(r"[^\W\d_]{2,}")


@dataclass(frozen=True)
class Cause:
    """One question with its answer (changed, same, could not tell) and the reason in a sentence."""

    question: str
    answer: str
    why: str


@dataclass(frozen=True)
class Production:
    """What production's inputs are like beside the list's: lengths as a ratio, shares 0 to 1."""

    length_ratio: float | None = None
    new_words: float | None = None
    other_language: float | None = None


def causes(
    before: Sequence[Answer], after: Sequence[Answer], production: Production | None = None
) -> tuple[Cause, ...]:
    """The questions in their order, what was sent before what answered."""
    pairs = _paired(before, after)
    return (
        _rendered(pairs),
        _told("prompt", pairs, lambda a: a.prompt_sha or a.prompt_blob, "the prompt"),
        _told("input", pairs, lambda a: a.input_sha, "the list's inputs"),
        _told("checks", pairs, lambda a: a.checks_sha, "the checks"),
        _told("parameters", pairs, _parameters, "parameters and endpoint"),
        _model(before, after),
        _production(production),
    )


def _paired(before: Sequence[Answer], after: Sequence[Answer]) -> list[tuple[Answer, Answer]]:
    """An answer of each run to every case that both have."""
    old = {a.case: a for a in reversed(before) if a.error is None}
    new = {a.case: a for a in reversed(after) if a.error is None}
    return [(old[c], new[c]) for c in sorted(set(old) & set(new))]


def _parameters(answer: Answer) -> str | None:
    return None if answer.parameters is None else f"{answer.parameters} {answer.endpoint}"


def _rendered(pairs: Sequence[tuple[Answer, Answer]]) -> Cause:
    """0. Other token counts although the hashes are equal: what was sent is not what was hashed."""
    told = [
        (a, b)
        for a, b in pairs
        if a.input_tokens is not None and b.input_tokens is not None
        and a.prompt_sha and a.prompt_sha == b.prompt_sha and a.input_sha == b.input_sha
        and a.returned_model == b.returned_model
    ]  # fmt: skip
    if not told:
        return Cause("rendered input", UNKNOWN, "no two answers tell hashes and token counts")
    other = [(a, b) for a, b in told if a.input_tokens != b.input_tokens]
    if not other:
        return Cause("rendered input", SAME, f"{len(told)} cases have the same count of tokens")
    a, b = other[0]
    why = f"{len(other)} of {len(told)} cases count other tokens: {a.case} {a.input_tokens} before"
    return Cause("rendered input", CHANGED, f"{why}, {b.input_tokens} now, at the same hashes")


def _told(
    question: str,
    pairs: Sequence[tuple[Answer, Answer]],
    of: Callable[[Answer], str | None],
    what: str,
) -> Cause:
    known = [(of(a), of(b)) for a, b in pairs if of(a) is not None and of(b) is not None]
    if not known or len(known) < len(pairs):
        return Cause(question, UNKNOWN, f"not every answer carries {what}")
    other = sum(a != b for a, b in known)
    if other:
        return Cause(question, CHANGED, f"{what} differ in {other} of {len(known)} cases")
    return Cause(question, SAME, f"{what} are the same in {len(known)} cases")


def _model(before: Sequence[Answer], after: Sequence[Answer]) -> Cause:
    old, new = (_models(answers) for answers in (before, after))
    if not old or not new:
        return Cause("model", UNKNOWN, "the endpoint does not say which model answered")
    if old != new:
        return Cause("model", CHANGED, f"{_listed(new)} answered, {_listed(old)} before")
    marks = [_marks(answers) for answers in (before, after)]
    if all(marks) and marks[0] != marks[1]:
        return Cause("model", CHANGED, f"{_listed(new)} as before, but with another fingerprint")
    return Cause("model", SAME, f"{_listed(new)} answered both times")


def _models(answers: Iterable[Answer]) -> set[str]:
    return {a.returned_model for a in answers if a.returned_model}


def _marks(answers: Iterable[Answer]) -> set[str]:
    return {a.system_fingerprint for a in answers if a.system_fingerprint}


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names))


def _production(found: Production | None) -> Cause:
    if found is None:
        return Cause("production", UNKNOWN, "no inputs of production were compared")
    reasons = []
    ratio = found.length_ratio
    if ratio is not None and not 1 / LENGTH < ratio < LENGTH:
        reasons.append(f"inputs are {ratio:.1f} times as long as the list's")
    if found.new_words is not None and found.new_words > NEW_TOKENS:
        reasons.append(f"{found.new_words:.0%} of their words stand in no input of the list")
    if found.other_language is not None and found.other_language > NEW_TOKENS:
        reasons.append(f"{found.other_language:.0%} are in a language the list has not")
    if reasons:
        return Cause("production", CHANGED, "; ".join(reasons))
    if ratio is None and found.new_words is None and found.other_language is None:
        return Cause("production", UNKNOWN, "nothing of production's inputs is known")
    return Cause("production", SAME, "production's inputs are like the list's")


def conclusion(
    found: Sequence[Cause], fails: bool, noise: float | None, between: tuple[str, str] | None = None
) -> str:
    """What the answers add up to, in a sentence; `fails` is whether the list lost a case.

    `noise` is the share of cases whose own repeats disagree in the approved run, None if unknown;
    `between` are the days of the last good and the first bad run.
    """
    by = {c.question: c for c in found}
    when = f", between {between[0]} and {between[1]}" if between else ""
    own = [
        q for q in ("rendered input", "prompt", "input", "parameters") if by[q].answer == CHANGED
    ]
    if own:
        return f"What was sent changed ({by[own[0]].why}); look there before blaming the model."
    if by["checks"].answer == CHANGED:
        return "The checks changed: score the stored answers of the old run with them first."
    if not fails:
        if by["production"].answer == CHANGED:
            return f"The list passes, the inputs changed: {by['production'].why}."
        if by["model"].answer == CHANGED:
            return f"The list passes with another model: {by['model'].why}."
        return "The list passes; nothing that was looked at changed."
    if by["model"].answer == CHANGED:
        return f"The vendor changed the model: {by['model'].why}{when}."
    unsure = [q for q in ("prompt", "input", "parameters", "model") if by[q].answer == UNKNOWN]
    if unsure:
        return f"Could not tell: {', '.join(by[q].why for q in unsure[:2])}."
    if noise is None or noise > 0.1:
        return "All that was sent is the same, but the approved run's own answers disagree too."
    return f"All that was sent and the model's name are the same: a silent change{when}."


def new_word_share(texts: Iterable[str], known: Iterable[str]) -> float:
    """The share of words (two letters or more, any case) in texts that no known text holds.

    >>> new_word_share(["Ring und Mutter"], ["Der Ring, die Mutter"])
    0.3333333333333333
    """
    seen = {w for text in known for w in WORD.findall(text.casefold())}
    words = [w for text in texts for w in WORD.findall(text.casefold())]
    return sum(w not in seen for w in words) / len(words) if words else 0.0
