"""The explorer: series of every metric, the calls behind a stretch, and what is said of it."""

import datetime as dt
import os
import shutil
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import duckdb
import pandas as pd
import pytest

from opsbook import explore, inbox, pages, reviews, store
from opsbook.desk import Desk
from opsbook.displays import NBSP
from opsbook.errors import UsageError
from opsbook.records import Log
from opsbook.schema import CALLS
from opsbook.stretches import (
    METRICS,
    Stretch,
    calls_behind,
    daily,
    hourly,
    metrics_of,
    snapped,
)
from opsbook.workbook import open_week, open_workbook

ROOT = Path(__file__).parent.parent
SUNDAY = (pd.Timestamp("2026-10-24T22:00Z"), pd.Timestamp("2026-10-25T23:00Z"))
"""The local Sunday on which clocks go back in Berlin: 25 hours."""


EXPLORED = {
    "company": """
[company]
name = "Example"
zone = "Europe/Berlin"
country = "DE"
subdivision = "BY"
now = 2026-11-03T08:00:00+01:00
[company.hours]
monday = ["09:00-17:00"]
tuesday = ["09:00-17:00"]
wednesday = ["09:00-17:00"]
thursday = ["09:00-17:00"]
friday = ["09:00-17:00"]
""",
    "workflows": """
[[workflows]]
id = "chat"
name = "Support chat"
category = "customer"
owner = "Head of support"
matches = ["template:chat"]
schedule = "always"

[[workflows]]
id = "mail"
name = "Mail drafts"
category = "internal"
owner = "Head of office"
matches = ["template:mail"]
""",
}
HOSTILE = "<img src=x onerror=document.title='run'>"


def explored_calls() -> str:
    """One call of a cent each hour (UTC) from 1 October to 2 November; at noon of the 28th ten.

    Those cost 2 cents each: eight take 1.5 s, two fail after 9 s, of which one is called HOSTILE. A
    call of the other workflow stands in the same hour.
    """
    head = "ts,workflow,run_id,model,input_tokens,output_tokens,cost,currency,status,latency_ms"
    rows = [head]
    for hour in range(24 * 33):
        day, of_day = divmod(hour, 24)
        at = f"2026-10-{day + 1:02}" if day < 31 else f"2026-11-{day - 30:02}"
        if at == "2026-10-28" and of_day == 12:
            names = [f"noon-{i}" for i in range(9)] + [f'"{HOSTILE}"']
            for i, name in enumerate(names):
                state = "error,9000" if i > 7 else "ok,1500"
                rows.append(f"{at}T12:{i:02}:00Z,chat,{name},gpt-5,100,20,0.02,EUR,{state}")
            rows.append(f"{at}T12:30:00Z,mail,draft,gpt-5,100,20,0.02,EUR,ok,1000")
        else:
            rows.append(f"{at}T{of_day:02}:10:00Z,chat,h{hour},gpt-5,100,20,0.01,EUR,ok,1000")
    return "\n".join(rows) + "\n"


@pytest.fixture(scope="module")
def explored(tmp_path_factory):
    """A small company, read in, over the change of clocks: its place, folder and workbook."""
    place = tmp_path_factory.mktemp("explored")
    folder = place / "data/demo"
    (folder / "settings").mkdir(parents=True)
    (folder / "inbox").mkdir()
    for name, text in EXPLORED.items():
        (folder / "settings" / f"{name}.toml").write_text(text, "utf-8")
    (folder / "inbox/calls.csv").write_text(explored_calls(), "utf-8")
    os.utime(folder / "inbox/calls.csv", (time.time() - 60,) * 2)
    opened = store.Folder(folder)
    inbox.ingest(opened, store.load_settings(opened))
    return SimpleNamespace(place=place, data=folder, book=open_workbook(folder))


def at(series: pd.DataFrame, moment: str) -> pd.Series:
    return series[series["at"] == pd.Timestamp(moment)].iloc[0]


@pytest.fixture(scope="module")
def hours(explored):
    book = explored.book
    return lambda metric, workflow="chat": hourly(
        workflow, metric, book.facts, book.judged, book.settings
    )


@pytest.fixture(scope="module")
def days(explored):
    book = explored.book
    return lambda metric, workflow="chat": daily(
        workflow, metric, book.facts, book.judged, book.settings
    )


