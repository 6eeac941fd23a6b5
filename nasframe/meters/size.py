"""How large a network is: parameters and multiply-adds."""

from __future__ import annotations

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from nasframe.api import Architecture, Context, Meter, Metrics, SearchSpace, Task


class SizeMeter(Meter):
    """Sizes in evaluation, of an input: what serves the training alone does not count.

    ``parameters`` are those that are read, ``macs`` the multiply-adds of convolutions and matrix
    products.
    """

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
            with _Reads() as reads, counter:
                network(*self._task.example())
        return {
            "parameters": sum(p.numel() for p in network.parameters() if id(p) in reads.seen),
            "macs": counter.get_total_flops() // 2,
        }


class _Reads(TorchDispatchMode):
    """Notes which tensors are read."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Note the tensors among the arguments, and compute."""
        self.seen.update(id(leaf) for leaf in tree_leaves((args, kwargs)))
        return func(*args, **(kwargs or {}))
