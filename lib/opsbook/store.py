"""A company's folder on disk: settings in, exports kept as they came, tables that can be rebuilt.

The only module that reads the inbox and writes tables. Files are written beside their place and
moved there, so a reader never meets half a table; two runs at once wait for each other.
"""

import hashlib
import json
import os
import shutil
import tomllib
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd
from filelock import FileLock
from pydantic import ValidationError

from opsbook import __version__
from opsbook.calls import canonical, with_bills
from opsbook.coverage import covered
from opsbook.errors import ExportError, SettingsError
from opsbook.exports import Reader, Reading
from opsbook.exports.reading import Rows, read_rows
from opsbook.exports.readers import reader_for
from opsbook.schema import BILLS, CALLS, COVERAGE, FILES, QUARANTINE, Table
from opsbook.settings import Settings

KINDS = (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".xlsx", ".gz", ".txt")
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
        """The folder at a path."""
        return cls(Path(path))

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
    company = _toml(folder.path / "settings" / "company.toml")
    workflows = _toml(folder.path / "settings" / "workflows.toml")
    limits = folder.path / "settings" / "limits.toml"
    parts = {"company": company.get("company", {}), "workflows": workflows.get("workflows", [])}
    try:
        return Settings(**parts, limits=_toml(limits) if limits.exists() else {})
    except ValidationError as problem:
        raise SettingsError(_settings_message(folder, problem)) from problem


def _toml(path: Path) -> dict:
    if not path.exists():
        raise SettingsError(f"{path} is missing; data/demo/settings/{path.name} is an example.")
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except tomllib.TOMLDecodeError as problem:
        raise SettingsError(f"{path} is not TOML: {problem}") from problem


def _settings_message(folder: Folder, problem: ValidationError) -> str:
    """Each problem as a line: file, key, what was found, what is expected."""
    lines = []
    for error in problem.errors():
        part, *keys = [str(k) for k in error["loc"]] or ["settings"]
        file = folder.path / "settings" / f"{part}.toml"
        found = "" if error["type"] == "missing" else f", found {error['input']!r}"
        message = "is missing" if error["type"] == "missing" else error["msg"]
        lines.append(f"{file}: {'.'.join(keys) or part} {message}{found}{_example(part, keys)}")
    return "\n".join(lines)


def _example(part: str, keys: list[str]) -> str:
    """The example that the settings declare for a key."""
    definitions = Settings.model_json_schema()["$defs"]
    name = {"company": "Company", "workflows": "Workflow", "limits": "Limits"}.get(part, "")
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
    a file that is still being written is left for the next run.
    """
    folder.tables.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.tables / ".lock"):
        _forget_if_changed(folder, settings)
        files = read_table(folder, FILES)
        for path in waiting(folder):
            if path.is_relative_to(folder.path / "exports") and path.name[:16] in set(
                files.file_id
            ):
                continue
            content = _settled(path)
            file_id = hashlib.sha256(content or b"").hexdigest()[:16]
            if content is None or file_id in set(files.file_id):
                continue
            row = _take(folder, path.name.removeprefix(f"{file_id}-"), file_id, content, settings)
            files = FILES.conform(pd.concat([files, pd.DataFrame([row])], ignore_index=True))
        if len(files) != len(read_table(folder, FILES)):
            _join_bills(folder)
            write_table(folder, FILES, files)
        return Ingested(_present(folder, files))


def waiting(folder: Folder) -> list[Path]:
    """Files in the inbox by name, without notes to people and editors' traces, then kept exports."""
    found = sorted(folder.inbox.rglob("*")) if folder.inbox.is_dir() else []
    dropped = [p for p in found if p.is_file() and not p.name.startswith((".", "~", "README"))]
    return dropped + sorted((folder.path / "exports").glob("*/*-*"))


def _settled(path: Path) -> bytes | None:
    """A file's bytes; None while somebody still writes it."""
    before = path.stat()
    content = path.read_bytes()
    after = path.stat()
    same = (before.st_size, before.st_mtime_ns) == (after.st_size, after.st_mtime_ns)
    return content if same else None


def _present(folder: Folder, files: pd.DataFrame) -> pd.DataFrame:
    """The files by name; one that no reader took and that has left the inbox is forgotten."""
    lying = {p.name for p in waiting(folder)}
    kept = files.state.isin(["loaded", "empty"]) | files.file.isin(lying)
    return files[kept].sort_values("file", ignore_index=True)


def _take(folder: Folder, name: str, file_id: str, content: bytes, settings: Settings) -> dict:
    """One file read, checked and saved; its FILES row."""
    row = {"file_id": file_id, "file": _plain_name(name), "state": "empty", "rows_in": 0}
    row |= {"loaded": 0, "known": 0, "quarantined": 0}
    if not content.strip():
        return row | {
            "problem": "The file is empty (0 bytes). Export it again if it should not be."
        }
    try:
        rows = read_rows(content)
    except ExportError as problem:
        return row | {"state": "unreadable", "problem": f"The file {problem}."}
    reader = reader_for(rows.header)
    row |= {"header": ", ".join(rows.header)[:2000], "rows_in": rows.count}
    if reader is None:
        return row | {"state": "unknown", "problem": _unknown(rows)}
    return row | _load(folder, row["file"], file_id, content, rows, reader, settings)


def _plain_name(name: str) -> str:
    return "".join(c if c.isprintable() else "�" for c in name)[:200]


def _unknown(rows: Rows) -> str:
    seen = ", ".join(rows.header[:6]) or "nothing"
    return (
        f"No reader knows this header ({seen}, ...). Export it in one of the formats named below, "
        "copy its rows into the template, or move it out of the inbox."
    )


