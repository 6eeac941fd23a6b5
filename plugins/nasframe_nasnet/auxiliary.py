"""The second classifier that a NASNet has while it trains (the paper's A.7; shapes as in slim)."""

from __future__ import annotations

from torch import nn

from nasframe import NasframeError
from nasframe_nasnet.layers import Pointwise, ReluFirst

WINDOW = 5
"""Side of the averaging window, and so of the smallest map that the head can read."""


def auxiliary_head(channels: int, size: tuple[int, int], outputs: int) -> nn.Module:
    """From a map (N, C, H, W) to logits (N, outputs).

    Averages 5x5 windows, and looks at all of these with one convolution.

    Args:
        channels: of the map.
        size: height and width of the map.
        outputs: the number of classes.

    Raises:
        NasframeError: if the map is smaller than 5x5.
    """
    if min(size) < WINDOW:
        raise NasframeError(
            f"auxiliary=true: the map before the second Reduction cell is {size[0]}x{size[1]}, "
            "and must be 5x5 or larger: take larger images, or auxiliary=false (of a recipe: "
            "recipe.search_space.auxiliary)"
        )
    height, width = ((side - WINDOW) // 3 + 1 for side in size)
    return ReluFirst(
        nn.AvgPool2d(WINDOW, 3),
        Pointwise(channels, 128),
        nn.BatchNorm2d(128),
        nn.ReLU(inplace=True),
        nn.Conv2d(128, 768, (height, width), bias=False),
        nn.BatchNorm2d(768),
        nn.ReLU(inplace=True),
        nn.Flatten(),
        nn.Linear(768, outputs),
    )
