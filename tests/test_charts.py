"""Each chart says its answer as its title, in the company's time, in the page's colours."""

import json
import re

import pandas as pd
import pytest
import vl_convert

from opsbook import charts, displays
from opsbook.charts import Answer
from opsbook.schema import FINDINGS
from opsbook.settings import Company, Settings

HOURS = {d: ["09:00-17:00"] for d in ("monday", "tuesday", "wednesday", "thursday", "friday")}
WORKFLOWS = [
    {"id": "chat", "name": "Support chat", "category": "customer", "owner": "Sales", "matches": []},
    {"id": "bills", "name": "Invoices", "category": "internal", "owner": "Finance", "matches": []},
]
COMPANY = Company(name="Demo", zone="Europe/Vienna", country="AT", hours=HOURS)
SETTINGS = Settings(company=COMPANY, workflows=WORKFLOWS)


def utc(text: str) -> pd.Timestamp:
    return pd.Timestamp(text, tz="Europe/Vienna").tz_convert("UTC")


WEEK = (utc("2026-11-16"), utc("2026-11-23"))
DAYS = pd.date_range("2026-10-05", "2026-11-22")


def kind(day: pd.Timestamp) -> str:
    return "workday" if day.weekday() < 5 else "restday"


def bands(workflow: str = "bills", raised_from: str = "2026-11-17") -> pd.DataFrame:
    """Seven weeks of 0.10 EUR a run, tripled on workdays from a day on; limit 0.20."""
    return pd.DataFrame(
        [
            {
                "workflow": workflow,
                "day": day,
                "started_at": utc(day.isoformat()),
                "ended_at": utc((day + pd.Timedelta(days=1)).isoformat()),
                "day_type": kind(day),
                "off": "National Day" if day == pd.Timestamp("2026-10-26") else None,
                "observed_eur": 0.3 if day >= pd.Timestamp(raised_from) else 0.1,
                "sample": 40,
                "center": 0.1,
                "upper": 0.2,
                "references": 20,
                "state": "breach" if day >= pd.Timestamp(raised_from) else "ok",
            }
            for day in DAYS
            if kind(day) == "workday"
        ]
    ).astype({"off": "string"})


def found(**changes: object) -> pd.DataFrame:
    finding = {
        "rule": "R5",
        "family": "cost",
        "method": "calendar",
        "workflow": "bills",
        "metric": "run_cost_eur",
        "started_at": utc("2026-11-17 14:00"),
        "ended_at": utc("2026-11-21"),
        "detected_at": utc("2026-11-18"),
        "observed": 0.3,
        "baseline": 0.1,
        "limit": 0.2,
        "priority": "P2",
        "state": "firing",
        "reason": "",
    }
    return FINDINGS.conform(pd.DataFrame([finding | changes]))


NOTHING = FINDINGS.empty()
FAILING = {"rule": "R4", "workflow": "chat", "metric": "error_share", "observed": 0.118}


def spend_days() -> pd.DataFrame:
    days = bands().rename(columns={"observed_eur": "cost_eur"})
    return days[["day", "started_at", "ended_at", "day_type", "off", "cost_eur", "center", "upper"]]


def hours(failed: int = 0) -> pd.DataFrame:
    """The support chat's week: 30 calls in each hour, `failed` of them on Thursday 10 to 12."""
    each = pd.date_range(*WEEK, freq="h", inclusive="left")
    bad = (each >= utc("2026-11-19 10:00")) & (each < utc("2026-11-19 12:00"))
    frame = pd.DataFrame({"workflow": "chat", "hour": each, "judged": 30, "failed": 0})
    frame.loc[bad, "failed"] = failed
    return frame


def shares(low: float) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "workflow": ["chat", "bills"],
            "judged": [1000, 100],
            "failed": [90, 1],
            "share": [0.09, 0.01],
            "low": [low, 0.001],
            "high": [0.11, 0.05],
        }
    )


def ran(**states: str) -> pd.DataFrame:
    week = pd.date_range("2026-11-16", "2026-11-22")
    return pd.DataFrame(
        [
            {"workflow": w, "day": d, "off": None, "state": states.get(w, "ran"), "runs": 5}
            for w in ("chat", "bills")
            for d in week
        ]
    ).astype({"off": "string"})


MARKS = [("Detected", utc("2026-11-18")), ("AI Lead due", utc("2026-11-18 13:00"))]


