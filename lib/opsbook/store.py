"""A company's folder on disk: settings in, exports kept as they came, tables that can be rebuilt.

Tables are written beside their place and moved there, so a reader never meets half a table.
"""

import json
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pandas as pd
from pydantic import ValidationError

from opsbook.errors import SettingsError
from opsbook.schema import BILLS, CALLS, COVERAGE, EXECUTIONS, QUARANTINE, SQL, Table
from opsbook.settings import Part, Settings

PART = ".part"
Engine = duckdb.DuckDBPyConnection
SECTIONS = {
    "company": "[company]",
    "workflows": "[[workflows]]",
    "limits": "[limits]",
    "channels": "[[channels]]",
    "mappings": "[[mapping]]",
    "aliases": "[[aliases]]",
    "prices": "[[prices]]",
    "corrections": "[[corrections]]",
}
"""The settings' files and the heading that each has."""
NAMES = {
    "company": "Company", "workflows": "Workflow", "channels": "Channel", "mappings": "Mapping",
    "aliases": "Alias", "prices": "Price", "corrections": "Correction",
}  # fmt: skip
OPTIONAL = ("limits", "channels", "mappings", "aliases", "prices", "corrections")
WITHOUT_PLACE = "workflows"
"""Where a problem lies that names no key: what the settings check as a whole are workflows."""
PARTS = {
    "calls": CALLS,
    "bills": BILLS,
    "executions": EXECUTIONS,
    "coverage": COVERAGE,
    "quarantine": QUARANTINE,
}


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

    def settings_of(self, part: str) -> Path:
        """The file of a part of the settings; corrections lie beside the exports they speak of."""
        return self.path / ("" if part == "corrections" else "settings") / f"{part}.toml"

    @property
    def tables(self) -> Path:
        """What can be rebuilt from the exports."""
        return self.path / "tables"


def load_settings(folder: Folder) -> Settings:
    """The company's settings; SettingsError names the file, the key and an example."""
    parts = {part: _section(folder.settings_of(part), part) for part in SECTIONS}
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
        file = folder.settings_of(part)
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


def read_table(folder: Folder, table: Table) -> pd.DataFrame:
    """A table of the folder, all its parts together; empty when there is none yet."""
    parts = sorted((folder.tables / table.name).glob("*.parquet"))
    with engine_of() as engine:
        return table.conform(parts_relation(engine, table, parts).df())


def write_table(folder: Folder, table: Table, frame: pd.DataFrame) -> None:
    """A table saved whole, in one part."""
    with engine_of() as engine:
        write(engine, table, frame, folder.tables / table.name / "all.parquet")


def calls_relation(folder: Folder, engine: Engine) -> duckdb.DuckDBPyRelation:
    """All calls in the tables, unread: what the folds of `panel` start from."""
    return parts_relation(engine, CALLS, sorted((folder.tables / CALLS.name).glob("*.parquet")))


def parts_relation(engine: Engine, table: Table, paths: Sequence[Path]) -> duckdb.DuckDBPyRelation:
    """Parts of a table as one, unread.

    A part whose rows bear a number below zero lies in its file's order, from that number on.
    """
    if not paths:
        return engine.from_df(table.empty())
    row = 'CASE WHEN "row" < 0 THEN file_row_number - "row" ELSE "row" END AS "row"'
    columns = (row if name == "row" else f'"{name}"' for name in table.columns)
    parts = engine.read_parquet([str(p) for p in paths], file_row_number=True)
    return parts.project(", ".join(columns))


def engine_of() -> Engine:
    """DuckDB, in memory, with its clock in UTC."""
    engine = duckdb.connect()
    engine.execute("SET TimeZone = 'UTC'")
    return engine


def write(engine: Engine, table: Table, frame: pd.DataFrame, path: Path) -> None:
    """A table's rows as a Parquet file, complete or not there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(".part")
    typed = (f'"{name}"::{SQL[column.dtype]} AS "{name}"' for name, column in table.columns.items())
    rows = engine.from_df(frame).project(", ".join(typed))
    rows.write_parquet(str(temporary), compression="zstd")
    temporary.replace(path)
