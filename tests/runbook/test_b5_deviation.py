"""B5: a quality or cost metric over two SD off for more than four business hours: P2."""

import datetime as dt

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsbook.clock import business_clock
from opsbook.rules.deviation import judge_series
from opsbook.rules.lasting import sustained
from opsbook.settings import Company, Limits

LIMITS = Limits()
STATES = {"x": "breach", ".": "ok", "-": "no data", "s": "sparse"}
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def drawn(start, text, clock, minutes=60):
    """Buckets from a moment on: the text's states in business hours, ok in all others."""
    width, states, left = pd.Timedelta(minutes=minutes), [], list(text)
    while left:
        at = pd.DatetimeIndex([start + len(states) * width])
        inside = clock.elapsed(at, at + width)[0] > pd.Timedelta(0)
        states.append(STATES[left.pop(0)] if inside else "ok")
    starts = pd.date_range(start, periods=len(states), freq=width)
    return sustained(starts, states, clock, LIMITS, width)


GOLDEN = """
from                  buckets            of   fires             what it is
Mon 2026-11-09 09:00  xxxx               60   -                 four hours are not more than four
Mon 2026-11-09 09:00  xxxxx              60   Mon 9 Nov 14:00   the close of the fifth
Mon 2026-11-09 09:00  xxxxxxxxxxxxxxxx   15   -                 sixteen quarter-hours
Mon 2026-11-09 09:00  xxxxxxxxxxxxxxxxx  15   Mon 9 Nov 13:15   seventeen
Mon 2026-11-09 14:00  xxxxx              60   Tue 10 Nov 11:00  a night
Fri 2026-11-13 14:00  xxxxx              60   Mon 16 Nov 11:00  a weekend
Thu 2026-12-24 14:00  xxxxx              60   Mon 28 Dec 11:00  Christmas
Tue 2027-01-05 14:00  xxxxx              60   Thu 7 Jan 11:00   Epiphany, a holiday in Bavaria
Fri 2026-10-23 14:00  xxxxx              60   Mon 26 Oct 11:00  the weekend the clocks change
Mon 2026-11-09 09:00  xxxx.xxxx          60   -                 ok resets
Mon 2026-11-09 09:00  xx--xxx            60   Mon 9 Nov 16:00   two hours of silence pass
Mon 2026-11-09 09:00  xx---xxx           60   -                 three do not
Mon 2026-11-09 09:00  xx---xxxxx         60   Tue 10 Nov 11:00  after them it counts anew
Mon 2026-11-09 09:00  x-xsxxx            60   Mon 9 Nov 16:00   silence adds up: two hours
Mon 2026-11-09 09:00  x-xsx-xx           60   -                 silence adds up: three
Mon 2026-11-09 15:00  xx--xxx            60   Tue 10 Nov 14:00  no silence counts at night
"""


@pytest.mark.parametrize("line", GOLDEN.strip().splitlines()[1:])
def test_only_more_than_four_hours_in_a_row_of_business_fire(line, clock, when, at):
    start, text, minutes = line[:20], line[22:39].strip(), int(line[41:43])
    expected = line[46:62].strip()
    runs = drawn(when(start), text, clock, minutes)
    assert [at(t) for t in runs.detected_at] == ([] if expected == "-" else [expected])


def test_a_run_says_when_it_began_and_ended_and_whether_it_is_over(clock, when):
    start = when("Mon 2026-11-09 10:00")
    runs = drawn(start, "xxxxxx.", clock)
    assert runs.started_at.tolist() == [start]
    assert runs.ended_at.tolist() == [start + pd.Timedelta(hours=6)]
    assert runs.over.tolist() == [True]


def test_missing_data_never_ends_what_is_firing(clock, when):
    runs = drawn(when("Mon 2026-11-09 09:00"), "xxxxx" + "-" * 12 + "x", clock)
    assert runs.over.tolist() == [False]
    assert runs.ended_at.tolist() == [when("Wed 2026-11-11 11:00")]


def test_a_bucket_that_is_not_there_is_silence(clock, when):
    hours = pd.date_range(when("Mon 2026-11-09 09:00"), periods=8, freq="h")
    for absent, fires in ((2, 1), (3, 0)):
        kept = hours.delete(range(2, 2 + absent))
        assert len(sustained(kept, ["breach"] * len(kept), clock, LIMITS)) == fires


def always(zone: str) -> Company:
    return Company(name="E", zone=zone, country="DE", hours={d: ["00:00-24:00"] for d in WEEK})


