"""The second classifier of a NASNet in training (the paper's A.7; shapes as in slim)."""

from __future__ import annotations

from torch import nn

from nasframe import NasframeError
from nasframe_nasnet.layers import Pointwise, ReluFirst

WINDOW = 5
"""Side of the averaging window, and of the smallest valid map."""


def make_auxiliary_head(channels: int, size: tuple[int, int], outputs: int) -> nn.Module:
    """Build the classifier of a map (N, C, H, W), with logits (N, outputs).

    It averages 5x5 windows, and then has one convolution over all of them.

    Args:
        channels: channels of the map.
        size: height and width of the map.
        outputs: the number of classes.

    Raises:
        NasframeError: if the map is smaller than 5x5.
    """
    if min(size) < WINDOW:
        raise NasframeError(
            f"auxiliary=true: the map before the second Reduction cell is {size[0]}x{size[1]}, "
            "but must be 5x5 or larger; use larger images or auxiliary=false (in a recipe: "
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
