"""AWS Bedrock's invocation log: one JSON object a line, tokens beside the prompt, no cost."""

import json

import pandas as pd

CALL = {
    "schemaType": "ModelInvocationLog", "timestamp": "2026-07-15T01:02:03Z", "requestId": "r",
    "operation": "Converse", "modelId": "amazon.nova-micro-v1:0",
    "input": {"inputTokenCount": 10}, "output": {"outputTokenCount": 4},
}  # fmt: skip
TOKENS = ["input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens"]


def test_input_tokens_are_the_uncached_ones_and_the_cache_s_together(read, files):
    title, found = read((files / "bedrock-invocations.jsonl").read_bytes())
    assert title == "AWS Bedrock invocation log"
    assert found.calls[TOKENS].iloc[0].tolist() == [9700, 8000, 200, 500]


def test_what_a_failed_call_or_an_embedding_does_not_count_is_missing_and_not_zero(read, files):
    _, found = read((files / "bedrock-invocations.jsonl").read_bytes())
    assert found.calls.input_tokens[2:].fillna(-1).tolist() == [-1, 5]
    assert found.calls.output_tokens[2:].fillna(-1).tolist() == [-1, -1]


def test_the_model_is_what_an_arn_ends_with(read, files):
    _, found = read((files / "bedrock-invocations.jsonl").read_bytes())
    assert found.calls.request_model.tolist() == [
        "eu.anthropic.claude-sonnet-4-20250514-v1:0",
        "anthropic.claude-sonnet-4-20250514-v1:0",
        "amazon.nova-micro-v1:0",
        "amazon.titan-embed-text-v2:0",
    ]
    assert set(found.calls.provider) == {"aws"}


def test_the_workflow_is_in_the_tags_else_the_role_that_called(read, files):
    _, found = read((files / "bedrock-invocations.jsonl").read_bytes())
    assert found.calls.account.fillna("none").tolist() == [
        "invoices", "costCentre=CC-1234, team=engineering", "invoice-reader", "none",
    ]  # fmt: skip
    assert found.calls.run_id.fillna("none").tolist() == ["run-7", "none", "none", "none"]


def test_an_error_is_told_by_its_code(read, files):
    _, found = read((files / "bedrock-invocations.jsonl").read_bytes())
    assert found.calls.status.tolist() == ["ok", "ok", "rate_limited", "ok"]
    assert found.calls.error_type.fillna("").tolist() == ["", "", "ThrottlingException", ""]


def test_the_region_that_answered_is_kept(read, files):
    _, found = read((files / "bedrock-invocations.jsonl").read_bytes())
    assert found.calls.region.tolist()[:2] == ["eu-west-1", "eu-central-1"]


def test_nothing_of_a_prompt_or_an_account_s_number_is_kept(read, files):
    _, found = read((files / "bedrock-invocations.jsonl").read_bytes())
    kept = found.calls.astype("string").fillna("").to_csv()
    assert "123456789012" not in kept
    assert "inputBodyJson" not in kept


def test_a_list_of_records_is_read_like_lines(read):
    _, found = read(json.dumps([CALL, CALL | {"requestId": "s"}]))
    assert found.calls.input_tokens.tolist() == [10, 10]
    assert found.calls.ts.tolist() == [pd.Timestamp("2026-07-15T01:02:03Z")] * 2


def test_a_record_without_a_time_is_set_aside(read):
    _, found = read(json.dumps([CALL | {"timestamp": None}]))
    assert "timestamp" in found.quarantine.reason.iloc[0]