def test_a_workflow_offers_the_metrics_its_exports_hold(explored):
    facts = explored.book.facts
    assert metrics_of("chat", facts) == [
        "run_cost_eur", "cost_eur", "tokens", "tokens_per_run", "error_share", "latency_ms",
        "refused_share", "calls", "runs",
    ]  # fmt: skip
    assert metrics_of("company", facts) == ["cost_eur", "tokens", "error_share", "calls", "runs"]


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        ("run_cost_eur", 0.02),  # of 8 ok runs
        ("cost_eur", 0.20),  # 10 calls of 2 cents
        ("tokens", 1200),  # of 100 + 20
        ("tokens_per_run", 120),
        ("error_share", 0.2),
        ("latency_ms", 1500),
        ("calls", 10),
        ("runs", 10),
    ],
)
def test_an_hour_measures_what_was_in_it(hours, metric, value):
    hour = at(hours(metric), "2026-10-28T12:00Z")
    assert hour.value == pytest.approx(value)


def test_an_hour_of_one_call_has_no_error_share(hours):
    assert pd.isna(at(hours("error_share"), "2026-10-28T03:00Z").value)


def test_the_whole_company_adds_its_workflows_up(hours):
    assert at(hours("calls", "company"), "2026-10-28T12:00Z").value == 11
    assert at(hours("calls", "company"), "2026-10-28T03:00Z").value == 1


def test_a_day_on_which_the_clocks_change_has_its_25_hours(days):
    day = at(days("calls"), "2026-10-24T22:00Z")
    assert (day.ended_at - day["at"]) / pd.Timedelta(hours=1) == 25
    assert day.value == 25


@pytest.mark.parametrize(
    ("metric", "value"), [("cost_eur", 0.43), ("calls", 33), ("error_share", 2 / 33)]
)
def test_a_day_adds_its_hours_up(days, metric, value):
    assert at(days(metric), "2026-10-27T23:00Z").value == pytest.approx(value)


def test_the_latency_of_a_day_weighs_its_hours_by_their_calls(days):
    # one hour with the median of 8 ok calls is measured; hours of one call are too few for a median
    # of theirs to be judged, but not to be measured: (23 x 1000 + 8 x 1500) / 31
    assert at(days("latency_ms"), "2026-10-27T23:00Z").value == pytest.approx(35000 / 31)


def test_a_day_that_is_not_over_is_left_out(days):
    assert pd.isna(at(days("calls"), "2026-11-02T23:00Z").value)


def test_normal_is_what_the_same_hour_of_days_of_the_kind_was(hours):
    hour = at(hours("calls"), "2026-10-28T12:00Z")
    assert (hour.center, hour.lower, hour.upper) == (1, 1, 1)


def test_a_hand_selects_the_buckets_whose_middle_it_drew_over(hours):
    series = hours("calls")
    low, high = pd.Timestamp("2026-10-28T11:31Z"), pd.Timestamp("2026-10-28T13:30Z")
    ends = pd.Timestamp("2026-10-28T12:00Z"), pd.Timestamp("2026-10-28T14:00Z")
    assert snapped(series, low, high) == ends


def test_a_hand_that_drew_within_one_bucket_selects_that_one(days):
    low, high = pd.Timestamp("2026-10-25T04:00Z"), pd.Timestamp("2026-10-25T05:00Z")
    assert snapped(days("calls"), low, high) == SUNDAY


def test_a_hand_beside_all_buckets_selects_nothing(hours):
    far = pd.Timestamp("2027-01-01T00:00Z")
    assert snapped(hours("calls"), far, far) is None


def test_a_stretch_holds_the_calls_from_its_start_to_before_its_end(explored):
    behind = calls_behind(explored.data, Stretch("chat", "calls", *SUNDAY))
    assert len(behind.rows) == behind.totals["rows"] == 25
    assert behind.rows.ts.min() == pd.Timestamp("2026-10-24T22:10Z")
    assert behind.rows.ts.max() == pd.Timestamp("2026-10-25T22:10Z")
    assert behind.models == {"gpt-5": 25}


def test_of_many_calls_some_are_shown_and_all_are_counted(explored):
    behind = calls_behind(explored.data, Stretch("chat", "calls", *SUNDAY), most=4)
    assert len(behind.rows) == 4
    assert behind.totals["rows"] == 25
    assert behind.totals["cost_eur"] == pytest.approx(0.25)


