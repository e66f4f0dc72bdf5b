"""Checks of an answer that something downstream parses: JSON, its fields and what they hold.

`is-json` is strict: what a parser takes, with nothing around it. Whether one code fence is allowed
the list has to say (clause C6): most published "JSON passes" would not survive a parser.
"""

import datetime as dt
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from functools import cache

import jsonschema

from opsbook.regression.kinds import Kind, Reply, Typed, excerpt, listed

FENCE_OK = re.compile(r"one fence ok", re.I)
ONE_FENCE = re.compile(r"\s*```[\w-]*[ \t]*\n(.*?)\n?[ \t]*```\s*", re.S)
STEP = re.compile(r"([^.\[\]]+)|\[(\d*)\]")
COMPARED = re.compile(
    r"(?P<path>\S+)\s*(?P<sign>=|==|<=|>=|<|>|≤|≥)\s*(?P<value>.+?)"
    r"(?:\s*(?:±|\+-|\+/-)\s*(?P<by>[\d.,]+)\s*(?P<share>%)?)?",
    re.S,
)
TYPED = re.compile(
    r"(?P<path>\S+)\s+is\s+(?P<not>not\s+)?(?P<kind>[\w-]+)(?:\((?P<of>.*)\))?", re.S
)
DATE_PARTS = {"yyyy": "%Y", "yy": "%y", "mm": "%m", "dd": "%d", "hh": "%H", "mi": "%M", "ss": "%S"}
Judged = tuple[bool, str]


def parsed(text: str) -> object:
    """What a strict parser makes of a text; ValueError with the place of its fault."""

    def refuse(word: str) -> None:
        raise ValueError(f"{word} is not JSON")

    return json.loads(text, parse_constant=refuse)


def unfenced(text: str) -> str:
    """What stands in the one code fence that is all of a text; the text itself otherwise."""
    found = ONE_FENCE.fullmatch(text)
    return found[1] if found and "```" not in found[1] else text


def schema(typed: Typed) -> dict | bool | None:
    """The JSON Schema a value holds, None for none; ValueError if it is none."""
    if not typed.value:
        return None
    try:
        found = parsed(typed.value)
        jsonschema.validators.validator_for(found).check_schema(found)
    except (ValueError, jsonschema.SchemaError) as error:
        said = getattr(error, "message", None) or error
        raise ValueError(f"{excerpt(typed.value)} is no JSON Schema: {said}") from None
    if not isinstance(found, dict | bool):
        raise ValueError(
            f"{excerpt(typed.value)} is no JSON Schema; expected like is-json: {{...}}"
        )
    return found


@dataclass(frozen=True)
class Strict:
    """What `is-json` asks: whether one fence is allowed, and a schema."""

    fence: bool
    schema: dict | bool | None


def strict(typed: Typed) -> Strict:
    """Whether `one fence ok` is said, and the schema beside it."""
    rest = FENCE_OK.sub("", typed.value).strip(" ,;")
    return Strict(bool(FENCE_OK.search(typed.value)), schema(Typed(rest)))


def is_json(wanted: Strict, reply: Reply) -> Judged:
    """Whether the whole answer is JSON, and fits the schema."""
    text = unfenced(reply.text) if wanted.fence else reply.text
    try:
        return _fits(parsed(text), wanted.schema)
    except (ValueError, RecursionError) as error:
        if unfenced(text) != text:
            return False, "wraps its JSON in a code fence, which the list does not allow"
        return False, f"is no JSON: {_fault(error)}"


def _fault(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg.lower()} at line {error.lineno}, column {error.colno}"
    return "nested too deep" if isinstance(error, RecursionError) else str(error)


def _fits(value: object, wanted: dict | bool | None) -> Judged:
    if wanted is None:
        return True, "is JSON"
    validator = jsonschema.validators.validator_for(wanted, jsonschema.Draft202012Validator)
    found = next(
        iter(sorted(validator(wanted).iter_errors(value), key=lambda e: e.json_path)), None
    )
    if found is None:
        return True, "is JSON and fits its schema"
    return (
        False,
        f"is JSON, but {found.json_path.removeprefix('$.')}: {excerpt(found.message, 120)}",
    )


def embedded(text: str) -> list:
    """The JSON objects in a text, the outermost ones, in their order.

    >>> embedded('See [1]: [{"a": 1}, {"b": {}}]')
    [{'a': 1}, {'b': {}}]
    """
    decoder, found, place = json.JSONDecoder(), [], 0
    while (start := text.find("{", place)) >= 0:
        try:
            value, place = decoder.raw_decode(text, start)
            found.append(value)
        except (ValueError, RecursionError):
            place = start + 1
    return found


def contains_json(wanted: dict | bool | None, reply: Reply) -> Judged:
    """Whether the answer holds a JSON object anywhere that fits the schema."""
    values = embedded(reply.text)
    said = [_fits(value, wanted) for value in values]
    if any(held for held, _ in said):
        return True, "holds JSON" if wanted is None else "holds JSON that fits its schema"
    return False, said[0][1] if said else "holds no JSON"


