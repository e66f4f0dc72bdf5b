"""The inbox: every file in it read once, its rows in the tables, each of them accounted for.

A file is copied out of the inbox before it is read, so that one that is still being written is left
for the next run. Accepted files are kept as they came; the tables can be made of them again.
"""

import hashlib
import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from importlib.metadata import version
from pathlib import Path

import pandas as pd
from filelock import FileLock, Timeout

from opsbook.errors import ExportError, TableError
from opsbook.exports.cells import masked
from opsbook.exports.reading import unpacked
from opsbook.loading import Loader
from opsbook.progress import bar
from opsbook.quarantine import Place, without_settled
from opsbook.schema import COVERAGE, FILES, QUARANTINE, Table
from opsbook.settings import Settings
from opsbook.store import PART, PARTS, Engine, Folder, engine_of, read_table, write_table

LOCKED_S = 60
FRESH_S, LOOK_AGAIN_S = 2, 0.2
"""A file changed within the last two seconds may still be growing."""
BLOCK = 1 << 22
MAKERS = (
    "schema", "settings", "prices", "calls", "coverage", "inbox", "loading", "corrections",
    "quarantine",
)  # fmt: skip
"""Modules the tables follow from; when one changes, the tables are made again."""
PACKAGES = ("genai-prices", "currencyconverter", "duckdb")


@dataclass(frozen=True)
class Ingested:
    """What an ingest found: FILES, one row per file that was in the inbox."""

    files: pd.DataFrame


@dataclass(frozen=True)
class Arrived:
    """A file out of the inbox: its name there, its hash, and when it came.

    `packed` is a copy as it came, `path` the same unpacked; `problem` says why it cannot be.
    """

    name: str
    file_id: str
    packed: Path
    path: Path
    moment: pd.Timestamp
    problem: str = ""


@dataclass(frozen=True)
class Taken:
    """What became of one file: its FILES row, what it covers, and the rows set aside."""

    row: dict
    coverage: pd.DataFrame = field(default_factory=COVERAGE.empty)
    quarantine: pd.DataFrame = field(default_factory=QUARANTINE.empty)
    settled: frozenset[Place] = frozenset()


def ingest(folder: Folder, settings: Settings) -> Ingested:
    """What became of every file in the inbox; new ones are loaded, known ones are not touched.

    An unknown file stays in the inbox with its header and what to do; a broken row is quarantined;
    a file that is still being written is left for the next run. An OpsbookError when another run
    holds the tables for longer than a minute.
    """
    folder.tables.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder.tables / ".lock", timeout=LOCKED_S), engine_of() as engine:
            return _ingest(folder, settings, engine)
    except Timeout as problem:
        raise TableError(
            f"{folder.tables} is held by another run for over {LOCKED_S} s. Wait for it to end."
        ) from problem


def _ingest(folder: Folder, settings: Settings, engine: Engine) -> Ingested:
    _forget_if_changed(folder, settings)
    before = read_table(folder, FILES)
    loader = Loader(folder, settings, engine, set(before.file_id))
    taken = []
    with tempfile.TemporaryDirectory(dir=folder.tables, prefix=".incoming-") as place:
        for arrived in _arrivals(folder, loader.files, Path(place)):
            taken.append(_take(arrived, loader))
            loader.files.add(arrived.file_id)
            _keep(folder, arrived, taken[-1].row)
    if taken:
        loader.join_bills()
        grown = {t.name: (t, _together(t, frames)) for t, frames in _grown(folder, before, taken)}
        places = {place for one in taken for place in one.settled}
        files, aside = without_settled(grown["files"][1], grown["quarantine"][1], places)
        for name, rows in {"quarantine": aside, "files": files}.items():
            grown[name] = (grown[name][0], rows)
        for table, rows in grown.values():
            write_table(folder, table, rows)
    return Ingested(_present(folder, read_table(folder, FILES)))


def _grown(
    folder: Folder, before: pd.DataFrame, taken: list[Taken]
) -> list[tuple[Table, list[pd.DataFrame]]]:
    """What the tables about files hold now; rows of files that no run finished are dropped."""
    whole = before.file_id
    coverage, quarantine = (
        rows[rows.file_id.isin(whole)]
        for rows in (read_table(folder, t) for t in (COVERAGE, QUARANTINE))
    )
    return [
        (COVERAGE, [coverage, *(t.coverage for t in taken)]),
        (QUARANTINE, [quarantine, *(t.quarantine for t in taken)]),
        (FILES, [before, FILES.conform(pd.DataFrame([t.row for t in taken]))]),
    ]


def _together(table: Table, frames: list[pd.DataFrame]) -> pd.DataFrame:
    some = [f for f in frames if len(f)]
    return table.conform(pd.concat(some, ignore_index=True)) if some else table.empty()


