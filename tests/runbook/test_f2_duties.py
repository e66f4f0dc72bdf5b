"""F2: which records support the duties of those who use AI, and what they do not cover."""

from types import SimpleNamespace

import pandas as pd
import pytest

from opsbook import obligations
from opsbook.events import Draft
from opsbook.register import Register, fold_draft
from opsbook.registers import SHEETS, Registers
from opsbook.reminders import clocks, held
from opsbook.schema import COVERAGE

NOW = pd.Timestamp("2026-11-23T08:00+01:00").tz_convert("UTC")
RECENT, OLD, AHEAD = "2026-06-01", "2025-11-22", "2026-12-24"
WHOLE = {
    "role": "deployer",
    "risk": "limited",
    "reasons": "answers questions",
    "screened_on": RECENT,
    "reviewer": "AI Lead",
    "prohibited_on": RECENT,
    "notice_text": "You write with a machine.",
    "notice_on": RECENT,
    "publishes": "no",
}


def rows_of(sheet: str, *rows: dict) -> pd.DataFrame:
    """Rows of a register's sheet, typed as it is read."""
    empty = SHEETS[sheet].empty()
    days = [n for n, f in SHEETS[sheet].fields.items() if f.kind == "day"]
    frame = pd.DataFrame(rows).reindex(columns=empty.columns)
    frame[days] = frame[days].apply(pd.to_datetime)
    return frame.astype(empty.dtypes.to_dict())


@pytest.fixture
def review(bavaria):
    """The Bavarian company on a Monday of 2026-11, with the registers and days of logs named."""

    def on(day: str = "", kept: int = 200, **sheets) -> SimpleNamespace:
        now = pd.Timestamp(day, tz="Europe/Berlin").tz_convert("UTC") if day else NOW
        since = now - pd.Timedelta(days=kept)
        coverage = [
            {"file_id": w.id, "workflow": w.id, "covered_from": since} for w in bavaria.workflows
        ]
        grid = pd.DataFrame({"workflow": ["chat"], "hour": [now], "input_tokens": [1]})
        frames = {k: rows_of(k, *v) for k, v in sheets.items()}
        return SimpleNamespace(
            now=now,
            settings=bavaria,
            registers=Registers(**frames),
            register=Register(),
            timers=pd.DataFrame(
                {"met": pd.array([], "boolean"), "since": pd.DatetimeIndex([], tz="UTC")}
            ),
            facts=SimpleNamespace(
                coverage=pd.DataFrame(coverage, columns=list(COVERAGE.columns)), grid=grid
            ),
        )

    return on


@pytest.fixture
def row(review):
    """The row of one duty: its light, word and what is said."""

    def of(duty: str, **given) -> pd.Series:
        return obligations.table(review(**given)).set_index("id").loc[duty]

    return of


@pytest.fixture
def of_chat(review):
    """What the register lacks of the customer-facing workflow, all else whole."""

    def lacks(**changed) -> list[str]:
        own = review(systems=[WHOLE | {"workflow": "chat"} | changed])
        return [g.says for g in obligations.gaps(own) if g.workflow == "chat"]

    return lacks


@pytest.mark.parametrize(
    ("field", "value", "missing"),
    [
        ("prohibited_on", RECENT, ""),
        ("prohibited_on", "2025-11-23", ""),
        ("prohibited_on", OLD, "Art. 5 screening of 2025-11-22 is over 12 months old"),
        ("prohibited_on", AHEAD, "Art. 5 screening dated 2026-12-24, still to come"),
        ("prohibited_on", None, "no Art. 5 screening"),
        ("risk", "open", "the risk class is open"),
        ("risk", "prohibited", "classed as prohibited"),
        ("reasons", None, "no reasons"),
        ("notice_text", None, "no notice to people"),
        ("notice_on", OLD, "check of the notice of 2025-11-22 is over 12 months old"),
        ("publishes", "unknown", "not said whether it publishes text"),
    ],
)
def test_the_register_of_ai_systems_says_what_is_missing_or_over_a_year_old(
    of_chat, field, value, missing
):
    assert of_chat(**{field: value}) == ([missing] if missing else [])


def test_only_a_high_risk_system_is_asked_for_instructions_oversight_and_information(of_chat):
    asked = [
        "no Annex III point",
        "no instructions on file",
        "no check of the instructions",
        "no deputy in the settings",
        "nobody named who may stop it",
        "no drill",
        "no document that informs people",
        "no informing people",
    ]
    assert of_chat(risk="high") == asked
    assert of_chat(risk="limited") == []


@pytest.mark.parametrize(
    ("held_on", "valid_months", "state"),
    [
        ("2025-11-23", None, "held"),
        ("2025-11-22", None, "overdue"),
        ("2025-11-22", 24, "held"),
        (None, None, "to be held"),
    ],
)
def test_training_counts_for_a_year_unless_its_row_says_otherwise(
    review, held_on, valid_months, state
):
    told = {"role": "Head", "topic": "Limits", "held_on": held_on, "valid_months": valid_months}
    assert list(obligations.training(review(training=[told])).state) == [state, "none"]


