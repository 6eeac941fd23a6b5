"""A NASNet cell as plain data, and the choices that describe it (section 3 of the paper).

States are numbered: 0 is the output of the last cell (h_i), 1 the output of the cell before that
(h_{i-1}), and block ``b`` makes state ``b + 2``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from nasframe import Choice

OPS = (
    "identity",
    "conv1x3_3x1",
    "conv1x7_7x1",
    "dil3x3",
    "avg3x3",
    "max3x3",
    "max5x5",
    "max7x7",
    "conv1x1",
    "conv3x3",
    "sep3x3",
    "sep5x5",
    "sep7x7",
)
"""The thirteen operations in the paper's order."""

COMBINES = ("add", "concat")
"""The combinations of the two results of a block."""


class Block(NamedTuple):
    """A block: an operation on each of two states, and their combination to a new state.

    Fields are in the order of the paper's five prediction steps.
    """

    left_state: int
    right_state: int
    left_op: str
    right_op: str
    combine: str


class Genotype(NamedTuple):
    """A cell: its blocks, and the states that are concatenated to its output."""

    blocks: tuple[Block, ...]
    outputs: tuple[int, ...]


def make_cell_choices(cell: str, blocks: int) -> tuple[Choice, ...]:
    """Make the choices of one cell: five per block; block ``b`` can read ``b + 2`` states.

    Args:
        cell: the first part of their names, for example ``normal``.
        blocks: the number of blocks.
    """
    return tuple(
        Choice(f"{cell}.block{b}.{step}", options)
        for b in range(blocks)
        for step, options in zip(Block._fields, _list_options(b + 2), strict=True)
    )


def _list_options(states: int) -> tuple[tuple[int | str, ...], ...]:
    return tuple(range(states)), tuple(range(states)), OPS, OPS, COMBINES


def split_blocks(tokens: Sequence[int]) -> list[tuple[int, ...]]:
    """Split the tokens of one or more cells by block."""
    steps = len(Block._fields)
    return [tuple(tokens[start : start + steps]) for start in range(0, len(tokens), steps)]


def decode_cell(tokens: Sequence[int]) -> Genotype:
    """Decode the tokens of a cell; its outputs are the states that no block reads."""
    blocks = tuple(
        Block(left, right, OPS[left_op], OPS[right_op], COMBINES[combine])
        for left, right, left_op, right_op, combine in split_blocks(tokens)
    )
    read = {state for block in blocks for state in (block.left_state, block.right_state)}
    return Genotype(blocks, tuple(s for s in range(len(blocks) + 2) if s not in read))


def encode_cell(cell: Genotype) -> tuple[int, ...]:
    """Encode a cell as tokens; its outputs are not encoded."""
    return tuple(
        token
        for left, right, left_op, right_op, combine in cell.blocks
        for token in (left, right, OPS.index(left_op), OPS.index(right_op), COMBINES.index(combine))
    )


def describe_cell(cell: Genotype) -> str:
    """Describe a cell: ``op(h0)+op(h1)`` is a sum, ``[op(h0), op(h1)]`` a concatenation."""
    return "; ".join(map(_describe_block, cell.blocks))


def _describe_block(block: Block) -> str:
    left = f"{block.left_op}(h{block.left_state})"
    right = f"{block.right_op}(h{block.right_state})"
    return f"{left}+{right}" if block.combine == "add" else f"[{left}, {right}]"
