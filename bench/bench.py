"""How long the steps take here that must not take long: `make bench` prints the table.

Not a test: a figure in seconds depends on the machine and on what else it does. Each step is a
function that says what it did and does it; the quickest of three runs counts.
"""

import datetime as dt
import time
from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from rich.console import Console
from rich.table import Table

from opsbook.clock import business_clock
from opsbook.settings import WEEKDAYS, Company

Step = tuple[str, Callable[[], object]]
RUNS = 3
VIENNA = Company(
    name="Example",
    zone="Europe/Vienna",
    country="AT",
    subdivision="6",
    hours={day: ["9:00-12:00", "13:00-17:30"] for day in WEEKDAYS[:5]},
)
FIRST, LAST = dt.date(2026, 1, 1), dt.date(2026, 12, 31)


def steps() -> Iterator[Step]:
    """Each step with what it is about."""
    clock = business_clock(VIENNA, FIRST, LAST)
    hours = pd.date_range(FIRST, periods=8760, freq="h", tz="UTC")
    year = pd.DatetimeIndex(np.tile(hours.values, 50), tz="UTC")
    hour = pd.Timedelta(hours=1)
    yield "business clock: make one for a year", lambda: business_clock(VIENNA, FIRST, LAST)
    yield (
        f"business clock: {len(year):,} hours, a year of 50 workflows",
        lambda: clock.elapsed(year, year + hour),
    )
    yield (
        "business clock: 1,000 deadlines of 4 business hours",
        lambda: [clock.add(start, 4 * hour) for start in hours[:1000]],
    )


def seconds(step: Callable[[], object]) -> float:
    """The time of the quickest run, s."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    """Print the table."""
    table = Table("step", "seconds")
    table.columns[1].justify = "right"
    for name, step in steps():
        table.add_row(name, f"{seconds(step):.4f}")
    Console().print(table)


if __name__ == "__main__":
    main()
