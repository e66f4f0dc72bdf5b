"""A list in promptfoo's CSV columns, both ways, so that nobody is locked in.

Checks that promptfoo has go out under its names. Ours go out as one line of `javascript:` that
judges the same where a line can, and says so where only Opsbook can; what was typed stands in
`__metadata:check_N`, so that reading it back loses nothing.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from opsbook.regression import layout, privacy
from opsbook.regression.cases import REPEATS, Case
from opsbook.regression.grammar import Check, understood
from opsbook.regression.kinds import QUOTED_SIGNS, Range

OWN = ("id", "workflow", "critical", "repeats", "must_pass", "language", "enabled")
"""Columns of a case that promptfoo has no name for: they travel as `__metadata:`."""
LISTS = frozenset({"contains-any", "contains-all", "icontains-any", "icontains-all"})
LIMITED = {"levenshtein": 5.0, "rouge-n": 0.75, "similar": 0.75}
"""Checks whose number promptfoo takes from the parentheses alone, with what ours mean by none."""
TEMPLATE = re.compile(r"\{[{%#]")
RAW = re.compile(r"\{% raw %\}(.*?)\{% endraw %\}", re.S)
VARIABLE = re.compile(r"\{\{\s*(\w+)\s*\}\}")
ITEM = re.compile(r'\s*(?:"((?:\\["\\]|""|[^"])*)"\s*|([^,]*))(?:,|$)')
HEAD = re.compile(
    r"(?P<head>(?:not-)?(?P<type>[a-z-]+)(?:\((?P<number>\d+(?:\.\d+)?)\))?)(?::(?P<value>.*))?",
    re.S,
)
EXPECTED = re.compile(r"__expected(\d*)")


def heads(cases: Sequence[Case]) -> list[str]:
    """The columns that cases need, in the order they are written."""
    most = max((len(c.checks) for c in cases), default=1)
    names = dict.fromkeys(n for c in cases for n in c.variables)
    return [
        "input", *names, *(f"__expected{i}" for i in range(1, most + 1)), "__description",
        *(f"__metadata:{n}" for n in OWN), *(f"__metadata:check_{i}" for i in range(1, most + 1)),
    ]  # fmt: skip


def row(case: Case) -> dict[str, str]:
    """A case as a row of promptfoo's columns; absent ones are empty."""
    told = {
        "id": case.id, "workflow": case.workflow, "critical": "yes" if case.critical else "",
        "repeats": "" if case.repeats == REPEATS else str(case.repeats),
        "must_pass": str(case.must_pass or ""), "language": case.language,
        "enabled": "" if case.enabled else "no",
    }  # fmt: skip
    found = {"input": case.input, "__description": case.note or case.id, **case.variables}
    found |= {f"__metadata:{name}": text for name, text in told.items()}
    for place, (cell, text) in enumerate(case.checks, start=1):
        sent = exported(understood(text, case.language, cell))
        found[f"__expected{place}"] = sent
        found[f"__metadata:check_{place}"] = "" if typed(sent, case.variables) == text else text
    return found


def exported(check: Check) -> str:
    """A check as promptfoo reads it: its own name and grammar, or a line of `javascript:`.

    >>> exported(understood("Contains-any: 'a', b"))
    "contains-any:'a', b"
    """
    kind, name = check.kind, check.kind.name
    own = None if kind.ours else _named(check)
    if own is not None:
        return ("not-" if check.negated else "") + own
    made = JAVASCRIPT.get(name)
    code = made(check) if made else None
    if code is None:
        said = json.dumps(f"judged by Opsbook alone: {check.typed}", ensure_ascii=False)
        return "javascript: " + _escaped(f"({{pass: true, score: 0, reason: {said} }})")
    text = "(typeof output === 'string' ? output : JSON.stringify(output))"
    return f"javascript: {'!' if check.negated else ''}((t) => {_escaped(code)})({text})"


def judged_elsewhere(sent: str) -> bool:
    """Whether promptfoo judges an exported check; the others it passes with a note."""
    return not sent.startswith("javascript: ({pass: true")


def _named(check: Check) -> str | None:
    """The check in promptfoo's own grammar; None where it has none for it."""
    name, spec = check.kind.name, check.spec
    if name in LISTS:
        return f"{name}:{', '.join(_item(v) for v in spec)}"
    if name in ("contains", "icontains", "starts-with", "equals", "finish-reason", "llm-rubric"):
        return f"{name}: {_literal(spec)}"
    if name == "regex":
        return f"regex: {_literal(spec.typed)}"
    if name in ("latency", "cost"):
        return f"{name}({spec:.10f}".rstrip("0").rstrip(".") + ")"
    if name in ("levenshtein", "rouge-n"):
        return f"{name}({spec[1]:g}): {_literal(spec[0])}"
    if name == "is-json":
        return None if spec.fence else _schema(name, spec.schema)
    if name == "contains-json":
        return _schema(name, spec)
    if name == "word-count":
        return f"word-count: {spec.low}" if spec.low == spec.high else None
    if name == "similar":
        found = re.search(r"\(([\d.,]+)\)", check.typed)
        limit = found[1].replace(",", ".") if found else f"{LIMITED[name]:g}"
        return f"similar({limit}): {_literal(spec)}"
    return name if name == "is-refusal" else None


