"""A company's folder on disk: settings in, exports kept as they came, tables that can be rebuilt.

The only module that reads the inbox and writes tables. Files are written beside their place and
moved there, so a reader never meets half a table; two runs at once wait for each other.
"""

import hashlib
import json
import shutil
import time
import tomllib
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

import duckdb
import pandas as pd
from filelock import FileLock, Timeout
from pydantic import ValidationError

from opsbook.coverage import covered
from opsbook.errors import ExportError, SettingsError, TableError
from opsbook.exports import Reader, Reading
from opsbook.exports.readers import reader_for
from opsbook.exports.reading import Rows, masked, read_rows
from opsbook.schema import BILLS, CALLS, COVERAGE, FILES, QUARANTINE, Table
from opsbook.settings import Part, Settings

LOCKED_S = 60
FRESH_S, LOOK_AGAIN_S = 2, 0.2
"""A file changed within the last two seconds may still be growing."""
MONTH_FIRST = "en_US"
PART = ".part"
Engine = duckdb.DuckDBPyConnection
MAKERS = ("schema", "settings", "prices", "calls", "coverage", "store")
"""Modules the tables follow from; when one changes, the tables are made again."""
SECTIONS = {
    "company": "[company]",
    "workflows": "[[workflows]]",
    "limits": "[limits]",
    "channels": "[[channels]]",
    "mappings": "[[mapping]]",
}
"""The settings' files and the heading that each has."""
NAMES = {
    "company": "Company", "workflows": "Workflow", "channels": "Channel", "mappings": "Mapping",
}  # fmt: skip
OPTIONAL = ("limits", "channels", "mappings")
WITHOUT_PLACE = "workflows"
"""Where a problem lies that names no key: what the settings check as a whole are workflows."""
PARTS = {"calls": CALLS, "bills": BILLS, "coverage": COVERAGE, "quarantine": QUARANTINE}


@dataclass(frozen=True)
class Folder:
    """Where one company's things lie."""

    path: Path

    def __post_init__(self) -> None:
        """Refuse a folder that is none of a company."""
        if not (self.path / "settings").is_dir():
            raise SettingsError(
                f"{self.path}/settings is missing; expected a company's folder like data/demo. "
                "Name it with DATA=data/<company>."
            )

    @classmethod
    def at(cls, path: str | Path) -> "Folder":
        """The folder at a path, from here or from a folder above: a notebook runs in its own."""
        tops = (Path(), *Path.cwd().parents)
        return cls(next((t / path for t in tops if (t / path).is_dir()), Path(path)))

    @property
    def inbox(self) -> Path:
        """Where people drop exports."""
        return self.path / "inbox"

    @property
    def tables(self) -> Path:
        """What can be rebuilt from the exports."""
        return self.path / "tables"


@dataclass(frozen=True)
class Ingested:
    """What an ingest found: FILES, one row per file that was in the inbox."""

    files: pd.DataFrame


def load_settings(folder: Folder) -> Settings:
    """The company's settings; SettingsError names the file, the key and an example."""
    parts = {part: _section(folder.path / "settings" / f"{part}.toml", part) for part in SECTIONS}
    try:
        return Settings(**{part: found for part, found in parts.items() if found is not None})
    except ValidationError as problem:
        raise SettingsError(_settings_message(folder, problem)) from problem


def _section(path: Path, part: str) -> object | None:
    """What stands under a file's one heading; None for a file that may be missing and is."""
    head = SECTIONS[part]
    if not path.exists():
        if part in OPTIONAL:
            return None
        raise SettingsError(f"{path} is missing; data/demo/settings/{path.name} is an example.")
    try:
        text = path.read_text("utf-8-sig")
        found = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as problem:
        raise SettingsError(f"{path} is not TOML: {problem}") from problem
    key = head.strip("[]")
    strange = next((k for k in found if k != key), None)
    if strange is not None:
        raise SettingsError(f"{path}: {strange} stands outside of {head}; move it below that line.")
    if not found and text.strip() and head.startswith("[["):
        return []  # comments alone: there are none of them yet
    if key not in found:
        raise SettingsError(f"{path}: {head} is missing; data/demo/settings has an example.")
    return found[key]


