"""The regression page: a light per list, what was lost with old and new side by side, what drifted.

Answers are hostile text: all of it is shown escaped, as the words it is.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from re import findall

import pandas as pd

from opsbook import charts
from opsbook.displays import (
    Column,
    Html,
    counted,
    figure,
    light,
    note,
    share,
    stack,
    table,
    text,
)
from opsbook.settings import Company

LIGHTS = {"GO": "ok", "LOOK": "watch", "HOLD": "alert", "": "none"}
MOST_SHOWN, MOST_CHARS = 3, 1500
"""Cases of a list shown side by side, and characters of each answer."""
TOLD = ("LOST", "UNSTABLE", "MISSING", "ERROR", "WAITING", "GAINED", "BROKEN-BEFORE")
"""Verdicts of cases that the page shows, the gravest first."""


@dataclass(frozen=True)
class Run:
    """One run of a list: its name, model and day, the document of its verdict, answers by case."""

    name: str
    model: str
    day: str
    document: dict
    answers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Changed:
    """A version of a prompt that took the place of another: its file, when (UTC), git's subject."""

    file: str
    at: pd.Timestamp
    subject: str


@dataclass(frozen=True)
class Listed:
    """One workflow's list: what it is called, its inputs by case, its runs oldest first.

    `approved` is the run that later ones are compared with, "" for none; `problems` are the cells
    that keep the list from being run. `sha` is the hash of its file, "" where there is none;
    `prompts` are the changes of the workflow's prompts, oldest first, and `unknown` says why they
    are not known; `checks` are those of each case, as typed.
    """

    workflow: str
    title: str
    inputs: dict[str, str] = field(default_factory=dict)
    runs: tuple[Run, ...] = ()
    approved: str = ""
    problems: tuple[str, ...] = ()
    sha: str = ""
    checks: dict[str, tuple[str, ...]] = field(default_factory=dict)
    prompts: tuple[Changed, ...] = ()
    unknown: str = ""


@dataclass(frozen=True)
class Lists:
    """Every workflow's list with its runs, and the company they are of."""

    lists: tuple[Listed, ...]
    company: Company


def lights(lists: Sequence[Listed], company: Company) -> Html:
    """A light per list with its last verdict, the model, and what was lost."""
    rows = [_row(listed) for listed in lists]
    columns = [
        Column("List", "title"),
        Column("Verdict", "light", "light", words="word"),
        Column("Model", "model", "html"),
        Column("Run", "day", "html"),
        Column("Cases as before", "same", align="end"),
        Column("Why", "why", "html"),
    ]
    return table(
        pd.DataFrame(rows, columns=["title", "light", "word", "model", "day", "same", "why"]),
        columns, company, empty="No workflow is set up yet.", label="Regression lists",
    )  # fmt: skip


def _row(listed: Listed) -> dict:
    if not listed.runs:
        missing = "its list has cells to put right" if listed.problems else "no run yet"
        why = listed.problems[0] if listed.problems else f"opsbook regression run {listed.workflow}"
        return {"title": listed.title, "light": "none", "word": missing,
                "model": _line(""), "day": _line(""),
                "same": "", "why": note(why)}  # fmt: skip
    run = listed.runs[-1]
    cases = run.document["cases"]
    same = sum(c["verdict"] == "SAME" for c in cases)
    verdict = run.document["verdict"]
    reasons = run.document["reasons"]
    more = f", and {len(reasons) - 1} more" if len(reasons) > 1 else ""
    why = text(f"{reasons[0]}{more}" if reasons else "nothing lost, nothing missing")
    return {
        "title": listed.title, "light": LIGHTS[verdict], "word": verdict, "model": _line(run.model),
        "day": _line(run.day), "same": f"{same} of {len(cases)}",
        "why": Html(f'<span class="ob-wide">{why}</span>'),
    }  # fmt: skip


def _line(words: str) -> Html:
    return Html(f'<span class="ob-lines">{text(words)}</span>')


def details(lists: Sequence[Listed], company: Company) -> Html:
    """Each list whose last run lost, missed or gained something, or drifted: what, and why."""
    told = [_detail(listed, company) for listed in lists if listed.runs]
    told = [piece for piece in told if piece]
    return stack(*told) if told else note("Every list answers as it did; nothing drifted.")


