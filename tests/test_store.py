"""Inbox to tables on a real disk: each row once, each file accounted for."""

import gzip
import os
import shutil
from pathlib import Path

import duckdb
import pytest

from opsbook import inbox, store
from opsbook.errors import SettingsError
from opsbook.schema import BILLS, CALLS, COVERAGE, FILES, QUARANTINE

FILES_OF_EXPORTS = Path(__file__).parent / "exports" / "files"
COMPANY = """[company]
name = "Example"
zone = "Europe/Vienna"
country = "AT"
now = 2026-11-23T08:00:00+01:00
hours = { monday = ["09:00-17:00"] }
"""
WORKFLOWS = """[[workflows]]
id = "support-chat"
name = "Support chat"
category = "customer"
owner = "Head of support"
matches = ["langfuse:support-chat", "openai:proj_support"]

[[workflows]]
id = "notes"
name = "Meeting notes"
category = "internal"
owner = "Office manager"
matches = ["template:meeting-notes"]
"""


@pytest.fixture
def folder(tmp_path):
    """A company's folder with settings and an empty inbox."""
    for name, text in (("company", COMPANY), ("workflows", WORKFLOWS)):
        path = tmp_path / "settings" / f"{name}.toml"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    (tmp_path / "inbox").mkdir()
    return store.Folder(tmp_path)


@pytest.fixture
def drop(folder):
    """Puts test files, or bytes under a name, into the inbox, as if an hour ago."""

    def put(*names: str, **contents: bytes) -> None:
        given = {n: (FILES_OF_EXPORTS / n).read_bytes() for n in names}
        given |= {n.replace("_", ".", 1): b for n, b in contents.items()}
        for name, content in given.items():
            path = folder.inbox / name
            path.write_bytes(content)
            os.utime(path, (1_790_000_000, 1_790_000_000))

    return put


@pytest.fixture
def ingest(folder):
    """Ingests; FILES by name, with every row of every file accounted for."""

    def run():
        files = inbox.ingest(folder, store.load_settings(folder)).files.set_index("file")
        assert (files.rows_in == files.loaded + files.known + files.quarantined).all()
        return files

    return run


def contents(folder) -> dict[str, list]:
    """All tables as plain rows."""
    tables = (CALLS, BILLS, COVERAGE, QUARANTINE, FILES)
    return {t.name: store.read_table(folder, t).to_csv() for t in tables}


def test_each_export_is_read_by_its_reader_and_every_row_is_counted(drop, ingest):
    drop("langfuse-observations.jsonl", "openai-usage.csv", "template-european.csv")
    files = ingest()
    counted = files[["rows_in", "loaded", "known", "quarantined"]].to_numpy().tolist()
    assert counted == [[6, 4, 0, 2], [5, 4, 0, 1], [6, 4, 0, 2]]
    assert set(files.state) == {"loaded"}


def test_ingesting_twice_changes_nothing(folder, drop, ingest):
    drop("langfuse-observations.jsonl", "openai-usage.csv", "openai-cost.csv", "template.xlsx")
    ingest()
    before = contents(folder)
    written = {p: p.stat().st_mtime_ns for p in folder.tables.rglob("*.parquet")}
    ingest()
    assert contents(folder) == before
    assert {p: p.stat().st_mtime_ns for p in folder.tables.rglob("*.parquet")} == written


def test_the_same_rows_in_two_exports_are_loaded_once(folder, drop, ingest):
    lines = (FILES_OF_EXPORTS / "langfuse-observations.jsonl").read_bytes().splitlines(True)
    drop(a_jsonl=b"".join(lines[:2]), b_jsonl=b"".join(lines[1:5]), c_jsonl=b"".join(lines[:2]))
    files = ingest()
    assert files.loc["b.jsonl", ["loaded", "known", "quarantined"]].tolist() == [2, 1, 1]
    assert len(store.read_table(folder, CALLS)) == 3


def test_an_export_whose_rows_are_all_known_says_so(folder, drop, ingest):
    line = (FILES_OF_EXPORTS / "langfuse-observations.jsonl").read_bytes().splitlines(True)[0]
    drop(a_jsonl=line, b_jsonl=line + b"\n")
    files = ingest()
    assert files.loc["b.jsonl", ["state", "loaded", "known"]].tolist() == ["known", 0, 1]


def test_an_export_is_kept_as_it_came_read_only_and_the_inbox_is_untouched(folder, drop, ingest):
    drop("openai-usage.csv")
    ingest()
    kept = next((folder.path / "exports").glob("2026-11/*-openai-usage.csv"))
    assert kept.read_bytes() == (folder.inbox / "openai-usage.csv").read_bytes()
    assert kept.stat().st_mode & 0o222 == 0


