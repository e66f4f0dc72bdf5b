"""OpenTelemetry GenAI spans as OTLP-JSON, in the names of the convention's versions."""

import json

import pytest

TOKENS = ["input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens"]


def document(status=None, **attributes):
    """A request of one span with these attributes."""
    told = [{"key": k, "value": {"stringValue": v}} for k, v in attributes.items()]
    span = {
        "traceId": "ab" * 16, "spanId": "cd" * 8, "name": "chat", "attributes": told,
        "startTimeUnixNano": "1792486800000000000", "endTimeUnixNano": "1792486801500000000",
        "status": status or {},
    }  # fmt: skip
    return json.dumps({"resourceSpans": [{"scopeSpans": [{"spans": [span]}]}]})


def chat(**attributes):
    return {"gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-5-mini"} | attributes


def test_calls_of_a_model_are_calls_and_agents_tools_and_requests_are_not(read, files):
    title, found = read((files / "otel-genai.json").read_bytes())
    assert title == "OpenTelemetry GenAI spans"
    assert len(found.calls) == 2
    assert (found.empty_rows, len(found.quarantine)) == (4, 0)


def test_a_call_has_time_tokens_models_and_length(read, files):
    _, found = read((files / "otel-genai.json").read_bytes())
    call = found.calls.iloc[0]
    assert str(call.ts) == "2026-10-20 09:00:01+00:00"
    assert [call[c] for c in TOKENS] == [1000, 640, 100, 90]
    assert (call.reasoning_tokens, call.latency_ms) == (40, 1250)
    assert (call.request_model, call.served_model) == ("gpt-5-mini", "gpt-5-mini-2025-08-07")
    assert (call.provider, call.region) == ("azure", "eu-central-1")
    assert (call.finish_reason, call.prompt_version) == ("stop", "v3")


def test_a_call_belongs_to_the_workflow_of_its_trace(read, files):
    _, found = read((files / "otel-genai.json").read_bytes())
    assert found.calls.account.tolist() == ["invoices", "invoices"]
    assert found.calls.run_id.unique().tolist() == ["5b8efff798038103d269b633813fc60c"]


def test_the_spans_of_a_trace_may_come_in_several_requests(read, files):
    whole = json.loads((files / "otel-genai.json").read_text())
    scope = whole["resourceSpans"][0]["scopeSpans"][0]
    lines = []
    for span in reversed(scope["spans"]):
        scope["spans"] = [span]
        lines.append(json.dumps(whole))
    assert read("\n".join(lines))[1].calls.account.tolist() == ["invoices", "invoices"]


def test_older_names_one_request_a_line_are_read_too(read, files):
    _, found = read((files / "otel-genai.jsonl").read_bytes())
    assert found.calls.provider.tolist() == ["openai", "anthropic"]
    assert found.calls.account.tolist() == ["support-chat", "support-chat"]
    assert found.calls[TOKENS].iloc[0].fillna(-1).tolist() == [700, 512, -1, 55]
    assert found.calls.prompt_version[0] == "7"


def test_a_cache_larger_than_the_input_was_not_counted_in_it(read, files):
    _, found = read((files / "otel-genai.jsonl").read_bytes())
    assert found.calls[TOKENS].iloc[1].tolist() == [1000, 900, 80, 60]


@pytest.mark.parametrize(
    ("code", "error", "status"),
    [
        (0, None, "ok"),
        (1, None, "ok"),
        (2, None, "error"),
        ("STATUS_CODE_ERROR", "RateLimitError", "rate_limited"),
        (2, "429", "rate_limited"),
        (2, "APITimeoutError", "timeout"),
        (0, "server_error", "error"),
    ],
)
def test_the_outcome_is_the_span_s_status_and_the_kind_of_error(read, code, error, status):
    told = chat(**({"error.type": error} if error else {}))
    _, found = read(document({"code": code}, **told))
    assert found.calls.status.tolist() == [status]


def test_an_answer_that_a_filter_stopped_is_refused(read):
    _, found = read(document(**chat(**{"gen_ai.response.finish_reasons": "content_filter"})))
    assert found.calls.status.tolist() == ["refused"]


@pytest.mark.parametrize(
    ("named", "provider"),
    [
        ("aws.bedrock", "aws"),
        ("az.ai.inference", "azure"),
        ("gcp.vertex_ai", "google"),
        ("vertex_ai", "google"),
        ("mistral_ai", "mistral"),
        ("x_ai", "x-ai"),
        ("OpenAI", "openai"),
        ("own-host", "own-host"),
    ],
)
def test_a_provider_has_the_name_that_prices_go_by(read, named, provider):
    _, found = read(document(**chat(**{"gen_ai.provider.name": named})))
    assert found.calls.provider.tolist() == [provider]


def test_a_workflow_without_a_name_is_the_service(read):
    whole = json.loads(document(**chat()))
    named = {"attributes": [{"key": "service.name", "value": {"stringValue": "helpdesk"}}]}
    whole["resourceSpans"][0]["resource"] = named
    assert read(json.dumps(whole))[1].calls.account.tolist() == ["helpdesk"]


def test_no_prompt_of_a_span_is_kept(read, files):
    _, found = read((files / "otel-genai.json").read_bytes())
    assert "role" not in found.calls.astype("string").fillna("").to_csv()


def test_parts_that_are_not_what_they_should_be_break_nothing(read):
    for strange in ({"resourceSpans": [7, {"scopeSpans": {"spans": 1}}]}, {"resourceSpans": None}):
        whole = json.loads(document(**chat()))
        whole["resourceSpans"] += strange["resourceSpans"] or []
        whole["resourceSpans"][0]["scopeSpans"][0]["spans"] += [None, "x"]
        _, found = read(json.dumps(whole))
        assert len(found.calls) == 1
