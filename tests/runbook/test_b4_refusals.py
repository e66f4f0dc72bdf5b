"""B4: generic refusals to all inputs are a P2 (rule R10)."""

import datetime as dt

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsbook.clock import business_clock, business_day
from opsbook.estimates import share_lower_bound
from opsbook.panel import hourly_tasks
from opsbook.rules.refusals import refusal_windows, refusals, refusals_literally
from opsbook.schema import RUNS
from opsbook.settings import Company, Limits

LIMITS = Limits()
DAY = pd.Timedelta(hours=8)


def drawn(text, start):
    """Hours drawn as refused/runs from `start` on; '-' is no data, '16*0/0' sixteen such hours."""
    cells = []
    for word in text.split():
        times, _, cell = word.rpartition("*")
        cells += [cell] * int(times or 1)
    pairs = [c.split("/") if c != "-" else (None, None) for c in cells]
    tasks = pd.array([p[1] and int(p[1]) for p in pairs], "Float64")
    return pd.DataFrame(
        {
            "workflow": "chat",
            "hour": pd.date_range(start, periods=len(cells), freq="h", tz="UTC"),
            "covered": [c != "-" for c in cells],
            "tasks": tasks,
            "done": tasks,
            "refused": pd.array([p[0] and int(p[0]) for p in pairs], "Float64"),
        }
    )


@pytest.fixture
def windows(clock):
    """The windows of hours drawn from Tuesday 10 November, 09:00 in Berlin."""

    def judged(text, start="2026-11-10T08:00", always=False):
        return refusal_windows(drawn(text, start), clock, DAY, LIMITS, always)

    return judged


@pytest.fixture
def found(windows):
    """The findings on such hours."""
    return lambda text, *start, **how: refusals(windows(text, *start, **how), LIMITS)


@pytest.mark.parametrize(("refused", "bound"), [(14, 49.2), (15, 54.4), (20, 86.1)])
def test_the_lower_bound_of_twenty_runs_is_the_published_one(refused, bound):
    assert round(100 * float(share_lower_bound(refused, 20, 0.95)), 1) == bound


@pytest.mark.parametrize(
    ("hour", "fires"),
    [
        ("14/20", False),
        ("15/20", True),
        ("20/20", True),
        ("4/4", False),
        ("5/5", True),
        ("4/5", False),
        ("19/19", True),
        ("18/19", False),
        ("26/50", False),
        ("0/40", False),
    ],
)
def test_most_of_twenty_runs_or_all_of_five_must_be_refused(found, hour, fires):
    assert bool(len(found(f"0/0 {hour} 0/0"))) is fires


def test_a_day_of_refusals_has_its_hours_and_is_seen_when_they_are_most_of_a_business_day(
    found, at
):
    usual, night = "8*0/16 16*0/0 ", "16*0/0 "
    row = found(usual + "7*16/16 15/16 " + night + usual).iloc[0]
    assert (at(row.started_at), at(row.ended_at)) == ("Wed 11 Nov 09:00", "Wed 11 Nov 17:00")
    assert at(row.detected_at) == "Wed 11 Nov 14:00"
    assert (row["sample"], row.priority, row.state, row.family) == (128, "P2", "over", "refusals")
    assert row.reason == "99% of 128 runs of a business day were refused"
    assert "refusal_share=0.5" in row.parameters


def test_a_few_refusals_a_day_are_silent(found):
    assert found("8*1/16 16*0/0 8*2/16 16*0/0").empty


def test_a_silence_after_refusals_does_not_end_them(found):
    assert found("0/30 30/30 30/30 30/30 16*0/0").state.tolist() == ["firing"]
    assert found("0/30 30/30 30/30 30/30 16*-").state.tolist() == ["firing"]
    assert found("0/30 30/30 30/30 30/30 8*0/30").state.tolist() == ["over"]


def test_runs_of_the_business_day_before_the_weekend_count_on_monday(found, windows, at):
    """Eleven of twelve on Friday afternoon, nine of ten on Monday morning: 20 of 22."""
    friday = "2026-11-13T12:00"
    text = "3*3/3 2/3 64*0/0 3*2/2 3/4 0/0"
    row = found(text, friday).iloc[0]
    assert at(row.started_at) == "Fri 13 Nov 13:00"
    assert windows(text, friday).n.iloc[71] == 22
    assert at(row.detected_at) == "Fri 13 Nov 15:00"


