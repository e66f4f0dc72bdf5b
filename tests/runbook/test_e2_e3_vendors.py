"""E2 and E3: vendor notices and their decision, ends of models, contracts and their notice day."""

from types import SimpleNamespace

import pandas as pd
import pytest

from opsbook import vendors
from opsbook.registers import SHEETS, Registers

NOTICE = {
    "id": "N-1", "vendor": "Vendor", "kind": "price", "what": "dearer", "model_now": "old-1",
    "announced_on": "2026-11-10", "effective_on": "2026-12-10", "workflows": "chat",
}  # fmt: skip
WHOLE = {
    "id": "C-1", "vendor": "Vendor", "what": "API", "starts_on": "2025-01-01", "owner": "AI Lead",
    "dpa_on": "2025-01-01", "subprocessors_on": "2026-06-01", "retention_days": 30,
    "trains_on_data": "no", "checked_on": "2026-06-01",
}  # fmt: skip


def rows_of(sheet: str, *rows: dict) -> pd.DataFrame:
    """Rows of a register's sheet, typed as it is read."""
    empty = SHEETS[sheet].empty()
    days = [n for n, f in SHEETS[sheet].fields.items() if f.kind == "day"]
    frame = pd.DataFrame(rows).reindex(columns=empty.columns)
    frame[days] = frame[days].apply(pd.to_datetime)
    return frame.astype(empty.dtypes.to_dict())


@pytest.fixture
def review(bavaria):
    """The Bavarian company on Monday 23 November 2026, with rows of the register."""

    def on(seen: str = "2026-11-20", **sheets) -> SimpleNamespace:
        models = {"workflow": ["chat"], "request_model": ["old"], "served_model": ["old-1"]}
        runs = pd.DataFrame(columns=["workflow", "run", "at", "verdict", "asked_model"])
        return SimpleNamespace(
            now=pd.Timestamp("2026-11-23T07:00Z"),
            settings=bavaria,
            registers=Registers(**{k: rows_of(k, *v) for k, v in sheets.items()}),
            facts=SimpleNamespace(
                lists=runs,
                models=pd.DataFrame(models).assign(last_seen=pd.Timestamp(seen, tz="UTC")),
            ),
        )

    return on


@pytest.mark.parametrize(
    ("changed", "state", "word", "due"),
    [
        ({}, "alert", "not decided, in force in 17 days", True),
        ({"effective_on": "2026-12-24"}, "alert", "not decided, in force in 31 days", True),
        ({"effective_on": "2026-12-25"}, "watch", "not decided, in force in 32 days", False),
        ({"effective_on": "2026-11-20"}, "alert", "not decided, in force since 3 days", True),
        ({"effective_on": None}, "watch", "open, no date told", False),
        ({"effective_on": None, "announced_on": "2026-10-01"}, "alert", "open, no date told", True),
        ({"decision": "accept"}, "ok", "accept", False),
        ({"decision": "not affected"}, "ok", "not affected", False),
        ({"decision": "plan"}, "planned", "planned, in force in 17 days", False),
        ({"decision": "plan", "effective_on": "2026-11-20"}, "alert",
         "planned, in force since 3 days", True),
        ({"decision": "plan", "live_on": "2026-11-20"}, "ok", "live since 20 Nov 2026", False),
    ],
)  # fmt: skip
def test_a_notice_is_to_be_decided_before_the_next_monthly_review(
    review, changed, state, word, due
):
    (row,) = vendors.notices(review(notices=[NOTICE | changed])).itertuples()
    assert (row.state, row.word, row.due) == (state, word, due)


def test_the_question_names_what_is_due_and_is_empty_when_nothing_is(review):
    assert vendors.notice_question(review(notices=[NOTICE])) == (
        "N-1 (dearer): not decided, in force in 17 days. Who decides, and by when?"
    )
    assert vendors.notice_question(review(notices=[NOTICE | {"decision": "accept"}])) == ""
    assert vendors.notice_question(review()) == ""


