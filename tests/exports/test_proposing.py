"""What an unknown export's columns are proposed to mean, from its header and first rows.

Headers of vendors are as published (`Public`), the others made up after what small companies keep
(`Made up`); all rows are made up.
"""
# ruff: noqa: E501 (a header stands on one line, as in its file)

import csv
import io
import re
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsbook.errors import UsageError
from opsbook.exports.matching import sample
from opsbook.exports.proposing import About, appended, choice, propose
from opsbook.settings import Mapping

GRAZ = {"zone": "Europe/Vienna", "locale": "de_AT"}


def proposed(text, chosen=None, **about):
    """The proposal for a file drawn as text."""
    lines = list(csv.reader(io.StringIO(text.strip()), delimiter=";" if ";" in text else ","))
    known = About(**(GRAZ | {"semicolons": ";" in text} | about))
    return propose(sample(lines[0], lines[1:]), known, chosen)


HELICONE = """
response_id,response_status,request_id,request_created_at,provider,delay_ms,time_to_first_token,total_tokens,prompt_tokens,prompt_cache_write_tokens,prompt_cache_read_tokens,completion_tokens,reasoning_tokens,request_model,response_model,model,cost,costUSD
p1,200,q1,2026-11-16T08:00:01.1Z,OPENAI,1004,210,1100,1000,0,800,100,0,gpt-5-mini,gpt-5-mini-2025-08-07,gpt-5-mini,0.01,0.01
p2,429,q2,2026-11-16T08:01:01.1Z,OPENAI,204,,0,0,0,0,0,0,gpt-5-mini,,gpt-5-mini,0,0
"""  # Public: fields of Helicone's request query
PORTKEY = """
id,trace_id,created_at,is_success,ai_org,ai_model,req_units,res_units,total_units,cost,cost_currency,response_time,response_status_code,prompt_slug
a,t1,2026-11-16T08:00:01.1Z,true,openai,gpt-5-mini,100,20,120,0.02,USD,1520,200,p-1
b,t2,2026-11-16T08:02:01.1Z,false,openai,gpt-5-mini,100,0,100,0.00,USD,320,500,p-1
"""  # Public: fields of Portkey's logs export
CLOUDFLARE = """
id,created_at,provider,model,model_type,path,duration,request_type,status_code,success,cached,tokens_in,tokens_out,cost,custom_cost,step
01,2026-11-16 08:00:01Z,anthropic,claude-haiku-4-5,,v1/messages,1520,chat,200,true,false,100,20,0.0002,false,0
02,2026-11-16 08:00:05Z,anthropic,claude-haiku-4-5,,v1/messages,820,chat,200,true,true,100,20,0,false,0
"""  # Public: fields of the AI gateway's logs
GOOGLE = """
Billing account name,Project ID,Service description,SKU description,Usage start date,Usage end date,Usage amount,Usage unit,Unformatted cost ($),Cost ($)
Main,acme-prod,Vertex AI,Gemini 2.5 Flash Text Input,2026-11-01,2026-11-01,120000,count,0.036,0.04
Main,acme-prod,Vertex AI,Gemini 2.5 Flash Text Output,2026-11-01,2026-11-01,20000,count,0.05,0.05
"""  # Public: cost table of Google Cloud's console
CURSOR = """
Date,User,Kind,Model,Max Mode,Input (w/ Cache Write),Input (w/o Cache Write),Cache Read,Output Tokens,Total Tokens,Cost
2026-11-16T08:00:01.100Z,lead,Included,claude-4.5-sonnet,No,500,100,4000,300,4900,$0.12
2026-11-16T08:10:01.100Z,lead,Included,claude-4.5-sonnet,No,0,200,8000,100,8300,$0.07
"""  # Public: usage events of Cursor's dashboard
LANGSMITH = """
id,name,run_type,start_time,end_time,status,error,prompt_tokens,completion_tokens,total_tokens,total_cost,session_id,trace_id
a,ChatOpenAI,llm,2026-11-16T08:00:01.1,2026-11-16T08:00:03.1,success,,100,20,120,0.002,s,t1
b,ChatOpenAI,llm,2026-11-16T08:05:01.1,2026-11-16T08:05:03.1,error,RateLimit,100,0,100,0,s,t2
"""  # Public: fields of LangSmith's runs
DEEPSEEK = """
user_id,utc_date,model,api_key_name,api_key,type,price,amount
u,2026-11-16,deepseek-chat,bot,sk-***,input_cache_hit_tokens,0.00000007,100000
u,2026-11-16,deepseek-chat,bot,sk-***,output_tokens,0.0000011,2000
"""  # Public: DeepSeek's amount file; one row a kind of token, so it is no mapping of calls
MISTRAL = """
date,workspace,model,input_tokens,output_tokens,requests,cost_eur
2026-11-16,support,mistral-small-latest,100000,20000,120,0.016
2026-11-17,support,mistral-small-latest,90000,18000,110,0.0144
"""  # Made up after Mistral's usage page
GERMAN = """
Datum;Prozess;Modell;Eingabe-Token;Ausgabe-Token;Kosten (EUR);Dauer (s);Ergebnis
03.11.2026 08:15;Rechnungen;gpt-5-mini;1.250;320;0,0123;2,4;erfolgreich
14.11.2026 09:20;Rechnungen;gpt-5-mini;980;210;1.234,56;1,9;Fehler
"""  # Made up: an Excel sheet kept by hand
FRENCH = """
horodatage;processus;modèle;jetons d'entrée;jetons de sortie;coût (€);durée (s)
16/11/2026 08:00:12;tri courrier;mistral-small-latest;1200;80;0,0004;1,2
"""  # Made up
ITALIAN = """
Data;Modello;Token in ingresso;Token in uscita;Costo;Valuta;Richieste
01/11/2026;gpt-5-mini;100000;20000;0,5;EUR;12
02/11/2026;gpt-5-mini;90000;18000;0,4;EUR;11
"""  # Made up
SPANISH = """
fecha,modelo,tokens de entrada,tokens de salida,coste,moneda,estado
03/04/2026 10:15:00,gpt-5-mini,100,20,0.5,EUR,éxito
"""  # Made up
DUTCH = """
datum,model,invoertokens,uitvoertokens,kosten,responstijd
2026-11-16 08:00:01,gpt-5-mini,100,20,€ 0.5,800
"""  # Made up
HOME_MADE = """
when,bot,llm,in,out,usd cents,ok
1763280001,faq,llama-3.3-70b,10,20,0.5,true
"""  # Made up: a script's log
GATEWAY = """
started_at,tenant,call_id,model_requested,model_used,tokens_k,completion_k (1k),latency_sec,http_status,amount_micros_usd
2026-11-16T08:00:00+01:00,acme,c1,auto,gpt-5-mini,1.5,0.2,0.8,200,1500
2026-11-16T08:00:09+01:00,acme,c2,auto,gpt-5-nano,2.5,0.1,0.4,504,900
"""  # Made up: an own gateway