def waiting(folder: Folder) -> list[Path]:
    """Files in the inbox, oldest first, without notes to people and editors' traces; kept exports.

    What was taken once is kept, so the tables can be made again when the inbox is empty, in the
    order in which it came.
    """
    found = folder.inbox.rglob("*") if folder.inbox.is_dir() else []
    dropped = [p for p in found if p.is_file() and not p.name.startswith((".", "~", "README"))]
    kept = [p for p in (folder.path / "exports").glob("*/*-*") if not p.name.startswith(".")]
    return [*sorted(kept, key=_age), *sorted(dropped, key=lambda p: p.relative_to(folder.inbox))]


def _age(path: Path) -> tuple[int, str]:
    return _size(path)[1], path.name


def _arrivals(folder: Folder, files: set[str], place: Path) -> Iterator[Arrived]:
    """The files that are not among those taken, each copied to a place of its own."""
    seen = Seen(folder)
    for path, size in _sizes(folder, waiting(folder)).items():
        if _hash_in_name(folder, path) in files or files.issuperset(seen.of(path, size)):
            continue
        target = place / str(len(seen.found))
        target.mkdir()
        arrived = _copied(folder, path, size, target)
        if arrived is None:
            continue
        ids = []
        for one in _inside(arrived, target):
            ids.append(one.file_id)
            if one.file_id not in files:
                yield one
        seen.remember(path, size, ids)
        shutil.rmtree(target, ignore_errors=True)
    seen.save()


class Seen:
    """Which files of the inbox hold what, by name, size and time of change: none is read twice."""

    def __init__(self, folder: Folder) -> None:
        """What the last run saw; nothing if there was none."""
        self.path, self.inbox = folder.tables / "seen.json", folder.inbox
        self.before = json.loads(self.path.read_text("utf-8")) if self.path.exists() else {}
        self.found: dict[str, list] = {}

    def of(self, path: Path, size: tuple[int, int]) -> list[str]:
        """The hashes of what a file holds; one that no file has when it was not seen like this."""
        *state, ids = self.before.get(str(path), (None, None, ["new"]))
        if tuple(state) != size:
            return ["new"]
        self.found[str(path)] = [*size, ids]
        return ids

    def remember(self, path: Path, size: tuple[int, int], ids: list[str]) -> None:
        """A file holds these."""
        self.found[str(path)] = [*size, ids]

    def save(self) -> None:
        """Write what this run saw beside the tables."""
        if self.found != self.before:
            self.path.write_text(json.dumps(self.found), "utf-8")


def _hash_in_name(folder: Folder, path: Path) -> str:
    """The hash that a kept export bears in its name; nothing for a file in the inbox."""
    return path.name[:16] if path.is_relative_to(folder.path / "exports") else ""


def _sizes(folder: Folder, paths: list[Path]) -> dict[Path, tuple[int, int]]:
    """Each file's size and time of change, taken a moment ago if one has just been dropped."""
    found = {path: _size(path) for path in paths}
    dropped = [changed for path, (_, changed) in found.items() if not _hash_in_name(folder, path)]
    if abs(time.time() - max(dropped, default=0) / 1e9) < FRESH_S:
        time.sleep(LOOK_AGAIN_S)
    return found


def _size(path: Path) -> tuple[int, int]:
    try:
        state = path.stat()
    except FileNotFoundError:
        return 0, 0
    return state.st_size, state.st_mtime_ns


def _copied(folder: Folder, path: Path, size: tuple[int, int], place: Path) -> Arrived | None:
    """A copy of a file; None while somebody still writes it, or when it has just gone."""
    copy = place / "as-it-came"
    try:
        digest = _duplicate(path, copy)
    except FileNotFoundError:
        return None
    if _size(path) != size:
        return None
    known = _hash_in_name(folder, path)
    moment = pd.Timestamp(size[1], unit="ns", tz="UTC") if known else pd.Timestamp.now("UTC")
    name = _plain_name(path.name.removeprefix(f"{known}-") if known else path.name)
    return Arrived(name, known or digest, copy, copy, moment.floor("us"))


def _duplicate(path: Path, copy: Path) -> str:
    """The hash of a file's bytes, as `_hash` gives it, after copying them in the same reading."""
    digest = hashlib.sha256()
    with path.open("rb") as source, copy.open("wb") as target:
        while block := source.read(BLOCK):
            digest.update(block)
            target.write(block)
    return digest.hexdigest()[:16]


