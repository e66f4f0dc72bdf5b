"""From checked answers to a verdict on a case and on a list; numbers from paper."""

import math

import pytest

from opsbook.regression.cases import Answer, Case
from opsbook.regression.drift import drift
from opsbook.regression.verdicts import CaseVerdict, compared, limit_of, list_verdict, to_confirm


def case(id_="a", **more):
    return Case(id_, "w", "in", (("E2", "contains: ok"),), **more)


def answers(marks, id_="a"):
    said = {"+": "ok", "-": "no", "e": None}
    return [Answer(id_, i, said[m], error="503" if m == "e" else None) for i, m in enumerate(marks)]


@pytest.mark.parametrize(
    ("before", "now", "verdict", "passes"),
    [
        ("+++", "+++", "SAME", 3),
        ("+++", "++-++++", "UNSTABLE", 6),
        ("+++", "++---++", "UNSTABLE", 4),
        ("+++", "++----+", "LOST", 3),  # 4 of 7 fail
        ("+++", "---", "LOST", 0),
        ("+", "-", "LOST", 0),
        ("---", "+++", "GAINED", 3),
        ("---", "---", "BROKEN-BEFORE", 0),
        ("+++", "", "MISSING", 0),
        ("+++", "eee", "ERROR", 0),
        ("+++", "e++", "SAME", 2),
        (None, "+++", "SAME", 3),
        (None, "---", "LOST", 0),
    ],
)
def test_a_case_is_lost_when_most_of_its_answers_fail(before, now, verdict, passes):
    old = None if before is None else {"a": answers(before)}
    found = compared([case()], {"a": answers(now)}, old).cases[0]
    assert (found.verdict, found.passes) == (verdict, passes)


@pytest.mark.parametrize(("now", "verdict"), [("++-", "LOST"), ("+++", "SAME")])
def test_a_list_may_ask_for_every_answer_to_pass(now, verdict):
    found = compared([case(must_pass=3)], {"a": answers(now)}, {"a": answers("+++")})
    assert found.cases[0].verdict == verdict


@pytest.mark.parametrize(("word", "verdict"), [(None, "WAITING"), (True, "SAME"), (False, "LOST")])
def test_a_check_for_a_person_waits_until_somebody_said(word, verdict):
    asked = Case("a", "w", "in", (("E2", "human: tone is right"),))
    said = {} if word is None else {("a", 0): word}
    assert compared([asked], {"a": answers("+")}, None, said).cases[0].verdict == verdict


@pytest.mark.parametrize(
    ("verdicts", "critical", "says"),
    [
        (["SAME"] * 10, "", "GO"),
        (["SAME"] * 9 + ["GAINED"], "", "GO"),
        (["SAME"] * 9 + ["UNSTABLE"], "", "GO"),
        (["SAME"] * 9 + ["BROKEN-BEFORE"], "", "GO"),
        (["SAME"] * 9 + ["UNSTABLE"], "UNSTABLE", "LOOK"),
        (["SAME"] * 9 + ["LOST"], "", "LOOK"),
        (["SAME"] * 9 + ["LOST"], "LOST", "HOLD"),
        (["SAME"] * 8 + ["LOST"] * 2, "", "HOLD"),
        (["SAME"] * 9 + ["MISSING"], "", "HOLD"),
        (["SAME"] * 9 + ["ERROR"], "", "LOOK"),
        (["SAME"] * 9 + ["WAITING"], "", "LOOK"),
        ([], "", "HOLD"),
    ],
)
def test_a_list_is_held_back_by_a_critical_case_two_lost_or_one_missing(verdicts, critical, says):
    cases = [
        CaseVerdict(str(i), v, 0, 0, None, (), v == critical, "") for i, v in enumerate(verdicts)
    ]
    found = list_verdict(cases)
    assert (found.verdict, bool(found.reasons)) == (says, says != "GO")


def test_what_ten_cases_cannot_show_is_printed():
    assert "above 26 %" in limit_of(10, 0)
    assert "above 100 %" in limit_of(3, 3)


@pytest.mark.parametrize(("marks", "again"), [("+++", False), ("++-", True), ("++-++++", False)])
def test_a_case_is_asked_again_when_any_of_its_first_answers_fails(marks, again):
    assert to_confirm(case(), answers(marks)) is again


def run(lengths, repeats=1, **more):
    return {str(i): [Answer(str(i), r, "x" * n, **more) for r in range(repeats)]
            for i, n in enumerate(lengths)}  # fmt: skip


def test_answers_half_as_long_again_are_drift_and_the_same_ones_are_none():
    found = {d.measure: d for d in drift(run([100] * 10), run([150] * 10))}
    assert found["length"].drifted
    assert math.isclose(found["length"].change, 1.5)
    assert all(type(d.drifted) is bool and type(d.low) is float for d in found.values())
    assert not any(d.drifted for d in drift(run([100] * 10), run([100] * 10)))


def test_a_change_within_the_noise_of_the_baselines_repeats_is_no_drift():
    noisy = {
        str(i): [Answer(str(i), r, "x" * n) for r, n in enumerate((40, 400))] for i in range(6)
    }
    found = {d.measure: d for d in drift(noisy, run([250] * 6))}
    assert (found["length"].drifted, found["length"].noise is not None) == (False, True)


def test_of_fewer_than_five_cases_no_drift_is_said():
    assert drift(run([100] * 4), run([900] * 4)) == []


def test_answers_that_change_their_language_are_drift():
    before = {
        str(i): [Answer(str(i), 1, "Ihre Bestellung ist heute verschickt worden.")]
        for i in range(6)
    }
    after = {str(i): [Answer(str(i), 1, "Your order was shipped this morning.")] for i in range(6)}
    assert "another language" in {d.measure for d in drift(before, after) if d.drifted}
