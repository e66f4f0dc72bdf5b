"""What is normal: the last valid buckets strictly before the one under test.

The window under test is never in its own baseline (inside it, 150 % would mean 163.6 %). Days of an
incident of the same metric are left out, unless that would leave out most of them: then the level
has moved, and a person confirms the new normal.
"""

from dataclasses import dataclass, field

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
    """The buckets seen so far of one metric, oldest first, and which of them an incident spoilt."""

    limits: Limits
    buckets: list[dict] = field(default_factory=list)

    def add(self, bucket: dict, left_out: bool) -> None:
        """Remember a valid bucket for those that come after it."""
        self.buckets.append({**bucket, "left_out": left_out})

    def ahead_of(self, day: pd.Timestamp) -> tuple[list[dict], bool]:
        """The reference window of a bucket that begins on `day`, and whether the level has moved.

        At most `baseline_days` buckets, oldest first.
        """
        earlier = [b for b in self.buckets if b["day"] < day]
        recent = earlier[-self.limits.baseline_days :]
        spoilt = sum(b["left_out"] for b in recent)
        moved = spoilt > self.limits.left_out_share * len(recent)
        kept = recent if moved else [b for b in earlier if not b["left_out"]]
        return kept[-self.limits.baseline_days :], moved