def test_tables_are_made_again_from_the_kept_exports_when_the_settings_change(folder, drop, ingest):
    drop("langfuse-observations.jsonl")
    ingest()
    (folder.inbox / "langfuse-observations.jsonl").unlink()
    changed = WORKFLOWS.replace('id = "support-chat"', 'id = "helpdesk"')
    (folder.path / "settings" / "workflows.toml").write_text(changed, "utf-8")
    files = ingest()
    assert files.loaded.tolist() == [4]
    assert set(store.read_table(folder, CALLS).workflow) == {"helpdesk"}


def test_what_a_broken_run_left_behind_is_written_again(folder, drop, ingest):
    drop("langfuse-observations.jsonl")
    ingest()
    before = contents(folder)
    shutil.rmtree(folder.tables / "files")
    assert ingest().loaded.tolist() == [4]
    assert contents(folder) == before


def test_an_unknown_file_stays_and_is_named_with_its_header_and_what_to_do(folder, drop, ingest):
    drop(odd_csv=b"when,who,sk-proj-abcdefghijklmnop,erika@example.com\n1,2,3,4\n")
    row = ingest().loc["odd.csv"]
    assert (row.state, row.loaded) == ("unknown", 0)
    assert "when, who" in row.header
    assert "copy its rows into the template" in row.problem
    assert "erika@" not in row.header + row.problem
    assert "abcdefghijkl" not in row.header + row.problem
    assert (folder.inbox / "odd.csv").exists()
    assert not (folder.path / "exports").exists()


def test_an_unknown_file_that_has_left_the_inbox_is_forgotten(folder, drop, ingest):
    drop(odd_csv=b"when,who\n1,2\n")
    ingest()
    (folder.inbox / "odd.csv").unlink()
    assert ingest().empty


@pytest.mark.parametrize(
    ("content", "state", "said"),
    [
        (b"", "empty", "0 bytes"),
        (b" \n\n", "empty", "0 bytes"),
        (b"\x1f\x8bnot gzip at all", "unreadable", "damaged packed file"),
        (gzip.compress(b"ts,workflow\n" * 99, mtime=0)[:40], "unreadable", "damaged packed file"),
        (b"PK\x03\x04 no workbook", "unreadable", "no readable workbook"),
        (bytes(range(256)) * 4, "unknown", "No reader knows"),
        (b"[[[[", "unknown", "No reader knows"),
        (b"[" * 100_000, "unknown", "No reader knows"),
        (b"{}", "unknown", "No reader knows"),
        (b'{"data": 5}', "unknown", "No reader knows"),
    ],
)
def test_a_file_of_no_use_is_said_to_be_so_and_stops_nothing(drop, ingest, content, state, said):
    drop("template-plain.csv", bad_bin=content)
    files = ingest()
    assert files.loc["bad.bin", "state"] == state
    assert said in files.loc["bad.bin", "problem"]
    assert files.loc["template-plain.csv", "loaded"] == 2


def test_an_export_with_nothing_but_its_header_is_an_empty_period(drop, ingest):
    drop(usage_csv=(FILES_OF_EXPORTS / "litellm-usage.csv").read_bytes().partition(b"\n")[0])
    row = ingest().iloc[0]
    assert (row.state, row.reader, row.rows_in) == ("empty", "LiteLLM usage", 0)


def test_an_empty_period_of_openai_is_covered(folder, drop, ingest):
    drop("openai-empty.csv")
    assert ingest().state.tolist() == ["empty"]
    spans = store.read_table(folder, COVERAGE)
    assert spans.workflow.tolist() == ["support-chat"]
    assert str(spans.covered_to.iloc[0]) == "2025-01-02 00:00:00+00:00"


def test_a_broken_row_keeps_its_file_its_number_and_a_reason(folder, drop, ingest):
    drop("langfuse-observations.jsonl")
    ingest()
    aside = store.read_table(folder, QUARANTINE)
    assert aside[["file", "row"]].to_numpy().tolist() == [
        ["langfuse-observations.jsonl", 4],
        ["langfuse-observations.jsonl", 6],
    ]
    assert aside.reason.str.contains("expected").all()


def test_no_key_and_no_address_stands_in_any_table(folder, drop, ingest):
    drop("langfuse-observations.jsonl", "litellm-usage.csv", "litellm-logs.jsonl")
    ingest()
    stored = "".join(contents(folder).values())
    for secret in ("sk-proj-abcdefgh", "erika@", "88dc28d0f030c55e"):
        assert secret not in stored


@pytest.mark.parametrize("order", [("usage", "cost"), ("cost", "usage")])
def test_cost_and_usage_join_whichever_came_first(folder, drop, ingest, order):
    for kind in order:
        drop(f"openai-{kind}.csv")
        ingest()
    calls = store.read_table(folder, CALLS).sort_values("row")
    # 2 November, support: 0.0020 for input and 0.0061 for output; the other rows have no bill
    assert calls.cost.iloc[0] == pytest.approx(0.0081)
    assert calls.cost_kind.tolist() == ["reported", "estimated", "estimated"]
    assert len(store.read_table(folder, BILLS)) == 3