EXPECTED = {
    "Helicone": (HELICONE, {
        "ts": "request_created_at", "request_model": "request_model",
        "served_model": "response_model", "status": "response_status", "cost": "costUSD",
        "input_tokens": "prompt_tokens", "cache_read_tokens": "prompt_cache_read_tokens",
        "cache_write_tokens": "prompt_cache_write_tokens", "output_tokens": "completion_tokens",
        "reasoning_tokens": "reasoning_tokens", "latency_ms": "delay_ms", "provider": "provider",
    }, {
        "constants": {"currency": "USD"}, "input_tokens_include_cache": True, "zone": "UTC",
        "bucket": "call", "key": ["request_id"], "decimal": "point",
        "units": {"latency": "ms", "cost": "units", "tokens": "1"},
    }),
    "Portkey": (PORTKEY, {
        "ts": "created_at", "run_id": "trace_id", "provider": "ai_org", "model": "ai_model",
        "status": "response_status_code", "input_tokens": "req_units",
        "output_tokens": "res_units", "cost": "cost", "currency": "cost_currency",
        "latency_ms": "response_time", "prompt_version": "prompt_slug",
    }, {
        "bucket": "call", "key": ["id"], "zone": "UTC", "decimal": "point",
        "units": {"latency": "ms", "cost": "units", "tokens": "1"},
    }),
    "Google Cloud": (GOOGLE, {
        "ts": "Usage start date", "account": "Project ID", "model": "SKU description",
        "cost": "Unformatted cost ($)",
    }, {
        "constants": {"currency": "USD", "provider": "google"}, "bucket": "day", "key": [],
        "zone": "Europe/Vienna", "units": {"cost": "units"}, "decimal": "point",
    }),
    "Cursor": (CURSOR, {
        "ts": "Date", "account": "User", "model": "Model", "cost": "Cost",
        "input_tokens": "Input (w/o Cache Write)", "cache_read_tokens": "Cache Read",
        "cache_write_tokens": "Input (w/ Cache Write)", "output_tokens": "Output Tokens",
    }, {
        "constants": {"currency": "USD", "provider": "anthropic"}, "bucket": "call", "key": [],
        "input_tokens_include_cache": False, "zone": "UTC", "decimal": "point",
        "units": {"cost": "units", "tokens": "1"},
    }),
    "Mistral": (MISTRAL, {
        "ts": "date", "account": "workspace", "model": "model", "requests": "requests",
        "input_tokens": "input_tokens", "output_tokens": "output_tokens", "cost": "cost_eur",
    }, {
        "constants": {"currency": "EUR", "provider": "mistral"}, "bucket": "day", "key": [],
        "zone": "Europe/Vienna", "units": {"cost": "units", "tokens": "1"}, "decimal": "point",
    }),
    "a German sheet": (GERMAN, {
        "ts": "Datum", "account": "Prozess", "model": "Modell", "status": "Ergebnis",
        "input_tokens": "Eingabe-Token", "output_tokens": "Ausgabe-Token",
        "cost": "Kosten (EUR)", "latency_ms": "Dauer (s)",
    }, {
        "constants": {"currency": "EUR", "provider": "openai"}, "bucket": "call", "key": [],
        "zone": "Europe/Vienna", "decimal": "comma",
        "units": {"latency": "s", "cost": "units", "tokens": "1"},
        "status": {"erfolgreich": "ok", "Fehler": "error"},
    }),
    "a French sheet": (FRENCH, {
        "ts": "horodatage", "account": "processus", "model": "modèle",
        "input_tokens": "jetons d'entrée", "output_tokens": "jetons de sortie",
        "cost": "coût (€)", "latency_ms": "durée (s)",
    }, {
        "constants": {"currency": "EUR", "provider": "mistral"}, "bucket": "call", "key": [],
        "zone": "Europe/Vienna", "decimal": "comma", "dates": "day first",
        "units": {"latency": "s", "cost": "units", "tokens": "1"},
    }),
    "an Italian sheet": (ITALIAN, {
        "ts": "Data", "model": "Modello", "requests": "Richieste", "cost": "Costo",
        "input_tokens": "Token in ingresso", "output_tokens": "Token in uscita",
        "currency": "Valuta",
    }, {
        "constants": {"provider": "openai"}, "bucket": "day", "key": [], "dates": "day first",
        "zone": "Europe/Vienna", "decimal": "comma", "units": {"cost": "units", "tokens": "1"},
    }),
    "a Spanish sheet": (SPANISH, {
        "ts": "fecha", "model": "modelo", "input_tokens": "tokens de entrada",
        "output_tokens": "tokens de salida", "cost": "coste", "currency": "moneda",
        "status": "estado",
    }, {
        "constants": {"provider": "openai"}, "bucket": "call", "key": [], "dates": "day first",
        "zone": "Europe/Vienna", "decimal": "point", "units": {"cost": "units", "tokens": "1"},
        "status": {"éxito": "ok"},
    }),
    "a Dutch sheet": (DUTCH, {
        "ts": "datum", "model": "model", "input_tokens": "invoertokens",
        "output_tokens": "uitvoertokens", "cost": "kosten", "latency_ms": "responstijd",
    }, {
        "constants": {"currency": "EUR", "provider": "openai"}, "bucket": "call", "key": [],
        "zone": "Europe/Vienna", "decimal": "point",
        "units": {"latency": "ms", "cost": "units", "tokens": "1"},
    }),
    "a script's log": (HOME_MADE, {
        "ts": "when", "account": "bot", "model": "llm", "input_tokens": "in",
        "output_tokens": "out", "cost": "usd cents", "status": "ok",
    }, {
        "constants": {"currency": "USD"}, "bucket": "call", "key": [], "zone": "UTC",
        "decimal": "point", "units": {"cost": "cents", "tokens": "1"}, "status": {"true": "ok"},
    }),
    "an own gateway": (GATEWAY, {
        "ts": "started_at", "request_model": "model_requested", "served_model": "model_used",
        "output_tokens": "completion_k (1k)", "latency_ms": "latency_sec",
        "status": "http_status", "cost": "amount_micros_usd",
    }, {
        "constants": {"currency": "USD"}, "bucket": "call", "key": ["call_id"], "zone": "UTC",
        "decimal": "point", "units": {"latency": "s", "cost": "micro", "tokens": "1k"},
    }),
}  # fmt: skip


