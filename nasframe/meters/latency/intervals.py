"""Medians of measured times, with confidence intervals.

Successive times on a shared machine are not independent: a neighbour's load or a change of the
clock lasts for many of them. An interval that assumes independence is far too narrow. So the
measurement is cut into blocks, and the sample is the medians of the blocks. A disturbance shorter
than half a block does not change its median. A longer one makes the medians differ, and the
interval wide.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

BLOCKS = 17
"""Number of blocks of a measurement. The 5th lowest and the 5th highest of 17 medians enclose the
true median with a probability of 95.1 %; no number near 17 comes closer to 95 % from above."""

MIN_VALUES = 6
"""Minimum number of values whose extremes enclose the true median with 95 % probability."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A median with the bounds of its 95 % interval."""

    median: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """Width of the interval relative to the median."""
        return (self.high - self.low) / self.median


def find_bound_rank(count: int) -> int:
    """Return the rank, from either end of ``count`` sorted values, of the bounds of the interval.

    The true median lies below the k-th of n independent values if fewer than k of them fall below
    it. For any distribution that is as likely as fewer than k heads in n tosses of a coin.
    """
    heads, chance = 0, 0.5**count
    while chance <= 0.025:
        heads += 1
        chance += math.comb(count, heads) * 0.5**count
    return max(heads, 1)


def compute_interval(values: Sequence[float]) -> Interval:
    """Compute the interval of values in time order; below six values, the bounds are extremes."""
    medians = sorted(map(median, split_into_blocks(values)))
    bound = find_bound_rank(len(medians))
    return Interval(median(medians), medians[bound - 1], medians[-bound])


def split_into_blocks(values: Sequence[float]) -> list[Sequence[float]]:
    """Split values into at most 17 consecutive blocks of nearly equal length."""
    blocks = min(BLOCKS, len(values))
    edges = [len(values) * i // blocks for i in range(blocks + 1)]
    return [values[a:b] for a, b in itertools.pairwise(edges)]
