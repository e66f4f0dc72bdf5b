"""A reader made from a company's mapping: units, zone, decimals, outcomes, cached tokens."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from opsbook.errors import SettingsError
from opsbook.exports import template
from opsbook.exports.cells import define
from opsbook.exports.conversion import SHAPES, convert
from opsbook.exports.mapping import outcome
from opsbook.exports.readers import UNFOLDS, reader_for
from opsbook.exports.reading import read_sheet
from opsbook.schema import STATUSES
from opsbook.settings import Mapping
from opsbook.store import engine_of

LEAST = {"id": "m", "title": "M", "header": ["t", "m"], "columns": {"ts": "t", "model": "m"}}


def mapping(columns=None, **more):
    """A mapping of t and m and whatever else a test is about."""
    return Mapping.model_validate(LEAST | {"columns": LEAST["columns"] | (columns or {})} | more)


def read(text, mapped):
    """The calls of a file drawn as text, the reasons of the rows set aside, and what it covers."""
    with tempfile.TemporaryDirectory() as place, engine_of() as engine:
        define(engine)
        path = Path(place) / "export"
        path.write_text(text, "utf-8")
        sheet = read_sheet(engine, path, UNFOLDS)
        found = convert(engine, sheet, reader_for(sheet.header, [mapped]), "UTC")
        calls = engine.execute('SELECT * FROM calls ORDER BY "row"').df()
    assert found.rows_in == calls.row.nunique() + found.empty_rows + len(found.quarantine)
    return SHAPES["calls"].typed(calls), found


def one(header, row, mapped):
    """The only call of a file with one row."""
    calls, found = read(f"t,m,{header}\n2026-11-16T08:00:00Z,gpt-5-mini,{row}\n", mapped)
    assert found.quarantine.reason.tolist() == []
    return calls.iloc[0]


def refused(header, row, mapped):
    """Why the only row of a file is set aside."""
    _, found = read(f"t,m,{header}\n2026-11-16T08:00:00Z,gpt-5-mini,{row}\n", mapped)
    return found.quarantine.reason.tolist()


GERMAN = """Datum;Prozess;Modell;Eingabe;Cache;Kosten (ct);Dauer (s);Ergebnis
03.11.2026 08:15;Rechnungen;gpt-5-mini;1.250;50;1,23;2,4;erfolgreich
14.11.2026 09:20;Rechnungen;gpt-5-mini;980;;1.234,56;1,9;Échec
"""


def test_a_german_sheet_becomes_calls_in_utc_in_euros_and_milliseconds():
    columns = {
        "ts": "Datum", "account": "Prozess", "model": "Modell", "input_tokens": "Eingabe",
        "cache_read_tokens": "Cache", "cost": "Kosten (ct)", "latency_ms": "Dauer (s)",
        "status": "Ergebnis",
    }  # fmt: skip
    mapped = Mapping(
        id="sheet",
        title="Sheet",
        header=["Datum", "Modell"],
        columns=columns,
        constants={"currency": "EUR", "provider": "openai"},
        units={"latency": "s", "cost": "cents"},
        decimal="comma",
        zone="Europe/Vienna",
        input_tokens_include_cache=False,
    )
    calls, found = read(GERMAN, mapped)
    assert found.quarantine.empty
    assert calls.ts.astype(str).tolist() == [
        "2026-11-03 07:15:00+00:00",
        "2026-11-14 08:20:00+00:00",
    ]
    assert calls.input_tokens.tolist() == [1300, 980]
    assert calls.cost.tolist() == [0.0123, 12.3456]
    assert set(calls.currency) == {"EUR"}
    assert set(calls.provider) == {"openai"}
    assert calls.latency_ms.tolist() == [2400, 1900]
    assert calls.status.tolist() == ["ok", "error"]
    assert calls.request_model.tolist() == calls.served_model.tolist() == ["gpt-5-mini"] * 2


@pytest.mark.parametrize(
    ("setting", "column", "header", "value", "expected"),
    [
        ({"units": {"latency": "min"}}, "latency_ms", "d", "0.5", 30_000),
        ({"units": {"latency": "s"}}, "latency_ms", "d", "1.25", 1250),
        ({}, "latency_ms", "d", "1.25", 1.25),
        ({"units": {"tokens": "1k"}}, "output_tokens", "o", "1.2", 1200),
        ({"units": {"tokens": "1M"}}, "output_tokens", "o", "0.000007", 7),
        ({}, "output_tokens", "o", "10.0", 10),
        ({}, "requests", "n", "12", 12),
        ({}, "quality", "q", "0.75", 0.75),
        ({}, "run_id", "r", "run 7", "run 7"),
        ({}, "output_class", "c", "Refusal", "refusal"),
    ],
)
def test_a_column_is_read_in_its_unit(setting, column, header, value, expected):
    assert one(header, value, mapping({column: header}, **setting))[column] == expected


@pytest.mark.parametrize(
    ("unit", "value", "cost"),
    [("units", "1.5", 1.5), ("cents", "150", 1.5), ("micro", "1500000", 1.5)],
)
def test_a_cost_is_in_units_of_its_currency(unit, value, cost):
    mapped = mapping({"cost": "c"}, constants={"currency": "USD"}, units={"cost": unit})
    assert (one("c", value, mapped).cost, one("c", value, mapped).currency) == (cost, "USD")


def test_a_row_without_a_cost_has_no_currency_and_is_not_free():
    call = one("c", "NULL", mapping({"cost": "c"}, constants={"currency": "USD"}))
    assert call[["cost", "currency"]].isna().all()


# Cached tokens


def test_cached_tokens_are_added_only_when_the_mapping_says_so():
    columns = {"input_tokens": "i", "cache_read_tokens": "r", "cache_write_tokens": "w"}
    within = one("i,r,w", "1000,300,50", mapping(columns))
    beside = one("i,r,w", "1000,300,50", mapping(columns, input_tokens_include_cache=False))
    assert (within.input_tokens, beside.input_tokens) == (1000, 1350)
    assert within.cache_read_tokens == beside.cache_read_tokens == 300


def test_more_cached_tokens_than_input_show_that_the_mapping_is_wrong():
    reasons = refused("i,r", "100,300", mapping({"input_tokens": "i", "cache_read_tokens": "r"}))
    assert reasons == [
        'i "100" is less than the cached tokens; if it excludes them, set '
        "input_tokens_include_cache = false"
    ]


# Outcomes


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("ok", "ok"), ("Succeeded", "ok"), ("200", "ok"), ("200.0", "ok"), ("TRUE", "ok"),
        ("éxito", "ok"), ("502", "error"), ("Fehler", "error"), ("false", "error"),
        ("429", "rate_limited"), ("rate-limited", "rate_limited"), ("504", "timeout"),
        ("Timed out", "timeout"), ("content_filter", "refused"), ("499", "cancelled"),
        ("", "unknown"),
    ],
)  # fmt: skip
def test_an_outcome_is_known_by_its_word_or_code(word, status):
    assert one("s", word, mapping({"status": "s"})).status == status
    assert outcome(word) == (status if word else None)


def test_the_companys_own_words_come_first_in_any_case():
    mapped = mapping({"status": "s"}, status={"Done": "error", "Parked": "cancelled"})
    assert one("s", "DONE", mapped).status == "error"
    assert one("s", "parked", mapped).status == "cancelled"


def test_a_word_that_nobody_knows_is_set_aside_with_where_to_say_it():
    (reason,) = refused("s", "perhaps", mapping({"status": "s"}))
    assert reason.startswith('s "perhaps" is not known; say what it means under [mapping.status]')


def test_an_export_without_outcomes_says_that_it_has_none():
    _, found = read("t,m\n2026-11-16T08:00:00Z,x\n", mapping())
    assert not found.reading.has_status


# Times, totals, identity


def test_a_time_that_the_clocks_skip_is_refused_in_the_mappings_zone():
    mapped = mapping(zone="Europe/Vienna")
    _, found = read("t,m\n2026-03-29 02:30:00,x\n", mapped)
    assert found.quarantine.reason.tolist() == [
        't "2026-03-29 02:30:00" does not exist in Europe/Vienna: the clocks go forward there'
    ]


@pytest.mark.parametrize(
    ("order", "day"), [("day first", "2026-04-03"), ("month first", "2026-03-04")]
)
def test_a_slashed_date_is_read_as_the_mapping_says(order, day):
    calls, _ = read("t,m\n03/04/2026,x\n", mapping(dates=order))
    assert str(calls.ts[0].date()) == day


def test_totals_cover_their_local_days_however_long():
    text = "t,m,n\n2026-10-25,x,5\n"  # the clocks go back: 25 hours
    calls, found = read(text, mapping({"requests": "n"}, bucket="day", zone="Europe/Vienna"))
    assert (calls.bucket_s[0], calls.requests[0]) == (86400, 5)
    assert str(found.covered_from) == "2026-10-24 22:00:00+00:00"
    assert str(found.covered_to) == "2026-10-25 23:00:00+00:00"


def test_totals_without_a_count_have_none():
    calls, _ = read("t,m\n2026-10-25,x\n", mapping(bucket="day"))
    assert calls.requests.isna().all()


def test_a_corrected_total_keeps_its_identity_and_a_call_does_not():
    rows = ["t,m,o\n2026-10-25,x,5\n", "t,m,o\n2026-10-25,x,7\n"]

    def keys(bucket):
        mapped = mapping({"output_tokens": "o"}, bucket=bucket)
        return {read(r, mapped)[0].row_key[0] for r in rows}

    assert (len(keys("day")), len(keys("call"))) == (1, 2)


def test_a_row_is_named_by_its_key_and_needs_one():
    calls, found = read("t,m,id\n2026-10-25,x,a1\n2026-10-25,x,\n", mapping(key=["id"]))
    assert calls.row_key.tolist() == ["a1"]
    assert found.quarantine.reason.tolist() == ["id is missing"]


# What is refused


@pytest.mark.parametrize(
    ("columns", "header", "row", "reason"),
    [
        ({"quality": "q"}, "q", "4.5", 'q "4.5" is above 1; expected 0 to 1'),
        ({"cost": "c", "currency": "k"}, "c,k", "1,euros", 'k "euros" is no currency'),
        ({"cost": "c", "currency": "k"}, "c,k", "1,", "k is missing"),
        ({"output_tokens": "o"}, "o", "1.5", 'o "1.5" is not a whole number'),
        ({"output_tokens": "o"}, "o", '"1,5"', 'o "1,5" is not a number'),
        ({"output_tokens": "o"}, "o", "-5", 'o "-5" is below zero'),
    ],
)
def test_a_value_that_contradicts_its_meaning_sets_the_row_aside(columns, header, row, reason):
    assert refused(header, row, mapping(columns)) == [reason]


def test_a_column_inside_json_is_read_by_its_path_and_one_of_that_name_by_itself():
    usage = '"{""tokens"": {""out.put"": 7, ""in"": 5}, ""id"": ""a1""}"'
    columns = {"input_tokens": "u.tokens.in", "output_tokens": "o.x", "run_id": "u.gone"}
    call = one("u,o.x", f"{usage},9", mapping(columns, key=["u.id"]))
    assert (call.input_tokens, call.output_tokens, call.row_key) == (5, 9, "a1")
    assert call[["run_id"]].isna().all()
    assert refused("u,o.x", "no json,9", mapping(columns, key=["u.id"])) == ["u.id is missing"]


# Which reader


def test_built_in_readers_come_first_then_the_mapping_that_asks_for_most():
    few, many = mapping(id="few"), mapping(id="many", header=["t", "m", "x"])
    assert reader_for(("t", "m", "x", "y"), [few, many]).source == "many"
    assert reader_for(("t", "m"), [few, many]).source == "few"
    assert reader_for(("t",), [few, many]) is None
    own = mapping(id="own", header=["ts", "model"])
    assert reader_for(template.COLUMNS, [own]) is template.TEMPLATE


def test_a_mapping_never_takes_the_name_of_a_reader():
    with pytest.raises(SettingsError, match="the id 'openai' is that of a reader"):
        reader_for(("t", "m"), [mapping(id="openai")])


# The settings


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"columns": {"ts": "t", "time": "x"}}, "'time' is none of the known: ts, account"),
        ({"constants": {"cost": "1"}}, "'cost' is none of the known: account, provider"),
        ({"columns": {"model": "m"}}, "ts is missing"),
        ({"columns": {"ts": "t"}}, "neither model nor cost is there"),
        ({"columns": {"ts": "t", "cost": "c"}}, "currency is missing"),
        ({"constants": {"model": "x"}}, "model is both a column and a constant"),
        ({"constants": {"currency": "euro"}}, "is no code of ISO 4217"),
        ({"constants": {"status": "fine"}}, "is none of ok, error"),
        ({"columns": {"ts": "t", "model": "m", "served_model": "s"}}, "name one or those two"),
        ({"status": {"done": "fine"}}, "'done' means 'fine'; expected one of ok, error"),
        ({"columns": {"ts": " ", "model": "m"}}, "ts is empty"),
        ({"zone": "Vienna"}, "'Vienna' is not an IANA zone"),
        ({"units": {"cost": "euros"}}, "units.cost"),
        ({"bucket": "month"}, "bucket"),
    ],
)
def test_a_mapping_that_cannot_be_is_refused_with_what_can(more, said):
    with pytest.raises(ValidationError) as problem:
        Mapping.model_validate(LEAST | more)
    assert said in str(problem.value)


# Whatever the cells

CELLS = st.text(st.characters(exclude_categories=["Cs"]), max_size=10) | st.sampled_from(
    [
        "",
        "NULL",
        "-1",
        "1e400",
        "1.234,5",
        "2026-02-30",
        "0001-01-01",
        "9e12",
        "{}",
        '"',
        "429",
        "ok",
    ]
)
HEADER = ("t", "m", "a", "r", "i", "c", "w", "o", "k", "$", "l", "s", "q", "n")
COLUMNS = {
    "account": "a", "run_id": "r", "input_tokens": "i", "cache_read_tokens": "c",
    "cache_write_tokens": "w", "output_tokens": "o", "currency": "k", "cost": "$",
    "latency_ms": "l", "status": "s", "quality": "q", "requests": "n",
}  # fmt: skip


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.lists(st.lists(CELLS, max_size=len(HEADER) + 1), max_size=4),
    st.sampled_from(["call", "hour", "day"]),
    st.sampled_from(["point", "comma"]),
    st.sampled_from(["1", "1k", "1M"]),
)
def test_whatever_the_cells_every_row_is_accounted_for(rows, bucket, decimal, tokens):
    mapped = mapping(COLUMNS, bucket=bucket, decimal=decimal, units={"tokens": tokens})
    lines = [",".join('"' + c.replace('"', '""') + '"' for c in row) for row in rows]
    calls, found = read("\n".join([",".join(HEADER), *lines]), mapped)
    assert calls.row_key.notna().all()
    assert set(calls.status) <= set(STATUSES)
    assert all(len(reason) > 5 for reason in found.quarantine.reason)
