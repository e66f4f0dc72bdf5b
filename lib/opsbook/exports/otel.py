"""OpenTelemetry's GenAI spans as OTLP-JSON: one document, or one request a line.

The convention is still in development, so older names are read beside the newest. Spans of a model
are calls; spans of agents, tools and workflows repeat their tokens and are not, nor are all others.
What a span says of prompts and answers is not kept.
"""

from collections.abc import Iterator

from opsbook.exports import Part, Reader, Reading
from opsbook.exports.cells import literal
from opsbook.exports.fields import Fields, first

OPERATION = ("gen_ai.operation.name", "llm.request.type")
PROVIDER = ("gen_ai.provider.name", "gen_ai.system")
REQUESTED, SERVED = ("gen_ai.request.model",), ("gen_ai.response.model",)
INPUT = ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens")
OUTPUT = ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens")
CACHE_READ = (
    "gen_ai.usage.cache_read.input_tokens",
    "gen_ai.usage.cache_read_input_tokens",
    "gen_ai.usage.input_tokens.cached",
)
CACHE_WRITE = (
    "gen_ai.usage.cache_creation.input_tokens",
    "gen_ai.usage.cache_creation_input_tokens",
    "gen_ai.usage.input_tokens.cache_write",
)
REASONING = ("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens")
WORKFLOW = ("gen_ai.workflow.name", "traceloop.workflow.name")
PROMPT_VERSION = ("gen_ai.prompt.version", "traceloop.prompt.version")
PLACES = ("service.name", "cloud.region")
OTHERS = ("gen_ai.agent.name", "gen_ai.response.finish_reasons", "error.type", *PLACES)
KEPT = frozenset(
    [*OPERATION, *PROVIDER, *REQUESTED, *SERVED, *INPUT, *OUTPUT, *CACHE_READ, *CACHE_WRITE,
     *REASONING, *WORKFLOW, *PROMPT_VERSION, *OTHERS]
)  # fmt: skip
"""The attributes that are read; all others, prompts among them, are left where they are."""
NO_CALLS = (
    "invoke_agent", "create_agent", "execute_tool", "invoke_workflow", "retrieval", "plan",
    "agent", "tool", "workflow", "task",
)  # fmt: skip
"""Operations that contain calls or are none."""
PROVIDERS = {
    "aws": "aws|bedrock",
    "azure": r"^az\.|azure",
    "google": "^gcp|google|vertex|gemini",
    "mistral": "mistral",
    "x-ai": "^x_?ai$",
}
"""The names that prices go by, and how spans write them."""


def unfold(document: object) -> list[dict] | None:
    """The spans of an OTLP request, one flat record each; None for a document of another kind."""
    if not isinstance(document, dict) or not isinstance(document.get("resourceSpans"), list):
        return None
    records = [_record(span, place) for span, place in _spans(document["resourceSpans"])]
    names = {}
    for record in records:
        for name in WORKFLOW:
            if record[name]:
                names.setdefault(record["traceId"], record[name])
    return [r | {"trace.workflow": names.get(r["traceId"])} for r in records]


def _spans(resources: list) -> Iterator[tuple[dict, dict]]:
    """Each span, with the attributes of what sent it."""
    for resource in _objects(resources):
        place = _attributes(resource.get("resource"))
        scopes = resource.get("scopeSpans") or resource.get("instrumentationLibrarySpans")
        for scope in _objects(scopes):
            for span in _objects(scope.get("spans")):
                yield span, place


def _record(span: dict, place: dict[str, str]) -> dict[str, str | None]:
    status = span.get("status")
    told = {"code": None, "message": None} | (status if isinstance(status, dict) else {})
    own = {"status.code": _text(told["code"]), "status.message": _text(told["message"])}
    for name in ("traceId", "spanId", "startTimeUnixNano", "endTimeUnixNano"):
        own[name] = _text(span.get(name))
    return dict.fromkeys(sorted(KEPT)) | place | _attributes(span) | own


def _attributes(owner: object) -> dict[str, str]:
    """The attributes kept of a span or a resource, as texts."""
    listed = owner.get("attributes") if isinstance(owner, dict) else None
    pairs = ((a.get("key"), _plain(a.get("value"))) for a in _objects(listed))
    return {k: v for k, v in pairs if isinstance(k, str) and k in KEPT and v is not None}


def _plain(value: object) -> str | None:
    """An attribute's value: {"intValue": "12"} is 12, a list its values with commas."""
    held = _held(value)
    if isinstance(held, dict):
        texts = [_text(_held(v)) for v in _objects(held.get("values"))]
        return ",".join(t for t in texts if t is not None) or None
    return _text(held)


