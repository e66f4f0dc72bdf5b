"""LiteLLM's two exports: spend logs (one row per call) and usage (totals per day, key and model).

Prompt tokens are all input, cached included. Spend is in USD. Start times may be epoch seconds with
decimals.
"""

import pandas as pd

from opsbook.exports import Reader, Reading
from opsbook.exports.fields import Fields
from opsbook.exports.reading import Rows, masked

DAY_S = 86400
OUTCOMES = {"success": "ok", "failure": "error"}


def read_logs(rows: Rows, zone: str) -> Reading:
    """Calls of the spend logs; the key's alias tells the workflow, the session the run."""
    fields = Fields(rows)
    fields.text("request_id", required=True)
    start, end = fields.time("startTime"), fields.time("endTime")
    meta = fields.mapping("metadata")
    alias = meta.map(_alias).astype("string")
    spend = fields.number("spend")
    calls = pd.DataFrame(
        {
            "ts": start,
            "bucket_s": 0,
            "row_key": fields.key("request_id"),
            "provider": fields.text("custom_llm_provider"),
            "account": alias.fillna(fields.text("key_alias")),
            "run_id": fields.text("session_id"),
            "request_model": fields.text("model_group").fillna(fields.text("model")),
            "served_model": fields.text("model"),
            "requests": 1,
            "status": _outcome(fields, meta),
            "error_type": meta.map(_error).astype("string"),
            "input_tokens": fields.integer("prompt_tokens"),
            "cache_read_tokens": fields.integer("cache_read_input_tokens").fillna(
                meta.map(_cached).astype("Int64")
            ),
            "output_tokens": fields.integer("completion_tokens"),
            "cost": spend,
            "currency": pd.Series("USD", index=spend.index).where(spend.notna()),
            "latency_ms": (end - start) / pd.Timedelta(milliseconds=1),
            "row": rows.frame.index,
        }
    )
    return Reading(calls=calls[fields.reasons.isna()], quarantine=fields.quarantine())


def _alias(meta: dict) -> str | None:
    """The alias of the key a call was made with."""
    alias = meta.get("user_api_key_alias")
    return masked(alias) if isinstance(alias, str) and alias else None


def _cached(meta: dict) -> int | None:
    """Input tokens read from the cache, as the vendor's own usage in the metadata says."""
    inner: object = meta
    for name in ("additional_usage_values", "prompt_tokens_details", "cached_tokens"):
        inner = inner.get(name) if isinstance(inner, dict) else None
    return inner if isinstance(inner, int) and 0 <= inner < 2**53 else pd.NA


def _error(meta: dict) -> str | None:
    """The class of the error that a failed call's metadata carries."""
    info = meta.get("error_information")
    kind = info.get("error_class") if isinstance(info, dict) else None
    return masked(kind) if isinstance(kind, str) else None


def _outcome(fields: Fields, meta: pd.Series) -> pd.Series:
    """ok, or how a call failed."""
    status = fields.text("status").str.lower().map(OUTCOMES).fillna("unknown")
    kind = meta.map(_error).astype("string").str.lower().fillna("")
    status = status.mask((status == "error") & kind.str.contains("ratelimit"), "rate_limited")
    return status.mask((status == "error") & kind.str.contains("timeout"), "timeout")


def read_usage(rows: Rows, zone: str) -> Reading:
    """Totals per day, key and model; a day's failed requests are rows of their own."""
    fields = Fields(rows)
    day = fields.time("date")
    failed = fields.integer("failed_requests").fillna(0)
    spend = fields.number("spend", required=True)
    done = pd.DataFrame(
        {
            "ts": day,
            "bucket_s": DAY_S,
            "row_key": fields.key("date", "entity_id", "api_key", "user_id", "model"),
            "account": fields.text("key_alias").fillna(fields.text("entity_alias")),
            "request_model": fields.text("model"),
            "served_model": fields.text("model"),
            "requests": fields.integer("successful_requests"),
            "status": "ok",
            "input_tokens": fields.integer("prompt_tokens"),
            "cache_read_tokens": fields.integer("cache_read_input_tokens"),
            "cache_write_tokens": fields.integer("cache_creation_input_tokens"),
            "output_tokens": fields.integer("completion_tokens"),
            "cost": spend,
            "currency": "USD",
            "row": rows.frame.index,
        }
    )
    good = fields.reasons.isna()
    lost = done.assign(requests=failed, status="error", row_key=done.row_key + "|failed", cost=0.0)
    tokens = [c for c in done if c.endswith("_tokens")]
    lost = lost[good & (failed > 0)].assign(**dict.fromkeys(tokens, 0))
    return Reading(
        calls=pd.concat([done[good], lost]),
        quarantine=fields.quarantine(),
        covered_from=day[good].min() if good.any() else None,
        covered_to=day[good].max() + pd.Timedelta(days=1) if good.any() else None,
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
