"""E3: the quarterly review: what each workflow is worth, and how well the process runs."""

import pandas as pd
import pytest

from opsbook import quarter_pages, quarters
from opsbook.displays import plain
from opsbook.periods import period as named
from opsbook.periods import planned_at

QUARTER = "2026-10-01 2026-12-31"
EARLY = "2027-01-05"


def value(**told):
    return {"value": [{"workflow": "chat"} | told]}


def chat(rows):
    return rows.set_index("workflow").loc["chat"]


# Cost and value


def test_value_is_hours_saved_and_other_value_over_the_weeks_with_data(review):
    worth = value(hours_saved_week=2, hour_cost=40, value_month=100)
    seven_weeks = review("2026-Q4", "chat 2026-10-01 2026-11-18 cost=1 runs=5", sheets=worth)
    row = chat(quarters.portfolio(seven_weeks))
    assert (row.weeks, row.cost, row.runs) == (7, 49, 245)
    assert row.value == pytest.approx(7 * 80 + 7 * 7 / (365.25 / 12) * 100)
    assert row.net == pytest.approx(row.value - 49)
    assert row.run_cost == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("told", "known"),
    [
        ({"hours_saved_week": 2, "hour_cost": 40}, True),
        ({"value_month": 100}, True),
        ({"hours_saved_week": 2}, False),
        ({"verdict": "keep"}, False),
    ],
    ids=["hours and their cost", "other value", "hours without their cost", "a verdict alone"],
)
def test_what_nobody_values_has_no_value_and_no_net(review, told, known):
    row = chat(
        quarters.portfolio(review("2026-Q4", f"chat {QUARTER} cost=1", sheets=value(**told)))
    )
    assert (pd.notna(row.value), pd.notna(row.net)) == (known, known)


# Keep, change or retire


@pytest.mark.parametrize(
    ("lines", "told", "proposal", "why"),
    [
        ([f"chat {QUARTER} cost=1 runs=5"], {"value_month": 100}, "keep",
         ["it brought more than it cost"]),
        ([f"chat {QUARTER} cost=9 runs=5"], {"value_month": 100}, "retire",
         ["it cost more than it brought"]),
        (["chat 2026-10-01 2026-12-03 cost=1 runs=5", "chat 2026-12-04 2026-12-31 runs=0"],
         {"value_month": 100}, "retire", ["no run for 4 weeks"]),
        (["chat 2026-10-01 2026-12-04 cost=1 runs=5", "chat 2026-12-05 2026-12-31 runs=0"],
         {"value_month": 100}, "keep", ["it brought more than it cost"]),
        (["chat 2026-10-01 2026-12-03 cost=1 runs=5"], {"value_month": 100}, "keep",
         ["it brought more than it cost"]),
        ([f"chat {QUARTER} cost=1 runs=5"], {}, "", ["nobody has said what it is worth"]),
    ],
    ids=["worth it", "dearer than worth", "idle for 28 days", "idle for 27 days",
         "no data is no idleness", "not valued"],
)  # fmt: skip
def test_the_figures_propose_with_their_reasons_and_decide_nothing(
    review, lines, told, proposal, why
):
    quarter = review("2026-Q4", *lines, now=EARLY, sheets=value(**told))
    row = chat(quarters.portfolio(quarter))
    assert (row.proposal, row.why, row.verdict) == (proposal, why, "")


@pytest.mark.parametrize(("times", "proposal"), [(2, "keep"), (3, "change")])
def test_three_grave_incidents_in_a_quarter_propose_a_change(review, opened, times, proposal):
    days = ["Mon 2026-10-05", "Mon 2026-10-19", "Mon 2026-11-02"][:times]
    seen = [("R4", "chat", "P2", f"{d} 10:00", 3) for d in days]
    register = opened(("Mon 2026-11-02 14:00", seen))
    quarter = review(
        "2026-Q4", f"chat {QUARTER} cost=1 runs=5", now=EARLY, register=register,
        sheets=value(value_month=100),
    )  # fmt: skip
    assert chat(quarters.portfolio(quarter)).proposal == proposal


def test_more_hours_by_hand_than_it_saves_propose_a_change(review):
    by_hand = [{"day": "2026-10-07", "kind": "manual fallback", "workflow": "chat", "hours": 40}]
    sheets = value(hours_saved_week=2, hour_cost=40) | {"hours": by_hand}
    quarter = review("2026-Q4", f"chat {QUARTER} cost=1 runs=5", now=EARLY, sheets=sheets)
    assert chat(quarters.portfolio(quarter)).why == ["more hours by hand than it saves"]


