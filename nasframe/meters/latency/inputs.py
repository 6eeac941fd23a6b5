"""What is measured: networks with seeded weights, and inputs for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from nasframe.training.devices import seeded

if TYPE_CHECKING:
    from torch import nn

REFERENCE = "mobilenetv3_small_100"
"""timm's name of the network to which all others are compared: small, in every runtime's tests,
and of the operations that mobile networks are made of (Howard et al. 2019)."""

CPU = torch.device("cpu")


class Examples(Protocol):
    """What a task says of the inputs of its networks."""

    @property
    def kind(self) -> str:
        """What the data are: ``image`` or ``sequence``."""

    @property
    def outputs(self) -> int:
        """How many tokens there are, of a sequence."""

    def example(self) -> tuple[Any, ...]:
        """Arguments with which a network can be called."""


def reference() -> tuple[nn.Module, tuple[Tensor]]:
    """The reference network in evaluation mode, and its input: one image of 224 pixels."""
    import timm

    with seeded(0, CPU):
        network = timm.create_model(REFERENCE).eval()
        return network, (torch.randn(1, 3, 224, 224),)


def random_inputs(task: Examples, batch: int) -> tuple[Any, ...]:
    """Arguments of a network, always the same, shaped as the task's example but for the batch.

    The example is all zeros, with which some processors compute faster.
    """
    axis = 1 if task.kind == "sequence" else 0

    def drawn(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value  # the first state of a sequence
        shape = list(value.shape)
        shape[axis] = batch
        if value.is_floating_point():
            return torch.randn(shape)
        return torch.randint(task.outputs, shape)

    with seeded(0, CPU):
        return tuple(drawn(value) for value in task.example())


@contextmanager
def without_denormals() -> Iterator[None]:
    """Take numbers below 1e-38 for 0 inside the block, in the calling thread.

    In a network that was not trained, activations can shrink from layer to layer until a processor
    computes with them many times more slowly, which no trained network shows.
    """
    before = bool(torch.tensor(1e-40) == 0)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)