def _held(value: object) -> object:
    return next(iter(value.values()), None) if isinstance(value, dict) else value


def _text(value: object) -> str | None:
    return None if value is None or isinstance(value, dict | list) else str(value)


def _objects(values: object) -> list[dict]:
    return [v for v in values if isinstance(v, dict)] if isinstance(values, list) else []


def read_spans(fields: Fields) -> Reading:
    """Calls of models; the workflow is the trace's, else the agent or the service, the run it."""
    fields.text("spanId", required=True)
    requested, served = _first(fields, REQUESTED), _first(fields, SERVED)
    plain, reads, writes = (_count(fields, n) for n in (INPUT, CACHE_READ, CACHE_WRITE))
    cached = f"(coalesce({reads}, 0) + coalesce({writes}, 0))"
    start, reason = fields.time("startTimeUnixNano"), fields.text("gen_ai.response.finish_reasons")
    ended = f"{fields.cell('endTimeUnixNano')} IS NOT NULL"
    end = fields.time("endTimeUnixNano", needed=ended)
    homes = ("trace.workflow", "gen_ai.agent.name", "service.name")
    calls = {
        "ts": start,
        "bucket_s": "0",
        "row_key": fields.key("traceId", "spanId"),
        "provider": _provider(fields),
        "account": first(_first(fields, WORKFLOW), *map(fields.text, homes)),
        "run_id": fields.text("traceId"),
        "request_model": first(requested, served),
        "served_model": first(served, requested),
        "requests": "1",
        "status": _status(fields, reason),
        "error_type": fields.text("error.type"),
        "finish_reason": reason,
        "input_tokens": f"CASE WHEN {cached} > {plain} THEN {plain} + {cached} ELSE {plain} END",
        "cache_read_tokens": reads,
        "cache_write_tokens": writes,
        "output_tokens": _count(fields, OUTPUT),
        "reasoning_tokens": _count(fields, REASONING),
        "latency_ms": f"(epoch_us({end}) - epoch_us({start})) / 1000",
        "prompt_version": _first(fields, PROMPT_VERSION),
        "region": fields.text("cloud.region"),
    }
    operation = f"lower({_first(fields, OPERATION)})"
    no_call = f"coalesce({operation} IN ({', '.join(map(literal, NO_CALLS))}), false)"
    part = Part(calls, where=f"NOT {no_call} AND {first(requested, served)} IS NOT NULL")
    return Reading(calls=(part,), notice="no calls of a model: counted, not loaded")


def _first(fields: Fields, names: tuple[str, ...]) -> str:
    return first(*(fields.text(n) for n in names))


def _count(fields: Fields, names: tuple[str, ...]) -> str:
    return first(*(fields.integer(n) if fields.has(n) else "NULL::BIGINT" for n in names))


def _provider(fields: Fields) -> str:
    name = fields.value(f"lower({_first(fields, PROVIDER)})")
    cases = (f"WHEN regexp_matches({name}, {literal(p)}) THEN '{n}'" for n, p in PROVIDERS.items())
    return f"CASE {' '.join(cases)} ELSE {name} END"


def _status(fields: Fields, reason: str) -> str:
    """The outcome: failed by the span's status or an error's type, refused by a filter, else ok."""
    code, kind = fields.text("status.code"), fields.text("error.type")
    said = f"lower(concat_ws(' ', {kind}, {fields.text('status.message')}))"
    failed = f"({kind} IS NOT NULL OR coalesce({code} IN ('2', 'STATUS_CODE_ERROR'), false))"
    return (
        f"CASE WHEN {failed} AND regexp_matches({said}, 'time.?d?.?out|\\b504\\b') THEN 'timeout'"
        f" WHEN {failed} AND regexp_matches({said}, 'rate.?limit|too many requests|\\b429\\b')"
        f" THEN 'rate_limited' WHEN {failed} THEN 'error'"
        f" WHEN regexp_matches(lower({reason}), 'content_filter|refusal|safety')"
        " THEN 'refused' ELSE 'ok' END"
    )


SPANS = Reader(
    source="otel",
    title="OpenTelemetry GenAI spans",
    input_tokens="all input, cached included; where the cache is larger, it is added",
    needs=frozenset(["traceId", "spanId", "startTimeUnixNano", "endTimeUnixNano"]),
    read=read_spans,
    unfold=unfold,
    codebook="One row per span; calls of models only; the trace is the run; no cost.",
)
