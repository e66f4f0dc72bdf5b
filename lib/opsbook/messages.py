"""What a notification says: what happened, since when, who acts by when, what first, and where.

Plain text, made to be read on a telephone. What comes from exports and notes is hostile: it stays
on its line, links to nothing and calls nobody.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

import pandas as pd

from opsbook.displays import when, zone_note
from opsbook.settings import Company

LINE_CHARS = 300
"""A telephone shows no more of a line, and a list of workflows must not crowd out the deadlines."""
CALLS = re.compile(r"(?<!\w)@(?=\w)|<(?=[!@#])")
"""What chat services read as a call to everybody."""
APART = "\u200b"
"""A space of no width: people do not see it, and @all calls nobody."""


class Message(NamedTuple):
    """A notification's two parts."""

    title: str
    body: str


def visible(text: str) -> str:
    """A text without characters that are not seen, among them line ends and reversed writing."""
    return "".join(c if c.isprintable() or c == APART else " " for c in text)


def line(text: str) -> str:
    """A text on one line: what people can see of it, without links and calls.

    >>> line("see\\r\\nBcc: https://evil.example")
    'see Bcc: https[:]//evil.example'
    """
    short = " ".join(visible(text).split())
    cut = short if len(short) <= LINE_CHARS else short[: LINE_CHARS - 1] + "…"
    return CALLS.sub(rf"\g<0>{APART}", cut.replace("://", "[:]//"))


def message(
    headline: str,
    since: pd.Timestamp,
    due: Sequence[tuple[str, pd.Timestamp]],
    first_response: str,
    link: str,
    count: int,
    head: str,
    company: Company,
) -> Message:
    """The notification of one incident, times local to the company.

    Clauses B2, B3, B6 and B7. `headline` says what happened and its class; `due` is each role with
    the time by which it must act; `count` and `head` are the event chain's, which `verify` takes.
    """
    told = line(headline)
    lines = [
        told,
        "",
        f"Since: {when(since, company)}",
        *(f"{role}: act by {when(at, company)}" for role, at in due),
        f"First response: {line(first_response)}",
        f"Page: {link}",
        f"Record: {count} events, head {head}",
        zone_note(company),
    ]
    return Message(told, "\n".join(lines))
