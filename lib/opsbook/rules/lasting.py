"""What lasts on the business clock: runs of buckets in breach for more than so many hours.

A night, a weekend or a holiday neither extends a run nor breaks it: the clock stands. Missing data
does the same for a while, and never ends what has fired.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from opsbook.clock import BusinessClock
from opsbook.settings import Limits

HOUR = pd.Timedelta(hours=1)
NS_PER_HOUR = HOUR.value
NONE = -1
"""The position of what has not happened."""


@dataclass(frozen=True)
class Run:
    """A run of breaches that lasted: positions of its series, first bucket, the one at whose close
    it fired, its last, and whether it was seen to end.
    """

    series: int
    first: int
    fired: int
    last: int
    over: bool


@dataclass
class Runs:
    """Runs of breaches on a business clock, of many series at once, bucket by bucket.

    Clause B5. `lasted` and `silent` are business time in ns. A run fires at the close of the bucket
    with which it has lasted longer than the limit, strictly; an ok bucket ends it. Silence neither
    extends nor ends it, until it adds up to more than the gap; what has fired no silence ends.
    """

    limits: Limits
    lasted: np.ndarray
    silent: np.ndarray
    first: np.ndarray
    fired: np.ndarray
    last: np.ndarray
    found: list[Run] = field(default_factory=list)

    @classmethod
    def of(cls, series: int, limits: Limits) -> "Runs":
        """No run yet in any of so many series."""
        zero, none = np.zeros(series, np.int64), np.full(series, NONE)
        return cls(limits, zero, zero.copy(), none, none.copy(), none.copy())

    def step(self, i: int, breach: np.ndarray, ok: np.ndarray, open_ns: int) -> None:
        """Take in bucket i, open for `open_ns`; neither breach nor ok is silent."""
        self._reset(ok, over=True)
        running = self.lasted > 0
        self.first = np.where(breach & ~running, i, self.first)
        self.last = np.where(breach, i, self.last)
        self.lasted = self.lasted + breach * open_ns
        self.silent = self.silent + (running & ~breach) * open_ns
        long = self.lasted > self.limits.deviation_h * NS_PER_HOUR
        self.fired = np.where(long & (self.fired == NONE), i, self.fired)
        lost = (self.silent > self.limits.deviation_gap_h * NS_PER_HOUR) & (self.fired == NONE)
        self._reset(lost, over=True)

    def mark(self, days: np.ndarray, day: np.ndarray) -> None:
        """Mark the days (series x days) of every run that has fired; `day` of each bucket."""
        for s in np.flatnonzero(self.fired != NONE):
            days[s, day[self.first[s]] : day[self.last[s]] + 1] = True
        for run in self.found:
            days[run.series, day[run.first] : day[run.last] + 1] = True

    def end(self) -> list[Run]:
        """All runs that fired, those that go on at the end of the data included; by series."""
        self._reset(np.ones(len(self.first), bool), over=False)
        return sorted(self.found, key=lambda r: (r.series, r.first))

    def _reset(self, which: np.ndarray, over: bool) -> None:
        for s in np.flatnonzero(which & (self.fired != NONE)):
            places = (int(a[s]) for a in (self.first, self.fired, self.last))
            self.found.append(Run(int(s), *places, over))
        self.lasted, self.silent = (np.where(which, 0, a) for a in (self.lasted, self.silent))
        self.fired = np.where(which, NONE, self.fired)


def sustained(
    starts: pd.DatetimeIndex,
    states: list[str] | np.ndarray,
    clock: BusinessClock,
    limits: Limits,
    width: pd.Timedelta = HOUR,
) -> pd.DataFrame:
    """Runs of buckets in breach for more than `deviation_h` hours of business.

    Clause B5. `starts` (UTC) ascend, a bucket is `width` long; `states` are breach, ok, or anything
    else for silence (sparse, no data), which a bucket that is not there is as well. One row per
    run: started_at (first breach), detected_at (the close of the bucket it fired with), ended_at
    (the close of its last breach), over (an ok bucket followed). Buckets outside business hours
    count for nothing.
    """
    states, runs = np.asarray(states), Runs.of(1, limits)
    ends = starts + width
    open_ns = clock.reading(ends) - clock.reading(starts)
    absent_ns = np.append(0, clock.reading(starts[1:]) - clock.reading(ends[:-1]))
    nothing = np.zeros(1, bool)
    for i in np.flatnonzero((open_ns > 0) | (absent_ns > 0)):
        if absent_ns[i]:
            runs.step(i, nothing, nothing, absent_ns[i])
        if open_ns[i]:
            runs.step(i, states[[i]] == "breach", states[[i]] == "ok", open_ns[i])
    rows = [(starts[r.first], ends[r.fired], ends[r.last], r.over) for r in runs.end()]
    return pd.DataFrame(rows, columns=["started_at", "detected_at", "ended_at", "over"])
