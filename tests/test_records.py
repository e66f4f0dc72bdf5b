"""The record on disk: one writer, whole lines, texts that can be erased."""

import json
import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest

from opsbook.errors import ChainError, UsageError
from opsbook.events import Draft, parsed
from opsbook.records import Log
from opsbook.store import Folder

NOW = pd.Timestamp("2026-11-23T08:00Z")


@pytest.fixture
def log(tmp_path):
    (tmp_path / "settings").mkdir()
    return Log(Folder(tmp_path))


def note(log: Log, text: str, now: pd.Timestamp = NOW) -> None:
    with log.writing(now) as writing:
        writing.append(Draft("noted", "INC-2026-0001", {"text": text}))


def test_what_is_appended_can_be_read_back_in_order(log):
    note(log, "one")
    note(log, "two")
    assert [e.payload["text"] for e in log.events()] == ["one", "two"]
    assert log.verify().ok


def test_nothing_is_appended_to_a_broken_chain(log):
    note(log, "one")
    note(log, "two")
    broken = log.content().replace(b"one", b"eno")
    log.path.write_bytes(broken)
    with pytest.raises(ChainError, match=r"events.jsonl: line 1 does not match its hash"):
        note(log, "three")
    assert log.content() == broken


def test_nothing_is_entered_before_what_happened_already(log):
    note(log, "one")
    with pytest.raises(UsageError, match="correct the clock"):
        note(log, "two", NOW - pd.Timedelta(hours=1))


def test_a_clock_set_back_by_a_little_keeps_the_order_of_events(log):
    note(log, "one")
    note(log, "two", NOW - pd.Timedelta(minutes=1))
    assert [e.at for e in log.events()] == [NOW, NOW]


def test_a_line_that_a_power_cut_left_unfinished_is_set_aside_and_noted(log):
    note(log, "one")
    note(log, "two")
    log.path.write_bytes(log.content()[:-20])
    assert not log.verify().ok
    note(log, "three")
    assert [e.type for e in log.events()] == ["noted", "torn_line_set_aside", "noted"]
    torn = [p for p in log.path.parent.iterdir() if p.name.startswith("torn-")]
    assert len(torn) == 1
    assert len(torn[0].read_bytes()) == log.events()[1].payload["bytes"]


def test_a_text_lies_beside_the_chain_and_can_be_erased_for_good(log):
    digest = log.keep("Frau M. rief an")
    note(log, digest)
    assert b"Frau" not in log.content()
    assert log.text(digest) == "Frau M. rief an"
    log.erase(digest)
    assert log.text(digest) is None
    assert log.verify().ok


def test_the_same_text_twice_has_two_hashes_so_that_none_can_be_guessed(log):
    assert log.keep("yes") != log.keep("yes")


@pytest.mark.parametrize("forged", [b'{"salt": "x", "text": "other"}', b"[]", b"\xff", b"null"])
def test_a_text_that_was_changed_is_found(log, forged):
    digest = log.keep("one")
    (log.texts / f"{digest}.json").write_bytes(forged)
    with pytest.raises(ChainError, match="was changed"):
        log.text(digest)


WRITER = """
import sys, pandas as pd
from pathlib import Path
from opsbook.events import Draft
from opsbook.records import Log
from opsbook.store import Folder
log = Log(Folder(Path(sys.argv[1])))
for i in range(int(sys.argv[3])):
    with log.writing(pd.Timestamp.now("UTC")) as writing:
        writing.append(Draft("noted", payload={"who": sys.argv[2], "n": i}))
    print(i, flush=True)
"""


def writer(log: Log, who: str, events: int) -> subprocess.Popen:
    place = str(log.folder.path)
    return subprocess.Popen(
        [sys.executable, "-c", WRITER, place, who, str(events)], stdout=subprocess.PIPE, text=True
    )


def test_two_writers_at_once_make_one_whole_chain(log):
    both = [writer(log, who, 25) for who in ("a", "b")]
    assert [p.wait(60) for p in both] == [0, 0]
    written = [(e.payload["who"], e.payload["n"]) for e in log.events()]
    assert sorted(written) == [(who, n) for who in ("a", "b") for n in range(25)]
    assert log.verify().ok


def test_a_writer_that_is_killed_loses_no_event_it_has_told_of(log):
    process = writer(log, "a", 10_000)
    process.stdout.readline()
    time.sleep(0.3)
    os.kill(process.pid, signal.SIGKILL)
    told = [json.loads(line) for line in process.stdout.read().split()]
    process.wait()
    assert log.verify().ok
    assert len(parsed(log.content())) - 1 >= max(told, default=0)
    note(log, "goes on", pd.Timestamp.now("UTC"))
