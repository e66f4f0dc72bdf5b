"""Langfuse observations: one row per call, with trace (run), outcome, cost and latency.

The export that feeds every rule: traceName is the workflow, traceId the run. Every usage key stands
for itself: `input` is without what was read from the cache. Its interface, its API and its older
versions name some columns otherwise. An export of traces has runs, and no tokens.
"""

from opsbook.exports import Part, Reader, Reading
from opsbook.exports.fields import Fields, first

CACHE_READS = ("input_cached_tokens", "cache_read_input_tokens", "input_cache_read")
INPUT = ("input", "promptTokens", "inputUsage", "inputTokens", "prompt_tokens", "input_tokens")
OUTPUT = (
    "output", "completionTokens", "outputUsage", "outputTokens", "completion_tokens",
    "output_tokens",
)  # fmt: skip
REASONING = ("output_reasoning_tokens", "output_reasoning")
CACHE_WRITES = ("cache_creation_input_tokens", "input_cache_creation")


def read_observations(fields: Fields) -> Reading:
    """Calls of the generations in an export; spans and events are no calls."""
    fields.text("id", required=True)
    served = first(fields.text("providedModelName"), fields.text("model"))
    start, cost = fields.time("startTime"), _cost(fields)
    refusal = fields.text("refusal")
    calls = {
        "ts": start,
        "row_key": fields.key("id"),
        "provider": fields.text("provider"),
        "account": _named(fields),
        "run_id": fields.text("traceId"),
        "request_model": first(fields.text("modelName"), fields.text("model"), served),
        "served_model": served,
        "requests": "1",
        "status": _status(fields.text("level"), fields.text("statusMessage")),
        "error_type": fields.text("statusMessage"),
        "input_tokens": _tokens(fields, ("input", "cache"), INPUT),
        "cache_read_tokens": fields.token("usageDetails", CACHE_READS),
        "cache_write_tokens": fields.token("usageDetails", CACHE_WRITES),
        "output_tokens": _tokens(fields, ("output",), OUTPUT),
        "reasoning_tokens": fields.token("usageDetails", REASONING),
        "cost": cost,
        "currency": f"CASE WHEN {cost} IS NOT NULL THEN 'USD' END",
        "latency_ms": _latency(fields, start),
        "quality": fields.number("quality"),
        "prompt_version": fields.text("promptVersion"),
        "output_class": f"CASE {refusal} WHEN '1' THEN 'refusal' WHEN '0' THEN 'answer' END",
    }
    kind = first(fields.text("type"), "'generation'")
    return Reading(calls=(Part(calls, where=f"lower({kind}) IN ('generation', 'embedding')"),))


def _named(fields: Fields) -> str:
    """What the work is called: its trace; the call itself in an export that names no trace."""
    return fields.text("traceName" if fields.has("traceName") else "name")


def _tokens(fields: Fields, begins: tuple[str, ...], older: tuple[str, ...]) -> str:
    """All counts of a kind, from the details of usage, its older object or columns of its own."""
    counts = [fields.tokens("usageDetails", begins)] if fields.has("usageDetails") else []
    counts += [fields.token("usage", older)] if fields.has("usage") else []
    counts += [fields.integer(name) for name in older if fields.has(name)]
    return first(*counts, "NULL::BIGINT")


def _cost(fields: Fields) -> str:
    """USD as told in all: its own column, else the details' total."""
    details = fields.json("costDetails", "total") if fields.has("costDetails") else "NULL"
    told = (fields.number(name) for name in ("totalCost", "calculatedTotalCost"))
    return fields.value(first(*told, f"try_cast({details} AS DOUBLE)"))


def _latency(fields: Fields, start: str) -> str:
    """Milliseconds as told, seconds as told, or from start to end."""
    if fields.has("latencyMs"):
        return fields.number("latencyMs")
    told = f"{fields.number('latency')} * 1000"
    if not fields.has("endTime"):
        return told
    end = fields.time("endTime", needed=f"{fields.cell('endTime')} IS NOT NULL")
    return first(told, f"date_diff('microsecond', {start}, {end}) / 1000")


def read_traces(fields: Fields) -> Reading:
    """Runs, one per trace: how each ended, without its calls."""
    fields.text("id", required=True)
    start = fields.time("timestamp")
    status = _status(fields.text("level"), "''")
    lasted = f"coalesce({fields.number('latency')}, 0) * 1000000"
    runs = {
        "started_at": start,
        "ended_at": f"{start} + to_microseconds(({lasted})::BIGINT)",
        "row_key": fields.key("id"),
        "account": fields.text("name"),
        "run_id": fields.text("id"),
        "status": f"CASE WHEN {fields.cell('level')} IS NULL THEN 'unknown' ELSE {status} END",
        "tasks_done": f"CASE WHEN {status} = 'ok' THEN 1 ELSE 0 END",
    }
    return Reading(runs=(Part(runs),))


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
    needs=frozenset(["id", "traceId", "startTime", "providedModelName"]),
    read=read_observations,
    codebook="One row per call; traceName is the workflow, traceId the run; cost in USD.",
)
OLDER = Reader(
    source="langfuse",
    title="Langfuse observations, other names",
    input_tokens="uncached input; each key of usageDetails is its own and they are added",
    needs=frozenset(["id", "traceId", "startTime", "type", "model"]),
    read=read_observations,
    codebook="One row per call; traceName (else name) is the workflow, traceId the run; USD.",
)
TRACES = Reader(
    source="langfuse",
    title="Langfuse traces",
    input_tokens="no tokens",
    needs=frozenset(["id", "timestamp", "name", "sessionId", "tags"]),
    read=read_traces,
    codebook="One row per run, by its trace's name; no tokens or cost: export observations too.",
)
