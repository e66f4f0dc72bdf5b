"""The canonical log of calls: who they belong to, what they cost, and each of them once.

What only the company knows is joined to a file's rows from three small tables: whose account it is,
what a model cost on a day, and what a currency was worth.
"""

import re
from collections.abc import Iterable

import pandas as pd

from opsbook.prices import EXACT, KINDS, fx_rows, price_rows
from opsbook.schema import CALLS, DAY, FAILED
from opsbook.settings import Settings

JOINED = ["provider", "account", "day", "model"]
DATED = re.compile(r"[-@](?:20\d\d-?\d\d-?\d\d|latest)$")
PLACE = ["provider", "model", "day"]
TYPED = {"provider": "str", "model": "str", "day": DAY}
WITHOUT_END = 2**62
"""More input tokens than any call has: the end of a price's last tier."""


def homes(accounts: Iterable[str], source: str, settings: Settings) -> pd.DataFrame:
    """The workflow of each account of a source: columns account, workflow.

    'unassigned' when no workflow claims it; a call without an account is of the account "".
    """
    named = sorted({a if isinstance(a, str) else "" for a in accounts})
    found = {"account": named, "workflow": [settings.workflow_of(source, a) for a in named]}
    return pd.DataFrame(found, dtype="str")


def prices(places: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """What a token costs at each place (provider, model, day) and from which input on.

    Columns of `prices.price_rows`, with `to_input`, where the tier ends; a place without a price
    has one row of the kind 'unpriced'.
    """
    places = places.astype(TYPED)
    told = [settings.model_of(p, m) for p, m in zip(places.provider, places.model, strict=True)]
    meant = places.assign(told=pd.Series(told, index=places.index, dtype="str"))
    asked = meant.drop(columns="model").rename(columns={"told": "model"})
    known = price_rows(asked.drop_duplicates(), settings.prices).astype(TYPED)
    known = known.rename(columns={"model": "told"}).merge(
        meant.drop_duplicates(), on=["provider", "told", "day"]
    )
    known = known.drop(columns="told")
    tiers = known.astype(TYPED).sort_values([*PLACE, "from_input_tokens"])
    after = tiers.groupby(PLACE).from_input_tokens.shift(-1)
    tiers = tiers.assign(to_input_tokens=after.fillna(WITHOUT_END).astype("int64"))
    bare = places.merge(tiers[PLACE].drop_duplicates(), how="left", indicator=True)
    none = bare.loc[bare._merge == "left_only", PLACE]
    none = none.assign(from_input_tokens=0, to_input_tokens=WITHOUT_END, cost_kind="unpriced")
    return pd.concat([tiers, none], ignore_index=True) if len(none) else tiers


def rates(days: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """What a unit of the reporting currency was worth: currency, day, fx_rate, fx_date.

    A currency that nobody quotes has a row without a rate.
    """
    days = days.astype({"currency": "str", "day": DAY})
    known = fx_rows(days, settings.company.currency)
    return days.merge(known.astype(days.dtypes.to_dict()), how="left", on=list(days.columns))


CACHED = "(coalesce(c.cache_read_tokens, 0) + coalesce(c.cache_write_tokens, 0))"
UNCACHED = f"""CASE WHEN c.input_tokens > {CACHED} THEN c.input_tokens - {CACHED}
  WHEN c.input_tokens IS NOT NULL THEN 0 END"""
TOKENS = "coalesce(c.input_tokens, 0) + coalesce(c.output_tokens, 0)"
ESTIMATE = f"""CASE WHEN c.bucket_s = 0 AND {TOKENS} = 0 AND c.status IN {FAILED}
    AND p.cost_kind <> 'unpriced' THEN 0
  ELSE p.input * ({UNCACHED}) + p.cache_read * coalesce(c.cache_read_tokens, 0)
    + p.cache_write * (coalesce(c.cache_write_tokens, 0) - coalesce(c.cache_write_1h_tokens, 0))
    + p.cache_write_1h * coalesce(c.cache_write_1h_tokens, 0)
    + p.output * coalesce(c.output_tokens, 0) END"""
DAY_NUMBER = "epoch_us(c.ts) // 86400000000"
"""The UTC day as a number, which costs less than a date."""
JOINS = f"""
  LEFT JOIN homes h ON h.account = coalesce(c.account, '')
  LEFT JOIN prices p ON c.cost IS NULL AND p.provider = coalesce(c.provider, '')
    AND p.model = coalesce(c.served_model, c.request_model, '') AND p.day_number = {DAY_NUMBER}
    AND CASE WHEN c.bucket_s = 0 THEN coalesce(c.input_tokens, 0) ELSE 0 END
      BETWEEN p.from_input_tokens AND p.to_input_tokens - 1
  LEFT JOIN rates r ON r.day_number = {DAY_NUMBER}
    AND r.currency = coalesce(c.currency, p.currency)"""
"""How the small tables are joined to calls `c` that only have what their vendor tells.

A total over many calls is priced at the base tier: which of them were long is not in it."""
MADE = {
    "workflow": "h.workflow",
    "cost": f"round(coalesce(c.cost, {ESTIMATE}), {EXACT})",
    "currency": "CASE WHEN c.cost IS NOT NULL THEN c.currency ELSE p.currency END",
    "cost_kind": "CASE WHEN c.cost IS NOT NULL THEN 'reported'"
    f" WHEN p.cost_kind IS NOT NULL AND ({ESTIMATE}) IS NULL THEN 'unpriced'"
    " ELSE p.cost_kind END",
    "price": "p.price",
    "cost_eur": f"round(coalesce(c.cost, {ESTIMATE}) / r.fx_rate, {EXACT})",
    "fx_rate": "r.fx_rate",
    "fx_date": "r.fx_date",
}
"""The columns that the joins make. Order of truth for the cost: the vendor's figure, the own price
sheet, the price table at the day of the call, else none. A single call that failed and reports no
tokens costs nothing: no vendor bills it."""


def canonical(source: str, file_id: str, rows: str = "calls") -> str:
    """The query of CALLS out of a reader's rows and the tables homes, prices and rates.

    workflow and cost_kind are NULL where a small table lacks the row's place.
    """
    made = MADE | {"source": _constant(source), "file_id": _constant(file_id)}
    columns = (f'{made.get(name, f"c.{name}")} AS "{name}"' for name in CALLS.columns)
    return f"SELECT {', '.join(columns)} FROM {rows} c {JOINS}"


def _constant(word: str) -> str:
    """One word for all rows; as an ENUM it costs next to nothing to write."""
    return f"'{word}'::ENUM('{word}')"


def with_bills(calls: pd.DataFrame, bills: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Totals with the vendor's own cost, where a bill covers the same day, account and model.

    Cost and usage of one provider are joined, never added: the bill of a (UTC day, account, model)
    is shared over that day's totals in proportion to their estimated cost, or to their tokens where
    one of them has no price. What no bill covers
    stays estimated; what joins no total stays a bill. Single calls keep the cost they came with.
    Doing it again with more bills gives what all of them together give.
    """
    bills = bills[bills.about_ai]
    if bills.empty or calls.empty:
        return calls
    used = calls.assign(
        day=calls.ts.dt.floor("D"),
        model=calls.served_model.map(model_family),
        weight=estimates(calls, settings),
    )
    joined = used.merge(_billed(bills), on=JOINED, how="left", suffixes=("", "_billed"))
    share = _shares(joined)
    cost = (joined.amount * share).set_axis(calls.index).astype("Float64").round(EXACT)
    hit = cost.notna() & (calls.bucket_s > 0)
    shared = calls.assign(
        cost=calls.cost.mask(hit, cost),
        currency=calls.currency.mask(hit, joined.currency_billed.set_axis(calls.index)),
        cost_kind=calls.cost_kind.mask(hit, "reported"),
        price=calls.price.mask(hit),
    )
    return CALLS.conform(_converted(shared, settings))


def _shares(joined: pd.DataFrame) -> pd.Series:
    """Each total's part of its bill: by what its tokens would cost, by tokens where one is unknown.

    All totals of a bill are weighed alike.
    """
    by, tokens = joined[JOINED], joined.input_tokens.fillna(0) + joined.output_tokens.fillna(0)
    keys = [by[c] for c in JOINED]
    unknown = joined.weight.isna().groupby(keys, dropna=False).transform("any")
    nothing = joined.weight.groupby(keys, dropna=False).transform("sum").eq(0)
    weight = joined.weight.mask(unknown | nothing.fillna(True), tokens.astype("Float64"))
    return weight / weight.groupby(keys, dropna=False).transform("sum")


def estimates(totals: pd.DataFrame, settings: Settings) -> pd.Series:
    """What totals would cost by their tokens, in whichever currency their price has."""
    model = totals.served_model.fillna(totals.request_model).fillna("").astype("str")
    places = pd.DataFrame(
        {
            "provider": totals.provider.fillna("").astype("str"),
            "model": model,
            "day": totals.ts.dt.tz_localize(None).dt.floor("D"),
        }
    )
    known = prices(places.drop_duplicates(), settings).query("from_input_tokens == 0")
    price = places.astype(TYPED).merge(known, on=PLACE, how="left").set_axis(totals.index)
    read, write, hour = (
        totals[c].fillna(0).astype("Float64")
        for c in ("cache_read_tokens", "cache_write_tokens", "cache_write_1h_tokens")
    )
    uncached = (totals.input_tokens - read - write).clip(lower=0)
    parts = dict(
        zip(KINDS, (uncached, read, write - hour, hour, totals.output_tokens), strict=True)
    )
    return sum(price[k].astype("Float64") * tokens.fillna(0) for k, tokens in parts.items())


def _converted(calls: pd.DataFrame, settings: Settings) -> pd.DataFrame:
    """Calls with cost_eur, fx_rate and fx_date made of cost, currency and day."""
    days = pd.DataFrame(
        {
            "currency": calls.currency.astype("str"),
            "day": calls.ts.dt.tz_localize(None).dt.floor("D"),
        }
    )
    known = rates(days.dropna().drop_duplicates(), settings)
    rate = days.astype({"day": DAY}).merge(known, on=["currency", "day"], how="left")
    rate = rate.set_axis(calls.index)
    fx = rate.fx_rate.astype("Float64")
    return calls.assign(fx_rate=fx, fx_date=rate.fx_date, cost_eur=(calls.cost / fx).round(EXACT))


def _billed(bills: pd.DataFrame) -> pd.DataFrame:
    """The amount billed per day, provider, account and model; none where two currencies mix."""
    named = bills.assign(
        day=bills.period_start.dt.floor("D"), model=_billed_model(bills.line_item)
    ).groupby(JOINED, dropna=False)
    totals = named.agg(amount=("amount", "sum"), currency=("currency", "first"))
    single = totals[named.currency.nunique() == 1].reset_index()
    return single.astype({"account": "string"})


def model_family(model: str | None) -> str:
    """A model's name without the date of its snapshot, as bills may write it.

    A bill may write the name for people, and the version before or after the name.

    >>> model_family("gpt-5-mini-2025-08-07"), model_family("gpt-5-mini")
    ('gpt-5-mini', 'gpt-5-mini')
    >>> model_family("claude-3-5-haiku-20241022"), model_family("Claude Haiku 3.5")
    ('claude-haiku-3-5', 'claude-haiku-3-5')
    """
    if not isinstance(model, str):
        return ""
    words = re.split(r"[\s.-]+", DATED.sub("", model.strip().lower()))
    if words[0] != "claude":
        return DATED.sub("", model)
    return "-".join(sorted(words, key=lambda w: (w != "claude", w.isdecimal())))


def _billed_model(line_item: pd.Series) -> pd.Series:
    """The model a bill's line speaks of: `gpt-5-mini-2025-08-07, input` -> gpt-5-mini."""
    first = line_item.fillna("").str.partition(",")[0].str.strip()
    return first.map(model_family)
