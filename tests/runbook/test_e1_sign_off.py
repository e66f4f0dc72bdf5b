"""E1: a review ends in decisions: explained or escalated, signed as it was shown, carried on.

Legend: R reviewed, x explained, > escalated, ? asks something.
"""

import datetime as dt
from types import SimpleNamespace

import pandas as pd
import pytest

from opsbook import outcomes, signoffs
from opsbook.agendas import AGENDAS, PRESENT, minutes
from opsbook.errors import UsageError
from opsbook.events import GENESIS, Event, stamp
from opsbook.outcomes import Outcomes, Said, Task
from opsbook.periods import period
from opsbook.register import Register, fold
from opsbook.registers import Registers
from opsbook.signoffs import Shown, Words

WEEK = period("2026-W47")
SHOWN = Shown("r" * 64, "records/reviews/2026-W47.v1.ipynb.gz", "d" * 64, "1", 7, "h" * 64, {})
OWNERS = ["AI Lead", "Operations", "Head"]


@pytest.fixture
def at(when):
    return lambda text: when(text)


def told(held, sections="R", present=("AI Lead",), tasks=(), **more) -> Outcomes:
    """What a file says, every section alike."""
    said = Said("R" in sections, "a word" * ("x" in sections), "Operations" * (">" in sections))
    every = {i.key: said for i in AGENDAS["weekly"]}
    return Outcomes(held, tuple(present), every, tasks=tuple(tasks), **more)


def test_the_three_reviews_take_half_an_hour_an_hour_and_an_hour_and_a_half():
    assert [minutes(k) for k in AGENDAS] == [30, 60, 90]


@pytest.mark.parametrize(
    ("sections", "asks", "left"),
    [
        ("R", "", 0),
        ("R", "?", 1),
        ("Rx", "?", 0),
        ("R>", "?", 0),
        ("x", "?", 8),
        ("", "?", 9),
    ],
)
def test_what_is_neither_explained_nor_escalated_keeps_a_review_a_draft(when, sections, asks, left):
    held = when("Mon 2026-11-23 09:30")
    found = outcomes.left("weekly", {"cost": asks and "what changed?"}, told(held, sections))
    assert len(found) == left


def sign(outcome, now, register=None, chair="AI Lead", settings=None, ids=()):
    """A sign-off folded into a register."""
    register = register or Register()
    signoffs.ready(WEEK, outcome, {}, register, ids, now, settings.company, chair)
    words = Words({}, [], [f"text-{t.text}" for t in outcome.tasks if not t.id], outcome.changed)
    version = signoffs.versions(register, WEEK.name) + 1
    draft = signoffs.signed(
        WEEK, outcome, words, SHOWN, register, list(ids), now, settings, chair, version
    )
    event = Event(1, stamp(now), draft.actor, draft.type, None, draft.payload, GENESIS, "")
    return fold([event]) if not register.reviews else entered(register, event)


def entered(register, event):
    from opsbook.register import enter

    enter(register, event)
    return register


@pytest.mark.parametrize(
    ("held", "now", "chair", "present", "says"),
    [
        ("Fri 2026-11-20 09:30", "Mon 2026-11-23 10:00", "AI Lead", ["AI Lead"], "before the end"),
        ("Mon 2026-11-23 11:00", "Mon 2026-11-23 10:00", "AI Lead", ["AI Lead"], "still to come"),
        ("Mon 2026-11-23 09:30", "Sun 2026-11-22 23:59", "AI Lead", ["AI Lead"], "is not over"),
        ("Mon 2026-11-23 09:30", "Mon 2026-11-23 10:00", "Reporter", ["AI Lead"], "is signed by"),
        ("Mon 2026-11-23 09:30", "Mon 2026-11-23 10:00", "AI Lead", [], "has to have been there"),
        ("", "Mon 2026-11-23 10:00", "AI Lead", ["AI Lead"], "Held: is empty"),
    ],
)
def test_what_may_not_be_signed_says_why(when, bavaria, held, now, chair, present, says):
    outcome = told(when(held) if held else None, present=present)
    with pytest.raises(UsageError, match=says):
        sign(outcome, when(now), chair=chair, settings=bavaria)


def test_a_deputy_may_hold_the_weekly_review(when, bavaria):
    outcome = told(when("Mon 2026-11-23 09:30"), present=["Deputy"])
    register = sign(outcome, when("Mon 2026-11-23 10:00"), chair="Deputy", settings=bavaria)
    assert register.reviews["2026-W47"][0]["by"] == "Deputy"