def _detail(listed: Listed, company: Company) -> Html | None:
    run, old = listed.runs[-1], _before(listed)
    cases = sorted(
        (c for c in run.document["cases"] if c["verdict"] in TOLD),
        key=lambda c: (TOLD.index(c["verdict"]), not c["critical"]),
    )
    drifts = [d for d in run.document.get("drift", []) if d["drifted"]]
    if not cases and not drifts:
        return None
    shown = [_case(c, listed, run, old) for c in cases[:MOST_SHOWN]]
    parts = [f"<h3>{text(listed.title)}</h3>", _conclusion(run, old), *shown]
    if len(cases) > MOST_SHOWN:
        parts.append(_folded(cases[MOST_SHOWN:], listed, run, old))
    ratios = [d for d in run.document.get("drift", []) if _is_ratio(d)]
    if any(d["drifted"] for d in ratios):
        parts.append(_drawn(ratios, company))
    shares = [d for d in drifts if not _is_ratio(d)]
    return stack(
        *parts, _drift(shares, company), _causes(run, company), note(run.document["limit"])
    )


def _folded(cases: Sequence[dict], listed: Listed, run: Run, old: Run | None) -> Html:
    """The other cases, folded away: a page with ten broken answers in a row tells no more."""
    named = f"{counted(len(cases), 'more case')}: {', '.join(c['id'] for c in cases)}"
    inside = "".join(_case(c, listed, run, old) for c in cases)
    return Html(f'<details class="ob-more"><summary>{text(named)}</summary>{inside}</details>')


def _drawn(ratios: Sequence[dict], company: Company) -> Html:
    """The drift chart of a run: every ratio that was measured, what drifted first."""
    return figure(*charts.list_drift(pd.DataFrame(ratios).astype({"noise": "Float64"}), company))


def _causes(run: Run, company: Company) -> Html:
    """Did the model change, or the inputs: each question with its answer and the reason."""
    rows = [
        {"question": c["question"].capitalize(), "answer": c["answer"], "why": c["why"]}
        for c in run.document.get("causes", [])
    ]
    if not rows:
        return Html("")
    told = run.document.get("effects")
    columns = [Column("What changed?", "question"), Column("Answer", "answer"),
               Column("Because", "why")]  # fmt: skip
    asked = table(
        pd.DataFrame(rows), columns, company, label="Did the model change, or the inputs?"
    )
    return stack(asked, *([note(told)] if told else []))


def _before(listed: Listed) -> Run | None:
    named = [r for r in listed.runs[:-1] if r.name == listed.approved]
    return named[0] if named else (listed.runs[-2] if len(listed.runs) > 1 else None)


def _conclusion(run: Run, old: Run | None) -> Html:
    against = f" against {old.model} of {old.day}" if old else ""
    said = run.document.get("conclusion") or ""
    state = light(LIGHTS[run.document["verdict"]], run.document["verdict"])
    return Html(f"<p>{state}: {text(f'{run.model} of {run.day}{against}. {said}')}</p>")


def _case(case: dict, listed: Listed, run: Run, old: Run | None) -> Html:
    before = old.answers.get(case["id"], "") if old else ""
    now = run.answers.get(case["id"], "")
    failed = "; ".join(f"{c['why']} ({c['check']})" for c in case["failed_checks"])
    asked = ", ".join(listed.checks.get(case["id"], ()))
    critical = ", critical" if case["critical"] else ""
    head = (
        f"{case['id']}{critical}: {case['verdict']}, {case['passes']} of {case['of']} answers pass"
    )
    return Html(
        f'<article class="ob-case"><h4>{text(head)}</h4>'
        f"<p>{text(f'The answer {failed}' if failed else case['why'].capitalize())}.</p>"
        f'<p class="ob-note">Checked: {text(_cut(asked)) or "not known"}</p>'
        f'<p class="ob-note">Input: {text(_cut(listed.inputs.get(case["id"], "")))}</p>'
        f'<div class="ob-pair"><figure><figcaption>Approved</figcaption>'
        f"<pre>{_gone(before, now)}</pre></figure>"
        f"<figure><figcaption>Now</figcaption><pre>{marked(before, now)}</pre></figure></div>"
        "</article>"
    )


