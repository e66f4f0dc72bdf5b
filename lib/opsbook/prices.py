"""What calls cost: the vendor's own figure first, then a dated price table, else nothing.

Order of truth: the vendor's figure, then `genai-prices` at the day of the call, then unpriced:
<NA>, counted and listed, never 0. Amounts are turned into EUR at the European Central Bank's rate
of the day; past the last known rate the last one is used, and its date is kept.
"""

import datetime as dt
from functools import cache

import pandas as pd
from currency_converter import CurrencyConverter, RateNotFoundError
from genai_prices import Usage, calc_price

UNIT = 1000
"""Tokens a unit price is asked for: the base tier, which is what most calls pay."""
EXACT = 12
"""Decimals kept, so that sums are the same on every machine."""
LONGEST_GAP_DAYS = 10
"""Days to look back for a rate: the longest closure of the bank's calendar is shorter."""


def priced(calls: pd.DataFrame) -> pd.DataFrame:
    """Calls with cost, currency and cost_kind filled; cost_kind is reported, estimated or unpriced.

    Totals over many calls are priced at the base tier: which of them were long is not in them.
    """
    estimate = estimated_usd(calls)
    reported = calls.cost.notna()
    kind = pd.Series("unpriced", index=calls.index).mask(estimate.notna(), "estimated")
    return calls.assign(
        cost=calls.cost.fillna(estimate),
        currency=calls.currency.where(reported, "USD").where(reported | estimate.notna()),
        cost_kind=kind.mask(reported, "reported"),
    )


def estimated_usd(calls: pd.DataFrame) -> pd.Series:
    """The price table's cost of each call in USD; <NA> for a model it does not know.

    Tokens times the price per token of the model on the (UTC) day of the call; a part of the input
    that was read from or written to the cache pays its own price.
    """
    places = pd.DataFrame(
        {"provider": calls.provider, "model": calls.served_model, "day": calls.ts.dt.date}
    ).fillna({"provider": "", "model": ""})
    unit = [unit_prices(*place) for place in places.itertuples(index=False)]
    columns = ["input", "cache_read", "cache_write", "output"]
    price = pd.DataFrame(unit, columns=columns, index=calls.index, dtype="Float64")
    read, write = calls.cache_read_tokens.fillna(0), calls.cache_write_tokens.fillna(0)
    parts = {
        "input": calls.input_tokens - read - write,
        "cache_read": read,
        "cache_write": write,
        "output": calls.output_tokens,
    }
    cost = sum(price[c] * parts[c].astype("Float64") for c in columns)
    return cost.round(EXACT)


@cache
def unit_prices(provider: str, model: str, day: dt.date) -> tuple[float | None, ...]:
    """USD per token of input, cache read, cache write and output on a day; None when not known.

    >>> unit_prices("openai", "gpt-5-mini", dt.date(2026, 9, 1))
    (2.5e-07, 2.5e-08, 2.5e-07, 2e-06)
    """
    at = dt.datetime.combine(day, dt.time(12), dt.UTC)
    kinds = (
        Usage(input_tokens=UNIT),
        Usage(input_tokens=UNIT, cache_read_tokens=UNIT),
        Usage(input_tokens=UNIT, cache_write_tokens=UNIT),
        Usage(output_tokens=UNIT),
    )
    try:
        prices = [
            calc_price(k, model, provider_id=provider or None, genai_request_timestamp=at)
            for k in kinds
        ]
    except LookupError:
        return (None,) * len(kinds)
    return tuple(round(float(p.total_price) / UNIT, 15) for p in prices)


def in_euro(rows: pd.DataFrame) -> pd.DataFrame:
    """Calls with cost_eur, fx_rate (units of the currency per EUR) and fx_date filled."""
    days = pd.DataFrame({"currency": rows.currency, "day": rows.ts.dt.date})
    known = days[days.currency.notna()].drop_duplicates()
    rates = {(c, d): euro_rate(c, d) for c, d in known.itertuples(index=False)}
    found = [rates.get(place, (None, None)) for place in days.itertuples(index=False)]
    table = pd.DataFrame(found, columns=["fx_rate", "fx_date"], index=rows.index)
    rate = table.fx_rate.astype("Float64")
    return rows.assign(
        fx_rate=rate,
        fx_date=pd.to_datetime(table.fx_date),
        cost_eur=(rows.cost / rate).round(EXACT),
    )


@cache
def _rates() -> CurrencyConverter:
    return CurrencyConverter()


@cache
def euro_rate(currency: str, day: dt.date) -> tuple[float, dt.date] | tuple[None, None]:
    """Units of a currency per EUR and the date of that rate; None for an unknown currency.

    A day without a rate has that of the last day before it that has one; so has a day past the last.

    >>> euro_rate("USD", dt.date(2026, 10, 25))[1]
    datetime.date(2026, 10, 23)
    """
    if currency == "EUR":
        return 1.0, day
    if currency not in _rates().currencies:
        return None, None
    last = min(day, _rates().bounds[currency].last_date)
    for back in range(LONGEST_GAP_DAYS):
        at = last - dt.timedelta(days=back)
        try:
            return float(_rates().convert(1, "EUR", currency, date=at)), at
        except RateNotFoundError:
            continue
    return None, None
