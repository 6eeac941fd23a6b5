"""The cells of NASNet-A, from the authors' code.

Unlike in the paper's text, the outputs are more than the states that no block reads: a Normal cell
also returns its second input, a Reduction cell also state 3. The printed sizes need these states.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from nasframe import NasframeError, nearest
from nasframe_nasnet.genotype import Block, Genotype

T = TypeVar("T")

NORMAL_A = Genotype(
    blocks=(
        Block(0, 1, "sep5x5", "sep3x3", "add"),
        Block(1, 1, "sep5x5", "sep3x3", "add"),
        Block(0, 1, "avg3x3", "identity", "add"),
        Block(1, 1, "avg3x3", "avg3x3", "add"),
        Block(0, 0, "sep3x3", "identity", "add"),
    ),
    outputs=(1, 2, 3, 4, 5, 6),
)
REDUCTION_A = Genotype(
    blocks=(
        Block(0, 1, "sep5x5", "sep7x7", "add"),
        Block(0, 1, "max3x3", "sep7x7", "add"),
        Block(0, 1, "avg3x3", "sep5x5", "add"),
        Block(3, 2, "identity", "avg3x3", "add"),
        Block(2, 0, "sep3x3", "max3x3", "add"),
    ),
    outputs=(3, 4, 5, 6),
)
PUBLISHED_CELLS: Mapping[str, tuple[Genotype, Genotype]] = {"nasnet_a": (NORMAL_A, REDUCTION_A)}
"""Normal and Reduction cell of each published network."""


def find_published(name: str, table: Mapping[str, T]) -> T:
    """Look up a published network in a table.

    Raises:
        NasframeError: if it is not in the table.
    """
    if name in ("nasnet_b", "nasnet_c"):
        raise NasframeError(f"{name}: its cells are not published in machine-readable form")
    if name not in table:
        raise NasframeError(f"no network {name!r} is published here; {nearest(name, table)}")
    return table[name]
