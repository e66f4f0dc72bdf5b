"""Our own template, filled by hand or by a small script, as XLSX or CSV.

A European Excel writes decimal commas and dd.mm.yyyy: the file is read so when its numbers show
it, never row by row. Times without a zone are the company's.
"""

from opsbook.exports import Part, Reader, Reading
from opsbook.exports.fields import Fields, first
from opsbook.schema import OUTPUT_CLASSES, STATUSES

COLUMNS = (
    "ts", "workflow", "run_id", "model", "input_tokens", "output_tokens", "cost", "currency",
    "status", "latency_ms", "quality", "output_class",
)  # fmt: skip


def read_template(fields: Fields) -> Reading:
    """Calls as a person wrote them; the row's time, workflow and run are its identity."""
    cost = fields.number("cost")
    status = fields.value(first(f"lower({fields.text('status')})", "'unknown'"))
    fields.refuse_unknown("status", status, STATUSES)
    kind = fields.value(f"lower({fields.text('output_class')})")
    fields.refuse_unknown("output_class", kind, OUTPUT_CLASSES)
    ts, model = fields.time("ts", fields.zone), fields.text("model")
    currency = first(f"upper({fields.text('currency')})", "'EUR'")
    calls = {
        "ts": ts,
        "row_key": f"hash({ts}, {fields.cell('workflow')}, {fields.cell('run_id')})::VARCHAR",
        "account": fields.text("workflow"),
        "run_id": fields.text("run_id"),
        "request_model": model,
        "served_model": model,
        "requests": "1",
        "status": status,
        "input_tokens": fields.integer("input_tokens"),
        "output_tokens": fields.integer("output_tokens"),
        "cost": cost,
        "currency": f"CASE WHEN {cost} IS NOT NULL THEN {currency} END",
        "latency_ms": fields.number("latency_ms"),
        "quality": fields.number("quality"),
        "output_class": kind,
    }
    return Reading(calls=(Part(calls, twins=True),))


TEMPLATE = Reader(
    source="template",
    title="Opsbook's own template",
    input_tokens="all input, cached included",
    needs=frozenset(["ts", "workflow", "model", "input_tokens", "output_tokens"]),
    read=read_template,
    numbers=("cost", "quality", "latency_ms", "input_tokens", "output_tokens"),
    codebook="One row per call, written by a person or a script; times are the company's.",
)
