"""Runs of a regression list: where they lie, which one is approved, and what one is worth.

A run lies in `regression/runs/<workflow>/<run>/`: its answers as JSON lines and the verdict. The
approved one is named by an event of the record with the hash of its answers; nothing else is a
baseline, and none replaces itself.
"""

import csv
import hashlib
import io
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from opsbook import answers as outputs
from opsbook import listbooks, lists, live, store
from opsbook.errors import UsageError
from opsbook.live import Ask, Endpoint, Outcome, repeated
from opsbook.production import beside
from opsbook.prompts import changes, git_blob, loose, wordings
from opsbook.records import Log
from opsbook.register import fold
from opsbook.regression import promptfoo
from opsbook.regression.attribution import (
    CHANGED,
    Cause,
    Effects,
    Production,
    causes,
    conclusion,
    production_cause,
)
from opsbook.regression.cases import CONFIRMING, Answer, Case
from opsbook.regression.drift import Drift, drift
from opsbook.regression.verdicts import ListVerdict, compared, to_confirm
from opsbook.regression_pages import Listed, Lists, Run
from opsbook.settings import Workflow
from opsbook.workflow_pages import Told

FORMS = (".xlsx", ".csv")
RUN = re.compile(r"[\w][\w.+-]{0,80}")
MOST_TOLD = 40
VARIABLE = re.compile(r"\{\{\s*([^{}]+?)\s*\}\}")


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
    causes: tuple[Cause, ...] = ()
    conclusion: str = ""
    against: str = ""
    effects: str = ""

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
        why = [vars(c) for c in self.causes]
        before = {"run": self.against, "asked_model": asked_model(self.before)}
        return self.verdict.as_json() | {
            "drift": told, "causes": why, "conclusion": self.conclusion, "facts": dict(self.facts),
            "effects": self.effects,
            "asked_model": asked_model(self.now), "before": before if self.against else None,
        }  # fmt: skip


def asked_model(answers: Mapping[str, Sequence[Answer]]) -> str | None:
    """The model that answers were asked of; None where they name none or several."""
    named = {a.asked_model for of_case in answers.values() for a in of_case if a.asked_model}
    return named.pop() if len(named) == 1 else None


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
    against: str = "",
    production: Production | None = None,
    others: Sequence[Sequence[Answer]] = (),
) -> Judged:
    """The verdict on a run's answers against those of the approved run, or of none.

    `against` is what the approved run is called; `others` are other runs of the list, in which a
    prompt is found on another model.
    """
    new = outputs.by_case(now)
    old = outputs.by_case(before) if before is not None else None
    verdict = compared(found.cases, new, old, found.outputs.said)
    strange = sorted(set(new) - {c.id for c in found.cases})
    told = [*facts, ("answers", str(len(now)))]
    told += [("answers of no case", ", ".join(strange[:10]))] if strange else []
    drifts = tuple(drift(old, new)) if old else ()
    if old and any(d.noise is None for d in drifts):
        told.append(("noise", "not known: the approved run has one answer a case"))
    if not old:
        return Judged(verdict, drifts, tuple(told), new, {}, against=against)
    why = causes(before or (), now, production)
    said = conclusion(why, _fails(verdict), _disagreeing(verdict), _between(before or (), now))
    both = effects(found.cases, before or (), now, others)
    return Judged(verdict, drifts, tuple(told), new, old, why, said, against, both)


def effects(
    cases: Sequence[Case],
    before: Sequence[Answer],
    now: Sequence[Answer],
    others: Sequence[Sequence[Answer]],
) -> str:
    """The 2 x 2 of prompt and model in a sentence; empty where the prompt is the same."""
    marks = [(_mark(answers, "prompt_blob"), _mark(answers, "returned_model"))
             for answers in (before, now)]  # fmt: skip
    (old_prompt, old_model), (new_prompt, new_model) = marks
    if None in (old_prompt, new_prompt) or old_prompt == new_prompt:
        return ""
    cells: dict[tuple[bool, bool], float] = {}
    for answers in (before, now, *others):
        prompt, model = _mark(answers, "prompt_blob"), _mark(answers, "returned_model")
        if prompt in (old_prompt, new_prompt) and model in (old_model, new_model):
            share = _passing(cases, answers)
            models = (False, True) if old_model == new_model else (model == new_model,)
            cells |= {(prompt == new_prompt, m): share for m in models
                      if share is not None and (prompt == new_prompt, m) not in cells}  # fmt: skip
    return Effects(cells).sentence()


