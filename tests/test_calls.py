"""The canonical log: who calls belong to, each once, and cost and usage joined."""

import pandas as pd
import pytest

from opsbook.calls import homes, model_family, prices, with_bills
from opsbook.schema import BILLS, CALLS
from opsbook.settings import Alias, Settings

WEEK = {"monday": ["09:00-17:00"]}


WORKFLOW = {"category": "internal", "owner": "Head"}
COMPANY = Settings(
    company={"name": "Example", "zone": "Europe/Vienna", "country": "AT", "hours": WEEK},
    workflows=[
        WORKFLOW | {"id": "chat", "name": "Chat", "matches": ["openai:proj_chat"]},
        WORKFLOW | {"id": "rest", "name": "Rest", "matches": ["openai:proj_*"]},
    ],
)


def shared(calls: pd.DataFrame, billed: pd.DataFrame) -> pd.DataFrame:
    """Usage and bills joined, for a company without a price sheet."""
    return with_bills(calls, billed, COMPANY)


def usage(text: str) -> pd.DataFrame:
    """Draws a day's totals as 'day account model tokens', a million output tokens is 2 USD."""
    rows = [line.split() for line in text.strip().splitlines()]
    frame = pd.DataFrame(rows, columns=["ts", "account", "served_model", "output_tokens"])
    tokens = pd.to_numeric(frame.output_tokens)
    return CALLS.conform(
        frame.assign(
            output_tokens=tokens, input_tokens=0, cost=tokens * 2e-6, currency="USD",
            cost_kind="estimated", bucket_s=86400, provider="openai", status="unknown",
            source="openai", file_id="f", workflow="chat", row=range(2, len(frame) + 2),
            row_key=[" ".join(r) for r in rows],
        )
    )  # fmt: skip


def bills(text: str) -> pd.DataFrame:
    """Draws bills as 'day account amount line item'."""
    rows = [line.split(maxsplit=3) for line in text.strip().splitlines()]
    frame = pd.DataFrame(rows, columns=["period_start", "account", "amount", "line_item"])
    start = pd.to_datetime(frame.period_start, utc=True)
    return BILLS.conform(
        frame.assign(
            amount=pd.to_numeric(frame.amount), period_start=start, provider="openai",
            period_end=start + pd.Timedelta(days=1), currency="USD", source="openai", file_id="b",
            about_ai=True,
            row_key=[" ".join(r) for r in rows], row=range(len(rows)),
        )
    )  # fmt: skip


def test_the_first_match_claims_a_call_and_what_nobody_claims_is_unassigned():
    found = homes(["proj_chat", "proj_other", "elsewhere", None], "openai", COMPANY)
    assert found.values.tolist() == [
        ["", "unassigned"], ["elsewhere", "unassigned"], ["proj_chat", "chat"],
        ["proj_other", "rest"],
    ]  # fmt: skip


USED = """
    2026-11-02  proj_chat   gpt-5-mini-2025-08-07  1000000
    2026-11-02  proj_chat   gpt-5-mini             3000000
    2026-11-02  proj_other  gpt-5-mini             1000000
    2026-11-03  proj_chat   gpt-5-mini             1000000
"""


def test_a_bill_is_shared_over_its_day_account_and_model_and_never_added():
    found = shared(
        usage(USED),
        bills(
            """
            2026-11-02  proj_chat  7.20  gpt-5-mini-2025-08-07, output
            2026-11-02  proj_chat  0.80  gpt-5-mini-2025-08-07, input
            2026-11-02  proj_chat  5.00  web search tool calls
            """
        ),
    )
    assert found.cost.tolist() == [2.0, 6.0, 2.0, 2.0]
    assert found.cost_kind.tolist() == ["reported", "reported", "estimated", "estimated"]


def test_bills_that_arrive_one_by_one_give_what_they_give_together():
    first = bills("2026-11-02  proj_chat  7.20  gpt-5-mini, output")
    both = pd.concat([first, bills("2026-11-02  proj_chat  0.80  gpt-5-mini, input")])
    at_once = shared(usage(USED), both)
    one_by_one = shared(shared(usage(USED), first), both)
    pd.testing.assert_frame_equal(at_once, one_by_one)


def test_a_bill_without_a_project_joins_calls_without_one():
    used = usage(USED).assign(account=pd.NA)
    billed = bills("2026-11-03  -  4  gpt-5-mini, output").assign(account=pd.NA)
    assert shared(used, billed).cost.tolist()[3] == 4.0


def test_a_cost_in_euro_follows_the_bill():
    found = shared(usage(USED), bills("2026-11-03 proj_chat 11.172 gpt-5-mini, output"))
    last = found.iloc[3]
    assert last.cost_eur == pytest.approx(11.172 / last.fx_rate)


def test_calls_without_any_bill_stay_as_they_are():
    calls = usage(USED)
    pd.testing.assert_frame_equal(shared(calls, BILLS.empty()), calls)


def test_a_bill_for_a_model_without_a_price_is_shared_by_tokens():
    used = usage(
        """
        2026-11-02  proj_chat   house-model  1000000
        2026-11-02  proj_chat   house-model  3000000
        """
    )
    found = shared(used, bills("2026-11-02  proj_chat  8.00  house-model, input"))
    assert found.cost.tolist() == [2.0, 6.0]
    assert set(found.cost_kind) == {"reported"}


@pytest.mark.parametrize(
    ("used", "billed"),
    [
        ("claude-opus-4-6", "Claude Opus 4.6"),
        ("claude-3-5-haiku-20241022", "Claude Haiku 3.5"),
        ("claude-sonnet-4-20250514", "Claude Sonnet 4"),
        ("claude-3-7-sonnet-latest", "Claude Sonnet 3.7"),
        ("claude-haiku-4-5@20251001", "claude-haiku-4-5"),
    ],
)
def test_a_name_for_people_is_the_model_of_the_usage(used, billed):
    assert model_family(used) == model_family(billed)


@pytest.mark.parametrize("other", ["Claude Opus 4.5", "Claude Sonnet 4.6", "claude-opus-4"])
def test_another_version_is_another_model(other):
    assert model_family("claude-opus-4-6") != model_family(other)


def test_a_name_of_the_companys_own_is_priced_as_the_model_it_stands_for():
    aliases = [{"name": "chat-*", "model": "gpt-5-mini", "provider": "azure"}]
    company = COMPANY.model_copy(update={"aliases": [Alias(**a) for a in aliases]})
    day = pd.Timestamp("2026-11-02")
    places = pd.DataFrame(
        {
            "provider": ["azure", "azure", "openai", "azure"],
            "model": ["chat-production", "chat-test", "chat-production", "gpt-5-mini"],
            "day": day,
        }
    )
    found = prices(places, company).set_index(["provider", "model"])
    own = found.loc[("azure", "gpt-5-mini"), "input"]
    assert found.loc[("azure", "chat-production"), "input"] == own
    assert found.loc[("azure", "chat-test"), "input"] == own
    assert found.loc[("openai", "chat-production"), "cost_kind"] == "unpriced"
    assert len(found) == 4