@pytest.mark.parametrize(("text", "columns", "rest"), EXPECTED.values(), ids=EXPECTED)
def test_a_foreign_file_is_mapped(text, columns, rest):
    proposal = proposed(text)
    draft = proposal.draft
    assert draft.pop("columns") == columns
    named = {name: draft.pop(name) for name in ("id", "title", "header")}
    assert draft == rest
    assert set(named["header"]) == {*columns.values(), *rest["key"]}
    assert proposal.mapping().columns == columns


# What is asked instead of guessed


def line(proposal, name):
    """One line of a proposal: value, how sure, why."""
    found = next(line for line in proposal.lines if line.name == name)
    return found.value, found.sure, found.reason


def test_a_cost_whose_currency_nothing_tells_is_asked_for():
    proposal = proposed(CLOUDFLARE)
    assert [missing.name for missing in proposal.missing] == ["constants.currency"]
    assert "currency" not in proposal.draft.get("constants", {})
    told = proposed(CLOUDFLARE, {"currency": "USD"})
    assert not told.missing
    assert told.mapping().constants["currency"] == "USD"


def test_a_file_without_times_says_so_and_is_no_mapping():
    proposal = proposed("model,tokens_in\ngpt-5-mini,10")
    assert [missing.name for missing in proposal.missing] == ["ts"]


