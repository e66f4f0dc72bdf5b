"""What tokens and currencies cost on a day, as small tables that calls are joined to.

Order of truth for a call's cost: the vendor's own figure, then the company's dated price sheet,
then `genai-prices` at the day of the call, then none: unpriced, counted and listed, never 0.
Currencies follow the European Central Bank's reference rates; past the last known rate that one is
used, and its date is kept.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from functools import cache
from importlib.metadata import version

import pandas as pd
from currency_converter import CurrencyConverter, RateNotFoundError
from genai_prices import Usage
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import ModelInfo, ModelPrice, StartDateConstraint, TieredPrices

from opsbook.settings import Price

PLACE = ["provider", "model", "day"]
KINDS = ("input", "cache_read", "cache_write", "cache_write_1h", "output")
"""Kinds of token that have a price of their own."""
COLUMNS = [*PLACE, "from_input_tokens", *KINDS, "currency", "cost_kind", "price"]
UNIT = 1000
"""Tokens a unit price is asked for, at least."""
MILLION = 1_000_000
EXACT = 12
"""Decimals kept, so that sums are the same on every machine."""
FINEST = 15
"""Decimals of a price per token."""
LONGEST_GAP_DAYS = 10
"""Days to look back for a rate: the longest closure of the bank's calendar is shorter."""
Row = tuple[int, tuple[float, ...], str, str, str]
"""From how many input tokens on; the prices per token of KINDS; currency, kind and which price."""


def price_rows(places: pd.DataFrame, sheet: Sequence[Price]) -> pd.DataFrame:
    """What a token costs at each place: provider, model and (UTC) day.

    One row per place and tier, none for a model that neither the sheet nor the price table knows.
    Columns COLUMNS: from how many input tokens on (0 for the base tier), the price per token of
    each kind, its currency, 'override' or 'estimated', and in `price` which price it is.
    """
    rows = [
        (*place, tokens, *units, currency, kind, price)
        for place in places[PLACE].itertuples(index=False, name=None)
        for tokens, units, currency, kind, price in _prices(sheet, *place)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _prices(sheet: Sequence[Price], provider: str, model: str, day: dt.date) -> list[Row]:
    """A place's tiers: the first entry of the sheet that fits, else those of the price table."""
    date = day.date() if isinstance(day, dt.datetime) else day
    own = next((n for n, price in enumerate(sheet) if _fits(price, provider, model, date)), None)
    known = table_prices(provider, model, date)
    if own is None:
        return known
    price, name = sheet[own], f"prices.toml, entry {own + 1}"
    if price.factor is None:
        return [(0, price.per_token, price.currency, "override", name)]
    return [
        (tokens, tuple(round(u * price.factor, FINEST) for u in units), currency, "override",
         f"{name}: {price.factor:g} times {which}")
        for tokens, units, currency, _, which in known
    ]  # fmt: skip


def _fits(price: Price, provider: str, model: str, day: dt.date) -> bool:
    named = fnmatchcase(provider.lower(), price.provider.lower())
    named = named and fnmatchcase(model.lower(), price.model.lower())
    return named and price.first <= day <= (price.last or day)


def table_prices(provider: str, model: str, day: dt.date) -> list[Row]:
    """The price table's tiers for a model on a day; none for a model that it does not know.

    A provider that the table does not know is left to the model's name. A price that depends on the
    time of day is that of noon.
    """
    found = _model(provider, model)
    if found is None:
        return []
    info, name = found
    price = info.get_prices(dt.datetime.combine(day, dt.time(12), dt.UTC))
    since = _since(info, price)
    which = f"genai-prices {version('genai-prices')}: {name}" + (f" since {since}" if since else "")
    return [(tokens, units, "USD", "estimated", which) for tokens, units in _tiers(price)]


@cache
def _model(provider: str, model: str) -> tuple[ModelInfo, str] | None:
    """A model in the price table, and what the table calls it."""
    for known in dict.fromkeys([provider or None, None]):
        try:
            vendor, info = get_snapshot().find_provider_model(model, None, known, None)
        except LookupError:
            continue
        return info, f"{vendor.id} {info.id}"
    return None


def _since(info: ModelInfo, price: ModelPrice) -> dt.date | None:
    """The day from which on a price holds; None for one that always did."""
    dated = info.prices if isinstance(info.prices, list) else []
    starts = (c.constraint for c in dated if c.prices is price)
    return next((s.start_date for s in starts if isinstance(s, StartDateConstraint)), None)


_ASKED: dict[int, tuple[ModelPrice, list[tuple[int, tuple[float, ...]]]]] = {}


def _tiers(price: ModelPrice) -> list[tuple[int, tuple[float, ...]]]:
    """From how many input tokens on what each kind costs per token; asked once per price."""
    if id(price) not in _ASKED:
        _ASKED[id(price)] = price, [(n, _units(price, n)) for n in _starts(price)]
    return _ASKED[id(price)][1]


def _starts(price: ModelPrice) -> Iterator[int]:
    """The least input tokens of each tier; a tier begins above its threshold."""
    tiered = (p for p in vars(price).values() if isinstance(p, TieredPrices))
    yield from sorted({0, *(tier.start + 1 for p in tiered for tier in p.tiers)})


def _units(price: ModelPrice, least: int) -> tuple[float, ...]:
    """Prices per token of KINDS for a call of at least so many input tokens."""
    tokens = max(least, UNIT)
    plain = price.calc_price(Usage(input_tokens=tokens))["total_price"]
    parts = ("cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens")
    cached = [
        price.calc_price(Usage(input_tokens=tokens, **_written(part, tokens)))["total_price"]
        for part in parts
    ]
    both = price.calc_price(Usage(input_tokens=tokens, output_tokens=UNIT))["total_price"]
    asked = [*(total / tokens for total in (plain, *cached)), (both - plain) / UNIT]
    return tuple(round(float(unit), FINEST) for unit in asked)


def _written(part: str, tokens: int) -> dict[str, int]:
    """All input in one part of the cache; an hour's writes are writes too."""
    return {part: tokens} | ({"cache_write_tokens": tokens} if part.endswith("1h_tokens") else {})


def fx_rows(days: pd.DataFrame, reporting: str = "EUR") -> pd.DataFrame:
    """What a unit of the reporting currency was worth in others: currency, day, fx_rate, fx_date.

    One row per (currency, day) asked for, none for a currency that the bank does not quote. A cross
    rate is as old as the older of its two.
    """
    rows = [
        (currency, day, *found)
        for currency, day in days[["currency", "day"]].itertuples(index=False, name=None)
        if (found := _cross(currency, reporting, pd.Timestamp(day).date())) is not None
    ]
    return pd.DataFrame(rows, columns=["currency", "day", "fx_rate", "fx_date"])


def _cross(currency: str, reporting: str, day: dt.date) -> tuple[float, pd.Timestamp] | None:
    (one, at), (other, on) = euro_rate(currency, day), euro_rate(reporting, day)
    if one is None or other is None:
        return None
    return (1.0 if currency == reporting else one / other), pd.Timestamp(min(at, on))


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