def _mark(answers: Sequence[Answer], name: str) -> str | None:
    """What all answers of a run have alike; None where they differ or do not tell."""
    found = {getattr(a, name) for a in answers if a.error is None}
    return found.pop() if len(found) == 1 else None


def _passing(cases: Sequence[Case], answers: Sequence[Answer]) -> float | None:
    told = compared(cases, outputs.by_case(answers)).cases
    of = sum(c.of for c in told)
    return sum(c.passes for c in told) / of if of else None


def others(at: Place, but: Sequence[str] = ()) -> list[list[Answer]]:
    """The answers of all runs of a list that were kept, those asked with an old prompt too."""
    kept = sorted(at.runs.glob("*/answers.jsonl")) if at.runs.is_dir() else []
    return [outputs.read(p) for p in kept if p.parent.name not in but]


def _fails(verdict: ListVerdict) -> bool:
    return any(c.verdict in ("LOST", "UNSTABLE") for c in verdict.cases)


def _disagreeing(verdict: ListVerdict) -> float | None:
    """The share of cases whose approved answers disagree; None where each has one answer alone."""
    told = [c.before for c in verdict.cases if c.before and c.before.of > 1]
    return sum(0 < t.passes < t.of for t in told) / len(told) if told else None


def _between(before: Sequence[Answer], now: Sequence[Answer]) -> tuple[str, str] | None:
    days = [
        sorted(str(a.at)[:10] for a in answers if a.at is not None) for answers in (before, now)
    ]
    return (days[0][-1], days[1][0]) if all(days) else None


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


def asks(
    at: Place, cases: Sequence[Case], parameters: dict, prompt: Path | None = None
) -> list[Ask]:
    """The first call of each enabled case: the workflow's prompt, then the input.

    The prompt is `prompts/<workflow>/system.md` or the file that is named, its {{variables}} filled
    from the case's columns.
    """
    own = at.folder.path / "prompts" / at.workflow / "system.md" if at.folder else Path("none")
    path = prompt or own
    if prompt and not prompt.is_file():
        raise UsageError(f"{prompt} is not there; name the file of a prompt.")
    content = path.read_bytes() if path.is_file() else b""
    return [_ask(case, content, parameters) for case in cases if case.enabled]


def _ask(case: Case, prompt: bytes, parameters: dict) -> Ask:
    system, said = (_filled(text, case) for text in (prompt.decode("utf-8"), case.input))
    messages = [{"role": "system", "content": system}] if system.strip() else []
    checks = json.dumps([text for _, text in case.checks], ensure_ascii=False)
    hashes = {
        "prompt_sha": _digest(system), "input_sha": _digest(said), "checks_sha": _digest(checks),
        "prompt_blob": git_blob(prompt) if prompt else None,
    }  # fmt: skip
    return Ask(case.id, 1, (*messages, {"role": "user", "content": said}), parameters, hashes)


def _filled(text: str, case: Case) -> str:
    held = {k.casefold(): v for k, v in case.variables.items()}
    return VARIABLE.sub(lambda m: held.get(m[1].casefold(), m[0]), text)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def asked(
    at: Place,
    found: lists.List,
    name: str,
    endpoint: Endpoint,
    first: Sequence[Ask],
    **how: object,
) -> Outcome:
    """The cases asked as often as the list says, and again where any answer fails."""
    path = at.run(name) / "answers.jsonl"
    by = {c.id: c for c in found.cases}
    calls = [a for ask in first for a in repeated([ask], range(1, by[ask.case].repeats + 1))]
    told = live.run(calls, endpoint, path, **how)
    if told.stopped:
        return told
    new = outputs.by_case(outputs.read(path))
    shaky = [a for a in first if to_confirm(by[a.case], _first(new, by[a.case]))]
    more = [a for ask in shaky for a in repeated([ask], _again(by[ask.case]))]
    if not more:
        return told
    after = live.run(more, endpoint, path, **how)
    return Outcome(
        told.answered + after.answered, told.errors + after.errors, told.spent + after.spent,
        after.stopped,
    )  # fmt: skip


