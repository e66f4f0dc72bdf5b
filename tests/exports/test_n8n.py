"""n8n executions: one row per execution, from its API or its database, as runs of a workflow."""

import json

RUN = {
    "id": "1", "workflowId": "wf", "mode": "trigger", "status": "success", "finished": True,
    "startedAt": "2026-10-20T10:00:00.000Z", "stoppedAt": "2026-10-20T10:00:05.000Z",
    "retryOf": None, "retrySuccessId": None,
}  # fmt: skip


def runs(read, **changes):
    return read(json.dumps({"data": [RUN | changes], "nextCursor": None}))[1]


def test_executions_are_runs_with_their_outcome_and_whether_a_task_was_done(read, files):
    title, found = read((files / "n8n-executions.json").read_bytes())
    assert title == "n8n executions"
    assert found.runs[["run_id", "account", "status", "tasks_done"]].values.tolist() == [
        ["11711", "WUe4y8iYEXNAB6dq", "ok", 1],
        ["11712", "WUe4y8iYEXNAB6dq", "error", 0],
        ["11712", "WUe4y8iYEXNAB6dq", "ok", 1],
        ["11714", "WUe4y8iYEXNAB6dq", "error", 0],
        ["11715", "Invoice intake", "cancelled", 0],
    ]


def test_an_execution_that_is_not_over_is_left_to_the_next_export(read, files):
    _, found = read((files / "n8n-executions.json").read_bytes())
    assert (found.empty_rows, len(found.quarantine), len(found.calls)) == (2, 0, 0)
    assert "not over" in " ".join(found.notices)


def test_a_retry_is_another_attempt_at_the_run_it_retries(read, files):
    _, found = read((files / "n8n-executions.json").read_bytes())
    tries = found.runs[found.runs.run_id == "11712"]
    assert tries.status.tolist() == ["error", "ok"]
    assert tries.row_key.is_unique


def test_start_and_end_are_kept(read):
    found = runs(read)
    assert str(found.runs.started_at[0]) == "2026-10-20 10:00:00+00:00"
    assert str(found.runs.ended_at[0]) == "2026-10-20 10:00:05+00:00"


def test_a_table_of_the_database_is_read_with_its_short_zone(read, files):
    _, found = read((files / "n8n-executions.csv").read_bytes())
    assert found.runs[["run_id", "status"]].values.tolist() == [["501", "ok"], ["502", "error"]]
    assert str(found.runs.started_at[0]) == "2026-10-25 00:30:00.500000+00:00"


def test_an_hour_of_the_night_in_which_the_clocks_go_back_is_an_hour(read, files):
    _, found = read((files / "n8n-executions.csv").read_bytes())
    assert (found.runs.ended_at[0] - found.runs.started_at[0]).total_seconds() == 3600


def test_an_old_export_without_a_status_says_only_whether_it_finished(read):
    assert runs(read, status=None).runs.status.tolist() == ["ok"]
    assert runs(read, status=None, finished=False).runs.status.tolist() == ["error"]


def test_an_execution_without_a_start_or_of_an_unknown_status_is_set_aside(read):
    assert "startedAt" in runs(read, startedAt=None).quarantine.reason.iloc[0]
    assert 'status "paused" is not known' in runs(read, status="paused").quarantine.reason.iloc[0]