def _settings_message(folder: Folder, problem: ValidationError) -> str:
    """Each problem as a line: file, key, what was found, what is expected."""
    lines = []
    for error in problem.errors():
        part, *keys = [str(k) for k in error["loc"]] or [WITHOUT_PLACE]
        file = folder.path / "settings" / f"{part}.toml"
        plain = error["type"] != "missing" and not isinstance(error["input"], dict | list | Part)
        plain = plain and part != "channels"  # what stands there by mistake may be a secret
        found = f", found {error['input']!r}" if plain else ""
        message = "is missing" if error["type"] == "missing" else error["msg"]
        entry = f"entry {int(keys[0]) + 1}: " if keys and keys[0].isdigit() else ""
        key = entry + "".join(f"{k} " for k in [".".join(keys[bool(entry) :])] if k)
        lines.append(f"{file}: {key}{message}{found}{_example(part, keys)}")
    return "\n".join(lines)


def _example(part: str, keys: list[str]) -> str:
    """The example that the settings declare for a key."""
    definitions = Settings.model_json_schema()["$defs"]
    name = NAMES.get(part, "")
    known = definitions.get(name, {}).get("properties", {})
    field = next((known[k] for k in reversed(keys) if k in known), {})
    key = next((k for k in reversed(keys) if k in known), "")
    examples = field.get("examples")
    return f"; an example: {key} = {_toml_text(examples[0])}" if examples else ""


def _toml_text(example: str) -> str:
    return example if example[:1] in "[{" else json.dumps(example)


def ingest(folder: Folder, settings: Settings) -> Ingested:
    """What became of every file in the inbox; new ones are loaded, known ones are not touched.

    An unknown file stays in the inbox with its header and what to do; a broken row is quarantined;
    a file that is still being written is left for the next run. An OpsbookError when another run
    holds the tables for longer than a minute.
    """
    folder.tables.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder.tables / ".lock", timeout=LOCKED_S), _engine() as engine:
            return _ingest(folder, settings, engine)
    except Timeout as problem:
        raise TableError(
            f"{folder.tables} is held by another run for over {LOCKED_S} s. Wait for it to end."
        ) from problem


def _ingest(folder: Folder, settings: Settings, engine: Engine) -> Ingested:
    _forget_if_changed(folder, settings)
    taken_before = read_table(folder, FILES)
    files = set(taken_before.file_id)
    tables = {"files": [taken_before]}
    for table in (COVERAGE, QUARANTINE):
        stored = read_table(folder, table)
        tables[table.name] = [stored[stored.file_id.isin(files)]]
    known, lying = Known(folder, files, engine), _sizes(folder, waiting(folder))
    for path, size in lying.items():
        content = _settled(path, size) if _hash_in_name(folder, path) not in files else None
        file_id = hashlib.sha256(content or b"").hexdigest()[:16]
        if content is None or file_id in files:
            continue
        arrived = Arrived(_plain_name(path.name.removeprefix(f"{file_id}-")), file_id, content)
        taken = _take(arrived, settings, _moment(folder, file_id))
        row = _save(folder, taken, known, engine)
        files.add(file_id)
        tables["files"].append(pd.DataFrame([row]))
        tables["coverage"].append(taken.coverage)
        tables["quarantine"].append(taken.quarantine)
    if len(tables["files"]) > 1:
        _join_bills(folder, engine)
        for table in (COVERAGE, QUARANTINE, FILES):
            write_table(folder, table, _together(table, tables[table.name]))
    return Ingested(_present(folder, read_table(folder, FILES)))


def _together(table: Table, frames: list[pd.DataFrame]) -> pd.DataFrame:
    some = [f for f in frames if len(f)]
    return table.conform(pd.concat(some, ignore_index=True)) if some else table.empty()


