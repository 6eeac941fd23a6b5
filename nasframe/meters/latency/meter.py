"""Latency of a network, measured by running it (Tan et al. 2019, sections 3 and 4.2)."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from nasframe.api.parts import Meter, SearchSpace, Task
from nasframe.api.types import Architecture, Context, Metrics
from nasframe.meters.latency.inputs import CPU, build_reference, draw_inputs
from nasframe.meters.latency.runtimes import Runtime, join_words
from nasframe.meters.latency.timing import LATENCY_METRICS, TimedRun, measure_pairs
from nasframe.storage.locks import exclusive_lock
from nasframe.training.devices import seed_generators

if TYPE_CHECKING:
    from torch import nn


class LatencyMeter(Meter):
    """Measures each network in turns with the reference network, in the same runtime.

    ``latency_ms`` is the median of the runs, ``latency_ratio`` the median of the ratios to the
    reference; ``_low`` and ``_high`` are the bounds of their 95 % intervals. ``latency_runs`` is
    the number of timed runs, ``latency_converged`` 1 if the interval of the ratio became narrow
    enough and 0 if the time ran out, ``latency_other_load`` the number of cores that other
    processes kept busy, ``latency_contended`` 1 if that load is too high to trust the latency.

    Args:
        runtime: runs the networks.
        space: builds the networks.
        task: gives the shape of their inputs.
        batch: inputs per run.
        interval: relative width of the 95 % interval of the ratio at which a measurement stops.
        seconds: maximum time of a measurement.
    """

    provides = LATENCY_METRICS

    def __init__(
        self,
        runtime: Runtime,
        space: SearchSpace,
        task: Task,
        *,
        batch: int,
        interval: float,
        seconds: float,
    ) -> None:
        self.device = join_words(runtime.device, f"batch {batch}")
        self._batch = batch
        self._interval = interval
        self._seconds = seconds
        self._runtime = runtime
        self._space = space
        self._task = task

    def measure(self, architecture: Architecture, context: Context) -> Metrics:
        """Measure the network with the initial weights of its training."""
        network = build_seeded(self._space, architecture, self._task, context.seed)
        with exclusive_lock():
            subject = self._runtime.prepare(network, draw_inputs(self._task, self._batch))
            pair = (subject, self._reference)
            (timing,) = measure_pairs([pair], width=self._interval, seconds=self._seconds)
        return timing.metrics()

    @cached_property
    def _reference(self) -> TimedRun:
        return self._runtime.prepare(*build_reference())


def build_seeded(
    space: SearchSpace, architecture: Architecture, task: Task, seed: int
) -> nn.Module:
    """Build the network in evaluation mode, with seeded weights."""
    with seed_generators(seed, CPU):
        return space.build(architecture, task).eval()
