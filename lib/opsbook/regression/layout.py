"""Checks of how an answer is laid out: bullets, headings, tables, paragraphs and how long it is.

Layout is read as Markdown, which is what models write. What stands in a code fence is no bullet,
heading or table of the answer.
"""

import re
from collections.abc import Callable

from opsbook.regression.kinds import Kind, Range, Reply, Typed, excerpt, listed, ranged, several

FENCE = re.compile(r"^[ \t]*(```|~~~)", re.M)
FENCED = re.compile(r"^[ \t]*(```|~~~)[^\n]*\n.*?(?:^[ \t]*\1[ \t]*$|\Z)", re.M | re.S)
BULLET = re.compile(r"^\s*(?:[-*+•‣▪◦–](?=\s+\S)|[-*](?=[^\s*-]))", re.M)
NUMBERED = re.compile(r"^\s*\(?\d{1,3}[.)]\s+\S", re.M)
HEADING = re.compile(r"^[ ]{0,3}#{1,6}\s+(.+?)\s*#*\s*$|^\s*\*\*([^*\n]+?):?\*\*:?\s*$", re.M)
RULE = re.compile(r"^\s*\|?\s*:?-{2,}:?\s*(?:\|\s*:?-{2,}:?\s*)+\|?\s*$")
PLACEHOLDER = re.compile(r"\[[^\[\]\n]+\](?!\()")
HIGHLIGHT = re.compile(r"\*\*[^\n*]*[^\s*][^\n*]*\*\*|\*[^\n*]*[^\s*][^\n*]*\*")
SENTENCE_END = re.compile(r"[.!?…。！？]+[\"'”»)\]]*(?=\s|$)")
ABBREVIATED = re.compile(
    r"\b(?:e\.g|i\.e|etc|vs|cf|approx|no|nr|st|dr|mr|mrs|ms|prof|inc|ltd|bzw|ca|z\. ?b|d\. ?h|"
    r"u\. ?a|usw|inkl|zzgl|evtl|ggf|tel|abs|art|bsp|hr|fr|mme|m|p\. ?ex|ej|sr|sra|ud|sig|dott|bijv|"
    r"o\.a|np|tzn)"
    r"\.$",
    re.I,
)
WORD = re.compile(r"[^\W_]+(?:['’\-][^\W_]+)*")
LONGEST_WORD = 40
"""Characters around the end of a sentence that tell whether it is one."""
TOKEN_CHARS = 4
"""Characters a token has where the endpoint told no count: a rule of thumb of the vendors."""
Judged = tuple[bool, str]


def prose(text: str) -> str:
    """An answer without its code fences."""
    return FENCED.sub("", text)


def _bullets(text: str) -> int:
    return len(BULLET.findall(prose(text)))


def _numbered(text: str) -> int:
    return len(NUMBERED.findall(prose(text)))


def _paragraphs(text: str) -> int:
    return sum(bool(part.strip()) for part in re.split(r"\n\s*\n", text))


def _lines(text: str) -> int:
    return sum(bool(line.strip()) for line in text.splitlines())


def _words(text: str) -> int:
    return len(WORD.findall(text))


def sentences(text: str) -> int:
    """Sentences of an answer, bullets and headings each one; abbreviations and numbers end none.

    >>> sentences("Pressure is 2.5 bar, e.g. at rest. Call us!")
    2
    """
    return sum(_ends(line) for line in prose(text).splitlines() if line.strip())


def _ends(line: str) -> int:
    ends = [m for m in SENTENCE_END.finditer(line) if not _abbreviated(line, m.end())]
    rest = line[ends[-1].end() :] if ends else line
    return len(ends) + bool(WORD.search(rest))


def _abbreviated(line: str, end: int) -> bool:
    before, after = line[max(0, end - LONGEST_WORD) : end], line[end : end + LONGEST_WORD]
    numbered = re.search(r"(?:^|\s)\d+\.$", before) and re.match(r"\s+\S", after)
    goes_on = re.match(r"\s+[a-zà-ÿ]", after)
    short = ABBREVIATED.search(before)
    return bool(numbered or (short and after.strip()) or (goes_on and before[-1] == "."))


def headings(text: str) -> list[str]:
    """The headings of an answer in their order: Markdown's, or a line that is bold as a whole."""
    return [(a or b).strip() for a, b in HEADING.findall(prose(text))]


def headed(typed: Typed) -> Range | tuple[str, ...]:
    """How many headings, or which: a count, or their names in their order."""
    try:
        return ranged(typed)
    except ValueError:
        return listed(typed)


