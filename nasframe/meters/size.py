"""How large a network is: parameters and multiply-adds."""

from __future__ import annotations

import torch
from torch.utils.flop_counter import FlopCounterMode

from nasframe.api import Architecture, Context, Meter, Metrics, SearchSpace, Task


class SizeMeter(Meter):
    """``parameters``, and ``macs``: multiply-adds of convolutions and matrix products an input."""

    provides = ("parameters", "macs")

    def __init__(self, space: SearchSpace, task: Task) -> None:
        self._space = space
        self._task = task

    def measure(self, architecture: Architecture, context: Context) -> Metrics:
        """Count on the meta device, which computes nothing, if the network can be made there."""
        with torch.random.fork_rng(devices=[]):
            try:
                return self._count(architecture, torch.device("meta"))
            except (RuntimeError, TypeError):  # it looks at the value of some tensor
                return self._count(architecture, torch.device("cpu"))

    def _count(self, architecture: Architecture, device: torch.device) -> Metrics:
        with device, torch.no_grad():
            network = self._space.build(architecture, self._task).eval()
            counter = FlopCounterMode(display=False)
            with counter:
                network(*self._task.example())
        return {
            "parameters": sum(p.numel() for p in network.parameters()),
            "macs": counter.get_total_flops() // 2,
        }
