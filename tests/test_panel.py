"""From raw calls to hours, runs and days, on the real engine."""

import datetime as dt

import duckdb
import narwhals as nw
import pandas as pd
import pytest

from opsbook.clock import local_days
from opsbook.panel import (
    daily_totals,
    fold_runs,
    hourly_answers,
    hourly_grid,
    hourly_panel,
    hourly_tasks,
    local_day,
    measures,
)
from opsbook.schema import ANSWERS, CALLS, PANEL, RUNS
from opsbook.settings import Company


def calls(text: str, **columns) -> pd.DataFrame:
    """Calls drawn as 'HH:MM workflow run status cents', run '-' for none, on 10 November (UTC)."""
    rows = [line.split() for line in text.strip().splitlines()]
    return CALLS.conform(
        pd.DataFrame(
            {
                "ts": [f"2026-11-10T{r[0]}Z" for r in rows],
                "bucket_s": 0,
                "source": "langfuse",
                "row_key": [str(i) for i in range(len(rows))],
                "file_id": "f",
                "row": range(len(rows)),
                "workflow": [r[1] for r in rows],
                "run_id": [None if r[2] == "-" else r[2] for r in rows],
                "served_model": "m",
                "requests": 1,
                "status": [r[3] for r in rows],
                "cost_kind": ["unpriced" if r[4] == "?" else "reported" for r in rows],
                "cost_eur": [None if r[4] == "?" else float(r[4]) / 100 for r in rows],
                "input_tokens": 100,
                "output_tokens": 10,
            }
            | columns
        )
    )


def folded(fold, table, frame: pd.DataFrame) -> pd.DataFrame:
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        lazy = nw.from_native(engine.from_df(frame))
        return table.conform(fold(lazy).to_native().df())


DAY = """
09:00 chat a ok 1
09:10 chat a error 2
09:20 chat - timeout 4
10:00 chat b error 1
10:01 chat b ok 1
10:05 chat - cancelled 9
10:30 mail c refused ?
"""


def test_an_hour_counts_outcomes_and_leaves_cancels_out():
    panel = folded(hourly_panel, PANEL, calls(DAY)).sort_values(["workflow", "hour"])
    columns = ["calls", "judged", "failed", "refused", "unpriced"]
    assert panel[columns].values.tolist() == [[3, 3, 2, 0, 0], [2, 2, 1, 0, 0], [1, 1, 0, 1, 1]]
    assert panel.cost_eur.round(4).fillna(-1).tolist() == [0.07, 0.02, 0]


def test_a_call_of_unknown_outcome_counts_as_a_call_but_not_as_judged():
    panel = folded(hourly_panel, PANEL, calls("09:00 chat - unknown 1"))
    assert panel[["calls", "judged"]].values.tolist() == [[1, 0]]


def test_a_run_ends_as_its_last_call_and_a_call_without_one_is_a_run():
    runs = folded(fold_runs, RUNS, calls(DAY)).sort_values(["started_at", "calls"])
    assert runs[["calls", "status"]].values.tolist() == [
        [2, "error"],
        [1, "timeout"],
        [2, "ok"],
        [1, "refused"],
    ]


def test_a_run_is_refused_when_its_last_call_is():
    frame = calls("09:00 chat a refused 1\n09:01 chat a ok 1\n09:02 chat b ok 1\n09:03 mail c ok 1")
    classed = frame.assign(output_class=["refusal", "answer", "refusal", None])
    runs = folded(fold_runs, RUNS, CALLS.conform(classed)).sort_values("run_id")
    assert runs.refused.tolist() == [False, True, False]


def test_a_run_with_an_unpriced_call_has_no_cost():
    runs = folded(fold_runs, RUNS, calls("09:00 chat a ok 1\n09:01 chat a ok ?"))
    assert runs.cost_eur.isna().tolist() == [True]


def test_totals_hold_no_runs():
    assert folded(fold_runs, RUNS, calls("09:00 chat - unknown 1", bucket_s=3600)).empty