@pytest.mark.parametrize(
    ("days", "light", "word"),
    [(182, "alert", "too short"), (183, "ok", "kept"), (400, "ok", "kept")],
)
def test_logs_are_red_when_the_oldest_export_is_younger_than_six_months(row, days, light, word):
    assert tuple(row("art-26-6", kept=days)[["light", "word"]]) == (light, word)


def test_the_incident_log_is_said_not_to_be_that_log(row):
    assert "The incident log is not that log." in row("art-26-6").says


@pytest.mark.parametrize(
    ("duty", "day", "holds"),
    [
        ("art-4", "2026-11-23", True),
        ("art-50-1", "2026-08-01", False),
        ("art-50-1", "2026-08-02", True),
        ("art-26-6", "2026-11-23", False),
        ("art-26-6", "2027-12-01", False),
        ("art-26-6", "2027-12-02", True),
    ],
)
def test_a_duty_holds_from_its_legal_date_on_the_companys_clock(row, duty, day, holds):
    assert row(duty, day=day).holds == holds


def test_every_duty_says_what_the_workbook_cannot_show(review):
    assert obligations.table(review()).cannot.str.len().min() > 10


def test_a_new_company_without_a_register_is_told_what_is_missing(review):
    rows = obligations.table(review()).set_index("id")
    empty = ["art-4", "art-5", "art-50-1", "art-50-4", "class"]
    assert list(rows.word[empty]) == ["nothing on file"] * len(empty)
    assert obligations.question(review()).startswith("Art. 4: nothing on file; Art. 5: ")


def test_the_review_asks_only_for_duties_that_hold_already(review):
    trained = [{"role": r, "topic": "Limits", "held_on": RECENT} for r in ("AI Lead", "Head")]
    own = [WHOLE | {"workflow": w} for w in ("chat", "invoices")]
    done = review(kept=30, systems=own, training=trained)
    assert set(obligations.table(done).light) >= {"alert"}
    assert obligations.question(done) == ""


# Reminder clocks


@pytest.fixture
def incident(when):
    """An incident noticed on Tuesday at 10:00, with its class and answers."""

    def noticed(priority: str = "P1", kind: str = "incident_opened", **impact):
        register = Register()
        told = {
            "workflows": ["chat"], "family": "harm", "priority": priority,
            "class_reason": "human", "started_at": "2026-11-17T08:00:00.000Z", "reason": "r",
        }  # fmt: skip
        at = when("Tue 2026-11-17 10:00")
        fold_draft(register, Draft("incident_opened", "X-1", told), at)
        fold_draft(register, Draft("impact_set", "X-1", impact), at)
        return register.incidents["X-1"]

    return noticed


@pytest.mark.parametrize(
    ("priority", "high_risk", "harm", "personal_data", "reminded"),
    [
        ("P1", "yes", "yes", "no", "2 d, 10 d, 15 d"),
        ("P1", "unknown", "unknown", "no", "2 d, 10 d, 15 d"),
        ("P2", "unknown", "yes", "no", "2 d, 10 d, 15 d"),
        ("P1", "no", "yes", "no", ""),
        ("P1", "yes", "no", "no", ""),
        ("P1", "no", "no", "yes", "3 d"),
        ("P2", "no", "no", "unknown", "3 d"),
        ("P1", "unknown", "unknown", "unknown", "2 d, 3 d, 10 d, 15 d"),
        ("P3", "unknown", "unknown", "unknown", ""),
        ("P3", "no", "no", "yes", "3 d"),
    ],
)
def test_reminders_run_from_awareness_where_the_answer_is_yes_or_unknown(
    incident, bavaria, priority, high_risk, harm, personal_data, reminded
):
    own = incident(priority, high_risk=high_risk, harm=harm, personal_data=personal_data)
    rows = clocks(own, bavaria, Registers())
    assert (
        ", ".join(f"{(r.due_at - own.detected_at).days} d" for r in rows.itertuples()) == reminded
    )


@pytest.mark.parametrize(
    ("risk", "answer", "reminded"),
    [
        ("limited", "unknown", False),
        ("high", "unknown", True),
        ("open", "unknown", True),
        ("limited", "yes", True),
        ("high", "no", False),
    ],
)
def test_what_a_person_answered_goes_before_the_register_of_ai_systems(
    incident, bavaria, risk, answer, reminded
):
    systems = rows_of("systems", WHOLE | {"workflow": "chat", "risk": risk})
    own = incident(high_risk=answer, personal_data="no")
    assert (len(clocks(own, bavaria, Registers(systems=systems))) > 0) == reminded


def test_a_reminder_says_for_which_case_and_why_and_never_that_it_is_one(incident, bavaria):
    first = clocks(incident(personal_data="no"), bavaria, Registers()).iloc[0]
    assert first.what == "widespread infringement, or critical infrastructure disrupted"
    assert first.why == "high-risk system: unknown, harm: unknown"


def test_what_belongs_to_an_incident_is_kept_until_somebody_answers_no(incident, bavaria):
    assert held(incident(), bavaria, Registers())
    assert not held(incident(harm="no"), bavaria, Registers())
