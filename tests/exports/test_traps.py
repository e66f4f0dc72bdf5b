"""The traps that exports set, source by source, each sprung once on a truly shaped file."""

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest

from opsbook.exports import openai

FILES = Path(__file__).parent / "files"
TIMES = "start_time,end_time,start_time_iso,end_time_iso"


@pytest.fixture(scope="module")
def read(reading):
    """What a reader makes of bytes or of a test file."""

    def found(source, zone="Europe/Vienna", **how):
        content = source if isinstance(source, bytes) else (FILES / source).read_bytes()
        return reading(content, zone, **how)

    return found


# OpenAI


def test_openai_cache_writes_are_read_where_the_export_has_them(read):
    text = f"""{TIMES},num_model_requests,model,input_tokens,output_tokens,input_cache_write_tokens
1793577600,1793664000,x,x,1,gpt-5-mini,1000,500,100"""
    assert read(text.encode()).calls.cache_write_tokens.tolist() == [100]


def test_openai_usage_and_cost_name_their_project_alike_so_that_they_join(read):
    assert set(read("openai-cost.csv").bills.account) == {"proj_support"}
    assert "proj_support" in set(read("openai-usage.csv").calls.account)


def test_openai_an_amount_without_a_currency_is_set_aside(read):
    text = f"{TIMES},amount_value,amount_currency,line_item\n1793577600,1793664000,x,x,0.5,,gpt-5"
    assert read(text.encode()).quarantine.reason.tolist() == ["amount_currency is missing"]


def test_openai_a_credit_is_a_bill_below_zero(read):
    text = (
        f"{TIMES},amount_value,amount_currency,line_item\n1793577600,1793664000,x,x,-5,usd,credit"
    )
    assert read(text.encode()).bills.amount.tolist() == [-5]


def test_openai_keys_in_one_bucket_are_rows_of_their_own(read):
    assert read("openai-usage.csv").calls.row_key.is_unique


@pytest.mark.parametrize(
    ("name", "reader"),
    [
        ("openai-usage.csv", openai.USAGE),
        ("openai-cost.csv", openai.COST),
        ("openai-empty.csv", openai.NO_USAGE),
    ],
)
def test_openai_exports_are_told_apart_by_their_headers(read, name, reader):
    assert read(name).reader is reader


# Anthropic


@pytest.mark.parametrize(
    ("name", "rows", "bucket_s"),
    [
        ("anthropic-tokens-2025-06.csv", 1, 86400),
        ("anthropic-tokens-hourly.csv", 2, 3600),
        ("anthropic-tokens-daily.csv", 4, 86400),
    ],
)
def test_anthropic_reads_in_every_generation_of_its_header(read, name, rows, bucket_s):
    found = read(name)
    assert len(found.calls) == rows
    assert set(found.calls.bucket_s) == {found.bucket_s} == {bucket_s}


def test_anthropic_short_and_long_context_of_one_day_are_two_rows(read):
    calls = read("anthropic-tokens-daily.csv").calls
    assert calls.row_key.is_unique
    assert calls.input_tokens.sum() == 650_000


def test_anthropic_rows_in_any_order_cover_to_the_end_of_the_last_day(read):
    found = read("anthropic-tokens-daily.csv")
    assert str(found.covered_from) == "2026-03-21 00:00:00+00:00"
    assert str(found.covered_to) == "2026-03-23 00:00:00+00:00"


def test_anthropic_tokens_below_zero_are_set_aside(one, read):
    assert read("anthropic-tokens-hourly.csv").quarantine.reason.tolist() == [
        'usage_input_tokens_no_cache "-5" is below zero'
    ]


# Langfuse

LINE = {
    "id": "o", "traceId": "t", "traceName": "chat", "type": "GENERATION",
    "startTime": "2026-11-16T08:00:00Z", "providedModelName": "gpt-5-mini",
}  # fmt: skip


@pytest.fixture(scope="module")
def one(read):
    """One observation with the given fields, read."""
    return lambda **fields: read(json.dumps(LINE | fields).encode() + b"\n").calls.iloc[0]


