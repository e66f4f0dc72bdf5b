"""Langfuse observations: one row per call, with trace (run), outcome, cost and latency.

The export that feeds every rule: traceName is the workflow, traceId the run. Every usage key stands
for itself: `input` is without what was read from the cache.
"""

import pandas as pd

from opsbook.exports import Reader, Reading
from opsbook.exports.fields import Fields
from opsbook.exports.reading import Rows

CACHE_READS = ("input_cached_tokens", "cache_read_input_tokens", "input_cache_read")
CACHE_WRITES = ("cache_creation_input_tokens", "input_cache_creation")


def read_observations(rows: Rows, zone: str) -> Reading:
    """Calls of the generations in an export; spans and events are no calls."""
    fields = Fields(rows)
    usage = fields.mapping("usageDetails")
    reads, writes = _part(usage, CACHE_READS), _part(usage, CACHE_WRITES)
    plain, output = _part(usage, ("input",)), _part(usage, ("output",))
    cost = fields.number("totalCost")
    calls = pd.DataFrame(
        {
            "ts": fields.time("startTime"),
            "bucket_s": 0,
            "row_key": fields.text("id"),
            "provider": fields.text("provider"),
            "account": fields.text("traceName"),
            "run_id": fields.text("traceId"),
            "request_model": fields.text("name"),
            "served_model": fields.text("providedModelName"),
            "requests": 1,
            "status": _status(fields.text("level"), fields.text("statusMessage")),
            "error_type": fields.text("statusMessage"),
            "input_tokens": plain + reads.fillna(0) + writes.fillna(0),
            "cache_read_tokens": reads,
            "cache_write_tokens": writes,
            "output_tokens": output,
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


def _part(usage: pd.Series, keys: tuple[str, ...]) -> pd.Series:
    """One kind of tokens out of the usage objects; <NA> where none of the keys stands."""
    found = usage.map(lambda u: next((u[k] for k in keys if u.get(k) is not None), None))
    return pd.to_numeric(found, errors="coerce").astype("Float64").round().astype("Int64")


def _status(level: pd.Series, message: pd.Series) -> pd.Series:
    """The outcome: an ERROR by what its message says, anything else ok."""
    said = message.fillna("").str.lower()
    status = pd.Series("error", index=level.index)
    status = status.mask(said.str.contains("rate limit|429", regex=True), "rate_limited")
    status = status.mask(said.str.contains("time-?d? ?out|504", regex=True), "timeout")
    return status.where(level.str.upper().eq("ERROR").fillna(False), "ok")


OBSERVATIONS = Reader(
    source="langfuse",
    title="Langfuse observations",
    input_tokens="uncached input; each key of usageDetails is its own and they are added",
    needs=frozenset(["id", "traceId", "traceName", "startTime", "providedModelName"]),
    read=read_observations,
    codebook="One row per call; traceName is the workflow, traceId the run; cost in USD.",
)
