"""C1, C3: a new version is a planned update in a quiet window; a security patch may be at once."""

from types import SimpleNamespace

import pandas as pd
import pytest

from opsbook import vendors
from opsbook.errors import UsageError
from opsbook.registers import SHEETS, Registers
from opsbook.settings import Limits

NOTICE = {
    "id": "N-1", "vendor": "Vendor", "kind": "model", "what": "a successor", "model_now": "old-1",
    "model_new": "new-2", "announced_on": "2026-11-10", "effective_on": "2027-01-15",
    "workflows": "chat", "decision": "plan", "rollback": "set the name back",
}  # fmt: skip
GO = (("chat", "r-1", "2026-11-20", "GO", "new-2"),)


def rows_of(sheet: str, *rows: dict) -> pd.DataFrame:
    """Rows of a register's sheet, typed as it is read."""
    empty = SHEETS[sheet].empty()
    days = [n for n, f in SHEETS[sheet].fields.items() if f.kind == "day"]
    frame = pd.DataFrame(rows).reindex(columns=empty.columns)
    frame[days] = frame[days].apply(pd.to_datetime)
    return frame.astype(empty.dtypes.to_dict())


def runs_of(*runs: tuple) -> pd.DataFrame:
    """Kept runs of lists: workflow, run, day, verdict, model asked."""
    frame = pd.DataFrame(runs, columns=["workflow", "run", "at", "verdict", "asked_model"])
    return frame.assign(at=pd.to_datetime(frame["at"], utc=True))


def week_of(calls: dict[str, dict[str, str]], weeks: int = 4) -> pd.DataFrame:
    """Four weeks of hours from drawn days: per workflow, a weekday's calls from 09:00 on."""
    rows = []
    for workflow, days in calls.items():
        for n in range(weeks):
            for day, text in days.items():
                monday = pd.Timestamp("2026-10-26", tz="Europe/Berlin") + pd.DateOffset(weeks=n)
                first = monday + pd.DateOffset(days=["Mon", "Tue", "Wed", "Thu", "Fri"].index(day))
                for i, c in enumerate(text.split()):
                    at = (first + pd.DateOffset(hours=9 + i)).tz_convert("UTC")
                    count = None if c == "-" else int(c)
                    rows.append((workflow, at, c != "-", 0, count, count and 100 * count, 0, 0))
    names = ["workflow", "hour", "covered", "bucket_s", "calls", "input_tokens", "judged", "failed"]
    frame = pd.DataFrame(rows, columns=names)
    numbers = dict.fromkeys(["calls", "input_tokens", "judged", "failed"], "Float64")
    return frame.astype(numbers | {"hour": "datetime64[us, UTC]"})


USUAL = {"Mon": "9 9 9 9 9 9 9 9", "Wed": "9 9 9 2 1 9 9 9", "Fri": "9 9 9 9 9 9 4 4"}


@pytest.fixture
def review(bavaria, calendar, clock):
    """The Bavarian company on Monday 23 November 2026, with notices, runs of lists and hours."""

    def on(*notices: dict, runs=GO, calls=None, fired=(), limits=None) -> SimpleNamespace:
        grid = week_of({"chat": USUAL} if calls is None else calls)
        names = ["rule", "method", "workflow", "priority", "started_at"]
        findings = pd.DataFrame(fired, columns=names)
        findings["started_at"] = pd.to_datetime(findings.started_at, utc=True)
        models = {"workflow": ["chat"], "request_model": ["old"], "served_model": ["old-1"]}
        seen = pd.DatetimeIndex(["2026-11-20T10:00Z"])
        return SimpleNamespace(
            now=pd.Timestamp("2026-11-23T07:00Z"),
            started_at=pd.Timestamp("2026-11-15T23:00Z"),
            settings=bavaria.model_copy(update={"limits": limits}) if limits else bavaria,
            registers=Registers(notices=rows_of("notices", *notices)),
            judged=SimpleNamespace(findings=findings),
            facts=SimpleNamespace(
                grid=grid, lists=runs_of(*runs), clock=clock, calendar=calendar,
                models=pd.DataFrame(models).assign(last_seen=seen),
                runs=pd.DataFrame({"workflow": [], "started_at": seen[:0], "status": [],
                                   "cost_eur": []}),
                measures=pd.DataFrame({"workflow": [], "metric": [], "hour": seen[:0], "value": [],
                                       "sample": []}),
            ),
        )  # fmt: skip

    return on