def _schema(name: str, schema: object) -> str:
    return name if schema is None else f"{name}:{_literal(json.dumps(schema, ensure_ascii=False))}"


def _literal(text: str) -> str:
    """A text that promptfoo takes as it stands: it fills in what looks like a template."""
    return f"{{% raw %}}{text}{{% endraw %}}" if TEMPLATE.search(text) else text


def _item(text: str) -> str:
    if re.search(r'[",\\]|^\s|\s$', text) or not text:
        text = '"' + text.replace("\\", "\\\\").replace('"', '""') + '"'
    return _literal(text)


def _escaped(code: str) -> str:
    return code.replace("\n", "\\n")


# Ours, as a line of JavaScript: `t` is the answer.


def _js(text: str) -> str:
    """A text as a literal of JavaScript that holds nothing promptfoo would fill in."""
    return json.dumps(text, ensure_ascii=False).replace("{", "\\u007b")


def _within(wanted: Range, count: str) -> str:
    upper = "" if wanted.high is None else f" && n <= {wanted.high}"
    return f"((n) => n >= {wanted.low}{upper})({count})"


FENCES = r"/^[ \t]*(```|~~~)[^\n]*\n[\s\S]*?(?:^[ \t]*\1[ \t]*$|(?![\s\S]))/gm"
PROSE = f"t.replace({FENCES}, '')"
UNFENCED = (
    r"((m) => m && !m[1].includes('```') ? m[1] : t)"
    r"(t.match(/^\s*```[\w-]*[ \t]*\n([\s\S]*?)\n?[ \t]*```\s*$/))"
)
HOLDS = (
    "(v, p) => { let at = [v]; for (const [, n, i] of p.matchAll(/([^.\\[\\]]+)|\\[(\\d*)\\]/g)) { "
    "if (n !== undefined) { if (!at.every(x => x && typeof x === 'object' && !Array.isArray(x) && "
    "Object.hasOwn(x, n))) return false; at = at.map(x => x[n]); } else { if (!at.every(x => "
    "Array.isArray(x) && x.length > Number(i || 0))) return false; at = at.flatMap(x => i ? "
    "[x[Number(i)]] : x); } } return true; }"
)


def _counting(of: str, pattern: str, flags: str) -> Callable[[Check], str]:
    return lambda check: _within(check.spec, f"({of}.match(/{pattern}/{flags}) || []).length")


def _headings(check: Check) -> str | None:
    if not isinstance(check.spec, Range):
        return None
    return _counting(PROSE, layout.HEADING.pattern, "gm")(check)


def _leftovers(_: Check) -> str:
    forms = (f"/{f.pattern}/{'i' if f.flags & re.I else ''}.test(t)" for f, _ in privacy.LEFTOVERS)
    return "!(" + " || ".join(forms) + ")"


def _words(check: Check) -> str:
    forms = (
        f"new RegExp({_js(f'(?<![{LETTER}])' + _plain(w) + f'(?![{LETTER}])')}, 'iu').test(t)"
        for w, _ in check.spec
    )
    return " || ".join(forms)


LETTER = r"\p{L}\p{N}_"


def _plain(text: str) -> str:
    return re.sub(r"[\\^$.*+?()\[\]{}|/]", lambda m: "\\" + m[0], text)


def _fields(check: Check) -> str:
    paths = json.dumps(list(check.spec), ensure_ascii=False)
    return (
        f"{{ let v; try {{ v = JSON.parse({UNFENCED}); }} catch {{ return false; }} "
        f"const h = {HOLDS}; return {paths}.every(p => h(v, p)); }}"
    )


def _json(check: Check) -> str | None:
    if check.spec.schema is not None:
        return None
    return f"{{ try {{ JSON.parse({UNFENCED}); return true; }} catch {{ return false; }} }}"