@pytest.mark.parametrize(
    ("told", "question"),
    [
        ({"verdict": "keep", "value_month": 100}, ""),
        ({"verdict": "open", "value_month": 100}, "Chat: keep, change or retire?"),
        (
            {"verdict": "keep", "value_month": 1},
            "Chat: the verdict is keep, the figures say retire (it cost more than it brought).",
        ),
        ({"verdict": "keep", "value_month": 1, "reason": "It answers at night"}, ""),
        ({"verdict": "retire", "value_month": 100}, ""),
    ],
    ids=["decided", "open", "against the figures", "with its reason", "stricter than the figures"],
)
def test_a_workflow_without_a_verdict_or_against_the_figures_is_asked_about(review, told, question):
    sheets = {"value": [{"workflow": "chat"} | told, {"workflow": "Invoices", "verdict": "keep"}]}
    quarter = review("2026-Q4", f"chat {QUARTER} cost=1 runs=5", now=EARLY, sheets=sheets)
    assert quarters.portfolio_question(quarter) == question


# How well the process runs


def test_deadlines_of_the_quarter_are_met_missed_or_open(review, opened):
    late = opened(("Wed 2026-10-07 14:00", [("R4", "chat", "P2", "Wed 2026-10-07 10:00", 3)]))
    own = quarters.health(review("2026-Q4", f"chat {QUARTER}", register=late, now=EARLY))
    assert own.met == 0
    assert own.missed > 0
    assert own.lag == pd.Timedelta(hours=4)
    before = quarters.health(review("2026-Q3", register=late, now=EARLY))
    assert (before.met, before.missed, before.incidents) == (0, 0, 0)


@pytest.mark.parametrize(
    ("drill", "asked"),
    [(None, "No P1 drill is on record."), ("2025-12-31", "31 Dec 2025"), ("2026-02-01", "")],
    ids=["never", "over a year ago", "within a year"],
)
def test_a_p1_drill_older_than_a_year_is_asked_about(review, drill, asked):
    sheets = {"systems": [{"workflow": "chat", "drill_on": drill}]}
    question = quarters.health_question(review("2026-Q4", now=EARLY, sheets=sheets))
    assert asked in question
    assert bool(question) == bool(asked)


@pytest.mark.parametrize(
    ("days_late", "on_time"), [(0, True), (7, True), (8, False)], ids=["on the day", "7", "8 days"]
)
def test_a_review_is_held_on_time_within_a_week_of_its_date(review, bavaria, days_late, on_time):
    held = planned_at(named("2026-W41"), bavaria.company) + pd.Timedelta(days=days_late)
    quarter = review("2026-Q4", now="2026-10-20")
    quarter.register.reviews["2026-W41"] = [{"review": "weekly", "held": held.isoformat()}]
    rows = quarters.reviews_held(quarter)
    assert rows.period.tolist() == ["2026-W41", "2026-W42"]
    assert rows.on_time.tolist() == [on_time, False]


# A quarter of which little is known


@pytest.mark.parametrize(
    "lines",
    [[], ["chat 2026-09-01 2026-09-30 cost=1"], ["chat 2026-12-25 2026-12-31 cost=1"]],
    ids=["nothing at all", "no call in the quarter", "one week of data"],
)
def test_every_section_says_what_it_knows_of_a_quarter_of_little_data(review, lines):
    quarter = review("2026-Q4", *lines, now=EARLY)
    shown = [
        quarter_pages.at_a_glance(quarter),
        quarter_pages.portfolio(quarter),
        quarter_pages.health(quarter),
        quarter_pages.portfolio_head(quarter),
        quarter_pages.ai_act(quarter),
    ]
    assert all(len(plain(piece)) > 40 for piece in shown)
    assert "nan" not in " ".join(map(plain, shown)).lower().split()
    assert set(quarters.questions(quarter)) >= {"portfolio", "ai-act", "sign-off"}


def test_a_persons_words_are_shown_as_the_words_they_are(review):
    evil = "<script>alert(1)</script>{{< env KEY >}}"
    sheets = value(verdict="keep", reason=evil)
    shown = quarter_pages.portfolio(review("2026-Q4", f"chat {QUARTER} cost=1", sheets=sheets))
    assert "<script>a" not in shown
    assert "{{<" not in shown