def body(text: str) -> object:
    """The JSON of an answer, one fence around it or none; ValueError where there is none."""
    try:
        return parsed(unfenced(text))
    except RecursionError:
        raise ValueError("nested too deep") from None


def reached(value: object, path: str) -> list:
    """What stands at a path: total, lines[].sku, lines[0].net. Empty where nothing does."""
    found = [value]
    for name, place in STEP.findall(path):
        if name:
            found = [v[name] if isinstance(v, dict) and name in v else None for v in found]
            found = [v for v in found if v is not None] if None in found else found
        elif place:
            found = [v[int(place)] for v in found if isinstance(v, list) and len(v) > int(place)]
        else:
            found = [item for v in found if isinstance(v, list) for item in v]
    return found


def _holds(value: object, path: str) -> bool:
    """Whether a path is there in every element it passes; null counts as there."""
    steps = STEP.findall(path)
    at = [value]
    for name, place in steps:
        if name and not all(isinstance(v, dict) and name in v for v in at):
            return False
        if not name and not all(isinstance(v, list) and len(v) > int(place or 0) for v in at):
            return False
        at = (
            [v[name] for v in at]
            if name
            else [item for v in at for item in ([v[int(place)]] if place else v)]
        )
    return True


def has_fields(paths: tuple[str, ...], reply: Reply) -> Judged:
    """Whether the JSON of the answer has each of the fields, in every element of its lists."""
    try:
        value = body(reply.text)
    except ValueError as error:
        return False, f"is no JSON: {_fault(error)}"
    absent = [path for path in paths if not _holds(value, path)]
    return not absent, f"lacks {', '.join(absent)}" if absent else f"has {', '.join(paths)}"


def has_only(paths: tuple[str, ...], reply: Reply) -> Judged:
    """Whether the JSON of the answer has each of the fields and no other."""
    held, why = has_fields(paths, reply)
    if not held:
        return held, why
    named = {re.sub(r"\[\d*\]", "[]", path) for path in paths}
    named |= {part for path in named for part in _parents(path)}
    strange = sorted(set(_paths(body(reply.text))) - named)
    return not strange, f"also has {', '.join(strange)}" if strange else f"{why} and no other"


def _parents(path: str) -> set[str]:
    ends = [m.start() for m in re.finditer(r"\.|\[\]", path)]
    return {path[:end] for end in ends} | {path[: end + 2] for end in ends if path[end] == "["}


def _paths(value: object, at: str = "") -> list[str]:
    if isinstance(value, dict):
        here = [f"{at}.{name}".lstrip(".") for name in value]
        return here + [
            p for name, v in value.items() for p in _paths(v, f"{at}.{name}".lstrip("."))
        ]
    if isinstance(value, list):
        return [p for item in value for p in _paths(item, f"{at}[]")]
    return []


@dataclass(frozen=True)
class Field:
    """What one field must hold: `test` says of a value whether it does; `wanted` in words."""

    path: str
    test: Callable[[object], bool]
    wanted: str


def field(typed: Typed) -> Field:
    """What `field` asks: path = value ± tolerance, path >= value, or path is kind."""
    if found := TYPED.fullmatch(typed.value):
        return Field(found["path"], _kind_test(found["kind"], found["of"], bool(found["not"])),
                     typed.value[len(found["path"]) :].strip())  # fmt: skip
    if found := COMPARED.fullmatch(typed.value):
        return Field(found["path"], _compared(found), typed.value[len(found["path"]) :].strip())
    raise ValueError(
        f'"field {typed.value}" says nothing to compare; expected like '
        "field total = 1234,56 ± 0,01 or field date is date(yyyy-mm-dd)"
    )


def holds_field(wanted: Field, reply: Reply) -> Judged:
    """Whether the field is there, and each value it has is as asked."""
    try:
        value = body(reply.text)
    except ValueError as error:
        return False, f"is no JSON: {_fault(error)}"
    if not _holds(value, wanted.path):
        return False, f"lacks {wanted.path}"
    there = _every(value, wanted.path)
    wrong = [v for v in there if not wanted.test(v)]
    shown = ", ".join(json.dumps(v, ensure_ascii=False)[:60] for v in (wrong or there)[:3])
    return not wrong, f"has {wanted.path} {shown}" + (f", not {wanted.wanted}" if wrong else "")


def _every(value: object, path: str) -> list:
    at = [value]
    for name, place in STEP.findall(path):
        at = (
            [v[name] for v in at]
            if name
            else [item for v in at for item in ([v[int(place)]] if place else v)]
        )
    return at


