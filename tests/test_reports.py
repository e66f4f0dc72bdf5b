"""What a person reports: read as people write, refused with what to do, entered without names."""

from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from opsbook.errors import UsageError
from opsbook.events import sealed
from opsbook.register import Register, fold_draft
from opsbook.reports import TIME, Report, checked, noticed, opening, words, workflow_id
from opsbook.settings import Settings

WEEK = {"monday": ["09:00-17:00"]}
NOW = pd.Timestamp("2026-11-23T10:00Z")
DIGEST = "a" * 64


@pytest.fixture(scope="module")
def settings():
    def workflow(name: str, category: str) -> dict:
        known = {"id": name, "name": name.replace("-", " ").capitalize(), "category": category}
        return known | {"owner": "Head", "matches": [f"template:{name}"]}

    return Settings(
        company={"name": "Example", "zone": "Europe/Berlin", "country": "DE", "hours": WEEK},
        workflows=[workflow("support-chat", "customer"), workflow("sales-digest", "analytics")],
    )


@pytest.fixture
def report():
    return Report("Frau Muster saw a wrong price.", NOW - pd.Timedelta("1h"), "support-chat")


@pytest.mark.parametrize(
    ("text", "locale", "utc"),
    [
        ("2026-11-23 09:30", "en_GB", "2026-11-23T08:30Z"),
        (" 2026-11-23T09:30+01:00 ", "en_GB", "2026-11-23T08:30Z"),
        ("2026-11-23T08:30z", "en_GB", "2026-11-23T08:30Z"),
        ("23.11.2026 9:30", "de_DE", "2026-11-23T08:30Z"),
        ("23.11.2026, 9:30", "de_DE", "2026-11-23T08:30Z"),
        ("11/12/2026 09:30", "en_GB", "2026-12-11T08:30Z"),
        ("11/12/2026 09:30", "en_US", "2026-11-12T08:30Z"),
        ("2026-07-01 09:30:15", "en_GB", "2026-07-01T07:30:15Z"),
    ],
)
def test_a_time_is_read_as_people_write_it(settings, text, locale, utc):
    company = settings.company.model_copy(update={"locale": locale})
    assert noticed(text, company) == pd.Timestamp(utc)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("yesterday", "is not a time with its date"),
        ("9:30", "is not a time with its date"),
        ("2026-11-23", "is not a time with its date"),
        ("2026-11-23 09:30 CET", "is not a time with its date"),
        ("31.11.2026 9:30", "is not a time that exists"),
        ("23.13.2026 9:30", "is not a time that exists"),
        ("2026-11-23 25:00", "is not a time that exists"),
        ("2026-10-25 02:30", "skipped or doubled in Europe/Berlin"),
        ("2026-03-29 02:30", "skipped or doubled in Europe/Berlin"),
    ],
)
def test_what_is_no_single_moment_is_refused_with_an_example(settings, text, says):
    with pytest.raises(UsageError, match=says) as problem:
        noticed(text, settings.company)
    assert "like 2026-" in str(problem.value)


@given(st.one_of(st.text(), st.from_regex(TIME)))
@example("0001-01-01 00:00")
@example("9999-12-31T23:59-12:00")
@example("２０２６-11-23 09:30")
def test_whatever_is_written_is_a_moment_or_is_refused(settings, text):
    try:
        found = str(noticed(text, settings.company).tz)
    except UsageError as problem:
        found = str(problem)
    assert found == "UTC" or "like " in found


@pytest.mark.parametrize("name", ["support-chat", "Support chat", " SUPPORT  chat "])
def test_a_workflow_is_known_by_its_id_and_its_name(settings, name):
    assert workflow_id(name, settings) == "support-chat"


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("suport-chat", "did you mean support-chat?"),
        ("Sales digests", "did you mean sales-digest?"),
        ("payroll", "expected one of: support-chat, sales-digest"),
        ("", "expected one of: support-chat, sales-digest"),
    ],
)
def test_an_unknown_workflow_is_refused_with_the_nearest(settings, name, says):
    with pytest.raises(UsageError) as problem:
        workflow_id(name, settings)
    assert says in str(problem.value)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"what": "  "}, "nothing is said"),
        ({"workflow": "payroll"}, "is no workflow"),
        ({"noticed_at": NOW + pd.Timedelta("1min")}, r"2026-11-23 11:01 .*still to come"),
        ({"noticed_at": pd.Timestamp("2026-11-23 09:30")}, "has no zone"),
        ({"began_at": NOW}, "began after it was noticed"),
        ({"degraded": "perhaps"}, "degraded is 'perhaps'"),
        ({"priority": "P4"}, "the class is 'P4'"),
    ],
)
def test_what_cannot_be_entered_is_refused(settings, report, change, says):
    with pytest.raises(UsageError, match=says):
        checked(replace(report, **change), settings, NOW)


@pytest.mark.parametrize(
    ("change", "day"),
    [
        ({"noticed_at": NOW - pd.Timedelta("365D")}, "2025-11-23"),
        ({"began_at": pd.Timestamp("0026-11-23T08:00Z")}, "0026-11-23"),
    ],
)
def test_a_slip_of_the_year_opens_nothing(settings, report, change, day):
    with pytest.raises(UsageError, match=f"{day} is too long ago; correct the year"):
        opening(replace(report, **change), Register(), settings, NOW, DIGEST)


def test_answers_and_class_are_taken_in_any_letter_case(settings, report):
    told = replace(report, degraded=" Yes ", priority="p2", workflow="Support chat")
    found = checked(told, settings, NOW)
    assert (found.degraded, found.priority, found.workflow) == ("yes", "P2", "support-chat")


def test_no_word_of_the_person_enters_the_chain(settings, report):
    told = replace(report, done="Called Herr Beispiel.")
    event = sealed(opening(told, Register(), settings, NOW, DIGEST), [], NOW)
    line = event.line().decode()
    assert "Muster" not in line
    assert "Beispiel" not in line
    assert DIGEST in line
    assert event.payload["reason"] == ("reported: personal data may have reached the wrong person")
    assert "\n" not in event.payload["reason"]


def test_what_is_kept_beside_the_chain_holds_the_words_and_the_answers(settings, report):
    told = replace(report, done="Called back.", seen_by_customer="yes", priority="P1")
    assert words(told, settings).splitlines() == [
        "Frau Muster saw a wrong price.",
        "Done so far: Called back.",
        "Noticed 2026-11-23 10:00 (Europe/Berlin), support-chat.",
        "Seen by customer: yes.",
        "Called a P1.",
    ]


def test_an_incident_begins_when_it_began_and_is_detected_when_it_was_noticed(settings, report):
    register = Register()
    told = replace(report, began_at=NOW - pd.Timedelta("2D"))
    fold_draft(register, opening(told, register, settings, NOW, DIGEST), NOW)
    incident = register.incident("INC-2026-0001")
    assert incident.started_at == NOW - pd.Timedelta("2D")
    assert incident.detected_at == NOW - pd.Timedelta("1h")
    assert incident.opened_at == NOW


def test_a_row_is_entered_once(settings, report):
    register = Register()
    fold_draft(register, opening(report, register, settings, NOW, DIGEST, "row 1"), NOW)
    with pytest.raises(UsageError, match="row 1 has been entered already"):
        opening(report, register, settings, NOW, DIGEST, "row 1")
    second = opening(report, register, settings, NOW, DIGEST, "row 2")
    assert second.incident == "INC-2026-0002"
