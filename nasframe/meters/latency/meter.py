"""How long a network takes, measured by running it (Tan et al. 2019, 3 and 4.2)."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from nasframe.api.parts import Meter, SearchSpace, Task
from nasframe.api.types import Architecture, Context, Metrics
from nasframe.meters.latency.inputs import CPU, random_inputs, reference
from nasframe.meters.latency.runtimes import Runtime, in_words
from nasframe.meters.latency.timing import METRICS, Run, measure
from nasframe.storage.locks import exclusive_lock
from nasframe.training.devices import seeded

if TYPE_CHECKING:
    from torch import nn


class LatencyMeter(Meter):
    """Measures each network beside the reference network, which runs in the same way.

    ``latency_ms`` is the median, and ``latency_ratio`` that of the ratios to the reference;
    ``_low`` and ``_high`` enclose them with a probability of 95 %. ``latency_runs`` tells how many
    runs were timed, ``latency_converged`` whether the interval of the ratio is as narrow as was
    wanted (1) or the time was over before (0), ``latency_other_load`` how many cores other
    processes kept busy, and ``latency_contended`` whether those are too many (1) to trust it.

    Args:
        runtime: runs the networks.
        space: makes the networks.
        task: their inputs.
        batch: inputs that a network gets at once.
        interval: the width of the 95 % interval of the ratio at which a measurement ends.
        seconds: how long a measurement takes, at most.
    """

    provides = METRICS

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
        self.device = in_words(runtime.device, f"batch {batch}")
        self._batch = batch
        self._interval = interval
        self._seconds = seconds
        self._runtime = runtime
        self._space = space
        self._task = task

    def measure(self, architecture: Architecture, context: Context) -> Metrics:
        """Measure the network, with the weights that its training would begin with."""
        network = built(self._space, architecture, self._task, context.seed)
        with exclusive_lock():
            subject = self._runtime.prepare(network, random_inputs(self._task, self._batch))
            pair = (subject, self._reference)
            (timing,) = measure([pair], width=self._interval, seconds=self._seconds)
        return timing.metrics()

    @cached_property
    def _reference(self) -> Run:
        return self._runtime.prepare(*reference())


def built(space: SearchSpace, architecture: Architecture, task: Task, seed: int) -> nn.Module:
    """The network in evaluation mode, with seeded weights."""
    with seeded(seed, CPU):
        return space.build(architecture, task).eval()
