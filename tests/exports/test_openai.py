"""OpenAI's dashboard exports: usage, cost, and a period without either."""

import json

USAGE = """start_time,end_time,start_time_iso,end_time_iso,project_id,num_model_requests,user_id,\
api_key_id,model,batch,service_tier,input_tokens,output_tokens,input_cached_tokens,input_uncached_tokens
1761951600,1761955200,2025-10-31T23:00:00+00:00,2025-11-01T00:00:00+00:00,proj_a,10.0,,key_1,\
gpt-5-mini-2025-08-07,FALSE,,1000.0,50.0,400.0,600.0
1761955200,1761958800,2025-11-01T00:00:00+00:00,2025-11-01T01:00:00+00:00
1761958800,1761962400,2025-11-01T01:00:00+00:00,2025-11-01T02:00:00+00:00,proj_a,2.5,,key_1,\
gpt-5-mini-2025-08-07,FALSE,,10.0,5.0,0.0,10.0
"""
COST = """start_time,end_time,start_time_iso,end_time_iso,amount_value,amount_currency,line_item,\
project_id,organization_id,organization_name
1761955200,1762041600,2025-11-01T00:00:00+00:00,2025-11-02T00:00:00+00:00,0.06,usd,\
"gpt-5-mini-2025-08-07, input",proj_a,org,Example
1762041600,1762128000,2025-11-02T00:00:00+00:00,2025-11-03T00:00:00+00:00
"""


def test_input_tokens_hold_the_cached_ones_already(read):
    _, reading = read(USAGE)
    call = reading.calls.iloc[0]
    assert (call.input_tokens, call.cache_read_tokens, call.output_tokens) == (1000, 400, 50)


def test_an_integer_written_as_a_decimal_is_one_and_a_part_of_a_request_is_refused(read):
    _, reading = read(USAGE)
    assert reading.calls.requests.tolist() == [10]
    assert reading.quarantine[["row", "reason"]].values.tolist() == [
        [4, 'num_model_requests "2.5" is not a whole number']
    ]


def test_a_bucket_without_usage_is_covered_and_no_call(read):
    _, reading = read(USAGE)
    assert reading.empty_rows == 1
    assert str(reading.covered_from) == "2025-10-31 23:00:00+00:00"
    assert str(reading.covered_to) == "2025-11-01 01:00:00+00:00"


def test_the_outcome_of_a_billed_call_is_unknown(read):
    _, reading = read(USAGE)
    assert reading.calls.status.tolist() == ["unknown"]
    assert reading.has_status is False


def test_a_cost_file_is_bills_in_upper_case_currency_and_no_calls(read):
    title, reading = read(COST)
    assert title == "OpenAI cost"
    assert reading.calls.empty
    assert reading.bills[["amount", "currency", "account"]].values.tolist() == [
        [0.06, "USD", "proj_a"]
    ]


def test_a_period_without_usage_is_empty_and_no_error(read, files):
    title, reading = read((files / "openai_dashboard_empty_export.csv").read_bytes())
    assert title == "OpenAI, a period without usage"
    assert (len(reading.calls), len(reading.quarantine), reading.empty_rows) == (0, 0, 1)
    assert str(reading.covered_to) == "2025-01-02 00:00:00+00:00"


def test_a_page_of_the_usage_api_tells_what_the_dashboard_tells(read, files):
    title, reading = read((files / "openai_usage_completions_api.json").read_bytes())
    assert title == "OpenAI usage"
    (call,) = reading.calls.itertuples()
    counts = (call.input_tokens, call.cache_read_tokens, call.cache_write_tokens)
    assert (*counts, call.output_tokens, call.requests) == (1000, 400, 100, 500, 5)
    assert (str(call.ts), call.bucket_s) == ("2024-11-01 00:00:00+00:00", 86400)


def test_a_page_of_the_costs_api_is_bills(read, files):
    title, reading = read((files / "openai_costs_api.json").read_bytes())
    assert title == "OpenAI cost"
    assert reading.bills[["amount", "currency"]].values.tolist() == [[0.06, "USD"]]
    assert reading.calls.empty


def test_pages_one_a_line_and_a_list_of_pages_are_read_alike(read, files):
    page = json.loads((files / "openai_usage_completions_api.json").read_bytes())
    _, lines = read("\n".join([json.dumps(page), json.dumps(page | {"data": []})]))
    _, listed = read(json.dumps([page]))
    assert lines.calls.input_tokens.tolist() == listed.calls.input_tokens.tolist() == [1000]


def test_the_row_of_the_api_is_that_of_the_dashboard(read):
    told = {"project_id": "proj_a", "api_key_id": "key_1", "model": "gpt-5-mini-2025-08-07"}
    told |= {"batch": "FALSE", "num_model_requests": 10, "input_tokens": 1000, "output_tokens": 50}
    bucket = {"start_time": 1761951600, "end_time": 1761955200, "results": [told]}
    _, page = read(json.dumps({"object": "page", "data": [{"object": "bucket"} | bucket]}))
    _, dashboard = read(USAGE)
    assert page.calls.row_key[0] == dashboard.calls.row_key[0]


def test_a_page_of_buckets_without_results_is_an_empty_period(read):
    bucket = {"object": "bucket", "start_time": 1735689600, "end_time": 1735776000, "results": []}
    title, reading = read(json.dumps({"object": "page", "data": [bucket]}))
    assert title == "OpenAI, a period without usage"
    assert str(reading.covered_to) == "2025-01-02 00:00:00+00:00"
