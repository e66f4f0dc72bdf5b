"""The record of events: whole, or the first line that is not is named."""

import json

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from opsbook.events import GENESIS, Draft, parsed, sealed, verify

DAY = pd.Timestamp("2026-11-23T08:00Z")


def chain(*notes: str) -> bytes:
    events = []
    for i, note in enumerate(notes):
        draft = Draft("noted", "INC-2026-0001", {"text": note, "cost_eur": 0.1 * i}, "AI Lead")
        events.append(sealed(draft, events, DAY + pd.Timedelta(minutes=i)))
    return b"".join(e.line() for e in events)


FIVE = chain("opened", "Kundin rief an: größere Abweichung", "third", "fourth", "fifth")


def heads(log: bytes) -> list[str]:
    return [json.loads(line)["hash"] for line in log.splitlines()]


def test_a_chain_as_it_was_written_is_whole_and_says_its_count_and_head():
    found = verify(FIVE)
    assert (found.ok, found.count, found.head) == (True, 5, heads(FIVE)[-1])


def test_an_empty_chain_is_whole():
    assert (verify(b"").count, verify(b"").head) == (0, GENESIS)


def test_an_event_is_a_line_of_canonical_json_that_reads_back_as_itself():
    first = parsed(FIVE)[0]
    line = FIVE.splitlines()[0].decode()
    assert line.startswith('{"actor":"AI Lead","hash":"')
    assert '"payload":{"cost_eur":0,"text":"opened"}' in line
    assert (first.seq, first.ts, first.prev) == (1, "2026-11-23T08:00:00.000Z", GENESIS)


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_any_changed_byte_is_found_in_its_line(data):
    place = data.draw(st.integers(0, len(FIVE) - 1))
    other = data.draw(st.integers(0, 255).filter(lambda b: b != FIVE[place]))
    found = verify(FIVE[:place] + bytes([other]) + FIVE[place + 1 :])
    assert not found.ok
    assert found.first_bad == FIVE[:place].count(b"\n") + 1


@pytest.mark.parametrize("line", [0, 2, 3])
def test_a_removed_line_is_found_where_it_stood(line):
    lines = FIVE.splitlines(keepends=True)
    found = verify(b"".join(lines[:line] + lines[line + 1 :]))
    assert (found.ok, found.first_bad) == (False, line + 1)
    assert "a line was removed, added or moved" in found.problem


def test_two_lines_that_changed_places_are_found():
    lines = FIVE.splitlines(keepends=True)
    assert verify(b"".join([lines[0], lines[2], lines[1], *lines[3:]])).first_bad == 2


def test_a_line_that_stands_twice_is_found():
    lines = FIVE.splitlines(keepends=True)
    assert verify(b"".join([*lines, lines[-1]])).first_bad == 6


@pytest.mark.parametrize("cut", [1, 4, 5])
def test_a_cut_tail_is_found_by_the_count_that_was_noted(cut):
    left = b"".join(FIVE.splitlines(keepends=True)[: 5 - cut])
    assert verify(left).ok
    found = verify(left, 5, heads(FIVE)[-1])
    assert (found.ok, found.first_bad) == (False, 6 - cut)
    assert "the tail was cut off" in found.problem


def test_a_tail_cut_within_a_line_is_found_without_a_note():
    assert "without a line end" in verify(FIVE[:-7]).problem


def test_a_chain_written_anew_is_found_by_the_head_that_was_noted():
    forged = chain("opened", "nothing happened", "third", "fourth", "fifth", "sixth")
    assert verify(forged).ok
    found = verify(forged, 5, heads(FIVE)[-1][:16])
    assert (found.ok, found.first_bad) == (False, 5)
    assert "written anew" in found.problem


def test_a_chain_that_has_grown_since_the_note_is_fine():
    grown = chain("opened", "Kundin rief an: größere Abweichung", "third")
    assert verify(FIVE, 3, heads(grown)[-1]).ok
    assert verify(FIVE, None, heads(grown)[-1][:16]).ok


@pytest.mark.parametrize(
    "line",
    [b"null", b"[]", b"{}", b"\xff", b'{"a":' * 2000, b'{"seq":1e999}', b'"\\ud800"'],
    ids=["null", "list", "bare", "no utf-8", "deep", "infinite", "half a pair"],
)
def test_a_line_that_is_no_event_is_named_and_stops_nothing_else(line):
    found = verify(FIVE + line + b"\n")
    assert (found.ok, found.first_bad, found.count) == (False, 6, 5)
