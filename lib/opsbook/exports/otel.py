"""OpenTelemetry's GenAI spans as OTLP-JSON: one document, or one request a line.

The convention is still in development, so older names are read beside the newest. Spans of a model
are calls; spans of agents, tools and workflows repeat their tokens and are none. What a span says
of prompts and answers is left where it is.
"""

from functools import partial

from opsbook.exports import Part, Reader, Reading
from opsbook.exports.cells import literal
from opsbook.exports.fields import Fields, first
from opsbook.exports.otlp import OWN, spans

NAMES = {
    "operation": ("gen_ai.operation.name", "llm.request.type"),
    "provider": ("gen_ai.provider.name", "gen_ai.system"),
    "requested": ("gen_ai.request.model",),
    "served": ("gen_ai.response.model",),
    "reasons": ("gen_ai.response.finish_reasons",),
    "input": ("gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
    "output": ("gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
    "reads": ("gen_ai.usage.cache_read.input_tokens", "gen_ai.usage.cache_read_input_tokens"),
    "writes": (
        "gen_ai.usage.cache_creation.input_tokens",
        "gen_ai.usage.cache_creation_input_tokens",
    ),
    "reasoning": ("gen_ai.usage.reasoning.output_tokens", "gen_ai.usage.reasoning_tokens"),
    "workflow": ("gen_ai.workflow.name", "traceloop.workflow.name"),
    "home": ("gen_ai.agent.name", "service.name"),
    "prompt": ("gen_ai.prompt.version", "traceloop.prompt.version"),
    "error": ("error.type",),
    "region": ("cloud.region",),
}
"""What is read of a span, by its newest name and older ones."""
KEPT = [name for names in NAMES.values() for name in names]
NO_CALLS = (
    "invoke_agent", "create_agent", "execute_tool", "invoke_workflow", "retrieval", "plan",
    "agent", "tool", "workflow", "task",
)  # fmt: skip
"""Operations that contain calls, or are none."""
PROVIDERS = {
    "aws": "aws|bedrock",
    "azure": r"^az\.|azure",
    "google": "^gcp|google|vertex|gemini",
    "mistral": "mistral",
    "x-ai": "^x_?ai$",
}
"""The names that prices go by, and how spans write them."""


def read_spans(fields: Fields) -> Reading:
    """Calls of models; the trace is the run.

    The workflow is the span's own, else that of the first span of its trace which names one, else
    the agent or the service.
    """
    fields.text("spanId", required=True)
    requested, served = _text(fields, "requested"), _text(fields, "served")
    start, reasons = fields.time("startTimeUnixNano"), _text(fields, "reasons")
    ended = f"{fields.cell('endTimeUnixNano')} IS NOT NULL"
    end = fields.time("endTimeUnixNano", needed=ended)
    own, trace = fields.value(_text(fields, "workflow")), fields.text("traceId")
    outer = fields.value(f"arg_min({own}, {start}) OVER (PARTITION BY {trace})")
    calls = {
        "ts": start,
        "bucket_s": "0",
        "row_key": fields.key("traceId", "spanId"),
        "provider": _provider(fields),
        "account": first(own, outer, _text(fields, "home")),
        "run_id": trace,
        "request_model": first(requested, served),
        "served_model": first(served, requested),
        "requests": "1",
        "status": _status(fields, reasons),
        "error_type": _text(fields, "error"),
        "finish_reason": reasons,
        **_tokens(fields),
        "latency_ms": f"(epoch_us({end}) - epoch_us({start})) / 1000",
        "prompt_version": _text(fields, "prompt"),
        "region": _text(fields, "region"),
    }
    operation, others = _text(fields, "operation"), ", ".join(map(literal, NO_CALLS))
    a_call = f"coalesce(lower({operation}) NOT IN ({others}), true)"
    part = Part(calls, where=f"{a_call} AND {first(requested, served)} IS NOT NULL")
    return Reading(calls=(part,), notice="no calls of a model: counted, not loaded")


def _tokens(fields: Fields) -> dict[str, str]:
    """The counts of a call; a cache larger than the input cannot be a part of it, and is added."""
    plain, reads, writes = (_count(fields, n) for n in ("input", "reads", "writes"))
    cached = f"(coalesce({reads}, 0) + coalesce({writes}, 0))"
    return {
        "input_tokens": f"{plain} + CASE WHEN {cached} > {plain} THEN {cached} ELSE 0 END",
        "cache_read_tokens": reads,
        "cache_write_tokens": writes,
        "output_tokens": _count(fields, "output"),
        "reasoning_tokens": _count(fields, "reasoning"),
    }


def _text(fields: Fields, what: str) -> str:
    return first(*map(fields.text, NAMES[what]))


def _count(fields: Fields, what: str) -> str:
    return f"{first(*map(fields.integer, NAMES[what]))}::BIGINT"


def _provider(fields: Fields) -> str:
    name = fields.value(f"lower({_text(fields, 'provider')})")
    cases = (f"WHEN regexp_matches({name}, {literal(p)}) THEN '{n}'" for n, p in PROVIDERS.items())
    return f"CASE {' '.join(cases)} ELSE {name} END"


def _status(fields: Fields, reasons: str) -> str:
    """The outcome: failed by the span's status or an error's type, refused by a filter, else ok."""
    code, kind = fields.text("status.code"), _text(fields, "error")
    said = f"lower(concat_ws(' ', {kind}, {fields.text('status.message')}))"
    failed = f"({kind} IS NOT NULL OR coalesce({code} IN ('2', 'STATUS_CODE_ERROR'), false))"
    return (
        f"CASE WHEN {failed} AND regexp_matches({said}, 'time.?d?.?out|\\b504\\b') THEN 'timeout'"
        f" WHEN {failed} AND regexp_matches({said}, 'rate.?limit|too many requests|\\b429\\b')"
        f" THEN 'rate_limited' WHEN {failed} THEN 'error'"
        f" WHEN regexp_matches(lower({reasons}), 'content_filter|refusal|safety') THEN 'refused'"
        " ELSE 'ok' END"
    )


SPANS = Reader(
    source="otel",
    title="OpenTelemetry GenAI spans",
    input_tokens="all input, cached included; a cache larger than the input is added to it",
    needs=frozenset(OWN),
    read=read_spans,
    unfold=partial(spans, kept=KEPT),
    codebook="One row per span; calls of models only; the trace is the run; no cost.",
)