def finding() -> dict:
    return {
        "workflow": "bills",
        "metric": "run_cost_eur",
        "reason": "2.4 times its baseline",
        "baseline": 0.1,
        "limit": 0.2,
        "from": "2026-11-17T13:00:00.000Z",
        "to": "2026-11-18T13:00:00.000Z",
        "state": "firing",
    }


def incident_course() -> pd.DataFrame:
    course = hours().rename(columns={"hour": "at"}).assign(value=0.3, center=0.1, upper=0.2)
    return course[["at", "value", "center", "upper"]].astype(dict.fromkeys(["value"], "Float64"))


def drawn() -> dict[str, Answer]:
    return {
        "run_cost": charts.run_cost(bands(), found(), "bills", SETTINGS, WEEK),
        "spend": charts.spend(spend_days(), NOTHING, SETTINGS, WEEK),
        "error_hours": charts.error_hours(hours(12), NOTHING, "chat", SETTINGS, WEEK),
        "error_shares": charts.error_shares(shares(0.07), SETTINGS),
        "days_run": charts.days_run(ran(bills="no data"), SETTINGS),
        "run_cost_of_all": charts.run_cost_of_all(bands(), found(), SETTINGS, WEEK),
        "incident": charts.incident(incident_course(), finding(), MARKS, SETTINGS),
    }


CHARTS = (
    "run_cost", "spend", "error_hours", "error_shares", "days_run", "run_cost_of_all", "incident",
)  # fmt: skip


@pytest.fixture(scope="module")
def answers() -> dict[str, Answer]:
    return drawn()


def svg_of(answer: Answer) -> str:
    spec = charts.fixed_width(answer.chart.to_dict())
    return charts.slimmed(vl_convert.vegalite_to_svg(spec))


def test_every_chart_is_held_by_these_tests(answers):
    assert set(answers) == set(CHARTS)


# Titles


@pytest.mark.parametrize(
    ("answer", "title"),
    [
        (
            charts.run_cost(bands(), found(), "bills", SETTINGS, WEEK),
            "Invoices: 3.0× its cost per run, since Tue 17 Nov 14:00",
        ),
        (
            charts.run_cost(bands(), found(state="over"), "bills", SETTINGS, WEEK),
            "Invoices: 3.0× its cost per run, Tue 17 Nov 14:00 to Sat 21 Nov 00:00",
        ),
        (
            charts.run_cost(bands(raised_from="2027-01-01"), NOTHING, "bills", SETTINGS, WEEK),
            "Invoices: 0.10 EUR a run, within its baseline",
        ),
        (
            charts.run_cost(bands().assign(state="sparse"), NOTHING, "bills", SETTINGS, WEEK),
            "Invoices: no day with runs enough to judge its cost",
        ),
        (
            charts.run_cost_of_all(bands(), found(), SETTINGS, WEEK),
            "1 workflow over the limit of cost per run: Invoices",
        ),
        (
            charts.run_cost_of_all(bands(raised_from="2027-01-01"), NOTHING, SETTINGS, WEEK),
            "Every workflow stayed within its cost per run",
        ),
        (
            charts.spend(spend_days(), NOTHING, SETTINGS, WEEK),
            "Spend: 1.30 EUR in the week, no day over its limit",
        ),
        (
            charts.spend(
                spend_days(),
                found(rule="R7", workflow="company", metric="cost_eur"),
                SETTINGS,
                WEEK,
            ),
            "Spend: 3.0× its usual day on Tue 17 Nov",
        ),
        (
            charts.error_hours(hours(), NOTHING, "chat", SETTINGS, WEEK),
            "Support chat: 0 % of calls failed, no stretch over a limit",
        ),
        (
            charts.error_hours(
                hours(12), found(**FAILING, state="over"), "chat", SETTINGS, WEEK
            ),
            "Support chat: 12 % of calls failed, Tue 17 Nov 14:00 to Sat 21 Nov 00:00",
        ),
        (charts.error_shares(shares(0.07), SETTINGS), "Over 5 % of calls failed: Support chat"),
        (
            charts.error_shares(shares(0.04), SETTINGS),
            "No workflow surely had more than 5 % of its calls fail",
        ),
        (charts.days_run(ran(), SETTINGS), "Every workflow ran on every day it should"),
        (
            charts.days_run(ran(bills="no data", chat="zero"), SETTINGS),
            "No run on some day: Support chat; no data on some day: Invoices",
        ),
    ],
)  # fmt: skip
def test_the_title_is_the_answer(answer, title):
    assert answer.title.replace(displays.NBSP, " ") == title