def waiting(folder: Folder) -> list[Path]:
    """Files in the inbox by name, without notes to people and editors' traces, then kept exports.

    What was taken once is kept, so the tables can be made again when the inbox is empty.
    """
    found = sorted(folder.inbox.rglob("*")) if folder.inbox.is_dir() else []
    dropped = [p for p in found if p.is_file() and not p.name.startswith((".", "~", "README"))]
    kept = sorted((folder.path / "exports").glob("*/*-*"))
    return dropped + [p for p in kept if p.suffix != PART]


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


def _settled(path: Path, size: tuple[int, int]) -> bytes | None:
    """A file's bytes; None while somebody still writes it, or when it has just gone."""
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    return content if _size(path) == size else None


def _moment(folder: Folder, file_id: str) -> pd.Timestamp:
    """When an export arrived: when it was kept, else now."""
    kept = next((folder.path / "exports").glob(f"*/{file_id}-*"), None)
    if kept is None:
        return pd.Timestamp.now("UTC")
    return pd.Timestamp(kept.stat().st_mtime, unit="s", tz="UTC")


def _present(folder: Folder, files: pd.DataFrame) -> pd.DataFrame:
    """The files by name; one that no reader took and that has left the inbox is forgotten."""
    lying = {_plain_name(p.name) for p in waiting(folder)}
    kept = files.state.isin(["loaded", "empty", "known"]) & files.reader.notna()
    return files[kept | files.file.isin(lying)].sort_values("file", ignore_index=True)


@dataclass(frozen=True)
class Arrived:
    """A file as it lies in the inbox."""

    name: str
    file_id: str
    content: bytes


@dataclass(frozen=True)
class Taken:
    """What one file holds, as tables; `row` is its FILES row, still without loaded and known."""

    arrived: Arrived
    row: dict
    source: str = ""
    calls: pd.DataFrame = field(default_factory=CALLS.empty)
    bills: pd.DataFrame = field(default_factory=BILLS.empty)
    coverage: pd.DataFrame = field(default_factory=COVERAGE.empty)
    quarantine: pd.DataFrame = field(default_factory=QUARANTINE.empty)
    empty_rows: int = 0


class Known:
    """The identities of rows that are in the tables, per part and source, read once per run."""

    parts = ("calls", "bills")

    def __init__(self, folder: Folder, files: set[str], engine: Engine) -> None:
        """`files` are those taken whole; what a broken run left of others is written again."""
        self.folder, self.files, self.engine = folder, files, engine
        self.keys: dict[tuple[str, str], set[str]] = {}

    def of(self, part: str, source: str) -> set[str]:
        """The row keys of a source's calls or bills."""
        if (part, source) not in self.keys:
            self.keys[part, source] = self._stored(part, source)
        return self.keys[part, source]

    def _stored(self, part: str, source: str) -> set[str]:
        paths = sorted((self.folder.tables / part).glob("*.parquet"))
        whole = [str(p) for p in paths if p.stem in self.files]
        if not whole:
            return set()
        stored = self.engine.read_parquet(whole).filter(f"source = '{source}'")
        return {key for (key,) in stored.project("row_key").fetchall()}


def _take(arrived: Arrived, settings: Settings, moment: pd.Timestamp) -> Taken:
    """One file read and checked."""
    row = {"file_id": arrived.file_id, "file": arrived.name, "state": "empty", "rows_in": 0}
    row |= {"loaded": 0, "known": 0, "quarantined": 0}
    if not arrived.content.strip():
        problem = "The file is empty (0 bytes). Export it again if it should not be."
        return Taken(arrived, row | {"problem": problem})
    reader = None
    try:
        rows = read_rows(arrived.content, settings.company.locale == MONTH_FIRST)
        reader = reader_for(rows.header)
        row |= {"header": masked(", ".join(rows.header))[:2000]}
        if reader is None:
            return Taken(arrived, row | {"state": "unknown", "problem": _unknown(rows)})
        return _read(arrived, row, rows, reader, settings, moment)
    except ExportError as problem:
        return Taken(arrived, row | {"state": "unreadable", "problem": f"The file {problem}."})
    except Exception as problem:  # hostile bytes must not stop the other files
        return Taken(arrived, row | {"state": "unreadable"} | _unforeseen(reader, problem))


