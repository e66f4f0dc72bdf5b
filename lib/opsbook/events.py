"""The record: an append-only chain of events, each sealed with the hash of the one before.

Whoever changes a byte breaks the hash of its line; whoever removes a line breaks the link of the
next. The chain alone does not see a tail cut off or a history written anew: for that its count and
head are printed on every page and in every notification, and `verify` takes them. It is
tamper-evident, not tamper-proof. No personal data stands in it: free text lies beside it.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

import pandas as pd
import rfc8785

GENESIS = "0" * 64
"""What the first event names as its predecessor; the head of an empty chain."""
HEAD_SHOWN = 16
"""Hex digits of a head as pages print it; `verify` takes so many or more."""
FIELDS = ("seq", "ts", "actor", "type", "incident", "payload", "prev", "hash")


@dataclass(frozen=True)
class Draft:
    """An event still to be sealed: what happened to which incident, by whom."""

    type: str
    incident: str | None = None
    payload: dict = field(default_factory=dict)
    actor: str = "Opsbook"


@dataclass(frozen=True)
class Event:
    """One sealed event; `ts` is UTC in ISO 8601, `actor` a role, never a person."""

    seq: int
    ts: str
    actor: str
    type: str
    incident: str | None
    payload: dict
    prev: str
    hash: str

    @property
    def at(self) -> pd.Timestamp:
        """Its moment, UTC."""
        return pd.Timestamp(self.ts)

    def line(self) -> bytes:
        """The event as its line in the log: canonical JSON (RFC 8785) and a line end."""
        return rfc8785.dumps(asdict(self)) + b"\n"


@dataclass(frozen=True)
class Verdict:
    """Whether a chain is whole: how many events, its head, the first bad line and why."""

    ok: bool
    count: int
    head: str
    first_bad: int | None = None
    problem: str = ""


def sealed(draft: Draft, before: Sequence[Event], now: pd.Timestamp) -> Event:
    """The draft as the next event of a chain."""
    body = {
        "seq": len(before) + 1,
        "ts": stamp(now),
        "actor": draft.actor,
        "type": draft.type,
        "incident": draft.incident,
        "payload": draft.payload,
        "prev": before[-1].hash if before else GENESIS,
    }
    return Event(**body, hash=_hash(body))


def stamp(moment: pd.Timestamp) -> str:
    """A moment as events write it.

    >>> stamp(pd.Timestamp("2026-11-23T08:00+01:00"))
    '2026-11-23T07:00:00.000Z'
    """
    return moment.tz_convert("UTC").strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def parsed(log: bytes) -> list[Event]:
    """The events of a log that `verify` found whole, oldest first."""
    return [Event(**json.loads(line)) for line in log.splitlines()]


def verify(log: bytes, count: int | None = None, head: str = "") -> Verdict:
    """Whether a log is one unbroken chain, and still the one whose count and head were noted.

    Finds a changed byte, a removed, added or moved line, and, with `count` and `head`, a cut tail
    and a chain written anew. A chain that has grown since they were noted is fine.
    """
    hashes: list[str] = []
    for number, line in enumerate(log.split(b"\n")[:-1], start=1):
        problem = _line_problem(line, number, hashes[-1] if hashes else GENESIS)
        if problem:
            return _bad(hashes, number, problem)
        hashes.append(json.loads(line)["hash"])
    torn = log.rsplit(b"\n", 1)[-1]
    if torn:
        return _bad(hashes, len(hashes) + 1, f"ends in {len(torn)} bytes without a line end")
    return _against_note(hashes, count, head.lower())


def _line_problem(line: bytes, number: int, prev: str) -> str:
    """What is wrong with one line of a log; empty when nothing is."""
    try:
        found = json.loads(line)
        canonical = rfc8785.dumps(found)
    except (ValueError, RecursionError) as problem:
        return f"is no JSON of an event ({problem})"
    if not isinstance(found, dict) or set(found) != set(FIELDS):
        return f"has other fields than {', '.join(FIELDS)}"
    if canonical != line:
        return "is not written in canonical form"
    if found["hash"] != _hash({k: v for k, v in found.items() if k != "hash"}):
        return "does not match its hash: something in it was changed"
    if found["prev"] != prev or found["seq"] != number:
        return "does not follow the line before: a line was removed, added or moved"
    return ""


def _bad(hashes: list[str], line: int, problem: str) -> Verdict:
    head = hashes[-1] if hashes else GENESIS
    return Verdict(False, len(hashes), head, line, f"line {line} {problem}")


def _against_note(hashes: list[str], count: int | None, head: str) -> Verdict:
    """The verdict on a whole chain, held against a count and head noted earlier."""
    now = hashes[-1] if hashes else GENESIS
    if count is not None and len(hashes) < count:
        missing = f"{len(hashes)} events where {count} were noted: the tail was cut off"
        return Verdict(False, len(hashes), now, len(hashes) + 1, missing)
    noted = [GENESIS, *hashes] if count is None else [[GENESIS, *hashes][count]]
    if not any(h.startswith(head) for h in noted):
        place = len(hashes) if count is None else count
        anew = f"event {place} is not the one that was noted: the chain was written anew"
        return Verdict(False, len(hashes), now, place, anew)
    return Verdict(True, len(hashes), now)


def _hash(body: dict) -> str:
    return hashlib.sha256(rfc8785.dumps(body)).hexdigest()
