"""ScheduledDropPath: drops paths of a cell, more of them as the training proceeds.

Zoph et al. 2018, section 4 and appendix A.7: the probability grows linearly with time. In the
authors' code (slim, its default "v3") it also grows linearly from the first cell to the last.

Shapes: N batch, C channels, H height, W width.
"""

from __future__ import annotations

from timm.layers import drop_path  # type: ignore[attr-defined]
from torch import Tensor, nn


class ScheduledDropPath(nn.Module):
    """Drops a path for each example independently, and rescales kept paths.

    Does nothing in evaluation.

    Args:
        drop: probability of a drop at the end of the training.

    Attributes:
        training_progress: the completed fraction of the training steps; set by the trainer.
    """

    def __init__(self, drop: float) -> None:
        super().__init__()
        self.drop = drop
        self.training_progress = 0.0

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Return the map, or zeros in its place; each call draws again."""
        y_NCHW: Tensor = drop_path(x_NCHW, self.drop * self.training_progress, self.training)
        return y_NCHW
