"""Answers of a model as files: a folder of texts, JSON lines, promptfoo's results or a CSV.

What a line does not say is unknown, never zero. An API error is an error, neither pass nor fail.
"""

import csv
import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path

import pandas as pd

from opsbook.errors import UsageError
from opsbook.regression.cases import Answer

NAMES = {
    "case": ("case", "id", "case_id", "test", "description"),
    "text": ("text", "output", "answer", "response", "content", "completion"),
    "latency_ms": ("latency_ms", "latencyMs"),
    "returned_model": ("returned_model", "model"),
    "finish_reason": ("finish_reason", "finishReason", "stop_reason"),
    "output_tokens": ("output_tokens", "completion_tokens"),
    "input_tokens": ("input_tokens", "prompt_tokens"),
}
"""Fields that other tools name otherwise, the first that is there counts."""
FIELDS = tuple(f.name for f in fields(Answer))
NUMBERS = {"latency_ms": float, "cost": float, "input_tokens": int, "output_tokens": int}
TEXTS = (".txt", ".md", ".json")
PLACE = re.compile(r"(?P<case>.+?)(?:\.r(?P<repeat>\d+))?")
MOST_BYTES = 200_000_000


def read(path: Path) -> list[Answer]:
    """The answers in a folder or a file; UsageError with its line where one cannot be read."""
    if path.is_dir():
        whole = path / "answers.jsonl"
        return read(whole) if whole.exists() else _folder(path)
    if not path.exists():
        raise UsageError(
            f"{path} is not there; expected a folder, .jsonl, .json or .csv of answers."
        )
    if path.stat().st_size > MOST_BYTES:
        raise UsageError(f"{path} is larger than {MOST_BYTES // 1_000_000} MB; split it.")
    readers = {".jsonl": _lines, ".ndjson": _lines, ".json": _promptfoo, ".csv": _table}
    reader = readers.get(path.suffix.lower())
    if reader is None:
        raise UsageError(f"{path} is no file of answers; expected .jsonl, .json, .csv or a folder.")
    return _numbered(reader(path))


def _folder(path: Path) -> list[Answer]:
    """One file per answer, `case.txt` and `case.r2.txt`; the file's name says case and repeat."""
    found = []
    for file in sorted(path.iterdir()):
        if file.suffix.lower() in TEXTS and file.is_file() and not file.name.startswith("."):
            named = PLACE.fullmatch(file.stem)
            try:
                text = file.read_text("utf-8-sig")
            except UnicodeDecodeError:
                raise UsageError(f"{file} is not UTF-8; save it so.") from None
            found.append(Answer(named["case"], int(named["repeat"] or 1), text))
    if not found:
        raise UsageError(
            f"{path} holds no answer; expected files like case-1.txt or case-1.r2.txt."
        )
    return found


def _lines(path: Path) -> Iterator[Answer]:
    for number, line in enumerate(_text(path).splitlines(), start=1):
        if line.strip():
            yield _answer(_json(line, f"{path}, line {number}"), f"{path}, line {number}")


def _json(text: str, at: str) -> dict:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{at}: is no JSON ({error}); expected an object a line.") from None
    if not isinstance(found, dict):
        raise UsageError(f'{at}: holds no object; expected like {{"case": "a", "text": "..."}}.')
    return found


def _answer(row: dict, at: str) -> Answer:
    given = {name: _first(row, NAMES.get(name, (name,))) for name in FIELDS}
    if not given["case"]:
        raise UsageError(f'{at}: names no case; expected "case" with the id of the list.')
    given = {n: _value(n, v, at) for n, v in given.items() if v is not None}
    given["case"] = str(given["case"])
    given["repeat"] = int(given.get("repeat") or 0)
    if given.get("at"):
        given["at"] = pd.Timestamp(given["at"])
    return Answer(**given)


def _first(row: dict, names: Sequence[str]) -> object:
    return next((row[n] for n in names if row.get(n) is not None), None)


def _value(name: str, value: object, at: str) -> object:
    if name in NUMBERS:
        try:
            return NUMBERS[name](float(value)) if value != "" else None
        except (TypeError, ValueError):
            raise UsageError(f'{at}: {name} "{value}" is no number.') from None
    if name in ("text", "error", "refusal") and not isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    return value


def _promptfoo(path: Path) -> Iterator[Answer]:
    """The results that promptfoo writes: `results.results`, or a list of answers."""
    try:
        found = json.loads(_text(path))
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path} is no JSON ({error}).") from None
    rows = found
    while isinstance(rows, dict):
        rows = rows.get("results")
    if not isinstance(rows, list):
        raise UsageError(
            f"{path} holds no results; expected promptfoo's file or a list of answers."
        )
    for number, row in enumerate(rows, start=1):
        at = f"{path}, result {number}"
        if not isinstance(row, dict):
            raise UsageError(f"{at}: holds no object.")
        yield _answer(_result(row) if "response" in row or "testCase" in row else row, at)


def _result(row: dict) -> dict:
    test, response = row.get("testCase") or {}, row.get("response") or {}
    metadata = test.get("metadata") or {}
    usage = response.get("tokenUsage") or {}
    provider = row.get("provider") or {}
    return {
        "case": metadata.get("id") or test.get("description") or row.get("testIdx"),
        "text": response.get("output"),
        "error": row.get("error") if response.get("output") is None else None,
        "latency_ms": row.get("latencyMs"),
        "cost": row.get("cost"),
        "finish_reason": response.get("finishReason"),
        "input_tokens": usage.get("prompt"),
        "output_tokens": usage.get("completion"),
        "asked_model": provider.get("id") if isinstance(provider, dict) else provider,
    }


def _table(path: Path) -> Iterator[Answer]:
    text = _text(path)
    sign = max(";,\t", key=text.split("\n", 1)[0].count)
    for number, row in enumerate(csv.DictReader(text.splitlines(keepends=True), delimiter=sign), 2):
        filled = {k: v for k, v in row.items() if k and v not in ("", None)}
        yield _answer(filled, f"{path}, row {number}")


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not UTF-8; save it so.") from None


def _numbered(answers: Iterable[Answer]) -> list[Answer]:
    """The answers with their repeats; those that name none are counted per case in their order."""
    found, seen = [], {}
    for answer in answers:
        seen[answer.case] = seen.get(answer.case, 0) + 1
        found.append(Answer(**{**asdict(answer), "repeat": answer.repeat or seen[answer.case]}))
    return _latest(found)


def _latest(answers: Sequence[Answer]) -> list[Answer]:
    """The answers without the errors of calls that were made again."""
    last = {(a.case, a.repeat): i for i, a in enumerate(answers)}
    return [a for i, a in enumerate(answers) if not a.error or last[a.case, a.repeat] == i]


def by_case(answers: Iterable[Answer]) -> dict[str, list[Answer]]:
    """The answers by case, each case's in the order of their repeats."""
    found: dict[str, list[Answer]] = {}
    for answer in sorted(answers, key=lambda a: a.repeat):
        found.setdefault(answer.case, []).append(answer)
    return found


def lines(answers: Iterable[Answer]) -> str:
    """Answers as JSON lines, what is not known left out."""
    rows = [{k: v for k, v in asdict(a).items() if v is not None} for a in answers]
    return "".join(json.dumps(r, ensure_ascii=False, default=str) + "\n" for r in rows)