def _unforeseen(reader: Reader | None, problem: Exception) -> dict:
    """What is said of a file that a reader could not cope with; nothing of it was loaded."""
    said = masked(f"{type(problem).__name__}: {problem}")[:300]
    who = reader.title if reader else "no reader"
    return {
        "rows_in": 0,
        "reader": reader.title if reader else pd.NA,
        "problem": f"The file could not be read as {who} ({said}). Export it again; if that does "
        "not help, report it with its header line.",
    }


def _plain_name(name: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in name)[:200]


def _unknown(rows: Rows) -> str:
    seen = masked(", ".join(rows.header[:6]))[:200] or "nothing"
    return (
        f"No reader knows this header ({seen}, ...). Export it in one of the formats named below, "
        "copy its rows into the template, or move it out of the inbox."
    )


def _read(
    arrived: Arrived,
    row: dict,
    rows: Rows,
    reader: Reader,
    settings: Settings,
    moment: pd.Timestamp,
) -> Taken:
    """A recognised file's rows as tables."""
    from opsbook.calls import canonical  # prices are slow to import; most runs find nothing new

    until = pd.Timestamp(settings.company.now or moment).tz_convert("UTC")
    reading = reader.read(rows, settings.company.zone).closed(until)
    calls = canonical(reading.calls, reader.source, arrived.file_id, settings)
    spans = _coverage(reading, calls, reader.source, settings, until)
    covers = spans.covered_from.min() if len(spans) else reading.covered_from
    to = spans.covered_to.max() if len(spans) else reading.covered_to
    named = {"file_id": arrived.file_id, "file": arrived.name}
    return Taken(
        arrived,
        row
        | {"rows_in": rows.count, "reader": reader.title, "covered_from": covers, "covered_to": to}
        | {"problem": "; ".join(reading.notices) or pd.NA},
        source=reader.source,
        calls=calls,
        bills=_bills(reading, reader.source, arrived.file_id),
        coverage=spans.assign(file_id=arrived.file_id),
        quarantine=reading.quarantine.assign(**named),
        empty_rows=reading.empty_rows,
    )


def _save(folder: Folder, taken: Taken, known: Known, engine: Engine) -> dict:
    """Keep an accepted export and write the rows it brings; its FILES row, each row counted."""
    if not taken.source:
        return taken.row
    new = {p: _unknown_rows(getattr(taken, p), known.of(p, taken.source)) for p in known.parts}
    for part, frame in new.items():
        known.of(part, taken.source).update(frame.row_key)
        if len(frame):
            _write(engine, frame, folder.tables / part / f"{taken.arrived.file_id}.parquet")
    _keep(folder, taken.arrived, taken.row["covered_from"])
    brought = len(set().union(*(frame.row for frame in new.values())))
    state = "loaded" if brought else "known" if len(taken.calls) + len(taken.bills) else "empty"
    loaded, aside = brought + taken.empty_rows, len(taken.quarantine)
    counts = {"loaded": loaded, "quarantined": aside, "state": state}
    return taken.row | counts | {"known": taken.row["rows_in"] - loaded - aside}


def _unknown_rows(frame: pd.DataFrame, keys: set[str]) -> pd.DataFrame:
    return frame[~frame.row_key.isin(keys)]


def _coverage(
    reading: Reading,
    calls: pd.DataFrame,
    source: str,
    settings: Settings,
    until: pd.Timestamp,
) -> pd.DataFrame:
    """What a file covers; bills alone cover no calls."""
    if len(reading.bills):
        return COVERAGE.empty()
    stated = (reading.covered_from, reading.covered_to)
    return covered(calls, source, settings, stated, reading.bucket_s, reading.has_status, until)


