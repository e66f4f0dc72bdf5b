"""Did the model change, or the inputs (clause F1)? Told from what every answer carries.

Each question is answered changed, same or could not tell; what no answer carries is never the same.
What was sent comes first: a vendor is not blamed for our own change.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
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
    """What production's inputs are like; ratios of lengths, shares 0 to 1, None: not known.

    `length_ratio` is today's input tokens a call over those when the run was approved,
    `list_ratio` over the list's own; `new_words` the share of words that no input of the list has,
    `usual_new_words` the same share of one input of the list against the others.
    """

    length_ratio: float | None = None
    new_words: float | None = None
    other_language: float | None = None
    list_ratio: float | None = None
    usual_new_words: float | None = None


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
        production_cause(production),
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
        alike = [
            p for p in pairs if p[0].input_tokens is not None and p[1].input_tokens is not None
        ]
        why = "another model counts tokens its own way" if alike else "no answers tell token counts"
        return Cause("rendered input", UNKNOWN, why)
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
        return Cause(question, CHANGED, f"{what}: not the same in {other} of {len(known)} cases")
    return Cause(question, SAME, f"{what}: the same in {len(known)} cases")


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


def production_cause(found: Production | None) -> Cause:
    """4. Longer, other or foreign inputs; what nobody has texts of could not be told."""
    if found is None:
        return Cause("production", UNKNOWN, "no inputs of production were compared")
    told, changed = [], []
    for ratio, what in ((found.length_ratio, "when the run was approved"),
                        (found.list_ratio, "the list's")):  # fmt: skip
        if ratio is not None:
            told.append(f"{ratio:,.{0 if ratio >= 10 else 2}f} times as long as {what}")
            changed.append(not 1 / LENGTH < ratio < LENGTH)
    if found.length_ratio is not None:  # the list's own length is told, and does not decide
        changed = changed[:1]
    if found.new_words is not None:
        usual = found.usual_new_words or 0.0
        told.append(f"{found.new_words:.0%} of their words stand in no input of the list"
                    f" (usually {usual:.0%})")  # fmt: skip
        changed.append(found.new_words - usual > NEW_TOKENS)
    if found.other_language is not None:
        told.append(f"{found.other_language:.0%} are in a language the list has not")
        changed.append(found.other_language > NEW_TOKENS)
    if not told:
        return Cause("production", UNKNOWN, "nothing of production's inputs is known")
    texts = "" if found.new_words is not None or found.other_language is not None else NO_TEXTS
    why = f"production's inputs: {'; '.join(told)}{texts}"
    return Cause("production", CHANGED if any(changed) else SAME, why)


NO_TEXTS = "; their language and words could not be told, because no export holds them"


@dataclass(frozen=True)
class Effects:
    """The 2 x 2 of prompt and model: the share of answers that pass in each cell that was run.

    Keys are (new prompt, new model). `prompt` and `model` are what each changes, as a difference of
    shares where both its cells were run, averaged; None where none was.
    """

    cells: Mapping[tuple[bool, bool], float]

    @property
    def prompt(self) -> float | None:
        """What the new prompt changes, on the same model."""
        return _mean([self._gap((True, m), (False, m)) for m in (False, True)])

    @property
    def model(self) -> float | None:
        """What the new model changes, at the same prompt."""
        return _mean([self._gap((p, True), (p, False)) for p in (False, True)])

    def _gap(self, one: tuple[bool, bool], other: tuple[bool, bool]) -> float | None:
        there = one in self.cells and other in self.cells
        return self.cells[one] - self.cells[other] if there else None

    def sentence(self) -> str:
        """Both main effects in words, or what has to be run to tell them."""
        told = [
            f"{'new' if p else 'old'} prompt on the {'new' if m else 'old'} model {share:.0%} pass"
            for (p, m), share in sorted(self.cells.items())
        ]
        said = f"2 x 2: {', '.join(told)}"
        if self.prompt is None or self.model is None:
            return f"{said}; ask today's model with the old prompt too, to tell the two apart."
        points = [f"{100 * v:+.0f} points" for v in (self.prompt, self.model)]
        return f"{said}. The prompt makes {points[0]}, the model {points[1]}."


def _mean(values: Sequence[float | None]) -> float | None:
    known = [v for v in values if v is not None]
    return sum(known) / len(known) if known else None


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