@pytest.mark.parametrize(
    ("metric", "column", "first"),
    [
        ("error_share", "status", ["error", "error", "ok"]),
        ("latency_ms", "latency_ms", [9000, 9000, 1500]),
    ],
)
def test_the_calls_that_matter_for_the_metric_come_first(explored, metric, column, first):
    noon = Stretch("chat", metric, *(pd.Timestamp(f"2026-10-28T{h}:00Z") for h in (12, 13)))
    assert calls_behind(explored.data, noon).rows[column].head(3).tolist() == first


@pytest.mark.parametrize("metric", METRICS)
def test_calls_can_be_asked_for_any_metric_and_for_all_workflows(explored, metric):
    assert calls_behind(explored.data, Stretch("company", metric, *SUNDAY)).totals["rows"] == 25


def test_a_total_belongs_to_a_stretch_that_its_bucket_touches(tmp_path):
    (tmp_path / "settings").mkdir()
    (tmp_path / "tables/calls").mkdir(parents=True)
    rows = pd.DataFrame({"ts": ["2026-11-10T08:00Z", "2026-11-10T09:00Z", "2026-11-10T11:00Z"]})
    frame = CALLS.conform(
        rows.assign(
            bucket_s=3600,
            source="s",
            row_key=["a", "b", "c"],
            row=1,
            workflow="chat",
            status="unknown",
            cost_kind="reported",
            requests=[5, 7, 9],
            file_id="f",
        )
    )
    with duckdb.connect() as engine:
        engine.from_df(frame).write_parquet(str(tmp_path / "tables/calls/f.parquet"))
    half_past = (pd.Timestamp("2026-11-10T08:30Z"), pd.Timestamp("2026-11-10T09:30Z"))
    behind = calls_behind(tmp_path, Stretch("chat", "calls", *half_past))
    assert behind.totals["calls"] == 12
    until_nine = Stretch("chat", "calls", half_past[0], pd.Timestamp("2026-11-10T09:00Z"))
    assert calls_behind(tmp_path, until_nine).totals["calls"] == 5


NOON = tuple(pd.Timestamp(f"2026-10-28T{h}:00Z") for h in (12, 13))


@pytest.fixture
def desk(explored, tmp_path):
    """A desk of the company with an empty record of its own."""
    shutil.copytree(explored.data, tmp_path / "company")
    return Desk.at(tmp_path / "company", "")


def test_an_explained_stretch_is_one_event_and_stands_in_the_weekly_review(desk):
    stretch = Stretch("chat", "cost_eur", *NOON)
    explore.label(desk, stretch, explore.EXPLAINED, "<b>Load</b> test", "AI Lead")
    event = desk.log.events()[-1]
    assert (event.type, event.actor) == ("explained", "AI Lead")
    told = {k: v for k, v in event.payload.items() if k != "text"}
    assert told == {
        "workflow": "chat",
        "metric": "cost_eur",
        "from": "2026-10-28T12:00:00.000Z",
        "to": "2026-10-28T13:00:00.000Z",
    }
    assert "Load" not in desk.log.content().decode()
    week = open_week(desk.log.folder.path, period="2026-W44")
    page = pages.minor(week)
    assert "&lt;b&gt;Load&lt;/b&gt; test" in page
    assert "Wed 28 Oct 13:00" in page
    desk.log.erase(event.payload["text"])
    assert "erased" in pages.minor(open_week(desk.log.folder.path, period="2026-W44"))


def test_a_review_of_a_week_without_explained_stretches_says_so(desk):
    page = pages.minor(open_week(desk.log.folder.path, period="2026-W44"))
    assert "None; an analyst explains one in notebooks/explore.ipynb." in page


def test_a_stretch_explained_after_its_week_stands_in_the_review_held_next(desk):
    stretch = Stretch("chat", "cost_eur", *(t - pd.Timedelta(weeks=3) for t in NOON))
    explore.label(desk, stretch, explore.EXPLAINED, "Load test", "AI Lead")
    seen = {
        week: len(reviews.explained(open_week(desk.log.folder.path, period=week)))
        for week in ("2026-W41", "2026-W42", "2026-W44")
    }
    assert seen == {"2026-W41": 1, "2026-W42": 0, "2026-W44": 1}


