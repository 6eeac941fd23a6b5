"""Interleaved measurement of small networks and a reference network, one run each per turn.

The caches then hold the weights of the other parts, as inside a large network. A part that runs
many times in a row would be faster than it ever is inside the network.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from itertools import pairwise
from statistics import median

from nasframe.meters.latency.intervals import BLOCKS, Interval, compute_interval
from nasframe.meters.latency.timing import Clock, TimedRun

WARM_UP = 2
"""Number of turns before the measurement."""


def measure_in_turns(
    runs: Sequence[TimedRun],
    reference: TimedRun,
    *,
    width: float,
    seconds: float,
    clock: Clock = time.perf_counter,
) -> list[tuple[float, Interval]]:
    """Measure networks in turns, each relative to a reference network.

    Args:
        runs: the networks.
        reference: the reference network; it runs between any two turns.
        width: relative width of the 95 % intervals of the ratios at which the measurement stops.
        seconds: maximum time of the measurement, warm-up included.
        clock: returns the time in seconds.

    Returns:
        For each network the milliseconds of a run, and the interval of its ratio to the mean of
        the references before and after.
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
            ratios = [_compute_ratio(values, references) for values in times]
            if late or all(ratio.width <= width for ratio in ratios):
                ms = (1000 * median(values) for values in times)
                return list(zip(ms, ratios, strict=True))
            # Frequent checks would find the intervals narrow by chance.
            check = math.ceil(1.25 * len(turns))


def _compute_ratio(times: Sequence[float], references: Sequence[float]) -> Interval:
    neighbors = ((before + after) / 2 for before, after in pairwise(references))
    return compute_interval([time / mean for time, mean in zip(times, neighbors, strict=True)])