def test_a_file_that_grows_while_it_is_read_is_left_for_the_next_run(
    folder, drop, ingest, monkeypatch
):
    drop("template-plain.csv")
    path = folder.inbox / "template-plain.csv"
    monkeypatch.setattr(inbox.time, "sleep", lambda _: path.write_bytes(path.read_bytes() + b"\n"))
    os.utime(path)
    assert ingest().empty
    monkeypatch.undo()
    os.utime(path, (1_790_000_000, 1_790_000_000))
    assert ingest().loaded.tolist() == [2]


def test_notes_to_people_and_traces_of_editors_are_no_exports(drop, ingest):
    drop(**{"README_md": b"drop exports here", ".hidden": b"x", "~$template_xlsx": b"x"})
    assert ingest().empty


def test_tables_are_parquet_that_anything_can_read_with_times_in_utc(folder, drop, ingest):
    drop("langfuse-observations.jsonl")
    ingest()
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        calls = store.calls_relation(folder, engine)
        assert "TIMESTAMP WITH TIME ZONE" in str(calls.types)
        assert calls.aggregate("count(*)").fetchall() == [(3,)]


def test_without_any_calls_there_is_a_relation_without_rows(folder):
    with duckdb.connect() as engine:
        found = store.calls_relation(folder, engine)
        assert found.columns == list(CALLS.columns)


@pytest.mark.parametrize(
    ("file", "text", "said"),
    [
        (
            "company",
            COMPANY.replace("zone", "zoom"),
            "company.toml: zone is missing; an example: zone = ",
        ),
        ("company", COMPANY.replace("Europe/Vienna", "Graz"), "'Graz' is not an IANA zone"),
        ("company", COMPANY.replace("09:00", "18:00"), "is not before"),
        ("company", "name = ", "company.toml is not TOML"),
        (
            "workflows",
            WORKFLOWS.replace("customer", "clients"),
            "entry 1: category Input should be",
        ),
        ("workflows", WORKFLOWS.replace('"notes"', '"support-chat"'), "stands twice"),
        ("workflows", "", "[[workflows]] is missing"),
        ("workflows", WORKFLOWS.replace("owner", "ovner"), "ovner"),
        ("company", f'locale = "de_AT"\n{COMPANY}', "locale stands outside of [company]"),
        ("limits", "[limits]\nspend_ratio = 0.5\n", "limits.toml: spend_ratio"),
        ("limits", "[limits]\nspend_ration = 2\n", "spend_ration"),
    ],
)
def test_a_setting_of_no_use_is_named_with_file_key_and_example(folder, file, text, said):
    (folder.path / "settings" / f"{file}.toml").write_text(text, "utf-8")
    with pytest.raises(SettingsError) as problem:
        store.load_settings(folder)
    assert said in str(problem.value)
    assert f"{file}.toml" in str(problem.value)


@pytest.mark.parametrize("part", ["workflows", "channels", "mappings"])
def test_a_settings_file_of_comments_alone_names_none(folder, part):
    (folder.path / "settings" / f"{part}.toml").write_text("# none yet\n", "utf-8")
    assert getattr(store.load_settings(folder), part) == []


def test_limits_may_be_set_in_a_file_of_their_own(folder):
    path = folder.path / "settings" / "limits.toml"
    path.write_text("[limits]\nspend_ratio = 1.8\n", "utf-8")
    assert store.load_settings(folder).limits.spend_ratio == 1.8


def test_a_folder_that_is_no_companys_is_refused(tmp_path):
    with pytest.raises(SettingsError, match="settings is missing"):
        store.Folder(tmp_path / "nowhere")


def test_a_day_that_was_not_over_is_left_to_the_next_export(folder, drop, ingest):
    text = (FILES_OF_EXPORTS / "openai-usage.csv").read_bytes()
    morning = COMPANY.replace("2026-11-23T08:00", "2026-11-03T08:00")
    (folder.path / "settings" / "company.toml").write_text(morning, "utf-8")
    drop(monday_csv=text)
    row = ingest().iloc[0]
    assert (row.loaded, row.quarantined) == (4, 1)
    assert row.problem == "1 row of a period that was not over is left to the next export"
    assert str(row.covered_to) == "2026-11-03 00:00:00+00:00"
    calls = store.read_table(folder, CALLS)
    assert set(calls.ts.astype(str)) == {"2026-11-02 00:00:00+00:00"}


def test_a_correction_takes_from_an_earlier_export_the_corrected_rows_alone(folder, drop, ingest):
    drop("openrouter-daily.csv")
    whole = (FILES_OF_EXPORTS / "openrouter-daily.csv").read_bytes()
    ingest()
    drop(later_csv=whole.replace(b"505.87", b"500.00"))
    ingest()
    assert sorted(store.read_table(folder, CALLS).cost) == [2.0, 430.07, 500.0]
