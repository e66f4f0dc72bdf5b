"""E4: two to four hours a week on three to five workflows; past ten it is a function of its own."""

import pandas as pd
import pytest

from opsbook import charts, quarters
from opsbook.settings import Settings

FUNCTION = "AI operations is a function of its own"


@pytest.fixture
def company(bavaria):
    """A company with so many workflows."""

    def make(count):
        flow = bavaria.workflows[0].model_dump()
        return Settings(
            company=bavaria.company, workflows=[flow | {"id": f"w{i}"} for i in range(count)]
        )

    return make


def noted(*hours, first="2026-10-05"):
    """Hours of the AI Lead, a week after the other; None: nothing noted."""
    mondays = pd.date_range(first, periods=len(hours), freq="7D")
    return {
        "hours": [
            {"day": m, "kind": "AI Lead", "hours": h}
            for m, h in zip(mondays, hours, strict=True)
            if h is not None
        ]
    }


@pytest.mark.parametrize(
    ("count", "hours", "state", "question"),
    [
        (3, [2, 4], "ok", ""),
        (5, [4, 4], "ok", ""),
        (5, [4, 5], "watch", "the AI Lead spends 4.5 hours a week, 4 are expected"),
        (6, [3, 3], "watch", ""),
        (10, [3, 3], "watch", ""),
        (11, [3, 3], "alert", f"11 workflows: {FUNCTION}, who takes it over"),
        (3, [], "none", ""),
    ],
    ids=["3", "5", "5, over four hours", "6", "10", "11", "no hours noted"],
)  # fmt: skip
def test_the_system_says_when_operating_outgrows_one_role(
    review, company, count, hours, state, question
):
    quarter = review("2026-Q4", settings=company(count), sheets=noted(*hours))
    work = quarters.workload(quarter)
    assert (work.state, work.question) == (state, question)


def test_past_ten_workflows_the_sentence_says_that_it_is_a_function_of_its_own(review, company):
    work = quarters.workload(review("2026-Q4", settings=company(11), sheets=noted(3)))
    assert work.sentence == (
        "11 workflows, 3.0 hours a week noted: past 10, AI operations is a function of its own."
    )
    assert "function of its own" in quarters.portfolio_question(
        review("2026-Q4", settings=company(11))
    )


def test_a_week_without_a_note_is_missing_and_not_zero(review):
    quarter = review("2026-Q4", now="2026-10-27", sheets=noted(3, None, 4))
    rows = quarters.lead_hours(quarter)
    assert rows.week.tolist() == ["2026-W41", "2026-W42", "2026-W43", "2026-W44"]
    assert rows.hours.fillna(-1).tolist() == [3, -1, 4, -1]
    assert quarters.workload(quarter).hours == 3.5


def test_two_notes_of_one_week_add_up_to_its_hours(review):
    twice = noted(1)["hours"] + noted(2.5, first="2026-10-09")["hours"]
    rows = quarters.lead_hours(review("2026-Q4", now="2026-10-12", sheets={"hours": twice}))
    assert rows.hours.tolist() == [3.5]


def test_the_chart_tells_the_hours_against_what_is_expected(review, bavaria):
    title = charts.lead_hours(
        quarters.lead_hours(review("2026-Q4", sheets=noted(5, 5))), bavaria
    ).title
    assert title == "The AI Lead spent 5.0 hours a week, more than the 4 expected"
