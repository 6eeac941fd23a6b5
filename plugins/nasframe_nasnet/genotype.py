"""A NASNet cell as plain data, and the choices that describe it (section 3 of the paper).

States are numbered: 0 is what the cell before gave (h_i), 1 what the one before that gave
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
"""How the two results of a block become one state."""


class Block(NamedTuple):
    """A block: two states are read, each through an operation, and combined to a new state.

    The fields are in the order of the paper's five prediction steps.
    """

    left_state: int
    right_state: int
    left_op: str
    right_op: str
    combine: str


class Genotype(NamedTuple):
    """A cell: its blocks, and the states whose concatenation it gives."""

    blocks: tuple[Block, ...]
    outputs: tuple[int, ...]


def cell_choices(cell: str, blocks: int) -> tuple[Choice, ...]:
    """The choices of one cell: five for each block, which has ``b + 2`` states to read.

    Args:
        cell: the first part of their names, for example ``normal``.
        blocks: how many blocks the cell has.
    """
    return tuple(
        Choice(f"{cell}.block{b}.{step}", options)
        for b in range(blocks)
        for step, options in zip(Block._fields, _options(b + 2), strict=True)
    )


def _options(states: int) -> tuple[tuple[int | str, ...], ...]:
    return tuple(range(states)), tuple(range(states)), OPS, OPS, COMBINES


def split(tokens: Sequence[int]) -> list[tuple[int, ...]]:
    """The tokens of a cell, or of several, by block."""
    steps = len(Block._fields)
    return [tuple(tokens[start : start + steps]) for start in range(0, len(tokens), steps)]


def decode(tokens: Sequence[int]) -> Genotype:
    """The cell of these tokens; its outputs are the states that no block reads."""
    blocks = tuple(
        Block(left, right, OPS[left_op], OPS[right_op], COMBINES[combine])
        for left, right, left_op, right_op, combine in split(tokens)
    )
    read = {state for block in blocks for state in (block.left_state, block.right_state)}
    return Genotype(blocks, tuple(s for s in range(len(blocks) + 2) if s not in read))


def encode(cell: Genotype) -> tuple[int, ...]:
    """The tokens of a cell; its outputs are not among them."""
    return tuple(
        token
        for left, right, left_op, right_op, combine in cell.blocks
        for token in (left, right, OPS.index(left_op), OPS.index(right_op), COMBINES.index(combine))
    )


def describe(cell: Genotype) -> str:
    """The cell in words: ``op(h0)+op(h1)`` for a sum, ``[op(h0), op(h1)]`` for a concatenation."""
    return "; ".join(map(_describe_block, cell.blocks))


def _describe_block(block: Block) -> str:
    left = f"{block.left_op}(h{block.left_state})"
    right = f"{block.right_op}(h{block.right_state})"
    return f"{left}+{right}" if block.combine == "add" else f"[{left}, {right}]"
