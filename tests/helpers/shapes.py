"""What a search space knows of a task, without a task."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Images:
    """The shape of an image task."""

    input_shape: tuple[int, ...] = (3, 32, 32)
    outputs: int = 10
    kind: str = "image"

    def example(self) -> tuple[Tensor]:
        """One image, as a meter wants it."""
        return (torch.zeros(1, *self.input_shape),)
