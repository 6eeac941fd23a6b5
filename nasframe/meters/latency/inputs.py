"""The reference network, and seeded random inputs for measured networks."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from nasframe.training.devices import seed_generators

if TYPE_CHECKING:
    from torch import nn

REFERENCE = "mobilenetv3_small_100"
"""timm's name of the reference network: small, supported by every runtime, and made of the
operations of mobile networks (Howard et al. 2019)."""

CPU = torch.device("cpu")


class Examples(Protocol):
    """Description of a network's inputs, as a task gives it."""

    @property
    def kind(self) -> str:
        """Kind of the data: ``image`` or ``sequence``."""

    @property
    def outputs(self) -> int:
        """Number of outputs; for sequences the size of the vocabulary."""

    def example(self) -> tuple[Any, ...]:
        """Return example arguments of a network."""


def build_reference() -> tuple[nn.Module, tuple[Tensor]]:
    """Build the reference network in evaluation mode, and its input of shape (1, 3, 224, 224)."""
    import timm

    with seed_generators(0, CPU):
        network = timm.create_model(REFERENCE).eval()
        return network, (torch.randn(1, 3, 224, 224),)


def draw_inputs(task: Examples, batch: int) -> tuple[Any, ...]:
    """Draw arguments of a network, shaped like the task's example, for a batch size.

    The seed is fixed. The example itself is all zeros, which some processors compute faster.
    """
    axis = 1 if task.kind == "sequence" else 0

    def draw(value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value  # the first state of a sequence
        shape = list(value.shape)
        shape[axis] = batch
        if value.is_floating_point():
            return torch.randn(shape)
        return torch.randint(task.outputs, shape)

    with seed_generators(0, CPU):
        return tuple(draw(value) for value in task.example())


@contextmanager
def flush_denormals() -> Iterator[None]:
    """Flush numbers below 1e-38 to 0 inside the block, in the calling thread.

    In an untrained network, activations can shrink from layer to layer until they are denormal,
    which slows down a processor many times. Trained networks do not show this.
    """
    before = bool(torch.tensor(1e-40) == 0)
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(before)
