"""D1: daily spend, alert at 150 % of the rolling 7-day average."""

import pandas as pd
import pytest

from opsbook.rules import findings_of
from opsbook.rules.spend import (
    company_days,
    daily_spend,
    daily_spend_literally,
    raised,
    spend_bands,
)
from opsbook.settings import Limits

LIMITS = Limits()


@pytest.fixture
def spend(calendar):
    """Draws the company's spend: EUR a day from Monday 7 September on, '-' is no data."""

    def draw(text: str) -> pd.DataFrame:
        cells = text.split()
        days = calendar[calendar.day >= "2026-09-07"].head(len(cells)).reset_index(drop=True)
        euros = pd.array([None if c == "-" else float(c) for c in cells], "Float64")
        return days.assign(cost_eur=euros, complete=[c != "-" for c in cells])

    return draw


WEEK = "20 20 20 20 20 2 2 "


def alerts(days: pd.DataFrame) -> list[str]:
    return daily_spend(spend_bands(days, LIMITS), LIMITS).started_at.dt.strftime("%d.%m").tolist()


@pytest.mark.parametrize(
    ("monday", "alert"), [("29.99", False), ("30", False), ("30.01", True), ("60", True)]
)
def test_a_day_exactly_at_the_limit_is_no_finding(spend, monday, alert):
    assert bool(alerts(spend(WEEK + monday))) is alert


def test_a_normal_workday_after_a_weekend_is_silent_and_read_literally_it_fires(spend):
    days = spend(WEEK + WEEK + "23")
    assert alerts(days) == []
    literal = daily_spend_literally(spend_bands(days, LIMITS), LIMITS)
    assert len(literal) >= 1
    assert literal.reason.str.contains("7 calendar days").all()


def test_a_weekend_at_five_times_its_usual_spend_is_found(spend):
    assert alerts(spend("40 40 40 40 40 5 5 " * 2 + "40 40 40 40 40 25 5")) == ["25.09"]


def test_a_small_excess_is_not_worth_an_alert(spend):
    assert alerts(spend("4 4 4 4 4 1 1 8")) == []
    assert alerts(spend("4 4 4 4 4 1 1 9.2")) == ["13.09"]


def test_fewer_than_four_days_are_no_average(spend):
    assert alerts(spend("20 20 20 90")) == []
    assert alerts(spend("20 20 20 20 90")) == ["10.09"]


def test_a_day_without_data_is_no_day_of_zero_spend(spend):
    with_gap = spend_bands(spend("20 - 20 20 20 2 2 29"), LIMITS)
    assert with_gap.center.iloc[-1] == 20
    assert alerts(spend("20 - 20 20 20 2 2 29")) == []


def test_a_price_that_moves_usage_to_exactly_150_percent_is_no_alert(spend):
    cheap, dear = 100 * 2 / 10, 100 * 3 / 15 * 1.5
    days = spend(WEEK + "1").assign(cost_eur=pd.array([cheap] * 5 + [2, 2] + [dear], "Float64"))
    assert alerts(days) == []


def test_the_days_of_workflows_without_data_yet_do_not_make_a_day_incomplete(calendar):
    days = calendar.head(3).assign(workflow="chat", covered=True, covered_share=1.0, cost_eur=5.0)
    late = days.assign(workflow="new", covered=[False, True, True], covered_share=[0.0, 1, 1])
    total = company_days(pd.concat([days, late.assign(cost_eur=[None, 2.0, 2.0])]))
    assert total.cost_eur.tolist() == [5, 7, 7]
    assert total.complete.all()


def test_a_key_that_no_workflow_claims_is_expected_of_no_day(calendar):
    days = calendar.head(3).assign(workflow="chat", covered=True, covered_share=1.0, cost_eur=5.0)
    once = days.assign(workflow="unassigned", covered=[True, False, False])
    once = once.assign(covered_share=[1.0, 0, 0], cost_eur=[2.0, None, None])
    total = company_days(pd.concat([days, once]))
    assert total.cost_eur.tolist() == [7, 5, 5]
    assert total.complete.all()


@pytest.mark.parametrize(
    ("spent", "seen"),
    [
        ("10:30 14:5", "15:00"),
        ("10:30.01 14:5", "11:00"),
        ("9:29 15:1.5", "16:00"),
        ("0:31", "01:00"),
        ("23:40", "00:00"),
    ],
)
def test_a_dear_day_is_seen_at_the_close_of_the_hour_that_passes_its_limit(spend, at, spent, seen):
    """The limit of Monday 14 September is EUR 30."""
    cells = [c.split(":") for c in spent.split()]
    bands = spend_bands(spend(WEEK + str(sum(float(e) for _, e in cells))), LIMITS)
    midnight = bands.started_at.iloc[-1]
    hours = pd.DataFrame(
        {
            "hour": [midnight + pd.Timedelta(hours=int(h)) for h, _ in cells],
            "bucket_s": pd.array([0] * len(cells), "Int64"),
            "cost_eur": pd.array([float(e) for _, e in cells], "Float64"),
        }
    )
    assert [at(t)[-5:] for t in daily_spend(bands, LIMITS, hours).detected_at] == [seen]


def test_the_total_of_a_whole_day_counts_when_the_day_is_over(spend, at):
    bands = spend_bands(spend(WEEK + "40"), LIMITS)
    hours = pd.DataFrame(
        {
            "hour": [bands.started_at.iloc[-1] + pd.Timedelta(hours=2)],
            "bucket_s": pd.array([86400], "Int64"),
            "cost_eur": pd.array([40.0], "Float64"),
        }
    )
    assert [at(t) for t in daily_spend(bands, LIMITS, hours).detected_at] == ["Tue 15 Sep 00:00"]


def test_a_running_day_is_found_before_it_is_over(spend):
    days = spend(WEEK + "40").assign(complete=[True] * 7 + [False])
    assert alerts(days) == ["13.09"]


CAUSE = {
    "method": "calendar",
    "workflow": "chat",
    "metric": "run_cost_eur",
    "started_at": "2026-09-14T08:00Z",
    "ended_at": "2026-09-14T12:00Z",
    "detected_at": "2026-09-14T22:00Z",
    "state": "over",
    "reason": "2.4 times its baseline",
}


@pytest.mark.parametrize(
    ("change", "priority"),
    [
        ({"rule": "R5", "priority": "P2"}, "P2"),
        ({"rule": "R6", "priority": "P2"}, "P2"),
        ({"rule": "R8", "priority": "P2", "family": "cost"}, "P2"),
        ({"rule": "R8", "priority": "P2", "family": "latency"}, "P3"),
        ({"rule": "R8", "priority": None, "state": "note"}, "P3"),
        ({"rule": "R4", "priority": "P2"}, "P3"),
        ({"rule": "R5", "priority": "P2", "method": "runbook"}, "P3"),
        (
            {
                "rule": "R5",
                "priority": "P2",
                "started_at": "2026-09-14T22:00Z",
                "ended_at": "2026-09-15T22:00Z",
            },
            "P3",
        ),
    ],
)
def test_an_alert_is_a_p2_only_when_a_rule_of_cost_fires_on_the_same_day(spend, change, priority):
    alert = daily_spend(spend_bands(spend(WEEK + "40"), LIMITS), LIMITS)
    both = pd.concat([alert, findings_of([CAUSE | change])], ignore_index=True)
    found = raised(both)
    assert found.priority[0] == priority
    assert found.reason[0].endswith(f"with {change['rule']}") is (priority == "P2")
    assert both.priority[0] == "P3"
