"""One file's rows into the tables: converted, told whose they are and what they cost, each once.

The thorough way gives every row its reason and knows what an earlier export said of it. A large
regular file of single calls goes in with one statement; if anything about what it wrote is odd, it
is dropped and the file goes the thorough way.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd
from duckdb import DuckDBPyRelation, Error

from opsbook.calls import canonical, homes, prices, rates, with_bills
from opsbook.corrections import bad_rows, change, corrections_of, notice
from opsbook.coverage import covered
from opsbook.errors import TableError
from opsbook.exports import Reader, Reading
from opsbook.exports.cells import define, literal
from opsbook.exports.conversion import (
    SHAPES,
    Converted,
    asked,
    at_once,
    convert,
    fields_of,
)
from opsbook.exports.readers import UNFOLDS, reader_for
from opsbook.exports.reading import Sheet, lying, numbered, read_sheet
from opsbook.quarantine import Place, aside_file, settled, write_aside
from opsbook.schema import BILLS, CALLS, COVERAGE, QUARANTINE
from opsbook.settings import Settings
from opsbook.store import PART, Engine, Folder, parts_relation, read_table, write

SAID = {
    "calls": ("ts", "requests", "status", "input_tokens", "cache_read_tokens",
        "cache_write_tokens", "output_tokens", "latency_ms", "quality"),
    "bills": ("period_start", "period_end", "amount", "currency"),
    "runs": ("started_at", "ended_at", "status", "tasks_done"),
}  # fmt: skip
"""What an export says of a row: a later one that says something else corrects it."""
SMALL = {
    "homes": "account VARCHAR, workflow VARCHAR",
    "prices": "provider VARCHAR, model VARCHAR, day DATE, day_number BIGINT,"
    " from_input_tokens BIGINT, to_input_tokens BIGINT, input DOUBLE, cache_read DOUBLE,"
    " cache_write DOUBLE, cache_write_1h DOUBLE, output DOUBLE, currency VARCHAR,"
    " cost_kind VARCHAR, price VARCHAR",
    "rates": "currency VARCHAR, day DATE, day_number BIGINT, fx_rate DOUBLE, fx_date TIMESTAMP",
}
"""What a file's rows are joined to; `calls` makes them."""
LARGE = 4_000_000
"""Bytes from which on a file is tried at once; a smaller one is read with care as quickly."""
SAMPLE = 20_000
"""Rows of a large file that tell whose its calls are and what they are to be priced with."""
DAYS_BEFORE = 400
"""How far before its first rows a large file may go back: the latest calls may come first."""
NO_RUNS = "SELECT NULL::VARCHAR AS account LIMIT 0"
WHEN = {"calls": "ts", "bills": "period_start", "runs": "started_at"}


@dataclass(frozen=True)
class Loaded:
    """What became of a file's rows: its header and reader, counts for FILES, coverage, quarantine.

    `reader` is None when none knows the header; nothing was loaded then. `settled` are rows of
    earlier files, set aside then, that this one puts right.
    """

    header: tuple[str, ...]
    reader: Reader | None = None
    counts: dict | None = None
    coverage: pd.DataFrame | None = None
    quarantine: pd.DataFrame | None = None
    settled: frozenset[Place] = frozenset()