def test_a_quarter_is_not_reviewed_without_founder_or_ceo():
    assert PRESENT["quarterly"] == ("AI Lead", "Founder or CEO")
    found = outcomes.left("quarterly", {}, Outcomes(present=("AI Lead",)))
    assert "Present: the Founder or CEO has to be there" in found


def test_a_signed_review_is_not_signed_again_without_saying_what_changed(when, bavaria):
    now = when("Mon 2026-11-23 10:00")
    outcome = told(when("Mon 2026-11-23 09:30"))
    register = sign(outcome, now, settings=bavaria)
    with pytest.raises(UsageError, match="What changed: is empty"):
        sign(outcome, now, register, settings=bavaria)
    corrected = told(when("Mon 2026-11-23 09:30"), changed="An export came late.")
    register = sign(corrected, now, register, settings=bavaria)
    assert [v["version"] for v in register.reviews["2026-W47"]] == [1, 2]


def test_actions_get_an_id_and_are_carried_until_they_are_done(when, bavaria):
    now = when("Mon 2026-11-23 10:00")
    new = Task("", "ask", "Head", dt.date(2026, 12, 1), "prevent")
    register = sign(told(when("Mon 2026-11-23 09:30"), tasks=[new]), now, settings=bavaria)
    assert register.tasks["A-2026-0001"]["state"] == "open"
    done = Task("A-2026-0001", "ask", "Head", dt.date(2026, 12, 1), "prevent", "done")
    outcome = told(when("Mon 2026-11-23 09:30"), tasks=[done], changed="x")
    register = sign(outcome, now, register, settings=bavaria, ids=["A-2026-0001", "T-1"])
    assert register.tasks["A-2026-0001"]["state"] == "done"
    assert register.reviews["2026-W47"][1]["carried"] == ["T-1"]


def test_an_action_that_nobody_knows_is_no_action(when, bavaria):
    strange = Task("A-2026-0009", "x", "Head", dt.date(2026, 12, 1), "", "done")
    with pytest.raises(UsageError, match="'A-2026-0009' is no action on record"):
        sign(
            told(when("Mon 2026-11-23 09:30"), tasks=[strange]),
            when("Mon 2026-11-23 10:00"),
            settings=bavaria,
        )


@pytest.mark.parametrize(
    ("carried", "follows"),
    [
        ([], "weekly"),
        (["weekly", "weekly"], "weekly"),
        (["weekly", "weekly", "weekly"], "monthly"),
        (["weekly"] * 3 + ["monthly"] * 2, "monthly"),
        (["weekly"] * 3 + ["monthly"] * 3, "quarterly"),
    ],
)
def test_an_action_carried_three_times_goes_to_the_next_higher_review(
    bavaria, when, carried, follows
):
    task = {"id": "A-1", "text": "t", "owner": "Head", "due": "2026-12-01", "kind": "",
            "state": "open", "origin": "2026-W40", "review": "weekly",
            "carried": {f"p{i}": k for i, k in enumerate(carried)}}  # fmt: skip
    review = SimpleNamespace(
        register=Register(tasks={"A-1": task}), registers=Registers(), settings=bavaria,
        texts={"t": "ask"}, now=when("Mon 2026-11-23 10:00"), kind=follows, name="x",
    )  # fmt: skip
    assert signoffs.to_follow(review).id.tolist() == ["A-1"]
    assert signoffs.tasks(review).carried.tolist() == [len(carried)]


def test_an_action_past_its_day_is_asked_for(bavaria, when):
    due = {"A-1": "2026-11-22", "A-2": "2026-11-23"}
    tasks = {
        name: {"id": name, "text": "t", "owner": "Head", "due": day, "kind": "", "state": "open",
               "origin": "2026-W40", "review": "weekly", "carried": {}}
        for name, day in due.items()
    }  # fmt: skip
    review = SimpleNamespace(
        register=Register(tasks=tasks), registers=Registers(), settings=bavaria,
        texts={"t": "ask"}, now=when("Mon 2026-11-23 10:00"), kind="weekly", name="x",
    )  # fmt: skip
    asked = signoffs.actions_question(review)
    assert asked == "A-1: past the day agreed. Done, dropped, or until when?"