def has_headings(wanted: Range | tuple[str, ...], reply: Reply) -> Judged:
    """Whether the answer has so many headings, or just these in this order."""
    there = headings(reply.text)
    said = f"has {several(len(there), 'heading')}" + (f": {', '.join(there)}" if there else "")
    if isinstance(wanted, Range):
        return len(there) in wanted, said
    return [h.casefold() for h in there] == [w.casefold() for w in wanted], said


def table(text: str) -> tuple[list[str], int]:
    """The head cells and the number of rows of the first Markdown table; ([], 0) without one."""
    lines = prose(text).splitlines()
    for place, line in enumerate(lines[1:], start=1):
        if RULE.match(line) and "|" in lines[place - 1]:
            head = [cell.strip() for cell in lines[place - 1].strip().strip("|").split("|")]
            rows = [bool("|" in row and row.strip()) for row in lines[place + 1 :]]
            return head, (rows.index(False) if False in rows else len(rows))
    return [], 0


def tabled(typed: Typed) -> tuple[str, ...]:
    """The heads a table must have; none for any table."""
    return listed(typed) if typed.value else ()


def has_table(wanted: tuple[str, ...], reply: Reply) -> Judged:
    """Whether there is a table, with these heads in this order where they are named."""
    head, rows = table(reply.text)
    if not head:
        return False, "has no table"
    held = not wanted or [h.casefold() for h in head] == [w.casefold() for w in wanted]
    return held, f"has a table of {', '.join(head)} with {several(rows, 'row')}"


def counted(count: Callable[[str], int], noun: str) -> Callable[[Range, Reply], Judged]:
    """A judge that counts something and compares with a range."""

    def judge(wanted: Range, reply: Reply) -> Judged:
        there = count(reply.text)
        return there in wanted, f"has {several(there, noun)}"

    return judge


def tokens(wanted: Range, reply: Reply) -> Judged:
    """Whether the answer has so many tokens: as the endpoint counted, else by its length."""
    told = reply.answer.output_tokens
    there = told if told is not None else round(len(reply.text) / TOKEN_CHARS)
    return there in wanted, f"has {'' if told is not None else 'about '}{several(there, 'token')}"


def no_fences(_: None, reply: Reply) -> Judged:
    """Whether no code fence stands in the answer."""
    found = FENCE.search(reply.text)
    if not found:
        return True, "has no code fence"
    line = reply.text[found.start() :].strip().splitlines()[0]
    return False, f"has a code fence: {excerpt(line, 30)}"


def _none(typed: Typed) -> None:
    return None


def _count(
    name: str, example: str, says: str, count: Callable[[str], int], noun: str, ours: bool = True
) -> Kind:
    return Kind(name, example, says, ranged, counted(count, noun), ours=ours)


KINDS = (
    _count("bullets", "bullets: 3-5", "So many bullet points.", _bullets, "bullet"),
    _count("numbered", "numbered: 3", "So many numbered points.", _numbered, "numbered point"),
    Kind("headings", "headings: Summary, Risks", "These headings in this order, or so many.",
         headed, has_headings),
    Kind("table", "table: Item, Quantity", "A table, with these heads where they are named.",
         tabled, has_table, needs=""),
    _count("paragraphs", "paragraphs: 3", "So many paragraphs, an empty line between them.",
           _paragraphs, "paragraph"),
    _count("sentences", "sentences: <= 6", "So many sentences.", sentences, "sentence"),
    _count("lines", "lines: 1", "So many lines that are not empty.", _lines, "line"),
    _count("words", "words: 50-120", "So many words.", _words, "word"),
    _count("chars", "chars: <= 500", "So many characters.", len, "character"),
    Kind("tokens", "tokens: <= 300", "So many tokens, as the endpoint counted.", ranged, tokens),
    _count("word-count", "word-count: 50-120", "So many words, counted between spaces.",
           lambda text: len(text.split()), "word", ours=False),
    Kind("no-fences", "no-fences", "No ``` around the answer or in it.", _none, no_fences,
         needs="nothing"),
    _count("placeholders", "placeholders: >= 2", "So many [placeholders] in brackets.",
           lambda text: len(PLACEHOLDER.findall(text)), "placeholder"),
    _count("highlights", "highlights: >= 3", "So many *highlighted* passages.",
           lambda text: len(HIGHLIGHT.findall(text)), "highlight"),
)  # fmt: skip
