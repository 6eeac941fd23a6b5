"""Drawing of a recurrent cell as a tree (figure 5 of the paper): inputs below, output above."""

from __future__ import annotations

from collections.abc import Iterator

from nasframe import Box, Drawing, Look
from nasframe_nas.rnn_tree import Node, Tree

X, H, C, INJECT, NEW_H, NEW_C = "x(t)", "h(t-1)", "c(t-1)", "inject", "h(t)", "c(t)"


def draw_tree(tree: Tree) -> Drawing:
    """Draw a cell; the new memory is a node's value before its activation."""
    return Drawing(tuple(_boxes(tree)), tuple(_arrows(tree)))


def _boxes(tree: Tree) -> Iterator[Box]:
    yield from (Box(name, name, Look.input) for name in (X, H, C))
    for number, node in enumerate(tree.nodes):
        yield Box(f"node{number}", _label(node), Look.operation)
    yield Box(INJECT, f"cell inject\n{_label(tree.inject)}", Look.join)
    yield Box(NEW_H, NEW_H, Look.output)
    yield Box(NEW_C, NEW_C, Look.output)


def _label(node: Node) -> str:
    return f"{node.combination}, {node.activation}"


def _arrows(tree: Tree) -> Iterator[tuple[str, str]]:
    for number in range(tree.base):
        yield X, f"node{number}"
        yield H, f"node{number}"
    for number in range(tree.base, len(tree.nodes)):
        yield from ((_output_box(tree, child), f"node{number}") for child in tree.children(number))
    yield f"node{tree.inject_at}", INJECT
    yield C, INJECT
    yield _output_box(tree, len(tree.nodes) - 1), NEW_H
    yield f"node{tree.memory}", NEW_C


def _output_box(tree: Tree, number: int) -> str:
    """Name the box that holds a node's output."""
    return INJECT if number == tree.inject_at else f"node{number}"
