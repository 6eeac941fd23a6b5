"""How large a network is: parameters, multiply-adds, and what they and activations take."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor
from torch.multiprocessing.reductions import StorageWeakRef
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from nasframe.api.parts import Meter, SearchSpace, Task
from nasframe.api.types import Architecture, Context, Metrics


class SizeMeter(Meter):
    """Sizes in evaluation, of one input: what serves the training alone does not count.

    ``parameters`` are those that are read, ``macs`` the multiply-adds of convolutions and matrix
    products. ``model_bytes`` are those of the parameters and buffers that are read.

    ``activation_bytes`` is the most that activations take at a time, in float32 as the network is.
    An activation is what an operation of PyTorch writes into memory of its own: neither the input
    nor a parameter, nor a view or what is done in place. It counts from the operation that writes
    it to the last one that reads it, both included, and to the end if the network returns it; what
    is never read does not count. PyTorch itself may need more, as it frees an activation when no
    variable has it any more.
    """

    provides = ("parameters", "macs", "activation_bytes", "model_bytes")

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
            example = self._task.example()
            counter = FlopCounterMode(display=False)
            with _Trace() as trace, counter:
                output = network(*example)
        trace.read(output)
        parameters = [p for p in network.parameters() if id(p) in trace.seen]
        buffers = [b for b in network.buffers() if id(b) in trace.seen]
        return {
            "parameters": sum(p.numel() for p in parameters),
            "macs": counter.get_total_flops() // 2,
            "activation_bytes": trace.most_bytes(),
            "model_bytes": sum(tensor.nbytes for tensor in (*parameters, *buffers)),
        }


class _Trace(TorchDispatchMode):
    """Notes which tensors are read, when memory is written first, and when it is read last."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: set[int] = set()
        self._step = 0
        self._born: dict[StorageWeakRef, tuple[int, int]] = {}
        self._read: dict[StorageWeakRef, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Note the tensors among the arguments, compute, and note what memory is new."""
        self._step += 1
        self.read((args, kwargs))
        result = func(*args, **(kwargs or {}))
        for tensor in _tensors(result):
            memory = _memory(tensor)
            if memory not in self._read:
                self._born.setdefault(memory, (self._step, tensor.untyped_storage().nbytes()))
        return result

    def read(self, tree: Any) -> None:
        """Note that the tensors in nested containers are read now."""
        for tensor in _tensors(tree):
            self.seen.add(id(tensor))
            self._read[_memory(tensor)] = self._step

    def most_bytes(self) -> int:
        """The most bytes at any step that were written until then, and are still to be read."""
        changes = [0] * (self._step + 2)
        for memory, (born, size) in self._born.items():
            if memory in self._read:  # not so the indices that a pool gives, too
                changes[born] += size
                changes[self._read[memory] + 1] -= size
        return max(accumulate(changes))


def _tensors(tree: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor))


def _memory(tensor: Tensor) -> StorageWeakRef:
    """What tells a tensor's memory from all other: it is freed, but its address not used again."""
    return StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]
