"""Langfuse observations: one row per call, with trace (run), outcome, cost and latency.

The export that feeds every rule: traceName is the workflow, traceId the run. Every usage key stands
for itself: `input` is without what was read from the cache.
"""

import pandas as pd

from opsbook.exports import Reader, Reading
from opsbook.exports.fields import Fields
from opsbook.exports.reading import Rows

LARGEST = 2**53
CACHE_READS = ("input_cached_tokens", "cache_read_input_tokens", "input_cache_read")
REASONING = ("output_reasoning_tokens", "output_reasoning")
CACHE_WRITES = ("cache_creation_input_tokens", "input_cache_creation")


def read_observations(rows: Rows, zone: str) -> Reading:
    """Calls of the generations in an export; spans and events are no calls."""
    fields = Fields(rows)
    fields.text("id", required=True)
    usage = fields.mapping("usageDetails")
    reads, writes = _part(usage, CACHE_READS), _part(usage, CACHE_WRITES)
    cost = fields.number("totalCost")
    calls = pd.DataFrame(
        {
            "ts": fields.time("startTime"),
            "bucket_s": 0,
            "row_key": fields.key("id"),
            "provider": fields.text("provider"),
            "account": fields.text("traceName"),
            "run_id": fields.text("traceId"),
            "request_model": fields.text("name"),
            "served_model": fields.text("providedModelName"),
            "requests": 1,
            "status": _status(fields.text("level"), fields.text("statusMessage")),
            "error_type": fields.text("statusMessage"),
            "input_tokens": _total(usage, ("input", "cache")),
            "cache_read_tokens": reads,
            "cache_write_tokens": writes,
            "output_tokens": _total(usage, ("output",)),
            "reasoning_tokens": _part(usage, REASONING),
            "cost": cost,
            "currency": pd.Series("USD", index=cost.index).where(cost.notna()),
            "latency_ms": fields.number("latencyMs"),
            "prompt_version": fields.text("promptVersion"),
            "output_class": fields.text("refusal").map({"1": "refusal", "0": "answer"}),
            "row": rows.frame.index,
        }
    )
    model = fields.text("modelName").fillna(fields.text("model"))
    calls["request_model"] = model.fillna(calls.served_model)
    kind = fields.text("type").str.upper().fillna("GENERATION")
    wanted = kind.isin(["GENERATION", "EMBEDDING"])
    good = fields.reasons.isna()
    return Reading(
        calls=calls[good & wanted],
        quarantine=fields.quarantine(),
        empty_rows=int((good & ~wanted).sum()),
    )


def _total(usage: pd.Series, begins: tuple[str, ...]) -> pd.Series:
    """All tokens whose key begins so, added up: each key is its own; <NA> where there is none."""
    found = usage.map(lambda u: [_count(v) for k, v in u.items() if k.startswith(begins)])
    return found.map(lambda counts: sum(counts) if counts else pd.NA).astype("Int64")


def _count(value: object) -> int:
    """A count of tokens, written as a number or as text; 0 for anything else."""
    try:
        return min(max(round(float(value)), 0), LARGEST)
    except (TypeError, ValueError, OverflowError):
        return 0


def _part(usage: pd.Series, keys: tuple[str, ...]) -> pd.Series:
    """One kind of tokens out of the usage objects; <NA> where none of the keys stands."""
    found = usage.map(lambda u: next((_count(u[k]) for k in keys if u.get(k) is not None), pd.NA))
    return found.astype("Int64")


def _status(level: pd.Series, message: pd.Series) -> pd.Series:
    """The outcome: an ERROR by what its message says, anything else ok."""
    said = message.fillna("").str.lower()
    status = pd.Series("error", index=level.index)
    status = status.mask(
        said.str.contains(r"rate.?limit|too many requests|\b429\b", regex=True), "rate_limited"
    )
    status = status.mask(said.str.contains(r"time.?d?.?out|\b504\b", regex=True), "timeout")
    return status.where(level.str.upper().eq("ERROR").fillna(False), "ok")


OBSERVATIONS = Reader(
    source="langfuse",
    title="Langfuse observations",
    input_tokens="uncached input; each key of usageDetails is its own and they are added",
    needs=frozenset(["id", "traceId", "traceName", "startTime", "providedModelName"]),
    read=read_observations,
    codebook="One row per call; traceName is the workflow, traceId the run; cost in USD.",
)