@pytest.mark.parametrize("seed", range(5))
def test_the_order_of_rows_changes_nothing(seed):
    order = ["workflow", "hour"]
    plain = folded(hourly_panel, PANEL, calls(DAY)).sort_values(order, ignore_index=True)
    mixed = folded(hourly_panel, PANEL, calls(DAY).sample(frac=1, random_state=seed))
    pd.testing.assert_frame_equal(plain, mixed.sort_values(order, ignore_index=True))
    runs = [
        folded(fold_runs, RUNS, f).sort_values("run_id", ignore_index=True)
        for f in (calls(DAY), calls(DAY).sample(frac=1, random_state=seed))
    ]
    pd.testing.assert_frame_equal(*runs)


def test_an_absent_hour_is_a_zero_inside_coverage_and_no_data_outside():
    panel = folded(hourly_panel, PANEL, calls("09:00 chat - ok 1"))
    hours = pd.date_range("2026-11-10T08:00Z", periods=3, freq="h")
    covered = pd.DataFrame(
        {"workflow": "chat", "hour": hours, "covered": [False, True, True], "bucket_s": 0}
    )
    assert hourly_grid(panel, covered).calls.fillna(-1).tolist() == [-1, 1, 0]


def test_an_hour_belongs_to_the_local_day_it_begins_in():
    company = Company(
        name="E", zone="Europe/Vienna", country="AT", hours={"monday": ["09:00-17:00"]}
    )
    calendar = local_days(company, dt.date(2026, 10, 24), dt.date(2026, 10, 26))
    hours = pd.Series(pd.date_range("2026-10-24T21:00Z", "2026-10-25T23:00Z", freq="h"))
    days = pd.Series(local_day(hours, calendar))
    assert days.value_counts().sort_index().tolist() == [1, 25, 1]


def test_a_day_has_the_median_cost_of_its_successful_runs():
    company = Company(name="E", zone="UTC", country="AT", hours={"tuesday": ["09:00-17:00"]})
    calendar = local_days(company, dt.date(2026, 11, 10), dt.date(2026, 11, 10))
    frame = calls("09:00 chat a ok 1\n09:01 chat b ok 2\n09:02 chat c ok 9\n09:03 chat d error 90")
    hours = pd.date_range("2026-11-10T00:00Z", periods=24, freq="h")
    covered = pd.DataFrame({"workflow": "chat", "hour": hours, "covered": True, "bucket_s": 0})
    grid = hourly_grid(folded(hourly_panel, PANEL, frame), covered)
    day = daily_totals(grid, folded(fold_runs, RUNS, frame), calendar).iloc[0]
    assert (day.run_cost_eur, day.ok_runs, day.runs, day.covered) == (0.02, 3, 4, True)


def test_an_hour_with_tokens_is_a_task_where_nothing_is_counted():
    frame = calls("09:00 chat - unknown 1\n09:30 chat - unknown 1", bucket_s=3600)
    panel = folded(hourly_panel, PANEL, CALLS.conform(frame.assign(requests=None)))
    hours = pd.date_range("2026-11-10T08:00Z", periods=3, freq="h")
    covered = pd.DataFrame(
        {"workflow": "chat", "hour": hours, "covered": [True, True, False], "bucket_s": 3600}
    )
    worked = hourly_tasks(hourly_grid(panel, covered), RUNS.empty())
    assert worked.tasks.fillna(-1).tolist() == [0, 1, -1]
    assert worked.done.fillna(-1).tolist() == [0, 1, -1]
    assert worked.refused.isna().all()


