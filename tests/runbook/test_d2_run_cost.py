"""D2, D3: cost per run and workflow; above 200 % of its baseline P2; inputs or outputs grew."""

import datetime as dt

import pandas as pd
import pytest

from opsbook.rules.cost import expensive_runs, onset, run_cost, run_cost_bands
from opsbook.settings import Limits

LIMITS = Limits()
NO_RUNS = pd.DataFrame(
    {"day": pd.Series(dtype="datetime64[us]"), "cost_eur": pd.Series(dtype=float)}
)
NO_HOURS = pd.DataFrame({"hour": pd.Series(dtype="datetime64[us, UTC]"), "run_cost_eur": []})


@pytest.fixture
def days(calendar):
    """Draws workdays as 'cents a run x runs' from 7 September on, '-' is a day without runs."""

    def draw(text: str) -> pd.DataFrame:
        cells = [c.split("x") if c != "-" else (None, 0) for c in text.split()]
        work = calendar[(calendar.day >= "2026-09-07") & (calendar.day_type == "workday")]
        cost = [None if c is None else float(c) / 100 for c, _ in cells]
        return (
            work.head(len(cells))
            .assign(
                workflow="invoices",
                covered=True,
                run_cost_eur=pd.array(cost, "Float64"),
                ok_runs=[int(n) for _, n in cells],
                run_input_tokens=1000.0,
                run_output_tokens=100.0,
            )
            .reset_index(drop=True)
        )

    return draw


def judged(days, few=NO_RUNS):
    bands = run_cost_bands(days, few, LIMITS)
    return bands, run_cost(bands, NO_HOURS, LIMITS)


CALM = "10x50 " * 8


@pytest.mark.parametrize(("cents", "fires"), [("19", False), ("20", False), ("20.01", True)])
def test_exactly_twice_the_baseline_is_no_finding(days, cents, fires):
    assert (len(judged(days(CALM + f"{cents}x50"))[1]) == 1) is fires


def test_the_day_under_test_is_not_in_its_own_baseline(days):
    bands, _ = judged(days(CALM + "100x50"))
    assert bands.center.iloc[-1] == pytest.approx(0.10)
    assert bands.references.iloc[-1] == 8


@pytest.mark.parametrize(
    ("epoch", "states"),
    [
        (None, ["breach"] * 6),
        ("2026-09-17", ["learning"] * 5 + ["ok"]),
        ("2026-09-18", ["breach"] + ["learning"] * 5),
    ],
)
def test_an_epoch_begins_what_is_normal_anew(days, epoch, states):
    epochs = [dt.date.fromisoformat(epoch)] if epoch else []
    bands = run_cost_bands(days(CALM + "30x50 " * 6), NO_RUNS, LIMITS, epochs)
    assert bands.state.tolist()[8:] == states


def test_a_day_that_still_runs_is_not_judged_and_is_no_baseline(days):
    running = days(CALM + "90x50 10x50")
    running.loc[8, "covered"] = False
    bands, found = judged(running)
    assert (bands.state.iloc[8], bands.references.iloc[9], len(found)) == ("partial", 8, 0)


def test_fewer_than_five_days_to_compare_with_are_learning(days):
    bands, found = judged(days("10x50 10x50 10x50 10x50 90x50 10x50"))
    assert bands.state.tolist() == ["learning"] * 5 + ["ok"]
    assert found.empty


def test_days_of_the_incident_stay_out_of_the_baseline(days):
    bands, found = judged(days(CALM + "30x50 30x50 30x50"))
    assert bands.center.iloc[-1] == pytest.approx(0.10)
    assert len(found) == 1
    assert [found.started_at[0], found.ended_at[0]] == [bands.started_at[8], bands.ended_at[10]]
    assert found.state[0] == "firing"


def test_when_most_of_the_window_is_incident_the_level_has_moved(days):
    bands, _ = judged(days("10x50 " * 6 + "30x50 " * 8))
    assert bands.moved.tolist()[-1]
    assert bands.center.iloc[-1] == pytest.approx(0.30)


def test_fewer_than_ten_runs_are_pooled_with_those_of_up_to_five_days(days):
    drawn = days(CALM + "30x4 30x4 30x4")
    few = pd.DataFrame({"day": drawn.day[-3:].repeat(4), "cost_eur": 0.30})
    bands, found = judged(drawn, few)
    assert bands.state.tolist()[-3:] == ["sparse", "sparse", "breach"]
    assert (bands["sample"].iloc[-1], bands.pool_days.iloc[-1]) == (12, 5)
    assert found["sample"].tolist() == [12]


def test_collapsed_traffic_is_said_and_not_judged(days):
    bands, found = judged(days("10x500 " * 8 + "30x40"))
    assert bands.state.iloc[-1] == "collapsed"
    assert found.empty


def test_a_day_without_runs_neither_ends_nor_begins_a_stretch(days):
    _, found = judged(days(CALM + "30x50 - 30x50 10x50"))
    assert found.state.tolist() == ["over"]


def test_the_hour_in_which_the_level_rose_is_traced(when):
    start = when("Tue 2026-11-17 09:00")
    cents = [10, 11, 9, 10, 30, 9, 31, 30, 29, 32]
    hours = pd.DataFrame(
        {"hour": pd.date_range(start, periods=10, freq="h"), "run_cost_eur": cents}
    )
    found = onset(hours, start, start + pd.Timedelta(hours=10), 20)
    assert found == when("Tue 2026-11-17 13:00")
    assert onset(hours.assign(run_cost_eur=10), start, start + pd.Timedelta(hours=10), 20) is None


def test_what_grew_is_named(days):
    drawn = days(CALM + "30x50")
    drawn.loc[drawn.index[-1], "run_input_tokens"] = 3000.0
    _, found = judged(drawn)
    assert found.reason[0] == (
        "3.0 times its baseline, inputs 3.0 times as long, outputs 1.0 times as long"
    )


def test_one_dear_run_is_listed_and_no_incident(days, when):
    bands, found = judged(days(CALM + "10x50"))
    day = bands.day.iloc[-1]
    runs = pd.DataFrame(
        {
            "workflow": "invoices",
            "run_id": list("abcd"),
            "started_at": when("Thu 2026-09-17 09:00"),
            "day": day,
            "status": "ok",
            "cost_eur": [0.1, 0.2, 0.21, 0.9],
        }
    )
    assert expensive_runs(runs, bands, LIMITS).cost_eur.tolist() == [0.9, 0.21]
    assert found.empty