def test_langfuse_the_trace_is_the_run_and_its_name_the_account(read):
    first = read("langfuse-observations.jsonl").calls.iloc[0]
    assert (first.account, first.run_id, first.row_key) == ("support-chat", "trace-1", "obs-1")


def test_langfuse_each_usage_key_is_its_own_and_all_are_added(one):
    details = {"input": 600, "input_cached_tokens": 400, "input_audio_tokens": 7, "total": 1300}
    call = one(usageDetails=details | {"output": 120, "output_reasoning_tokens": 80})
    assert (call.input_tokens, call.cache_read_tokens) == (1007, 400)
    assert (call.output_tokens, call.reasoning_tokens) == (200, 80)


def test_langfuse_cache_keys_as_anthropic_names_them_are_input_as_well(one):
    details = {"input": 10, "cache_read_input_tokens": 5, "cache_creation_input_tokens": 3}
    call = one(usageDetails=details)
    assert (call.input_tokens, call.cache_read_tokens, call.cache_write_tokens) == (18, 5, 3)


def test_langfuse_usage_may_be_json_within_a_string(one):
    assert one(usageDetails='{"input": 4, "output": "2"}').input_tokens == 4


def test_langfuse_a_start_in_quotes_within_quotes_is_a_time(read):
    assert str(read("langfuse-observations.jsonl").calls.ts.iloc[1]) == "2026-11-16 08:00:02+00:00"


@pytest.mark.parametrize(
    ("level", "message", "status"),
    [
        ("DEFAULT", None, "ok"),
        ("WARNING", "429 retried", "ok"),
        ("ERROR", "429 Too Many Requests", "rate_limited"),
        ("ERROR", "Rate limit reached", "rate_limited"),
        ("ERROR", "Request timed out.", "timeout"),
        ("ERROR", "504 Gateway Timeout", "timeout"),
        ("ERROR", "Bad gateway, request 14291", "error"),
        ("ERROR", None, "error"),
    ],
)
def test_langfuse_an_error_is_told_apart_by_what_its_message_says(one, level, message, status):
    assert one(level=level, statusMessage=message).status == status


def test_langfuse_spans_are_no_calls_and_are_counted(read):
    found = read("langfuse-observations.jsonl")
    assert "obs-3" not in set(found.calls.row_key)
    assert found.empty_rows == 1


def test_langfuse_a_broken_line_and_a_strange_time_are_set_aside_with_their_line(read):
    aside = read("langfuse-observations.jsonl").quarantine
    assert aside.row.tolist() == [4, 6]
    assert aside.reason.tolist() == [
        'startTime "yesterday" is not a time; expected like 2026-11-23T14:00:00Z',
        "is no complete JSON object; expected one a line",
    ]


def test_langfuse_an_observation_without_an_id_is_set_aside(read):
    line = json.dumps(LINE | {"id": None}).encode()
    assert read(line).quarantine.reason.tolist() == ["id is missing"]


def test_langfuse_no_key_and_no_address_survives_the_reading(read):
    found = read("langfuse-observations.jsonl")
    kept = found.calls.to_csv() + found.quarantine.to_csv()
    assert "sk-proj-abcdefgh" not in kept
    assert "erika@" not in kept
    assert "sk-…1234" in kept


def test_langfuse_the_csv_export_reads_like_the_lines(read):
    text = (
        '"id","traceId","traceName","type","startTime","providedModelName","usageDetails",'
        '"totalCost","latencyMs"\r\n"o","t","chat","GENERATION","""2026-11-16T08:00:00.000Z""",'
        '"gpt-5-mini","{""input"":10,""output"":2}","1e-05","12"'
    )
    call = read(text.encode()).calls.iloc[0]
    assert (call.input_tokens, call.output_tokens, call.cost) == (10, 2, 0.00001)


# LiteLLM


def test_litellm_the_days_failed_requests_are_rows_of_their_own(read):
    calls = read("litellm-usage.csv").calls.sort_values(["status", "ts"], ascending=[False, True])
    drawn = calls[["status", "requests", "input_tokens", "cost"]].to_numpy().tolist()
    assert drawn == [
        ["ok", 100, 500_000, 1.25],
        ["ok", 40, 200_000, 0.5],
        ["error", 3, 0, 0.0],
    ]


