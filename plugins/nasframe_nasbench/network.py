"""The network of NAS-Bench-201 (Dong & Yang, ICLR 2020, section 2.1).

As in the authors' code, layers have torch's initialization. For a map with an odd side, the
shortcut of a reduction rounds up; the benchmark's images of 32x32 have no such map.

Shapes: N batch, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce

import torch
from torch import Tensor, nn

STAGES = 3

_INCOMING = ((0,), (1, 2), (3, 4, 5))
"""The edges to nodes 1, 2 and 3, in the order of their sources."""


class Zero(nn.Module):
    """A missing edge."""

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Return zeros."""
        return torch.zeros_like(x_NCHW)


def relu_conv_norm(channels: int, filters: int, kernel: int, stride: int = 1) -> nn.Sequential:
    """Make ReLU, convolution and batch norm."""
    conv = nn.Conv2d(channels, filters, kernel, stride, kernel // 2, bias=False)
    return nn.Sequential(nn.ReLU(), conv, nn.BatchNorm2d(filters))


_FACTORIES: dict[str, Callable[[int], nn.Module]] = {
    "none": lambda filters: Zero(),
    "skip_connect": lambda filters: nn.Identity(),
    "nor_conv_1x1": lambda filters: relu_conv_norm(filters, filters, 1),
    "nor_conv_3x3": lambda filters: relu_conv_norm(filters, filters, 3),
    "avg_pool_3x3": lambda filters: nn.AvgPool2d(3, 1, 1, count_include_pad=False),
}


class Cell(nn.Module):
    """A graph of four nodes; each is the sum of its edges' outputs from earlier nodes."""

    def __init__(self, operations: Sequence[str], filters: int) -> None:
        super().__init__()
        self.edges = nn.ModuleList(_FACTORIES[operation](filters) for operation in operations)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Compute the last node, a map of the same shape."""
        nodes_NCHW = [x_NCHW]
        for edges in _INCOMING:
            inputs = zip(edges, nodes_NCHW, strict=True)
            nodes_NCHW.append(reduce(torch.add, [self.edges[i](node) for i, node in inputs]))
        return nodes_NCHW[-1]


class Reduction(nn.Module):
    """The residual block between two stages: half the size, twice the channels."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        filters = 2 * channels
        self.body = nn.Sequential(
            relu_conv_norm(channels, filters, 3, stride=2), relu_conv_norm(filters, filters, 3)
        )
        self.shortcut = nn.Sequential(
            nn.AvgPool2d(2, ceil_mode=True), nn.Conv2d(channels, filters, 1, bias=False)
        )

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Return a map of half the size, rounded up."""
        y_NCHW: Tensor = self.body(x_NCHW) + self.shortcut(x_NCHW)
        return y_NCHW


def make_benchmark_network(
    operations: Sequence[str], cells: int, filters: int, channels: int, classes: int
) -> nn.Sequential:
    """Make the network: three stages of equal cells between a convolution and a classifier.

    Args:
        operations: names of the operations on the six edges of the cell.
        cells: cells in a stage.
        filters: channels in the first stage.
        channels: channels of the images.
        classes: the number of classes.
    """
    layers = [nn.Conv2d(channels, filters, 3, padding=1, bias=False), nn.BatchNorm2d(filters)]
    for stage in range(STAGES):
        if stage:
            layers.append(Reduction(filters))
            filters *= 2
        layers += [Cell(operations, filters) for _ in range(cells)]
    layers += [nn.BatchNorm2d(filters), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    return nn.Sequential(*layers, nn.Linear(filters, classes))