def test_a_finding_of_an_earlier_week_is_drawn_but_is_not_this_weeks_answer():
    earlier = found(started_at=utc("2026-11-03"), ended_at=utc("2026-11-05"), state="over")
    answer = charts.run_cost(bands(raised_from="2027-01-01"), earlier, "bills", SETTINGS, WEEK)
    assert answer.title.endswith("within its baseline")
    assert "P2 Tue 3 Nov" in svg_of(answer)


def test_a_stretch_within_a_day_names_the_day_once():
    within = found(**FAILING, state="over", ended_at=utc("2026-11-17 18:00"))
    answer = charts.error_hours(hours(12), within, "chat", SETTINGS, WEEK)
    assert answer.title.endswith("Tue 17 Nov 14:00 to 18:00")


# What is drawn


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_is_as_wide_as_its_page_and_its_title_stands_outside(answers, name):
    spec = answers[name].chart.to_dict()
    assert spec["width"] == "container"
    assert "title" not in spec


@pytest.mark.parametrize("name", CHARTS)
def test_a_chart_takes_every_colour_from_the_page(answers, name):
    painted = set(re.findall(r' (?:fill|stroke)="([^"]*)"', svg_of(answers[name])))
    assert painted
    assert {c for c in painted if not c.startswith("var(--ob-")} <= {"none", "transparent"}


@pytest.mark.parametrize("name", CHARTS)
def test_six_charts_of_a_kind_fit_a_page_of_300_kb(answers, name):
    figure = displays.figure(*answers[name])
    assert len(figure) + len(svg_of(answers[name])) < 50_000


@pytest.mark.parametrize("name", CHARTS)
def test_a_charts_note_or_title_leaves_no_figure_without_its_basis(answers, name):
    assert len(answers[name].note) > 40


def test_a_chart_shows_hours_in_the_companys_zone():
    spec = json.dumps(
        charts.error_hours(hours(12), NOTHING, "chat", SETTINGS, WEEK).chart.to_dict()
    )
    assert "2026-11-16T00:30:00" in spec
    assert "2026-11-15T23" not in spec


def test_holidays_are_named_under_the_chart():
    plain = bands().assign(off=pd.NA)
    noted = [charts.run_cost(b, NOTHING, "bills", SETTINGS, WEEK).note for b in (bands(), plain)]
    assert ["National Day (Mon 26 Oct)" in note for note in noted] == [True, False]


def test_a_days_cell_says_in_words_what_its_colour_means():
    drawing = svg_of(charts.days_run(ran(bills="no data", chat="planned off"), SETTINGS))
    assert drawing.count(">no data<") == 7
    assert drawing.count(">off<") == 7


def test_a_day_over_its_limit_stands_out_even_when_its_finding_is_not_at_hand(answers):
    drawing = svg_of(answers["spend"])
    assert drawing.count('fill="var(--ob-accent)">3.0×<') == 4


def test_a_workflow_that_ran_uncounted_is_said_to_have_run():
    uncounted = ran().assign(runs=pd.array([pd.NA] * 14, dtype="Float64"))
    drawing = svg_of(charts.days_run(uncounted, SETTINGS))
    assert drawing.count(">ran<") == 14


def test_an_incidents_chart_marks_detection_and_who_must_know_by_when(answers):
    drawing = svg_of(answers["incident"])
    assert "Detected Wed 00:00" in drawing
    assert "AI Lead due Wed 13:00" in drawing
    assert answers["incident"].title == "Invoices: 2.4 times its baseline, since Tue 17 Nov 14:00"


def test_dates_and_figures_of_a_chart_follow_the_companys_language():
    german = SETTINGS.model_copy(update={"company": COMPANY.model_copy(update={"locale": "de_DE"})})
    drawing = svg_of(charts.run_cost(bands(), NOTHING, "bills", german, WEEK))
    assert "Okt" in drawing
    assert "0,10" in drawing


@pytest.mark.parametrize(
    "answer",
    [
        charts.run_cost(bands().iloc[:0], NOTHING, "bills", SETTINGS, WEEK),
        charts.run_cost_of_all(bands().iloc[:0], NOTHING, SETTINGS, WEEK),
        charts.error_hours(hours().iloc[:0], NOTHING, "chat", SETTINGS, WEEK),
        charts.error_shares(shares(0.07).iloc[:0], SETTINGS),
        charts.days_run(ran().iloc[:0], SETTINGS),
        charts.spend(spend_days().iloc[:0], NOTHING, SETTINGS, WEEK),
    ],
)
def test_a_chart_without_data_still_draws(answer):
    assert svg_of(answer).startswith("<svg")
