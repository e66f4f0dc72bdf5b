"""Markdown as people edit it: lines that show what they hold, tables written and read back."""

import re
from collections.abc import Sequence


def line(text: str) -> str:
    r"""A text from data as one line that Markdown shows and does not obey.

    >>> line("a *bold*\nclaim")
    'a \\*bold\\* claim'
    """
    return re.sub(r"([\\`*_\[\]<>#])", r"\\\1", " ".join(str(text).split()))


def unescaped(text: str) -> str:
    r"""What `line` and `table` were given.

    >>> unescaped(line("a *bold* [claim]"))
    'a *bold* [claim]'
    """
    return re.sub(r"\\([\\`*_\[\]<>#|])", r"\1", text)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """A table's lines; an upright bar within a cell is escaped."""
    lines = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(c.replace("|", "\\|") for c in line) + " |" for line in lines]


def cells(text: str) -> list[str] | None:
    r"""The cells of a line of a table; None for another line and for the line below the heads.

    >>> cells("| a | b\\|c |"), cells("| --- | --- |"), cells("words")
    (['a', 'b|c'], None, None)
    """
    if not text.strip().startswith("|"):
        return None
    bare = text.strip().removeprefix("|").removesuffix("|")
    found = [c.strip() for c in re.split(r"(?<!\\)\|", bare)]
    if all(set(c) <= set("-: ") for c in found) and any(found):
        return None
    return [unescaped(c) for c in found]
