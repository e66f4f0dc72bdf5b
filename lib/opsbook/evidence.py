"""The evidence of a period as one zip that checks itself: `opsbook evidence --period 2026-Q4`.

What the company's folder holds of it, as it lies there, with a list of hashes, and a program that
needs only Python to check them. Same content, same bytes. No secret and, unless asked for, no free
text about people goes in.
"""

import hashlib
import io
import re
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import pandas as pd
import rfc8785

from opsbook import proof, store
from opsbook.errors import OpsbookError, UsageError
from opsbook.events import Event, stamp
from opsbook.periods import FORMS, Period, period
from opsbook.records import Log
from opsbook.register import Register, fold
from opsbook.registers import SHEETS
from opsbook.schema import FILES
from opsbook.settings import Settings, limits_text

FIXED = (1980, 1, 1, 0, 0, 0)
"""The time of every file in the zip: the earliest that a zip can tell."""
READABLE = 0o644 << 16
SETTINGS = ("company", "workflows", "limits", "mappings", "aliases", "prices", "corrections")
"""Parts of the settings that go in as they lie; of channels only what holds no address."""
OF_PACKAGE = {"runbook": ("clauses.toml", "readings.toml"), "law": ("legal-dates.toml",)}
BLOCK = 1 << 20
Content = bytes | Path


@dataclass(frozen=True)
class Bundled:
    """A bundle that was written: where, its hash and size, and what its list says."""

    path: Path
    sha256: str
    manifest: dict

    def as_json(self) -> dict:
        """The document of the command's contract."""
        return {
            "path": str(self.path),
            "sha256": self.sha256,
            "bytes": self.path.stat().st_size,
            "period": self.manifest["period"]["name"],
            "files": len(self.manifest["files"]),
            "manifest_sha256": hashlib.sha256(rfc8785.dumps(self.manifest)).hexdigest(),
            **self.manifest["chain"],
        }

    def sentence(self) -> str:
        """What a person is told."""
        told = self.as_json()
        return (
            f"{self.path}: {told['files']} files about {told['period']}, {told['count']} events.\n"
            f"Keep this elsewhere: SHA-256 of its MANIFEST.json {told['manifest_sha256']}\n"
            "Anyone checks it with Python alone: python3 verify.py in the unpacked folder."
        )


def bundle(
    folder: store.Folder,
    name: str,
    now: pd.Timestamp,
    out: Path | None = None,
    with_exports: bool = False,
    with_texts: bool = False,
) -> Bundled:
    """Write the evidence of a period, as of `now`, into a zip; complete or not there.

    UsageError for a period that has not begun, ChainError when the record is broken.
    """
    settings = store.load_settings(folder)
    reviewed = period(name)
    if reviewed.bounds(settings.company)[0] > now:
        raise UsageError(f"--period {name} has not begun; expected one that has.")
    events = [e for e in Log(folder).events() if e.at <= now]
    files = dict(_files(folder, settings, reviewed, events, with_exports, with_texts))
    files["README.txt"] = _readme(settings, reviewed, now, with_exports, with_texts).encode()
    files["verify.py"] = Path(proof.__file__).read_bytes()
    manifest = {
        "format": 1,
        "company": settings.company.name,
        "period": {
            "name": reviewed.name, "kind": reviewed.kind, "first": reviewed.first.isoformat(),
            "last": reviewed.last.isoformat(), "over": reviewed.bounds(settings.company)[1] <= now,
        },
        "made_at": stamp(now),
        "chain": {"count": len(events), "head": events[-1].hash if events else proof.GENESIS},
        "files": [{"path": p, **_print_of(c)} for p, c in sorted(files.items())],
    }  # fmt: skip
    files[proof.MANIFEST] = rfc8785.dumps(manifest)
    place = out or Path(f"evidence-{reviewed.name}.zip")
    return Bundled(place, _written(place, files), manifest)