@pytest.mark.parametrize(
    ("kind", "priority", "entered"),
    [(explore.MINOR, "P1", "P3"), (explore.INCIDENT, "P1", "P1"), (explore.INCIDENT, "P2", "P2")],
)
def test_a_stretch_becomes_an_incident_that_began_with_it(desk, kind, priority, entered):
    stretch = Stretch("chat", "error_share", *NOON)
    register = explore.label(desk, stretch, kind, "Two calls failed", "Operations", priority)
    (incident,) = register.incidents.values()
    assert (incident.priority, incident.workflow) == (entered, "chat")
    assert incident.started_at == NOON[0]
    assert incident.timeline[0].actor == "Operations"


@pytest.mark.parametrize(
    ("workflow", "kind", "reason", "said"),
    [
        ("chat", explore.EXPLAINED, " ", "no reason"),
        ("company", explore.INCIDENT, "all of it", "'company' is no workflow"),
    ],
)
def test_what_cannot_be_entered_leaves_no_trace(desk, workflow, kind, reason, said):
    with pytest.raises(UsageError, match=said):
        explore.label(desk, Stretch(workflow, "calls", *NOON), kind, reason, "AI Lead")
    assert desk.log.events() == []
    assert not list(desk.log.folder.path.glob("records/texts/*"))


def test_calls_are_shown_in_the_companys_time_with_its_name_where_clocks_change(explored):
    behind = calls_behind(explored.data, Stretch("chat", "calls", *SUNDAY))
    shown = explore.records(behind.rows, {}, explored.book.settings)
    assert shown["columns"][0] == {"label": "Time", "figure": False}
    times = [row[0]["shown"] for row in shown["rows"]]
    assert times[1:4] == [
        "Sun 25 Oct 01:10:00 CEST", "Sun 25 Oct 02:10:00 CEST", "Sun 25 Oct 02:10:00 CET",
    ]  # fmt: skip


def test_a_stretch_is_summed_up_in_a_sentence_and_its_words_are_escaped(explored):
    behind = calls_behind(explored.data, Stretch("chat", "error_share", *NOON), most=3)
    behind = replace(behind, models={"<b>m</b>": 10})
    said = explore.summary(Stretch("chat", "error_share", *NOON), behind, explored.book.settings)
    assert "Support chat, Wed 28 Oct 13:00 to 14:00 (1 h):" in said
    assert "10 calls, 20 % failed, 1,200 tokens" in said.replace(NBSP, " ")
    assert "The table shows 3 of 10 rows, failed first." in said
    assert "&lt;b&gt;m&lt;/b&gt;" in said


def test_going_to_another_workflow_keeps_the_metric_where_it_has_it(explored):
    opened = explore.explorer(explored.data)
    opened.fields["metric"].value = "latency_ms"
    opened.fields["workflow"].value = "mail"
    assert opened.metric == "latency_ms"
    opened.fields["workflow"].value = "company"
    assert opened.metric == "cost_eur"
    assert "Whole company, cost" in opened.title.value


def test_a_company_without_exports_is_told_so(explored, tmp_path):
    shutil.copytree(explored.data / "settings", tmp_path / "settings")
    opened = explore.explorer(tmp_path)
    opened.fields["grain"].value = explore.BY_DAY
    assert "Whole company: no data in this period" in opened.title.value
    assert opened.button.disabled


def test_hours_with_too_few_calls_are_told_from_hours_without_data(explored):
    opened = explore.explorer(explored.data)
    opened.fields["workflow"].value, opened.fields["metric"].value = "chat", "run_cost_eur"
    opened.fields["first"].value = dt.date(2026, 11, 1)
    assert "too few in any hour to measure it: choose days" in opened.title.value
    opened.fields["grain"].value = explore.BY_DAY
    assert "too few" not in opened.title.value


def test_all_that_is_shown_can_be_selected_without_a_mouse(explored):
    opened = explore.explorer(explored.data)
    opened.fields["workflow"].value = "chat"
    opened.fields["first"].value = opened.fields["last"].value = dt.date(2026, 10, 25)
    opened.fields["found"].value = explore.EVERYWHERE
    assert (opened.stretch.started_at, opened.stretch.ended_at) == SUNDAY
    assert len(opened.records.records["rows"]) == 25


def test_the_days_below_the_chart_begin_at_local_midnight_and_one_has_25_hours(explored):
    opened = explore.explorer(explored.data)
    opened.fields["workflow"].value, opened.fields["metric"].value = "chat", "calls"
    opened.fields["first"].value, opened.fields["last"].value = (
        dt.date(2026, 10, day) for day in (24, 27)
    )
    spec = opened.chart.chart.to_dict()
    axis = next(a for layer in spec["layer"] if (a := layer["encoding"]["x"].get("axis")))
    begins = pd.to_datetime(axis["values"], unit="ms", utc=True)
    assert begins.diff()[1:].tolist() == [pd.Timedelta(hours=h) for h in (24, 25, 24)]
    assert '"Sun 25 Oct"' in axis["labelExpr"]