def test_a_file_with_neither_model_nor_cost_is_no_mapping():
    proposal = proposed("date,clicks\n2026-11-16,10")
    assert [missing.name for missing in proposal.missing] == ["model"]


def test_a_file_without_a_model_is_told_what_that_means():
    assert any("no column names it" in note for note in proposed(LANGSMITH).notes)


def test_whole_numbers_named_like_a_cost_are_doubted():
    value, sure, reason = line(proposed(DEEPSEEK), "units.cost")
    assert (value, sure) == ("units", "assumed")
    assert "perhaps no cost at all" in reason


def test_a_column_named_so_that_holds_something_else_is_told_and_left_out():
    proposal = proposed("date,model,score\n2026-11-16,gpt-5-mini,4.5")
    assert "quality" not in proposal.draft["columns"]
    assert proposal.notes == (
        'quality: "score" is named so, but holds "4.5"; expected scores from 0 to 1.',
    )


def test_a_header_alone_is_never_certain():
    proposal = proposed("date,model,cost_eur")
    assert {ln.sure for ln in proposal.lines if ln.name in ("ts", "model", "cost")} == {"likely"}


def test_a_model_is_found_by_what_it_holds():
    proposal = proposed("date,column b\n2026-11-16,gpt-5-mini\n2026-11-17,claude-haiku-4-5")
    assert line(proposal, "model")[:2] == ("column b", "assumed")


@pytest.mark.parametrize(
    ("times", "locale", "expected", "sure"),
    [
        ("14/03/2026", "en_US", "day first", "certain"),
        ("03/14/2026", "de_AT", "month first", "certain"),
        ("03/04/2026", "de_AT", "day first", "assumed"),
        ("03/04/2026", "en_US", "month first", "assumed"),
        ("03/14/2026 14/03/2026 03/15/2026", "de_AT", "month first", "assumed"),
    ],
)
def test_the_order_of_a_date_is_read_from_all_or_is_the_companys(times, locale, expected, sure):
    text = "date,model\n" + "\n".join(f"{t},gpt-5-mini" for t in times.split())
    proposal = proposed(text, locale=locale, month_first=locale == "en_US")
    assert line(proposal, "dates")[:2] == (expected, sure)


