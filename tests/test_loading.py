"""A large file goes in at once: what stands in the tables is what the thorough way gives."""

import json
import os
from pathlib import Path

import pandas as pd
import pytest

from opsbook import inbox, loading, store
from opsbook.schema import CALLS, COVERAGE, FILES, QUARANTINE

EXPORTS = sorted((Path(__file__).parent / "exports" / "files").iterdir())
COMPANY = """[company]
name = "Example"
zone = "Europe/Vienna"
country = "AT"
hours = { monday = ["09:00-17:00"] }
"""
WORKFLOWS = """[[workflows]]
id = "support-chat"
name = "Support chat"
category = "customer"
owner = "Head of support"
matches = ["*:support*", "template:meeting-notes"]
"""


@pytest.fixture
def company(tmp_path):
    """Makes a company's folder: company(name) as Folder."""

    def made(name: str) -> store.Folder:
        for file, text in (("company", COMPANY), ("workflows", WORKFLOWS)):
            path = tmp_path / name / "settings" / f"{file}.toml"
            path.parent.mkdir(exist_ok=True, parents=True)
            path.write_text(text, "utf-8")
        (tmp_path / name / "inbox").mkdir(exist_ok=True)
        return store.Folder(tmp_path / name)

    return made


@pytest.fixture
def tables(company, monkeypatch):
    """What files become, at once where they can (from 1 byte on) or the thorough way."""

    def ingested(files: dict[str, bytes], large: int) -> dict[str, pd.DataFrame]:
        folder = company(str(large))
        monkeypatch.setattr(loading, "LARGE", large)
        for n, (name, content) in enumerate(files.items()):
            path = folder.inbox / name
            path.write_bytes(content)
            os.utime(path, (1_790_000_000 + n, 1_790_000_000 + n))
            inbox.ingest(folder, store.load_settings(folder))
        parts = sorted((folder.tables / "calls").glob("*.parquet"))
        with store.engine_of() as engine:
            found = [engine.read_parquet(str(p)).min("row").fetchall()[0][0] for p in parts]
        read = {t.name: store.read_table(folder, t) for t in (CALLS, COVERAGE, FILES, QUARANTINE)}
        return read | {
            "first": min(found, default=0),
            "calls": read["calls"].sort_values(["ts", "row_key"], ignore_index=True),
        }

    return ingested


THOROUGH = 2**62


@pytest.mark.parametrize("path", EXPORTS, ids=lambda p: p.name)
def test_at_once_or_thoroughly_an_export_becomes_the_same(path, tables):
    quick = tables({path.name: path.read_bytes()}, large=1)
    slow = tables({path.name: path.read_bytes()}, large=THOROUGH)
    assert quick["files"].to_csv() == slow["files"].to_csv()
    assert quick["coverage"].to_csv() == slow["coverage"].to_csv()
    assert quick["quarantine"].to_csv() == slow["quarantine"].to_csv()
    pd.testing.assert_frame_equal(quick["calls"], slow["calls"])


HEADER = "ts,workflow,model,input_tokens,output_tokens,cost,currency,status"
LINE = "2026-11-16T08:00:{:02}Z,support-chat,gpt-5-mini,100,10,0.25,EUR,ok"
LINES = [LINE.format(s) for s in range(40)]


def csv(*lines: str) -> bytes:
    return "\n".join([HEADER, *lines, ""]).encode()


def at_once(found) -> bool:
    """Whether a file was written at once: the rows of its part lie in its order, not numbered."""
    return found["first"] < 0


def test_a_regular_file_goes_in_at_once(tables):
    found = tables({"a.csv": csv(*LINES)}, large=1)
    assert at_once(found)
    assert found["files"][["rows_in", "loaded", "known", "quarantined"]].values.tolist() == [
        [40, 40, 0, 0]
    ]


@pytest.mark.parametrize(
    ("odd", "loaded", "aside"),
    [
        (LINE.format(41).replace("0.25", "a lot"), 40, 1),
        (LINE.format(41).replace("100", "10.5"), 40, 1),
        (LINE.format(41).replace(",ok", ",fine"), 40, 1),
        (LINE.format(41).replace("2026-11-16T08:00:41Z", "noon"), 40, 1),
        (LINE.format(41) + ",one too many", 40, 1),
        (LINE.format(41).replace(",ok", ""), 41, 0),
        (LINE.format(41).replace("EUR", "XXX"), 41, 0),
        (LINE.format(41).replace("0.25,EUR", ","), 41, 0),
        (LINE.format(41).replace("support-chat", "sk-proj-abcdefghijklmnop"), 41, 0),
        (LINE.format(5), 41, 0),
    ],
    ids=["no number", "half a token", "a status", "no time", "long", "short", "currency", "no cost",
         "a key", "a twin"],
)  # fmt: skip
def test_one_odd_row_among_many_is_told_as_in_a_small_file(tables, odd, loaded, aside):
    found = tables({"a.csv": csv(*LINES, odd)}, large=1)
    counts = found["files"][["rows_in", "loaded", "known", "quarantined"]].values.tolist()
    assert counts == [[41, loaded, 0, aside]]
    assert found["calls"].row_key.is_unique
    assert "sk-proj" not in found["calls"].to_csv()
    assert found["quarantine"].row.tolist() == [42] * aside


def test_a_field_that_comes_after_a_thousand_lines_is_read(tables):
    line = {
        "id": "o", "traceId": "t", "traceName": "support-chat", "totalCost": 0.5,
        "level": "DEFAULT", "startTime": "2026-11-16T08:00:00Z", "providedModelName": "gpt-5-mini",
    }  # fmt: skip
    failed = {"id": "late", "level": "ERROR", "statusMessage": "timeout"}
    lines = [line | {"id": f"o{n}"} for n in range(1000)] + [line | failed]
    found = tables({"a.jsonl": "".join(json.dumps(r) + "\n" for r in lines).encode()}, large=1)
    assert found["calls"].status.value_counts().to_dict() == {"ok": 1000, "timeout": 1}
    assert found["calls"].row.max() == 1001


def test_an_export_that_overlaps_another_brings_only_what_is_new(tables):
    found = tables({"a.csv": csv(*LINES[:30]), "b.csv": csv(*LINES[20:])}, large=1)
    counts = found["files"][["rows_in", "loaded", "known"]].values.tolist()
    assert counts == [[30, 30, 0], [20, 10, 10]]
    assert len(found["calls"]) == 40
