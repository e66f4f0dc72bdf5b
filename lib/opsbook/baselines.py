"""What is normal: the last valid buckets strictly before the one under test.

The window under test is never in its own baseline (inside it, 150 % would mean 163.6 %). Days of an
incident of the same metric are left out, unless that would leave out most of them: then the level
has moved, and a person confirms the new normal.
"""

import datetime as dt
from bisect import bisect_left
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import islice, pairwise
from operator import itemgetter

import numpy as np
import pandas as pd

from opsbook.settings import Limits


def before(values: pd.Series, window: int, statistic: str) -> pd.Series:
    """A statistic of the last `window` values present strictly before each position.

    <NA> before the first value. Missing values take no place in the window.

    >>> before(pd.Series([1.0, None, 3.0, 9.0]), 2, "mean").tolist()[1:]
    [1.0, 1.0, 2.0]
    """
    rolled = values.dropna().rolling(window, min_periods=1).agg(statistic)
    return rolled.reindex(values.index).ffill().shift()


@dataclass
class References:
    """The buckets seen so far of one metric, oldest first, and which of them an incident spoilt.

    `epochs` are days on which what is normal began anew: nothing before counts from then on.
    """

    limits: Limits
    buckets: list[dict] = field(default_factory=list)
    epochs: Collection[dt.date] = ()

    def add(self, bucket: dict, left_out: bool) -> None:
        """Remember a valid bucket for those that come after it."""
        self.buckets.append({**bucket, "left_out": left_out})

    def ahead_of(self, day: pd.Timestamp) -> tuple[list[dict], bool]:
        """The reference window of a bucket that begins on `day`, and whether the level has moved.

        At most `baseline_days` buckets, oldest first.
        """
        most = self.limits.baseline_days
        begun = [e for e in map(pd.Timestamp, self.epochs) if e <= day]
        since = max(begun, default=pd.Timestamp.min)
        first, last = (bisect_left(self.buckets, d, key=itemgetter("day")) for d in (since, day))
        earlier = self.buckets[first:last]
        recent = earlier[-most:]
        spoilt = sum(b["left_out"] for b in recent)
        if spoilt > self.limits.left_out_share * len(recent):
            return recent, True
        kept = islice((b for b in reversed(earlier) if not b["left_out"]), most)
        return list(kept)[::-1], False


@dataclass(frozen=True)
class Slots:
    """What each hour of a history is in its company's zone.

    `day` is the position of its local day, from 0 without gaps; `kind` 0 on workdays and 1 on rest
    days; `hour` the local hour in which it begins, 0 to 23. One entry per hour, in order.
    """

    day: np.ndarray
    kind: np.ndarray
    hour: np.ndarray

    def days(self) -> list[slice]:
        """The hours of each local day, in order; 23 to 25 of them where none is missing."""
        edges = np.searchsorted(self.day, np.arange(self.day[-1] + 2)) if len(self.day) else [0]
        return [slice(int(a), int(b)) for a, b in pairwise(edges)]


def slots(hours: pd.DatetimeIndex, calendar: pd.DataFrame, zone: str) -> Slots:
    """The slots of ascending hours (UTC), their days and day types as the calendar draws them."""
    day = pd.DatetimeIndex(calendar.started_at).searchsorted(hours, side="right") - 1
    day = np.clip(day, 0, len(calendar) - 1)
    kind = calendar.day_type.ne("workday").to_numpy(int)[day]
    first = day[0] if len(day) else 0
    return Slots(day - first, kind, hours.tz_convert(zone).hour.to_numpy())


@dataclass(frozen=True)
class Normal:
    """What is normal for many series at once, each an array of series x hours.

    `n` references, their `mean` and `sd` (ddof 1), their `median` and `spread`, half the distance
    of the 16th and 84th percentiles: the SD of a normal distribution, deaf to single outliers.
    `moved` (1) where incidents fill most of the window. NaN without references.
    """

    n: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    median: np.ndarray
    spread: np.ndarray
    moved: np.ndarray

    def robust(self) -> np.ndarray:
        """The spread, or the SD where most references are alike."""
        return np.where(self.spread > 0, self.spread, self.sd)


HOURS, KINDS = 24, 2
REACH = 2
"""Windows remembered, so that as many buckets can be left out as are kept."""
ONE_SD = (0.16, 0.84)
"""The quantiles between which a normal distribution has its middle two SD."""


