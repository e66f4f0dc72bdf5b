"""Anthropic's console export of tokens, in its three generations of headers.

The date is a day or an hour, without a zone: UTC. There is neither a count of requests nor an
outcome nor a cost: tokens are what it tells.
"""

import pandas as pd

from opsbook.exports import Reader, Reading
from opsbook.exports.fields import Fields
from opsbook.exports.reading import Rows

HOUR_S, DAY_S = 3600, 86400
CACHE_WRITES = ("usage_input_tokens_cache_write_5m", "usage_input_tokens_cache_write_1h")
KEY = (
    "usage_date_utc", "model_version", "api_key", "workspace", "usage_type",
    "context_window", "inference_geo", "speed",
)  # fmt: skip


def read_tokens(rows: Rows, zone: str) -> Reading:
    """Totals per day or hour, model, workspace and key."""
    fields = Fields(rows)
    start = fields.time("usage_date_utc")
    bucket_s = HOUR_S if fields.text("usage_date_utc").str.contains(":", na=False).any() else DAY_S
    plain = fields.integer("usage_input_tokens_no_cache", required=True)
    writes = sum(fields.integer(c).fillna(0) for c in CACHE_WRITES)
    reads = fields.integer("usage_input_tokens_cache_read").fillna(0)
    calls = pd.DataFrame(
        {
            "ts": start,
            "bucket_s": bucket_s,
            "row_key": fields.key(*KEY),
            "provider": "anthropic",
            "account": fields.text("workspace"),
            "request_model": fields.text("model_version"),
            "served_model": fields.text("model_version"),
            "status": "unknown",
            "input_tokens": plain + writes + reads,
            "cache_read_tokens": reads,
            "cache_write_tokens": writes,
            "output_tokens": fields.integer("usage_output_tokens", required=True),
            "region": fields.text("inference_geo"),
            "row": rows.frame.index,
        }
    )
    good = fields.reasons.isna()
    return Reading(
        calls=calls[good],
        quarantine=fields.quarantine(),
        covered_from=start[good].min().floor("D") if good.any() else None,
        covered_to=start[good].max().floor("D") + pd.Timedelta(days=1) if good.any() else None,
        bucket_s=bucket_s,
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
