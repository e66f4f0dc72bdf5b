"""OpenRouter's activity: single generations, or totals per model and minute, hour or day.

Prompt tokens are all input, cached included. With an own key at a vendor the vendor's part of the
cost stands beside OpenRouter's: both are added. Times without a zone are UTC, amounts USD.
"""

from opsbook.exports import Part, Reader, Reading
from opsbook.exports.fields import Fields, first

TRUE = "('true', 't', '1', 'yes')"
MONTHS = "stands for a month, and no day can be judged by it; export at most a month at a time"


def read_generations(fields: Fields) -> Reading:
    """Calls; the key's name tells the workflow, the app's where the key has none."""
    fields.text("generation_id", required=True)
    model = fields.text("model_permaslug")
    calls = {
        "ts": fields.time("created_at"),
        "bucket_s": "0",
        "row_key": fields.key("generation_id"),
        "provider": "'openrouter'",
        "account": first(fields.text("api_key_name"), fields.text("app_name")),
        "request_model": model,
        "served_model": model,
        "requests": "1",
        "status": _status(fields),
        "finish_reason": fields.text("finish_reason_normalized"),
        "input_tokens": fields.integer("tokens_prompt"),
        "cache_read_tokens": fields.integer("tokens_cached"),
        "output_tokens": fields.integer("tokens_completion"),
        "reasoning_tokens": fields.integer("tokens_reasoning"),
        **_cost(fields, "cost_total", "byok_usage_inference"),
        "latency_ms": fields.number("generation_time_ms"),
    }
    return Reading(calls=(Part(calls),))


def _status(fields: Fields) -> str:
    """The outcome by why a generation ended; unknown where nothing is said."""
    reason = f"lower({fields.text('finish_reason_normalized')})"
    return (
        f"CASE WHEN lower({fields.text('cancelled')}) IN {TRUE} THEN 'cancelled'"
        f" WHEN {reason} IS NULL THEN 'unknown' WHEN {reason} = 'error' THEN 'error'"
        f" WHEN {reason} = 'content_filter' THEN 'refused' ELSE 'ok' END"
    )


def _cost(fields: Fields, credits: str, own_key: str) -> dict[str, str]:
    """Cost and its currency: OpenRouter's and the vendor's part, missing where both are."""
    paid, passed = fields.number(credits, signed=True), fields.number(own_key, signed=True)
    cost = f"coalesce({paid} + {passed}, {paid}, {passed})"
    return {"cost": cost, "currency": f"CASE WHEN {cost} IS NOT NULL THEN 'USD' END"}


def read_totals(fields: Fields) -> Reading:
    """Calls per model and minute, hour or day, which the times of the file's rows show."""
    start, model = fields.time("Date"), fields.text("Slug", required=True)
    width = fields.value(
        f"CASE WHEN bool_or(minute({start}) <> 0) OVER () THEN 60"
        f" WHEN bool_or(hour({start}) <> 0) OVER () THEN 3600 ELSE 86400 END"
    )
    first_days = f"bool_and({start} = date_trunc('month', {start})) OVER ()"
    months = fields.value(f"{first_days} AND min({start}) OVER () < max({start}) OVER ()")
    fields.refuse(months, "Date", MONTHS)
    calls = {
        "ts": start,
        "bucket_s": width,
        "row_key": fields.key("Date", "Slug"),
        "provider": "'openrouter'",
        "account": "NULL",
        "request_model": model,
        "served_model": model,
        "requests": fields.integer("Requests"),
        "status": "'unknown'",
        "input_tokens": fields.integer("Prompt Tokens"),
        "output_tokens": fields.integer("Completion Tokens"),
        "reasoning_tokens": fields.integer("Reasoning Tokens"),
        **_cost(fields, "Usage", "BYOK Usage"),
    }
    end = f"{start} + to_seconds({width})"
    return Reading(calls=(Part(calls),), covered=(start, end), bucket_s=width, has_status=False)


GENERATIONS = Reader(
    source="openrouter",
    title="OpenRouter activity, generations",
    input_tokens="all input, cached included",
    needs=frozenset(["generation_id", "created_at", "cost_total", "model_permaslug"]),
    read=read_generations,
    numbers=("cost_total", "byok_usage_inference"),
    codebook="One row per call; the key's name is the workflow; cost in USD, own keys included.",
)
TOTALS = Reader(
    source="openrouter",
    title="OpenRouter activity, totals",
    input_tokens="all input, cached included",
    needs=frozenset(["Date", "Slug", "Usage", "Requests", "Prompt Tokens", "Completion Tokens"]),
    read=read_totals,
    numbers=("Usage", "BYOK Usage"),
    codebook="One row per model and minute, hour or day (UTC); no outcomes or runs; cost in USD.",
)