@pytest.fixture
def plan(review):
    """The plan of one notice, changed as named."""

    def of(changed: dict | None = None, **given) -> vendors.Plan:
        return vendors.plan(review(NOTICE | (changed or {}), **given), "n-1")

    return of


@pytest.mark.parametrize(
    ("monday", "wednesday", "window", "calls"),
    [
        ("9 9 9 9 9 9 9 9", "9 9 9 2 1 9 9 9", "Wednesday 12:00-14:00", 3),
        ("9 9 9 9 9 9 0 9", "9 9 9 4 4 9 9 9", "Wednesday 12:00-14:00", 8),
        ("9 9 9 9 9 9 9 9", "9 9 9 9 9 9 9 9", "Monday 09:00-11:00", 18),
        ("9 9 9 9 9 9 9 9 0 0", "9 9 9 9 9 9 9 9", "Monday 09:00-11:00", 18),
        ("- - - - - - 5 5", "9 9 9 9 9 9 9 9", "Monday 15:00-17:00", 10),
    ],
    ids=["quietest", "two-hours", "equal-first", "closed-hours", "covered-only"],
)
def test_the_window_is_the_two_open_covered_hours_with_the_fewest_calls(
    review, monday, wednesday, window, calls
):
    found = vendors.quietest(review(calls={"chat": {"Mon": monday, "Wed": wednesday}}), ("chat",))
    assert (found.words, found.calls) == (window, calls)


def test_of_two_workflows_each_weighs_the_same_however_much_it_is_called(review):
    calls = {
        "chat": {"Mon": "90 90 90 90 90 90 10 10", "Wed": "90 90 90 90 90 90 90 90"},
        "invoices": {"Mon": "1 1 1 1 1 1 9 9", "Wed": "1 1 1 1 1 1 1 1"},
    }
    assert vendors.quietest(review(calls=calls), ("chat",)).words == "Monday 15:00-17:00"
    both = vendors.quietest(review(calls=calls), ("chat", "invoices"))
    assert both.words == "Monday 09:00-11:00"


def test_an_hour_seen_once_is_no_habit_and_days_alone_tell_no_hours(review):
    once = review()
    once.facts.grid = week_of({"chat": USUAL}, weeks=1)
    assert vendors.quietest(once, ("chat",)) is None
    daily = review()
    daily.facts.grid["bucket_s"] = 86400
    assert vendors.quietest(daily, ("chat",)) is None


def test_the_update_goes_to_the_next_such_window_and_is_ready_with_go_and_a_way_back(plan):
    found = plan()
    assert (found.ready, found.missing) == (True, ())
    assert str(found.starts_at) == "2026-11-25 11:00:00+00:00"
    assert found.as_json()["ends_at"] == "2026-11-25T13:00:00+00:00"
    assert found.as_json()["window"]["words"] == "Wednesday 12:00-14:00"


def test_a_holiday_is_no_window_and_the_next_open_day_is_taken(review):
    own = review(NOTICE, calls={"chat": {"Fri": "1 1 1"}}, limits=Limits(update_weeks=9))
    own.now = pd.Timestamp("2026-12-21T07:00Z")
    assert str(vendors.plan(own, "N-1").starts_at) == "2027-01-08 08:00:00+00:00"


def test_a_window_after_the_new_version_is_in_force_is_too_late(plan):
    late = plan({"effective_on": "2026-11-25"})
    assert late.missing == ("The next window lies after 25 Nov 2026, when it is in force",)
    assert plan({"effective_on": "2026-11-26"}).ready


@pytest.mark.parametrize(
    ("changed", "runs", "says"),
    [
        ({}, (), "its list was not run against it; opsbook regression run chat --model new-2"),
        ({}, (("chat", "r-1", "2026-11-20", "HOLD", "new-2"),), "its list says HOLD (r-1)"),
        ({}, (("chat", "r-1", "2026-11-20", "LOOK", "new-2"),), "its list says LOOK (r-1)"),
        ({}, (("chat", "r-1", "2026-11-20", "GO", "other"),), "its list was not run against it"),
        ({"run": "r-0"}, GO, "its list was not run against it"),
        ({"rollback": None}, GO, "Way back is empty: how is the old model brought back?"),
        ({"decision": None}, GO, "Nobody planned it: its decision is open"),
        ({"model_new": None}, GO, "New model is empty: what would go live?"),
    ],
)  # fmt: skip
def test_what_is_missing_before_it_may_go_live_is_said(plan, changed, runs, says):
    found = plan(changed, runs=runs)
    assert not found.ready
    assert any(says in m for m in found.missing)


