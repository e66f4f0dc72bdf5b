"""Checks of what an answer says: the words it holds, begins and ends with, or must equal.

Names and behaviour are promptfoo's where it has them: `contains` heeds letter case, `icontains`
does not, `equals` takes the whole answer to the last space.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

import regex

from opsbook.regression.kinds import Kind, Reply, Typed, anything, excerpt, listed

SECONDS = 1.0
"""How long one regular expression may search one answer: a hostile answer must not stop a run."""
LEVENSHTEIN, ROUGE = 5.0, 0.75
"""promptfoo's own limits, where a check names none."""
TREEBANK = tuple(
    (regex.compile(form), instead)
    for form, instead in (
        (r'(^|(?<=[\s\p{P}<]))"', " `` "), ('"', " '' "), (r"\.{3}", " ... "),
        (r"[:,](?!\p{Nd})", r" \g<0> "), (r"[;@#$%&]", r" \g<0> "),
        (r"([^.])(?<!\b[A-Za-z]\.[A-Za-z])(\.)([\])}>'\s]*)$", r"\1 \2\3 "), (r"[?!]", r" \g<0> "),
        (r"[\][(){}<>]", r" \g<0> "), ("--", " -- "), ("$", " "), (r"([^'])' ", r"\1 ' "),
        (r"'([sSmMdD]) ", r" '\1 "), (r"('ll|'re|'ve|n't) ", r" \1 "),
    )
)  # fmt: skip
"""Steps of the Penn Treebank's tokenizer, which ROUGE is counted on."""
DOLLAR = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\$", re.S)
Judged = tuple[bool, str]


def _same(text: str) -> str:
    return text


def _holds(fold: Callable[[str], str]) -> Callable[[str, Reply], Judged]:
    def judge(value: str, reply: Reply) -> Judged:
        held = fold(value) in fold(reply.text)
        return held, f"{'holds' if held else 'does not hold'} {excerpt(value)}"

    return judge


def _holds_some(fold: Callable[[str], str], every: bool) -> Callable[[tuple, Reply], Judged]:
    def judge(values: tuple[str, ...], reply: Reply) -> Judged:
        text = fold(reply.text)
        there = [v for v in values if fold(v) in text]
        absent = [v for v in values if v not in there]
        held = not absent if every else bool(there)
        if held:
            return True, "holds " + ", ".join(excerpt(v) for v in there)
        return False, f"{'lacks' if every else 'holds none of'} " + ", ".join(map(excerpt, absent))

    return judge


def equals(value: str, reply: Reply) -> Judged:
    """Whether the answer is the value, to the last space."""
    if reply.text == value:
        return True, f"is {excerpt(value)}"
    if reply.text.strip() == value.strip():
        return False, f"is {excerpt(value)} with spaces or lines around it"
    if reply.text.strip().casefold() == value.strip().casefold():
        return False, f"is {excerpt(value)} in another letter case"
    return False, f"is {excerpt(reply.text)}, not {excerpt(value)}"


def one_of(values: tuple[str, ...], reply: Reply) -> Judged:
    """Whether the answer, spaces around it left out, is one of the values."""
    held = reply.text.strip() in values
    return held, f"is {excerpt(reply.text)}" + ("" if held else f", none of {', '.join(values)}")


def starts_with(value: str, reply: Reply) -> Judged:
    """Whether the answer begins with the value."""
    held = reply.text.startswith(value)
    return held, f"begins with {excerpt(value if held else reply.text, 40)}"


def ends_with(value: str, reply: Reply) -> Judged:
    """Whether the answer, spaces after it left out, ends with the value."""
    text = reply.text.rstrip()
    held = text.endswith(value)
    return held, f"ends with {excerpt(value if held else text[-40:], 40)}"


@dataclass(frozen=True)
class Pattern:
    """A regular expression: as it was typed, and ready to search."""

    typed: str
    form: regex.Pattern


def pattern(typed: Typed) -> Pattern:
    """A regular expression; ValueError with the place of its fault."""
    try:
        return Pattern(typed.value, regex.compile(_whole_end(typed.value)))
    except regex.error as error:
        raise ValueError(f'"{typed.value}" is no regular expression: {error}') from None


def _whole_end(text: str) -> str:
    """An expression whose $ is the very end, as in JavaScript: not before a last line break."""
    lines = re.search(r"\(\?[a-z]*m", text)
    return text if lines else DOLLAR.sub(lambda m: r"\Z" if m[0] == "$" else m[0], text)


def matches(wanted: Pattern, reply: Reply) -> Judged:
    """Whether the expression is found anywhere in the answer, within a second."""
    try:
        found = wanted.form.search(reply.text, timeout=SECONDS)
    except TimeoutError:
        raise ValueError(
            f"the expression {wanted.typed} searched one answer for over {SECONDS:g} s; "
            "write it without nested repetitions"
        ) from None
    if found:
        return True, f"holds {excerpt(found[0])}, which {wanted.typed} asks for"
    return False, f"holds nothing that {wanted.typed} asks for"