def _hash(path: Path) -> str:
    """The first 16 hex digits of the SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:16]


def _inside(arrived: Arrived, place: Path) -> Iterator[Arrived]:
    """The file unpacked, or each file that an archive holds, as a file of its own."""
    try:
        inside = unpacked(arrived.packed, place)
    except ExportError as problem:
        yield replace(arrived, problem=f"The file {problem}.")
        return
    for name, path in inside.items():
        label = f"{arrived.name}/{_plain_name(name)}"
        own = {"name": label, "file_id": _hash(path), "packed": path} if name else {}
        yield replace(arrived, path=path, **own)


def _take(arrived: Arrived, loader: Loader) -> Taken:
    """One file read and loaded, or what is wrong with it."""
    row = {"file_id": arrived.file_id, "file": arrived.name, "state": "empty", "rows_in": 0}
    row |= {"loaded": 0, "known": 0, "quarantined": 0, "corrected": 0}
    if arrived.problem:
        return Taken(row | {"state": "unreadable", "problem": arrived.problem})
    if _blank(arrived.path):
        problem = "The file is empty (0 bytes). Export it again if it should not be."
        return Taken(row | {"problem": problem})
    try:
        return _read(arrived, row, loader)
    except ExportError as problem:
        return Taken(row | {"state": "unreadable", "problem": f"The file {problem}."})
    except (OSError, MemoryError):
        raise
    except Exception as problem:  # hostile bytes must not stop the other files
        return Taken(row | {"state": "unreadable", "problem": _unforeseen(problem)})


def _blank(path: Path) -> bool:
    with path.open("rb") as file:
        return not file.read(BLOCK).strip() and not file.read(1)


def _unforeseen(problem: Exception) -> str:
    """What is said of a file that no reader could cope with; nothing of it was loaded."""
    said = masked(f"{type(problem).__name__}: {problem}")[:300]
    return (
        f"The file could not be read ({said}). Export it again; if that does not help, report it "
        "with its header line."
    )


def _read(arrived: Arrived, row: dict, loader: Loader) -> Taken:
    """A file's rows in the tables, if a reader knows its header."""
    with bar(loader.engine, arrived.name, arrived.path):
        loaded = loader.load(arrived.path, arrived.file_id, arrived.moment, arrived.name)
    row = row | {"header": masked(", ".join(loaded.header))[:2000]}
    if loaded.reader is None:
        return Taken(row | {"state": "unknown", "problem": _unknown(loaded.header)})
    named = {"file_id": arrived.file_id, "file": arrived.name}
    return Taken(
        row | {"reader": loaded.reader.title} | loaded.counts,
        coverage=loaded.coverage.assign(file_id=arrived.file_id),
        quarantine=QUARANTINE.conform(loaded.quarantine.assign(**named)),
        settled=loaded.settled,
    )


def _plain_name(name: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in name)[:200]


def _unknown(header: tuple[str, ...]) -> str:
    seen = masked(", ".join(header[:6]))[:200] or "nothing"
    return (
        f"No reader knows this header ({seen}, ...). Export it in one of the formats named below, "
        "copy its rows into the template, say what its columns mean with `opsbook map`, or move it "
        "out of the inbox."
    )


def _keep(folder: Folder, arrived: Arrived, row: dict) -> None:
    """The export as it came, read-only, by month and hash; it outlives the inbox."""
    kept = folder.path / "exports"
    if not row.get("reader") or any(kept.glob(f"*/{arrived.file_id}-*")):
        return
    covers = row.get("covered_from")
    month = f"{covers:%Y-%m}" if pd.notna(covers) else "undated"
    target = kept / month / f"{arrived.file_id}-{arrived.name.replace('/', '_')}"
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{arrived.file_id}{PART}")
    shutil.move(arrived.packed, temporary)
    temporary.chmod(0o444)
    temporary.replace(target)


def _present(folder: Folder, files: pd.DataFrame) -> pd.DataFrame:
    """The files by name; one that no reader took and that has left the inbox is forgotten."""
    lying = {_plain_name(p.name) for p in waiting(folder)}
    kept = files.state.isin(["loaded", "empty", "known"]) & files.reader.notna()
    there = files.file.str.split("/").str[0].isin(lying)
    return files[kept | there].sort_values("file", ignore_index=True)


def _forget_if_changed(folder: Folder, settings: Settings) -> None:
    """Drop all tables when the settings or the library are not those they were made with."""
    made = _made_with(settings)
    stamp = folder.tables / "made.json"
    if stamp.exists() and json.loads(stamp.read_text("utf-8")) == made:
        return
    for part in (*PARTS, FILES.name):
        shutil.rmtree(folder.tables / part, ignore_errors=True)
    (folder.tables / "seen.json").unlink(missing_ok=True)
    stamp.write_text(json.dumps(made), "utf-8")


def _made_with(settings: Settings) -> str:
    """A hash of all that the tables follow from besides the exports."""
    library = Path(__file__).parent
    sources = [*(library / "exports").glob("*.*"), *(library / f"{m}.py" for m in MAKERS)]
    made = hashlib.sha256(settings.model_dump_json().encode())
    for path in sorted(s for s in sources if s.suffix in (".py", ".sql")):
        made.update(path.read_bytes())
    for package in PACKAGES:
        made.update(version(package).encode())
    return made.hexdigest()
