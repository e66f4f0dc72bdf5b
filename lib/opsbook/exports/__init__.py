"""What people drop into the inbox, read into canonical rows: one small pure module per source.

A reader is recognised by a file's header set, never by its name. It says what its input tokens
include, because counting cached tokens twice is the most common cause of wrong cost.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pandas as pd

from opsbook.exports.reading import Rows
from opsbook.schema import UTC

NO_TIME = pd.Series(dtype=UTC)
NO_LENGTH = pd.Series(dtype="int64")


@dataclass(frozen=True)
class Reading:
    """What one file holds: canonical rows, and the rows set aside.

    `calls` and `bills` carry the columns of `schema.CALLS` and `schema.BILLS` that the source
    knows, with `row` and `row_key`; `quarantine` holds row, text and reason. `covered_from` and
    `covered_to` are what a source of totals states; single calls leave them to their rows.
    """

    calls: pd.DataFrame = field(default_factory=pd.DataFrame)
    bills: pd.DataFrame = field(default_factory=pd.DataFrame)
    quarantine: pd.DataFrame = field(default_factory=pd.DataFrame)
    covered_from: pd.Timestamp | None = None
    covered_to: pd.Timestamp | None = None
    bucket_s: int = 0
    has_status: bool = True
    empty_rows: int = 0
    notices: tuple[str, ...] = ()

    def closed(self, arrived: pd.Timestamp) -> "Reading":
        """The reading without totals and bills whose period was not over when the file arrived.

        A later export tells them whole; loaded now, they would stay what they were halfway.
        """
        ends = self.calls.get("ts", NO_TIME) + pd.to_timedelta(
            self.calls.get("bucket_s", NO_LENGTH).astype("int64"), unit="s"
        )
        calls, bills = ends > arrived, self.bills.get("period_end", NO_TIME) > arrived
        calls &= self.calls.get("bucket_s", NO_LENGTH) > 0
        if not calls.any() and not bills.any():
            return self
        begun = [
            *self.calls.get("ts", NO_TIME)[calls],
            *self.bills.get("period_start", NO_TIME)[bills],
        ]
        rows = {*self.calls.get("row", NO_LENGTH)[calls], *self.bills.get("row", NO_LENGTH)[bills]}
        many = len(rows) > 1
        open_rows = (
            f"{len(rows)} row{'s' * many} of a period that was not over {'are' if many else 'is'} "
            "left to the next export"
        )
        return replace(
            self,
            calls=self.calls[~calls],
            bills=self.bills[~bills],
            covered_to=min([*begun, self.covered_to or arrived]),
            empty_rows=self.empty_rows + len(rows),
            notices=(*self.notices, open_rows),
        )


@dataclass(frozen=True)
class Reader:
    """One kind of export: how it is recognised, what it is, and how it is read."""

    source: str
    title: str
    input_tokens: str
    needs: frozenset[str]
    read: Callable[[Rows, str], Reading]
    codebook: str = ""

    def recognises(self, header: frozenset[str]) -> bool:
        """Whether a header set holds every column this reader needs."""
        return self.needs <= header