@dataclass
class Loader:
    """What loading takes: the company's folder and settings, an engine, the files taken so far."""

    folder: Folder
    settings: Settings
    engine: Engine
    files: set[str]

    def __post_init__(self) -> None:
        """Teach the engine to read cells."""
        define(self.engine)
        # A small table is what is looked up, and the rare branch of a cell stays rare.
        self.engine.execute(
            "SET disabled_optimizers = 'build_side_probe_side,common_subexpressions'"
        )

    def load(self, path: Path, file_id: str, moment: pd.Timestamp, name: str = "") -> Loaded:
        """A file's rows in the tables; `moment` is when it came, `name` what people call it.

        A period that was not over then is left to a later export, which tells it whole.
        """
        until = pd.Timestamp(self.settings.company.now or moment).tz_convert("UTC")
        if path.stat().st_size >= LARGE and (loaded := self._at_once(path, file_id, until, name)):
            return loaded
        sheet = read_sheet(self.engine, path, UNFOLDS)
        reader = reader_for(sheet.header, self.settings.mappings)
        if reader is None:
            return Loaded(sheet.header)
        company = self.settings.company
        found = convert(self.engine, sheet, reader, company.zone, company.month_first)
        found = self._corrected(found, reader.source, name)
        path = aside_file(self.folder, name, file_id)
        write_aside(self.engine, sheet, path, file_id, set(found.quarantine.row))
        return self._enter(sheet, reader, found, file_id, until)

    def _corrected(self, found: Converted, source: str, name: str) -> Converted:
        """What a file holds once corrections.toml was followed; rows left out say nothing."""
        self.engine.execute('CREATE OR REPLACE TEMP TABLE left_out ("row" BIGINT)')
        notices, aside, bad = [], found.quarantine, 0
        for entry in corrections_of(self.settings, source, name):
            rows = self.engine.execute(change(entry[1])).df()["row"]
            hit = bad_rows(entry[1], aside.row)
            if entry[1].action == "leave out" and len(rows):
                self.engine.from_df(rows.to_frame()).insert_into("left_out")
            aside, bad, touched = aside[~hit], bad + hit.sum(), rows.nunique() + hit.sum()
            notices += [notice(entry, touched)] if touched else []
        still = " EXCEPT ".join(f'SELECT "row" FROM {t}' for t in ("left_out", *SHAPES))
        (left,) = self._row(f"SELECT count(*) FROM ({still})")
        return replace(
            found,
            empty_rows=found.empty_rows + left + int(bad),
            quarantine=aside,
            notices=(*found.notices, *notices),
        )

    def _at_once(self, path: Path, file_id: str, until: pd.Timestamp, name: str) -> Loaded | None:
        """A large file's calls written with one statement; None if anything about it is odd.

        Every row is a call that can be used and is new, and whose it is and what it cost is known.
        """
        target = self.folder.tables / CALLS.name / f"{file_id}.parquet"
        part = target.with_suffix(PART)
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            loaded = self._written(path, file_id, part, until, name)
        except Error:
            loaded = None
        if loaded:
            part.replace(target)
        part.unlink(missing_ok=True)
        return loaded

    def _written(
        self, path: Path, file_id: str, part: Path, until: pd.Timestamp, name: str
    ) -> Loaded | None:
        """What stands in a part that was written at once; None when a row of it is odd."""
        sheet, company = lying(self.engine, path), self.settings.company
        reader = reader_for(sheet.header, self.settings.mappings) if sheet else None
        if reader is None or corrections_of(self.settings, reader.source, name):
            return None
        wanted, header = asked(sheet, reader), sheet.header
        sheet = lying(self.engine, path, wanted.asked, wanted.numbers)
        fields = fields_of(self.engine, sheet, reader, company.zone, company.month_first)
        reading = reader.read(fields)
        whole = all(part.where == "true" for part in reading.calls)
        query = at_once(fields, reading, (sheet if whole else numbered(sheet)).source)
        if query is None:
            return None
        for name, rows in (("calls", f"{query} LIMIT {SAMPLE}"), ("runs", NO_RUNS)):
            self.engine.execute(f"CREATE OR REPLACE TEMP TABLE {name} AS {rows}")
        self._small_tables(reader.source, until)
        made = canonical(reader.source, file_id, f"({query})")
        self.engine.execute(f"COPY ({made}) TO {literal(str(part))} (FORMAT parquet)").fetchall()
        stored = f"read_parquet({literal(str(part))})"
        span = self._regular(stored, reader.source)
        if span is None:
            return None
        counts = f"(SELECT count(*) FROM {stored if whole else sheet.source})"
        rows_in, loaded = self._row(f"SELECT {counts}, (SELECT count(*) FROM {stored})")
        workflows = self.engine.execute(f"SELECT DISTINCT workflow FROM {stored}").fetchall()
        coverage = covered(
            span, [w for (w,) in workflows], reader.source, self.settings, until=until
        )
        notice = f"{rows_in - loaded:,} {reading.notice}" if reading.notice else ""
        counts = {
            "rows_in": rows_in,
            "loaded": rows_in,
            "state": "loaded" if loaded else "empty",
            "covered_from": coverage.covered_from.min(),
            "covered_to": coverage.covered_to.max(),
            "problem": notice if notice and rows_in > loaded else pd.NA,
        }
        return Loaded(header, reader, counts, coverage, QUARANTINE.empty())

    def _regular(self, rows: str, source: str) -> tuple[pd.Timestamp, pd.Timestamp] | None:
        """The first and last time of calls written at once; None when one of them is odd."""
        told = ("row_key", "workflow", "cost_kind", "DISTINCT hash(row_key)")
        count, *same, unknown, first, last = self._row(
            f"SELECT count(*), {', '.join(f'count({t})' for t in told)},"
            " count(*) FILTER (cost IS NOT NULL AND cost_eur IS NULL),"
            f" epoch_us(min(ts)), epoch_us(max(ts)) FROM {rows}"
        )
        if not count or unknown or set(same) != {count}:
            return None
        stored = self._stored("calls", source, rows)
        if stored is not None:
            stored.create_view("stored", replace=True)
            if self._row(f"SELECT count(*) FROM {rows} SEMI JOIN stored USING (row_key)")[0]:
                return None
        return _time(first), _time(last)

    def _row(self, query: str) -> tuple:
        return self.engine.execute(query).fetchall()[0]

    def _enter(
        self, sheet: Sheet, reader: Reader, found: Converted, file_id: str, until: pd.Timestamp
    ) -> Loaded:
        """The converted rows written, and what is to be said of them."""
        still, covered_to = self._left(until)
        self._small_tables(reader.source)
        coverage = self._coverage(reader, found, until, covered_to)
        brought, corrected = self._write(found.reading, reader.source, file_id)
        loaded = brought + found.empty_rows + still
        aside = len(found.quarantine)
        any_row = brought or loaded < found.rows_in - aside
        notices = [*found.notices, *([_left_out(still)] if still else [])]
        spans = coverage if len(coverage) else None
        counts = {
            "rows_in": found.rows_in,
            "loaded": loaded,
            "known": found.rows_in - loaded - aside,
            "quarantined": aside,
            "corrected": corrected,
            "state": "loaded" if brought else "known" if any_row else "empty",
            "covered_from": found.covered_from if spans is None else spans.covered_from.min(),
            "covered_to": found.covered_to if spans is None else spans.covered_to.max(),
            "problem": "; ".join(notices) or pd.NA,
        }
        right = frozenset(settled(self.engine, sheet))
        return Loaded(sheet.header, reader, counts, coverage, found.quarantine, right)

    def _left(self, until: pd.Timestamp) -> tuple[int, pd.Timestamp | None]:
        """Totals and bills of periods not over are dropped: how many rows, and since when."""
        at = f"TIMESTAMPTZ {literal(until.isoformat())}"
        ends = {
            "calls": ("ts", f"bucket_s > 0 AND ts + to_seconds(bucket_s) > {at}"),
            "bills": ("period_start", f"period_end > {at}"),
        }
        rows, begun = set(), []
        for name, (start, still) in ends.items():
            query = f'DELETE FROM {name} WHERE {still} RETURNING "row", epoch_us({start})'
            for row, micros in self.engine.execute(query).fetchall():
                rows.add(row)
                begun.append(micros)
        return len(rows), _time(min(begun, default=None))

    def _small_tables(self, source: str, until: pd.Timestamp | None = None) -> None:
        """homes, prices and rates of what the table calls holds.

        With `until`, calls is a sample: the days are those of a year before it and up to then.
        """
        accounts = "SELECT DISTINCT account FROM calls UNION SELECT account FROM runs"
        who = (
            "coalesce(provider, '') AS provider, coalesce(served_model, request_model, '') AS model"
        )
        unpriced = _by_day(who, "cost IS NULL", until)
        named = self.engine.execute(accounts).df().account
        self._table("homes", homes(named.tolist(), source, self.settings))
        places = self.engine.execute(unpriced).df()
        self._table("prices", prices(places, self.settings))
        billed = _by_day("currency", "currency IS NOT NULL", until)
        priced = "SELECT currency, day FROM prices WHERE currency IS NOT NULL"
        days = self.engine.execute(f"{billed} UNION {priced}").df()
        self._table("rates", rates(days, self.settings))

    def _table(self, name: str, frame: pd.DataFrame) -> None:
        self.engine.execute(f"CREATE OR REPLACE TEMP TABLE {name} ({SMALL[name]})")
        self.engine.register("small", frame)
        number = ", epoch_us(day::TIMESTAMP) // 86400000000 AS day_number" if "day" in frame else ""
        self.engine.execute(f"INSERT INTO {name} BY NAME SELECT *{number} FROM small")
        self.engine.unregister("small")

    def _coverage(
        self, reader: Reader, found: Converted, until: pd.Timestamp, left: pd.Timestamp | None
    ) -> pd.DataFrame:
        """What a file covers; bills alone cover no calls."""
        if found.reading.bills:
            return COVERAGE.empty()
        times = "SELECT ts AS t, account FROM calls UNION ALL SELECT started_at, account FROM runs"
        ends = self._row(f"SELECT epoch_us(min(t)), epoch_us(max(t)) FROM ({times})")
        span = _time(ends[0]), _time(ends[1])
        workflows = self.engine.execute(
            f"SELECT DISTINCT workflow FROM homes h JOIN ({times}) x"
            " ON h.account = coalesce(x.account, '')"
        ).fetchall()
        to = found.covered_to if left is None else left
        return covered(
            span,
            [w for (w,) in workflows],
            reader.source,
            self.settings,
            (found.covered_from, to),
            found.bucket_s,
            found.reading.has_status,
            until,
        )

    def _write(self, reading: Reading, source: str, file_id: str) -> tuple[int, int]:
        """Write what is new: how many of the file's rows that is, and how many correct others."""
        queries = {
            "calls": canonical(source, file_id),
            "bills": f"SELECT * REPLACE ('{source}' AS source, '{file_id}' AS file_id) FROM bills",
            "runs": f"SELECT runs.* REPLACE ('{source}' AS source, '{file_id}' AS file_id,"
            " h.workflow AS workflow)"
            " FROM runs LEFT JOIN homes h ON h.account = coalesce(runs.account, '')",
        }
        corrected = 0
        for name, query in queries.items():
            self.engine.execute(f"CREATE OR REPLACE TEMP TABLE new_{name} AS {query}")
            _each_once(self.engine, name, any(p.twins for p in getattr(reading, name)))
            corrected += self._known_out(name, source)
            self._save(name, file_id)
        rows = " UNION ".join(f'SELECT "row" FROM new_{name}' for name in queries)
        return self.engine.execute(f"SELECT count(*) FROM ({rows})").fetchall()[0][0], corrected

    def _known_out(self, name: str, source: str) -> int:
        """Take out of the new rows those that are stored; how many are corrected instead.

        A row that an earlier export told otherwise is the new one's; the earlier one loses it.
        """
        stored = self._stored(name, source, f"new_{name}")
        if stored is None:
            return 0
        stored.create_view("stored", replace=True)
        says = " OR ".join(f'n."{c}" IS DISTINCT FROM o."{c}"' for c in SAID[name])
        if name == "calls":
            says += " OR (n.cost_kind = 'reported' AND abs(n.cost - o.cost) > 1e-9)"
        self.engine.execute(
            "CREATE OR REPLACE TEMP TABLE twice AS SELECT n.row_key, o.file_id, "
            f"coalesce({says}, false) AS corrects FROM new_{name} n JOIN stored o USING (row_key)"
        )
        self.engine.execute(
            f"DELETE FROM new_{name} WHERE row_key IN"
            " (SELECT row_key FROM twice WHERE NOT corrects)"
        )
        files = self.engine.execute(
            "SELECT file_id, count(*) FROM twice WHERE corrects GROUP BY file_id"
        ).fetchall()
        for file_id, _ in files:
            self._without_corrected(name, file_id)
        return sum(n for _, n in files)

    def _stored(self, name: str, source: str, new: str) -> DuckDBPyRelation | None:
        """The stored rows of a source that may be those of the new ones; None without any."""
        paths = [p for p in self._paths(name) if p.stem in self.files]
        start = WHEN[name]
        low, high = self._row(
            f"SELECT (min({start}) - INTERVAL 1 DAY)::VARCHAR,"
            f" (max({start}) + INTERVAL 1 DAY)::VARCHAR FROM {new}"
        )
        if not paths or low is None:
            return None
        near = f"{start} BETWEEN TIMESTAMPTZ '{low}' AND TIMESTAMPTZ '{high}'"
        parts = parts_relation(self.engine, SHAPES[name], paths)
        return parts.filter(f"source = {literal(source)} AND {near}")

    def _paths(self, name: str) -> list[Path]:
        return sorted((self.folder.tables / SHAPES[name].name).glob("*.parquet"))

    def _without_corrected(self, name: str, file_id: str) -> None:
        """Write an earlier file's part again without the rows that a later one corrects."""
        path = self.folder.tables / SHAPES[name].name / f"{file_id}.parquet"
        part = parts_relation(self.engine, SHAPES[name], [path])
        others = part.filter("row_key NOT IN (SELECT row_key FROM twice WHERE corrects)")
        self._copy(others.sql_query(), path)

    def _save(self, name: str, file_id: str) -> None:
        """The new rows as the file's part of a table; none if it has none."""
        table = SHAPES[name]
        required = " OR ".join(f'"{n}" IS NULL' for n, c in table.columns.items() if c.required)
        count, bad = self._row(f"SELECT count(*), count(*) FILTER ({required}) FROM new_{name}")
        if bad:
            raise TableError(f"{name}: {bad} rows of {file_id} lack what every row must have.")
        if count:
            self._copy(
                f"SELECT * FROM new_{name}", self.folder.tables / table.name / f"{file_id}.parquet"
            )

    def _copy(self, query: str, path: Path) -> None:
        """A query's rows as a Parquet file, complete or not there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(PART)
        self.engine.execute(f"COPY ({query}) TO {literal(str(part))} (FORMAT parquet)").fetchall()
        part.replace(path)

    def join_bills(self) -> None:
        """Give the totals of billed sources the vendor's own cost, whichever file came first."""
        bills = read_table(self.folder, BILLS)
        paths = self._paths("calls")
        if bills.empty or not paths:
            return
        totals = parts_relation(self.engine, CALLS, paths).filter("bucket_s > 0")
        for source in bills.source.unique():
            stored = CALLS.conform(totals.filter(f"source = {literal(source)}").df())
            joined = with_bills(stored, bills[bills.source == source], self.settings)
            for file_id in _changed(stored, joined):
                self._replace_totals(file_id, joined[joined.file_id == file_id])

    def _replace_totals(self, file_id: str, totals: pd.DataFrame) -> None:
        """Write a file's part again with other totals, its single calls as they are."""
        path = self.folder.tables / CALLS.name / f"{file_id}.parquet"
        single = parts_relation(self.engine, CALLS, [path]).filter("bucket_s = 0").df()
        both = [CALLS.conform(f) for f in (single, totals) if len(f)]
        write(self.engine, CALLS, pd.concat(both, ignore_index=True), path)


