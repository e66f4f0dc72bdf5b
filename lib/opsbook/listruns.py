"""What the regression lists said, run by run, as it was kept: `regression/runs/<workflow>/<run>/`.

Reads the verdicts alone: the hourly check opens no workbook.
"""

import json
from pathlib import Path

import pandas as pd

from opsbook.schema import LIST_RUNS
from opsbook.store import Folder

LOST = "LOST"
MOST_NAMED, MOST_CHARS = 3, 40


def verdict_files(folder: Folder) -> list[Path]:
    """The verdicts of all runs that were kept."""
    return sorted((folder.path / "regression" / "runs").glob("*/*/verdict.json"))


def kept_runs(folder: Folder, now: pd.Timestamp) -> pd.DataFrame:
    """Every run judged until `now`, as LIST_RUNS; one whose verdict cannot be read has none."""
    rows = [_row(path) for path in verdict_files(folder)]
    known = [r for r in rows if pd.isna(r["at"]) or r["at"] <= now]
    return LIST_RUNS.conform(pd.DataFrame(known, columns=list(LIST_RUNS.columns)))


def _row(path: Path) -> dict:
    named = {"workflow": path.parent.parent.name, "run": path.parent.name, "at": pd.NaT}
    try:
        told = json.loads(path.read_text("utf-8"))
        at = judged_at(told, path.parent)
        lost = [c for c in told["cases"] if c["verdict"] == LOST]
        before = told.get("before") or {}
        return named | {
            "at": at, "verdict": told["verdict"] if at is not pd.NaT else None,
            "cases": len(told["cases"]), "lost": len(lost), "named": _named(lost),
            "asked_model": told.get("asked_model"), "before": before.get("run"),
            "before_model": before.get("asked_model"),
        }  # fmt: skip
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return named


def _named(lost: list[dict]) -> str:
    """The first lost cases by their ids: what an answer said has no place in the record."""
    ids = [str(c["id"])[:MOST_CHARS] for c in lost[:MOST_NAMED]]
    more = [f"{len(lost) - MOST_NAMED} more"] if len(lost) > MOST_NAMED else []
    return ", ".join([*ids, *more])


def judged_at(told: dict, folder: Path) -> pd.Timestamp:
    """When a run was judged: as its verdict says, else the time of its last answer, else NaT."""
    if told.get("at"):
        return pd.Timestamp(told["at"]).tz_convert("UTC")
    lines = (folder / "answers.jsonl").read_text("utf-8").splitlines()
    times = [str(t) for line in lines if line.strip() and (t := json.loads(line).get("at"))]
    return pd.Timestamp(max(times)).tz_convert("UTC") if times else pd.NaT