def test_litellm_cached_tokens_are_part_of_the_prompt(read):
    first = read("litellm-usage.csv").calls.iloc[0]
    assert (first.input_tokens, first.cache_read_tokens) == (500_000, 40_000)


def test_litellm_the_alias_is_the_account_and_no_key_or_address_is_kept(read):
    found = read("litellm-usage.csv")
    assert set(found.calls.account) == {"invoice-reader"}
    kept = found.calls.to_csv() + found.quarantine.to_csv()
    assert "88dc28d0f030c55ed4ab" not in kept
    assert "erika@" not in kept


def test_litellm_a_line_with_a_field_too_many_is_set_aside(read):
    aside = read("litellm-usage.csv").quarantine
    assert aside.reason.tolist() == ["has 18 fields; expected 17 as in the header"]


def test_litellm_a_usage_export_without_rows_is_an_empty_period(read):
    header = (FILES / "litellm-usage.csv").read_bytes().partition(b"\r\n")[0]
    found = read(header)
    assert found.calls.empty
    assert found.covered_from is None


def test_litellm_a_start_in_seconds_with_decimals_is_a_time(read):
    call = read("litellm-logs.jsonl").calls.iloc[0]
    assert str(call.ts) == "2026-11-20 08:00:00.250000+00:00"
    assert call.latency_ms == 2500


def test_litellm_a_call_knows_its_key_its_run_and_what_was_asked_and_answered(read):
    call = read("litellm-logs.jsonl").calls.iloc[0]
    assert (call.account, call.run_id, call.provider) == ("invoice-reader", "run-1", "openai")
    assert (call.request_model, call.served_model) == ("gpt-4.1-mini", "gpt-4.1-mini-2025-04-14")


def test_litellm_cached_tokens_lie_in_the_metadata_of_the_logs(read):
    assert read("litellm-logs.jsonl").calls.cache_read_tokens.iloc[0] == 256


def test_litellm_failures_are_told_apart_by_their_class(read):
    assert read("litellm-logs.jsonl").calls.status.tolist() == ["ok", "rate_limited", "error"]


def test_litellm_the_same_call_as_csv_is_the_same_call(read):
    columns = ["ts", "row_key", "account", "run_id", "status", "input_tokens", "cost", "latency_ms"]
    line, cell = (read(f"litellm-logs.{k}").calls.iloc[0] for k in ("jsonl", "csv"))
    assert line[columns].tolist() == cell[columns].tolist()


# Our own template


@pytest.mark.parametrize("name", ["template-european.csv", "template-plain.csv", "template.xlsx"])
def test_template_rows_mean_the_same_however_they_were_saved(read, name):
    first = read(name).calls.iloc[0]
    assert str(first.ts) == "2026-11-03 08:15:00+00:00"
    tokens = (first.input_tokens, first.output_tokens)
    assert (*tokens, first.cost, first.latency_ms) == (12000, 1500, 0.0125, 1234.5)


def test_template_text_with_decimal_commas_stands_beside_real_numbers_in_one_sheet(read):
    second = read("template.xlsx").calls.iloc[1]
    assert str(second.ts) == "2026-11-04 09:00:00+00:00"
    assert (second.input_tokens, second.output_tokens, second.cost) == (9000, 800, 0.5)


def template(*lines, separator=";"):
    """A template file of lines 'ts tokens cost', read."""
    rows = "\n".join(f"{ts};chat;gpt-5-mini;{tokens};1;{cost}" for ts, tokens, cost in lines)
    text = f"ts;workflow;model;input_tokens;output_tokens;cost\n{rows}"
    return text.replace(";", separator).encode()


@pytest.mark.parametrize(
    ("separator", "tokens", "cost", "read_as"),
    [
        (";", "12.000", "0,5", (12000, 0.5)),
        (";", "12.000", "", (12000, None)),
        (";", "12000", "0.5", (12000, 0.5)),
        (";", "1 200", "1.234,50", (1200, 1234.5)),
        (";", "1'200", "0.50", (1200, 0.5)),
        (",", '"1,200"', "0.5", (1200, 0.5)),
        ("\t", "12.000", "0,25", (12000, 0.25)),
        (",", "12.0", "1e-05", (12, 1e-05)),
    ],
)
def test_template_numbers_are_read_in_the_style_of_their_file(
    read, separator, tokens, cost, read_as
):
    file = template(("2026-11-03T09:15", tokens, cost), separator=separator)
    call = read(file).calls.iloc[0]
    found = (call.input_tokens, None if call.isna().cost else call.cost)
    assert found == read_as


