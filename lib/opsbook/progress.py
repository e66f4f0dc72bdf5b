"""How far the reading of a long file is: rows and seconds left, on a terminal and nowhere else."""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from opsbook.store import Engine

LONG = 4_000_000
"""Bytes from which on a person would wonder."""
SAMPLE = 1 << 20
PERIOD_S = 0.2
UNBOUND = b"PAR1"


@contextmanager
def bar(engine: Engine, name: str, path: Path) -> Iterator[None]:
    """A bar for as long as the engine works on a long file."""
    if not sys.stderr.isatty() or path.stat().st_size < LONG:
        yield
        return
    engine.execute("SET enable_progress_bar = true; SET enable_progress_bar_print = false")
    over = threading.Event()
    watching = threading.Thread(target=_watch, args=(engine, name, rows_about(path), over))
    watching.start()
    try:
        yield
    finally:
        over.set()
        watching.join()


def rows_about(path: Path) -> int:
    """Roughly how many lines a file has, from its first ones; 0 for one without lines."""
    with path.open("rb") as file:
        head = file.read(SAMPLE)
    lines = 0 if head.startswith(UNBOUND) else head.count(b"\n")
    return round(path.stat().st_size * lines / len(head)) if head else 0


def _watch(engine: Engine, name: str, rows: int, over: threading.Event) -> None:
    parts = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[told]}"))
    console = Console(stderr=True)
    with Progress(*parts, TimeRemainingColumn(), console=console, transient=True) as shown:
        task = shown.add_task(name.replace("[", "("), total=100, told="")
        while not over.wait(PERIOD_S):
            done = max(engine.query_progress(), 0)
            told = f"{rows * done / 100:,.0f} of about {rows:,} rows" if rows else ""
            shown.update(task, completed=done, told=told)
