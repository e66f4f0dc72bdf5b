"""Anthropic's console tokens, three generations of headers."""

import pytest

HEADER = (
    "usage_date_utc,model_version,api_key,workspace,usage_type,context_window,"
    "usage_input_tokens_no_cache,usage_input_tokens_cache_write_5m,"
    "usage_input_tokens_cache_write_1h,usage_input_tokens_cache_read,usage_output_tokens,"
    "web_search_count\n"
)


@pytest.mark.parametrize(
    ("file", "inputs"),
    [
        ("anthropic_console_tokens_2025-06.csv", [8]),
        ("anthropic_console_tokens_daily.csv", [100000, 50000, 200000]),
    ],
)
def test_each_generation_of_the_header_is_read(read, files, file, inputs):
    title, reading = read((files / file).read_bytes())
    assert title == "Anthropic console, tokens"
    assert reading.calls.input_tokens.tolist() == inputs


def test_cached_input_is_added_once_because_the_export_leaves_it_out(read):
    _, reading = read(HEADER + "2026-11-02 14:00,m,k,W,standard,≤ 200k,100,20,5,300,7,0\r\n")
    call = reading.calls.iloc[0]
    assert (call.input_tokens, call.cache_read_tokens, call.cache_write_tokens) == (425, 300, 25)
    assert (call.bucket_s, str(call.ts)) == (3600, "2026-11-02 14:00:00+00:00")


def test_an_export_by_day_covers_whole_days_in_utc(read, files):
    _, reading = read((files / "anthropic_console_tokens_daily.csv").read_bytes())
    assert str(reading.covered_from) == "2026-03-21 00:00:00+00:00"
    assert str(reading.covered_to) == "2026-03-23 00:00:00+00:00"


def test_a_missing_count_of_tokens_is_no_zero(read):
    _, reading = read(HEADER + "2026-11-02,m,k,W,standard,≤ 200k,,0,0,0,7,0\n")
    assert reading.calls.empty
    assert "usage_input_tokens_no_cache" in reading.quarantine.reason[0]


def test_the_consoles_cost_is_bills_in_dollars_by_kind_of_token(read, files):
    title, reading = read((files / "anthropic_console_cost_2026-03.csv").read_bytes())
    assert title == "Anthropic console, cost"
    assert reading.bills[["amount", "currency", "account", "line_item"]].values.tolist() == [
        [1.5, "USD", "Default", "Claude Opus 4.6, input_no_cache"],
        [0.5, "USD", "Default", "Claude Opus 4.6, output"],
        [2.0, "USD", "Default", "Claude Sonnet 4.6, input_no_cache"],
    ]
    assert str(reading.covered_to) == "2026-03-17 00:00:00+00:00"


def test_what_a_search_cost_is_no_part_of_a_models_tokens(read):
    head = "usage_date_utc,model,workspace,token_type,cost_usd,list_price_usd,cost_type\n"
    _, reading = read(head + "2026-03-15,Claude Opus 4.6,Default,,0.30,0.30,web_search\n")
    assert reading.bills.line_item.tolist() == ["web_search"]


def test_the_admin_apis_cost_is_cents(read, files):
    title, reading = read((files / "anthropic-cost-report.json").read_bytes())
    assert title == "Anthropic Admin API, cost report"
    assert reading.bills[["amount", "currency", "line_item"]].values.tolist() == [
        [1.505, "USD", "claude-opus-4-6, uncached_input_tokens"],
        [0.495, "USD", "claude-opus-4-6, output_tokens"],
        [10.0, "USD", "web_search"],
    ]
    assert (reading.empty_rows, str(reading.covered_to)) == (1, "2026-03-17 00:00:00+00:00")


def test_the_admin_apis_usage_adds_what_the_cache_held(read, files):
    title, reading = read((files / "anthropic-usage-report.json").read_bytes())
    assert title == "Anthropic Admin API, usage report"
    (call,) = reading.calls.itertuples()
    assert (call.input_tokens, call.output_tokens, call.bucket_s) == (3200, 500, 86400)
    cached = (call.cache_read_tokens, call.cache_write_tokens, call.cache_write_1h_tokens)
    assert (*cached, call.account) == (200, 1500, 1000, "wrkspc_1")


def test_a_page_without_results_is_an_empty_period(read):
    bucket = '{"starting_at": "2026-03-16T00:00:00Z", "ending_at": "2026-03-17T00:00:00Z", '
    title, reading = read('{"data": [' + bucket + '"results": []}], "has_more": false}')
    assert title == "Anthropic Admin API, a period without usage"
    assert (len(reading.calls), reading.empty_rows) == (0, 1)