def _first(answers: dict[str, list[Answer]], case: Case) -> list[Answer]:
    return [a for a in answers.get(case.id, []) if a.repeat <= case.repeats and a.text is not None]


def _again(case: Case) -> range:
    return range(case.repeats + 1, case.repeats + CONFIRMING + 1)


def last(at: Place) -> str:
    """The name of the run that was judged last; UsageError where there is none."""
    kept = sorted(at.runs.glob("*/verdict.json")) if at.runs.is_dir() else []
    told = [(str(json.loads(p.read_text("utf-8")).get("at", "")), p.parent.name) for p in kept]
    if not told:
        raise UsageError(f"No run of {at.workflow} is kept yet; opsbook regression run makes one.")
    return max(told)[1]


def named(at: Place, name: str) -> list[Answer]:
    """The answers of a run by its name, or of a folder or file."""
    path = Path(name)
    return outputs.read(path if path.exists() else at.run(name) / "answers.jsonl")


def keep(
    at: Place,
    run: str,
    cases: Sequence[Case],
    now: Sequence[Answer],
    verdict: Judged,
    moment: pd.Timestamp,
    written: bool = False,
) -> Path:
    """A run's answers and verdict in its folder, and its results as a workbook.

    `moment` is when it was judged, by the company's clock.
    """
    if at.folder is None:
        raise UsageError(f"{at.path} is of no company; a run is kept below data/<company>.")
    folder = at.run(run)
    folder.mkdir(parents=True, exist_ok=True)
    path, text = folder / "answers.jsonl", outputs.lines(now)
    if not written and path.exists() and path.read_text("utf-8") != text:
        raise UsageError(
            f'a run "{run}" is there already with other answers; give it another name.'
        )
    if not written:
        path.write_text(text, "utf-8", newline="\n")
    document = verdict.as_json() | {"at": moment.isoformat()}
    said = json.dumps(document, ensure_ascii=False, indent=1) + "\n"
    (folder / "verdict.json").write_text(said, "utf-8", newline="\n")
    book = at.path.parent / "results" / at.workflow / f"{run}.xlsx"
    return listbooks.results(
        book, verdict.verdict, cases, verdict.now, verdict.before, verdict.drifts, verdict.facts
    )


