"""How long networks take, against a reference network that is measured beside them.

The milliseconds of a network change with the machine's clock, its neighbours and its temperature
by more than what networks differ by. What they are of the reference's, measured right before or
after, changes far less.
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

from nasframe.meters.latency.contention import MUCH, OtherLoad
from nasframe.meters.latency.intervals import BLOCKS, FEWEST, Interval, interval

Run: TypeAlias = Callable[[int], float]
"""Runs a network so many times, one after the other; returns the seconds of all."""

Clock: TypeAlias = Callable[[], float]

TIMED_SECONDS = 0.0002
"""Shorter networks are run several times for one look at the clock, which then costs nothing."""

SAMPLE_SECONDS = 0.005
"""A sample is the median of as many such times as fit in here: on a machine that is not quiet,
the process is interrupted in the middle of many of them."""

SHORT_SECONDS = 0.02
"""Shorter networks have an untimed sample before each timed one: nothing of them is left in the
caches. The first run of a network of 1 ms is slower by a half, the second one by 14 %."""

LEAST_SECONDS = 0.5
"""A measurement lasts at least so long: its blocks are then longer than the turns in which an
operating system gives cores to processes."""

WARM_UP = 0.2
"""Which part of the time may go into the warm-up, at most."""

AGREE = 0.02
"""The warm-up ends when the medians of two of its blocks in a row differ by no larger part."""


@dataclass(frozen=True, slots=True)
class Timing:
    """What was measured of one network.

    Attributes:
        ms: milliseconds of a run.
        ratio: of them to the reference's, always to the neighbouring ones.
        runs: how many were timed.
        converged: whether the interval of the ratio is as narrow as was wanted.
        other_load: how many cores others kept busy meanwhile.
    """

    ms: Interval
    ratio: Interval
    runs: int
    converged: bool
    other_load: float

    def metrics(self) -> dict[str, float]:
        """As the metrics of a meter, which ``METRICS`` names."""
        times = (self.ms.median, self.ms.low, self.ms.high)
        ratios = (self.ratio.median, self.ratio.low, self.ratio.high)
        contended = self.other_load > MUCH
        rest = (self.runs, int(self.converged), self.other_load, int(contended))
        return dict(zip(METRICS, (*times, *ratios, *rest), strict=True))


METRICS = (
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


def measure(
    pairs: Sequence[tuple[Run, Run]],
    *,
    width: float,
    seconds: float,
    clock: Clock = time.perf_counter,
) -> list[Timing]:
    """Measure networks in turns, so that what changes meanwhile hits all alike.

    Args:
        pairs: each network, and the reference that it is measured beside.
        width: how wide the 95 % interval of a ratio may be, as a share of the ratio; it ends when
            all are as narrow.
        seconds: how long it takes, warm-up included, if they never are.
        clock: tells the seconds.
    """
    with _no_collections():
        start = clock()
        share = WARM_UP * seconds / (2 * len(pairs))
        races = [
            _Race(_Contender(subject, share, clock), _Contender(reference, share, clock))
            for subject, reference in pairs
        ]
        load, begun = OtherLoad(), clock()
        rounds, check = 0, BLOCKS
        while True:
            for race in races:
                race.run()
            rounds += 1
            now = clock()
            if now + (now - begun) / rounds > start + seconds:
                break
            if rounds >= check and now - begun >= LEAST_SECONDS:
                if all(race.converged(width) for race in races):
                    break
                # Looking too often would find the interval narrow by chance.
                check = math.ceil(1.25 * rounds)
        other_load = load.cores()
        return [race.timing(width, other_load) for race in races]


class _Contender:
    """A network that is warm, and how it is sampled.

    Attributes:
        runs: how many runs a sample times.
    """

    def __init__(self, run: Run, seconds: float, clock: Clock) -> None:
        self._run = run
        a_run = _warm_up(run, seconds, clock)
        self._repeats = math.ceil(TIMED_SECONDS / a_run)
        self._times = math.ceil(SAMPLE_SECONDS / (a_run * self._repeats))
        self.runs = self._repeats * self._times
        self._lead = self.runs if a_run < SHORT_SECONDS else 0

    def sample(self) -> float:
        """Milliseconds of a run."""
        if self._lead:
            self._run(self._lead)
        times = [self._run(self._repeats) for _ in range(self._times)]
        return 1000 * median(times) / self._repeats


def _warm_up(run: Run, seconds: float, clock: Clock) -> float:
    """Run until it gets no faster or slower, but not for longer; returns the seconds of a run."""
    end = clock() + seconds
    before = math.inf
    while True:
        block_end = clock() + 2 * SAMPLE_SECONDS
        times = [run(1)]
        while clock() < end and (clock() < block_end or len(times) < 3):
            times.append(run(1))
        now = median(times)
        if clock() >= end or (1 - AGREE) * before <= now <= (1 + AGREE) * before:
            return now
        before = now


@dataclass(slots=True)
class _Race:
    """A network beside its reference."""

    subject: _Contender
    reference: _Contender
    ms: list[float] = field(default_factory=list)
    ratios: list[float] = field(default_factory=list)

    def run(self) -> None:
        """Sample both twice, there and back: what changes steadily meanwhile cancels."""
        there = self.subject.sample()
        reference = self.reference.sample() + self.reference.sample()
        back = self.subject.sample()
        self.ms += [there, back]
        self.ratios.append((there + back) / reference)

    def converged(self, width: float) -> bool:
        return len(self.ratios) >= FEWEST and interval(self.ratios).width <= width

    def timing(self, width: float, other_load: float) -> Timing:
        return Timing(
            ms=interval(self.ms),
            ratio=interval(self.ratios),
            runs=len(self.ms) * self.subject.runs,
            converged=self.converged(width),
            other_load=other_load,
        )


@contextmanager
def _no_collections() -> Iterator[None]:
    """Collect garbage before, and none inside the block."""
    was_enabled = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()
