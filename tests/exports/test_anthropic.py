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
