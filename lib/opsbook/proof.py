#!/usr/bin/env python3
"""Checks an evidence bundle: python3 verify.py [FOLDER or FILE.zip] [--count N --head H].

Needs Python 3.9 or later and nothing else. Says in sentences what does not hold; exit code 0 when
every file is the one that was bundled and the record is one unbroken chain, else 1. It shows that
nothing was changed since the bundle was made, not that what stands in it is true.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import zipfile
from pathlib import Path

MANIFEST = "MANIFEST.json"
RECORD = "records/events.jsonl"
TEXTS = "records/texts/"
GENESIS = "0" * 64
FIELDS = {"seq", "ts", "actor", "type", "incident", "payload", "prev", "hash"}
DEEPEST = 200
"""Levels of lists and objects in each other; the record has five."""


def canonical(value: object, depth: int = 0) -> str:
    """A JSON value as RFC 8785 writes it: no space, keys in UTF-16 order, numbers as ECMAScript.

    >>> canonical({"b": [1.0, 1e21, 1e-7], "a": None})
    '{"a":null,"b":[1,1e+21,1e-7]}'
    """
    if depth > DEEPEST:
        raise ValueError("nested too deeply")
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "null"}[value]
    if isinstance(value, (int, float)):
        return _number(value)
    if isinstance(value, str):
        value.encode("utf-8")  # a half of a surrogate pair is no text
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, list):
        return "[" + ",".join(canonical(v, depth + 1) for v in value) + "]"
    if isinstance(value, dict):
        keys = sorted(value, key=lambda k: k.encode("utf-16-be"))
        return (
            "{" + ",".join(f"{canonical(k)}:{canonical(value[k], depth + 1)}" for k in keys) + "}"
        )
    raise ValueError(f"{type(value).__name__} is no value of JSON")


def _number(value: float) -> str:
    """A number as ECMAScript writes it: the shortest digits that read back as the same double."""
    if isinstance(value, int):
        if abs(value) >= 2**53:
            raise ValueError("a whole number beyond 2^53 has no exact double")
        return str(value)
    if value != value or value in (float("inf"), float("-inf")):
        raise ValueError("no finite number")
    if value == 0:
        return "0"
    sign, (digits, point) = "-" if value < 0 else "", _digits(abs(value))
    count = len(digits)
    if count <= point <= 21:
        return sign + digits + "0" * (point - count)
    if 0 < point <= 21:
        return f"{sign}{digits[:point]}.{digits[point:]}"
    if -6 < point <= 0:
        return f"{sign}0.{'0' * -point}{digits}"
    rest = f".{digits[1:]}" if count > 1 else ""
    return f"{sign}{digits[0]}{rest}e{point - 1:+d}"


def _digits(value: float) -> tuple[str, int]:
    """The shortest digits of a positive number, and how many stand before its point."""
    mantissa, _, exponent = repr(value).partition("e")
    whole, _, part = mantissa.partition(".")
    digits = (whole + part).lstrip("0")
    point = len(whole) + int(exponent or 0)
    if whole.strip("0") == "":
        point = int(exponent or 0) - (len(part) - len(part.lstrip("0")))
    return digits.rstrip("0") or "0", point


class Bundle:
    """The files of a bundle, in a folder or in a zip: their names, and what is in one."""

    def __init__(self, place: Path) -> None:
        """Open it; ValueError for what is neither."""
        self.archive = zipfile.ZipFile(place) if place.is_file() else None
        self.place = place
        if self.archive is None and not place.is_dir():
            raise ValueError(f"{place} is not there")

    def names(self) -> list[str]:
        """Every file in it, by its path with slashes."""
        if self.archive:
            return [n for n in self.archive.namelist() if not n.endswith("/")]
        files = (p for p in self.place.rglob("*") if p.is_file())
        return [p.relative_to(self.place).as_posix() for p in files]

    def content(self, name: str) -> bytes:
        """What a file holds."""
        return self.archive.read(name) if self.archive else (self.place / name).read_bytes()

    def digest(self, name: str) -> str:
        """The SHA-256 of a file, read piece by piece."""
        told = hashlib.sha256()
        opened = self.archive.open(name) if self.archive else (self.place / name).open("rb")
        with opened as file:
            for block in iter(lambda: file.read(1 << 20), b""):
                told.update(block)
        return told.hexdigest()


def problems(bundle: Bundle, count: int | None = None, head: str = "") -> list[str]:
    """What does not hold of a bundle, a sentence each; none when it is whole.

    `count` and `head` are those of the record as they were noted elsewhere.
    """
    names = bundle.names()
    if MANIFEST not in names:
        return [f"{MANIFEST} is missing: this is no bundle, or its list was taken out."]
    try:
        text = bundle.content(MANIFEST)
        manifest = json.loads(text)
        if canonical(manifest).encode() != text:
            return [f"{MANIFEST} is not written in canonical form: it was changed."]
        listed = {f["path"]: f["sha256"] for f in manifest["files"]}
        chain = manifest["chain"]
        noted = (chain["count"], chain["head"])
    except (ValueError, KeyError, TypeError, RecursionError, zipfile.BadZipFile) as problem:
        return [f"{MANIFEST} cannot be read ({problem}): it was changed."]
    found = [_file(name, listed[name], names, bundle) for name in sorted(listed)]
    found += [f"{n} was added: {MANIFEST} does not list it." for n in sorted(set(names) - {*listed})
              if n != MANIFEST]  # fmt: skip
    if RECORD in names:
        found += _record(_read(bundle, RECORD), noted, (count, head.lower()))
    texts = (n for n in sorted(listed) if n.startswith(TEXTS) and n in names)
    return [f for f in (*found, *(_text(n, bundle) for n in texts)) if f]


def _read(bundle: Bundle, name: str) -> bytes:
    try:
        return bundle.content(name)
    except (OSError, zipfile.BadZipFile):
        return b""


def _file(name: str, listed: str, names: list[str], bundle: Bundle) -> str:
    if name not in names:
        return f"{name} is missing."
    try:
        whole = bundle.digest(name) == listed
    except (OSError, zipfile.BadZipFile, EOFError):
        whole = False
    return "" if whole else f"{name} was changed: it does not match its hash in {MANIFEST}."


def _text(name: str, bundle: Bundle) -> str:
    """What is wrong with a text beside the chain: its name is the hash of its salt and words."""
    try:
        found = json.loads(_read(bundle, name))
        digest = hashlib.sha256(f"{found['salt']}{found['text']}".encode()).hexdigest()
    except (ValueError, KeyError, TypeError):
        digest = ""
    whole = name == f"{TEXTS}{digest}.json"
    return "" if whole else f"{name} was changed: it does not match its hash in the record."


def _record(log: bytes, noted: tuple[int, str], elsewhere: tuple[int | None, str]) -> list[str]:
    hashes: list[str] = []
    for number, line in enumerate(log.split(b"\n")[:-1], start=1):
        problem = _line(line, number, hashes[-1] if hashes else GENESIS)
        if problem:
            return [f"{RECORD}, line {number} {problem}."]
        hashes.append(json.loads(line)["hash"])
    if log.rsplit(b"\n", 1)[-1]:
        return [f"{RECORD} ends in an unfinished line."]
    found = []
    if len(hashes) < noted[0]:
        cut = f"{len(hashes)} events where {MANIFEST} says {noted[0]}"
        found.append(f"{RECORD} holds {cut}: the tail was cut off.")
    elif (len(hashes), hashes[-1] if hashes else GENESIS) != noted:
        found.append(f"{RECORD} does not end with the head in {MANIFEST}.")
    return found + _elsewhere(hashes, *elsewhere)


def _elsewhere(hashes: list[str], count: int | None, head: str) -> list[str]:
    """Against a count and head that were noted elsewhere, as on a printed page."""
    if count is not None and len(hashes) < count:
        return [f"{RECORD} holds {len(hashes)} events where {count} were noted: it was cut off."]
    known = [GENESIS, *hashes]
    if any(h.startswith(head) for h in (known if count is None else [known[count]])):
        return []
    return [f"{RECORD} does not hold the head that was noted: it was written anew."]


def _line(line: bytes, number: int, prev: str) -> str:
    """What is wrong with one line of the record; empty when nothing is."""
    try:
        found = json.loads(line)
        written = canonical(found)
    except (ValueError, RecursionError) as problem:
        return f"is no JSON of an event ({problem})"
    if not isinstance(found, dict) or set(found) != FIELDS:
        return "has other fields than an event"
    if written.encode() != line:
        return "is not written in canonical form"
    body = {k: v for k, v in found.items() if k != "hash"}
    if hashlib.sha256(canonical(body).encode()).hexdigest() != found["hash"]:
        return "does not match its hash: something in it was changed"
    if found["prev"] != prev or found["seq"] != number:
        return "does not follow the line before: a line was removed, added or moved"
    return ""


def main(words: list[str]) -> int:
    """Check a bundle and say what was found; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, add_help=True)
    parser.add_argument("place", nargs="?", type=Path, default=Path(__file__).resolve().parent)
    parser.add_argument("--count", type=int, help="events noted elsewhere")
    parser.add_argument("--head", default="", help="the head noted beside it")
    told = parser.parse_args(words)
    try:
        bundle = Bundle(told.place)
        found = problems(bundle, told.count, told.head)
    except (ValueError, OSError, zipfile.BadZipFile) as problem:
        print(f"This cannot be checked: {problem}.")
        return 1
    for sentence in found:
        print(sentence)
    if found:
        print(f"The bundle is not whole: {len(found)} things do not hold.")
        return 1
    manifest = json.loads(bundle.content(MANIFEST))
    chain = manifest["chain"]
    print(f"{len(manifest['files'])} files, each as it was bundled at {manifest['made_at']}.")
    print(f"The record is one unbroken chain of {chain['count']} events with head {chain['head']}.")
    print(f"{MANIFEST} has SHA-256 {bundle.digest(MANIFEST)}: compare it with what you were told.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
