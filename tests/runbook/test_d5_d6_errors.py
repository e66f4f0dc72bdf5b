"""D4 to D6: error rate per workflow; above 5 % for more than two hours P2; above 20 % P1."""

import pytest

from opsbook.estimates import share_lower_bound
from opsbook.rules.errors import errors_literally, errors_over_5, errors_over_20
from opsbook.settings import Limits

LIMITS = Limits()
OK = "0/30"


@pytest.mark.parametrize(
    ("failed", "calls", "bound"),
    [(1, 3, 1.7), (3, 20, 4.2), (4, 20, 7.1), (7, 20, 17.7), (8, 20, 21.7), (10, 30, 19.3)],
)
def test_the_lower_bound_of_a_share_is_the_published_one(failed, calls, bound):
    assert round(100 * float(share_lower_bound(failed, calls, 0.95)), 1) == bound


@pytest.mark.parametrize(
    ("hour", "priority", "state"),
    [
        ("1/3", None, None),
        ("4/4", None, None),
        ("5/5", "P2", "firing"),
        ("19/19", "P2", "firing"),
        ("3/20", None, None),
        ("7/20", None, "candidate"),
        ("8/20", "P1", "firing"),
        ("10/30", None, "candidate"),
        ("6/30", None, None),
        ("4/12", None, None),
    ],
)
def test_one_hour_of_failing_calls_has_the_class_that_its_number_of_calls_allows(
    hours, hour, priority, state
):
    found = errors_over_20(hours(hour), LIMITS)
    assert found.priority.fillna("none").tolist() == ([priority or "none"] if state else [])
    assert found.state.tolist() == ([state] if state else [])


def test_a_p1_has_the_hours_in_which_calls_failed_and_is_seen_at_the_close_of_the_first(hours, at):
    found = errors_over_20(hours(f"{OK} 18/30 20/30 {OK} {OK}"), LIMITS).iloc[0]
    assert (at(found.started_at), at(found.ended_at)) == ("Tue 10 Nov 10:00", "Tue 10 Nov 12:00")
    assert at(found.detected_at) == "Tue 10 Nov 11:00"
    assert (found.priority, found.state, found["sample"]) == ("P1", "over", 30)
    assert found.reason == "67% of calls failed"


def test_few_calls_reach_back_until_they_are_twenty(hours, at):
    found = errors_over_20(hours("0/2 4/9 0/0 5/9 0/30"), LIMITS)
    assert found.priority.tolist() == ["P1"]
    assert at(found.started_at[0]) == "Tue 10 Nov 10:00"
    assert (found["sample"][0], at(found.detected_at[0])) == (20, "Tue 10 Nov 13:00")


def test_calls_from_more_than_a_day_ago_do_not_count(hours):
    quiet = " ".join(["0/0"] * 24)
    assert errors_over_20(hours(f"9/9 {quiet} 4/9"), LIMITS).priority.tolist() == ["P2"]


def test_missing_data_does_not_end_what_is_firing(hours):
    found = errors_over_20(hours(f"{OK} 20/30 - - -"), LIMITS)
    assert found.state.tolist() == ["firing"]
    again = errors_over_20(hours(f"{OK} 20/30 - - 20/30 {OK}"), LIMITS)
    assert again.state.tolist() == ["over"]


@pytest.mark.parametrize(
    ("day", "fires"),
    [
        (f"{OK} 3/30 3/30 {OK}", False),
        (f"{OK} 4/30 4/30 4/30 {OK}", True),
        (f"{OK} 12/30 {OK} {OK}", False),
        (f"{OK} 6/30 1/30 6/30 {OK}", False),
        (f"{OK} 4/30 0/0 4/30 {OK}", True),
        (f"{OK} 4/30 - 4/30 {OK}", True),
        ("1/7 1/7 2/6", True),
        ("0/7 2/7 2/6", False),
        ("1/7 1/7 1/6", False),
    ],
)
def test_five_percent_must_last_more_than_two_hours_and_in_every_full_hour(hours, day, fires):
    assert (len(errors_over_5(hours(day), LIMITS)) == 1) is fires


def test_a_p2_begins_with_its_first_failing_hour_and_is_seen_when_three_have_passed(hours, at):
    found = errors_over_5(hours(f"{OK} 4/30 4/30 4/30 4/30 4/30 {OK} {OK} {OK}"), LIMITS).iloc[0]
    assert (at(found.started_at), at(found.ended_at)) == ("Tue 10 Nov 10:00", "Tue 10 Nov 15:00")
    assert at(found.detected_at) == "Tue 10 Nov 13:00"
    assert (found.priority, found.state) == ("P2", "over")


def test_read_literally_one_error_in_three_calls_is_a_p1(hours):
    found = errors_literally(hours(f"{OK} 1/3 {OK}"), LIMITS)
    assert found[["rule", "priority", "method"]].values.tolist() == [["R3", "P1", "runbook"]]
    assert errors_over_20(hours(f"{OK} 1/3 {OK}"), LIMITS).empty


def test_the_order_of_hours_without_calls_changes_nothing(hours):
    spread, dense = hours(f"{OK} 8/20 0/0 0/0 {OK}"), hours(f"{OK} 8/20 {OK} 0/0 0/0")
    columns = ["started_at", "ended_at", "priority", "sample"]
    one, two = (errors_over_20(h, LIMITS)[columns] for h in (spread, dense))
    assert one.equals(two)
