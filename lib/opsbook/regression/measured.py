"""Checks of what was measured of an answer: latency, cost, how it ended, and its like before.

What the outputs do not tell (a pasted answer has no latency) is no fail: the check is off.
"""

from collections.abc import Callable

import numpy as np

from opsbook.refusals import output_class
from opsbook.regression.cases import OFF, WAITING, Answer
from opsbook.regression.kinds import Held, Kind, Reply, Typed, anything, excerpt, nothing

Judged = tuple[Held, str]
MEASURES: dict[str, Callable[[Answer], float | None]] = {
    "length": lambda a: None if a.text is None else float(len(a.text)),
    "words": lambda a: None if a.text is None else float(len(a.text.split())),
    "tokens": lambda a: a.output_tokens,
    "latency": lambda a: a.latency_ms,
    "cost": lambda a: a.cost,
}
"""What an answer can be compared by with the approved run."""
WIDER = 25.0
"""Percent by which the approved range is widened where a check names none."""


def limit(typed: Typed) -> float:
    """The number in parentheses; seconds become milliseconds."""
    if typed.value:
        raise ValueError("the limit stands in parentheses, like latency(3000) or cost(0.01)")
    return (typed.number or 0.0) * (1000 if typed.unit == "s" else 1)


def latency(most: float, reply: Reply) -> Judged:
    """Whether the answer came within so many milliseconds."""
    took = reply.answer.latency_ms
    if took is None:
        return OFF, "has no latency told"
    return took <= most, f"took {took:,.0f} ms"


def cost(most: float, reply: Reply) -> Judged:
    """Whether the answer cost so much or less, in its own currency."""
    paid = reply.answer.cost
    if paid is None:
        return OFF, "has no cost told"
    return paid <= most, f"cost {paid:g} {reply.answer.currency or ''}".rstrip()


def finish_reason(wanted: str, reply: Reply) -> Judged:
    """Whether the answer ended for this reason."""
    ended = reply.answer.finish_reason
    if ended is None:
        return OFF, "has no finish reason told"
    return ended.casefold() == wanted.casefold(), f"ended with {excerpt(ended)}"


def is_refusal(_: None, reply: Reply) -> Judged:
    """Whether the answer declines, in eight languages."""
    kind = output_class(reply.text, reply.answer.finish_reason, reply.answer.refusal)
    words = {"refusal": "declines", "partial": "declines a part and goes on", "empty": "is empty"}
    return kind in ("refusal", "empty"), words.get(kind, "answers")


def near(typed: Typed) -> tuple[str, float]:
    """The measure to compare and the percent by which the approved range is widened."""
    if typed.value not in MEASURES:
        raise ValueError(
            f'"{typed.value}" is no measure; expected one of {", ".join(MEASURES)}, '
            "like near-baseline(25 %): length"
        )
    return typed.value, WIDER if typed.number is None else typed.number


def near_baseline(spec: tuple[str, float], reply: Reply) -> Judged:
    """Whether a measure lies in the range of the approved answers to this case, widened."""
    name, percent = spec
    there = MEASURES[name](reply.answer)
    before = [v for a in reply.approved if (v := MEASURES[name](a)) is not None]
    if there is None or not before:
        return OFF, f"has no {name} to compare: {'not told' if there is None else 'none approved'}"
    low, high = np.min(before) * (1 - percent / 100), np.max(before) * (1 + percent / 100)
    said = f"{name} {there:,.4g}; approved {np.min(before):,.4g} to {np.max(before):,.4g}"
    return bool(low <= there <= high), f"has {said}, widened by {percent:g} %"


def asks_a_person(wanted: str, reply: Reply) -> Judged:
    """Nothing: a person reads the answer and says yes or no."""
    return WAITING, f"waits for a person: {wanted}"


def asks_a_model(wanted: str, reply: Reply) -> Judged:
    """Nothing: no model that judges is set up."""
    return OFF, "is not judged: no model or endpoint for it is set up"


KINDS = (
    Kind("latency", "latency(3000)", "It came within so many milliseconds.",
         limit, latency, needs="number", ours=False),
    Kind("cost", "cost(0.01)", "It cost so much or less.", limit, cost, needs="number", ours=False),
    Kind("finish-reason", "finish-reason: stop", "It ended for this reason.",
         anything, finish_reason, ours=False),
    Kind("is-refusal", "not-is-refusal", "It declines (in eight languages).",
         nothing, is_refusal, needs="nothing", ours=False),
    Kind("near-baseline", "near-baseline(25 %): length",
         "Its length, words, tokens, latency or cost is near the approved answers'.",
         near, near_baseline, alone=False),
    Kind("human", "human: tone is right", "A person reads it and says yes or no.",
         anything, asks_a_person, ours=False),
    Kind("llm-rubric", "llm-rubric: is polite", "Another model judges: off unless set up.",
         anything, asks_a_model, ours=False, alone=False),
    Kind("similar", "similar(0.8): order shipped", "Alike in meaning: needs an endpoint, else off.",
         anything, asks_a_model, ours=False, alone=False),
)  # fmt: skip
