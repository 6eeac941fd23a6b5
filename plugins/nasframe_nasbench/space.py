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
"""The edges of a cell: target node and source node."""

STAGE_CELLS, STAGE_FILTERS = 5, 16
"""Cells in a stage and channels in the first stage of the benchmark's networks."""

EDGE_OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")

CHOICES = tuple(Choice(f"{target}<-{source}", EDGE_OPERATIONS) for target, source in EDGES)


class NASBench201Space(SearchSpace):
    """One repeated cell: node 0 is the input, each later node the sum of its edges, 3 the output.

    Different tokens of the same network count as different architectures, since the benchmark
    trained each of them.

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
        """Build the network: from x_NCHW of any size to logits (N, outputs)."""
        from nasframe_nasbench.network import make_benchmark_network

        operations = tuple(EDGE_OPERATIONS[token] for token in architecture.tokens)
        return make_benchmark_network(
            operations, self.cells, self.filters, task.input_shape[0], task.outputs
        )

    def describe(self, architecture: Architecture) -> str:
        """Describe the cell in the benchmark's format: ``|none~0|+|none~0|none~1|+|...``."""
        nodes = ["", "", ""]
        for (target, source), token in zip(EDGES, architecture.tokens, strict=True):
            nodes[target - 1] += f"|{EDGE_OPERATIONS[token]}~{source}"
        return "+".join(f"{node}|" for node in nodes)

    def draw(self, architecture: Architecture) -> Drawing:
        """Draw the cell: nodes, and operations on the edges between them."""
        looks = (Look.input, Look.join, Look.join, Look.output)
        boxes = [Box(f"node{n}", f"node {n}", look) for n, look in enumerate(looks)]
        arrows = []
        for (target, source), token in zip(EDGES, architecture.tokens, strict=True):
            if EDGE_OPERATIONS[token] != "none":
                name = f"edge{target}{source}"
                boxes.append(Box(name, EDGE_OPERATIONS[token]))
                arrows += [(f"node{source}", name), (name, f"node{target}")]
        return Drawing(tuple(boxes), tuple(arrows))
