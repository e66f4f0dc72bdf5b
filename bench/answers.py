"""How checks, verdicts and refusals do on real answers: `python bench/answers.py FILE...`.

Takes files of published answers and prints what was measured of each. A `.jsonl.gz` holds answers
with instructions and published verdicts (M-IFEval's form); a `.csv` holds answers of versions of a
model to the same questions (LLMDrift's form). Without a file only the scoring is timed.
"""

import csv
import gzip
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from opsbook.refusals import output_class
from opsbook.regression.cases import Answer, Case
from opsbook.regression.drift import drift
from opsbook.regression.grammar import checked, understood
from opsbook.regression.verdicts import compared

csv.field_size_limit(10**8)
DRAWS, CASES, SEED = 100, 10, 7
RELATIONS = {
    "al menos": ">=", "au moins": ">=", "at least": ">=", "mínimo": ">=",
    "menos de": "<", "moins de": "<", "less than": "<",
    "como máximo": "<=", "au plus": "<=", "at most": "<=", "exactamente": "=", "exactement": "=",
}  # fmt: skip
CHECKS: dict[str, Callable[[dict], str]] = {
    "detectable_format:json_format": lambda k: "is-json: one fence ok",
    "keywords:existence": lambda k: f"icontains-all: {_list(k['keywords'])}",
    "keywords:forbidden_words": lambda k: f"not-has-word: {_list(k['forbidden_words'])}",
    "detectable_format:number_bullet_lists": lambda k: f"bullets: {k['num_bullets']}",
    "detectable_content:number_placeholders": lambda k: (
        f"placeholders: {RELATIONS[k.get('relation', 'at least')]} {k['num_placeholders']}"
    ),
    "detectable_format:number_highlighted_sections": lambda k: (
        f"highlights: {RELATIONS[k.get('relation', 'at least')]} {k['num_highlights']}"
    ),
    "punctuation:no_comma": lambda k: 'not-contains: ","',
    "detectable_content:no_digits": lambda k: r"not-regex: \d",
}
"""Published instructions that a check of ours judges, as a person would type it."""


def _list(words: list[str]) -> str:
    return ", ".join('"' + w.replace('"', '""') + '"' for w in words)


def judged(typed: str, text: str) -> bool:
    """What one check says of one answer."""
    case = Case("a", "w", "", (("", typed),))
    return checked([understood(typed)], Answer("a", 1, text), case)[0].state == "pass"


def published(path: Path) -> Iterator[dict]:
    """The rows of a file of answers with published verdicts."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from map(json.loads, file)


def agreement(rows: list[dict]) -> list[tuple[str, int, int, list[str]]]:
    """Per instruction: judged, agreeing, and the rows that do not agree."""
    told: dict[str, list[tuple[bool, str]]] = {}
    for row in rows:
        for name, given, follows in zip(
            row["instructions"], row["kwargs"], row["follow"], strict=True
        ):
            kind = name.split(":", 1)[1]
            if kind in CHECKS:
                typed = CHECKS[kind](given)
                alike = judged(typed, row["response"]) == follows
                told.setdefault(kind, []).append((alike, f"{row['id']} {row['model']}: {typed}"))
    return [
        (kind, len(all_), sum(a for a, _ in all_), [at for a, at in all_ if not a])
        for kind, all_ in sorted(told.items())
    ]


def false_hits(rows: list[dict]) -> list[str]:
    """Ordinary answers, one a row, that are taken for refusals."""
    return [
        f"{row['id']} {row['model']}: {row['response'][:160]!r}"
        for row in rows
        if output_class(row["response"]) in ("refusal", "partial")
    ]


def versions(path: Path) -> dict[str, dict[str, Answer]]:
    """The answers of each model, by question."""
    found: dict[str, dict[str, Answer]] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            found.setdefault(row["model"], {})[row["id"]] = Answer(
                row["id"], 1, row["answer"], latency_ms=float(row["latency"]) * 1000,
                output_tokens=int(row["answer_token"]), cost=float(row["cost"]),
            )  # fmt: skip
    return found


def draws(
    before: dict[str, Answer],
    after: dict[str, Answer],
    check: str = "no-fences",
    times: int = DRAWS,
    cases: int = CASES,
) -> tuple[dict[str, int], dict[str, int]]:
    """Verdicts on so many draws of so many cases, and how often each measure is named as drift."""
    chance, verdicts, named = np.random.default_rng(SEED), {}, {}
    both = sorted(set(before) & set(after))
    for _ in range(times):
        ids = list(map(str, chance.choice(both, cases, replace=False)))
        drawn = [Case(i, "w", i, (("E2", check),)) for i in ids]
        old, new = ({i: [a[i]] for i in ids} for a in (before, after))
        found = compared(drawn, new, old)
        verdicts[found.verdict] = verdicts.get(found.verdict, 0) + 1
        for told in drift(old, new):
            if told.drifted:
                named[told.measure] = named.get(told.measure, 0) + 1
    return verdicts, named


def scoring() -> float:
    """Seconds for 500 cases of 8 checks each, answers of 2,000 characters."""
    checks = (
        "icontains: order", "words: 10-900", "not-is-refusal", "no-leftovers", "no-pii",
        "language: en", "sentences: >= 3", "bullets: 0-30",
    )  # fmt: skip
    text = "The order left our warehouse this morning and reaches you on Friday. " * 29
    cases = [Case(str(i), "w", "in", tuple((f"E{i}", c) for c in checks)) for i in range(500)]
    now = {c.id: [Answer(c.id, 1, f"{c.id}: {text}")] for c in cases}
    began = time.perf_counter()
    compared(cases, now)
    return time.perf_counter() - began


def main(paths: list[Path]) -> None:
    """Print what was measured."""
    console = Console()
    for path in paths:
        if path.suffix == ".csv":
            _print_versions(console, path)
        else:
            _print_published(console, path)
    console.print(f"500 cases x 8 checks scored in {scoring():.2f} s")


def _print_published(console: Console, path: Path) -> None:
    rows = list(published(path))
    table = Table("instruction", "answers", "agree", "share", title=path.name)
    found = agreement(rows)
    for kind, of, alike, _ in found:
        table.add_row(kind, str(of), str(alike), f"{alike / of:.2%}")
    of, alike = (sum(row[i] for row in found) for i in (1, 2))
    table.add_row("all", str(of), str(alike), f"{alike / of:.2%}")
    console.print(table)
    for *_, wrong in found:
        for at in wrong[:20]:
            console.print(f"  not alike: {at}", highlight=False, markup=False)
    hits = false_hits(rows)
    console.print(
        f"taken for refusals: {len(hits)} of {len(rows)} answers, {len(hits) / len(rows):.2%}"
    )
    for at in hits:
        console.print(f"  {at}", highlight=False, markup=False)


def _print_versions(console: Console, path: Path) -> None:
    found = versions(path)
    table = Table(
        "before",
        "now",
        "verdicts",
        "drift named",
        "s",
        title=f"{path.name}, {DRAWS} draws of {CASES}",
    )
    for old in sorted(found):
        for new in sorted(found):
            began = time.perf_counter()
            verdicts, named = draws(found[old], found[new])
            told = [", ".join(f"{k} {v}" for k, v in sorted(d.items())) for d in (verdicts, named)]
            names = (old.rpartition("/")[2], new.rpartition("/")[2])
            table.add_row(*names, *told, f"{time.perf_counter() - began:.1f}")
    console.print(table)


if __name__ == "__main__":
    main([Path(p) for p in sys.argv[1:]])
