"""The NAS-Bench-201 search space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nasframe import (
    Architecture,
    Box,
    Choice,
    Drawing,
    Look,
    SearchSpace,
    TaskShape,
)

if TYPE_CHECKING:
    from torch import nn

EDGES = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))
"""Each edge of a cell: the node that it leads to, and the one that it comes from."""

CELLS, FILTERS = 5, 16
"""Cells in a stage, and channels in the first one, of the networks that the benchmark trained."""

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")

CHOICES = tuple(Choice(f"{target}<-{source}", OPERATIONS) for target, source in EDGES)


class NASBench201Space(SearchSpace):
    """One cell, repeated: node 0 is its input, a later node the sum of its edges, 3 the output.

    Cells that are the same network under different tokens are told apart, as in the benchmark,
    which has trained each of them.

    Args:
        cells: cells in each of the three stages.
        filters: channels in the first stage.
    """

    choices = CHOICES
    kinds = ("image",)

    def __init__(self, cells: int, filters: int) -> None:
        self.cells = cells
        self.filters = filters

    def build(self, architecture: Architecture, task: TaskShape) -> nn.Module:
        """Make the network: from x_NCHW of any size to logits (N, outputs)."""
        from nasframe_nasbench.network import network

        operations = tuple(OPERATIONS[token] for token in architecture.tokens)
        return network(operations, self.cells, self.filters, task.input_shape[0], task.outputs)

    def describe(self, architecture: Architecture) -> str:
        """The cell as the benchmark writes it: ``|none~0|+|none~0|none~1|+|...``."""
        nodes = ["", "", ""]
        for (target, source), token in zip(EDGES, architecture.tokens, strict=True):
            nodes[target - 1] += f"|{OPERATIONS[token]}~{source}"
        return "+".join(f"{node}|" for node in nodes)

    def draw(self, architecture: Architecture) -> Drawing:
        """The cell: nodes, and what is on the edges between them."""
        looks = (Look.input, Look.join, Look.join, Look.output)
        boxes = [Box(f"node{n}", f"node {n}", look) for n, look in enumerate(looks)]
        arrows = []
        for (target, source), token in zip(EDGES, architecture.tokens, strict=True):
            if OPERATIONS[token] != "none":
                name = f"edge{target}{source}"
                boxes.append(Box(name, OPERATIONS[token]))
                arrows += [(f"node{source}", name), (name, f"node{target}")]
        return Drawing(tuple(boxes), tuple(arrows))