def test_template_a_number_in_the_other_style_is_set_aside_and_never_guessed(read):
    file = template(("2026-11-03T09:15", "1", "0,25"), ("2026-11-03T09:16", "1", "0.25"))
    assert read(file).quarantine.reason.tolist() == [
        'cost "0.25" is not a number with a decimal comma'
    ]


@pytest.mark.parametrize(
    ("written", "month_first", "day"),
    [
        ("03.04.2026 09:15", False, "2026-04-03"),
        ("03.04.2026 09:15", True, "2026-04-03"),
        ("03/04/2026", False, "2026-04-03"),
        ("03/04/2026 09:15:00", True, "2026-03-04"),
        ("2026-04-03 09:15", True, "2026-04-03"),
    ],
)
def test_template_an_ambiguous_date_is_read_as_the_company_writes_dates(
    read, written, month_first, day
):
    calls = read(template((written, "1", "0,1")), "UTC", month_first=month_first).calls
    assert str(calls.ts.iloc[0].date()) == day


@pytest.mark.parametrize(
    "written", ["14/03/2026", "1.13.2026", "20261103", "noon", "2026", "01.01.9999"]
)
def test_template_what_is_no_date_in_the_companys_order_is_set_aside(read, written):
    found = read(template((written, "1", "0,1")), "UTC", month_first=True)
    assert found.calls.empty
    assert "expected like 2026-11-23T14:00:00Z" in found.quarantine.reason.iloc[0]


def test_template_a_doubled_hour_is_its_first_and_a_skipped_one_is_set_aside(read):
    found = read("template-european.csv")
    assert "2026-10-25 00:30:00+00:00" in found.calls.ts.astype(str).tolist()
    assert found.quarantine.reason.iloc[0] == (
        'ts "29.03.2026 02:30" does not exist in Europe/Vienna: the clocks go forward there'
    )


def test_template_a_status_of_its_own_is_set_aside_and_none_is_unknown(read):
    found = read("template-european.csv")
    assert found.quarantine.reason.iloc[1].startswith('status "fine" is not known; expected one')
    assert found.calls.status.tolist() == ["ok", "ok", "error", "unknown"]


def test_template_null_is_missing_and_no_zero(read):
    assert read("template-european.csv").calls.cost.isna().tolist() == [False, False, True, True]


# Any file


@pytest.mark.parametrize(
    "change",
    [
        lambda b: b.replace(b"\n", b"\r\n"),
        lambda b: b"\xef\xbb\xbf" + b,
        lambda b: b.decode().encode("utf-16"),
        lambda b: b.rstrip(b"\n"),
        lambda b: gzip.compress(b),
        lambda b: b.replace(b"speed", b"speed,new_column").replace(b"available,", b"available,,x"),
    ],
    ids=["CRLF", "BOM", "UTF-16", "no last newline", "gzip", "a new column"],
)
def test_how_a_file_is_written_does_not_matter(read, change):
    plain = read("anthropic-tokens-daily.csv").calls
    changed = read(change((FILES / "anthropic-tokens-daily.csv").read_bytes())).calls
    assert changed.to_csv() == plain.to_csv()


def test_a_prompt_longer_than_a_csv_field_may_usually_be_is_no_obstacle(read):
    header = "ts,workflow,model,input_tokens,output_tokens,note"
    text = f"{header}\n2026-11-03T08:00Z,a,m,1,1,{'x' * 200_000}"
    assert len(read(text.encode()).calls) == 1


@pytest.mark.parametrize("number", ["inf", "1e400", "nan", "99999999999999999999", "0x10", "1_000"])
def test_a_number_out_of_reach_is_no_number(read, number):
    found = read(template(("2026-11-03T09:15", number, "0.5"), separator=","))
    assert found.calls.input_tokens.isna().all()


