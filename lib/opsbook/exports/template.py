"""Our own template, filled by hand or by a small script, as XLSX or CSV.

A European Excel writes decimal commas and dd.mm.yyyy: the file is read so when its numbers show
it, never row by row. Times without a zone are the company's.
"""

import pandas as pd

from opsbook.exports import Reader, Reading
from opsbook.exports.fields import Fields
from opsbook.exports.reading import Rows

COLUMNS = (
    "ts", "workflow", "run_id", "model", "input_tokens", "output_tokens", "cost", "currency",
    "status", "latency_ms", "quality", "output_class",
)  # fmt: skip
DOTTED = r"^\d{1,2}\.\d{1,2}\.\d{2,4}"


def read_template(rows: Rows, zone: str) -> Reading:
    """Calls as a person wrote them; the row's time, workflow and run are its identity."""
    fields = Fields(rows, comma=_commas(rows))
    dotted = fields.text("ts").str.contains(DOTTED, na=False).any()
    cost = fields.number("cost")
    status = fields.text("status").str.lower().fillna("unknown")
    fields.refuse_unknown("status", status, ("ok", "error", "rate_limited", "timeout", "refused",
                                             "cancelled", "unknown"))  # fmt: skip
    kind = fields.text("output_class").str.lower()
    fields.refuse_unknown("output_class", kind, ("answer", "refusal", "empty"))
    parts = pd.DataFrame({n: fields.text(n).fillna("") for n in ("ts", "workflow", "run_id")})
    twin = parts.groupby(list(parts.columns)).cumcount().astype("string")
    calls = pd.DataFrame(
        {
            "ts": fields.time("ts", zone, day_first=bool(dotted)),
            "bucket_s": 0,
            "row_key": parts.agg("|".join, axis=1) + "|" + twin if len(parts) else None,
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
    """Whether the file writes decimal commas: some number has one and no figure after a dot."""
    numbers = [c for c in ("cost", "quality", "latency_ms") if c in rows.frame]
    texts = pd.concat([rows.frame[c] for c in numbers]) if numbers else pd.Series(dtype="string")
    return bool(texts.str.contains(r"\d,\d", na=False).any())


TEMPLATE = Reader(
    source="template",
    title="Opsbook's own template",
    input_tokens="all input, cached included",
    needs=frozenset(["ts", "workflow", "model", "input_tokens", "output_tokens"]),
    read=read_template,
    codebook="One row per call, written by a person or a script; times are the company's.",
)
