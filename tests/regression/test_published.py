"""Checks and verdicts on published answers of real models; whole files go to bench/answers.py."""

import importlib.util
import time
from pathlib import Path

import pytest

from opsbook.regression.layout import sentences

HERE = Path(__file__).parent
FILES = HERE / "files"


def _bench():
    path = HERE.parents[1] / "bench" / "answers.py"
    spec = importlib.util.spec_from_file_location("bench_answers", path)
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


BENCH = _bench()
ROWS = list(BENCH.published(FILES / "mifeval-excerpt.jsonl.gz"))
OLD, NEW = "openaichat/gpt-4-0314", "openaichat/gpt-4-0613"


def test_checks_say_what_was_published_of_each_answer():
    told = BENCH.agreement(ROWS)
    assert {kind for kind, *_ in told} == set(BENCH.CHECKS)
    assert [wrong for *_, wrong in told if wrong] == []


@pytest.mark.parametrize("kind", sorted(BENCH.CHECKS))
def test_the_excerpt_holds_answers_that_keep_and_that_break_each_instruction(kind):
    told = {
        follows
        for row in ROWS
        for name, follows in zip(row["instructions"], row["follow"], strict=True)
        if name.endswith(kind)
    }
    assert told == {True, False}


def test_ordinary_spanish_and_french_answers_are_no_refusals():
    assert BENCH.false_hits(ROWS) == []


def test_a_model_update_that_fences_its_code_is_held_back_and_its_drift_named():
    found = BENCH.versions(FILES / "llmdrift-excerpt.csv")
    verdicts, _ = BENCH.draws(found[OLD], found[NEW], times=20)
    whole, named = BENCH.draws(found[OLD], found[NEW], times=1, cases=20)
    assert (verdicts, whole) == ({"HOLD": 20}, {"HOLD": 1})
    assert {"latency", "length", "code fences"} <= set(named)


def test_the_same_answers_against_themselves_are_go_without_drift():
    same = BENCH.versions(FILES / "llmdrift-excerpt.csv")[OLD]
    assert BENCH.draws(same, same, times=20) == ({"GO": 20}, {})


def test_sentences_of_one_long_line_take_no_longer_the_longer_it_is():
    """The time must not grow with the square of its length: a model may answer in one line."""
    began = time.perf_counter()
    assert sentences("It is shipped today. " * 5000) == 5000
    assert time.perf_counter() - began < 5
