"""Langfuse observations: one row per call, with trace (run), outcome, cost and latency.

The export that feeds every rule: traceName is the workflow, traceId the run. Every usage key stands
for itself: `input` is without what was read from the cache.
"""

from opsbook.exports import Part, Reader, Reading
from opsbook.exports.fields import Fields, first

CACHE_READS = ("input_cached_tokens", "cache_read_input_tokens", "input_cache_read")
REASONING = ("output_reasoning_tokens", "output_reasoning")
CACHE_WRITES = ("cache_creation_input_tokens", "input_cache_creation")


def read_observations(fields: Fields) -> Reading:
    """Calls of the generations in an export; spans and events are no calls."""
    fields.text("id", required=True)
    served = fields.text("providedModelName")
    cost = fields.number("totalCost")
    refusal = fields.text("refusal")
    calls = {
        "ts": fields.time("startTime"),
        "row_key": fields.key("id"),
        "provider": fields.text("provider"),
        "account": fields.text("traceName"),
        "run_id": fields.text("traceId"),
        "request_model": first(fields.text("modelName"), fields.text("model"), served),
        "served_model": served,
        "requests": "1",
        "status": _status(fields.text("level"), fields.text("statusMessage")),
        "error_type": fields.text("statusMessage"),
        "input_tokens": fields.tokens("usageDetails", ("input", "cache")),
        "cache_read_tokens": fields.token("usageDetails", CACHE_READS),
        "cache_write_tokens": fields.token("usageDetails", CACHE_WRITES),
        "output_tokens": fields.tokens("usageDetails", ("output",)),
        "reasoning_tokens": fields.token("usageDetails", REASONING),
        "cost": cost,
        "currency": f"CASE WHEN {cost} IS NOT NULL THEN 'USD' END",
        "latency_ms": fields.number("latencyMs"),
        "prompt_version": fields.text("promptVersion"),
        "output_class": f"CASE {refusal} WHEN '1' THEN 'refusal' WHEN '0' THEN 'answer' END",
    }
    kind = first(fields.text("type"), "'generation'")
    return Reading(calls=(Part(calls, where=f"lower({kind}) IN ('generation', 'embedding')"),))


def _status(level: str, message: str) -> str:
    """The outcome: an ERROR by what its message says, anything else ok."""
    said, none = f"lower({message})", "''"
    return (
        f"CASE WHEN upper({first(level, none)}) <> 'ERROR' THEN 'ok'"
        f" WHEN regexp_matches({said}, 'time.?d?.?out|\\b504\\b') THEN 'timeout'"
        f" WHEN regexp_matches({said}, 'rate.?limit|too many requests|\\b429\\b')"
        " THEN 'rate_limited' ELSE 'error' END"
    )


OBSERVATIONS = Reader(
    source="langfuse",
    title="Langfuse observations",
    input_tokens="uncached input; each key of usageDetails is its own and they are added",
    needs=frozenset(["id", "traceId", "traceName", "startTime", "providedModelName"]),
    read=read_observations,
    codebook="One row per call; traceName is the workflow, traceId the run; cost in USD.",
)
