"""Many calls: into tables, and from tables to the hourly panel, beside plain tools doing the same.

Each figure is taken in a process of its own, so that its peak memory is its own. `make bench` runs
this after the small steps; SIZES="1 10 50" says how many million calls.
"""

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import duckdb
import narwhals as nw
import pandas as pd
from rich.console import Console
from rich.table import Table

from opsbook import inbox, panel, store

MILLION = 1_000_000
ROOT = Path(__file__).parent.parent
BARE = "DuckDB alone"
WORKFLOWS, MODELS, DAYS = 10, 5, 91
SETTINGS = {
    "company": '[company]\nname = "Bench"\nzone = "Europe/Vienna"\ncountry = "AT"\n'
    'now = 2026-11-30T08:00:00+01:00\nhours = { monday = ["09:00-17:00"] }\n',
    "workflows": "".join(
        f'[[workflows]]\nid = "wf-{n}"\nname = "W{n}"\ncategory = "internal"\nowner = "Lead"\n'
        f'matches = ["*:wf-{n}"]\n'
        for n in range(WORKFLOWS)
    ),
}
AT = "TIMESTAMP '2026-08-01' + to_microseconds((i * {us})::BIGINT)"
MADE = """'wf-' || i % 10 AS workflow, 'run-' || i // 3 AS run_id,
  ['gpt-5-mini', 'gpt-5', 'claude-sonnet-4-5', 'claude-haiku-4-5', 'gpt-4o-mini'][1 + i % 5] AS model,
  (random() * 4000)::INT AS input_tokens, (random() * 800)::INT AS output_tokens,
  round(random() * 0.02, 6) AS cost, 'USD' AS currency,
  CASE WHEN random() < 0.01 THEN 'error' ELSE 'ok' END AS status,
  (random() * 5000)::INT AS latency_ms"""  # noqa: E501


# What is measured: each takes the file and leaves the panel, or the tables, behind


def ingest(path: Path, after: Callable[[Path], None] | None = None) -> None:
    """An export into tables, as `opsbook ingest` does it; then what comes after, of its part."""
    with tempfile.TemporaryDirectory(dir=path.parent) as place:
        for name, text in SETTINGS.items():
            target = Path(place) / "settings" / f"{name}.toml"
            target.parent.mkdir(exist_ok=True)
            target.write_text(text)
        folder = store.Folder(Path(place))
        folder.inbox.mkdir()
        os.link(path, folder.inbox / path.name)
        found = inbox.ingest(folder, store.load_settings(folder))
        if found.files.loaded.sum() != found.files.rows_in.sum() or found.files.empty:
            raise RuntimeError(found.files.to_string())
        for part in (folder.tables / "calls").glob("*.parquet") if after else ():
            after(part)


def copied(path: Path) -> None:
    """The same file into one Parquet file by DuckDB, its types guessed, nothing else done."""
    read = "read_json" if path.suffix == ".jsonl" else "read_csv"
    with duckdb.connect() as engine:
        target = path.with_suffix(".bare")
        engine.execute(f"COPY (FROM {read}('{path}')) TO '{target}' (FORMAT parquet)").fetchall()
        target.unlink()


def panel_of(path: Path) -> None:
    """The hourly panel out of the table of calls, by our own expressions."""
    with store.engine_of() as engine:
        calls = nw.from_native(store.parts_relation(engine, store.CALLS, [path]))
        panel.hourly_panel(calls).to_native().df()


HOURLY = """SELECT workflow, served_model, date_trunc('hour', ts) AS hour, sum(requests), count(*),
  sum((status IN ('error', 'rate_limited', 'timeout'))::INT), sum(input_tokens),
  sum(cache_read_tokens), sum(output_tokens), sum(cost_eur), median(latency_ms)
  FROM {source} WHERE status <> 'cancelled' GROUP BY ALL"""


def panel_bare(path: Path) -> None:
    """The same sums and median in one statement of DuckDB."""
    with duckdb.connect() as engine:
        engine.execute(HOURLY.format(source=f"'{path}'")).df()


SUMS = ("requests", "failed", "input_tokens", "cache_read_tokens", "output_tokens", "cost_eur")
NEEDED = ["workflow", "served_model", "ts", "status", "requests", "latency_ms", *SUMS[2:]]