def whole_words(typed: Typed) -> tuple[tuple[str, regex.Pattern], ...]:
    """Each listed word as an expression that finds it as a word of its own, in any letter case."""
    return tuple(
        (word, regex.compile(rf"(?<!\w){regex.escape(word)}(?!\w)", regex.I))
        for word in listed(typed)
    )


def has_words(wanted: tuple[tuple[str, regex.Pattern], ...], reply: Reply) -> Judged:
    """Whether any of the words stands in the answer as a word of its own."""
    there = [word for word, found in wanted if found.search(reply.text)]
    if there:
        return True, "has the " + ("word " if len(there) == 1 else "words ") + ", ".join(there)
    return False, "has none of the words " + ", ".join(word for word, _ in wanted)


def limited(default: float) -> Callable[[Typed], tuple[str, float]]:
    """A reader of a text with a limit in parentheses."""
    return lambda typed: (typed.value, default if typed.number is None else typed.number)


def near_letters(spec: tuple[str, float], reply: Reply) -> Judged:
    """Whether so many letters or fewer must be changed to make one text of the other."""
    distance = levenshtein(reply.text, spec[0])
    return distance <= spec[1], f"is {distance} letters from {excerpt(spec[0])}"


def levenshtein(one: str, other: str) -> int:
    """Letters to put in, take out or change to make one text of the other.

    >>> levenshtein("Rechnung", "Rechnungen")
    2
    """
    before = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        row = [i]
        for j, b in enumerate(other, start=1):
            row.append(min(before[j] + 1, row[-1] + 1, before[j - 1] + (a != b)))
        before = row
    return before[-1]


def near_words(spec: tuple[str, float], reply: Reply) -> Judged:
    """Whether answer and value share so many words: ROUGE-1 as an F-score, in any letter case."""
    score = rouge_1(reply.text, spec[0])
    return score >= spec[1], f"shares {score:.0%} of its words with {excerpt(spec[0])}"


def rouge_1(text: str, wanted: str) -> float:
    """The F-score of the words two texts share, each word counted as often as both have it.

    >>> rouge_1("The order is shipped", "the order was shipped today")
    0.6666666666666666
    """
    said, asked = (Counter(treebank(t.lower())) for t in (text, wanted))
    shared = (said & asked).total()
    return 2 * shared / (said.total() + asked.total()) if shared else 0.0


def treebank(text: str) -> list[str]:
    """The words and signs of a text, cut apart as the Penn Treebank does.

    >>> treebank("it's 1,5 bar, isn't it?")
    ['it', "'s", '1,5', 'bar', ',', 'is', "n't", 'it', '?']
    """
    text = " ".join(text.split())
    for form, instead in TREEBANK:
        text = form.sub(instead, text)
    return text.split()


fold = str.lower
KINDS = (
    Kind("contains", "contains: EUR", "The answer holds this text, letter case heeded.",
         anything, _holds(_same), ours=False),
    Kind("icontains", "icontains: guarantee", "The answer holds this text in any letter case.",
         anything, _holds(fold), ours=False),
    Kind("contains-any", "contains-any: EUR, €", "It holds at least one of these.",
         listed, _holds_some(_same, False), ours=False),
    Kind("contains-all", 'contains-all: "1.234,56", EUR', "It holds every one of these.",
         listed, _holds_some(_same, True), ours=False),
    Kind("icontains-any", "icontains-any: refund, credit note", "One of these, in any letter case.",
         listed, _holds_some(fold, False), ours=False),
    Kind("icontains-all", "icontains-all: order, delivery", "All of these, in any letter case.",
         listed, _holds_some(fold, True), ours=False),
    Kind("equals", "equals: Rechnung", "The whole answer is this. Plain text means the same.",
         anything, equals, ours=False),
    Kind("one-of", "one-of: Rechnung, Gutschrift, Sonstiges", "The whole answer is one of these.",
         listed, one_of),
    Kind("starts-with", "starts-with: Dear", "It begins with this.",
         anything, starts_with, ours=False),
    Kind("ends-with", "ends-with: Kind regards", "It ends with this.", anything, ends_with),
    Kind("regex", r"regex: \b[A-Z]{2}\d{6}\b", "This expression is found in it.",
         pattern, matches, ours=False),
    Kind("has-word", "not-has-word: cheap, free", "One of these stands in it as a word of its own.",
         whole_words, has_words),
    Kind("levenshtein", "levenshtein(5): Rechnung", "At most so many letters differ.",
         limited(LEVENSHTEIN), near_letters, ours=False),
    Kind("rouge-n", "rouge-n(0.75): order shipped today", "It shares so many words with this.",
         limited(ROUGE), near_words, ours=False),
)  # fmt: skip