@pytest.mark.parametrize(
    ("day", "fires"), [("2026-03-29", "06:00"), ("2026-03-30", "05:00"), ("2026-10-25", "04:00")]
)
def test_five_hours_are_five_hours_on_days_the_clocks_change(day, fires):
    company = always("Europe/Berlin")
    first = dt.date.fromisoformat(day)
    clock = business_clock(company, first, first)
    start = pd.Timestamp(day, tz="Europe/Berlin").tz_convert("UTC")
    runs = drawn(start, "xxxxx", clock)
    assert runs.detected_at[0].tz_convert("Europe/Berlin").strftime("%H:%M") == fires


@pytest.mark.parametrize(
    ("zone", "fires"), [("Asia/Kolkata", "13:30"), ("America/New_York", "14:00")]
)
def test_the_companys_own_zone_counts_half_hours_included(zone, fires):
    company = Company(name="E", zone=zone, country="IN", hours={"tuesday": ["09:00-17:00"]})
    clock = business_clock(company, dt.date(2026, 11, 10), dt.date(2026, 11, 10))
    start = pd.Timestamp("2026-11-10 09:00", tz=zone).tz_convert("UTC").floor("h")
    runs = sustained(pd.date_range(start, periods=9, freq="h"), ["breach"] * 9, clock, LIMITS)
    assert runs.detected_at[0].tz_convert(zone).strftime("%H:%M") == fires


@pytest.fixture(scope="module")
def judged(bavaria, calendar, clock):
    """Judges hourly values from Monday 7 September on: those of a local day, else 99 and 101.

    99 and 101 take turns by the hour and the day, so that any slot of 20 has the mean and median
    100 and an SD of 1.03.
    """

    def judge(days=(), until="2026-10-06", direction="up", usual=(99, 101)):
        hours = pd.date_range("2026-09-07", until, freq="h", tz="Europe/Berlin", inclusive="left")
        turn = (hours.hour + hours.dayofyear) % 2
        values = np.where(turn, usual[1], usual[0]).astype(float)
        for day, hour, to, value in days:
            start = pd.Timestamp(day, tz="Europe/Berlin")
            values[(hours >= start + hour * H) & (hours < start + to * H)] = value
        zone = bavaria.company.zone
        found = judge_series(
            hours.tz_convert("UTC"), values, calendar, clock, zone, LIMITS, direction
        )
        return found[found.rule == "R8"].reset_index(drop=True)

    return judge


H = pd.Timedelta(hours=1)
MONDAY = "2026-10-05"


def test_a_level_off_for_five_hours_is_a_p2_at_the_close_of_the_fifth(judged, at):
    found = judged([(MONDAY, 9, 15, 200)])
    assert found[["priority", "state"]].values.tolist() == [["P2", "over"]]
    assert [at(t) for t in found[["started_at", "detected_at", "ended_at"]].iloc[0]] == [
        "Mon 5 Oct 09:00",
        "Mon 5 Oct 14:00",
        "Mon 5 Oct 15:00",
    ]
    assert found.observed[0] == 200
    assert found.baseline[0] == pytest.approx(100)
    assert found.limit[0] == pytest.approx(100 + 2 * np.sqrt(20 / 19))
    assert found.references[0] == 20


@pytest.mark.parametrize(
    ("value", "fires"), [(119.99, 0), (120, 1), (120.01, 1), (80, 0), (500, 1)]
)
def test_a_steady_metric_must_leave_its_median_by_a_fifth(judged, value, fires):
    assert len(judged([(MONDAY, 9, 14, value)]).query("priority == 'P2'")) == fires


EDGE = 100 + 2 * 20 * np.sqrt(20 / 19)


@pytest.mark.parametrize(("value", "fires"), [(EDGE - 0.01, 0), (EDGE, 0), (EDGE + 0.01, 1)])
def test_exactly_two_sd_are_not_more_than_two_sd(judged, value, fires):
    assert len(judged([(MONDAY, 9, 14, value)], usual=(80, 120))) == fires


def test_the_good_direction_is_a_note_without_a_class(judged):
    found = judged([(MONDAY, 9, 14, 20)])
    assert found.state.tolist() == ["note"]
    assert found.priority.isna().all()
    assert judged([(MONDAY, 9, 14, 20)], direction="down").priority.tolist() == ["P2"]
    assert judged([(MONDAY, 9, 14, 20)], direction="both").priority.tolist() == ["P2"]