def _decimal(value: object) -> Decimal | None:
    """A JSON number, or a text that is one in JSON's own style."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        found = Decimal(str(value).strip())
    except InvalidOperation:
        return None
    return found if found.is_finite() else None


def _typed_number(text: str) -> Decimal | None:
    """A number as a person types it into a list: 1234,56 and 1.234,56 and 1234.56."""
    plain = text.strip().replace("\u00a0", "").replace("\u202f", "").replace(" ", "")
    if re.fullmatch(r"[+-]?\d{1,3}(\.\d{3})+,\d+|[+-]?\d+,\d+", plain):
        plain = plain.replace(".", "").replace(",", ".")
    elif re.fullmatch(r"[+-]?\d{1,3}(,\d{3})+\.\d+", plain):
        plain = plain.replace(",", "")
    return _decimal(plain) if re.fullmatch(r"[+-]?\d+(\.\d+)?", plain) else None


def _compared(found: re.Match) -> Callable[[object], bool]:
    text, number = found["value"].strip(), _typed_number(found["value"])
    sign = {"≤": "<=", "≥": ">=", "==": "="}.get(found["sign"], found["sign"])
    by = _typed_number(found["by"]) if found["by"] else Decimal(0)
    if number is None:
        if sign != "=" or found["by"]:
            raise ValueError(f'"{text}" is no number; expected like 1234,56')
        plain = text.strip('"')
        words = {"true": True, "false": False, "null": None}
        return lambda value: value == plain or (text in words and value is words[text])
    by = abs(number) * by / 100 if found["share"] else by
    tests = {
        "=": lambda v: abs(v - number) <= by, "<": lambda v: v < number, ">": lambda v: v > number,
        "<=": lambda v: v <= number, ">=": lambda v: v >= number,
    }  # fmt: skip

    def test(value: object) -> bool:
        if sign == "=" and not found["by"] and isinstance(value, str):
            return value.strip() == text.strip('"') or _equal(value, number)
        there = _decimal(value)
        return there is not None and tests[sign](there)

    return test


def _equal(value: str, number: Decimal) -> bool:
    there = _decimal(value)
    return there is not None and there == number


@cache
def _kinds() -> dict[str, Callable[[object], bool]]:
    return {
        "string": lambda v: isinstance(v, str), "text": lambda v: isinstance(v, str),
        "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
        "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
        "boolean": lambda v: isinstance(v, bool), "null": lambda v: v is None,
        "array": lambda v: isinstance(v, list), "list": lambda v: isinstance(v, list),
        "object": lambda v: isinstance(v, dict),
        "empty": lambda v: v is None or v == "" or v == [] or v == {},
        "numeric": lambda v: _decimal(v) is not None,
    }  # fmt: skip


def _kind_test(kind: str, of: str | None, negated: bool) -> Callable[[object], bool]:
    test = _with(kind.lower(), of)
    return (lambda value: not test(value)) if negated else test


def _with(kind: str, of: str | None) -> Callable[[object], bool]:
    if kind == "date":
        form = _date_form(of or "yyyy-mm-dd")
        return lambda value: isinstance(value, str) and _is_date(value, form, of or "yyyy-mm-dd")
    if kind == "one-of" and of:
        values = listed(Typed(of))
        return lambda value: str(value) in values
    if kind == "regex" and of:
        try:
            wanted = re.compile(of)
        except re.error as error:
            raise ValueError(f'"{of}" is no regular expression: {error}') from None
        return lambda value: isinstance(value, str) and bool(wanted.fullmatch(value))
    if kind in _kinds() and of is None:
        return _kinds()[kind]
    raise ValueError(
        f'"is {kind}" is no kind of field; expected one of {", ".join(_kinds())}, '
        "date(yyyy-mm-dd), one-of(A, B), regex(...)"
    )


def _date_form(of: str) -> str:
    form = re.sub(r"yyyy|yy|mm|dd|hh|mi|ss", lambda m: DATE_PARTS[m[0]], of.lower())
    if "%d" not in form or "%m" not in form or not re.search("%[Yy]", form):
        raise ValueError(f'"date({of})" names no date; expected like date(yyyy-mm-dd)')
    return form


def _is_date(value: str, form: str, of: str) -> bool:
    """Whether a text is a day that exists, written with all its digits."""
    try:
        dt.datetime.strptime(value, form)  # noqa: DTZ007 - a day, not a moment
    except ValueError:
        return False
    return len(value) == len(of)


KINDS = (
    Kind("is-json", "is-json: one fence ok", "The whole answer is JSON, for a JSON Schema too.",
         strict, is_json, needs="", ours=False),
    Kind("contains-json", "contains-json", "JSON stands in it, for a JSON Schema too.",
         schema, contains_json, needs="", ours=False),
    Kind("fields", "fields: invoice_no, total, lines[].sku", "Its JSON has these fields.",
         listed, has_fields),
    Kind("fields only", "fields only: invoice_no, total", "Its JSON has these fields and no other.",
         listed, has_only),
    Kind("field", "field total = 1234,56 ± 0,01", "A field holds this, or is of a kind: "
         "field date is date(yyyy-mm-dd).", field, holds_field),
)  # fmt: skip