def test_the_last_run_against_the_new_model_counts(plan):
    earlier = ("chat", "r-0", "2026-11-19", "HOLD", "new-2")
    assert plan(runs=(*GO, earlier)).ready


def test_a_hold_may_be_overruled_with_a_reason(plan):
    hold = (("chat", "r-1", "2026-11-20", "HOLD", "new-2"),)
    assert plan({"overruled": "The fence is taken off by the gateway"}, runs=hold).ready


def test_a_security_patch_may_be_an_emergency_and_the_list_runs_after(plan):
    found = plan({"kind": "security", "decision": None}, runs=())
    assert (found.emergency, found.ready, found.starts_at) == (True, True, None)
    assert "its list was not run" in found.after[0]
    assert not plan({"kind": "security", "rollback": None}).ready


def test_no_notice_names_workflows_then_those_its_model_answers_are_meant(review):
    (row,) = review(NOTICE | {"workflows": None}).registers.notices.itertuples()
    assert vendors.concerned(review(), row) == ("chat",)
    (other,) = review(NOTICE | {"workflows": None, "model_now": "x"}).registers.notices.itertuples()
    assert vendors.concerned(review(), other) == ("chat", "invoices")


@pytest.mark.parametrize(
    ("kind", "says"), [("price", "is about price: nothing goes live"), ("terms", "is about terms")]
)
def test_a_notice_that_updates_nothing_is_refused(plan, kind, says):
    with pytest.raises(UsageError, match=says):
        plan({"kind": kind})


def test_an_unknown_notice_is_refused_with_those_there_are(review):
    with pytest.raises(UsageError, match=r"is no notice; register.xlsx has: N-1"):
        vendors.plan(review(NOTICE), "N-9")


LIVE = NOTICE | {"decision": "accept", "live_on": "2026-11-09"}
R8 = ("R8", "calendar", "chat", "P2", "2026-11-10T10:00Z")


@pytest.mark.parametrize(
    ("live_on", "fired", "word"),
    [
        ("2026-11-09", (), "held"),
        ("2026-11-17", (), "watched"),
        ("2026-11-16", (), "held"),
        ("2026-11-09", (R8,), "did not hold"),
        ("2026-11-11", (R8,), "held"),
        ("2026-11-09", ((*R8[:3], "P3", R8[4]),), "held"),
        ("2026-11-09", (("R9", *R8[1:]),), "held"),
        ("2026-11-09", (("R8", "calendar", "invoices", "P2", R8[4]),), "held"),
    ],
    ids=["quiet", "six-days", "seven", "fired", "before", "p3", "other-rule", "other-workflow"],
)
def test_an_update_has_held_when_no_rule_fired_for_seven_days(review, live_on, fired, word):
    own = review(LIVE | {"live_on": live_on}, fired=fired)
    assert vendors.schedule(own).word.tolist() == [word]


def test_cost_errors_and_latency_stand_before_and_after(review):
    own = review(LIVE)
    grid = own.facts.grid.assign(judged=10.0, failed=1.0)
    live = pd.Timestamp("2026-11-09", tz="Europe/Berlin")
    own.facts.grid = grid.assign(failed=grid.failed.where(grid.hour < live, 0.5))
    (row,) = own.registers.notices.itertuples()
    figures = vendors.held(own, row).figures.set_index("metric")
    assert figures.loc["error_share", ["before", "after"]].tolist() == [0.1, 0.05]
    assert figures.loc["run_cost_eur"].isna().sum() == 2


def test_an_update_that_did_not_hold_or_lacks_something_is_asked_about(review):
    assert vendors.update_question(review(LIVE, NOTICE | {"id": "N-2"})) == ""
    asked = vendors.update_question(review(LIVE, NOTICE | {"id": "N-2", "rollback": None},
                                           fired=(R8,)))  # fmt: skip
    assert "N-2 (a successor): Way back is empty" in asked
    assert "N-1 (a successor) did not hold: R8 (P2) on 10 Nov 2026, Chat" in asked


def test_how_long_a_window_is_is_a_setting(review):
    found = vendors.quietest(review(limits=Limits(update_window_h=3)), ("chat",))
    assert found.words == "Wednesday 11:00-14:00"
