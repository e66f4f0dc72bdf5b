"""The regression page: a light per list, old and new side by side, answers as what they are."""

from pathlib import Path

import pytest

from opsbook import regression_pages as pages
from opsbook.displays import plain
from opsbook.regression_pages import Listed, Run
from opsbook.runs import open_lists

ROOT = Path(__file__).parents[2]
EVIL = "<script>alert(1)</script> {{< env HOME >}}"


@pytest.fixture(scope="module")
def demo():
    return open_lists(ROOT / "data" / "demo")


def test_every_workflow_of_the_demo_has_a_list_of_ten_cases_without_a_problem(demo):
    assert len(demo.lists) == 6
    assert {len(x.inputs) for x in demo.lists} == {10}
    assert not any(x.problems for x in demo.lists)


def test_the_demos_new_model_is_held_back_where_it_fences_json_and_looked_at_where_it_says_du(demo):
    said = {x.workflow: x.runs[-1].document["verdict"] for x in demo.lists}
    assert said.pop("invoice-extraction") == "HOLD"
    assert said.pop("customer-mail") == "LOOK"
    assert set(said.values()) == {"GO"}


def test_a_light_stands_with_its_word_and_the_reason(demo):
    said = plain(pages.lights(demo.lists, demo.company))
    assert "wraps its JSON in a code fence, which the list does not allow" in said
    assert "HOLD" in said
    assert "The vendor changed the model: large-2 answered, large-1 before" in plain(
        pages.details(demo.lists, demo.company)
    )


def test_a_company_without_a_run_is_told_what_to_type(demo):
    empty = (Listed("chat", "Chat"),)
    assert "opsbook regression run chat" in plain(pages.lights(empty, demo.company))
    assert "answers as it did" in plain(pages.details(empty, demo.company))


def test_a_hostile_answer_is_shown_as_the_words_it_is(demo):
    case = {"id": EVIL, "verdict": "LOST", "passes": 0, "of": 1, "critical": True, "why": EVIL,
            "failed_checks": [{"check": EVIL, "why": EVIL}]}  # fmt: skip
    document = {"verdict": "HOLD", "reasons": [EVIL], "limit": "", "cases": [case], "drift": [],
                "conclusion": EVIL}  # fmt: skip
    old, new = (
        Run(n, EVIL, "2026-11-01", document, {EVIL: t}) for n, t in (("a", "x"), ("b", EVIL))
    )
    hostile = (Listed("w", EVIL, {EVIL: EVIL}, (old, new)),)
    for piece in (pages.lights, pages.details, pages.models):
        shown = piece(hostile, demo.company)
        assert "<script" not in shown
        assert "{{<" not in shown


def test_what_is_new_in_an_answer_is_marked():
    assert pages.marked("net 5 EUR", "net 6 EUR") == "net <ins>6</ins> EUR"
    assert pages.marked("a b", "a") == "a<del> b</del>"


def test_a_lost_case_says_what_was_checked_and_why_it_failed_and_marks_both_answers(demo):
    html = pages.details(demo.lists, demo.company)
    said = plain(html)
    assert (
        "The answer wraps its JSON in a code fence, which the list does not allow (is-json)."
        in said
    )
    assert "Checked: address: formal, language: de, words: 10-150" in said
    assert "<mark>Ihre</mark>" in html
    assert "<ins>deine</ins>" in html
    assert "7 more cases: " in said


def test_drift_is_drawn_with_its_noise_and_named_in_the_title(demo):
    html = pages.details(demo.lists, demo.company)
    assert "Latency 1.94× the approved run" in html
    assert html.count('class="ob-spec"') >= 5


def test_a_verdict_that_cannot_be_read_is_a_problem_of_its_list_and_no_fault(
    tmp_path, small_company
):
    place = small_company(tmp_path / "acme")
    run = place / "regression" / "runs" / "chat" / "r1"
    run.mkdir(parents=True)
    (run / "verdict.json").write_text("{")
    (run / "answers.jsonl").write_text('{"case": "a", "text": "x"}\n')
    (listed,) = open_lists(place).lists
    assert (listed.runs, "run r1 cannot be read" in listed.problems[0]) == ((), True)
