"""What people drop into the inbox, read into canonical rows: one small pure module per source.

A reader is recognised by a file's header set, never by its name. It says what its input tokens
include, because counting cached tokens twice is the most common cause of wrong cost.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import pandas as pd

from opsbook.exports.reading import Rows


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
