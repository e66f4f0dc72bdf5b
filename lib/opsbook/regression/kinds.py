"""What a kind of check is, and the small grammars its values share: lists and ranges."""

import re
from collections.abc import Callable
from dataclasses import dataclass

from opsbook.regression.cases import Answer, Case

Held = bool | str | None
"""True, False; "waiting" or "off" where no machine can say."""


@dataclass(frozen=True)
class Typed:
    """What stood beside a type: its value, the number in parentheses with its unit, the locale."""

    value: str = ""
    number: float | None = None
    unit: str = ""
    language: str = ""


@dataclass(frozen=True)
class Reply:
    """What a check looks at: an answer with its case and the approved answers to that case."""

    text: str
    answer: Answer
    case: Case
    approved: tuple[Answer, ...] = ()


@dataclass(frozen=True)
class Kind:
    """A kind of check: how its value is read (ValueError says what is wrong) and how it judges.

    `needs` is value, number, nothing or "" (a value may stand there); `ours` is False for checks
    that promptfoo has under the same name; one that cannot stand `alone` in a case decides nothing.
    """

    name: str
    example: str
    says: str
    parse: Callable[[Typed], object]
    judge: Callable[[object, Reply], tuple[Held, str]]
    needs: str = "value"
    ours: bool = True
    alone: bool = True


QUOTES = {"“": '"', "”": '"', "„": '"', "«": '"', "»": '"'}
ITEM = re.compile(r'\s*(?:"((?:[^"]|"")*)"|((?!")[^,]*?))\s*(?:,|$)')
QUOTED_SIGNS = re.compile(r'"([^\w"]+)"')
RANGE = re.compile(r"(\d+)\s*(?:-|–|\.\.|to|bis|à)\s*(\d+)")
BOUND = re.compile(r"(<=|>=|<|>|=|≤|≥|at least|at most)?\s*(\d+)")


def listed(typed: Typed) -> tuple[str, ...]:
    """The items of a list: set apart by commas; one that holds a comma stands in quotes.

    >>> listed(Typed('"1.234,56", EUR'))
    ('1.234,56', 'EUR')
    """
    text = typed.value
    if '"' not in text:
        text = "".join(QUOTES.get(c, c) for c in text)
    items, place = [], 0
    while place < len(text):
        found = ITEM.match(text, place)
        if not found:
            raise ValueError(f'the quotes in {text[place:]} do not close; expected "a, b", c')
        items.append(found[1].replace('""', '"') if found[1] is not None else found[2])
        place = found.end()
    if not all(items):
        raise ValueError(f"{typed.value} has an empty item; expected like a, b, c")
    return tuple(items)


@dataclass(frozen=True)
class Range:
    """Whole numbers from `low` to `high`, both included; `high` None is without end."""

    low: int
    high: int | None

    def __contains__(self, count: int) -> bool:
        """Whether a count lies within."""
        return self.low <= count and (self.high is None or count <= self.high)

    def __str__(self) -> str:
        """The range in words."""
        if self.high is None:
            return f"at least {self.low}"
        if self.low == 0 and self.high > 0:
            return f"at most {self.high}"
        return str(self.low) if self.low == self.high else f"{self.low} to {self.high}"


def ranged(typed: Typed) -> Range:
    """A count or a range of counts: 3, 3-5, <= 500, >= 2.

    >>> print(ranged(Typed("3-5")), "|", ranged(Typed("<= 500")))
    3 to 5 | at most 500
    """
    text = typed.value.strip()
    if found := RANGE.fullmatch(text):
        low, high = int(found[1]), int(found[2])
        if low > high:
            raise ValueError(f"{text} begins above its end; expected like {high}-{low}")
        return Range(low, high)
    if not (found := BOUND.fullmatch(text)):
        raise ValueError(f'"{text}" is no count; expected like 3, 3-5, <= 500 or >= 2')
    sign, count = found[1] or "=", int(found[2])
    bounds = {"<": (0, count - 1), ">": (count + 1, None), "=": (count, count)}
    bounds |= dict.fromkeys(("<=", "≤", "at most"), (0, count))
    bounds |= dict.fromkeys((">=", "≥", "at least"), (count, None))
    return Range(*bounds[sign])


def anything(typed: Typed) -> str:
    """The value as it stands; signs alone may be quoted, to be seen.

    >>> anything(Typed('","')), anything(Typed('"total"'))
    (',', '"total"')
    """
    quoted = QUOTED_SIGNS.fullmatch(typed.value)
    return quoted[1] if quoted else typed.value


def nothing(typed: Typed) -> None:
    """No value at all."""


def excerpt(text: str, most: int = 60) -> str:
    """The beginning of a text on one line, in quotes, for a sentence about it."""
    line = " ".join(text.split())
    return f'"{line if len(line) <= most else line[: most - 1] + "…"}"'


def several(count: int, one: str, more: str | None = None) -> str:
    """A count with its noun.

    >>> several(1, "bullet"), several(0, "bullet")
    ('1 bullet', 'no bullets')
    """
    return f"{count or 'no'} {one if count == 1 else more or one + 's'}"