def test_a_public_holiday_is_no_part_of_a_business_day(windows):
    """Thursday 24 December 2026 from 13:00, closed on Friday 25th, Monday 28th to 13:00."""
    judged = windows("4*3/3 88*0/0 4*3/3", "2026-12-24T12:00")
    assert judged.n.iloc[-1] == 24
    assert judged.n.iloc[4] == 12


def test_of_a_workflow_that_always_runs_no_more_than_a_day_counts(found, at):
    """Friday as usual, then every answer of a quiet Saturday is a refusal."""
    text = "8*0/30 16*0/0 8*3/3 16*0/0"
    assert found(text, "2026-11-13T08:00").empty
    rows = found(text, "2026-11-13T08:00", always=True)
    assert [at(t) for t in rows.started_at] == ["Sat 14 Nov 09:00"]


def test_the_business_day_over_the_change_of_clocks_is_eight_hours(windows):
    """Friday 23 October 13:00 to Monday 26 October 13:00 is 73 hours long."""
    judged = windows("4*5/5 65*0/0 4*5/5", "2026-10-23T11:00")
    assert judged.n.iloc[-1] == 40


def test_a_business_day_is_as_long_as_the_company_is_open():
    hours = {"monday": ["09:00-12:00", "13:00-18:00"], "tuesday": ["09:00-17:00"]}
    hours |= {"friday": ["09:00-13:00"], "saturday": []}
    company = Company(name="E", zone="Europe/Berlin", country="DE", hours=hours)
    assert business_day(company) == pd.Timedelta(hours=8)


def test_an_hour_counts_runs_where_it_has_them_and_calls_where_it_has_totals():
    runs = RUNS.conform(
        pd.DataFrame(
            {
                "workflow": "chat",
                "run_id": ["a", "b", "c"],
                "started_at": "2026-11-10T09:10Z",
                "hour": "2026-11-10T09:00Z",
                "calls": [5, 1, 1],
                "status": ["ok", "ok", "error"],
                "refused": [True, False, False],
            }
        )
    )
    grid = drawn("0/0 1/7 0/0", "2026-11-10T08:00").rename(columns={"tasks": "calls"})
    grid = grid.assign(bucket_s=0, failed=grid.refused * 0, input_tokens=0.0, output_tokens=0.0)
    hour = hourly_tasks(grid, runs).iloc[1]
    assert (hour.tasks, hour.done, hour.refused) == (3, 2, 1)
    totals = hourly_tasks(grid.assign(bucket_s=3600), runs).iloc[1]
    assert (totals.tasks, totals.done, totals.refused) == (7, 7, 1)


def test_read_literally_one_refused_run_is_an_incident(found):
    days = pd.DataFrame(
        {
            "workflow": "chat",
            "day_type": "workday",
            "opens": [pd.Timestamp("2026-11-10T08:00Z")],
            "closes": [pd.Timestamp("2026-11-10T16:00Z")],
            "covered": True,
            "tasks": 1.0,
            "refused": 1.0,
        }
    )
    assert refusals_literally(days).priority.tolist() == ["P2"]
    assert refusals_literally(days.assign(tasks=2.0)).empty
    assert found("1/1").empty


HOURS = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=30, max_size=60)
WEEK = {d: ["09:00-17:00"] for d in ("monday", "tuesday", "wednesday", "thursday", "friday")}
COMPANY = Company(name="E", zone="Europe/Berlin", country="DE", hours=WEEK)
CLOCK = business_clock(COMPANY, dt.date(2026, 11, 1), dt.date(2026, 12, 31))


def judged(hours):
    return refusals(refusal_windows(hours, CLOCK, DAY, LIMITS), LIMITS)


@settings(max_examples=20, deadline=None)
@given(HOURS, st.sampled_from(["UTC", "America/New_York", "Asia/Kolkata"]))
def test_the_zone_in_which_hours_are_written_changes_nothing(cells, zone):
    hours = drawn(" ".join(f"{min(r, n)}/{n}" for r, n in cells), "2026-11-10T06:00")
    moved = hours.assign(hour=hours.hour.dt.tz_convert(zone))
    pd.testing.assert_frame_equal(judged(moved), judged(hours))


@settings(max_examples=20, deadline=None)
@given(HOURS)
def test_fewer_refusals_never_find_more_hours(cells):
    more = drawn(" ".join(f"{min(r, n)}/{n}" for r, n in cells), "2026-11-10T06:00")
    fewer = more.assign(refused=(more.refused // 2))
    held = [
        refusal_windows(h, CLOCK, DAY, LIMITS).state.eq("breach").to_numpy() for h in (more, fewer)
    ]
    assert not (held[1] & ~held[0]).any()
