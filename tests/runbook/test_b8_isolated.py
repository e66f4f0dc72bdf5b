"""B8: isolated problems, expected variability: logged as P3, no one is called."""

import numpy as np
import pandas as pd
import pytest

from opsbook.rules.deviation import deviations, deviations_literally, judge_series
from opsbook.settings import Closure, Limits

HOUR = pd.Timedelta(hours=1)
MONDAY = pd.Timestamp("2026-10-05", tz="Europe/Berlin")
DEFAULT = Limits()
ANY_SIZE = Limits(deviation_share=0)
"""Without the fifth off the median, so that k alone decides."""


@pytest.fixture(scope="module")
def hours():
    """Four weeks of hours from Monday 7 September on, and one more day, in Berlin."""
    first = pd.Timestamp("2026-09-07", tz="Europe/Berlin")
    return pd.date_range(first, MONDAY + pd.Timedelta(days=1), freq="h", inclusive="left")


@pytest.fixture(scope="module")
def steady(hours):
    """99 and 101 by turns: slot and week have the median 100 and a spread of 1."""
    return np.where((hours.hour + hours.dayofyear) % 2, 101.0, 99.0)


@pytest.fixture(scope="module")
def isolated(hours, bavaria, calendar, clock):
    """Judges hourly values: R11's findings, and the priorities of R8's."""

    def judge(values, direction="up", limits=DEFAULT):
        at, zone = hours.tz_convert("UTC"), bavaria.company.zone
        found = judge_series(at, values, calendar, clock, zone, limits, direction)
        single = found[found.rule == "R11"].reset_index(drop=True)
        return single, found[found.rule == "R8"].priority.tolist()

    return judge


def spike(values, hours, hour, value, length=1):
    """The values with so many of Monday's hours changed."""
    start = MONDAY + hour * HOUR
    return np.where((hours >= start) & (hours < start + length * HOUR), value, values)


def test_one_hour_far_off_is_a_p3_at_its_close(hours, steady, isolated, at):
    found, lasting = isolated(spike(steady, hours, 11, 200))
    assert found[["priority", "state"]].values.tolist() == [["P3", "over"]]
    assert at(found.started_at[0]) == "Mon 5 Oct 11:00"
    assert at(found.detected_at[0]) == at(found.ended_at[0]) == "Mon 5 Oct 12:00"
    assert (found.observed[0], found.baseline[0], found.limit[0]) == (200, 100, 103.5)
    assert lasting == []


@pytest.mark.parametrize(("value", "listed"), [(103.49, 0), (103.5, 0), (103.51, 1), (96, 0)])
def test_exactly_three_and_a_half_spreads_are_not_more(hours, steady, isolated, value, listed):
    assert len(isolated(spike(steady, hours, 11, value), limits=ANY_SIZE)[0]) == listed


@pytest.mark.parametrize(("value", "listed"), [(119.9, 0), (120, 1)])
def test_less_than_a_fifth_off_the_median_is_usual(hours, steady, isolated, value, listed):
    assert len(isolated(spike(steady, hours, 11, value))[0]) == listed


def test_a_night_hour_as_busy_as_any_day_is_out_of_its_slot_only(hours, steady, isolated):
    daily = np.where((hours.hour >= 9) & (hours.hour < 17), steady, steady / 10)
    assert isolated(spike(daily, hours, 3, 100))[0].empty
    assert len(isolated(spike(daily, hours, 3, 300))[0]) == 1


def test_a_peak_of_every_morning_is_out_of_its_week_only(hours, steady, isolated):
    mornings = np.where(hours.hour == 9, steady * 10, steady)
    assert (isolated(mornings)[0].started_at < MONDAY).all()  # while there are too few to know


def test_hours_in_a_row_are_one_finding_until_they_last(hours, steady, isolated):
    short, none = isolated(spike(steady, hours, 11, 200, length=3))
    assert (len(short), none) == (1, [])
    assert short.ended_at[0] - short.started_at[0] == 3 * HOUR


def test_what_was_listed_is_not_taken_back_when_it_lasts(hours, steady, isolated):
    found, lasting = isolated(spike(steady, hours, 9, 200, length=6))
    assert (len(found), lasting) == (1, ["P2"])


def test_it_is_listed_at_any_hour(hours, steady, isolated):
    assert len(isolated(spike(steady, hours, 2, 200))[0]) == 1


@pytest.mark.parametrize(
    ("direction", "value", "listed"),
    [("up", 20, 0), ("down", 20, 1), ("both", 20, 1), ("both", 200, 1), ("down", 200, 0)],
)
def test_only_the_bad_direction_is_listed(hours, steady, isolated, direction, value, listed):
    found, _ = isolated(spike(steady, hours, 11, value), direction)
    assert found.observed.tolist() == [value] * listed


def test_an_outlier_of_last_week_hides_no_new_one(hours, steady, isolated):
    noisy = np.where(hours == MONDAY - 7 * 24 * HOUR + 11 * HOUR, 5000, steady)
    assert len(isolated(spike(noisy, hours, 11, 200))[0]) == 2


@pytest.fixture(scope="module")
def measured(hours, steady):
    """`panel.measures` of the workflow chat: what is told of each metric, 30 calls an hour."""

    def draw(sample=30, workflow="chat", **metrics):
        values = {m: v if isinstance(v, np.ndarray) else steady * v for m, v in metrics.items()}
        rows = [
            pd.DataFrame(
                {
                    "workflow": workflow,
                    "hour": hours.tz_convert("UTC"),
                    "metric": metric,
                    "value": pd.array(value, "Float64"),
                    "sample": pd.array(np.full(len(hours), float(sample)), "Float64"),
                    "covered": True,
                }
            )
            for metric, value in sorted(values.items())
        ]
        return pd.concat(rows).astype({"metric": "category", "workflow": "category"})

    return draw


