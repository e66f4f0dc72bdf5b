"""E1, B9, D7: the weekly review, half an hour over a week of exports."""

from dataclasses import replace

import pandas as pd
import pytest

from opsbook import reviews
from opsbook.agendas import AGENDAS, minutes
from opsbook.clock import local_days
from opsbook.errors import UsageError
from opsbook.periods import period
from opsbook.settings import Workflow
from opsbook.workbook import open_week

DEMO = "data/demo"


@pytest.fixture(scope="module")
def week(weekly):
    """Week 47 of the demo, as the built site has it."""
    return open_week(weekly.place / DEMO)


pytestmark = pytest.mark.xdist_group("site")


def test_the_agenda_has_eight_sections_and_takes_half_an_hour():
    assert len(AGENDAS["weekly"]) == 8
    assert minutes("weekly") == 30


def test_without_a_period_the_review_is_about_the_last_complete_week(week):
    assert week.name == "2026-W47"
    assert [str(b) for b in week.bounds] == [
        "2026-11-15 23:00:00+00:00",
        "2026-11-22 23:00:00+00:00",
    ]


def test_a_week_in_which_the_clocks_change_has_169_hours(week):
    first, last = period("2026-W43").bounds(week.settings.company)
    assert last - first == pd.Timedelta(hours=169)


def test_a_period_that_is_no_week_is_refused_with_an_example(weekly):
    with pytest.raises(UsageError, match="expected like 2026-W47"):
        open_week(weekly.place / DEMO, period="November")


def test_a_moment_without_a_zone_is_refused(weekly):
    with pytest.raises(UsageError, match="has no zone"):
        open_week(weekly.place / DEMO, as_of="2026-11-23T08:00")


def test_only_what_touches_the_week_stands_in_it(week):
    assert week.opened.priority.tolist() == ["P2"]
    assert set(week.findings.rule) == {"R5", "R8", "R11"}
    assert reviews.single_breaches(week).empty


def test_a_review_of_an_earlier_week_knows_nothing_of_later_ones(weekly):
    earlier = open_week(weekly.place / DEMO, as_of="2026-11-09T08:00+01:00")
    assert earlier.name == "2026-W45"
    assert earlier.facts.grid.hour.max() < earlier.now
    assert earlier.incidents.detected_at.max() < earlier.now
    assert earlier.register.incident("INC-2026-0013").state == "resolved"


def test_zero_runs_off_days_and_uncounted_runs_are_told_apart(week):
    days = reviews.days_run(week).set_index(["workflow", "day"]).state.unstack(0)
    assert days.loc["2026-11-16", "sales-digest"] == "ran"
    assert days.loc["2026-11-17", "sales-digest"] == "planned off"
    assert days.loc["2026-11-16", "code-review"] == "ran"


def test_a_workday_without_a_run_is_a_zero_and_not_no_data(weekly):
    week = open_week(weekly.place / DEMO, period="2026-W39")
    days = reviews.days_run(week)
    zero = days[days.state == "zero"]
    assert zero[["workflow", "day"]].values.tolist() == [
        ["meeting-notes", pd.Timestamp("2026-09-24")]
    ]
    off = [{"first": "2026-09-24", "last": "2026-09-24", "reason": "Trade fair"}]
    paused = [
        Workflow(**w.model_dump() | {"planned_off": off, "due": "tuesday"})
        for w in week.settings.workflows
    ]
    told = week.settings.model_copy(update={"workflows": paused})
    days = reviews.days_run(replace(week, settings=told)).set_index(["workflow", "day"]).state
    assert days["meeting-notes", "2026-09-24"] == "planned off"
    assert days["sales-digest", "2026-09-22"] == "zero"


def test_spend_adds_up_to_the_companys_days(week):
    days = week.judged.spend
    own = days[(days.started_at >= week.started_at) & (days.started_at < week.ended_at)]
    assert reviews.spend_by_workflow(week).cost_eur.sum() == pytest.approx(own.cost_eur.sum())


def test_what_cannot_be_judged_is_named_with_its_reason(week):
    told = reviews.not_judged(week)
    told = told[told.rule != "R8"]
    assert set(told.workflow) == {"code-review", "sales-digest"}
    assert told.reason.str.startswith("its exports").all()


def test_each_rule_says_how_often_it_fired_under_either_method(week):
    fired = reviews.fired_by_rule(week).set_index("rule")
    assert len(fired) == 15
    assert fired.loc["R5", "calendar"] == 1
    assert fired.runbook.sum() > fired.calendar.sum()


def test_the_calendar_knows_the_week_of_the_holiday(week):
    days = local_days(week.settings.company, pd.Timestamp("2026-10-26"), pd.Timestamp("2026-10-27"))
    assert days.day_type.tolist() == ["restday", "workday"]
