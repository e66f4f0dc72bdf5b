"""What production's inputs are like, beside a list's: did the inputs change (clause F1)?

Lengths come from the exports; language and words from texts that somebody gives, because exports
hold none.
"""

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pandas as pd

from opsbook.errors import UsageError
from opsbook.regression.attribution import Production, new_word_share
from opsbook.regression.cases import Answer, Case
from opsbook.regression.tongues import language_of
from opsbook.store import Folder, calls_relation

RECENT, BEFORE = pd.Timedelta(days=7), pd.Timedelta(days=28)
"""What counts as now, and what the days before the approved run are taken from."""
FEWEST = 20
"""Calls under which nothing is said of their length."""
MEAN_INPUT = """
    SELECT sum(input_tokens) / sum(requests), sum(requests) FROM calls
    WHERE workflow = $workflow AND ts >= $since AND ts < $until
      AND input_tokens IS NOT NULL AND requests IS NOT NULL
"""
KEYS = ("input", "prompt", "text", "question")


def beside(
    folder: Folder,
    workflow: str,
    approved: Sequence[Answer],
    now: pd.Timestamp,
    cases: Sequence[Case] = (),
    texts: Sequence[str] = (),
) -> Production:
    """Production's inputs up to `now` beside those when the run was approved, and the list's.

    Lengths are input tokens a call: the last week, four weeks up to the approved answers, and the
    approved answers' own. What is not known stays None.
    """
    times = [pd.Timestamp(a.at) for a in approved if a.at is not None]
    then = max(times) if times else None
    recent = mean_input(folder, workflow, now - RECENT, now)
    usual = mean_input(folder, workflow, then - BEFORE, then) if then is not None else None
    own = pd.Series([a.input_tokens for a in approved if a.input_tokens]).median()
    inputs = [c.input for c in cases if c.input.strip()]
    alone = [new_word_share([t], inputs[:i] + inputs[i + 1 :]) for i, t in enumerate(inputs)]
    known = ({language_of(t) for t in inputs} - {None}) if texts else set()
    spoken = [found for t in texts if (found := language_of(t))]
    return Production(
        length_ratio=_ratio(recent, usual),
        list_ratio=_ratio(recent, None if pd.isna(own) else float(own)),
        new_words=new_word_share(texts, inputs) if texts and inputs else None,
        usual_new_words=sum(alone) / len(alone) if len(alone) > 1 else None,
        other_language=sum(s not in known for s in spoken) / len(spoken)
        if spoken and known else None,
    )  # fmt: skip


def _ratio(one: float | None, other: float | None) -> float | None:
    return one / other if one and other else None


def mean_input(
    folder: Folder, workflow: str, since: pd.Timestamp, until: pd.Timestamp
) -> float | None:
    """Input tokens a call of a workflow in a stretch of time; None for fewer than 20 calls."""
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        calls = calls_relation(folder, engine)  # noqa: F841 - named in the statement
        given = {"workflow": workflow, "since": since.to_pydatetime(),
                 "until": until.to_pydatetime()}  # fmt: skip
        mean, requests = engine.execute(MEAN_INPUT, given).fetchone()
    return float(mean) if requests and requests >= FEWEST else None


def texts_of(path: Path) -> list[str]:
    """Inputs of production: a folder of files, JSON lines or CSV with an input, or a line each."""
    try:
        if path.is_dir():
            return [p.read_text("utf-8") for p in sorted(path.iterdir()) if p.is_file()]
        text = path.read_text("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read ({error}); name a text, CSV or JSONL.") from None
    if path.suffix.lower() == ".csv":
        rows: list = list(csv.DictReader(text.splitlines(keepends=True)))
    elif path.suffix.lower() == ".jsonl":
        rows = [_object(line, path) for line in text.splitlines() if line.strip()]
    else:
        return [line for line in text.splitlines() if line.strip()]
    found = [next((r[k] for k in KEYS if isinstance(r.get(k), str)), None) for r in rows]
    if not rows or None in found:
        raise UsageError(f"{path}: a row has no input; expected a column of {', '.join(KEYS)}.")
    return found


def _object(line: str, path: Path) -> dict:
    try:
        found = json.loads(line)
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise UsageError(f'{path}: a line is no JSON object; expected {{"input": "..."}}.')
    return found