API = {
    "id": "obs-9", "traceId": "trace-9", "type": "GENERATION", "name": "support-chat",
    "startTime": "2026-11-16T08:00:00.000Z", "endTime": "2026-11-16T08:00:01.500Z",
    "model": "gpt-5-mini-2025-08-07", "level": "DEFAULT", "calculatedTotalCost": 0.25,
}  # fmt: skip


@pytest.mark.parametrize(
    "told",
    [
        {"usageDetails": {"input": 60, "input_cached_tokens": 40, "output": 20}},
        {"usage": {"input": 100, "output": 20, "total": 120}},
        {"usage": {"promptTokens": 100, "completionTokens": 20}},
        {"promptTokens": 100, "completionTokens": 20},
        {"inputUsage": 100, "outputUsage": 20, "latency": 1.5},
        {"inputTokens": "100", "outputTokens": "20", "latencyMs": 1500, "endTime": None},
    ],
)
def test_langfuse_older_and_other_names_mean_the_same(read, told):
    (call,) = read(json.dumps({"data": [API | told], "meta": {}}).encode()).calls.itertuples()
    assert (call.input_tokens, call.output_tokens, call.cost) == (100, 20, 0.25)
    assert (call.latency_ms, call.account, call.served_model) == (
        1500, "support-chat", "gpt-5-mini-2025-08-07",
    )  # fmt: skip


def test_langfuse_a_score_named_quality_is_the_calls_quality(one):
    assert one(quality="0.75").quality == 0.75


def test_langfuse_traces_are_runs_without_tokens(read):
    rows = (
        "id,timestamp,name,userId,sessionId,release,version,tags,level,latency\n"
        'trace-1,2026-11-16T08:00:00Z,support-chat,u,s,,,"[""chat""]",DEFAULT,2.5\n'
        "trace-2,2026-11-16T09:00:00Z,support-chat,u,s,,,[],ERROR,\n"
        "trace-3,2026-11-16T09:30:00Z,support-chat,u,s,,,[],,\n"
    )
    found = read(rows.encode())
    assert found.calls.empty
    assert found.runs.status.tolist() == ["ok", "error", "unknown"]
    assert found.runs.run_id.tolist() == ["trace-1", "trace-2", "trace-3"]
    assert str(found.runs.ended_at[0]) == "2026-11-16 08:00:02.500000+00:00"


LOG = {
    "request_id": "r", "spend": 0.5, "prompt_tokens": 10, "completion_tokens": 2,
    "startTime": 1793577600.25, "model": "gpt-4.1-mini",
}  # fmt: skip


@pytest.mark.parametrize(
    ("told", "latency"),
    [
        ({}, None),
        ({"endTime": 1793577601.25}, 1000),
        ({"endTime": None, "request_duration_ms": 900}, 900),
    ],
)
def test_litellm_logs_without_an_end_are_calls_all_the_same(read, told, latency):
    (call,) = read(json.dumps(LOG | told).encode()).calls.itertuples()
    assert str(call.ts) == "2026-11-02 00:00:00.250000+00:00"
    assert (None if pd.isna(call.latency_ms) else call.latency_ms) == latency


def test_litellm_older_logs_tell_the_outcome_and_the_cache_in_their_metadata(read):
    used = {"cache_read_input_tokens": 4, "cache_creation_input_tokens": 3}
    metadata = {"status": "failure", "additional_usage_values": used}
    metadata |= {"user_api_key_team_alias": "finance"}
    (call,) = read(json.dumps(LOG | {"metadata": metadata}).encode()).calls.itertuples()
    assert (call.status, call.account) == ("error", "finance")
    assert (call.cache_read_tokens, call.cache_write_tokens) == (4, 3)


def test_litellm_usage_without_the_newer_columns_and_with_lines_of_windows_is_read(read):
    header = "date,entity_id,key_alias,model,spend,prompt_tokens,completion_tokens,"
    header += "api_requests,successful_requests,failed_requests\r\n"
    rows = header + "2026-11-16,t,chat,gpt-4.1,1.5,10,2,3,3,0\r\n"
    (call,) = read(rows.encode()).calls.itertuples()
    assert (call.requests, call.cost, call.input_tokens) == (3, 1.5, 10)
    assert pd.isna(call.cache_read_tokens)
