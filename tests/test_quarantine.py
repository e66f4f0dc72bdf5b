"""Rows set aside: a file a person puts right and drops in again; each row is accounted for."""

import csv
import fcntl
import os
import re
import struct
import subprocess
import sys
import termios

import pytest

from opsbook import inbox, store
from opsbook.schema import CALLS, QUARANTINE

WORKFLOWS = """[[workflows]]
id = "chat"
name = "Chat"
category = "customer"
owner = "Head of support"
matches = ["template:chat"]
"""
EXPORT = """ts,workflow,run_id,model,input_tokens,output_tokens,status
2026-11-02T09:00Z,chat,run-1,gpt-5-mini,100,10,ok
yesterday,chat,"=cmd|'/c calc'!A1",gpt-5-mini,100,10,ok
2026-11-02T11:00Z,chat,run-3,gpt-5-mini,-5,10,ok
"""


@pytest.fixture
def folder(small_company, tmp_path):
    return store.Folder(small_company(tmp_path, workflows=WORKFLOWS))


@pytest.fixture
def take(folder):
    """Drops text under a name and ingests; FILES by name, every row accounted for."""

    def run(**contents: str):
        folder.inbox.mkdir(exist_ok=True)
        for name, text in contents.items():
            path = folder.inbox / f"{name}.csv"
            path.write_text(text, "utf-8")
            os.utime(path, (1_790_000_000, 1_790_000_000))
        files = inbox.ingest(folder, store.load_settings(folder)).files.set_index("file")
        assert (files.rows_in == files.loaded + files.known + files.quarantined).all()
        return files

    return run


def aside(folder) -> list[dict]:
    (path,) = (folder.path / "quarantine").iterdir()
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def put_right(folder, **changes: str) -> str:
    """The file of rows set aside, with other cells, as a person saves it."""
    rows = [row | changes for row in aside(folder)]
    lines = [",".join(rows[0]), *(",".join(f'"{c}"' for c in r.values()) for r in rows)]
    return "\n".join(lines)


def test_the_rows_lie_in_a_file_with_their_own_columns_their_place_and_why(folder, take):
    take(calls=EXPORT)
    first, second = aside(folder)
    assert (first["ts"], first["opsbook_row"], second["opsbook_row"]) == ("yesterday", "3", "4")
    assert "is not a time" in first["opsbook_why"]
    assert second["input_tokens"] == "-5"


def test_a_cell_that_a_spreadsheet_would_run_is_text(folder, take):
    take(calls=EXPORT)
    assert aside(folder)[0]["run_id"] == "'=cmd|'/c calc'!A1"


def test_rows_put_right_are_loaded_and_settle_what_they_stand_for(folder, take):
    take(calls=EXPORT)
    right = put_right(folder, ts="2026-11-02T10:00Z", input_tokens="5")
    files = take(again=right)
    assert files.loc["calls.csv", ["loaded", "known", "quarantined"]].tolist() == [1, 2, 0]
    assert files.loc["again.csv", ["loaded", "quarantined"]].tolist() == [2, 0]
    assert len(store.read_table(folder, CALLS)) == 3
    assert store.read_table(folder, QUARANTINE).empty


def test_a_row_that_is_still_wrong_stays_aside(folder, take):
    take(calls=EXPORT)
    files = take(again=put_right(folder, ts="2026-11-02T10:00Z"))
    assert files.loc["calls.csv", "quarantined"] == 1
    assert files.loc["again.csv", ["loaded", "quarantined"]].tolist() == [1, 1]


def test_the_tables_made_again_from_the_kept_exports_settle_alike(folder, take):
    take(calls=EXPORT)
    before = take(again=put_right(folder, ts="2026-11-02T10:00Z", input_tokens="5"))
    with (folder.path / "settings/company.toml").open("a") as file:
        file.write("# changed\n")
    (folder.tables / "made.json").unlink()
    counts = ["rows_in", "loaded", "known", "quarantined"]
    assert take()[counts].sort_index().equals(before[counts].sort_index())


@pytest.mark.parametrize(
    ("entry", "left"), [("", 0), ("row = 3", 1), ('file = "others*"', 2), ('run_id = "run-3"', 2)]
)
def test_rows_that_will_never_be_right_are_left_out_by_file_and_row(folder, take, entry, left):
    text = f'[[corrections]]\naction = "leave out"\nreason = "Truncated"\n{entry}\n'
    (folder.path / "corrections.toml").write_text(text, "utf-8")
    assert take(calls=EXPORT).loc["calls.csv", "quarantined"] == left
    assert len(list((folder.path / "quarantine").glob("*.csv"))) == (left > 0)


def test_a_long_file_tells_its_rows_and_the_time_left_on_a_terminal_only(folder, opsbook):
    folder.inbox.mkdir()
    head, row, *_ = EXPORT.splitlines()
    lines = (row.replace("run-1", f"run-{n}") for n in range(100_000))
    (folder.inbox / "long.csv").write_text("\n".join([head, *lines]), "utf-8")
    lead, led = os.openpty()
    fcntl.ioctl(led, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 160, 0, 0))
    typed = [sys.executable, "-m", "opsbook", "ingest", "--data", str(folder.path)]
    subprocess.run(typed, stderr=led, stdout=led, timeout=120, check=True)
    said = os.read(lead, 1_000_000)
    assert re.search(rb"long\.csv.*of about (99|100|101),\d{3} rows", said)
    assert b"long.csv: loaded, 100000 rows" in said
    (folder.tables / "made.json").unlink()
    quiet = opsbook("ingest", "--data", str(folder.path), cwd=folder.path)
    assert "of about" not in quiet.stderr
