"""Runs out of an automation tool's log: tasks of workflows whose calls nobody exports."""

import json
import os

import pandas as pd
import pytest

from opsbook import inbox, store
from opsbook.panel import execution_runs, hourly_tasks
from opsbook.schema import EXECUTIONS
from opsbook.workbook import open_workbook

WORKFLOWS = """[[workflows]]
id = "intake"
name = "Invoice intake"
category = "internal"
owner = "Accounting"
matches = ["n8n:Invoice intake", "template:intake"]
"""
CALLS = """ts,workflow,run_id,model,input_tokens,output_tokens,cost,currency,status
2026-11-02T09:00Z,intake,a,gpt-5-mini,100,10,0.01,EUR,ok
2026-11-02T10:00Z,intake,b,gpt-5-mini,100,10,0.01,EUR,ok
"""


def drawn(text: str) -> pd.DataFrame:
    """Executions as drawn: run, start, outcome."""
    rows = [line.split() for line in text.strip().splitlines()]
    told = pd.DataFrame(rows, columns=["run_id", "at", "status"])
    at = pd.to_datetime("2026-11-02T" + told["at"] + "Z", utc=True)
    return EXECUTIONS.conform(
        told.assign(
            started_at=at, ended_at=at, source="n8n", row_key=told.index.astype(str),
            file_id="f", row=told.index + 2, workflow="intake", tasks_done=1,
        )
    )  # fmt: skip


def test_a_retry_belongs_to_its_run_and_ends_it():
    runs = execution_runs(drawn("1 09:10 error\n1 09:20 ok\n2 09:30 ok\n3 10:05 error"))
    assert runs[["run_id", "status"]].values.tolist() == [["1", "ok"], ["2", "ok"], ["3", "error"]]
    assert [t.strftime("%H:%M") for t in runs.started_at] == ["09:10", "09:30", "10:05"]


def test_a_cancelled_execution_is_no_run():
    assert execution_runs(drawn("1 09:10 cancelled\n2 09:30 ok")).run_id.tolist() == ["2"]


@pytest.fixture
def tasks(small_company, tmp_path):
    """Tasks and done ones of 2 November after an inbox with executions, and calls if any."""

    def found(calls: str = ""):
        folder = store.Folder(small_company(tmp_path, workflows=WORKFLOWS))
        folder.inbox.mkdir()
        log = [
            {"id": str(n), "workflowId": "w", "workflowName": "Invoice intake", "mode": "trigger",
             "status": status, "startedAt": f"2026-11-02T{at}Z", "stoppedAt": f"2026-11-02T{at}Z"}
            for n, (at, status) in enumerate([("09:10", "success"), ("09:40", "error"),
                                              ("11:10", "success")])
        ]  # fmt: skip
        texts = {"log.json": json.dumps({"data": log})} | ({"calls.csv": calls} if calls else {})
        for name, text in texts.items():
            (folder.inbox / name).write_text(text, "utf-8")
            os.utime(folder.inbox / name, (1_790_000_000, 1_790_000_000))
        inbox.ingest(folder, store.load_settings(folder))
        book = open_workbook(folder.path, "2026-11-03T00:00+01:00")
        hours = hourly_tasks(book.facts.grid, book.facts.runs)
        return hours[["tasks", "done"]].sum().tolist()

    return found


def test_executions_are_the_tasks_of_a_workflow_without_calls(tasks):
    assert tasks() == [3, 2]


def test_where_calls_are_known_executions_add_nothing(tasks):
    assert tasks(CALLS) == [2, 2]