@pytest.mark.parametrize(
    ("costs", "locale", "expected", "sure"),
    [
        ("0.5", "de_AT", "point", "certain"),
        ("'0,5'", "en_GB", "comma", "certain"),
        ("0.123", "de_AT", "point", "certain"),
        ("'1.234,5'", "en_GB", "comma", "certain"),
        ("1.234", "de_AT", "comma", "assumed"),
        ("1.234", "en_GB", "point", "assumed"),
        ("12", "de_AT", "comma", "assumed"),
        ("'0,5' '0,7' 0.9", "de_AT", "comma", "assumed"),
    ],
)
def test_the_decimal_style_is_read_from_all_or_is_the_companys(costs, locale, expected, sure):
    rows = "\n".join(f"2026-11-16,gpt-5-mini,{c.replace(chr(39), chr(34))}" for c in costs.split())
    proposal = proposed(f"date,model,cost_eur\n{rows}", locale=locale)
    assert line(proposal, "decimal")[:2] == (expected, sure)


@pytest.mark.parametrize(
    ("header", "values", "expected", "sure"),
    [
        ("latency_ms", "0.5 0.7", "ms", "certain"),
        ("Duration (s)", "1500 1700", "s", "certain"),
        ("Duration (min)", "2", "min", "certain"),
        ("latency", "1500 1700", "ms", "likely"),
        ("latency", "1.5 2.25", "s", "likely"),
        ("latency", "90 120", "ms", "assumed"),
    ],
)
def test_the_unit_of_a_latency_is_its_names_or_as_large_as_its_values(
    header, values, expected, sure
):
    rows = "\n".join(f"2026-11-16T08:00:01Z,gpt-5-mini,{v}" for v in values.split())
    proposal = proposed(f"time,model,{header}\n{rows}")
    assert line(proposal, "units.latency")[:2] == (expected, sure)


@pytest.mark.parametrize(
    ("times", "requests", "expected", "sure"),
    [
        ("2026-11-16 2026-11-17", "12 9", "day", "certain"),
        ("2026-11-16 2026-11-17", "1 1", "day", "likely"),
        ("2026-11-16T08:00Z 2026-11-16T09:00Z", "12 9", "hour", "certain"),
        ("2026-11-16T08:00Z 2026-11-16T09:00Z 2026-11-16T11:00Z", "1 1 1", "hour", "likely"),
        ("2026-11-16T08:00Z 2026-11-16T08:01Z", "12 9", "minute", "likely"),
        ("2026-11-16T08:00Z 2026-11-16T08:01Z", "1 1", "call", "certain"),
        ("2026-11-16T08:00:07Z 2026-11-16T08:01Z", "12 9", "call", "assumed"),
        ("1793577600 1793664000", "12 9", "day", "certain"),
    ],
)
def test_a_row_is_a_call_or_a_total_by_its_times_and_its_count(times, requests, expected, sure):
    pairs = zip(times.split(), requests.split(), strict=True)
    rows = "\n".join(f"{t},gpt-5-mini,{n}" for t, n in pairs)
    assert line(proposed(f"time,model,requests\n{rows}"), "bucket")[:2] == (expected, sure)


def test_a_time_of_day_in_a_column_of_its_own_is_told_not_to_be_read():
    proposal = proposed("Datum,Uhrzeit,Modell\n16.11.2026,08:15,gpt-5-mini")
    value, sure, reason = line(proposal, "bucket")
    assert (value, sure) == ("day", "assumed")
    assert 'the time of day in "Uhrzeit" is not read' in reason


@pytest.mark.parametrize(
    ("time", "expected", "sure"),
    [
        ("2026-11-16T08:00:01Z", "UTC", "certain"),
        ("2026-11-16 08:00:01+01:00", "UTC", "certain"),
        ("1793577601", "UTC", "certain"),
        ("2026-11-16T08:00:01", "Europe/Vienna", "assumed"),
        ("16.11.2026 08:00", "Europe/Vienna", "assumed"),
        ("2026-11-16", "Europe/Vienna", "assumed"),
    ],
)
def test_times_without_a_zone_are_the_companys(time, expected, sure):
    proposal = proposed(f"time,model\n{time},gpt-5-mini")
    assert line(proposal, "zone")[:2] == (expected, sure)


def test_a_column_named_utc_is_in_utc():
    proposal = proposed("Time (UTC),model\n2026-11-16 08:00,gpt-5-mini")
    assert line(proposal, "zone")[:2] == ("UTC", "certain")


