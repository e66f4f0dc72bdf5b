"""F1: did the model change or the inputs? A model that answers for the first time (rule R15)."""

import pandas as pd
import pytest

from opsbook.rules.models import models_seen, new_models
from opsbook.schema import MODELS
from opsbook.settings import Limits

LIMITS = Limits()


def days(text: str) -> pd.DataFrame:
    """Days with calls as drawn: day, workflow, asked for, answered, calls; - for none."""
    rows = [line.split() for line in text.splitlines() if line.strip()]
    told = pd.DataFrame(rows, columns=["day", "workflow", "request_model", "served_model", "calls"])
    at = pd.to_datetime(told.day, utc=True)
    told = told.replace("-", pd.NA).assign(
        day=at, first_seen=at + pd.Timedelta(hours=9), last_seen=at + pd.Timedelta(hours=15),
        provider="openai", cost_kind="reported", rows=told.calls, cost_eur=1.0,
    )  # fmt: skip
    return MODELS.conform(told)


BEFORE = """
    2026-11-02 chat gpt-5-mini gpt-5-mini-2025-08-07 10
    2026-11-09 chat gpt-5-mini gpt-5-mini-2025-08-07 10
"""


@pytest.mark.parametrize(
    ("day", "answered", "finds"),
    [
        ("2026-11-08", "gpt-5-mini-2026-10-01", 0),
        ("2026-11-09", "gpt-5-mini-2026-10-01", 1),
        ("2026-11-10", "gpt-5-mini-2026-10-01", 1),
        ("2026-11-10", "gpt-5-mini-2025-08-07", 0),
        ("2026-11-10", "-", 0),
    ],
)
def test_another_model_after_the_first_seven_days_is_a_finding(day, answered, finds):
    found = new_models(days(f"{BEFORE}\n{day} chat gpt-5-mini {answered} 4"), LIMITS)
    assert len(found) == finds


def test_it_names_the_model_before_it_and_since_when_and_opens_no_incident():
    after = "2026-11-10 chat gpt-5-mini gpt-5-mini-2026-10-01 4"
    (row,) = new_models(days(f"{BEFORE}\n{after}"), LIMITS).itertuples()
    said = "gpt-5-mini-2026-10-01 answers for the first time; before it gpt-5-mini-2025-08-07"
    assert (row.rule, row.reason, row.state, row.observed) == ("R15", said, "note", 4)
    assert str(row.started_at) == "2026-11-10 09:00:00+00:00"
    assert pd.isna(row.priority)


def test_a_model_that_comes_back_is_not_new():
    again = "2026-11-16 chat gpt-5-mini gpt-5-mini-2025-08-07 1"
    between = "2026-11-10 chat gpt-5-mini gpt-5-mini-2026-10-01 4"
    found = new_models(days("\n".join([BEFORE.strip(), between, again])), LIMITS)
    assert found.reason.str.startswith("gpt-5-mini-2026-10-01").tolist() == [True]


def test_what_is_new_to_one_workflow_may_be_old_to_another():
    other = "2026-11-02 mail gpt-5.1 gpt-5.1 1\n2026-11-12 chat gpt-5.1 gpt-5.1 1"
    assert new_models(days(f"{BEFORE}\n{other}"), LIMITS).workflow.tolist() == ["chat"]


def test_each_pair_asked_and_answered_has_its_first_and_last_day_and_its_calls():
    seen = models_seen(days(f"{BEFORE}\n2026-11-10 chat gpt-5-mini gpt-5.1 4"))
    told = seen.assign(first=seen.first_seen.dt.day, last=seen.last_seen.dt.day)
    assert told[["served_model", "first", "last", "calls"]].values.tolist() == [
        ["gpt-5.1", 10, 10, 4],
        ["gpt-5-mini-2025-08-07", 2, 9, 20],
    ]


def test_how_long_a_workflow_settles_is_a_setting():
    early = "2026-11-04 chat gpt-5-mini gpt-5.1 4"
    assert len(new_models(days(f"{BEFORE}\n{early}"), LIMITS)) == 0
    assert len(new_models(days(f"{BEFORE}\n{early}"), Limits(model_settled_days=1))) == 1