def test_an_hour_counts_the_runs_that_did_not_fail():
    frame = calls(
        "09:00 chat a error 1\n09:10 chat a ok 1\n09:20 chat b refused 1\n09:30 chat c error 1"
    )
    hours = pd.date_range("2026-11-10T09:00Z", periods=1, freq="h")
    covered = pd.DataFrame({"workflow": "chat", "hour": hours, "covered": True, "bucket_s": 0})
    grid = hourly_grid(folded(hourly_panel, PANEL, frame), covered)
    hour = hourly_tasks(grid, folded(fold_runs, RUNS, frame)).iloc[0]
    assert (hour.tasks, hour.done, hour.refused) == (3, 2, 1)


def answered(frame: pd.DataFrame) -> pd.DataFrame:
    return folded(hourly_answers, ANSWERS, frame)


def test_latency_is_the_median_of_ok_calls_and_quality_the_mean_of_scores():
    frame = calls(
        "09:00 chat - ok 1\n09:01 chat - ok 1\n09:02 chat - error 1\n09:03 chat - cancelled 1",
        latency_ms=[100, 300, 9000, 5],
        quality=[0.5, None, 1.0, 0.0],
    )
    columns = ["latency_ms", "timed", "quality", "scored"]
    assert answered(frame)[columns].values.tolist() == [[200, 2, 0.75, 2]]


def test_totals_are_neither_timed_nor_scored():
    assert answered(calls("09:00 chat - ok 1", bucket_s=3600, latency_ms=5, quality=1)).empty


def measured(frame, periods=4, now="2026-11-10T12:00Z", covered=True, bucket_s=0):
    """`measures` of the hours from 08:00 on, one row per metric and hour."""
    hours = pd.date_range("2026-11-10T08:00Z", periods=periods, freq="h")
    known = pd.DataFrame(
        {"workflow": "chat", "hour": hours, "covered": covered, "bucket_s": bucket_s}
    )
    grid = hourly_grid(folded(hourly_panel, PANEL, frame), known)
    runs = folded(fold_runs, RUNS, frame)
    table = measures(grid, runs, answered(frame), pd.Timestamp(now))
    return table.set_index(["metric", "hour"])


CHAT = """
09:00 chat a ok 1
09:10 chat b ok 3
09:20 chat c refused 2
11:00 chat d ok 5
"""


def test_every_metric_of_an_hour_has_its_value_and_its_sample():
    table = measured(calls(CHAT, latency_ms=[10, 30, 50, 70])).xs(
        pd.Timestamp("2026-11-10T09:00Z"), level="hour"
    )
    rows = table[["value", "sample"]].astype(float).round(4)
    assert rows.loc["cost_eur"].tolist() == [0.06, 3]
    assert rows.loc["run_cost_eur"].tolist() == [0.02, 2]
    assert rows.loc["tokens_per_run"].tolist() == [110, 2]
    assert rows.loc["latency_ms"].tolist() == [20, 2]
    assert rows.loc["refused_share"].tolist() == [0.3333, 3]
    assert "quality" not in table.index  # no score in the exports


def test_an_hour_without_calls_costs_nothing_and_has_no_latency():
    table = measured(calls(CHAT, latency_ms=10)).xs(pd.Timestamp("2026-11-10T10:00Z"), level="hour")
    assert table.value["cost_eur"] == 0
    assert table.value[["latency_ms", "run_cost_eur", "refused_share"]].isna().all()


def test_an_hour_outside_coverage_is_no_data():
    table = measured(calls(CHAT), covered=[False, True, False, True])
    assert table.value["cost_eur"].isna().tolist() == [True, False, True, False]


def test_an_hour_that_is_not_over_is_not_measured():
    assert len(measured(calls(CHAT), now="2026-11-10T11:30Z").loc["cost_eur"]) == 3


def test_an_hour_with_an_unpriced_call_has_no_cost():
    table = measured(calls("09:00 chat a ok 1\n10:00 chat b ok ?"))
    assert table.value["cost_eur"].isna().tolist() == [False, False, True, False]


def test_totals_of_a_day_are_no_hours():
    assert measured(calls("08:00 chat - unknown 1", bucket_s=86400), bucket_s=86400).empty
