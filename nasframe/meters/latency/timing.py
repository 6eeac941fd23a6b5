"""Timing of networks, relative to a reference network measured in turns with them.

The milliseconds of a network change with the machine's clock, its neighbours and its temperature
by more than networks differ. The ratio to the reference, measured right before or after, changes
far less.
"""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from statistics import median
from typing import TypeAlias

from nasframe.meters.latency.contention import CONTENDED_CORES, OtherLoad
from nasframe.meters.latency.intervals import BLOCKS, MIN_VALUES, Interval, compute_interval

TimedRun: TypeAlias = Callable[[int], float]
"""Function that runs a network a number of times in a row and returns the total seconds."""

Clock: TypeAlias = Callable[[], float]

TIMED_SECONDS = 0.0002
"""Minimum seconds between two readings of the clock, whose cost is then negligible; shorter
networks run several times."""

SAMPLE_SECONDS = 0.005
"""Seconds of a sample, which is the median of all times that fit: on a busy machine many single
times contain an interruption."""

SHORT_SECONDS = 0.02
"""Duration below which a network gets an untimed sample before each timed one, because the caches
hold nothing of it. The first run of a network of 1 ms is 50 % slower, the second 14 %."""

LEAST_SECONDS = 0.5
"""Minimum duration of a measurement: its blocks are then longer than the time slices of the
operating system."""

WARM_UP = 0.2
"""Maximum share of the time for the warm-up."""

AGREE = 0.02
"""Relative difference of the medians of two successive blocks at which the warm-up ends."""


@dataclass(frozen=True, slots=True)
class Timing:
    """Measured latency of a network.

    Attributes:
        ms: milliseconds of a run.
        ratio: ratio of a run to the neighbouring runs of the reference.
        runs: number of timed runs.
        converged: whether the interval of the ratio became narrow enough.
        other_load: cores that other processes kept busy meanwhile.
    """

    ms: Interval
    ratio: Interval
    runs: int
    converged: bool
    other_load: float

    def metrics(self) -> dict[str, float]:
        """Return the metrics of a meter, by the names in ``LATENCY_METRICS``."""
        times = (self.ms.median, self.ms.low, self.ms.high)
        ratios = (self.ratio.median, self.ratio.low, self.ratio.high)
        contended = self.other_load > CONTENDED_CORES
        rest = (self.runs, int(self.converged), self.other_load, int(contended))
        return dict(zip(LATENCY_METRICS, (*times, *ratios, *rest), strict=True))


LATENCY_METRICS = (
    "latency_ms",
    "latency_ms_low",
    "latency_ms_high",
    "latency_ratio",
    "latency_ratio_low",
    "latency_ratio_high",
    "latency_runs",
    "latency_converged",
    "latency_other_load",
    "latency_contended",
)


def measure_pairs(
    pairs: Sequence[tuple[TimedRun, TimedRun]],
    *,
    width: float,
    seconds: float,
    clock: Clock = time.perf_counter,
) -> list[Timing]:
    """Measure networks in turns, so that changes of the machine affect all alike.

    Args:
        pairs: each network with its reference.
        width: relative width of the 95 % intervals of the ratios at which the measurement stops.
        seconds: maximum time of the measurement, warm-up included.
        clock: returns the time in seconds.
    """
    with _pause_collections():
        start = clock()
        share = WARM_UP * seconds / (2 * len(pairs))
        races = [
            _Race(_Contender(subject, share, clock), _Contender(reference, share, clock))
            for subject, reference in pairs
        ]
        load, race_start = OtherLoad(), clock()
        rounds, check = 0, BLOCKS
        while True:
            for race in races:
                race.run()
            rounds += 1
            now = clock()
            if now + (now - race_start) / rounds > start + seconds:
                break
            if rounds >= check and now - race_start >= LEAST_SECONDS:
                if all(race.has_converged(width) for race in races):
                    break
                # Frequent checks would find the interval narrow by chance.
                check = math.ceil(1.25 * rounds)
        other_load = load.cores()
        return [race.summarize(width, other_load) for race in races]


class _Contender:
    """A network after its warm-up, with the plan of its samples.

    Attributes:
        runs: number of timed runs in a sample.
    """

    def __init__(self, run: TimedRun, seconds: float, clock: Clock) -> None:
        self._run = run
        run_seconds = _warm_up(run, seconds, clock)
        self._repeats = math.ceil(TIMED_SECONDS / run_seconds)
        self._times = math.ceil(SAMPLE_SECONDS / (run_seconds * self._repeats))
        self.runs = self._repeats * self._times
        self._lead = self.runs if run_seconds < SHORT_SECONDS else 0

    def sample(self) -> float:
        """Take a sample: milliseconds of a run."""
        if self._lead:
            self._run(self._lead)
        times = [self._run(self._repeats) for _ in range(self._times)]
        return 1000 * median(times) / self._repeats


def _warm_up(run: TimedRun, seconds: float, clock: Clock) -> float:
    """Run until the speed is steady, for at most ``seconds``; returns the seconds of a run."""
    end = clock() + seconds
    previous = math.inf
    while True:
        block_end = clock() + 2 * SAMPLE_SECONDS
        times = [run(1)]
        while clock() < end and (clock() < block_end or len(times) < 3):
            times.append(run(1))
        current = median(times)
        if clock() >= end or (1 - AGREE) * previous <= current <= (1 + AGREE) * previous:
            return current
        previous = current


@dataclass(slots=True)
class _Race:
    """A network, its reference and their samples."""

    subject: _Contender
    reference: _Contender
    ms: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)

    def run(self) -> None:
        """Sample network, reference, reference, network: steady changes cancel in the ratio."""
        first = self.subject.sample()
        reference = self.reference.sample() + self.reference.sample()
        last = self.subject.sample()
        self.ms += [first, last]
        self.ratios.append((first + last) / reference)

    def has_converged(self, width: float) -> bool:
        return len(self.ratios) >= MIN_VALUES and compute_interval(self.ratios).width <= width

    def summarize(self, width: float, other_load: float) -> Timing:
        return Timing(
            ms=compute_interval(self.ms),
            ratio=compute_interval(self.ratios),
            runs=len(self.ms) * self.subject.runs,
            converged=self.has_converged(width),
            other_load=other_load,
        )


@contextmanager
def _pause_collections() -> Iterator[None]:
    """Collect garbage, then pause collections inside the block."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
