"""The tables: what one row is, what makes it unique, and each column's type and unit.

`calls`, `runs` and `bills` are what exports become; everything downstream reads these and nothing
else. The others are derived and can be rebuilt. Missing is <NA>, never 0 or "". Times are UTC.
"""

from dataclasses import dataclass

import pandas as pd

from opsbook.errors import TableError

UTC = "datetime64[us, UTC]"
TEXT, INT, REAL, FLAG, DAY = "string", "Int64", "Float64", "boolean", "datetime64[us]"

SQL = {
    TEXT: "VARCHAR",
    INT: "BIGINT",
    REAL: "DOUBLE",
    FLAG: "BOOLEAN",
    DAY: "TIMESTAMP",
    UTC: "TIMESTAMPTZ",
}
"""The types as an engine of tables calls them."""

STATUSES = ("ok", "error", "rate_limited", "timeout", "refused", "cancelled", "unknown")
FAILED = ("error", "rate_limited", "timeout")
COST_KINDS = ("reported", "override", "estimated", "unpriced")
OUTPUT_CLASSES = ("answer", "refusal", "empty")
PRIORITIES = ("P1", "P2", "P3")
UNASSIGNED = "unassigned"
COMPANY = "company"
"""The workflow name of findings that judge the company's total."""


@dataclass(frozen=True)
class Column:
    """One column: its type, what it means with its unit, and the values it may take."""

    dtype: str
    meaning: str
    required: bool = False
    values: tuple[str, ...] = ()