def export(found: lists.List, to: Path) -> list[str]:
    """A list written in promptfoo's columns; the checks that promptfoo cannot judge.

    UsageError where a file lies already.
    """
    if to.exists():
        raise UsageError(f"{to} is there already; name another file.")
    text = io.StringIO(newline="")
    rows = [promptfoo.row(case) for case in found.cases]
    writer = csv.DictWriter(text, promptfoo.heads(found.cases), restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    to.write_text(text.getvalue(), "utf-8", newline="")
    sent = [
        (typed, row[f"__expected{i}"])
        for case, row in zip(found.cases, rows, strict=True)
        for i, (_, typed) in enumerate(case.checks, start=1)
    ]
    return list(dict.fromkeys(t for t, code in sent if not promptfoo.judged_elsewhere(code)))


def open_lists(data: str | Path) -> Lists:
    """All lists of a company as their pages show them; a list that cannot be read says why."""
    folder = store.Folder.at(data)
    settings = store.load_settings(folder)
    chosen = fold(Log(folder).events()).approved
    now = pd.Timestamp(settings.company.now or pd.Timestamp.now("UTC")).tz_convert("UTC")
    found = [
        _listed(folder, w, chosen.get(w.id, {}).get("run", ""), now) for w in settings.workflows
    ]
    return Lists(tuple(found), settings.company)


def open_told(data: str | Path, workflow: str) -> Told:
    """What a workflow's page tells of its prompts and its list; UsageError for no workflow."""
    folder = store.Folder.at(data)
    own = store.load_settings(folder).workflow(workflow)
    if own is None:
        raise UsageError(f'"{workflow}" is no workflow of settings/workflows.toml.')
    chosen = fold(Log(folder).events()).approved.get(workflow, {}).get("run", "")
    shown, unread = _runs(place(workflow, folder.path))
    listed = Listed(workflow, own.name, {}, shown, chosen, tuple(unread))
    try:
        return Told(listed, wordings(folder, workflow), loose(folder, workflow))
    except UsageError as problem:
        return Told(listed, unknown=str(problem))


def _listed(folder: store.Folder, workflow: Workflow, chosen: str, now: pd.Timestamp) -> Listed:
    at = place(workflow.id, folder.path)
    cases, problems = (), ()
    if at.path.exists():
        try:
            found = lists.read(at.path, workflow.id)
            cases, problems = found.cases, found.problems
        except UsageError as problem:
            problems = (str(problem),)
    shown, unread = _runs(at)
    own = sha(at.path) if at.path.exists() else ""
    told = Listed(
        workflow.id, workflow.name, {c.id: c.input for c in cases}, shown, chosen,
        (*problems, *unread), own, checks={c.id: tuple(t for _, t in c.checks) for c in cases},
    )  # fmt: skip
    told = _refreshed(told, at, cases, now)
    try:
        return replace(told, prompts=changes(folder, workflow.id))
    except UsageError as problem:
        return replace(told, unknown=str(problem))


def _runs(at: Place) -> tuple[tuple[Run, ...], list[str]]:
    """The runs of a list in the order they were judged, and what is wrong with the others."""
    shown, unread = [], []
    for path in sorted(at.runs.glob("*/verdict.json")) if at.runs.is_dir() else []:
        try:
            shown.append(_run(path.parent))
        except (UsageError, ValueError, KeyError, OSError) as problem:
            unread.append(f"run {path.parent.name} cannot be read ({problem}); score it again.")
    return tuple(sorted(shown, key=lambda r: (r.document.get("at", r.day), r.name))), unread


def _refreshed(told: Listed, at: Place, cases: Sequence[Case], now: pd.Timestamp) -> Listed:
    """A list whose last run is told beside production's inputs as they are now.

    A list that passes says nothing of inputs that became others since (F1, question 4).
    """
    before = next((r for r in told.runs if r.name == told.approved), None)
    if before is None or "causes" not in told.runs[-1].document:
        return told
    answers = outputs.read(at.run(before.name) / "answers.jsonl")
    own = production_cause(beside(at.folder, at.workflow, answers, now, cases))
    last = told.runs[-1]
    why = [c for c in last.document["causes"] if c["question"] != own.question]
    document = last.document | {"causes": [*why, vars(own)] if why else []}
    if own.answer == CHANGED and last.document["verdict"] == "GO":
        document["conclusion"] = f"The list passes, the inputs changed: {own.why}."
    return replace(told, runs=(*told.runs[:-1], replace(last, document=document)))


def _run(path: Path) -> Run:
    """A run as a page shows it: its verdict, and the first answer to each case."""
    answers = outputs.by_case(outputs.read(path / "answers.jsonl"))
    every = [a for of_case in answers.values() for a in of_case]
    named = sorted({a.returned_model or a.asked_model or "" for a in every} - {""})
    days = sorted(str(a.at)[:10] for a in every if a.at is not None)
    texts = {c: of_case[0].text or f"(error: {of_case[0].error})" for c, of_case in answers.items()}
    document = json.loads((path / "verdict.json").read_text("utf-8"))
    return Run(path.name, ", ".join(named) or "not told", (days or [""])[-1], document, texts)


def told(found: Judged, kept: Path | None) -> list[str]:
    """A judged run in lines, the verdict first."""
    verdict = found.verdict
    counts = [f"{c.id}: {c.verdict}, {c.why}" for c in verdict.cases if c.verdict != "SAME"]
    same = sum(c.verdict == "SAME" for c in verdict.cases)
    drifted = [f"drift in {d.sentence()}" for d in found.drifts if d.drifted]
    told = [verdict.verdict, *counts, f"{same} of {len(verdict.cases)} cases as before."]
    said = [text for text in (found.conclusion, found.effects) if text]
    told += [*drifted, *said, verdict.limit]
    return [*told, *([f"Results: {kept}"] if kept else [])]
