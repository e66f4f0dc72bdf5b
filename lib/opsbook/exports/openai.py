"""OpenAI's dashboard exports and its API's pages: usage (totals per bucket) and cost (bills).

A period without usage exports only the four time columns: an empty period, no error. There are no
error counts, so the outcome of every call is unknown, and no runs. The API tells the same in the
same words, and its rows are those of the dashboard: either export of a period may be dropped.
"""

from opsbook.exports import Part, Reader, Reading
from opsbook.exports.fields import Fields, first
from opsbook.exports.pages import results

TIMES = ("start_time", "end_time", "start_time_iso", "end_time_iso")


def read_usage(fields: Fields) -> Reading:
    """Calls per bucket, model, project and key; a bucket that counts nothing had no usage."""
    start, end, width = _bucket(fields)
    model = fields.text("model")
    parts = ("start_time", "project_id", "user_id", "api_key_id", "model", "batch", "service_tier")
    calls = {
        "ts": start,
        "bucket_s": width,
        "row_key": fields.key(*parts),
        "provider": "'openai'",
        "account": _project(fields),
        "request_model": model,
        "served_model": model,
        "requests": fields.integer("num_model_requests"),
        "status": "'unknown'",
        "input_tokens": fields.integer("input_tokens"),
        "cache_read_tokens": fields.integer("input_cached_tokens"),
        "cache_write_tokens": fields.integer("input_cache_write_tokens"),
        "output_tokens": fields.integer("output_tokens"),
    }
    used = Part(calls, where=f"{model} IS NOT NULL OR {calls['requests']} IS NOT NULL")
    return Reading(calls=(used,), covered=(start, end), bucket_s=width, has_status=False)


def read_cost(fields: Fields) -> Reading:
    """Bills per day, line item and project; a day without an amount is one without cost."""
    start, end, width = _bucket(fields)
    amount, currency = fields.number("amount_value", signed=True), fields.text("amount_currency")
    fields.refuse_missing("amount_currency", currency, needed=f"{amount} IS NOT NULL")
    bills = {
        "period_start": start,
        "period_end": end,
        "row_key": fields.key("start_time", "project_id", "line_item"),
        "provider": "'openai'",
        "account": _project(fields),
        "line_item": fields.text("line_item"),
        "amount": amount,
        "currency": f"upper({currency})",
    }
    billed = Part(bills, where=f"{amount} IS NOT NULL")
    return Reading(bills=(billed,), covered=(start, end), bucket_s=width, has_status=False)


def read_empty(fields: Fields) -> Reading:
    """An export of a period without usage: nothing but its buckets."""
    start, end, width = _bucket(fields)
    return Reading(covered=(start, end), bucket_s=width, has_status=False)


def _bucket(fields: Fields) -> tuple[str, str, str]:
    """Start, end and width in seconds of a row's bucket."""
    start, end = fields.time("start_time"), fields.time("end_time")
    return start, end, f"date_diff('second', {start}, {end})"


def _project(fields: Fields) -> str:
    """The project's id, which joins both exports; its name where there is none."""
    return first(fields.text("project_id"), fields.text("project_name"))


USAGE_COLUMNS = ("num_model_requests", "model", "input_tokens", "output_tokens")
COST_COLUMNS = ("amount_value", "amount_currency", "line_item")


def unfolded(document: object) -> list[dict] | None:
    """The results of a page of the usage or the costs API, in the columns of the dashboard."""
    found = results(document, "start_time")
    return None if found is None else [_times(bucket) | _flat(result) for bucket, result in found]


def _times(bucket: dict) -> dict:
    return {name: bucket.get(name) for name in TIMES}


def _flat(result: dict) -> dict:
    """A result's columns; none of a bucket that has none."""
    told = {k: v for k, v in result.items() if k not in ("object", "amount")}
    amount = result.get("amount")
    if isinstance(amount, dict):
        paid = {f"amount_{part}": amount.get(part) for part in ("value", "currency")}
        return dict.fromkeys(COST_COLUMNS) | told | paid
    return dict.fromkeys(USAGE_COLUMNS) | told if result else {}


USAGE = Reader(
    source="openai",
    title="OpenAI usage",
    input_tokens="all input, cached included",
    needs=frozenset([*TIMES, *USAGE_COLUMNS]),
    read=read_usage,
    unfold=unfolded,
    codebook="One row per bucket, project and model; no outcomes or runs; cost from the cost file.",
)
COST = Reader(
    source="openai",
    title="OpenAI cost",
    input_tokens="no tokens",
    needs=frozenset([*TIMES, *COST_COLUMNS]),
    read=read_cost,
    codebook="One row per day, project and line item; joined to the usage, never added to it.",
)
NO_USAGE = Reader(
    source="openai",
    title="OpenAI, a period without usage",
    input_tokens="no tokens",
    needs=frozenset(TIMES),
    exactly=True,
    read=read_empty,
    codebook="Only the four time columns: an empty period.",
)
