"""Did the model change, or the inputs? Scenarios with the answers a person would give."""

from dataclasses import replace

import pytest

from opsbook.regression.attribution import Production, causes, conclusion
from opsbook.regression.cases import Answer

OLD = Answer(
    "a", 1, "x", returned_model="m-03", prompt_sha="p", input_sha="i", checks_sha="c",
    parameters="{}", endpoint="e", input_tokens=10, system_fingerprint="f",
)  # fmt: skip
LONGER = Production(length_ratio=2.0, new_words=0.01)
LIKE = Production(length_ratio=1.1, new_words=0.01)


@pytest.mark.parametrize(
    ("now", "fails", "noise", "production", "says"),
    [
        ({"input_tokens": 12}, True, 0.0, None, "What was sent changed (1 of 1 cases count other"),
        ({"prompt_sha": "q"}, True, 0.0, None, "What was sent changed (the prompt differ"),
        ({"parameters": "{1}"}, True, 0.0, None, "What was sent changed (parameters"),
        ({"prompt_sha": "q", "returned_model": "m-06"}, True, 0.0, None, "What was sent changed"),
        ({"returned_model": "m-06"}, True, 0.0, None, "The vendor changed the model: m-06"),
        ({"system_fingerprint": "g"}, True, 0.0, None, "The vendor changed the model: m-03 as"),
        ({}, True, 0.0, None, "All that was sent and the model's name are the same: a silent"),
        ({}, True, 0.5, None, "All that was sent is the same, but the approved run's own"),
        ({}, True, None, None, "All that was sent is the same, but"),
        ({"checks_sha": "d"}, True, 0.0, None, "The checks changed: score the stored answers"),
        ({}, False, 0.0, LONGER, "The list passes, the inputs changed: inputs are 2.0 times"),
        ({}, False, 0.0, LIKE, "The list passes; nothing"),
        ({"returned_model": "m-06"}, False, 0.0, None, "The list passes with another model: m-06"),
        ({"prompt_sha": None}, True, 0.0, None, "Could not tell: not every answer carries the"),
        ({"returned_model": None}, True, 0.0, None, "Could not tell: the endpoint does not say"),
    ],
)
def test_our_own_change_comes_first_and_what_is_not_known_is_never_the_same(
    now, fails, noise, production, says
):
    found = causes([OLD], [replace(OLD, **now)], production)
    assert conclusion(found, fails, noise).startswith(says)


def test_a_vendors_change_is_dated_between_the_last_good_and_the_first_bad_run():
    found = causes([OLD], [replace(OLD, returned_model="m-06")])
    assert "between 2026-11-02 and 2026-11-09" in conclusion(
        found, True, 0.0, ("2026-11-02", "2026-11-09")
    )


def test_an_answer_that_carries_nothing_answers_no_question():
    found = causes([Answer("a", 1, "x")], [Answer("a", 1, "x")])
    assert {c.answer for c in found} == {"could not tell"}
