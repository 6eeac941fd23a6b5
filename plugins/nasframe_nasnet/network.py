"""Networks of NASNet cells (section 3 of the paper; the skeleton is that of the authors' code).

Shapes: N batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import torch.nn.functional as F
from torch import Tensor, nn

from nasframe_nasnet.cell import Cell, Shape
from nasframe_nasnet.genotype import Genotype
from nasframe_nasnet.layers import conv


class Layer(NamedTuple):
    """One cell of a network: what it computes, the channels of its states, and its stride."""

    genotype: Genotype
    filters: int
    stride: int


class NASNet(nn.Module):
    """A stem, cells of which each reads the outputs of the two before, and a classifier.

    Args:
        stem: from the image to the first map.
        stem_channels: the channels of that map.
        layers: the cells in their order.
        outputs: the number of classes.
    """

    def __init__(
        self, stem: nn.Module, stem_channels: int, layers: Iterable[Layer], outputs: int
    ) -> None:
        super().__init__()
        self.stem = stem
        self.cells = nn.ModuleList()
        previous, current = None, Shape(stem_channels, 0)
        for layer in layers:
            cell = Cell(*layer, current, previous)
            self.cells.append(cell)
            previous, current = current, cell.shape
        self.classifier = nn.Linear(current.channels, outputs)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Logits of shape (N, outputs)."""
        previous_NCHW = current_NCHW = self.stem(x_NCHW)
        for cell in self.cells:
            previous_NCHW, current_NCHW = current_NCHW, cell(current_NCHW, previous_NCHW)
        logits: Tensor = self.classifier(F.relu(current_NCHW).mean((2, 3)))
        return logits


def cifar_stem(channels: int, filters: int) -> nn.Module:
    """A 3x3 convolution at full resolution and batch norm, for small images."""
    return nn.Sequential(conv(channels, filters, 3), nn.BatchNorm2d(filters))


def stack(
    normal: Genotype, reduction: Genotype, filters: int, cells: int, stages: int
) -> Iterator[Layer]:
    """Stages of Normal cells with a Reduction cell between, which doubles the filters.

    Args:
        normal: the cell that keeps the size of its map.
        reduction: the cell that halves it.
        filters: channels of a state in the first stage.
        cells: Normal cells in a stage.
        stages: how many stages there are.
    """
    for stage in range(stages):
        width = filters << stage
        if stage:
            yield Layer(reduction, width, stride=2)
        yield from [Layer(normal, width, stride=1)] * cells