@pytest.mark.parametrize(
    ("now", "signed", "state"),
    [
        ("Mon 2026-11-23 09:00", "", "to come"),
        ("Mon 2026-11-23 09:30", "", "due"),
        ("Mon 2026-11-30 09:30", "", "due"),
        ("Mon 2026-11-30 09:31", "", "overdue"),
        ("Mon 2026-11-30 09:31", "Mon 2026-11-23 10:00", "signed"),
    ],
)
def test_a_review_not_signed_within_seven_days_of_its_date_is_overdue(
    bavaria, when, now, signed, state
):
    covered = pd.DataFrame({"covered_from": [when("Mon 2026-11-16 00:00")]})
    register = Register()
    if signed:
        version = {"review": "weekly", "ts": stamp(when(signed))}
        register = Register(reviews={"2026-W47": [version]})
    review = SimpleNamespace(
        register=register, settings=bavaria, now=when(now), period=WEEK,
        facts=SimpleNamespace(coverage=covered),
    )  # fmt: skip
    found = signoffs.standing(review)
    weekly = found[found.period == "2026-W47"]
    assert weekly.state.tolist() == [state]
    assert set(found.kind) == {"weekly"}, "before its first data a company owes no review"


BEGUN = outcomes.template(WEEK, {"cost": "what changed?"}, [], OWNERS)


def read(text, bavaria) -> Outcomes:
    return outcomes.read(text.encode(), "2026-W47.md", WEEK, bavaria.company, OWNERS)


def test_a_file_is_read_back_as_people_wrote_it(bavaria):
    text = (
        BEGUN.replace("Held:", "Held: 23.11.2026 9:30")
        .replace("Reviewed: no", "Reviewed: yes", 1)
        .replace("Explained:", "Explained: scans\nsince Tuesday", 1)
        .replace("## Decisions\n\n-", "## Decisions\n\n- stay\n- and\n  go")
        + "|  | Ask *them* \\| us | head | 2026-12-01 | Prevent |  |\n"
    )
    found = read(text, bavaria)
    assert not found.problems
    assert str(found.held) == "2026-11-23 08:30:00+00:00"
    assert found.said("data") == Said(True, "scans since Tuesday", "")
    assert found.said("actions") == Said()
    assert found.decisions == ("stay", "and go")
    assert found.tasks == (
        Task("", "Ask *them* | us", "Head", dt.date(2026, 12, 1), "prevent", "open"),
    )


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("## 4. Error rates", "", 'the section "## Error rates" is missing; put it back'),
        ("Reviewed: no", "Reviewed: perhaps", "line 11: Reviewed: 'perhaps' is neither yes nor no"),
        ("Held:", "Held: yesterday", "line 5: Held: 'yesterday' is not a time"),
        ("Present: AI Lead", "Present: Anna", "line 6: Present: 'Anna' is no role"),
        ("Escalated to:", "Escalated to: Anna", "line 13: Escalated to: 'Anna' is no role"),
        ("## Decisions", "## 4. Error rates", 'the section "Error rates" stands twice'),
    ],
)
def test_a_slip_in_the_file_is_named_by_its_line(bavaria, old, new, says):
    found = read(BEGUN.replace(old, new, 1), bavaria)
    assert any(says in p for p in found.problems), found.problems


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("|  | ask | Anna | 2026-12-01 | prevent | open |", "owner 'Anna' is no role"),
        ("|  | ask | Head | soon | prevent | open |", "due 'soon' is not a date"),
        ("|  |  | Head | 2026-12-01 | prevent | open |", "the action is empty"),
        ("|  | ask | Head | 2026-12-01 | prevent | later |", "state 'later'"),
        ("| ask | Head |", "an action has 6 cells"),
    ],
)
def test_an_action_needs_an_owner_a_date_and_a_state(bavaria, row, says):
    assert says in " ".join(read(f"{BEGUN}{row}\n", bavaria).problems)


def test_a_correction_begins_with_what_was_signed_and_asks_what_changed(bavaria):
    first = BEGUN.replace("Held:", "Held: 2026-11-23 09:30")
    first += "|  | ask | Head | 2026-12-01 | prevent | open |\n"
    second = outcomes.corrected(first, 2)
    assert second.splitlines()[0] == "# Weekly review 2026-W47, version 2"
    found = read(second, bavaria)
    assert not found.problems
    assert (found.tasks, found.changed) == ((), "")
    assert found.held is not None
    said = second.replace("Since version 1:", "Since version 1: a file came late")
    assert read(said, bavaria).changed == "a file came late"
    third = outcomes.corrected(said, 3)
    assert third.count("## What changed") == 1
    assert read(third, bavaria).changed == ""
