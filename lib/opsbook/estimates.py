"""Estimates small enough to check on paper: bounds of shares, limits beyond rounding."""

import numpy as np
import pandas as pd
from scipy.special import betaincinv, chdtri

ROUNDING = 1e-9
"""Relative. Prices such as 2/10 -> 3/15 make a ratio of exactly 1.5 that floats write as more."""


def share_lower_bound(hits: np.ndarray, n: np.ndarray, confidence: float) -> np.ndarray:
    """The one-sided Clopper-Pearson lower bound of a share: with `confidence` it is above this.

    Clauses D5, D6. Element by element; 0 where there are no hits, NaN where n is 0.
    Source: Clopper and Pearson, Biometrika 26 (1934).

    >>> [round(float(share_lower_bound(k, n, 0.95)), 3) for k, n in [(1, 3), (3, 20), (8, 20)]]
    [0.017, 0.042, 0.217]
    """
    hits, n = np.asarray(hits, float), np.asarray(n, float)
    some = np.maximum(hits, 1)
    bound = betaincinv(some, np.maximum(n - some, 0) + 1, 1 - confidence)
    return np.where(n == 0, np.nan, np.where(hits == 0, 0.0, bound))


def share_upper_bound(hits: np.ndarray, n: np.ndarray, confidence: float) -> np.ndarray:
    """The one-sided Clopper-Pearson upper bound of a share; NaN where n is 0.

    >>> round(float(share_upper_bound(0, 10, 0.95)), 2)
    0.26
    """
    return 1 - share_lower_bound(np.asarray(n, float) - np.asarray(hits, float), n, confidence)


def exceeds(value: pd.Series | float, limit: pd.Series | float) -> np.ndarray | bool:
    """Whether a value is over its limit by more than rounding; exactly at it, or missing, is not.

    >>> exceeds(0.15 / 0.1, 1.5), exceeds(1.51, 1.5), exceeds(pd.NA, 1.5)
    (False, True, False)
    """
    above = _floats(value) > _floats(limit) * (1 + ROUNDING)
    return above if above.ndim else bool(above)


def reaches(value: pd.Series | float, limit: pd.Series | float) -> np.ndarray | bool:
    """Whether a value is at its limit or over it, short by no more than rounding.

    >>> reaches(0.3 / 0.1, 3.0), reaches(2.99, 3.0), reaches(pd.NA, 3.0)
    (True, False, False)
    """
    there = _floats(value) >= _floats(limit) * (1 - ROUNDING)
    return there if there.ndim else bool(there)


def chance_of_none(counts: np.ndarray, confidence: float) -> float:
    """The chance of a bucket with none, from the counts of the buckets before it.

    Poisson's, exp(-mean). Where the counts vary surely more than that (Fisher's index of dispersion
    against chi squared), at least the share of empty buckets seen, and at least the negative
    binomial's of that mean and variance: twenty buckets without an empty one do not prove that one
    in twenty never is. Measured on made series of a mean of 5 to 30 that vary so: the share alone
    is wrong up to 25 times a year of business days, both together 2 times at most.

    >>> round(chance_of_none(np.array([4, 5, 4, 5, 5, 5]), 0.95), 4)
    0.0094
    >>> chance_of_none(np.array([0, 30, 0, 30, 0]), 0.95)
    0.6
    >>> round(chance_of_none(np.array([1, 9, 2, 8, 1, 9, 5, 5]), 0.95), 3)
    0.042
    """
    counts = np.asarray(counts, float)
    mean, freedom = float(counts.mean()), len(counts) - 1
    poisson, spread = float(np.exp(-mean)), float(((counts - mean) ** 2).sum())
    if freedom < 1 or spread <= mean * chdtri(freedom, 1 - confidence):
        return poisson
    shape = mean**2 / (spread / freedom - mean)
    negative_binomial = (shape / (shape + mean)) ** shape
    return max(poisson, float((counts == 0).mean()), negative_binomial)


def trailing(values: np.ndarray, width: np.ndarray | int) -> np.ndarray:
    """The sum of the `width` values that end with each one; fewer at the beginning.

    >>> trailing(np.array([1, 2, 3, 4]), 2).tolist()
    [1.0, 3.0, 5.0, 7.0]
    """
    total = np.concatenate([[0.0], np.cumsum(values)])
    end = np.arange(1, len(values) + 1)
    return total[end] - total[np.maximum(end - width, 0)]


def densest(excess: np.ndarray) -> tuple[int, int]:
    """First and last position of the shortest stretch whose sum is the highest.

    Traces what a trailing window only shows blurred: hours over their share count up, others down.

    >>> densest(np.array([-1, 0, 2, -1, 2, 0, -3]))
    (2, 4)
    """
    total = np.concatenate([[0.0], np.cumsum(excess)])
    gain = total[1:] - np.minimum.accumulate(total)[:-1]
    last = int(gain.argmax())
    lowest = total[: last + 1]
    return int(np.flatnonzero(lowest == lowest.min())[-1]), last


def _floats(values: pd.Series | float) -> np.ndarray:
    if isinstance(values, pd.Series):
        return values.to_numpy(float, na_value=np.nan)
    return np.asarray(np.nan if values is pd.NA else values, float)
