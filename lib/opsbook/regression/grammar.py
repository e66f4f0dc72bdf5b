"""The checks as a person types them: `[not-]type[(number)][: value]`.

The names and the grammar are promptfoo's where it has them, so that lists move both ways. A text
without a type is what the answer must equal; a text that looks like a mistyped type is an error
with a suggestion, never a silent *equals*. Type in any letter case; decimal comma or point.
"""

import difflib
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from opsbook.regression import figures, layout, measured, privacy, structured, tongues, words
from opsbook.regression.cases import FAIL, PASS, Answer, Case, Checked
from opsbook.regression.kinds import Kind, Reply, Typed

FAMILIES = (words, structured, layout, tongues, figures, privacy, measured)
KINDS: Mapping[str, Kind] = {kind.name: kind for family in FAMILIES for kind in family.KINDS}
"""Every check there is, by its name."""
FOREIGN = frozenset(
    [
        "answer-relevance",
        "bleu",
        "classifier",
        "context-faithfulness",
        "context-recall",
        "context-relevance",
        "conversation-relevance",
        "factuality",
        "g-eval",
        "gleu",
        "guardrails",
        "is-html",
        "is-sql",
        "is-valid-function-call",
        "is-valid-openai-function-call",
        "is-valid-openai-tools-call",
        "is-xml",
        "contains-html",
        "contains-sql",
        "contains-xml",
        "javascript",
        "meteor",
        "model-graded-closedqa",
        "model-graded-factuality",
        "moderation",
        "perplexity",
        "perplexity-score",
        "pi",
        "python",
        "ruby",
        "search-rubric",
        "select-best",
        "max-score",
        "trajectory",
        "tool-call-f1",
        "trace-error-spans",
        "trace-span-count",
        "trace-span-duration",
        "webhook",
    ]
)
"""Checks of promptfoo that nothing here judges: they need code or another model."""
TYPE = r"(?P<not>not-)?(?P<type>[a-z][a-z-]*[a-z](?: only)?)"
HEAD = re.compile(
    rf"\s*{TYPE}\s*(?:\(\s*(?P<number>[^()]*)\))?\s*(?P<colon>:(?P<value>.*))?\s*", re.I | re.S
)
FIELD = re.compile(r"\s*(?P<not>not-)?field\s+(?P<value>\S.*)", re.I | re.S)
NUMBER = re.compile(r"([+-]?\d+(?:[.,]\d+)?)\s*(%|ms|s)?\s*")
NEAR = 0.72
"""How like a known name a word before a colon must be, to be taken for a slip of the pen."""


@dataclass(frozen=True)
class Check:
    """One check of a case, understood: `spec` is what its kind made of the value."""

    typed: str
    kind: Kind
    negated: bool
    spec: object
    cell: str = ""

    def of(self, reply: Reply) -> Checked:
        """What the check says of one answer."""
        held, why = self.kind.judge(self.spec, reply)
        if held is None or isinstance(held, str):
            return Checked(self.typed, held or "waiting", why)
        return Checked(self.typed, PASS if held != self.negated else FAIL, why)


def understood(typed: str, language: str = "", cell: str = "") -> Check:
    """A check as typed; ValueError with what was found, what was expected and a suggestion."""
    found = FIELD.fullmatch(typed) or HEAD.fullmatch(typed)
    if not found or (FIELD.fullmatch(typed) is None and not _is_check(found)):
        found = HEAD.fullmatch(f"equals:{typed}")
    said = found.groupdict()
    kind = KINDS["field" if "type" not in said else said["type"].lower()]
    number, unit = _number(kind, said.get("number"))
    value = (said["value"] or "").strip()
    if kind.needs == "value" and not value:
        raise ValueError(f'"{kind.name}" needs a value, like {kind.example}')
    if kind.needs == "nothing" and value:
        raise ValueError(f'"{kind.name}" takes no value; write {kind.example}')
    if kind.needs == "number" and number is None:
        raise ValueError(f'"{kind.name}" needs a number in parentheses, like {kind.example}')
    spec = kind.parse(Typed(value, number, unit, language))
    return Check(typed.strip(), kind, said["not"] is not None, spec, cell)


def _is_check(found: re.Match) -> bool:
    """Whether a text is meant as a check; ValueError if it is meant as one that is not there."""
    name = found["type"].lower()
    if name in KINDS:
        return found["colon"] is not None or found["number"] is not None or _bare(KINDS[name])
    whole = (found["not"] or "") + name
    if name in FOREIGN and (found["colon"] or found["number"]):
        raise ValueError(
            f'"{name}" is a check of promptfoo that Opsbook does not run: it needs code or another '
            "model. Say in other checks what the answer must hold"
        )
    likely = difflib.get_close_matches(name, KINDS, n=1, cutoff=NEAR)
    asked = found["colon"] is not None or (found["number"] is not None and "-" in name)
    certain = found["colon"] is not None and found["number"] is not None
    if certain or (likely and (asked or "-" in name)):
        raise ValueError(f'unknown check "{whole}"{_suggestion(found["not"], likely)}')
    return False


def _suggestion(negation: str | None, likely: Sequence[str]) -> str:
    if likely:
        return f': did you mean "{(negation or "").lower()}{likely[0]}"?'
    return "; the sheet Checks lists them all. If the answer must be this text: equals: ..."


def _bare(kind: Kind) -> bool:
    return kind.needs != "value" or "-" in kind.name


def _number(kind: Kind, text: str | None) -> tuple[float | None, str]:
    """The number in parentheses and its unit: decimal comma or point; ValueError otherwise."""
    if text is None or not text.strip():
        return None, ""
    found = NUMBER.fullmatch(text.strip())
    if not found:
        raise ValueError(
            f'"{kind.name}({text.strip()})": what stands in parentheses is no number; '
            f"expected like {kind.example}"
        )
    return float(found[1].replace(",", ".")), found[2] or ""


def checked(
    checks: Sequence[Check], answer: Answer, case: Case, approved: Sequence[Answer] = ()
) -> list[Checked]:
    """What each check says of one answer; `approved` are the baseline's answers to the case."""
    reply = Reply(answer.text or "", answer, case, tuple(approved))
    return [check.of(reply) for check in checks]


Problem = Callable[[str], str]


def problems(case: Case) -> list[str]:
    """What is wrong with the checks of a case, each with its cell."""
    found, good = [], []
    for cell, typed in case.checks:
        try:
            good.append(understood(typed, case.language, cell))
        except ValueError as error:
            found.append(f"{cell}: {error}.".replace("?.", "?").replace("..", "."))
    if not case.checks:
        found.append(f"{case.cell}: case {case.id} has no check; type one, like contains: EUR.")
    elif good and not found and all(c.kind.alone is False for c in good):
        names = ", ".join(c.kind.name for c in good)
        found.append(f"{good[0].cell}: {names} alone decides nothing; add a check that can.")
    return found
