"""Medians of measured times, and how far they can be trusted.

Times that follow one another on a shared machine are not independent: a neighbour's load or a
change of the clock lasts for many of them. An interval made as if they were independent is too
narrow by far. So the time of a measurement is cut into blocks, and the sample is the blocks'
medians: one number for each stretch of time, of which what disturbs it for less than half of the
stretch is gone already. What lasts longer makes the medians differ, and the interval wide.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

BLOCKS = 17
"""Into how many blocks a measurement is cut: the 5th of 17 medians and the 5th from above enclose
the true one with a probability of 95.1 %; no number near it comes as near to 95 from above."""

FEWEST = 6
"""Of fewer values not even the lowest and the highest enclose the true median at 95 %."""


@dataclass(frozen=True, slots=True)
class Interval:
    """A median, and the bounds between which the true one lies with a probability of 95 %."""

    median: float
    low: float
    high: float

    @property
    def width(self) -> float:
        """Its width as a share of the median."""
        return (self.high - self.low) / self.median


def rank(count: int) -> int:
    """Which of so many sorted values, counted from either end, bounds the interval.

    The true median lies below the k-th of n independent values if fewer than k of them fall below
    it: by chance as likely as fewer than k heads among n coins, whatever their distribution.
    """
    heads, chance = 0, 0.5**count
    while chance <= 0.025:
        heads += 1
        chance += math.comb(count, heads) * 0.5**count
    return max(heads, 1)


def interval(values: Sequence[float]) -> Interval:
    """The median of values that are in the order of time; below six the bounds are the extremes."""
    medians = sorted(map(median, in_blocks(values)))
    bound = rank(len(medians))
    return Interval(median(medians), medians[bound - 1], medians[-bound])


def in_blocks(values: Sequence[float]) -> list[Sequence[float]]:
    """The values in at most 17 blocks, as equal as can be."""
    blocks = min(BLOCKS, len(values))
    edges = [len(values) * i // blocks for i in range(blocks + 1)]
    return [values[a:b] for a, b in zip(edges, edges[1:], strict=False)]
