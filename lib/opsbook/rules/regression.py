"""A regression list whose contract is broken: R14.

The list is run against what production asks, weekly and when outputs drift. A case it lost is a
format that whatever comes after the model gets from now on.
"""

from collections.abc import Mapping

import pandas as pd

from opsbook.regression.cases import CONFIRMING, REPEATS
from opsbook.rules import findings_of
from opsbook.settings import Workflow

INSTANT = pd.Timedelta(microseconds=1)


def broken_lists(
    runs: pd.DataFrame,
    workflows: Mapping[str, Workflow],
    asked: Mapping[str, set[str]],
    now: pd.Timestamp,
) -> pd.DataFrame:
    """Stretches in which a list's runs lose cases of the approved run, as findings.

    Clauses C3 and C6, rule R14. Takes LIST_RUNS, the workflows by id, and by workflow the models
    that production asks for. P2 where something parses the output (`parsed`), else P3; it holds
    until a run loses nothing. A candidate, which neither production nor the approved run asks for,
    breaks nothing yet: P3, over at once. Where no run is approved nothing is judged.
    """
    rows = []
    for name, own in runs.sort_values(["at", "run"], na_position="first").groupby("workflow"):
        unread = own[own.verdict.isna()]
        rows += [_unread(row) | {"started_at": now - INSTANT, "ended_at": now, "detected_at": now}
                 for row in unread.itertuples()]  # fmt: skip
        known = [r for r in own.itertuples() if not pd.isna(r.verdict)]
        rows += _of_a_list(known, workflows.get(str(name)), asked.get(str(name), set()), now)
    return findings_of(rows)


def _of_a_list(
    runs: list, workflow: Workflow | None, asked: set[str], now: pd.Timestamp
) -> list[dict]:
    """The findings of one list's runs, oldest first."""
    rows: list[dict] = []
    going = False
    for run in runs:
        if pd.isna(run.before):
            continue
        candidate = _is_candidate(run, asked)
        if candidate:
            rows += [_broken(run, "P3", run.at + INSTANT, "over")] * bool(run.lost)
        elif run.lost and not going:
            rows.append(_broken(run, "P2" if workflow and workflow.parsed else "P3", now, "firing"))
        elif going and not run.lost:
            open_one = next(r for r in reversed(rows) if r["state"] == "firing")
            open_one |= {"ended_at": run.at, "state": "over"}
        going = going if candidate else bool(run.lost)
    judged = any(not pd.isna(run.before) for run in runs)
    return rows if judged or not runs else [_learning(runs[-1], now)]


def _is_candidate(run: object, asked: set[str]) -> bool:
    """Whether a run asked a model that production does not: both have to be known."""
    if pd.isna(run.asked_model) or pd.isna(run.before_model):
        return False
    return run.asked_model != run.before_model and run.asked_model not in asked


def _broken(run: object, priority: str, until: pd.Timestamp, state: str) -> dict:
    lost = f"{run.lost} of {run.cases} cases {'is' if run.lost == 1 else 'are'} lost"
    who = f"of a candidate, {run.asked_model}, " if state == "over" else ""
    return _finding(run) | {
        "started_at": run.at,
        "ended_at": max(until, run.at + INSTANT),
        "detected_at": run.at,
        "observed": run.lost,
        "limit": 0.0,
        "sample": run.cases,
        "parameters": f"repeats={REPEATS}, confirming={CONFIRMING}",
        "priority": priority,
        "state": state,
        "reason": f"{lost} in run {run.run} {who}against {run.before}: {run.named}",
    }


def _learning(run: object, now: pd.Timestamp) -> dict:
    return _finding(run) | {
        "started_at": run.at,
        "ended_at": max(now, run.at + INSTANT),
        "detected_at": max(now, run.at),
        "state": "learning",
        "reason": f"no run is approved yet to compare with; {run.run} says {run.verdict}",
    }


def _unread(run: object) -> dict:
    return _finding(run) | {
        "state": "not evaluable",
        "reason": f"the verdict of run {run.run} cannot be read; score its answers again",
    }


def _finding(run: object) -> dict:
    return {"rule": "R14", "method": "calendar", "workflow": run.workflow, "metric": "lost_cases"}
