"""AWS Bedrock's model invocation log: one record per call, tokens beside the prompt, no cost.

`inputTokenCount` is without what was read from or written to the cache. The workflow stands in the
tags that a call was made with (`requestMetadata`), else in the role that made it. Prompts, answers
and account numbers are not kept.
"""

from opsbook.exports import Part, Reader, Reading
from opsbook.exports.cells import literal
from opsbook.exports.fields import Fields, first

WORKFLOW_TAGS = ("workflow", "application", "app", "project", "service")
RUN_TAGS = ("run_id", "runId", "session_id", "sessionId", "session")


def read_invocations(fields: Fields) -> Reading:
    """Calls; one that failed has a code in place of its tokens."""
    fields.text("requestId", required=True)
    plain = fields.token("input", ["inputTokenCount"])
    reads = fields.token("input", ["cacheReadInputTokenCount"])
    writes = fields.token("input", ["cacheWriteInputTokenCount"])
    model = f"regexp_replace({fields.text('modelId', required=True)}, '^.*/', '')"
    code = fields.text("errorCode")
    calls = {
        "ts": fields.time("timestamp"),
        "bucket_s": "0",
        "row_key": fields.key("requestId"),
        "provider": "'aws'",
        "account": first(*_tagged(fields, WORKFLOW_TAGS), _tags(fields), _role(fields)),
        "run_id": first(*_tagged(fields, RUN_TAGS)),
        "request_model": model,
        "served_model": model,
        "requests": "1",
        "status": _status(code),
        "error_type": code,
        "input_tokens": f"{plain} + coalesce({reads}, 0) + coalesce({writes}, 0)",
        "cache_read_tokens": reads,
        "cache_write_tokens": writes,
        "output_tokens": fields.token("output", ["outputTokenCount"]),
        "region": first(fields.text("inferenceRegion"), fields.text("region")),
    }
    return Reading(calls=(Part(calls),))


def _tagged(fields: Fields, names: tuple[str, ...]) -> list[str]:
    return [fields.json("requestMetadata", name) for name in names]


def _tags(fields: Fields) -> str:
    """All tags of a call as `name=value, name=value`, by name; NULL without any."""
    told = fields.value(f"object({fields.cell('requestMetadata')})")
    pairs = f"list_sort([e.key || '=' || e.value FOR e IN map_entries({told})])"
    return fields.value(f"hidden(nullif(array_to_string({pairs}, ', '), ''))")


def _role(fields: Fields) -> str:
    """The role or user that called, out of its ARN."""
    arn = fields.json("identity", "arn")
    return f"nullif(regexp_extract({arn}, '(?:role|user)/([^/]+)', 1), '')"


def _status(code: str) -> str:
    throttled, late = literal("throttl|toomanyrequests"), literal("timeout")
    return (
        f"CASE WHEN {code} IS NULL THEN 'ok'"
        f" WHEN regexp_matches(lower({code}), {throttled}) THEN 'rate_limited'"
        f" WHEN regexp_matches(lower({code}), {late}) THEN 'timeout' ELSE 'error' END"
    )


INVOCATIONS = Reader(
    source="bedrock",
    title="AWS Bedrock invocation log",
    input_tokens="inputTokenCount is without the cache; reads and writes are added",
    needs=frozenset(["timestamp", "requestId", "operation", "modelId", "schemaType"]),
    read=read_invocations,
    codebook="One row per call; the workflow is in its tags, else the role that made it; no cost.",
)
