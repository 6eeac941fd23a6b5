"""Small networks in turns with each other and with a reference network, each run once in a turn.

As in a network of which they are parts, the caches then hold the weights of the others: what runs
many times in a row is faster than it ever is there.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from nasframe.meters.latency.intervals import BLOCKS, Interval, interval
from nasframe.meters.latency.timing import Clock, Run

WARM_UP = 2
"""Turns that do not count."""


def in_turns(
    runs: Sequence[Run],
    reference: Run,
    *,
    width: float,
    seconds: float,
    clock: Clock = time.perf_counter,
) -> list[tuple[float, Interval]]:
    """Measure networks.

    Args:
        runs: the networks.
        reference: what they are compared with; it runs between any two turns.
        width: how wide the 95 % interval of a ratio may be, as a share of the ratio; it ends when
            all are as narrow.
        seconds: how long it takes, warm-up included, if they never are.
        clock: tells the seconds.

    Returns:
        Milliseconds of each network, and their ratio to the mean of the references before and
        after.
    """
    end = clock() + seconds
    for run in WARM_UP * (*runs, reference):
        run(1)
    references, turns = [reference(1)], []
    check = BLOCKS
    while True:
        turns.append([run(1) for run in runs])
        references.append(reference(1))
        late = clock() >= end
        if late or len(turns) >= check:
            times = list(zip(*turns, strict=True))
            ratios = [_ratio(one, references) for one in times]
            if late or all(ratio.width <= width for ratio in ratios):
                ms = (1000 * median(one) for one in times)
                return list(zip(ms, ratios, strict=True))
            # Looking too often would find the intervals narrow by chance.
            check = math.ceil(1.25 * len(turns))


def _ratio(times: Sequence[float], references: Sequence[float]) -> Interval:
    beside = ((before + after) / 2 for before, after in pairwise(references))
    return interval([one / both for one, both in zip(times, beside, strict=True)])
