"""n8n's executions, from its API or its database: runs of a workflow, without calls or cost.

A retry is another attempt at the run that it retries. What still runs or waits is left to the next
export, which tells how it ended.
"""

from opsbook.exports import Part, Reader, Reading
from opsbook.exports.fields import Fields, first

OUTCOMES = {
    "success": "ok",
    "error": "error",
    "crashed": "error",
    "canceled": "cancelled",
    "cancelled": "cancelled",
    "unknown": "unknown",
}
NOT_OVER = ("new", "running", "waiting")


def read_executions(fields: Fields) -> Reading:
    """Runs, one row per attempt; one task done where an attempt succeeded."""
    stopped = fields.cell("stoppedAt")
    fields.text("id", required=True)
    said = fields.value(f"lower({first(fields.text('status'), _finished(fields, stopped))})")
    fields.refuse_unknown("status", said, [*OUTCOMES, *NOT_OVER])
    cases = " ".join(f"WHEN '{told}' THEN '{outcome}'" for told, outcome in OUTCOMES.items())
    status = fields.value(f"CASE {said} {cases} END")
    named = (fields.text("workflowName"), fields.json("workflowData", "name"))
    runs = {
        "started_at": fields.time("startedAt"),
        "ended_at": fields.time("stoppedAt", needed=f"{stopped} IS NOT NULL"),
        "row_key": fields.key("id"),
        "account": first(*named, fields.text("workflowId")),
        "run_id": first(fields.text("retryOf"), fields.text("id")),
        "status": status,
        "tasks_done": f"CASE WHEN {status} = 'ok' THEN 1 ELSE 0 END",
    }
    over = Part(runs, where=f"{status} IS NOT NULL")
    return Reading(runs=(over,), notice="not over yet: left to the next export")


def _finished(fields: Fields, stopped: str) -> str:
    """The status that exports before 2023 do not tell: all they have is whether one finished."""
    return (
        f"CASE WHEN lower({fields.text('finished')}) IN ('true', 't', '1') THEN 'success'"
        f" WHEN {stopped} IS NOT NULL THEN 'error' ELSE 'running' END"
    )


EXECUTIONS = Reader(
    source="n8n",
    title="n8n executions",
    input_tokens="no tokens",
    needs=frozenset(["id", "workflowId", "mode", "startedAt", "stoppedAt"]),
    read=read_executions,
    codebook="One row per execution; a retry belongs to the run it retries; no calls or cost.",
)
