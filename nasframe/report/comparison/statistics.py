"""Means with their uncertainty, and tests of differences between pairs of studies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from math import sqrt

import numpy as np
from scipy import stats

from nasframe.report.comparison.studies import Floats

SIGNIFICANCE = 0.05
"""A difference with a lower p-value is said to be there; intervals hold 1 minus this."""

_RESAMPLES = 99_999
"""Up to 16 pairs all flips of signs are tried; for more this many that are drawn."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean over seeds.

    Attributes:
        mean: over the seeds.
        margin: half the width of its 95 % interval by Student's t; ``None`` for one seed.
        count: how many seeds there are.
    """

    mean: float
    margin: float | None
    count: int


def estimate(values: Sequence[float] | Floats) -> Estimate | None:
    """The mean and its interval; ``None`` of no values, or if one is not a number."""
    array = np.asarray(values, float)
    if not array.size or np.isnan(array).any():
        return None
    margin = float(margins(array)) if array.size > 1 else None
    return Estimate(float(array.mean()), margin, array.size)


def margins(values_S: Floats) -> Floats:
    """Half the width of the 95 % intervals of means over the first axis: at least two values."""
    n = len(values_S)
    quantile: float = stats.t.ppf(1 - SIGNIFICANCE / 2, n - 1)
    return np.asarray(quantile * values_S.std(axis=0, ddof=1) / sqrt(n))


def sign_flip_p(differences: Sequence[float] | Floats) -> float:
    """The two-sided p-value of a mean difference over pairs, by flipping signs.

    If there were no difference, each pair could as well have had the other sign. The p-value is
    the share of all flips that have a mean at least as far from 0.
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


def holm(p_values: Sequence[float]) -> list[float]:
    """Corrected p-values: of all of them together, 5 % is still the risk of one wrong claim.

    Source: S. Holm, "A simple sequentially rejective multiple test procedure", 1979.
    """
    order = np.argsort(p_values, kind="stable")
    scaled = np.asarray(p_values)[order] * np.arange(len(order), 0, -1)
    corrected = np.empty(len(order))
    corrected[order] = np.minimum(1, np.maximum.accumulate(scaled))
    return [float(p) for p in corrected]


def least_p(pairs: int, comparisons: int) -> float:
    """Return the smallest possible p-value for a number of pairs, corrected for comparisons."""
    return min(1.0, comparisons * 2.0 / 2.0**pairs)


def pairs_needed(comparisons: int) -> int:
    """How many pairs of studies it takes at least to show a difference."""
    return next(n for n in count(1) if least_p(n, comparisons) < SIGNIFICANCE)