@pytest.mark.parametrize(
    ("header", "row", "expected", "sure"),
    [
        ("input_tokens,cached_tokens,output_tokens", "100,500,10", "false", "certain"),
        ("uncached_input_tokens,cached_tokens,output_tokens", "900,500,10", "false", "certain"),
        ("input_tokens,cached_tokens,output_tokens,total_tokens", "900,500,10,1410", "false",
         "certain"),
        ("input_tokens,cached_tokens,output_tokens,total_tokens", "900,500,10,910", "true",
         "likely"),
        ("input_tokens,cached_tokens,output_tokens", "900,500,10", "true", "assumed"),
    ],
)  # fmt: skip
def test_cached_tokens_are_part_of_the_input_unless_the_figures_tell(header, row, expected, sure):
    proposal = proposed(f"time,model,{header}\n2026-11-16T08:00:01Z,gpt-5-mini,{row}")
    assert line(proposal, "input_tokens_include_cache")[:2] == (expected, sure)


def test_values_inside_json_objects_are_columns_of_their_own():
    usage = '{"prompt_tokens": 900, "prompt_tokens_details": {"cached_tokens": 500}}'
    lines = [("created", "response", "usage"), ("1793577601", '{"model": "gpt-5-mini"}', usage)]
    proposal = propose(sample(lines[0], lines[1:]), About())
    assert proposal.draft["columns"] == {
        "ts": "created",
        "served_model": "response.model",
        "input_tokens": "usage.prompt_tokens",
        "cache_read_tokens": "usage.prompt_tokens_details.cached_tokens",
    }
    assert proposal.draft["header"] == ["created", "response", "usage"]


# What a person chooses


def test_what_a_person_chose_stands_and_the_rest_follows_from_it():
    proposal = proposed(MISTRAL, {"cost": "", "account": "", "zone": "UTC", "id": "mistral-pages"})
    assert proposal.mapping().id == "mistral-pages"
    assert not {"cost", "account"} & proposal.draft["columns"].keys()
    assert "currency" not in proposal.draft["constants"]
    assert line(proposal, "zone") == ("UTC", "certain", "chosen")


def test_one_model_chosen_replaces_the_pair_that_was_found():
    draft = proposed(HELICONE, {"model": "model"}).draft
    assert {n for n in draft["columns"] if "model" in n} == {"model"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("currency", "expected NAME=VALUE"),
        ("colour=red", "the name one of ts, account"),
        ("ts=Datum", 'ts: "Datum" is no column of the file; it has "date", "model".'),
    ],
)
def test_a_choice_that_cannot_be_names_what_can(text, said):
    with pytest.raises(UsageError, match=re.escape(said)):
        choice(text, sample(["date", "model"], []))


# What is written


def test_the_settings_keep_what_stood_in_them():
    before = '# Ours.\n[[mapping]]\nid = "one" # the first\n'
    text = appended(before, proposed(MISTRAL))
    assert text.startswith(before)
    assert [m["id"] for m in tomllib.loads(text)["mapping"]] == ["one", "export"]


def test_a_source_never_takes_a_name_that_there_is():
    ids = [proposed(MISTRAL, name="Usage 2026-11", taken=frozenset(t)).id for t in ((), ["usage"])]
    assert ids == ["usage", "usage-2"]


CELLS = st.text(max_size=12) | st.sampled_from(
    [
        "",
        "0",
        "1,5",
        "1.234",
        "2026-11-16",
        "gpt-5",
        "ok",
        "€ 3",
        "1e400",
        "\x7f",
        '"',
        "\ud800",
        '{"cost": 1, "\\\\": {"model": "x"}}',
        '{"a": {"a": {"a": {"a": 1}}}}',
    ]
)
NAMES = CELLS | st.sampled_from(
    ["date", "Modell", "cost ($)", "status", "tokens_in", "cached", "id"]
)


@settings(max_examples=100, deadline=None, derandomize=True)
@given(st.lists(NAMES, max_size=8), st.lists(st.lists(CELLS, max_size=9), max_size=5))
def test_whatever_the_file_a_proposal_is_made_and_reads_back_as_written(header, rows):
    proposal = propose(sample(header, rows), About())
    assert tomllib.loads(proposal.text())["mapping"] == [proposal.draft]
    if not proposal.missing:
        assert Mapping.model_validate(tomllib.loads(proposal.text())["mapping"][0])
