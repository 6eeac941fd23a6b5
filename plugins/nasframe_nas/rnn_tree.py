"""The recurrent cell of the paper as plain data, and the choices that describe it (section 3.4).

A cell is a full binary tree. Its ``base`` leaves are nodes 0 to base - 1; inner node base + k has
the children 2k and 2k + 1. This is the paper's tree for 8 leaves, and a tree for any number of
leaves. Node 2 * base - 2 is the root, whose output is the hidden state.

Nodes are computed in their order. A leaf combines a projection of the input with one of the hidden
state, an inner node combines the outputs of its children: this is its *pre-activation*. Its output
is the activation of that. Only at the node of *cell inject*, the output is then combined with the
last memory and activated again; its parent reads the result, or it is the hidden state if the node
is the root. The new memory is the pre-activation of one node, before activation and inject.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from nasframe import Choice

COMBINATIONS = ("add", "mul")
ACTIVATIONS = ("identity", "tanh", "sigmoid", "relu")
EXTENDED_COMBINATIONS = (*COMBINATIONS, "max")
EXTENDED_ACTIVATIONS = (*ACTIVATIONS, "sin")


class Node(NamedTuple):
    """A combination of two values and an activation, in the paper's order of choices."""

    combination: str
    activation: str


class Tree(NamedTuple):
    """A cell.

    Attributes:
        nodes: leaves, then inner nodes.
        inject: the combination and activation that merge the last memory into a node's output.
        memory: the node whose pre-activation is the new memory (first element of cell index).
        inject_at: the node into whose output the last memory is merged (second element).
    """

    nodes: tuple[Node, ...]
    inject: Node
    memory: int
    inject_at: int

    @property
    def base(self) -> int:
        """The number of leaves."""
        return (len(self.nodes) + 1) // 2

    def children(self, node: int) -> tuple[int, int]:
        """Return the two nodes that an inner node reads."""
        first = 2 * (node - self.base)
        return first, first + 1


NAS_PTB = Tree(
    nodes=(
        Node("add", "sigmoid"),
        Node("add", "relu"),
        Node("add", "sigmoid"),
        Node("mul", "relu"),
        Node("add", "tanh"),
        Node("add", "sigmoid"),
        Node("add", "tanh"),
        Node("add", "sigmoid"),
        Node("mul", "tanh"),
        Node("add", "tanh"),
        Node("mul", "tanh"),
        Node("add", "sigmoid"),
        Node("mul", "identity"),
        Node("add", "tanh"),
        Node("mul", "tanh"),
    ),
    inject=Node("add", "tanh"),
    memory=12,
    inject_at=8,
)
"""The cell found on Penn Treebank: drawn in the paper, and TensorFlow's ``NASCell`` as code."""


def make_tree_choices(
    base: int, combinations: Sequence[str], activations: Sequence[str]
) -> Iterator[Choice]:
    """Make the choices in the paper's order: two per node, then cell inject and cell index."""
    nodes = tuple(range(2 * base - 1))
    for name in (*(f"node{n}" for n in nodes), "inject"):
        yield Choice(f"{name}.combination", tuple(combinations))
        yield Choice(f"{name}.activation", tuple(activations))
    yield Choice("index.memory", nodes)
    yield Choice("index.inject", nodes)


def decode_tree(tokens: Sequence[int]) -> Tree:
    """Decode the tokens of a cell; the paper's options come first in the extended menus."""
    pairs = zip(tokens[:-2:2], tokens[1:-2:2], strict=True)
    *nodes, inject = (Node(EXTENDED_COMBINATIONS[c], EXTENDED_ACTIVATIONS[a]) for c, a in pairs)
    return Tree(tuple(nodes), inject, memory=tokens[-2], inject_at=tokens[-1])


def encode_tree(tree: Tree) -> tuple[int, ...]:
    """Encode a cell as tokens."""
    pairs = (
        (EXTENDED_COMBINATIONS.index(node.combination), EXTENDED_ACTIVATIONS.index(node.activation))
        for node in (*tree.nodes, tree.inject)
    )
    return (*(token for pair in pairs for token in pair), tree.memory, tree.inject_at)
