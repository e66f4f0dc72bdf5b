"""D3: why did the cost move? Volume, longer inputs, longer outputs, price, or another model."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsbook.splits import FACTORS, cost_split, spent

WEIGHT = {"small": 4.0, "large": 4.0}


def period(text: str):
    """A period drawn as: model, calls, input tokens a call, output tokens a call, cost a call."""
    rows = [line.split() for line in text.strip().splitlines()]
    told = pd.DataFrame(
        [[m, *map(float, n)] for m, *n in rows],
        columns=["served_model", "calls", "input_tokens", "output_tokens", "cost_eur"],
    )
    scaled = ["input_tokens", "output_tokens", "cost_eur"]
    told[scaled] = told[scaled].mul(told.calls, axis=0)
    return spent(told, WEIGHT)


BEFORE = "small 100 1000 250 0.02"


@pytest.mark.parametrize(
    ("after", "factor", "brought"),
    [
        ("small 150 1000 250 0.02", "volume", 1.00),
        ("small 100 2000 250 0.03", "input", 1.00),
        ("small 100 1000 500 0.03", "output", 1.00),
        ("small 100 1000 250 0.05", "price", 3.00),
        ("large 100 1000 250 0.10", "mix", 8.00),
        ("small 50 1000 250 0.02\nlarge 50 1000 250 0.10", "mix", 4.00),
        ("small 50 1000 250 0.02", "volume", -1.00),
        (BEFORE, "volume", 0.00),
    ],
)
def test_a_change_of_one_kind_is_told_as_that_kind_and_nothing_else(after, factor, brought):
    parts = cost_split(period(BEFORE), period(after))
    expected = dict.fromkeys(FACTORS, 0.0) | {factor: brought}
    assert parts == pytest.approx(expected)


def test_two_kinds_at_once_share_what_they_bring_together():
    """Twice the calls and twice the price: 2 becomes 8. Each alone brings 2, together 2 more."""
    parts = cost_split(period(BEFORE), period("small 200 1000 250 0.04"))
    assert (parts["volume"], parts["price"]) == pytest.approx((3.0, 3.0))
    assert sum(parts.values()) == pytest.approx(6.0)


def test_calls_that_nobody_counted_are_not_split():
    uncounted = pd.DataFrame(
        {"served_model": ["small"], "calls": pd.array([pd.NA], "Int64"), "input_tokens": [5],
         "output_tokens": [1], "cost_eur": [1.0]}
    )  # fmt: skip
    assert spent(uncounted, WEIGHT) is None


def test_a_cost_without_a_token_is_a_price_for_the_call():
    parts = cost_split(period("small 10 0 0 0.50"), period("small 10 0 0 0.75"))
    assert parts["price"] == pytest.approx(2.5)


MODEL = st.tuples(st.integers(1, 1000), st.integers(0, 9000), st.integers(0, 9000), st.floats(0, 5))
PERIODS = st.dictionaries(st.sampled_from(["small", "large", "other"]), MODEL, min_size=1)


@settings(max_examples=60, deadline=None, derandomize=True)
@given(PERIODS, PERIODS)
def test_the_parts_always_add_up_to_the_change(before, after):
    one, other = (
        period("\n".join(" ".join(map(str, (m, *n))) for m, n in p.items()))
        for p in (before, after)
    )
    parts = cost_split(one, other)
    assert sum(parts.values()) == pytest.approx(other.cost - one.cost, abs=1e-6)
    paid = sum(n[0] * n[3] for n in after.values())
    assert other.cost == pytest.approx(paid, abs=1e-6)


@settings(max_examples=30, deadline=None, derandomize=True)
@given(PERIODS, PERIODS)
def test_the_way_back_brings_the_same_with_the_other_sign(before, after):
    one, other = (
        period("\n".join(" ".join(map(str, (m, *n))) for m, n in p.items()))
        for p in (before, after)
    )
    there, back = cost_split(one, other), cost_split(other, one)
    assert there == pytest.approx({f: -v for f, v in back.items()}, abs=1e-6)
