"""A NASNet cell as a module (section 3 of the paper; shapes are aligned as in the authors' code).

A cell first converts the last cell's map to its own channels by ReLU, 1x1 convolution and batch
norm. The map of the cell before that goes through ReLU and a factorized reduction if it is larger,
through ReLU, 1x1 convolution and batch norm if only its channels differ, and otherwise stays
unchanged. The first cell reads the stem as both inputs, unchanged as the second.

Shapes: N batch, C channels, H height, W width.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from nasframe_nasnet.drop_path import ScheduledDropPath
from nasframe_nasnet.genotype import Genotype
from nasframe_nasnet.layers import (
    FactorizedReduction,
    Map,
    ReluFirst,
    pointwise_norm,
    relu_pointwise_norm,
)
from nasframe_nasnet.operations import COMBINER_FACTORIES, OPERATION_FACTORIES


class Shape(NamedTuple):
    """The static shape of a map: its channels, and how often it was halved."""

    channels: int
    halvings: int


class Cell(nn.Module):
    """A Normal (stride 1) or a Reduction cell (stride 2).

    Args:
        genotype: blocks and outputs.
        filters: channels of each state.
        stride: stride of operations on the two inputs; all others have 1.
        current: shape of the last cell's output.
        previous: shape of the output of the cell before that; ``None`` for the first cell.
        drop: probability of dropping a path at the end of the training.

    Attributes:
        shape: shape of the output.
    """

    def __init__(
        self,
        genotype: Genotype,
        filters: int,
        stride: int,
        current: Shape,
        previous: Shape | None,
        drop: float = 0.0,
    ) -> None:
        super().__init__()
        self.genotype = genotype
        self.align_current = relu_pointwise_norm(current.channels, filters)
        self.align_previous = _align_previous(previous, current, filters)

        here = Shape(filters, current.halvings)
        created = Shape(filters, current.halvings + stride - 1)
        raw = Shape(current.channels, current.halvings) if previous is None else here
        states = [here, raw] + [created] * len(genotype.blocks)
        self.left = nn.ModuleList()
        self.right = nn.ModuleList()
        self.combine = nn.ModuleList()
        for block in genotype.blocks:
            self.left.append(_operation(block.left_op, states[block.left_state], created))
            self.right.append(_operation(block.right_op, states[block.right_state], created))
            self.combine.append(COMBINER_FACTORIES[block.combine](filters))
        self.align_outputs = nn.ModuleList(
            _align_output(states[state], created) for state in genotype.outputs
        )
        self.drop_path = ScheduledDropPath(drop) if drop else nn.Identity()
        self.shape = Shape(filters * len(genotype.outputs), created.halvings)

    def forward(self, current: Map, previous: Map) -> Tensor:
        """Concatenate the output states."""
        states = [Map(current.read(self.align_current)), Map(previous.read(self.align_previous))]
        blocks = zip(self.genotype.blocks, self.left, self.right, self.combine, strict=True)
        for block, left, right, combine in blocks:
            left_NCHW = self._drop(block.left_op, states[block.left_state].read(left))
            right_NCHW = self._drop(block.right_op, states[block.right_state].read(right))
            states.append(Map(combine(left_NCHW, right_NCHW)))
        outputs = zip(self.genotype.outputs, self.align_outputs, strict=True)
        return torch.cat([states[state].read(align) for state, align in outputs], 1)

    def _drop(self, op: str, y_NCHW: Tensor) -> Tensor:
        """Apply drop path to an operation's output; as in slim, never to an identity."""
        if op == "identity":
            return y_NCHW
        kept_NCHW: Tensor = self.drop_path(y_NCHW)
        return kept_NCHW


def _align_previous(previous: Shape | None, current: Shape, filters: int) -> nn.Module:
    if previous is None:
        return nn.Identity()
    if previous.halvings < current.halvings:
        return ReluFirst(FactorizedReduction(previous.channels, filters))
    if previous.channels != filters:
        return relu_pointwise_norm(previous.channels, filters)
    return nn.Identity()


def _operation(name: str, state: Shape, created: Shape) -> nn.Module:
    stride = 1 + created.halvings - state.halvings
    return OPERATION_FACTORIES[name](state.channels, created.channels, stride)


def _align_output(state: Shape, created: Shape) -> nn.Module:
    if state.halvings < created.halvings:
        return FactorizedReduction(state.channels, created.channels)
    if state.channels != created.channels:
        return pointwise_norm(state.channels, created.channels)
    return nn.Identity()