def _cut(words: str) -> str:
    return words if len(words) <= MOST_CHARS else words[:MOST_CHARS] + " …"


def marked(before: str, now: str) -> Html:
    """The new answer, escaped, with the words marked that the approved one does not have there.

    >>> marked("net 5 EUR", "net 6 EUR")
    'net <ins>6</ins> EUR'
    """
    old, new = (findall(r"\s+|\S+", _cut(words)) for words in (before, now))
    if not old:
        return Html(text(_cut(now)) or "none")
    found = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    pieces = [(op, "".join(old[i:j]), "".join(new[k:n])) for op, i, j, k, n in found]
    return Html("".join(_piece(*piece) for piece in pieces))


def _gone(before: str, now: str) -> Html:
    """The approved answer, escaped, with the words marked that the new one does not have there."""
    old, new = (findall(r"\s+|\S+", _cut(words)) for words in (before, now))
    if not old or not new:
        return Html(text(_cut(before)) or "none")
    found = SequenceMatcher(None, old, new, autojunk=False).get_opcodes()
    pieces = [(op, "".join(old[i:j])) for op, i, j, _, _ in found]
    return Html(
        "".join(
            text(p) if op == "equal" or not p.strip() else f"<mark>{text(p)}</mark>"
            for op, p in pieces
        )
    )


def _piece(op: str, gone: str, come: str) -> str:
    if op == "equal":
        return text(come)
    there = f"<ins>{text(come)}</ins>" if come.strip() else text(come)
    return there if come.strip() or not gone.strip() else f"<del>{text(gone)}</del>{there}"


def _drift(drifts: Sequence[dict], company: Company) -> Html:
    if not drifts:
        return Html("")
    rows = [{"measure": d["measure"], "change": _changed(d, company), "bounds": _bounds(d, company),
             "noise": _noise(d, company)} for d in drifts]  # fmt: skip
    columns = [
        Column("Drifted", "measure"), Column("Change", "change", align="end"),
        Column("95 % of draws", "bounds", align="end"),
        Column("Noise of the approved run", "noise", align="end"),
    ]  # fmt: skip
    return table(pd.DataFrame(rows), columns, company, label="Drift")


def _is_ratio(drift: dict) -> bool:
    return drift["measure"] in ("length", "output tokens", "latency", "cost")


def _changed(drift: dict, company: Company) -> str:
    return f"{share(drift['before'], company.locale)} to {share(drift['after'], company.locale)}"


def _bounds(drift: dict, company: Company) -> str:
    return f"{share(drift['low'], company.locale)} to {share(drift['high'], company.locale)}"


def _noise(drift: dict, company: Company) -> str:
    return "not known" if drift["noise"] is None else share(drift["noise"], company.locale)


def models(lists: Sequence[Listed], company: Company) -> Html:
    """Every run of every list, model against model over time."""
    rows = [
        {
            "title": listed.title, "day": _line(run.day), "model": _line(run.model),
            "light": LIGHTS[run.document["verdict"]], "word": run.document["verdict"],
            "same": f"{sum(c['verdict'] == 'SAME' for c in run.document['cases'])} of "
            f"{len(run.document['cases'])}",
            "approved": "approved" if run.name == listed.approved else "",
        }
        for listed in lists
        for run in listed.runs
    ]  # fmt: skip
    columns = [
        Column("List", "title"), Column("Run", "day", "html"), Column("Model", "model", "html"),
        Column("Verdict", "light", "light", words="word"),
        Column("Cases as before", "same", align="end"), Column("", "approved"),
    ]  # fmt: skip
    names = ["title", "day", "model", "light", "word", "same", "approved"]
    empty = "No list was run yet."
    return table(pd.DataFrame(rows, columns=names), columns, company, empty=empty, label="Runs")


def lead(lists: Sequence[Listed]) -> Html:
    """The answer in a sentence: how many lists say what."""
    verdicts = [listed.runs[-1].document["verdict"] for listed in lists if listed.runs]
    told = [f"{counted(verdicts.count(v), 'list')} {v}" for v in LIGHTS if v in verdicts]
    without = len(lists) - len(verdicts)
    told += [f"{counted(without, 'workflow')} without a run"] if without else []
    return Html(f'<p class="lead">{text(", ".join(told) or "No workflow is set up yet")}.</p>')
