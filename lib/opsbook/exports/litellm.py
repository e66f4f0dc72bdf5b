"""LiteLLM's two exports: spend logs (one row per call) and usage (totals per day, key and model).

Prompt tokens are all input, cached included. Spend is in USD. Start times may be epoch seconds with
decimals.
"""

from opsbook.exports import Part, Reader, Reading
from opsbook.exports.fields import Fields, first

DAY_S = "86400"
ERROR = ("metadata", "error_information", "error_class")
CACHED = ("metadata", "additional_usage_values", "prompt_tokens_details", "cached_tokens")


def read_logs(fields: Fields) -> Reading:
    """Calls of the spend logs; the key's alias tells the workflow, the session the run."""
    fields.text("request_id", required=True)
    start, end = fields.time("startTime"), fields.time("endTime")
    spend, model = fields.number("spend"), fields.text("model")
    cached = f"try_cast({fields.json(*CACHED)} AS BIGINT)"
    calls = {
        "ts": start,
        "row_key": fields.key("request_id"),
        "provider": fields.text("custom_llm_provider"),
        "account": first(fields.json("metadata", "user_api_key_alias"), fields.text("key_alias")),
        "run_id": fields.text("session_id"),
        "request_model": first(fields.text("model_group"), model),
        "served_model": model,
        "requests": "1",
        "status": _outcome(fields),
        "error_type": fields.json(*ERROR),
        "input_tokens": fields.integer("prompt_tokens"),
        "cache_read_tokens": first(
            fields.integer("cache_read_input_tokens"),
            f"CASE WHEN {cached} >= 0 THEN {cached} END",
        ),
        "output_tokens": fields.integer("completion_tokens"),
        "cost": spend,
        "currency": f"CASE WHEN {spend} IS NOT NULL THEN 'USD' END",
        "latency_ms": f"date_diff('microsecond', {start}, {end}) / 1000",
    }
    return Reading(calls=(Part(calls),))


def _outcome(fields: Fields) -> str:
    """ok, or how a call failed."""
    status, kind = f"lower({fields.text('status')})", f"lower({fields.json(*ERROR)})"
    return (
        f"CASE WHEN {status} = 'success' THEN 'ok'"
        f" WHEN {status} = 'failure' THEN CASE WHEN contains({kind}, 'ratelimit')"
        f" THEN 'rate_limited' WHEN contains({kind}, 'timeout') THEN 'timeout' ELSE 'error' END"
        " ELSE 'unknown' END"
    )


def read_usage(fields: Fields) -> Reading:
    """Totals per day, key and model; a day's failed requests are rows of their own."""
    day, key = fields.time("date"), fields.key("date", "entity_id", "api_key", "user_id", "model")
    failed = first(fields.integer("failed_requests"), "0")
    who = {
        "ts": day,
        "bucket_s": DAY_S,
        "account": first(fields.text("key_alias"), fields.text("entity_alias")),
        "request_model": fields.text("model"),
        "served_model": fields.text("model"),
        "currency": "'USD'",
    }
    done = who | {
        "row_key": key,
        "requests": fields.integer("successful_requests"),
        "status": "'ok'",
        "input_tokens": fields.integer("prompt_tokens"),
        "cache_read_tokens": fields.integer("cache_read_input_tokens"),
        "cache_write_tokens": fields.integer("cache_creation_input_tokens"),
        "output_tokens": fields.integer("completion_tokens"),
        "cost": fields.number("spend", required=True),
    }
    tokens = {name: "0" for name in done if name.endswith("_tokens")}
    lost = (
        who
        | tokens
        | {
            "row_key": f"{key} || '|failed'",
            "requests": failed,
            "status": "'error'",
            "cost": "0",
        }
    )
    return Reading(
        calls=(Part(done), Part(lost, where=f"{failed} > 0")),
        covered=(day, f"{day} + INTERVAL 1 DAY"),
        bucket_s=DAY_S,
    )


LOGS = Reader(
    source="litellm",
    title="LiteLLM spend logs",
    input_tokens="all input, cached included",
    needs=frozenset(["request_id", "spend", "prompt_tokens", "completion_tokens", "startTime"]),
    read=read_logs,
    codebook="One row per call; the key's alias is the workflow; spend in USD.",
)
USAGE = Reader(
    source="litellm",
    title="LiteLLM usage",
    input_tokens="all input, cached included",
    needs=frozenset(["date", "model", "spend", "successful_requests", "failed_requests"]),
    read=read_usage,
    codebook="One row per UTC day, key and model; outcomes are counts, no runs; spend in USD.",
)
