"""What changed a cost: volume, longer inputs, longer outputs, price, or another model.

A cost is the calls of each model times what a call of it costs, and that is its input tokens plus
its output tokens at their own weight, times a price for the weighted token. Every factor is told
apart from the others by Shapley's value: the mean of what changing it brings over all orders in
which the five could have changed. So the parts add up to the change exactly, whatever the order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from math import factorial

import pandas as pd

FACTORS = ("volume", "input", "output", "price", "mix")
"""More calls, longer inputs, longer outputs, dearer tokens, another mix of models."""
OUTPUT_WEIGHT = 4.0
"""Of an output token against one of input, for a model that no price is known of: a usual ratio."""


@dataclass(frozen=True)
class Spent:
    """What a workflow cost in a period: calls, and per model its share of them and a call of it.

    `share` adds up to 1; `input` and `output` are tokens a call; `price` is the cost of a weighted
    token, in which what the cache saved is part of the price.
    """

    calls: float
    share: Mapping[str, float]
    input: Mapping[str, float]
    output: Mapping[str, float]
    price: Mapping[str, float]
    weight: Mapping[str, float]

    @property
    def cost(self) -> float:
        """What it cost in all."""
        return self.calls * sum(s * self.call(m) for m, s in self.share.items())

    def call(self, model: str) -> float:
        """What a call of a model costs."""
        tokens = self.input[model] + self.weight[model] * self.output[model]
        return self.price[model] * tokens


def spent(hours: pd.DataFrame, weight: Mapping[str, float]) -> Spent | None:
    """One workflow's period, from `schema.PANEL` rows of it; None where calls are not counted.

    A model that cost something without a token has all of it as its price.
    """
    sums = hours.groupby("served_model")[["calls", "input_tokens", "output_tokens", "cost_eur"]]
    per = sums.sum(min_count=1).astype("Float64")
    if per.empty or per.calls.isna().any() or not per.calls.sum():
        return None
    per = per.fillna(0.0)[per.calls > 0]
    told = {m: weight.get(str(m), OUTPUT_WEIGHT) for m in per.index}
    tokens = per.input_tokens + per.index.map(told).to_numpy() * per.output_tokens
    bare = tokens == 0
    inputs = (per.input_tokens / per.calls).mask(bare, 1.0)
    price = (per.cost_eur / tokens.mask(bare, per.calls)).astype(float)
    return Spent(
        calls=float(per.calls.sum()),
        share=(per.calls / per.calls.sum()).astype(float).to_dict(),
        input=inputs.astype(float).to_dict(),
        output=(per.output_tokens / per.calls).astype(float).to_dict(),
        price=price.to_dict(),
        weight=told,
    )


def cost_split(before: Spent, after: Spent) -> dict[str, float]:
    """What each of FACTORS brought to the change of cost; they add up to it.

    Clause D3. A model that only one period knows changes nothing but the mix: in the other it is
    taken as it is where it is known.
    """
    one, other = _completed(before, after), _completed(after, before)
    costs = {
        frozenset(changed): _mixed(one, other, changed).cost
        for size in range(len(FACTORS) + 1)
        for changed in combinations(FACTORS, size)
    }
    return {f: _brought(f, costs) for f in FACTORS}


def _brought(factor: str, costs: Mapping[frozenset, float]) -> float:
    """The mean of what a factor adds, over all orders of change."""
    count, total = len(FACTORS), 0.0
    for changed, cost in costs.items():
        if factor not in changed:
            orders = factorial(len(changed)) * factorial(count - len(changed) - 1)
            total += orders / factorial(count) * (costs[changed | {factor}] - cost)
    return total


def _completed(own: Spent, other: Spent) -> Spent:
    """A period with the models of the other one too, of which it made no call."""
    return replace(
        own,
        share=dict.fromkeys(other.share, 0.0) | dict(own.share),
        **{f: {**getattr(other, f), **getattr(own, f)} for f in ("input", "output", "price")},
        weight={**other.weight, **own.weight},
    )


def _mixed(one: Spent, other: Spent, changed: tuple[str, ...]) -> Spent:
    """The first period with some factors of the second."""
    name = {"volume": "calls", "mix": "share"}
    return replace(one, **{name.get(f, f): getattr(other, name.get(f, f)) for f in changed})