@dataclass(frozen=True)
class Table:
    """One table: its grain (what a row is), its key (what is unique) and its columns."""

    name: str
    grain: str
    key: tuple[str, ...]
    columns: dict[str, Column]

    def empty(self) -> pd.DataFrame:
        """The table without rows, with its types.

        >>> list(BILLS.empty().columns)[:3]
        ['period_start', 'period_end', 'provider']
        """
        return pd.DataFrame({n: pd.Series(dtype=c.dtype) for n, c in self.columns.items()})

    def conform(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame with this table's columns, in order and typed, absent ones <NA>; checked."""
        return self.check(self.typed(frame))

    def typed(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The frame with this table's columns, in order and typed, absent ones <NA>; unchecked."""
        absent = frame.reindex(columns=list(self.columns))
        typed = {n: _as(absent[n], c.dtype) for n, c in self.columns.items()}
        return pd.DataFrame(typed, index=frame.index)

    def check(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The same frame, if it keeps the table's promises; a TableError names a broken one."""
        for name, column in self.columns.items():
            if name not in frame:
                raise TableError(f"{self.name}: column {name} is missing. Rebuild the tables.")
            self._check_column(name, column, frame[name])
        doubled = frame.duplicated(list(self.key)) if self.key else pd.Series(dtype=bool)
        if doubled.any():
            found = frame.loc[doubled, list(self.key)].iloc[0].to_dict()
            raise TableError(f"{self.name}: {found} stands twice; one row per {self.grain}.")
        return frame

    def _check_column(self, name: str, column: Column, values: pd.Series) -> None:
        if column.required and values.isna().any():
            raise TableError(f"{self.name}: {name} is empty in row {values.isna().idxmax()}.")
        strange = ~values.dropna().isin(column.values) if column.values else pd.Series(dtype=bool)
        if strange.any():
            found = values.dropna()[strange].iloc[0]
            raise TableError(f"{self.name}: {name} is {found!r}; expected one of {column.values}.")


def _as(values: pd.Series, dtype: str) -> pd.Series:
    if dtype == UTC:
        return pd.to_datetime(values, utc=True).astype(UTC)
    return values.astype(dtype)


def _columns(**columns: Column) -> dict[str, Column]:
    return columns


CALLS = Table(
    "calls",
    "API call, or bucket x model x account where the source only has totals",
    ("source", "row_key"),
    _columns(
        ts=Column(UTC, "start of the call or of the bucket", True),
        bucket_s=Column(INT, "0 for one call; 60, 3600 or 86400 seconds for totals", True),
        source=Column(TEXT, "the reader that read it", True),
        row_key=Column(TEXT, "what identifies the row in its source, across exports", True),
        file_id=Column(TEXT, "hash of the export it came from", True),
        row=Column(INT, "row in that export, the header is row 1", True),
        provider=Column(TEXT, "who answered: openai, anthropic, ..."),
        account=Column(TEXT, "API key alias, project, workspace or trace name; never a secret"),
        workflow=Column(TEXT, "from the settings' mapping; else 'unassigned'", True),
        run_id=Column(TEXT, "one task of the workflow; <NA> where the source has none"),
        request_model=Column(TEXT, "what was asked for"),
        served_model=Column(TEXT, "what answered"),
        requests=Column(INT, "1, or the bucket's count; <NA> where the source has no count"),
        status=Column(TEXT, "outcome; billing exports carry none: unknown", True, STATUSES),
        error_type=Column(TEXT, "as exported"),
        finish_reason=Column(TEXT, "as exported"),
        input_tokens=Column(INT, "total input, cached included"),
        cache_read_tokens=Column(INT, "part of input_tokens"),
        cache_write_tokens=Column(INT, "part of input_tokens"),
        cache_write_1h_tokens=Column(INT, "part of cache_write_tokens: kept for an hour, dearer"),
        output_tokens=Column(INT, "total output, reasoning included"),
        reasoning_tokens=Column(INT, "part of output_tokens"),
        cost=Column(REAL, "in `currency`; <NA> when unpriced, never 0"),
        currency=Column(TEXT, "ISO 4217"),
        cost_kind=Column(TEXT, "where the cost comes from", True, COST_KINDS),
        price=Column(TEXT, "the price row that it was worked out with; <NA> when reported"),
        cost_eur=Column(REAL, "in the reporting currency's EUR"),
        fx_rate=Column(REAL, "units of `currency` per EUR"),
        fx_date=Column(DAY, "day of that rate (ECB)"),
        latency_ms=Column(REAL, "milliseconds from request to answer"),
        prompt_version=Column(TEXT, "as exported"),
        region=Column(TEXT, "as exported"),
        quality=Column(REAL, "score, 0 to 1"),
        output_class=Column(TEXT, "answer, refusal or empty", False, OUTPUT_CLASSES),
    ),
)

EXECUTIONS = Table(
    "executions",
    "execution of a workflow, as an automation tool logs it",
    ("source", "row_key"),
    _columns(
        started_at=Column(UTC, "when it started", True),
        ended_at=Column(UTC, "when it ended"),
        source=Column(TEXT, "the reader that read it", True),
        row_key=Column(TEXT, "what identifies the row in its source, across exports", True),
        file_id=Column(TEXT, "hash of the export it came from", True),
        row=Column(INT, "row in that export, the header is row 1", True),
        account=Column(TEXT, "the workflow as the tool names it"),
        workflow=Column(TEXT, "from the settings' mapping; else 'unassigned'", True),
        run_id=Column(TEXT, "the tool's own number of the run", True),
        status=Column(TEXT, "outcome", True, STATUSES),
        tasks_done=Column(INT, "tasks it did; <NA> where the tool does not say"),
    ),
)

RUNS = Table(
    "runs",
    "run of a workflow",
    ("workflow", "run_id"),
    _columns(
        workflow=Column(TEXT, "the workflow", True),
        run_id=Column(TEXT, "the run; a call without one is a run of its own", True),
        started_at=Column(UTC, "start of its first call", True),
        hour=Column(UTC, "the hour it started in", True),
        calls=Column(INT, "calls it made", True),
        status=Column(TEXT, "ok when its last call is; else that call's status", True, STATUSES),
        input_tokens=Column(INT, "sum over its calls"),
        output_tokens=Column(INT, "sum over its calls"),
        cost_eur=Column(REAL, "sum over its calls; <NA> when one of them is unpriced"),
        served_model=Column(TEXT, "model of its last call"),
        refused=Column(FLAG, "whether its last call answered with a refusal or was filtered"),
    ),
)

BILLS = Table(
    "bills",
    "line of a vendor's bill",
    ("source", "row_key"),
    _columns(
        period_start=Column(UTC, "start of what the line covers", True),
        period_end=Column(UTC, "its end, exclusive", True),
        provider=Column(TEXT, "who bills", True),
        account=Column(TEXT, "project, workspace or subscription"),
        line_item=Column(TEXT, "as exported"),
        about_ai=Column(FLAG, "whether it is about AI: a cloud bills everything", True),
        amount=Column(REAL, "in `currency`", True),
        currency=Column(TEXT, "ISO 4217", True),
        source=Column(TEXT, "the reader that read it", True),
        row_key=Column(TEXT, "what identifies the line across exports", True),
        file_id=Column(TEXT, "hash of the export it came from", True),
        row=Column(INT, "row in that export", True),
    ),
)

COVERAGE = Table(
    "coverage",
    "stretch that one export covers for one of its workflows",
    ("file_id", "workflow"),
    _columns(
        file_id=Column(TEXT, "hash of the export", True),
        source=Column(TEXT, "the reader that read it", True),
        workflow=Column(TEXT, "a workflow the export speaks of", True),
        covered_from=Column(UTC, "an absent row from here on is a zero", True),
        covered_to=Column(UTC, "up to here, exclusive", True),
        bucket_s=Column(INT, "finest grain of the export in seconds, 0 for single calls", True),
        has_status=Column(FLAG, "whether outcomes are in it", True),
    ),
)

PANEL = Table(
    "panel",
    "workflow, model and hour with at least one call",
    ("workflow", "served_model", "hour"),
    _columns(
        workflow=Column(TEXT, "the workflow", True),
        served_model=Column(TEXT, "what answered; 'unknown' where the source does not say", True),
        hour=Column(UTC, "start of the hour", True),
        calls=Column(INT, "requests, all outcomes but caller cancels"),
        judged=Column(INT, "calls whose outcome is known: what error rates are a share of"),
        failed=Column(INT, "error, rate_limited or timeout"),
        refused=Column(INT, "answers refused or filtered"),
        input_tokens=Column(INT, "sum"),
        cache_read_tokens=Column(INT, "sum, part of input_tokens"),
        output_tokens=Column(INT, "sum"),
        cost_eur=Column(REAL, "sum of what is priced"),
        unpriced=Column(INT, "rows without a cost", True),
        latency_ms=Column(REAL, "median"),
    ),
)

ANSWERS = Table(
    "answers",
    "workflow and hour with an answer that was timed or scored",
    ("workflow", "hour"),
    _columns(
        workflow=Column(TEXT, "the workflow", True),
        hour=Column(UTC, "start of the hour", True),
        latency_ms=Column(REAL, "median of ok calls"),
        timed=Column(INT, "ok calls with a latency", True),
        quality=Column(REAL, "mean score, 0 to 1"),
        scored=Column(INT, "calls with a score", True),
    ),
)

MODELS = Table(
    "models",
    "workflow, provider, model, cost kind and UTC day with a call",
    ("workflow", "provider", "request_model", "served_model", "cost_kind", "day"),
    _columns(
        workflow=Column(TEXT, "the workflow", True),
        provider=Column(TEXT, "vendor"),
        request_model=Column(TEXT, "what was asked for"),
        served_model=Column(TEXT, "what answered"),
        cost_kind=Column(TEXT, "where the cost is from; unpriced is none", True),
        day=Column(UTC, "the UTC day", True),
        first_seen=Column(UTC, "its first call", True),
        last_seen=Column(UTC, "its last call", True),
        calls=Column(INT, "requests; <NA> where they are not counted"),
        rows=Column(INT, "rows of exports", True),
        cost_eur=Column(REAL, "sum of what is priced"),
    ),
)

LIST_RUNS = Table(
    "list_runs",
    "run of a workflow's regression list that was kept",
    ("workflow", "run"),
    _columns(
        workflow=Column(TEXT, "the workflow", True),
        run=Column(TEXT, "the run's name", True),
        at=Column(UTC, "when it was judged; <NA> where the verdict cannot be read"),
        verdict=Column(TEXT, "GO, LOOK or HOLD; <NA> where it cannot be read"),
        cases=Column(INT, "enabled cases of the list"),
        lost=Column(INT, "cases whose output format is broken"),
        named=Column(TEXT, "the ids of the first lost cases, and how many more"),
        asked_model=Column(TEXT, "what the endpoint was asked for; <NA> where nothing says"),
        before=Column(TEXT, "the approved run it was compared with; <NA> for none"),
        before_model=Column(TEXT, "what that one asked for"),
    ),
)

FILES = Table(
    "files",
    "file that was in the inbox",
    ("file_id",),
    _columns(
        file_id=Column(TEXT, "hash of its bytes, 16 hex digits", True),
        file=Column(TEXT, "its name in the inbox", True),
        reader=Column(TEXT, "the reader that took it; <NA> when none did"),
        state=Column(TEXT, "", True, ("loaded", "empty", "known", "unknown", "unreadable")),
        rows_in=Column(INT, "rows found", True),
        loaded=Column(INT, "rows loaded", True),
        known=Column(INT, "rows already loaded from an earlier file", True),
        quarantined=Column(INT, "rows set aside with a reason", True),
        corrected=Column(INT, "of those loaded: rows that replace what an earlier file said", True),
        covered_from=Column(UTC, "start of what it covers"),
        covered_to=Column(UTC, "its end, exclusive"),
        header=Column(TEXT, "its header line"),
        problem=Column(TEXT, "what a person should know or do"),
    ),
)

QUARANTINE = Table(
    "quarantine",
    "row set aside",
    ("file_id", "row"),
    _columns(
        file_id=Column(TEXT, "hash of the export", True),
        file=Column(TEXT, "its name", True),
        row=Column(INT, "row in it, the header is row 1", True),
        reason=Column(TEXT, "what was found, what was expected, what to do", True),
        text=Column(TEXT, "the row as it came", True),
    ),
)

FINDINGS = Table(
    "findings",
    "stretch of time in which one rule held for one workflow and metric",
    ("method", "rule", "workflow", "metric", "started_at", "reason"),
    _columns(
        rule=Column(TEXT, "R1 to R15", True),
        method=Column(TEXT, "which reading of the rule", True, ("calendar", "runbook")),
        family=Column(TEXT, "what its findings are grouped in: errors, cost, latency, ...", True),
        workflow=Column(TEXT, "the workflow, or 'company' for its total", True),
        metric=Column(TEXT, "what was measured, with its unit in the name", True),
        started_at=Column(UTC, "when it began", True),
        ended_at=Column(UTC, "end of the last bucket it held in, exclusive", True),
        detected_at=Column(UTC, "when the data first allowed to say so", True),
        observed=Column(REAL, "the worst value in the stretch"),
        baseline=Column(REAL, "what is normal there"),
        limit=Column(REAL, "the value it must not exceed"),
        sample=Column(INT, "calls, runs, hours or days it was judged on"),
        references=Column(INT, "buckets in the baseline"),
        parameters=Column(TEXT, "the settings it was judged with, as 'name=value, ...'"),
        priority=Column(TEXT, "<NA> when nothing follows from it", False, PRIORITIES),
        state=Column(
            TEXT,
            "how it stands at the end of the data",
            True,
            ("firing", "over", "candidate", "learning", "not evaluable", "note"),
        ),
        reason=Column(TEXT, "a sentence for the page", True),
    ),
)

TABLES = (
    CALLS,
    EXECUTIONS,
    RUNS,
    BILLS,
    COVERAGE,
    PANEL,
    ANSWERS,
    MODELS,
    FILES,
    QUARANTINE,
    FINDINGS,
)
