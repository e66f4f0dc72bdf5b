"""The page on the EU AI Act: evidence beside what it cannot show, for a full or empty register."""

import datetime as dt
from types import SimpleNamespace

import pandas as pd
import pytest

from opsbook import duty_pages, laws, obligations
from opsbook.displays import plain
from opsbook.register import Register
from opsbook.registers import SHEETS, Registers
from opsbook.schema import COVERAGE
from opsbook.settings import Settings

HOSTILE = "<script>alert(1)</script> {{< env HOME >}}"
HOURS = {"monday": ["09:00-17:00"]}
CHAT = {
    "id": "chat",
    "name": "Chat <b>",
    "category": "customer",
    "owner": HOSTILE,
    "matches": ["template:chat"],
}


def rows_of(sheet: str, *rows: dict) -> pd.DataFrame:
    empty = SHEETS[sheet].empty()
    days = [n for n, f in SHEETS[sheet].fields.items() if f.kind == "day"]
    frame = pd.DataFrame(rows).reindex(columns=empty.columns)
    frame[days] = frame[days].apply(pd.to_datetime)
    return frame.astype(empty.dtypes.to_dict())


def review(workflows=(CHAT,), day="2026-11-23", **sheets):
    company = {"name": "Example", "zone": "Europe/Berlin", "country": "DE", "hours": HOURS}
    return SimpleNamespace(
        now=pd.Timestamp(f"{day}T07:00Z"),
        settings=Settings(company=company, workflows=list(workflows)),
        registers=Registers(**{k: rows_of(k, *v) for k, v in sheets.items()}),
        register=Register(),
        timers=pd.DataFrame(
            {"met": pd.array([], "boolean"), "since": pd.DatetimeIndex([], tz="UTC")}
        ),
        facts=SimpleNamespace(
            coverage=COVERAGE.empty(),
            grid=pd.DataFrame(
                {"workflow": [], "hour": pd.DatetimeIndex([], tz="UTC"), "input_tokens": []}
            ),
        ),
    )


def page(own) -> str:
    parts = ("lead", "table", "systems", "training", "requests", "dates", "reminders")
    return "\n".join(getattr(duty_pages, p)(own) for p in parts)


def test_the_page_says_at_its_top_that_it_is_evidence_and_no_advice():
    assert "never says that a law is kept, and it is no legal advice" in plain(
        duty_pages.lead(review())
    )


@pytest.mark.parametrize("workflows", [(), (CHAT,)], ids=["no workflow", "one workflow"])
def test_a_new_company_sees_what_to_enter_and_where(workflows):
    shown = plain(page(review(workflows)))
    assert "The register of AI systems is empty. Open register.xlsx" in shown
    assert "No export has arrived yet." in shown


def test_a_company_without_a_customer_facing_workflow_is_not_asked_for_a_notice():
    own = review((CHAT | {"category": "internal"},))
    row = obligations.table(own).set_index("id").loc["art-50-1"]
    assert (row.light, row.word) == ("none", "asked of none")
    assert "Art. 50(1)" not in obligations.question(own)


def test_no_text_of_a_register_is_obeyed():
    own = review(
        systems=[{"workflow": "chat", "vendor": HOSTILE, "model": HOSTILE, "notice_text": HOSTILE}],
        training=[{"role": HOSTILE, "topic": HOSTILE}],
        requests=[{"id": "R-1", "received_on": "2026-09-01", "workflow": HOSTILE, "what": HOSTILE}],
    )
    assert "<script>" not in page(own)
    assert "{{<" not in page(own)


def test_a_request_open_for_over_a_month_is_late():
    asked = {"id": "R-1", "workflow": "chat", "what": "why", "received_on": "2026-10-23"}
    late, open_one = (plain(duty_pages.requests(review(day=d, requests=[asked]))) for d in
                      ("2026-11-23", "2026-11-22"))  # fmt: skip
    assert "31 late" in late
    assert "30 open" in open_one


# The legal dates


@pytest.mark.parametrize("known", laws.legal_dates().values(), ids=lambda d: d.id)
def test_each_legal_date_has_its_source_and_the_day_it_was_looked_up(known):
    assert known.what
    assert ("Regulation (EU)" in known.source) or ("Directive (EU)" in known.source)
    assert "rt. " in known.source or "article" in known.source
    assert isinstance(known.date, dt.date)
    assert dt.date(2026, 11, 1) <= known.checked_on


@pytest.mark.parametrize(
    ("name", "date"),
    [
        ("art-4", "2025-02-02"),
        ("amended", "2026-07-27"),
        ("art-50", "2026-08-02"),
        ("art-5-more", "2026-12-02"),
        ("art-50-2-older", "2026-12-02"),
        ("annex-iii", "2027-12-02"),
        ("annex-i", "2028-08-02"),
    ],
)
def test_the_dates_are_those_of_the_amended_act(name, date):
    assert str(laws.legal_dates()[name].date) == date


@pytest.mark.parametrize(("day", "flagged"), [("2027-11-28", False), ("2027-11-29", True)])
def test_dates_looked_up_over_a_year_ago_are_flagged(day, flagged):
    own = review(day=day)
    assert ("Looked up over a year ago" in plain(duty_pages.lead(own))) == flagged
    assert ("look again" in plain(duty_pages.dates(own))) == flagged


def test_a_person_is_told_to_check_the_consolidated_text():
    assert "should check the consolidated text" in plain(duty_pages.dates(review()))
