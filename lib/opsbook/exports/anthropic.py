"""Anthropic's console export of tokens, in its three generations of headers.

The date is a day or an hour, without a zone: UTC. There is neither a count of requests nor an
outcome nor a cost: tokens are what it tells.
"""

from opsbook.exports import Part, Reader, Reading
from opsbook.exports.fields import Fields, first

HOUR_S, DAY_S = 3600, 86400
CACHE_WRITES = ("usage_input_tokens_cache_write_5m", "usage_input_tokens_cache_write_1h")
KEY = (
    "usage_date_utc", "model_version", "api_key", "workspace", "usage_type",
    "context_window", "inference_geo", "speed",
)  # fmt: skip


def read_tokens(fields: Fields) -> Reading:
    """Totals per day or hour, model, workspace and key."""
    start = fields.time("usage_date_utc")
    width = (
        f"CASE WHEN contains({fields.cell('usage_date_utc')}, ':') THEN {HOUR_S} ELSE {DAY_S} END"
    )
    plain = fields.integer("usage_input_tokens_no_cache", required=True)
    short, long = (first(fields.integer(c), "0") for c in CACHE_WRITES)
    reads = first(fields.integer("usage_input_tokens_cache_read"), "0")
    calls = {
        "ts": start,
        "bucket_s": width,
        "row_key": fields.key(*KEY),
        "provider": "'anthropic'",
        "account": fields.text("workspace"),
        "request_model": fields.text("model_version"),
        "served_model": fields.text("model_version"),
        "status": "'unknown'",
        "input_tokens": f"{plain} + {short} + {long} + {reads}",
        "cache_read_tokens": reads,
        "cache_write_tokens": f"{short} + {long}",
        "cache_write_1h_tokens": long,
        "output_tokens": fields.integer("usage_output_tokens", required=True),
        "region": fields.text("inference_geo"),
    }
    day = f"date_trunc('day', {start})"
    return Reading(
        calls=(Part(calls),),
        covered=(day, f"{day} + INTERVAL 1 DAY"),
        bucket_s=width,
        has_status=False,
    )


TOKENS = Reader(
    source="anthropic",
    title="Anthropic console, tokens",
    input_tokens="uncached input; cache reads and writes stand beside it and are added",
    needs=frozenset(
        ["usage_date_utc", "model_version", "usage_input_tokens_no_cache", "usage_output_tokens"]
    ),
    read=read_tokens,
    codebook="One row per day or hour, model and workspace; no requests, outcomes, runs or cost.",
)
