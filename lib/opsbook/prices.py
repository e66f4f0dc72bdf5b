"""What calls cost: the vendor's own figure first, then a dated price table, else nothing.

Order of truth: the vendor's figure, then `genai-prices` at the day of the call, then unpriced:
<NA>, counted and listed, never 0. Amounts are turned into EUR at the European Central Bank's rate
of the day; past the last known rate the last one is used, and its date is kept.
"""

import datetime as dt
from decimal import Decimal
from functools import cache

import pandas as pd
from currency_converter import CurrencyConverter, RateNotFoundError
from genai_prices import Usage, calc_price

from opsbook.schema import FAILED

UNIT = 1000
"""Tokens a unit price is asked for: the base tier, which is what most calls pay."""
KINDS = ("input", "cache_read", "cache_write", "output")
LONG = 100_000
"""Input tokens of a call below every vendor's first tier; longer calls are asked for one by one."""
EXACT = 12
"""Decimals kept, so that a figure made twice is the same."""
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
    that was read from or written to the cache pays its own price. A single call with a long input
    pays the tier it reaches. A single call that failed and reports no tokens costs nothing: no
    vendor bills it.
    """
    price = _unit_prices_of(calls)
    read, write = calls.cache_read_tokens.fillna(0), calls.cache_write_tokens.fillna(0)
    uncached = calls.input_tokens - read - write
    parts = {
        "input": uncached.mask((uncached < 0).fillna(False), 0),
        "cache_read": read,
        "cache_write": write,
        "output": calls.output_tokens.fillna(0),
    }
    cost = sum(price[c] * parts[c].astype("Float64") for c in KINDS).round(EXACT)
    long = (calls.bucket_s == 0) & (calls.input_tokens > LONG) & cost.notna()
    tiered = {i: _tiered_usd(row) for i, row in calls[long].iterrows()}
    cost = cost.mask(long, pd.Series(tiered, index=calls.index, dtype="Float64"))
    tokens = calls.input_tokens.fillna(0) + calls.output_tokens.fillna(0)
    unbilled = (calls.bucket_s == 0) & calls.status.isin(FAILED) & (tokens == 0)
    return cost.mask(unbilled, 0.0)


def _unit_prices_of(calls: pd.DataFrame) -> pd.DataFrame:
    """USD per token of each call, one column per kind of token; asked once per model and day."""
    model = calls.served_model.fillna(calls.request_model)
    places = pd.DataFrame({"provider": calls.provider, "model": model, "day": calls.ts.dt.date})
    number, known = pd.factorize(pd.MultiIndex.from_frame(places.fillna("")))
    unit = [unit_prices(*place) for place in known]
    table = pd.DataFrame(unit, columns=list(KINDS), dtype="Float64")
    return table.take(number).set_axis(calls.index)


def _tiered_usd(call: pd.Series) -> float:
    """One call's price with all its tokens known."""
    usage = Usage(
        input_tokens=int(call.input_tokens),
        cache_read_tokens=int(call.cache_read_tokens) if pd.notna(call.cache_read_tokens) else 0,
        cache_write_tokens=int(call.cache_write_tokens) if pd.notna(call.cache_write_tokens) else 0,
        output_tokens=int(call.output_tokens) if pd.notna(call.output_tokens) else 0,
    )
    model = call.served_model if pd.notna(call.served_model) else call.request_model
    provider = "" if pd.isna(call.provider) else call.provider
    return float(_asked(usage, provider, model, call.ts.to_pydatetime()))


def _asked(usage: Usage, provider: str, model: str, at: dt.datetime) -> Decimal:
    """The price table's answer; a provider it does not know is left to the model's name."""
    try:
        answer = calc_price(usage, model, provider_id=provider, genai_request_timestamp=at)
    except LookupError:
        answer = calc_price(usage, model, genai_request_timestamp=at)
    return answer.total_price


@cache
def unit_prices(provider: str, model: str, day: dt.date) -> tuple[float | None, ...]:
    """USD per token of input, cache read, cache write and output on a day; None when not known.

    >>> unit_prices("openai", "gpt-5-mini", dt.date(2026, 9, 1))
    (2.5e-07, 2.5e-08, 2.5e-07, 2e-06)
    """
    if not model:
        return (None,) * len(KINDS)
    at = dt.datetime.combine(day, dt.time(12), dt.UTC)
    asked = (
        Usage(input_tokens=UNIT),
        Usage(input_tokens=UNIT, cache_read_tokens=UNIT),
        Usage(input_tokens=UNIT, cache_write_tokens=UNIT),
        Usage(output_tokens=UNIT),
    )
    try:
        return tuple(round(float(_asked(u, provider, model, at)) / UNIT, 15) for u in asked)
    except LookupError:
        return (None,) * len(KINDS)


def in_euro(rows: pd.DataFrame) -> pd.DataFrame:
    """Calls with cost_eur, fx_rate (units of the currency per EUR) and fx_date filled."""
    days = pd.DataFrame({"currency": rows.currency, "day": rows.ts.dt.date})
    number, known = pd.factorize(pd.MultiIndex.from_frame(days.fillna("")))
    found = [euro_rate(currency, day) for currency, day in known]
    table = pd.DataFrame(found, columns=["fx_rate", "fx_date"]).take(number).set_axis(rows.index)
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

    A day without a rate has that of the last day before it with one; so has a day past the last.

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


def price_rows(places: pd.DataFrame, sheet: list) -> pd.DataFrame:
    """What a token costs at each place: one row per (provider, model, day) and tier."""
    rows = []
    for p in places.itertuples():
        unit = unit_prices(p.provider, p.model, p.day.date() if hasattr(p.day, "date") else p.day)
        if unit[0] is not None:
            rows.append(
                (
                    p.provider,
                    p.model,
                    p.day,
                    0,
                    *unit[:3],
                    unit[2],
                    unit[3],
                    "USD",
                    "estimated",
                    "genai-prices",
                )
            )
    return pd.DataFrame(
        rows,
        columns=[
            "provider",
            "model",
            "day",
            "from_input_tokens",
            "input",
            "cache_read",
            "cache_write",
            "cache_write_1h",
            "output",
            "currency",
            "cost_kind",
            "price",
        ],
    )


def fx_rows(days: pd.DataFrame, reporting: str = "EUR") -> pd.DataFrame:
    """Units of each currency per unit of the reporting one, on each day."""
    rows = []
    for d in days.itertuples():
        rate, date = euro_rate(d.currency, d.day.date() if hasattr(d.day, "date") else d.day)
        if rate is not None:
            rows.append((d.currency, d.day, rate, pd.Timestamp(date)))
    return pd.DataFrame(rows, columns=["currency", "day", "fx_rate", "fx_date"])