@pytest.fixture(scope="module")
def found(bavaria, calendar, clock):
    """The findings of either method in measures, in order of metric."""

    def judge(measures, method="calendar"):
        ours = deviations(measures, calendar, clock, bavaria)
        table = ours if method == "calendar" else deviations_literally(measures, clock, bavaria)
        assert set(table.method) <= {method}
        return table.sort_values(["rule", "metric"], ignore_index=True)

    return judge


FAMILIES = """
metric          a unit  off   family    words
cost_eur        0.01    3     cost      3.00 EUR an hour, 3.0 times its baseline of 1.00
latency_ms      1       300   latency   300 ms an answer, 3.0 times its baseline of 100
quality         0.009   0.2   quality   0.20 of 1 in quality, 0.2 times its baseline of 0.90
refused_share   0.001   0.5   refusals  50% refused, against a baseline of 10%
run_cost_eur    0.001   0.3   cost      0.3000 EUR a run, 3.0 times its baseline of 0.1000
tokens_per_run  10      3000  cost      3,000 tokens a run, 3.0 times its baseline of 1,000
"""


@pytest.mark.parametrize("line", FAMILIES.strip().splitlines()[1:])
def test_a_metric_that_stays_off_is_grouped_with_its_kind(line, hours, steady, measured, found):
    metric, unit, off, family = line.split()[:4]
    measures = measured(**{metric: spike(steady * float(unit), hours, 9, float(off), 6)})
    lasting = found(measures).query("rule == 'R8' and state in ('firing', 'over')")
    assert lasting[["metric", "family", "priority"]].values.tolist() == [[metric, family, "P2"]]
    assert lasting.reason.iloc[0] == f"{line.rsplit('  ', 1)[1]} (20 hours like it)"
    assert lasting["sample"].iloc[0] >= 30
    assert "deviation_sd=2" in lasting.parameters.iloc[0]


def test_what_an_export_does_not_hold_is_said(measured, found):
    told = found(measured(cost_eur=1.0))
    assert set(told.state) == {"not evaluable"}
    assert told.metric.tolist() == [
        "format_pass_share", "latency_ms", "quality", "refused_share", "run_cost_eur",
        "tokens_per_run",
    ]  # fmt: skip
    assert told.reason.str.startswith("its exports hold no").all()
    assert told.priority.isna().all()


def test_too_few_answers_an_hour_are_said_and_not_judged(hours, steady, measured, found):
    table = found(measured(sample=4, latency_ms=spike(steady, hours, 9, 900, 6)))
    latency = table[table.metric == "latency_ms"]
    assert latency[["state", "reason"]].values.tolist() == [
        ["not evaluable", "no hour with 5 or more"]
    ]


def test_shares_reach_back_for_twenty_calls(hours, measured, found):
    calm = np.where((hours.hour + hours.dayofyear) % 2, 0.2, 0.0)
    many = spike(calm, hours, 9, 0.8, 7)
    for sample, finds in ((4, 0), (5, 1)):  # at most four hours are pooled
        table = found(measured(sample=sample, refused_share=many))
        assert len(table.query("rule == 'R8' and priority == 'P2'")) == finds


def test_one_or_two_refusals_are_single_events(hours, measured, found):
    calm = np.zeros(len(hours))
    for refused, finds in ((2, 0), (3, 1)):
        table = found(measured(refused_share=spike(calm, hours, 9, refused / 30, 6)))
        assert len(table.query("priority == 'P2'")) == finds


def test_some_cents_more_in_an_hour_are_not_worth_a_look(hours, steady, measured, found):
    for unit, finds in ((0.0001, 0), (0.01, 1)):
        cost = spike(steady * unit, hours, 11, 300 * unit)
        assert len(found(measured(cost_eur=cost)).query("rule == 'R11'")) == finds


@pytest.mark.parametrize(("until", "rule"), [(10, "R11"), (14, "R8")])
def test_read_literally_every_morning_is_off_its_week(hours, steady, measured, found, until, rule):
    busy = (hours.hour >= 9) & (hours.hour < until) & (hours.dayofweek < 5)
    measures = measured(latency_ms=np.where(busy, steady * 10, steady))
    for method, priorities in (("calendar", []), ("runbook", [{"R11": "P3", "R8": "P2"}[rule]])):
        fired = found(measures, method)
        monday = fired[(fired.rule == rule) & (fired.started_at >= MONDAY)]
        assert monday.priority.dropna().tolist() == priorities


def test_a_workflow_that_runs_once_a_week_has_no_hours_alike(measured, bavaria, calendar, clock):
    weekly = bavaria.workflows[0].model_copy(update={"schedule": "weekly"})
    company = bavaria.model_copy(update={"workflows": [weekly]})
    told = deviations(measured(latency_ms=1.0), calendar, clock, company)
    assert set(told.state) == {"not evaluable"}
    assert set(told.reason) == {"it runs once a week, its hours are not alike"}


@pytest.mark.parametrize(("planned", "listed"), [(None, 1), ("2026-10-05", 0), ("2026-10-06", 1)])
def test_hours_of_a_day_planned_off_are_not_judged(
    hours, steady, measured, bavaria, calendar, clock, planned, listed
):
    off = [] if planned is None else [Closure(first=planned, last=planned, reason="Paused")]
    chat = bavaria.workflows[0].model_copy(update={"id": "chat", "planned_off": off})
    company = bavaria.model_copy(update={"workflows": [chat]})
    table = deviations(measured(cost_eur=spike(steady, hours, 11, 300)), calendar, clock, company)
    assert len(table[table.rule == "R11"]) == listed
