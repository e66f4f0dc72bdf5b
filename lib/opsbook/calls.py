"""The canonical log of calls: who they belong to, what they cost, and each of them once."""

import re

import pandas as pd

from opsbook.prices import EXACT, estimated_usd, in_euro, priced
from opsbook.schema import CALLS
from opsbook.settings import Settings

JOINED = ["provider", "account", "day", "model"]
DATED = re.compile(r"[-@](?:20\d\d-?\d\d-?\d\d|latest)$")


def canonical(calls: pd.DataFrame, source: str, file_id: str, settings: Settings) -> pd.DataFrame:
    """A reader's rows as a CALLS table: mapped to workflows, priced and in EUR.

    A row whose account no workflow claims belongs to 'unassigned'. A row that stands twice in one
    file is kept once.
    """
    if calls.empty:
        return CALLS.empty()
    accounts = calls.account.fillna("")
    workflow = {a: settings.workflow_of(source, a) for a in accounts.unique()}
    named = calls.assign(source=source, file_id=file_id, workflow=accounts.map(workflow))
    once = named.drop_duplicates("row_key").reset_index(drop=True)
    typed = CALLS.conform(once.assign(cost_kind="unpriced"))
    return CALLS.check(in_euro(priced(typed)))


def with_bills(calls: pd.DataFrame, bills: pd.DataFrame) -> pd.DataFrame:
    """Totals with the vendor's own cost, where a bill covers the same day, account and model.

    Cost and usage of one provider are joined, never added: the bill of a (UTC day, account, model)
    is shared over that day's totals in proportion to their estimated cost. What no bill covers
    stays estimated; what joins no total stays a bill. Single calls keep the cost they came with.
    Doing it again with more bills gives what all of them together give.
    """
    if bills.empty or calls.empty:
        return calls
    used = calls.assign(
        day=calls.ts.dt.floor("D"),
        model=calls.served_model.map(model_family),
        weight=estimated_usd(calls),
    )
    joined = used.merge(_billed(bills), on=JOINED, how="left", suffixes=("", "_billed"))
    share = joined.weight / joined.groupby(JOINED, dropna=False).weight.transform("sum")
    cost = (joined.amount * share).set_axis(calls.index).astype("Float64").round(EXACT)
    hit = cost.notna() & (calls.bucket_s > 0)
    shared = calls.assign(
        cost=calls.cost.mask(hit, cost),
        currency=calls.currency.mask(hit, joined.currency_billed.set_axis(calls.index)),
        cost_kind=calls.cost_kind.mask(hit, "reported"),
    )
    return CALLS.conform(in_euro(shared))


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

    >>> model_family("gpt-5-mini-2025-08-07"), model_family("gpt-5-mini")
    ('gpt-5-mini', 'gpt-5-mini')
    """
    return DATED.sub("", model) if isinstance(model, str) else ""


def _billed_model(line_item: pd.Series) -> pd.Series:
    """The model a bill's line speaks of: `gpt-5-mini-2025-08-07, input` -> gpt-5-mini."""
    first = line_item.fillna("").str.partition(",")[0].str.strip()
    return first.map(model_family)