JAVASCRIPT: Mapping[str, Callable[[Check], str | None]] = {
    "one-of": lambda c: f"{_listed(c.spec)}.includes(t.trim())",
    "ends-with": lambda c: f"t.trimEnd().endsWith({_js(c.spec)})",
    "has-word": _words,
    "bullets": _counting(PROSE, layout.BULLET.pattern, "gm"),
    "numbered": _counting(PROSE, layout.NUMBERED.pattern, "gm"),
    "headings": _headings,
    "paragraphs": lambda c: _within(c.spec, r"t.split(/\n\s*\n/).filter(p => p.trim()).length"),
    "lines": lambda c: _within(c.spec, r"t.split(/\r\n|\n|\r/).filter(p => p.trim()).length"),
    "words": _counting("t", r"[\p{L}\p{N}]+(?:['’\-][\p{L}\p{N}]+)*", "gu"),
    "chars": lambda c: _within(c.spec, "[...t].length"),
    "word-count": lambda c: _within(c.spec, r"t.trim().split(/\s+/).filter(w => w).length"),
    "no-fences": lambda _: r"!/^[ \t]*(```|~~~)/m.test(t)",
    "placeholders": _counting("t", layout.PLACEHOLDER.pattern, "g"),
    "highlights": _counting("t", layout.HIGHLIGHT.pattern, "g"),
    "no-leftovers": _leftovers,
    "is-json": _json,
    "fields": _fields,
}
"""Checks of ours that one line of JavaScript judges in the same way."""


def _listed(values: Iterable[str]) -> str:
    return "[" + ", ".join(_js(v) for v in values) + "]"


# Reading promptfoo's columns.


def typed(expected: str, variables: Mapping[str, str]) -> str:
    """An expectation of promptfoo as a check is typed here; what it means is not changed.

    Its variables are filled in, its quoted lists written in our quotes.
    """
    text = expected.strip()
    if text.startswith("grade:"):
        text = "llm-rubric:" + text.removeprefix("grade:")
    raw = RAW.sub(lambda m: m[1], text)
    text = raw if raw != text else VARIABLE.sub(lambda m: variables.get(m[1], m[0]), text)
    found = HEAD.fullmatch(text)
    if not found or found["value"] is None:
        return text
    name, value = found["type"].removeprefix("not-"), found["value"].strip()
    if name in LISTS:
        return f"{found['head']}: {', '.join(_ours(v) for v in _items(value))}"
    if name in ("contains", "icontains", "starts-with") and QUOTED_SIGNS.fullmatch(value):
        anchor = "^" if name == "starts-with" else ""
        return f"{'not-' if text.startswith('not-') else ''}regex: {anchor}{re.escape(value)}"
    if name in ("rouge-n", "levenshtein", "similar") and found["number"] is None:
        return f"{found['head']}(0.75): {value}"
    return text


def _items(value: str) -> list[str]:
    """The items of a list in promptfoo's quotes: a backslash takes the next sign as it is."""
    found, place = [], 0
    while place < len(value):
        item = ITEM.match(value, place)
        if not item or (item[2] or "").startswith('"'):
            raise ValueError(f'the quotes in {value[place:]} do not close; expected "a, b", c')
        quoted = item[1]
        if quoted is not None:
            found.append(re.sub(r'\\(["\\])|""', lambda m: m[1] or '"', quoted))
        elif item[2].strip():
            found.append(item[2].strip())
        place = item.end()
    return found


def _ours(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if re.search(r'[",]|^\s|\s$', text) else text


KEPT = ("__threshold", "__metric", "__prefix", "__suffix", "__config:")
"""Columns that change how promptfoo runs or scores a test: kept, and said, not followed."""


def is_promptfoos(heads: Iterable[str]) -> bool:
    """Whether heads are those of promptfoo's CSV."""
    return any(EXPECTED.fullmatch(h.strip()) for h in heads)


@dataclass(frozen=True)
class Row:
    """A row of promptfoo's as one of ours: its fields, checks by their column, its stored output.

    `checks` are (column of the expectation, check as typed, what is wrong with it).
    """

    fields: dict[str, str]
    checks: tuple[tuple[str, str, str], ...]
    output: str


def read(told: Mapping[str, str], place: int) -> Row:
    """One row of promptfoo's columns; `place` names a case that has neither id nor description."""
    own = {n: told.get(f"__metadata:{n}", "").strip() for n in OWN}
    ids = (own["id"], told.get("id", ""), told.get("__description", ""), f"test-{place}")
    id_ = next(i.strip() for i in ids if i.strip())
    note = told.get("__description", "").strip()
    checks = tuple(_check(n, told) for n in told if EXPECTED.fullmatch(n) and told[n].strip())
    mine = {f"__metadata:{n}" for n in OWN} | {n for n in told if n.startswith("__metadata:check_")}
    extra = {
        n: text for n, text in told.items()
        if n not in mine and n not in ("id", "input", "__description", "__providerOutput")
        and not EXPECTED.fullmatch(n)
    }  # fmt: skip
    fields = own | {"id": id_, "input": told.get("input", ""), "note": "" if note == id_ else note}
    return Row({**extra, **fields}, checks, told.get("__providerOutput", ""))


def _check(column: str, told: Mapping[str, str]) -> tuple[str, str, str]:
    place = EXPECTED.fullmatch(column)[1] or "1"
    original = told.get(f"__metadata:check_{place}", "").strip()
    if original:
        return column, original, ""
    try:
        return column, typed(told[column], told), ""
    except ValueError as error:
        return column, told[column], str(error)
