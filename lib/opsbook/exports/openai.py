"""OpenAI's dashboard exports: completions usage (totals per bucket) and cost (bills per day).

A period without usage exports only the four time columns: an empty period, no error. There are no
error counts, so the outcome of every call is unknown, and no runs.
"""

import pandas as pd

from opsbook.exports import Reader, Reading
from opsbook.exports.fields import Fields
from opsbook.exports.reading import Rows

TIMES = ("start_time", "end_time", "start_time_iso", "end_time_iso")


def read_usage(rows: Rows, zone: str) -> Reading:
    """Calls per bucket, model, project and key; a bucket without a model is one without usage."""
    fields = Fields(rows)
    start, end = fields.time("start_time"), fields.time("end_time")
    calls = pd.DataFrame(
        {
            "ts": start,
            "bucket_s": ((end - start) / pd.Timedelta(seconds=1)).astype("Float64").astype("Int64"),
            "provider": "openai",
            "account": _project(fields),
            "request_model": fields.text("model"),
            "served_model": fields.text("model"),
            "requests": fields.integer("num_model_requests"),
            "status": "unknown",
            "input_tokens": fields.integer("input_tokens"),
            "cache_read_tokens": fields.integer("input_cached_tokens"),
            "cache_write_tokens": fields.integer("input_cache_write_tokens"),
            "output_tokens": fields.integer("output_tokens"),
            "row": rows.frame.index,
        }
    )
    parts = ("start_time", "project_id", "user_id", "api_key_id", "model", "batch", "service_tier")
    calls["row_key"] = fields.key(*parts)
    used = fields.text("model").notna() & fields.reasons.isna()
    return _reading(fields, calls[used], pd.DataFrame(), start, end)


def read_cost(rows: Rows, zone: str) -> Reading:
    """Bills per day, line item and project; a day without an amount is one without cost."""
    fields = Fields(rows)
    start, end = fields.time("start_time"), fields.time("end_time")
    amount, currency = fields.number("amount_value", signed=True), fields.text("amount_currency")
    fields.refuse_missing("amount_currency", currency, amount.notna())
    bills = pd.DataFrame(
        {
            "period_start": start,
            "period_end": end,
            "provider": "openai",
            "account": _project(fields),
            "line_item": fields.text("line_item"),
            "amount": amount,
            "currency": currency.str.upper(),
            "row": rows.frame.index,
        }
    )
    bills["row_key"] = fields.key("start_time", "project_id", "line_item")
    billed = fields.text("amount_value").notna() & fields.reasons.isna()
    return _reading(fields, pd.DataFrame(), bills[billed], start, end)


def read_empty(rows: Rows, zone: str) -> Reading:
    """An export of a period without usage: nothing but its buckets."""
    fields = Fields(rows)
    start, end = fields.time("start_time"), fields.time("end_time")
    return _reading(fields, pd.DataFrame(), pd.DataFrame(), start, end)


def _project(fields: Fields) -> pd.Series:
    """The project's id, which joins both exports; its name where there is none."""
    return fields.text("project_id").fillna(fields.text("project_name"))


def _reading(
    fields: Fields, calls: pd.DataFrame, bills: pd.DataFrame, start: pd.Series, end: pd.Series
) -> Reading:
    good = fields.reasons.isna()
    empty = int(good.sum()) - len(calls) - len(bills)
    width = (end - start)[good].min()
    return Reading(
        calls=calls,
        bills=bills,
        quarantine=fields.quarantine(),
        covered_from=start[good].min() if good.any() else None,
        covered_to=end[good].max() if good.any() else None,
        bucket_s=0 if pd.isna(width) else int(width.total_seconds()),
        has_status=False,
        empty_rows=empty,
    )


USAGE = Reader(
    source="openai",
    title="OpenAI dashboard, completions usage",
    input_tokens="all input, cached included",
    needs=frozenset([*TIMES, "num_model_requests", "model", "input_tokens", "output_tokens"]),
    read=read_usage,
    codebook="One row per bucket, project and model; no outcomes or runs; cost from the cost file.",
)
COST = Reader(
    source="openai",
    title="OpenAI dashboard, cost",
    input_tokens="no tokens",
    needs=frozenset([*TIMES, "amount_value", "amount_currency", "line_item"]),
    read=read_cost,
    codebook="One row per day, project and line item; joined to the usage, never added to it.",
)
NO_USAGE = Reader(
    source="openai",
    title="OpenAI dashboard, a period without usage",
    input_tokens="no tokens",
    needs=frozenset(TIMES),
    read=read_empty,
    codebook="Only the four time columns: an empty period.",
)
