"""F1, C5: did the model change, or the inputs? Scenarios with the answers a person would give."""

from dataclasses import replace

import pytest

from opsbook.regression.attribution import Effects, Production, causes, conclusion
from opsbook.regression.cases import Answer

OLD = Answer(
    "a", 1, "x", returned_model="m-03", prompt_sha="p", input_sha="i", checks_sha="c",
    parameters="{}", endpoint="e", input_tokens=10, system_fingerprint="f",
)  # fmt: skip
LONGER = Production(length_ratio=2.0, new_words=0.01)
FOREIGN = Production(other_language=0.5)
LIKE = Production(length_ratio=1.1, new_words=0.01)


@pytest.mark.parametrize(
    ("now", "fails", "noise", "production", "says"),
    [
        ({"input_tokens": 12}, True, 0.0, None, "What was sent changed (1 of 1 cases count other"),
        ({"prompt_sha": "q"}, True, 0.0, None, "What was sent changed (the prompt: not"),
        ({"parameters": "{1}"}, True, 0.0, None, "What was sent changed (parameters"),
        ({"prompt_sha": "q", "returned_model": "m-06"}, True, 0.0, None, "What was sent changed"),
        ({"returned_model": "m-06"}, True, 0.0, None, "The vendor changed the model: m-06"),
        ({"system_fingerprint": "g"}, True, 0.0, None, "The vendor changed the model: m-03 as"),
        ({}, True, 0.0, None, "All that was sent and the model's name are the same: a silent"),
        ({}, True, 0.5, None, "All that was sent is the same, but the approved run's own"),
        ({}, True, None, None, "All that was sent is the same, but"),
        ({"checks_sha": "d"}, True, 0.0, None, "The checks changed: score the stored answers"),
        ({}, False, 0.0, LONGER, "The list passes, the inputs changed: production's inputs: 2.00"),
        ({}, False, 0.0, FOREIGN, "The list passes, the inputs changed: production's inputs: 50%"),
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


@pytest.mark.parametrize(
    ("known", "answer"),
    [
        (Production(), "could not tell"),
        (Production(length_ratio=1.0), "same"),
        (Production(length_ratio=1.0, list_ratio=200.0), "same"),
        (Production(list_ratio=2.0), "changed"),
        (Production(length_ratio=0.5), "changed"),
        (Production(length_ratio=1.0, new_words=0.6, usual_new_words=0.58), "same"),
        (Production(length_ratio=1.0, new_words=0.7, usual_new_words=0.58), "changed"),
    ],
)
def test_productions_inputs_are_longer_foreign_or_of_other_words_than_the_lists_own_differ(
    known, answer
):
    assert causes([OLD], [OLD], known)[-1].answer == answer


def test_what_no_export_holds_is_said():
    told = causes([OLD], [OLD], Production(length_ratio=1.0))[-1].why
    assert "could not be told, because no export holds them" in told


@pytest.mark.parametrize(
    ("cells", "prompt", "model"),
    [
        ({(False, False): 1.0, (True, True): 0.4}, None, None),
        ({(False, False): 1.0, (True, True): 0.4, (False, True): 1.0}, -0.6, 0.0),
        ({(False, False): 1.0, (True, True): 0.5, (False, True): 0.5}, 0.0, -0.5),
        (
            {(False, False): 1.0, (False, True): 0.8, (True, False): 0.9, (True, True): 0.5},
            pytest.approx(-0.2),
            pytest.approx(-0.3),
        ),
    ],
)
def test_prompt_and_model_are_told_apart_where_their_cells_were_run(cells, prompt, model):
    told = Effects(cells)
    assert (told.prompt, told.model) == (prompt, model)
    assert ("ask today's model with the old prompt" in told.sentence()) is (prompt is None)
