"""What people drop into the inbox, read into canonical rows: one small pure module per source.

A reader is recognised by a file's header set, never by its name. It says what its input tokens
include, because counting cached tokens twice is the most common cause of wrong cost. It hands back
SQL over the file's cells (`fields.Fields`), so that a file of ten million rows is one statement.
"""

from collections.abc import Callable
from dataclasses import dataclass

from opsbook.exports.fields import Fields


@dataclass(frozen=True)
class Part:
    """Rows that a file's rows give: columns of a canonical table as SQL, and which rows give one.

    Equal rows of one file are one row that stands there twice; where `twins`, they are two that
    cannot be told apart.
    """

    columns: dict[str, str]
    where: str = "true"
    twins: bool = False


@dataclass(frozen=True)
class Reading:
    """What one file holds: parts of `schema.CALLS`, `schema.BILLS` and of runs.

    Each part carries the columns that the source knows, with `row_key`. `covered` is the start and
    the end of what a row states, for sources of totals; single calls leave it to their rows.
    `notice` says of the rows that no part takes what they are, if a person should know.
    """

    calls: tuple[Part, ...] = ()
    bills: tuple[Part, ...] = ()
    runs: tuple[Part, ...] = ()
    covered: tuple[str, str] | None = None
    bucket_s: str = "0"
    has_status: bool = True
    notice: str = ""


@dataclass(frozen=True)
class Reader:
    """One kind of export: how it is recognised, what it is, and how it is read.

    `numbers` names columns whose cells show whether the file writes decimal commas; without, it
    writes points. `unfold` turns a JSON document whose records lie deeper into flat records, None
    for one of another kind.
    """

    source: str
    title: str
    input_tokens: str
    needs: frozenset[str]
    read: Callable[[Fields], Reading]
    codebook: str = ""
    exactly: bool = False
    numbers: tuple[str, ...] = ()
    unfold: Callable[[object], list[dict] | None] | None = None

    def recognises(self, header: frozenset[str]) -> bool:
        """Whether a header set holds every column this reader needs, and no other if `exactly`."""
        return header == self.needs if self.exactly else self.needs <= header
