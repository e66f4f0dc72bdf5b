"""Runs of a regression list: where they lie, which one is approved, and what one is worth.

A run lies in `regression/runs/<workflow>/<run>/`: its answers as JSON lines and the verdict. The
approved one is named by an event of the record with the hash of its answers; nothing else is a
baseline, and none replaces itself.
"""

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from opsbook import answers as outputs
from opsbook import listbooks, lists, store
from opsbook.errors import UsageError
from opsbook.records import Log
from opsbook.register import fold
from opsbook.regression.cases import Answer, Case
from opsbook.regression.drift import Drift, drift
from opsbook.regression.verdicts import ListVerdict, compared

FORMS = (".xlsx", ".csv")
RUN = re.compile(r"[\w][\w.+-]{0,80}")
MOST_TOLD = 40


@dataclass(frozen=True)
class Place:
    """Where a list and its runs lie: the company's folder, the workflow, the list's file."""

    folder: store.Folder | None
    workflow: str
    path: Path

    @property
    def runs(self) -> Path:
        """The folder of the workflow's runs."""
        return self.path.parent / "runs" / self.workflow

    def run(self, name: str) -> Path:
        """A run's folder by its name; UsageError for a name that is none."""
        if not RUN.fullmatch(name):
            raise UsageError(f'"{name}" cannot be a run\'s name; expected like 2026-11-24-gpt-5.')
        return self.runs / name


@dataclass(frozen=True)
class Judged:
    """A run's verdict with its drift beside the approved run, and what both were."""

    verdict: ListVerdict
    drifts: tuple[Drift, ...]
    facts: tuple[tuple[str, str], ...]
    now: dict[str, list[Answer]]
    before: dict[str, list[Answer]]

    def as_json(self) -> dict:
        """What a command prints."""
        told = [
            {
                "measure": d.measure, "before": d.before, "after": d.after, "change": d.change,
                "low": d.low, "high": d.high, "noise": d.noise, "cases": d.cases,
                "drifted": d.drifted,
            }
            for d in self.drifts
        ]  # fmt: skip
        return self.verdict.as_json() | {"drift": told, "facts": dict(self.facts)}


def place(which: str, data: Path) -> Place:
    """The list of a workflow, or the one that a path names; UsageError where there is none."""
    path = Path(which)
    if path.suffix.lower() in (*FORMS, ".tsv", ".xlsm"):
        inside = path.resolve().parent.name == "regression"
        own = store.Folder(path.resolve().parent.parent) if inside and _company(path) else None
        return Place(own, path.stem, path)
    folder = store.Folder.at(data)
    settings = store.load_settings(folder)
    known = [w.id for w in settings.workflows]
    if which not in known:
        raise UsageError(f'"{which}" is no workflow; expected one of {", ".join(known)}.')
    there = [p for f in FORMS if (p := folder.path / "regression" / f"{which}{f}").exists()]
    if len(there) > 1:
        raise UsageError(f"{there[0]} and {there[1]} are both lists of {which}; keep one.")
    return Place(folder, which, (there or [folder.path / "regression" / f"{which}.xlsx"])[0])


def _company(path: Path) -> bool:
    return (path.resolve().parent.parent / "settings").is_dir()


def held(at: Place) -> lists.List:
    """The list at a place; UsageError with every problem and its cell, so that nothing is run."""
    found = lists.read(at.path, at.workflow)
    if found.problems:
        more = len(found.problems) - MOST_TOLD
        told = [*found.problems[:MOST_TOLD], *([f"and {more} more"] if more > 0 else [])]
        raise UsageError(f"{at.path} is not run:\n" + "\n".join(told))
    return found


def judged(
    found: lists.List,
    now: Sequence[Answer],
    before: Sequence[Answer] | None,
    facts: Sequence[tuple[str, str]] = (),
) -> Judged:
    """The verdict on a run's answers against those of the approved run, or of none."""
    new = outputs.by_case(now)
    old = outputs.by_case(before) if before is not None else None
    verdict = compared(found.cases, new, old, found.outputs.said)
    strange = sorted(set(new) - {c.id for c in found.cases})
    told = [*facts, ("answers", str(len(now)))]
    told += [("answers of no case", ", ".join(strange[:10]))] if strange else []
    drifts = tuple(drift(old, new)) if old else ()
    if old and any(d.noise is None for d in drifts):
        told.append(("noise", "not known: the approved run has one answer a case"))
    return Judged(verdict, drifts, tuple(told), new, old or {})


def approved(at: Place) -> tuple[str, list[Answer]] | None:
    """The name and the answers of the run that a person approved; None without one.

    UsageError where its answers are gone or are not those that were approved.
    """
    if at.folder is None:
        return None
    own = fold(Log(at.folder).events()).approved.get(at.workflow)
    if own is None:
        return None
    path = at.run(own["run"]) / "answers.jsonl"
    if not path.exists() or sha(path) != own["answers"]:
        raise UsageError(
            f"{path} is not what was approved on {own['ts'][:10]}; bring it back from git or "
            "a backup, or approve another run."
        )
    return own["run"], outputs.read(path)


def sha(path: Path) -> str:
    """The SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def named(at: Place, name: str) -> list[Answer]:
    """The answers of a run by its name, or of a folder or file."""
    path = Path(name)
    return outputs.read(path if path.exists() else at.run(name) / "answers.jsonl")


def keep(
    at: Place, run: str, cases: Sequence[Case], now: Sequence[Answer], verdict: Judged
) -> Path:
    """A run's answers and verdict in its folder, and its results as a workbook."""
    if at.folder is None:
        raise UsageError(f"{at.path} is of no company; a run is kept below data/<company>.")
    folder = at.run(run)
    folder.mkdir(parents=True, exist_ok=True)
    path, text = folder / "answers.jsonl", outputs.lines(now)
    if path.exists() and path.read_text("utf-8") != text:
        raise UsageError(
            f'a run "{run}" is there already with other answers; give it another name.'
        )
    path.write_text(text, "utf-8", newline="\n")
    said = json.dumps(verdict.as_json(), ensure_ascii=False, indent=1) + "\n"
    (folder / "verdict.json").write_text(said, "utf-8", newline="\n")
    book = at.path.parent / "results" / at.workflow / f"{run}.xlsx"
    return listbooks.results(
        book, verdict.verdict, cases, verdict.now, verdict.before, verdict.drifts, verdict.facts
    )


def told(found: Judged, kept: Path | None) -> list[str]:
    """A judged run in lines, the verdict first."""
    verdict = found.verdict
    counts = [f"{c.id}: {c.verdict}, {c.why}" for c in verdict.cases if c.verdict != "SAME"]
    same = sum(c.verdict == "SAME" for c in verdict.cases)
    drifted = [f"drift in {d.sentence()}" for d in found.drifts if d.drifted]
    told = [verdict.verdict, *counts, f"{same} of {len(verdict.cases)} cases as before."]
    told += [*drifted, verdict.limit]
    return [*told, *([f"Results: {kept}"] if kept else [])]