FROM_CSV = """(SELECT workflow, model AS served_model, ts, status, 1 AS requests, latency_ms,
  input_tokens, input_tokens // 4 AS cache_read_tokens, output_tokens, cost AS cost_eur
  FROM '{path}')"""


def csv_bare(path: Path) -> None:
    """The panel right out of the CSV in one statement of DuckDB."""
    with duckdb.connect() as engine:
        engine.execute(HOURLY.format(source=FROM_CSV.format(path=path))).df()


def csv_opsbook(path: Path) -> None:
    """The CSV ingested, then the panel."""
    ingest(path, panel_of)


def panel_pandas(path: Path) -> None:
    """The same in pandas: it has no reader of Parquet here, so DuckDB hands it the columns."""
    if path.suffix == ".csv":
        calls = pd.read_csv(path, parse_dates=["ts"]).rename(
            columns={"model": "served_model", "cost": "cost_eur"}
        )
        calls = calls.assign(requests=1, cache_read_tokens=calls.input_tokens // 4)
    else:
        with duckdb.connect() as engine:
            calls = engine.sql(f"SELECT {', '.join(NEEDED)} FROM '{path}'").df()
    calls = calls[calls.status != "cancelled"]
    failed = calls.status.isin(["error", "rate_limited", "timeout"]).astype(int)
    calls = calls.assign(failed=failed, hour=calls.ts.dt.floor("h"))
    groups = calls.groupby(["workflow", "served_model", "hour"])
    groups.agg(dict.fromkeys(SUMS, "sum") | {"latency_ms": "median"}).reset_index()


def panel_polars(path: Path) -> None:
    """The same in polars, lazily."""
    import polars as pl

    if path.suffix == ".csv":
        calls = pl.scan_csv(path, try_parse_dates=True).rename(
            {"model": "served_model", "cost": "cost_eur"}
        )
        calls = calls.with_columns(requests=1, cache_read_tokens=pl.col("input_tokens") // 4)
    else:
        calls = pl.scan_parquet(path)
    calls = calls.filter(pl.col("status") != "cancelled").with_columns(
        failed=pl.col("status").is_in(["error", "rate_limited", "timeout"]).cast(pl.Int64),
        hour=pl.col("ts").dt.truncate("1h"),
    )
    groups = calls.group_by("workflow", "served_model", "hour")
    groups.agg(*(pl.col(s).sum() for s in SUMS), pl.col("latency_ms").median()).collect()


Task = Callable[[Path], None]
KINDS: dict[str, tuple[str, dict[str, Task]]] = {
    "CSV into tables": ("csv", {BARE: copied, "Opsbook": ingest}),
    "JSONL into tables": ("jsonl", {BARE: copied, "Opsbook": ingest}),
    "CSV to panel": (
        "csv",
        {BARE: csv_bare, "Opsbook": csv_opsbook, "pandas": panel_pandas, "polars": panel_polars},
    ),
    "Parquet to panel": (
        "parquet",
        {BARE: panel_bare, "Opsbook": panel_of, "pandas": panel_pandas, "polars": panel_polars},
    ),
}
LARGEST_TEXT = 10
"""Millions of calls of which a file of text is made: more is gigabytes of it."""


def made(kind: str, millions: int, place: Path) -> Path:
    """A file of so many calls."""
    path = place / f"calls-{millions}.{kind}"
    count = millions * MILLION
    at = AT.format(us=DAYS * 86_400_000_000 / count)
    rows = f"SELECT {at} AS moment, i, {MADE} FROM range({count}) t(i)"
    stamp = "strftime(moment, '%Y-%m-%dT%H:%M:%SZ')"
    select = {
        "csv": f"SELECT {stamp} AS ts, * EXCLUDE (moment, i) FROM ({rows})",
        "jsonl": f"""SELECT 'req-' || i AS request_id, cost AS spend, input_tokens AS prompt_tokens,
          output_tokens AS completion_tokens, {stamp} AS "startTime", {stamp} AS "endTime",
          model, model AS model_group, 'openai' AS custom_llm_provider, run_id AS session_id,
          {{'user_api_key_alias': workflow}} AS metadata, 'success' AS status FROM ({rows})""",
        "parquet": _calls(rows),
    }[kind]
    form = {"csv": "HEADER", "jsonl": "FORMAT json", "parquet": "FORMAT parquet"}[kind]
    with duckdb.connect() as engine:
        engine.execute("SET TimeZone = 'UTC'; SELECT setseed(0.5)")
        engine.execute(f"COPY ({select}) TO '{path}' ({form})").fetchall()
    return path


def _calls(rows: str) -> str:
    """The same calls as they lie in the table of calls."""
    own = {
        "ts": "moment::TIMESTAMPTZ", "bucket_s": "0", "source": "'bench'", "file_id": "'f'",
        "row": "i", "row_key": "i::VARCHAR", "served_model": "model", "requests": "1",
        "cost_eur": "cost", "cost_kind": "'reported'", "cache_read_tokens": "input_tokens // 4",
    }  # fmt: skip
    kept = ("workflow", "run_id", "input_tokens", "output_tokens", "status", "latency_ms")
    sql = {"Int64": "BIGINT", "Float64": "DOUBLE"}
    columns = (
        f"{own.get(n, n if n in kept else 'NULL')}::"
        f'{"TIMESTAMPTZ" if n == "ts" else sql.get(str(c.dtype), "VARCHAR")} AS "{n}"'
        for n, c in store.CALLS.columns.items()
    )
    return f"SELECT {', '.join(columns)} FROM ({rows})"


# Each in a process of its own


def measured(kind: str, tool: str, path: Path) -> tuple[float, float]:
    """Seconds and peak memory in GB."""
    typed = [sys.executable, __file__, kind, tool, str(path)]
    done = subprocess.run(typed, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(done.stderr[-2000:])
    return tuple(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Print the table of all sizes, ratios taken against DuckDB alone in the same run."""
    sizes = [int(n) for n in os.environ.get("SIZES", "1 10").split()]
    table = Table("what", "million calls", "tool", "seconds", "against DuckDB", "peak GB")
    for column in table.columns[3:]:
        column.justify = "right"
    with tempfile.TemporaryDirectory() as place:
        for kind, (suffix, tools) in KINDS.items():
            for millions in sizes:
                if suffix != "parquet" and millions > LARGEST_TEXT:
                    continue
                path = made(suffix, millions, Path(place))
                _measure_all(kind, millions, tools, path, table)
                path.unlink()
        for run, spent in weekly(Path(place)):
            table.add_row("make weekly on the demo", "", run, f"{spent:.1f}", "", "")
    Console(width=100).print(table)


def weekly(place: Path) -> list[tuple[str, float]]:
    """Seconds of the review on a copy of the demo: nothing made yet, then nothing changed."""
    left = shutil.ignore_patterns("tables", "exports", "*.ipynb", "opsbook-charts.js")
    for name in ("data/demo", "reports"):
        shutil.copytree(ROOT / name, place / name, ignore=left)
    shutil.copytree(ROOT / "notebooks", place / "notebooks")
    shutil.copy(ROOT / "_quarto.yml", place / "_quarto.yml")
    typed = [sys.executable, "-m", "opsbook", "review", "weekly", "--renderer", "embedded"]
    found = []
    for run in ("cold", "warm"):
        start = time.perf_counter()
        subprocess.run(typed, cwd=place, check=True, capture_output=True)
        found.append((run, time.perf_counter() - start))
    return found


def _measure_all(
    kind: str, millions: int, tools: dict[str, Task], path: Path, table: Table
) -> None:
    bare = None
    for tool in tools:
        if tool == "polars" and find_spec("polars") is None:
            table.add_row(kind, str(millions), tool, "not installed", "", "")
            continue
        spent, peak = measured(kind, tool, path)
        bare = bare or spent
        table.add_row(
            kind, str(millions), tool, f"{spent:.1f}", f"{spent / bare:.1f}", f"{peak:.2f}"
        )


def one(kind: str, tool: str, path: str) -> None:
    """What a process of its own does, and what it took."""
    start = time.perf_counter()
    KINDS[kind][1][tool](Path(path))
    spent = time.perf_counter() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    sys.stdout.write(json.dumps([spent, peak]) + "\n")


if __name__ == "__main__":
    one(*sys.argv[1:]) if len(sys.argv) > 1 else main()
