"""Our own template, filled by hand or by a small script, as XLSX or CSV.

A European Excel writes decimal commas and dd.mm.yyyy: the file is read so when its numbers show
it, never row by row. Times without a zone are the company's.
"""

import pandas as pd

from opsbook.exports import Reader, Reading
from opsbook.exports.fields import Fields
from opsbook.exports.reading import DECIMAL_COMMA, Rows
from opsbook.schema import OUTPUT_CLASSES, STATUSES

COLUMNS = (
    "ts", "workflow", "run_id", "model", "input_tokens", "output_tokens", "cost", "currency",
    "status", "latency_ms", "quality", "output_class",
)  # fmt: skip
NUMBERS = ("cost", "quality", "latency_ms", "input_tokens", "output_tokens")


def read_template(rows: Rows, zone: str) -> Reading:
    """Calls as a person wrote them; the row's time, workflow and run are its identity."""
    fields = Fields(rows, comma=_commas(rows))
    cost = fields.number("cost")
    status = fields.text("status").str.lower().fillna("unknown")
    fields.refuse_unknown("status", status, STATUSES)
    kind = fields.text("output_class").str.lower()
    fields.refuse_unknown("output_class", kind, OUTPUT_CLASSES)
    ts = fields.time("ts", zone)
    name = ts.astype("string").str.cat(fields.key("workflow", "run_id"), sep="|", na_rep="")
    twin = name.groupby(name).cumcount().astype("string")
    calls = pd.DataFrame(
        {
            "ts": ts,
            "bucket_s": 0,
            "row_key": name + "|" + twin,
            "account": fields.text("workflow"),
            "run_id": fields.text("run_id"),
            "request_model": fields.text("model"),
            "served_model": fields.text("model"),
            "requests": 1,
            "status": status,
            "input_tokens": fields.integer("input_tokens"),
            "output_tokens": fields.integer("output_tokens"),
            "cost": cost,
            "currency": fields.text("currency").str.upper().fillna("EUR").where(cost.notna()),
            "latency_ms": fields.number("latency_ms"),
            "quality": fields.number("quality"),
            "output_class": kind,
            "row": rows.frame.index,
        }
    )
    return Reading(calls=calls[fields.reasons.isna()], quarantine=fields.quarantine())


def _commas(rows: Rows) -> bool:
    """Whether the file writes decimal commas, as its numbers show; else as its separator does."""
    numbers = [rows.frame[c] for c in NUMBERS if c in rows.frame]
    texts = pd.concat(numbers).str.strip() if numbers else pd.Series(dtype="string")
    if texts.str.contains(DECIMAL_COMMA, regex=True, na=False).any():
        return True
    point = texts.str.contains(r"^-?\d+\.(?:\d{1,2}|\d{4,})$", regex=True, na=False).any()
    return rows.comma and not point


TEMPLATE = Reader(
    source="template",
    title="Opsbook's own template",
    input_tokens="all input, cached included",
    needs=frozenset(["ts", "workflow", "model", "input_tokens", "output_tokens"]),
    read=read_template,
    codebook="One row per call, written by a person or a script; times are the company's.",
)