def _print_of(content: Content) -> dict:
    if isinstance(content, bytes):
        return {"sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    with content.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return {"sha256": digest, "bytes": content.stat().st_size}


def _written(place: Path, files: dict[str, Content]) -> str:
    """The hash of the zip put in its place, whole; unpacked, so that no packer's version tells."""
    temporary = place.with_name(f".{place.name}.part")
    try:
        with zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as archive:
            for name, content in sorted(files.items()):
                _add(archive, name, content)
        temporary.replace(place)
    except OSError as problem:
        temporary.unlink(missing_ok=True)
        raise OpsbookError(f"{place} could not be written: {problem}") from problem
    return str(_print_of(place)["sha256"])


def _add(archive: zipfile.ZipFile, name: str, content: Content) -> None:
    about = zipfile.ZipInfo(name, FIXED)
    about.create_system, about.external_attr = 3, READABLE
    source = io.BytesIO(content) if isinstance(content, bytes) else content.open("rb")
    about.file_size = len(content) if isinstance(content, bytes) else content.stat().st_size
    with source as read, archive.open(about, "w") as write:
        shutil.copyfileobj(read, write, BLOCK)


# What goes in


def _files(
    folder: store.Folder,
    settings: Settings,
    reviewed: Period,
    events: list[Event],
    with_exports: bool,
    with_texts: bool,
) -> Iterator[tuple[str, Content]]:
    """Each file of a bundle: its name in it, and its content or where that lies."""
    start, end = reviewed.bounds(settings.company)
    own = [e for e in events if start <= e.at < end]
    register = fold(events)
    named = {e.incident for e in own if e.incident}
    exports = _exports(folder, start, end)
    yield proof.RECORD, b"".join(e.line() for e in events)
    yield "incidents.csv", _csv(_incidents(register, named))
    yield "exports.csv", _csv(exports.drop(columns="place"))
    yield from _settings(folder, settings)
    yield from _register(folder, settings, register)
    for path in sorted((folder.path / "records" / "reviews").rglob("*")):
        if path.is_file() and _of_period(path.name, reviewed):
            yield path.relative_to(folder.path).as_posix(), path
    for path in sorted((folder.path / "records" / "post-mortems").glob("*.md")):
        if path.stem in named:
            yield path.relative_to(folder.path).as_posix(), path
    for part, names in OF_PACKAGE.items():
        for name in names:
            yield f"{part}/{name}", resources.files("opsbook").joinpath(name).read_bytes()
    if with_exports:
        for row in exports[exports.in_period & exports.place.notna()].itertuples():
            yield f"exports/{Path(row.place).name}", Path(row.place)
    if with_texts:
        for digest in sorted({t for e in own for t in _texts(e.payload)}):
            path = Log(folder).texts / f"{digest}.json"
            if path.exists():
                yield f"{proof.TEXTS}{digest}.json", path


def _texts(told: object) -> list[str]:
    """What may be the name of a text, anywhere in an event's payload."""
    if isinstance(told, dict):
        return [t for value in told.values() for t in _texts(value)]
    if isinstance(told, list):
        return [t for value in told for t in _texts(value)]
    return [told] if isinstance(told, str) and re.fullmatch(r"[0-9a-f]{64}", told) else []


def _incidents(register: Register, named: set[str]) -> pd.DataFrame:
    """The incidents in which something happened in the period, one row each, without free text."""
    frame = register.frame()
    own = frame[frame.id.isin(named)].drop(columns=["evidence", "external"])
    lists = {c: own[c].map(", ".join) for c in ("workflows", "rules")}
    answers = {
        name: [register.incidents[i].impact.get(name, "unknown") for i in own.id]
        for name in ("external", "harm", "personal_data", "high_risk")
    }
    return own.assign(**lists, **answers)


def _exports(folder: store.Folder, start: pd.Timestamp, end: pd.Timestamp) -> pd.DataFrame:
    """Every accepted export, one row each, with the hash and size of the file that is kept.

    `in_period` tells whether it covers some of the period; `kept` is no where its file is gone,
    changed where it does not begin with the hash it was filed under.
    """
    files = store.read_table(folder, FILES)
    files = files[files.reader.notna()].sort_values(["covered_from", "file"])
    rows = [_export(folder, row.file_id) for row in files.itertuples()]
    told = pd.DataFrame(rows, columns=["sha256", "bytes", "kept", "place"], index=files.index)
    inside = (files.covered_from < end) & (files.covered_to > start)
    columns = ["file", "file_id", "reader", "rows_in", "loaded", "known", "quarantined"]
    spans = files[[*columns, "covered_from", "covered_to"]]
    return spans.join(told).assign(in_period=inside.fillna(False).astype(bool))


def _export(folder: store.Folder, file_id: str) -> dict:
    place = next(iter(sorted((folder.path / "exports").glob(f"*/{file_id}-*"))), None)
    if place is None:
        return {"sha256": pd.NA, "bytes": pd.NA, "kept": "no", "place": None}
    found = _print_of(place)
    same = str(found["sha256"]).startswith(file_id)
    return found | {"kept": "yes" if same else "changed", "place": str(place)}


def _settings(folder: store.Folder, settings: Settings) -> Iterator[tuple[str, Content]]:
    for part in SETTINGS:
        path = folder.settings_of(part)
        if path.exists():
            yield path.relative_to(folder.path).as_posix(), path
    yield "settings/limits-in-force.toml", limits_text(settings.limits).encode()
    channels = [
        {"id": c.id, "roles": ", ".join(c.roles), "from_priority": c.from_priority,
         "kind": c.url.partition(":")[0]}
        for c in settings.channels
    ]  # fmt: skip
    columns = ["id", "roles", "from_priority", "kind"]
    yield "settings/channels.csv", _csv(pd.DataFrame(channels, columns=columns))


def _register(
    folder: store.Folder, settings: Settings, register: Register
) -> Iterator[tuple[str, Content]]:
    """The rows of register.xlsx, a CSV per sheet, and what of it could not be read."""
    from opsbook.spreadsheets import registers

    known = registers(folder, settings, register, Log(folder).text)
    for name in SHEETS:
        yield f"register/{name}.csv", _csv(getattr(known, name))
    told = [*known.problems, *known.absent]
    if told:
        yield "register/not-read.txt", ("\n".join(map(str, told)) + "\n").encode()


def _of_period(name: str, reviewed: Period) -> bool:
    """Whether a file named after a period lies in the one that is bundled; another one does."""
    told = [m for form in FORMS.values() if (m := form.match(name))]
    if not told:
        return True
    try:
        own = period(max((m[0] for m in told), key=len))
    except UsageError:
        return True
    return own.first <= reviewed.last and own.last >= reviewed.first


def _csv(frame: pd.DataFrame) -> bytes:
    """A frame as CSV that a spreadsheet shows and never obeys; times in ISO 8601 UTC."""
    times = [c for c in frame if isinstance(frame[c].dtype, pd.DatetimeTZDtype)]
    iso = {c: frame[c].dt.strftime("%Y-%m-%dT%H:%M:%SZ") for c in times}
    days = frame.select_dtypes("datetime").columns
    iso |= {c: frame[c].dt.strftime("%Y-%m-%d") for c in days}
    written = frame.assign(**iso).map(_inert)
    return written.to_csv(index=False, lineterminator="\r\n").encode()


def _inert(value: object) -> object:
    formula = isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r")
    return f"'{value}" if formula else value


def _readme(
    settings: Settings, reviewed: Period, now: pd.Timestamp, exports: bool, texts: bool
) -> str:
    kept = "The exports of the period lie in exports/: they hold calls, and may name people.\n"
    left = "The exports themselves are not in it (exports.csv lists them with their hashes);\n"
    left += "opsbook evidence --with-exports puts them in.\n"
    words = "What people wrote lies in records/texts/: it may name people. Handle it so.\n"
    bare = "What people wrote beside the record is not in it, because it may name people;\n"
    bare += "opsbook evidence --with-texts puts it in. The record holds its hashes.\n"
    return README.format(
        company=" ".join(settings.company.name.split()),
        name=reviewed.name,
        first=reviewed.first,
        last=reviewed.last,
        made=stamp(now),
        exports=kept if exports else left,
        texts=words if texts else bare,
    )


README = """\
Evidence of {company}, {name} ({first} to {last}), as of {made}

WHAT IS IN IT
records/events.jsonl   the whole record up to then, an event a line, each sealed with the one before
records/reviews/       outcomes and signed reports of reviews that touch the period
records/post-mortems/  of incidents in which something happened in the period
incidents.csv          those incidents, one a row
exports.csv            every export that was taken in: its hash, size, dates, rows, and whether the
                       file that is kept is still the one that came
register/              the rows of register.xlsx: vendor notices, contracts, AI systems, ...;
                       not-read.txt names what of it could not be read
settings/              the settings as they are; limits-in-force.toml holds every limit. Channels
                       without their addresses.
runbook/, law/         the runbook's clauses, how its rules are read, and the legal dates used
MANIFEST.json          each file with its SHA-256, and count and head of the record

HOW TO CHECK IT
Unpack it and run:  python3 verify.py
It needs Python 3.9 or later and nothing else. Whoever can change a file can also write a new list
and a new chain: so compare the SHA-256 of MANIFEST.json, or count and head of the record, with what
was noted elsewhere (on a printed page, in a message):  python3 verify.py --count N --head H

WHAT IT DOES NOT COVER
It shows what was on record, not that it is true or complete, and it is no statement that any law is
kept. It is no legal advice.
The record of incidents is not the log that Art. 26(6) of the EU AI Act asks for: that lies in the
exports, and with the vendors.
Settings, rules and registers are those of the moment it was made, not of every day of the period;
the record tells when they changed, as far as it was told.
{exports}{texts}A cell that begins like a formula has an apostrophe before it.
"""