def test_nothing_counts_outside_business_hours(judged):
    assert judged([(MONDAY, 0, 9, 500), ("2026-10-03", 0, 24, 500)]).empty


def test_what_lasts_at_the_end_of_the_data_is_firing(judged):
    assert judged([(MONDAY, 9, 17, 200)]).state.tolist() == ["firing"]


def test_days_of_an_incident_stay_out_of_the_baseline_of_the_next(judged):
    found = judged([(MONDAY, 9, 17, 200), ("2026-10-07", 9, 17, 200)], until="2026-10-09")
    assert found.baseline.tolist() == pytest.approx([100, 100], abs=0.2)  # 105 with the incident
    assert found.references.tolist() == [20, 20]


def test_a_run_over_night_leaves_out_the_day_it_began_as_well(judged):
    found = judged(
        [(MONDAY, 14, 17, 200), ("2026-10-06", 9, 12, 200), ("2026-10-08", 9, 17, 200)],
        until="2026-10-09",
    )
    assert found.baseline.tolist() == pytest.approx([100, 100], abs=0.2)


def test_a_level_that_stays_is_the_new_normal_when_it_fills_half_the_window(judged, at):
    workdays = pd.bdate_range(MONDAY, "2026-10-30")
    found = judged([(str(d.date()), 0, 24, 200) for d in workdays], until="2026-10-31")
    assert found.state.tolist() == ["over"]
    assert at(found.ended_at[0]) == "Mon 19 Oct 17:00"  # the eleventh workday


REFERENCES = """
before  hours a day  references  what counts
4       1            -           under five: learning
5       1            5           five of all hours
7       5            35          under eight of the slot: all of its day type
8       5            8           the slot
25      5            20          no more than twenty
"""


@pytest.mark.parametrize("line", REFERENCES.strip().splitlines()[1:])
def test_under_eight_references_the_slot_widens_and_under_five_it_learns(
    line, bavaria, calendar, clock
):
    before, a_day, expected = line.split()[:3]
    days = pd.bdate_range("2026-09-07", periods=int(before) + 1)
    hours = [d + (9 + h) * H for d in days[:-1] for h in range(int(a_day))]
    hours = pd.DatetimeIndex([*hours, *(days[-1] + (9 + h) * H for h in range(5))])
    values = np.where(hours.normalize() == days[-1], 200.0, 100.0)
    at = hours.tz_localize("Europe/Berlin").tz_convert("UTC")
    found = judge_series(at, values, calendar, clock, bavaria.company.zone, LIMITS, "up")
    found = found[found.rule == "R8"]
    assert found.references.tolist() == ([] if expected == "-" else [int(expected)])


@pytest.fixture(scope="module")
def round_the_clock(calendar):
    """Judges a company that never closes, 100 an hour on workdays and 8 at weekends."""
    company = always("Europe/Berlin")
    days = calendar.assign(day_type=np.where(calendar.day.dt.dayofweek < 5, "workday", "restday"))
    clock = business_clock(company, calendar.day.iloc[0].date(), calendar.day.iloc[-1].date())

    def judge(first, until, spike=None):
        hours = pd.date_range(first, until, freq="h", tz=company.zone, inclusive="left")
        values = np.where(hours.dayofweek < 5, 100.0, 8.0)
        values[(hours.normalize() == spike) & (hours.hour >= 9)] = 40.0
        at = hours.tz_convert("UTC")
        return judge_series(at, values, days, clock, company.zone, LIMITS, "up")

    return judge


def test_five_times_a_weekends_level_is_found_though_a_workday_has_more(round_the_clock):
    sunday = pd.Timestamp("2026-11-01", tz="Europe/Berlin")
    found = round_the_clock("2026-09-07", "2026-11-02", sunday).query("priority == 'P2'")
    assert found[["observed", "baseline"]].values.tolist() == [[40, 8]]


def test_a_first_monday_is_not_held_against_the_weekend_before_it(round_the_clock):
    assert round_the_clock("2026-09-12", "2026-09-16").empty


@settings(max_examples=10, deadline=None)
@given(factor=st.floats(1e-6, 1e6))
def test_the_unit_does_not_matter(factor, judged):
    days = [(MONDAY, 9, 15, 200), ("2026-09-29", 10, 16, 130)]
    plain, scaled = (
        judged(days),
        judged([(*d[:3], d[3] * factor) for d in days], usual=(99 * factor, 101 * factor)),
    )
    times = ["started_at", "detected_at", "ended_at", "state"]
    pd.testing.assert_frame_equal(plain[times], scaled[times])