class SlotHistory:
    """The last valid hours of each slot, of many series at once, as the days go by.

    Clause B5. `values` is series x hours, NaN where an hour is no valid bucket. `left_out` (series
    x days) may be written for days gone by: an incident is known only after it has begun.
    """

    def __init__(self, values: np.ndarray, at: Slots, limits: Limits) -> None:
        """A history that remembers no day yet."""
        self.values, self.at, self.limits = values.copy(), at, limits
        self.spans = at.days()
        self.left_out = np.zeros((len(values), len(self.spans)), bool)
        kept = (len(values), KINDS * HOURS, REACH * limits.baseline_days)
        self._kept, self._days = np.full(kept, np.nan), np.zeros(kept, np.int32)

    def add(self, day: int) -> None:
        """Remember a day's hours for the days after it."""
        for i in range(self.spans[day].start, self.spans[day].stop):
            slot = self.at.kind[i] * HOURS + self.at.hour[i]
            valid = ~np.isnan(self.values[:, i])
            for kept, new in ((self._kept, self.values[valid, i]), (self._days, day)):
                kept[valid, slot, :-1] = kept[valid, slot, 1:]
                kept[valid, slot, -1] = new

    def forget(self, who: np.ndarray, day: int) -> None:
        """Begin anew for some series: nothing before a day says what is normal from then on."""
        self._kept[who] = np.nan
        self.values[who, : self.spans[day].start] = np.nan

    def slot(self, day: int) -> Normal:
        """What is normal in each hour of a day, from the days added so far.

        A slot with fewer than `warm_up` references widens to the hours of its day type, then to
        all, of as many days: the last twenty hours would be one evening and one night. All only
        once `learning` are of its own type, lest a first Monday be held against a Sunday.
        """
        span = self.spans[day]
        rows = self.at.kind[span] * HOURS + self.at.hour[span]
        spoilt = self.left_out[np.arange(len(self.values))[:, None, None], self._days[:, rows]]
        figures = _figures(self._kept[:, rows], spoilt, self.limits.baseline_days, self.limits)
        there = ~np.isnan(self.values[:, span])
        for kinds, least in (([self.at.kind[span.start]], 0), (range(KINDS), self.limits.learning)):
            few = there & (figures[0] < self.limits.warm_up) & (figures[0] >= least)
            who = np.flatnonzero(few.any(axis=1))
            if len(who):
                wide = self._over(self._hours_of(day, kinds), who)[:, :, None]
                figures[:, who] = np.where(few[who], wide, figures[:, who])
        return Normal(*figures)

    def week(self, day: int) -> Normal:
        """What is normal in the `isolated_days` before a day: one figure a series, as a column."""
        start = self.spans[day].start
        hours = np.arange(max(start - self.limits.isolated_days * HOURS, 0), start)
        return Normal(*self._over(hours, np.arange(len(self.values)))[:, :, None])

    def _over(self, hours: np.ndarray, who: np.ndarray) -> np.ndarray:
        """The figures of some series over some hours."""
        spoilt = self.left_out[who[:, None], self.at.day[hours]]
        return _figures(self.values[who[:, None], hours], spoilt, len(hours), self.limits)

    def _hours_of(self, day: int, kinds: Iterable[int]) -> np.ndarray:
        """The hours of the last days of these kinds before a day."""
        past = slice(0, self.spans[day].start)
        alike = np.isin(self.at.kind[past], list(kinds))
        days = np.unique(self.at.day[past][alike])[-self.limits.baseline_days :]
        return np.flatnonzero(alike & np.isin(self.at.day[past], days))


def _figures(values: np.ndarray, spoilt: np.ndarray, window: int, limits: Limits) -> np.ndarray:
    """What `Normal` holds, over the last axis: of the last `window` valid values not spoilt."""
    if not values.shape[-1]:
        return np.stack([np.zeros(values.shape[:-1]), *(np.full((5, *values.shape[:-1]), np.nan))])
    valid = ~np.isnan(values)
    spoilt = spoilt & valid
    recent = valid[..., -window:].sum(axis=-1)
    moved = spoilt[..., -window:].sum(axis=-1) > limits.left_out_share * recent
    if not spoilt.any():
        return np.stack([*_estimates(values[..., -window:]), moved])
    kept = valid & (~spoilt | moved[..., None])
    kept &= np.cumsum(kept[..., ::-1], axis=-1)[..., ::-1] <= window
    return np.stack([*_estimates(np.where(kept, values, np.nan)), moved])


def _estimates(values: np.ndarray) -> tuple[np.ndarray, ...]:
    """n, mean, SD, median and spread over the last axis, missing values left out."""
    n = (~np.isnan(values)).sum(axis=-1)
    mean = np.nansum(values, axis=-1) / np.where(n > 0, n, np.nan)
    squares = np.nansum((values - mean[..., None]) ** 2, axis=-1)
    sd = np.sqrt(squares / np.where(n > 1, n - 1, np.nan))
    ordered = np.sort(values, axis=-1)  # missing values last
    low, high = (_quantile(ordered, n, share) for share in ONE_SD)
    return n, mean, sd, _quantile(ordered, n, 0.5), (high - low) / 2


def _quantile(ordered: np.ndarray, n: np.ndarray, share: float) -> np.ndarray:
    """A quantile of the first n of ascending values, between two of them linearly."""
    place = share * np.maximum(n - 1, 0)
    below = np.floor(place).astype(int)
    above = np.minimum(below + 1, np.maximum(n - 1, 0))
    one, next_one = (
        np.take_along_axis(ordered, i[..., None], axis=-1)[..., 0] for i in (below, above)
    )
    return one + (next_one - one) * (place - below)
