"""Estimates small enough to check on paper: bounds of shares, medians, limits beyond rounding."""

import numpy as np
from scipy.special import betaincinv

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
    bound = betaincinv(np.maximum(hits, 1), n - np.maximum(hits, 1) + 1, 1 - confidence)
    return np.where(n == 0, np.nan, np.where(hits == 0, 0.0, bound))


def exceeds(value: np.ndarray | float, limit: np.ndarray | float) -> np.ndarray | bool:
    """Whether a value is over its limit by more than rounding; exactly at the limit is not over.

    >>> exceeds(0.15 / 0.1, 1.5), exceeds(1.51, 1.5)
    (False, True)
    """
    above = np.asarray(value, float) > np.asarray(limit, float) * (1 + ROUNDING)
    return above if above.ndim else bool(above)