def _bills(reading: Reading, source: str, file_id: str) -> pd.DataFrame:
    if reading.bills.empty:
        return BILLS.empty()
    once = reading.bills.drop_duplicates("row_key").reset_index(drop=True)
    return BILLS.conform(once.assign(source=source, file_id=file_id))


def _keep(folder: Folder, arrived: Arrived, covers: pd.Timestamp | None) -> None:
    """The export as it came, read-only, by month and hash; it outlives the inbox."""
    if any((folder.path / "exports").glob(f"*/{arrived.file_id}-*")):
        return
    month = f"{covers:%Y-%m}" if pd.notna(covers) else "undated"
    name = f"{arrived.file_id}-{arrived.name.replace('/', '_')}"
    target = folder.path / "exports" / month / name
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f"{arrived.file_id}{PART}")
    temporary.write_bytes(arrived.content)
    temporary.chmod(0o444)
    temporary.replace(target)


def read_table(folder: Folder, table: Table) -> pd.DataFrame:
    """A table of the folder, all its parts together; empty when there is none yet."""
    parts = sorted((folder.tables / table.name).glob("*.parquet"))
    if not parts:
        return table.empty()
    with _engine() as engine:
        return table.conform(engine.read_parquet([str(p) for p in parts]).df())


def write_table(folder: Folder, table: Table, frame: pd.DataFrame) -> None:
    """A table saved whole, in one part."""
    with _engine() as engine:
        _write(engine, frame, folder.tables / table.name / "all.parquet")


def calls_relation(folder: Folder, engine: Engine) -> duckdb.DuckDBPyRelation:
    """All calls in the tables, unread: what the folds of `panel` start from."""
    if list((folder.tables / "calls").glob("*.parquet")):
        return engine.read_parquet(str(folder.tables / "calls" / "*.parquet"))
    return engine.from_df(CALLS.empty())


def _engine() -> Engine:
    """DuckDB, in memory, with its clock in UTC."""
    engine = duckdb.connect()
    engine.execute("SET TimeZone = 'UTC'")
    return engine


def _write(engine: Engine, frame: pd.DataFrame, path: Path) -> None:
    """A Parquet file, complete or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    engine.from_df(frame).write_parquet(str(temporary), compression="zstd")
    temporary.replace(path)


def _join_bills(folder: Folder, engine: Engine) -> None:
    """Give the calls of billed providers the vendor's own cost, whichever file came first."""
    from opsbook.calls import with_bills

    bills = read_table(folder, BILLS)
    for source in bills.source.unique():
        parts = sorted((folder.tables / "calls").glob("*.parquet"))
        stored = engine.read_parquet([str(p) for p in parts]) if parts else None
        own = stored.filter(f"source = '{source}'").df() if stored else CALLS.empty()
        joined = with_bills(CALLS.conform(own), bills[bills.source == source])
        for file_id, frame in joined.groupby("file_id"):
            _write(engine, frame, folder.tables / "calls" / f"{file_id}.parquet")


def _forget_if_changed(folder: Folder, settings: Settings) -> None:
    """Drop all tables when the settings or the library are not those they were made with."""
    made = _made_with(settings)
    stamp = folder.tables / "made.json"
    if stamp.exists() and json.loads(stamp.read_text("utf-8")) == made:
        return
    for part in (*PARTS, FILES.name):
        shutil.rmtree(folder.tables / part, ignore_errors=True)
    stamp.write_text(json.dumps(made), "utf-8")


def _made_with(settings: Settings) -> str:
    """A hash of all that the tables follow from besides the exports."""
    library = Path(__file__).parent
    sources = [*(library / "exports").glob("*.py"), *(library / f"{m}.py" for m in MAKERS)]
    made = hashlib.sha256(settings.model_dump_json().encode())
    for path in sorted(sources):
        made.update(path.read_bytes())
    for package in ("genai-prices", "currencyconverter"):
        made.update(version(package).encode())
    return made.hexdigest()
