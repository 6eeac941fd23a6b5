"""Size of a network: parameters, multiply-adds, bytes of weights and activations."""

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
    """Sizes for one input in evaluation mode; parts used only in training do not count.

    ``parameters`` counts the parameters read, ``macs`` the multiply-adds of convolutions and matrix
    products. ``model_bytes`` are the bytes of the parameters and buffers read.

    ``activation_bytes`` is the peak memory of activations, in the network's own float32. An
    activation is a result that an operation of PyTorch writes into new memory: not the input, a
    parameter, a view or the result of an in-place operation. It counts from the operation that
    writes it to the last operation that reads it, both included, and to the end if the network
    returns it; a result never read does not count. PyTorch itself may need more, since it frees an
    activation only when no variable refers to it.
    """

    provides = ("parameters", "macs", "activation_bytes", "model_bytes")

    def __init__(self, space: SearchSpace, task: Task) -> None:
        self._space = space
        self._task = task

    def measure(self, architecture: Architecture, context: Context) -> Metrics:
        """Count on the meta device, which computes nothing, or on the CPU if that fails."""
        with torch.random.fork_rng(devices=[]):
            try:
                return self._count(architecture, torch.device("meta"))
            except (RuntimeError, TypeError):  # the network reads the value of a tensor
                return self._count(architecture, torch.device("cpu"))

    def _count(self, architecture: Architecture, device: torch.device) -> Metrics:
        with device, torch.no_grad():
            network = self._space.build(architecture, self._task).eval()
            example = self._task.example()
            counter = FlopCounterMode(display=False)
            with _Trace() as trace, counter:
                output = network(*example)
        trace.record_read(output)
        parameters = [p for p in network.parameters() if id(p) in trace.seen]
        buffers = [b for b in network.buffers() if id(b) in trace.seen]
        return {
            "parameters": sum(p.numel() for p in parameters),
            "macs": counter.get_total_flops() // 2,
            "activation_bytes": trace.compute_peak_bytes(),
            "model_bytes": sum(tensor.nbytes for tensor in (*parameters, *buffers)),
        }


class _Trace(TorchDispatchMode):
    """Record of the tensors read, and of the first write and last read of each memory."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seen: set[int] = set()
        self._step = 0
        self._written: dict[StorageWeakRef, tuple[int, int]] = {}
        self._read: dict[StorageWeakRef, int] = {}

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        """Record the arguments as read, run the operation, and record new memory."""
        self._step += 1
        self.record_read((args, kwargs))
        result = func(*args, **(kwargs or {}))
        for tensor in _iterate_tensors(result):
            memory = _memory_key(tensor)
            if memory not in self._read:
                self._written.setdefault(memory, (self._step, tensor.untyped_storage().nbytes()))
        return result

    def record_read(self, tree: Any) -> None:
        """Record that the tensors in nested containers are read now."""
        for tensor in _iterate_tensors(tree):
            self.seen.add(id(tensor))
            self._read[_memory_key(tensor)] = self._step

    def compute_peak_bytes(self) -> int:
        """Return the maximum over steps of the bytes already written and still to be read."""
        changes = [0] * (self._step + 2)
        for memory, (start, size) in self._written.items():
            if memory in self._read:  # unlike the indices that a pooling returns
                changes[start] += size
                changes[self._read[memory] + 1] -= size
        return max(accumulate(changes))


def _iterate_tensors(tree: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor))


def _memory_key(tensor: Tensor) -> StorageWeakRef:
    """Return a unique key of a tensor's memory: freed memory leaves its key unused."""
    return StorageWeakRef(tensor.untyped_storage())  # type: ignore[no-untyped-call]
