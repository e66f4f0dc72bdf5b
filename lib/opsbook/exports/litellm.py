"""LiteLLM's two exports: spend logs (one row per call) and usage (totals per day, key and model).

Prompt tokens are all input, cached included. Spend is in USD. Start times may be epoch seconds with
decimals.
"""

from opsbook.exports import Part, Reader, Reading
from opsbook.exports.fields import Fields, first

DAY_S = "86400"
ERROR = ("metadata", "error_information", "error_class")
USED = "additional_usage_values"
CACHE_READS = ((USED, "prompt_tokens_details", "cached_tokens"), (USED, "cache_read_input_tokens"))
CACHE_WRITES = ((USED, "cache_creation_input_tokens"),)


def read_logs(fields: Fields) -> Reading:
    """Calls of the spend logs; the key's alias tells the workflow, the session the run."""
    fields.text("request_id", required=True)
    start = fields.time("startTime")
    spend, model = fields.number("spend"), fields.text("model")
    team = first(fields.json("metadata", "user_api_key_team_alias"), fields.text("team_alias"))
    calls = {
        "ts": start,
        "row_key": fields.key("request_id"),
        "provider": fields.text("custom_llm_provider"),
        "account": first(
            fields.json("metadata", "user_api_key_alias"), fields.text("key_alias"), team
        ),
        "run_id": fields.text("session_id"),
        "request_model": first(fields.text("model_group"), model),
        "served_model": model,
        "requests": "1",
        "status": _outcome(fields),
        "error_type": fields.json(*ERROR),
        "input_tokens": fields.integer("prompt_tokens"),
        "cache_read_tokens": _cached(fields, "cache_read_input_tokens", CACHE_READS),
        "cache_write_tokens": _cached(fields, "cache_creation_input_tokens", CACHE_WRITES),
        "output_tokens": fields.integer("completion_tokens"),
        "cost": spend,
        "currency": f"CASE WHEN {spend} IS NOT NULL THEN 'USD' END",
        "latency_ms": _latency(fields, start),
    }
    return Reading(calls=(Part(calls),))


def _cached(fields: Fields, column: str, paths: tuple[tuple[str, ...], ...]) -> str:
    """A count of the cache: its own column, else where the metadata may hold it."""
    found = [f"try_cast({fields.json('metadata', *path)} AS BIGINT)" for path in paths]
    return first(fields.integer(column), *(f"CASE WHEN {n} >= 0 THEN {n} END" for n in found))


def _latency(fields: Fields, start: str) -> str:
    """Milliseconds to the answer, as told or from start to end; none where there is neither."""
    told, ended = fields.number("request_duration_ms"), fields.cell("endTime")
    if not fields.has("endTime"):
        return told
    end = fields.time("endTime", needed=f"{ended} IS NOT NULL")
    return first(told, f"date_diff('microsecond', {start}, {end}) / 1000")


def _outcome(fields: Fields) -> str:
    """ok, or how a call failed."""
    told = first(fields.text("status"), fields.json("metadata", "status"))
    status, kind = f"lower({told})", f"lower({fields.json(*ERROR)})"
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
