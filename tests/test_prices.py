"""What calls cost: the vendor's figure, a dated price table, or nothing at all."""

import datetime as dt

import pandas as pd
import pytest

from opsbook.prices import euro_rate, in_euro, priced, unit_prices
from opsbook.schema import CALLS


def calls(text: str, **columns) -> pd.DataFrame:
    """Calls drawn as 'day model input cached output cost', '-' for missing."""
    rows = [[None if c == "-" else c for c in line.split()] for line in text.strip().splitlines()]
    drawn = pd.DataFrame(
        rows,
        columns=[
            "ts",
            "served_model",
            "input_tokens",
            "cache_read_tokens",
            "output_tokens",
            "cost",
        ],
    )
    numbers = ["input_tokens", "cache_read_tokens", "output_tokens", "cost"]
    drawn[numbers] = drawn[numbers].apply(pd.to_numeric).astype("Float64")
    fixed = {
        "bucket_s": 0, "source": "template", "file_id": "f", "workflow": "chat", "status": "ok",
        "cost_kind": "unpriced", "row": range(len(rows)), "row_key": drawn.index.astype(str),
        "currency": drawn.cost.notna().map({True: "USD", False: None}),
    }  # fmt: skip
    return CALLS.conform(drawn.assign(**(fixed | columns)))


def test_the_vendors_figure_comes_first_then_the_table_then_nothing():
    found = priced(
        calls(
            """
            2026-11-02  gpt-5-mini   1000000  -       1000000  9.99
            2026-11-02  gpt-5-mini   1000000  400000  1000000  -
            2026-11-02  unheard-of   1000000  -       1000000  -
            2026-11-02  -            1000000  -       1000000  -
            """
        )
    )
    # 600,000 x 0.25 + 400,000 x 0.025 + 1,000,000 x 2.00 USD per million
    assert found.cost.astype(object).where(found.cost.notna(), None).tolist() == [
        9.99, 2.16, None, None,
    ]  # fmt: skip
    assert found.cost_kind.tolist() == ["reported", "estimated", "unpriced", "unpriced"]
    assert found.currency.isna().tolist() == [False, False, True, True]


def test_a_vendors_zero_is_a_figure():
    assert priced(calls("2026-11-02 gpt-5-mini 10 - 10 0")).cost_kind.tolist() == ["reported"]


def test_the_price_is_that_of_the_day_of_the_call():
    found = priced(
        calls(
            """
            2025-06-09  o3  1000000  -  0  -
            2025-06-10  o3  1000000  -  0  -
            """,
            bucket_s=86400,
        )
    )
    assert found.cost.tolist() == [10.0, 2.0]


def test_a_long_call_pays_the_tier_it_reaches_and_a_total_pays_the_first():
    text = "2026-02-02 claude-sonnet-4-6 250000 - 1000 -"
    assert priced(calls(text)).cost.tolist() == [pytest.approx(0.25 * 6 + 0.001 * 22.5)]
    total = priced(calls(text, bucket_s=86400))
    assert total.cost.tolist() == [pytest.approx(0.25 * 3 + 0.001 * 15)]


def test_a_call_that_failed_without_tokens_costs_nothing():
    text = "2026-11-02 gpt-5-mini - - - -"
    assert priced(calls(text, status="rate_limited")).cost.tolist() == [0.0]
    assert priced(calls(text)).cost.isna().all()


def test_a_gateways_name_for_a_provider_does_not_hide_the_models_price():
    day = dt.date(2026, 11, 2)
    assert unit_prices("my_gateway", "gpt-5-mini", day) == unit_prices("openai", "gpt-5-mini", day)


@pytest.mark.parametrize(
    ("day", "rate_of"),
    [
        ("2024-03-28", "2024-03-28"),  # Maundy Thursday
        ("2024-04-01", "2024-03-28"),  # Easter Monday
        ("2024-04-02", "2024-04-02"),
        ("2026-10-25", "2026-10-23"),  # a Sunday
    ],
)
def test_a_day_without_a_rate_has_that_of_the_last_day_with_one(day, rate_of):
    rate, at = euro_rate("USD", dt.date.fromisoformat(day))
    assert str(at) == rate_of
    assert rate == euro_rate("USD", at)[0]


def test_a_day_past_the_last_rate_has_the_last_and_says_so():
    _, at = euro_rate("USD", dt.date(2399, 1, 1))
    assert at == euro_rate("USD", dt.date(2399, 6, 1))[1]
    assert at < dt.date(2399, 1, 1)


def test_cost_in_euro_is_cost_by_the_rate_and_an_unknown_currency_has_none():
    text = "2024-03-28 gpt-5-mini 1 - 1 10.811\n" * 3
    found = in_euro(calls(text, currency=["USD", "EUR", "XXX"]))
    assert found.cost_eur.isna().tolist() == [False, False, True]
    assert found.cost_eur.tolist()[:2] == [10.0, 10.811]
    assert found.fx_rate.tolist()[:2] == [1.0811, 1.0]