def _load(
    folder: Folder,
    name: str,
    file_id: str,
    content: bytes,
    rows: Rows,
    reader: Reader,
    settings: Settings,
) -> dict:
    """A recognised file's rows into the tables, each once; what its FILES row says of it."""
    reading = reader.read(rows, settings.company.zone)
    calls = canonical(reading.calls, reader.source, file_id, settings)
    bills = _bills(reading, reader.source, file_id)
    new_calls = calls[~calls.row_key.isin(_known_keys(folder, "calls", reader.source))]
    new_bills = bills[~bills.row_key.isin(_known_keys(folder, "bills", reader.source))]
    spans = _coverage(reading, calls, reader.source, settings).assign(file_id=file_id)
    set_aside = reading.quarantine.assign(file_id=file_id, file=name)
    saved = {"calls": new_calls, "bills": new_bills, "coverage": spans, "quarantine": set_aside}
    for part, frame in saved.items():
        if len(frame):
            _write(PARTS[part].conform(frame), folder.tables / part / f"{file_id}.parquet")
    loaded = new_calls.row.nunique() + new_bills.row.nunique() + reading.empty_rows
    covers = spans.covered_from.min() if len(spans) else reading.covered_from
    until = spans.covered_to.max() if len(spans) else reading.covered_to
    month = f"{covers:%Y-%m}" if pd.notna(covers) else "undated"
    _keep(folder, name, file_id, month, content)
    return {
        "reader": reader.title,
        "state": "loaded" if len(calls) + len(bills) else "empty",
        "loaded": loaded,
        "quarantined": len(set_aside),
        "known": rows.count - loaded - len(set_aside),
        "covered_from": covers,
        "covered_to": until,
        "problem": "; ".join(reading.notices) or pd.NA,
    }


def _coverage(
    reading: Reading, calls: pd.DataFrame, source: str, settings: Settings
) -> pd.DataFrame:
    """What a file covers; bills alone cover no calls."""
    if len(reading.bills):
        return COVERAGE.empty()
    stated = (reading.covered_from, reading.covered_to)
    return covered(calls, source, settings, stated, reading.bucket_s, reading.has_status)


def _bills(reading: Reading, source: str, file_id: str) -> pd.DataFrame:
    if reading.bills.empty:
        return BILLS.empty()
    once = reading.bills.drop_duplicates("row_key").reset_index(drop=True)
    return BILLS.conform(once.assign(source=source, file_id=file_id))


def _known_keys(folder: Folder, part: str, source: str) -> set[str]:
    """The identities of a source's rows that are in the tables already."""
    if not list((folder.tables / part).glob("*.parquet")):
        return set()
    with duckdb.connect() as engine:
        stored = engine.read_parquet(str(folder.tables / part / "*.parquet"))
        keys = stored.filter(f"source = '{source}'").project("row_key").fetchall()
    return {k for (k,) in keys}


def _keep(folder: Folder, name: str, file_id: str, month: str, content: bytes) -> None:
    """The export as it came, read-only, by month and hash; it outlives the inbox."""
    if any((folder.path / "exports").glob(f"*/{file_id}-*")):
        return
    target = folder.path / "exports" / month / f"{file_id}-{name.replace('/', '_')}"
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(target.name + ".part")
    temporary.write_bytes(content)
    temporary.chmod(0o444)
    os.replace(temporary, target)


def read_table(folder: Folder, table: Table) -> pd.DataFrame:
    """A table of the folder, all its parts together; empty when there is none yet."""
    parts = sorted((folder.tables / table.name).glob("*.parquet"))
    if not parts:
        return table.empty()
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        return table.conform(engine.read_parquet([str(p) for p in parts]).df())


def write_table(folder: Folder, table: Table, frame: pd.DataFrame) -> None:
    """A table saved whole, in one part."""
    _write(frame, folder.tables / table.name / "all.parquet")


def calls_relation(folder: Folder, engine: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyRelation:
    """All calls in the tables, unread: what the folds of `panel` start from."""
    if list((folder.tables / "calls").glob("*.parquet")):
        return engine.read_parquet(str(folder.tables / "calls" / "*.parquet"))
    return engine.from_df(CALLS.empty())


def _write(frame: pd.DataFrame, path: Path) -> None:
    """A Parquet file, complete or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'")
        engine.from_df(frame).write_parquet(str(temporary), compression="zstd")
    os.replace(temporary, path)


def _join_bills(folder: Folder) -> None:
    """Give the calls of billed providers the vendor's own cost, whichever file came first."""
    bills = read_table(folder, BILLS)
    for source in bills.source.unique():
        parts = sorted((folder.tables / "calls").glob("*.parquet"))
        with duckdb.connect() as engine:
            engine.execute("SET TimeZone = 'UTC'")
            stored = engine.read_parquet([str(p) for p in parts]) if parts else None
            own = stored.filter(f"source = '{source}'").df() if stored else CALLS.empty()
        joined = with_bills(CALLS.conform(own), bills[bills.source == source])
        for file_id, frame in joined.groupby("file_id"):
            _write(frame, folder.tables / "calls" / f"{file_id}.parquet")


def _forget_if_changed(folder: Folder, settings: Settings) -> None:
    """Drop all tables when the settings or the library are not those they were made with."""
    made = hashlib.sha256(f"{__version__} {settings.model_dump_json()}".encode()).hexdigest()
    stamp = folder.tables / "made.json"
    if stamp.exists() and json.loads(stamp.read_text("utf-8")) == made:
        return
    for part in (*PARTS, FILES.name):
        shutil.rmtree(folder.tables / part, ignore_errors=True)
    stamp.write_text(json.dumps(made), "utf-8")
