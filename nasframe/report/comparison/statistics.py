"""Means with confidence intervals, and tests of paired differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from math import sqrt

import numpy as np
from scipy import stats

from nasframe.report.comparison.studies import Floats

SIGNIFICANCE = 0.05
"""The level below which a p-value is significant; intervals cover 1 minus this."""

_RESAMPLES = 99_999
"""The number of random sign flips for more than 16 pairs; up to 16, all flips are tried."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over seeds.

    Attributes:
        mean: the mean.
        margin: half the width of its 95 % interval by Student's t; ``None`` for one seed.
        count: the number of seeds.
    """

    mean: float
    margin: float | None
    count: int


def estimate(values: Sequence[float] | Floats) -> Estimate | None:
    """Estimate a mean and its interval; ``None`` without values, or if one is NaN."""
    array = np.asarray(values, float)
    if not array.size or np.isnan(array).any():
        return None
    margin = float(compute_margins(array)) if array.size > 1 else None
    return Estimate(float(array.mean()), margin, array.size)


def compute_margins(values_S: Floats) -> Floats:
    """Compute half the 95 % intervals of means over the first axis, of at least two values."""
    n = len(values_S)
    quantile: float = stats.t.ppf(1 - SIGNIFICANCE / 2, n - 1)
    return np.asarray(quantile * values_S.std(axis=0, ddof=1) / sqrt(n))


def compute_sign_flip_p(differences: Sequence[float] | Floats) -> float:
    """Compute the two-sided p-value of a mean paired difference by a sign-flip test.

    Without a true difference each pair could equally have the opposite sign. The p-value is the
    share of all flips with a mean at least as far from 0.
    """
    if len(differences) < 2:
        return 1.0
    result = stats.permutation_test(
        (np.asarray(differences, float),),
        np.mean,
        permutation_type="samples",
        n_resamples=_RESAMPLES,
        vectorized=True,
        batch=1000,
        rng=np.random.default_rng(0),
    )
    return float(result.pvalue)


def correct_p_values(p_values: Sequence[float]) -> list[float]:
    """Correct p-values for multiple tests: the risk of any wrong claim stays 5 %.

    Source: S. Holm, "A simple sequentially rejective multiple test procedure", 1979.
    """
    order = np.argsort(p_values, kind="stable")
    scaled = np.asarray(p_values)[order] * np.arange(len(order), 0, -1)
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(1, np.maximum.accumulate(scaled))
    return [float(p) for p in corrected]


def compute_least_p(pairs: int, comparisons: int) -> float:
    """Return the smallest possible p-value for a number of pairs, corrected for comparisons."""
    return min(1.0, comparisons * 2.0 / 2.0**pairs)


def count_pairs_needed(comparisons: int) -> int:
    """Return the minimum number of pairs of studies that can show a difference."""
    return next(n for n in count(1) if compute_least_p(n, comparisons) < SIGNIFICANCE)
