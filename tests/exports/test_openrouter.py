"""OpenRouter's activity: one row per generation, or totals per model and minute, hour or day."""

import pytest

AGGREGATED = (
    "Date,Slug,Usage,BYOK Usage,Requests,Prompt Tokens,Completion Tokens,Reasoning Tokens\n"
)


def test_a_generation_has_all_its_input_with_the_cached_part_in_it(read, files):
    title, found = read((files / "openrouter-generations.csv").read_bytes())
    assert title == "OpenRouter activity, generations"
    call = found.calls.iloc[0]
    assert (call.input_tokens, call.cache_read_tokens) == (10389, 8000)
    assert (call.output_tokens, call.reasoning_tokens) == (137, 64)
    assert (call.provider, call.account) == ("openrouter", "support-chat")
    assert call.served_model == "anthropic/claude-4.7-opus-20260416"
    assert (call.cost, call.currency, call.latency_ms) == (0.0123, "USD", 2310)


def test_a_time_without_a_zone_is_utc_and_not_the_company_s(read, files):
    _, found = read((files / "openrouter-generations.csv").read_bytes())
    assert str(found.calls.ts[0]) == "2026-06-28 03:46:57.713000+00:00"


def test_an_own_key_pays_the_vendor_and_openrouter(read, files):
    _, found = read((files / "openrouter-generations.csv").read_bytes())
    assert found.calls.cost[1] == pytest.approx(0.01)


def test_cancelled_failed_and_filtered_generations_are_told_apart(read, files):
    _, found = read((files / "openrouter-generations.csv").read_bytes())
    assert found.calls.status.tolist() == ["ok", "ok", "cancelled", "error", "refused"]


def test_a_key_without_a_name_leaves_the_app(read, files):
    _, found = read((files / "openrouter-generations.csv").read_bytes())
    assert found.calls.account.tolist() == [
        "support-chat", "invoices", "Helpdesk", "invoices", "invoices",
    ]  # fmt: skip


def test_totals_per_day_add_what_the_own_key_paid(read, files):
    title, found = read((files / "openrouter-daily.csv").read_bytes())
    assert title == "OpenRouter activity, totals"
    columns = ["requests", "input_tokens", "output_tokens", "cost", "bucket_s", "status"]
    assert found.calls[columns].values.tolist() == [
        [4115, 70965665, 3009973, 430.07, 86400, "unknown"],
        [20, 4000, 600, 2.0, 86400, "unknown"],
        [4254, 87199493, 2795119, 505.87, 86400, "unknown"],
    ]


def test_totals_state_what_they_cover(read, files):
    _, found = read((files / "openrouter-daily.csv").read_bytes())
    assert str(found.covered_from) == "2026-05-12 00:00:00+00:00"
    assert str(found.covered_to) == "2026-05-14 00:00:00+00:00"


@pytest.mark.parametrize(
    ("times", "bucket_s"),
    [
        (["2026-05-12 00:00:00", "2026-05-12 01:00:00"], 3600),
        (["2026-05-12 00:00:00", "2026-05-12 00:01:00"], 60),
        (["2026-05-01 00:00:00"], 86400),
    ],
)
def test_the_chosen_period_sets_the_width_of_a_bucket(read, times, bucket_s):
    _, found = read(AGGREGATED + "".join(f"{t},openai/gpt-5-mini,1,0,1,10,1,0\n" for t in times))
    assert found.calls.bucket_s.unique().tolist() == [bucket_s]


def test_totals_per_month_are_refused_since_no_day_can_be_judged_by_them(read):
    months = ["2026-04-01 00:00:00", "2026-05-01 00:00:00"]
    _, found = read(AGGREGATED + "".join(f"{t},openai/gpt-5-mini,1,0,1,10,1,0\n" for t in months))
    assert found.calls.empty
    assert "stands for a month" in found.quarantine.reason.iloc[0]