def _by_day(what: str, where: str, until: pd.Timestamp | None) -> str:
    """The query of what the calls name, with each day it is named on, or any day it may be."""
    if until is None:
        return f"SELECT DISTINCT {what}, ts::DATE AS day FROM calls WHERE {where}"
    first = f"(SELECT min(ts)::DATE - {DAYS_BEFORE} FROM calls)"
    days = f"generate_series({first}, DATE '{until:%Y-%m-%d}', INTERVAL 1 DAY)"
    named = f"SELECT DISTINCT {what} FROM calls WHERE {where}"
    return f"SELECT *, unnest({days})::DATE AS day FROM ({named})"


def _time(micros: int | None) -> pd.Timestamp | None:
    return None if micros is None else pd.Timestamp(micros, unit="us", tz="UTC")


def _changed(before: pd.DataFrame, after: pd.DataFrame) -> list[str]:
    """The files whose totals are not what they were."""
    costs = ["cost", "currency", "cost_kind", "cost_eur"]
    same = (before[costs].eq(after[costs]) | (before[costs].isna() & after[costs].isna())).all(
        axis=1
    )
    return sorted(before.file_id[~same.fillna(False)].unique())


def _left_out(rows: int) -> str:
    many = rows > 1
    return (
        f"{rows} row{'s' * many} of a period that was not over {'are' if many else 'is'} "
        "left to the next export"
    )


def _each_once(engine: Engine, name: str, twins: bool) -> None:
    """Keep a row that stands twice once; number those that are two and cannot be told apart."""
    count, keys = engine.execute(
        f"SELECT count(*), count(DISTINCT row_key) FROM new_{name}"
    ).fetchall()[0]
    if count == keys:
        return
    place = 'row_number() OVER (PARTITION BY row_key ORDER BY "row")'
    once = f"SELECT * FROM new_{name} QUALIFY {place} = 1"
    numbered = (
        f"SELECT * EXCLUDE (place) REPLACE (row_key || '|' || place AS row_key) FROM"
        f" (SELECT *, {place} AS place FROM new_{name}) WHERE place > 1"
        f" UNION ALL SELECT * FROM new_{name} QUALIFY {place} = 1"
    )
    engine.execute(f"CREATE OR REPLACE TEMP TABLE new_{name} AS {numbered if twins else once}")
