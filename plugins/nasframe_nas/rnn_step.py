"""One step of a recurrent cell, element by element, for a group of leaves at a time.

The projections of all leaves lie side by side, in the order of ``Layout``: leaves with the same
combination and activation are neighbours, and are computed together.

Shapes: ... time and batch, U units; gates have base * U columns.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor

from nasframe_nas.rnn_tree import Node, Tree

COMBINATION_FUNCTIONS: Mapping[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": torch.add,
    "mul": torch.mul,
    "max": torch.maximum,
}
"""The function of each combination."""

ACTIVATION_FUNCTIONS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "sin": torch.sin,
}
"""The function of each activation."""


Groups = Sequence[Tensor]
"""The gates of each group of leaves."""


@dataclass(frozen=True)
class Layout:
    """The order in which the leaves of a cell are computed.

    Attributes:
        tree: the cell.
        order: its leaves; the leaves that the new memory depends on come first.
        groups: leaves that are computed together: their node and their number.
        memory_groups: the number of leading groups that the memory depends on.
    """

    tree: Tree
    order: tuple[int, ...]
    groups: tuple[tuple[Node, int], ...]
    memory_groups: int

    @property
    def all_added(self) -> bool:
        """Whether each leaf adds its two projections."""
        return all(node.combination == "add" for node, _ in self.groups)

    def split(self, gates: Tensor) -> Groups:
        """Split the gates by group."""
        units = gates.shape[-1] // self.tree.base
        return torch.split(gates, [count * units for _, count in self.groups], -1)


def arrange_leaves(tree: Tree) -> Layout:
    """Order the leaves into the fewest groups, with the leaves of the memory first."""
    read = _find_leaves(tree, tree.memory)

    def kind(leaf: int) -> tuple[bool, Node]:
        return leaf not in read, tree.nodes[leaf]

    order = sorted(range(tree.base), key=kind)
    groups = [(key, len(list(leaves))) for key, leaves in groupby(order, kind)]
    return Layout(
        tree,
        tuple(order),
        tuple((node, count) for (_, node), count in groups),
        sum(not other for (other, _), _ in groups),
    )


def _find_leaves(tree: Tree, node: int) -> set[int]:
    if node < tree.base:
        return {node}
    left, right = tree.children(node)
    return _find_leaves(tree, left) | _find_leaves(tree, right)


def compute_step(layout: Layout, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the new memory and the new hidden state, each (..., U).

    Args:
        layout: the cell.
        x: projections of the input (..., base * U).
        h: projections of the last hidden state (..., base * U).
        c: the last memory (..., U).
    """
    return compute_grouped_step(layout, layout.split(x), layout.split(h), c)


def compute_grouped_step(layout: Layout, x: Groups, h: Groups, c: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the same from the projections of each group of leaves."""
    tree = layout.tree
    outputs: list[Tensor] = [c] * len(tree.nodes)
    leaves = iter(layout.order)
    for number, (node, count) in enumerate(layout.groups):
        pre, output = _apply(node, x[number], h[number])
        if number == 0:
            memory = pre  # a leaf that is the memory is alone in the first group
        for part in output.chunk(count, -1) if count > 1 else (output,):
            outputs[next(leaves)] = part
    for number, node in enumerate(tree.nodes):
        if number >= tree.base:
            left, right = tree.children(number)
            pre, outputs[number] = _apply(node, outputs[left], outputs[right])
            if number == tree.memory:
                memory = pre
        if number == tree.inject_at:
            _, outputs[number] = _apply(tree.inject, outputs[number], c)
    return memory.to(c.dtype), outputs[-1]


def _apply(node: Node, left: Tensor, right: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the pre-activation and the output of a node."""
    pre = COMBINATION_FUNCTIONS[node.combination](left, right)
    return pre, ACTIVATION_FUNCTIONS[node.activation](pre)