# In a real JupyterLab, with a hand on the mouse


@pytest.fixture
def lab(explored, tmp_path, jupyterlab):
    """JupyterLab with the explorer on a copy of the company: address and folder."""
    place = tmp_path / "place"
    shutil.copytree(explored.place, place)
    (place / "notebooks").mkdir()
    shutil.copy(ROOT / "notebooks/explore.ipynb", place / "notebooks")
    with jupyterlab(place, tmp_path) as address:
        yield SimpleNamespace(address=address, data=place / "data/demo")


def drag(page, day: str, tomorrow: str, start: float, end: float) -> None:
    """Drag over the chart from one hour of a day to another; its words stand where it begins."""
    chart = page.locator(".ob-explore .vega-embed svg").first
    chart.get_by_text(day, exact=True).wait_for(timeout=10_000)
    chart.scroll_into_view_if_needed()
    left, right = (chart.get_by_text(d, exact=True).bounding_box()["x"] for d in (day, tomorrow))
    start, end = (left + (right - left) * hour / 24 for hour in (start, end))
    y = chart.bounding_box()["y"] + 150
    page.mouse.move(start, y)
    page.mouse.down()
    page.mouse.move((start + end) / 2, y)
    page.mouse.move(end, y)
    page.mouse.up()


@pytest.mark.xdist_group("site")
def test_a_hand_selects_a_stretch_sees_its_calls_and_says_what_it_was(lab, notebook_page, run_all):
    page = notebook_page(lab.address, "explore.ipynb")
    run_all(page, ".ob-explore .vega-embed svg")
    choices = page.locator(".ob-explore select")
    choices.nth(0).select_option("Support chat")
    choices.nth(1).select_option("Error share")
    for field, value in enumerate(("2026-10-26", "2026-10-30")):
        page.locator(".ob-explore input[type=date]").nth(field).fill(value)
        page.keyboard.press("Tab")
    page.get_by_text("Support chat, error share:").wait_for(timeout=10_000)
    chart = page.locator(".ob-explore .vega-embed svg")
    chart.get_by_text("Fri 30 Oct").wait_for(timeout=10_000)
    chart.get_by_text("Sat 31 Oct").wait_for(state="detached")  # the last of several drawings
    drag(page, "Wed 28 Oct", "Thu 29 Oct", 12.8, 14.2)
    page.get_by_text("Support chat, Wed 28 Oct 13:00 to 14:00 (1 h):").wait_for(timeout=15_000)
    rows = page.locator(".ob-records tbody tr")
    assert rows.count() == 10
    # hostile text is shown as it came and nothing of it runs
    assert page.locator(".ob-records tbody").get_by_text(HOSTILE).count() == 1
    assert page.locator(".ob-records img").count() == 0
    assert page.title() != "run"
    # a head sorts, the box filters
    latency = page.get_by_role("button", name="Milliseconds")
    latency.click()
    assert rows.first.get_by_text("1,500").count() == 1
    latency.click()
    assert rows.first.get_by_text("9,000").count() == 1
    page.get_by_placeholder("any word in any column").fill("error noon")
    page.get_by_text("1 of 10 rows").wait_for()
    # what it was: a reason is asked for, then it is one event
    enter = page.get_by_role("button", name="Enter", exact=True)
    enter.click()
    page.get_by_text("Not entered: no reason is given").wait_for(timeout=10_000)
    page.locator(".ob-explore textarea").fill("A load test of ours")
    enter.click()
    page.get_by_text("Entered as explained").wait_for(timeout=10_000)
    page.locator(".ob-explore svg").get_by_text("explained, AI Lead").wait_for(timeout=15_000)
    page.get_by_role("button", name="Open an incident").click()
    page.locator(".ob-explore textarea").fill("Two calls failed")
    enter.click()
    page.get_by_text("INC-2026-0001 is entered as a P2").wait_for(timeout=10_000)
    events = Log(store.Folder(lab.data)).events()
    assert [e.type for e in events] == ["explained", "incident_opened"]
    assert "A load test of ours" in pages.minor(open_week(lab.data, period="2026-W44"))
    assert page.foreign == []
