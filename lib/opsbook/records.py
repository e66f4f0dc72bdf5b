"""A company's records on disk: the log of events, and the texts that lie beside it.

The only writer of `records/`. Whoever appends holds the lock, finds the chain whole and leaves it
on disk before it lets go; a killed process leaves whole lines, a power cut at worst an unfinished
one, which is set aside and noted. Free text may name a person: the chain holds its salted hash, and
erasing the file erases the text for good.
"""

import hashlib
import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout

from opsbook.errors import ChainError, LockedError, UsageError
from opsbook.events import Draft, Event, Verdict, parsed, sealed, verify
from opsbook.store import Folder

LOCKED_S = 60
CLOCK_SLACK = pd.Timedelta(minutes=5)
"""How far a clock may be set back between two events before appending is refused."""


@dataclass
class Writing:
    """An open record: its events so far, and the way to append more."""

    log: "Log"
    now: pd.Timestamp
    events: list[Event] = field(default_factory=list)

    def append(self, *drafts: Draft) -> list[Event]:
        """Seal drafts and put them on disk, in one piece and in order."""
        written = []
        for draft in drafts:
            at = max(self.now, self.events[-1].at) if self.events else self.now
            written.append(sealed(draft, self.events, at))
            self.events.append(written[-1])
        _append(self.log.path, b"".join(e.line() for e in written))
        return written


@dataclass(frozen=True)
class Log:
    """The record of one company."""

    folder: Folder

    @property
    def path(self) -> Path:
        """The log itself."""
        return self.folder.path / "records" / "events.jsonl"

    @property
    def texts(self) -> Path:
        """Where free text lies, one file per text, named by its salted hash."""
        return self.folder.path / "records" / "texts"

    def content(self) -> bytes:
        """The log as it lies there, whole lines only while somebody appends; empty without one."""
        return self.path.read_bytes() if self.path.exists() else b""

    def verify(self, count: int | None = None, head: str = "") -> Verdict:
        """Whether the chain is whole, and still the one whose count and head were noted."""
        return verify(self.content(), count, head)

    def events(self) -> list[Event]:
        """All events, oldest first; ChainError when the chain is broken."""
        content = self.content()
        return _whole(self.path, content[: content.rfind(b"\n") + 1])

    @contextmanager
    def writing(self, now: pd.Timestamp) -> Iterator[Writing]:
        """The record, held for appending as of `now`.

        ChainError when the chain is broken, LockedError when another process holds it for too long,
        UsageError when `now` lies before the last event.
        """
        self.path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with FileLock(str(self.path) + ".lock", timeout=LOCKED_S):
                opened = Writing(self, now)
                torn = _set_torn_aside(self.path)
                opened.events = self.events()
                _in_order(self.path, opened.events, now)
                if torn:
                    opened.append(Draft("torn_line_set_aside", payload=torn))
                yield opened
        except Timeout as problem:
            raise LockedError(
                f"{self.path} is held by another run for over {LOCKED_S} s; try again, or end it."
            ) from problem

    @contextmanager
    def sending(self) -> Iterator[bool]:
        """Whether this run is the one that sends messages; another one may be about it."""
        lock = FileLock(self._sending, timeout=0)
        try:
            lock.acquire()
        except Timeout:
            yield False
            return
        self._sending.touch()
        try:
            yield True
        finally:
            lock.release()

    @property
    def _sending(self) -> Path:
        return self.path.with_name(self.path.name + ".sending")

    def last_check(self) -> pd.Timestamp | None:
        """When a check last came to its messages on this machine, in UTC; None before the first."""
        if not self._sending.exists():
            return None
        return pd.Timestamp(self._sending.stat().st_mtime, unit="s", tz="UTC")

    def keep(self, text: str) -> str:
        """Put a text beside the chain; its salted hash, which is what an event names it by."""
        salt = secrets.token_hex(16)
        digest = _digest(salt, text)
        body = json.dumps({"salt": salt, "text": text}, ensure_ascii=False).encode()
        self.texts.mkdir(parents=True, exist_ok=True)
        _replace(self.texts / f"{digest}.json", body)
        return digest

    def text(self, digest: str) -> str | None:
        """A text by its hash; None when it was erased, ChainError when it was changed."""
        path = self.texts / f"{digest}.json"
        if not path.exists():
            return None
        try:
            found = json.loads(path.read_bytes())
            whole = _digest(found["salt"], found["text"]) == digest
        except (ValueError, KeyError, TypeError, AttributeError):
            whole = False
        if not whole:
            raise ChainError(f"{path} was changed: it does not match its hash in the chain.")
        return found["text"]

    def erase(self, digest: str) -> None:
        """Take a text off the disk; its hash in the chain says nothing without the salt."""
        path = self.texts / f"{digest}.json"
        if not path.exists():
            raise UsageError(f"{path} is not there: nothing to erase.")
        path.unlink()


def _digest(salt: str, text: str) -> str:
    return hashlib.sha256(f"{salt}{text}".encode()).hexdigest()


def _whole(path: Path, content: bytes) -> list[Event]:
    verdict = verify(content)
    if not verdict.ok:
        raise ChainError(
            f"{path}: {verdict.problem}. Nothing is appended to a broken chain; restore the file "
            "from a backup or from git, then run `opsbook verify`."
        )
    return parsed(content)


def _in_order(path: Path, events: list[Event], now: pd.Timestamp) -> None:
    if events and now < events[-1].at - CLOCK_SLACK:
        raise UsageError(
            f"{path}: its last event is of {events[-1].ts}, later than {now.isoformat()}. Nothing "
            "is entered before what happened already: correct the clock, or leave --as-of out."
        )


def _set_torn_aside(path: Path) -> dict:
    """Move an unfinished last line, left by a power cut, out of the log; what it was."""
    content = path.read_bytes() if path.exists() else b""
    end = content.rfind(b"\n") + 1
    torn = content[end:]
    if not torn:
        return {}
    digest = hashlib.sha256(torn).hexdigest()
    _replace(path.with_name(f"torn-{digest[:16]}"), torn)
    with path.open("r+b") as file:
        file.truncate(end)
        os.fsync(file.fileno())
    return {"bytes": len(torn), "sha256": digest}


def _append(path: Path, lines: bytes) -> None:
    """Bytes at the end of a file, on disk when this returns."""
    new = not path.exists()
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        written = os.write(handle, lines)
        if written < len(lines):  # a full disk: the rest would tear the line
            os.ftruncate(handle, os.fstat(handle).st_size - written)
            raise OSError(f"{path}: the disk is full")
        os.fsync(handle)
    finally:
        os.close(handle)
    if new:
        _sync_folder(path.parent)


def _replace(path: Path, content: bytes) -> None:
    """A file, complete and on disk or not there."""
    temporary = path.with_suffix(f".{os.getpid()}.part")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Put a folder's entries on disk; Windows has no such call and needs none."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
