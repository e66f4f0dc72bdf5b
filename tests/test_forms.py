"""The form in a notebook: what it proposes while one answers, and what its button enters."""

import shutil
from pathlib import Path

import pytest

pytest.importorskip("ipywidgets")

from opsbook import forms
from opsbook.records import Log
from opsbook.register import fold
from opsbook.reports import QUESTIONS
from opsbook.store import Folder

DEMO = Path(__file__).parent.parent / "data" / "demo"


@pytest.fixture
def folder(tmp_path):
    shutil.copytree(DEMO / "settings", tmp_path / "settings")
    return Folder(tmp_path)


@pytest.fixture
def form(folder):
    return forms.made(str(folder.path))


def fill(form, **told) -> None:
    for name, value in told.items():
        form.fields[name].value = value


def test_it_asks_for_one_sentence_before_it_can_be_entered(form):
    assert form.button.disabled
    assert "nothing is said about what happened" in form.proposal.value
    fill(form, what="It promised a refund.")
    assert not form.button.disabled


def test_the_class_follows_the_answers_while_they_are_given(form):
    fill(form, what="It promised a refund.")
    assert "<b>P1</b>: personal data may have reached the wrong person" in form.proposal.value
    fill(form, **dict.fromkeys(QUESTIONS, "no"))
    assert "<b>P3</b>" in form.proposal.value
    fill(form, degraded="yes")
    assert "<b>P2</b>: the output is degraded" in form.proposal.value
    fill(form, priority="P1")
    assert "<b>P1</b>: whoever noticed it calls it a P1" in form.proposal.value


@pytest.mark.parametrize("noticed", ["soon", "2026-11-23", "2026-11-23 08:01"])
def test_a_time_that_cannot_be_shuts_the_button_and_says_why(form, noticed):
    fill(form, what="x", noticed_at=noticed)
    assert form.button.disabled
    assert "Not ready yet" in form.proposal.value


def test_the_button_enters_once_and_says_who_must_know_and_what_comes_first(form, folder):
    fill(form, what="It promised <b>Frau Muster</b> a refund.", workflow="support-chat")
    fill(form, **dict.fromkeys(QUESTIONS, "no"))
    fill(form, seen_by_customer="yes", false_information="yes", noticed_at="2026-11-23 07:30")
    form.button.click()
    for said in (
        "<b>INC-2026-0001</b> is entered as a P1",
        "AI Lead by Mon 2026-11-23 08:30, within 60 minutes",
        "Founder or CEO by Mon 2026-11-23 09:30, within 120 minutes",
        "<li>Pause the workflow: no further output leaves it.</li>",
        "Tell whoever answers customers",
    ):
        assert said in form.outcome.value
    form.button.click()
    log = Log(folder)
    register = fold(log.events())
    assert register.count == 1
    text = log.text(register.incident("INC-2026-0001").timeline[0].payload["text"])
    assert text.startswith("It promised <b>Frau Muster</b> a refund.")
    assert "Muster" not in form.outcome.value + log.content().decode()


def test_another_report_may_follow_the_first(form, folder):
    fill(form, what="One.")
    form.button.click()
    fill(form, what="Two.")
    assert form.outcome.value == ""
    form.button.click()
    assert "INC-2026-0002" in form.outcome.value


def test_a_broken_record_enters_nothing_and_keeps_no_words(form, folder):
    fill(form, what="It promised a refund.")
    log = Log(folder)
    log.path.parent.mkdir()
    log.path.write_bytes(b"{}\n")
    form.button.click()
    assert "Not entered:" in form.outcome.value
    assert "broken chain" in form.outcome.value
    assert not log.texts.exists() or not list(log.texts.iterdir())