def test_an_update_that_went_live_untested_is_asked_about_unless_a_reason_is_given(review):
    live = NOTICE | {"kind": "model", "model_new": "new-2", "live_on": "2026-11-20"}
    said = vendors.notice_question(review(notices=[live]))
    assert said.startswith("N-1 went live without GO and without a reason (not run: Chat).")
    assert vendors.notice_question(review(notices=[live | {"overruled": "alias moved"}])) == ""


@pytest.mark.parametrize(
    ("seen", "ends_on", "found"),
    [
        ("2026-11-20", "2026-12-20", [("chat", 27, "alert")]),
        ("2026-11-20", "2027-01-31", [("chat", 69, "watch")]),
        ("2026-11-20", "2026-11-20", [("chat", -3, "alert")]),
        ("2026-10-20", "2026-12-20", []),
    ],
    ids=["near", "later", "passed", "answers-no-more"],
)
def test_the_end_of_a_model_is_told_of_the_workflows_it_answered_in_the_last_weeks(
    review, seen, ends_on, found
):
    ending = NOTICE | {"kind": "end of life", "effective_on": ends_on}
    ends = vendors.model_ends(review(seen, notices=[ending]))
    assert (
        list(ends[["workflow", "days_left", "state"]].itertuples(index=False, name=None)) == found
    )


@pytest.mark.parametrize(
    ("ends_on", "notice", "renews", "by", "state", "word"),
    [
        ("2026-12-31", 1, 12, "2026-11-30", "alert", "7 days to give notice"),
        ("2027-01-31", 2, 12, "2026-11-30", "alert", "7 days to give notice"),
        ("2027-03-31", 3, 12, "2026-12-31", "watch", "38 days to give notice"),
        ("2027-06-30", 3, 12, "2027-03-30", "ok", "127 days to give notice"),
        ("2026-12-31", 3, 12, "2026-09-30", "alert", "notice day passed: runs on to 31 Dec 2027"),
        ("2025-12-31", 1, 12, "2026-11-30", "alert", "7 days to give notice"),
        ("2027-06-30", 3, None, None, "ok", "ends in 219 days"),
        ("2026-12-31", 3, None, None, "watch", "ends in 38 days"),
        ("2026-06-30", 3, None, None, "watch", "ended 30 Jun 2026"),
        (None, 1, None, None, "ok", "runs on; notice 1 mo."),
        ("2026-12-31", 0.5, 12, "2026-12-16", "alert", "23 days to give notice"),
    ],
)
def test_the_last_day_to_give_notice_follows_from_end_renewal_and_notice(
    review, ends_on, notice, renews, by, state, word
):
    told = WHOLE | {"ends_on": ends_on, "notice_months": notice, "renews_months": renews}
    (row,) = vendors.contracts(review(contracts=[told])).itertuples()
    assert (row.state, row.word) == (state, word)
    assert (None if pd.isna(row.notice_by) else str(row.notice_by.date())) == by


@pytest.mark.parametrize(
    ("changed", "gap"),
    [
        ({}, ""),
        ({"dpa_on": None}, "no data processing agreement"),
        ({"subprocessors_on": None}, "sub-processors never checked"),
        ({"subprocessors_on": "2025-11-22"}, "sub-processors last checked 22 Nov 2025"),
        ({"trains_on_data": None}, "trains on our data: unknown"),
        ({"trains_on_data": "yes"}, "trains on our data: yes"),
        ({"retention_days": None}, "how long data is kept is not told"),
        ({"checked_on": "2025-11-22"}, "not looked at within a year"),
    ],
)
def test_what_a_contract_does_not_have_on_file_is_said(review, changed, gap):
    own = review(contracts=[WHOLE | changed])
    assert vendors.contracts(own).gaps.tolist() == [gap]
    asked = f"C-1 of Vendor: {gap}. Who decides, and by when?"
    assert vendors.contract_question(own) == (asked if gap else "")


def test_the_nearest_notice_day_stands_first(review):
    later = WHOLE | {"ends_on": "2027-06-30", "notice_months": 1, "renews_months": 12}
    near = later | {"id": "C-2", "ends_on": "2026-12-31"}
    assert vendors.contracts(review(contracts=[later, near])).id.tolist() == ["C-2", "C-1"]
