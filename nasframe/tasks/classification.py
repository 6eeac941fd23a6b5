"""Loss and metrics of image classification.

Shapes: N images of a batch, H x W pixels, C channels, K classes.
"""

from __future__ import annotations

from abc import ABC
from collections.abc import Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from nasframe.api.parts import Task


class Classification(Task, ABC):
    """Image classification: batches ``(x_NCHW, y_N)``, logits (N, K), maybe auxiliary logits."""

    kind = "image"
    provides = ("val_accuracy", "val_loss")
    label_smoothing: float = 0.0

    def loss(
        self, module: nn.Module, batch: tuple[Tensor, Tensor], state: Any
    ) -> tuple[Tensor, Any]:
        """Return the cross entropy, plus that of auxiliary logits times ``auxiliary_weight``."""
        x_NCHW, y_N = batch
        outputs = module(x_NCHW)
        loss = partial(F.cross_entropy, label_smoothing=self.label_smoothing)
        if isinstance(outputs, tuple):
            logits_NK, auxiliary_NK = outputs
            weight: Any = module.auxiliary_weight
            return loss(logits_NK, y_N) + weight * loss(auxiliary_NK, y_N), state
        return loss(outputs, y_N), state

    def tally(
        self, module: nn.Module, batch: tuple[Tensor, Tensor], state: Any
    ) -> tuple[Tensor, Any]:
        """Return the number of correct images, the sum of cross entropies, and N."""
        x_NCHW, y_N = batch
        logits_NK = module(x_NCHW).float()
        right = (logits_NK.argmax(1) == y_N).sum()
        loss = F.cross_entropy(logits_NK, y_N, reduction="sum")
        return torch.stack([right, loss, loss.new_tensor(len(y_N))]), state

    def metrics(self, tally: Sequence[float]) -> dict[str, float]:
        """Return ``val_accuracy`` from 0 to 1, and ``val_loss``, the mean cross entropy in nats."""
        right, loss, count = tally
        return {"val_accuracy": right / count, "val_loss": loss / count}

    def example(self) -> tuple[Tensor]:
        """Return one image of zeros."""
        return (torch.zeros(1, *self.input_shape),)
