"""The NASNet search space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nasframe import Architecture, Drawing, NasframeError, SearchSpace, TaskShape
from nasframe_nasnet.canonical import canonical, sort_operands
from nasframe_nasnet.genotype import Genotype, cell_choices, decode, describe, encode
from nasframe_nasnet.picture import draw
from nasframe_nasnet.published_cells import CELLS, look_up
from nasframe_nasnet.stacking import Stacking

if TYPE_CHECKING:
    from torch import nn


class NASNetSpace(SearchSpace):
    """A Normal cell, then a Reduction cell, with five choices in each of their blocks.

    Args:
        blocks: blocks in a cell.
        stacking: how a network is made of the cells.
        outputs: the output states of a Normal and a Reduction cell; ``None`` for all that no
            block reads.
    """

    kinds = ("image",)

    def __init__(
        self, blocks: int, stacking: Stacking, outputs: tuple[list[int] | None, list[int] | None]
    ) -> None:
        self._blocks = blocks
        self._stacking = stacking
        self._outputs = outputs
        self.choices = tuple(
            choice for cell in ("normal", "reduction") for choice in cell_choices(cell, blocks)
        )

    def build(self, architecture: Architecture, task: TaskShape) -> nn.Module:
        """Make the network: from x_NCHW of any size to logits (N, outputs).

        A cell gives all states that no block reads, unless the settings name others. As in the
        authors' code its two inputs are states like any other: one that is given, too, gets the
        shape of the output. With an auxiliary classifier, images must have the task's own size in
        training, and the network then gives ``(logits, auxiliary_logits)``.

        Raises:
            NasframeError: if the task's images are too small.
        """
        from nasframe_nasnet.assemble import assemble

        normal, reduction = self._cells(architecture)
        return assemble(self._stacking, normal, reduction, task)

    def canonical(self, architecture: Architecture) -> tuple[int, ...]:
        """The smallest tokens of the same network: operands swapped, independent blocks moved."""
        normal, reduction = (
            canonical(tokens) if outputs is None else sort_operands(tokens)
            for tokens, outputs in zip(self._halves(architecture), self._outputs, strict=True)
        )
        return normal + reduction

    def describe(self, architecture: Architecture) -> str:
        """Both cells in words; ``h0`` is the last cell's output, ``h1`` that of the one before."""
        normal, reduction = map(describe, self._cells(architecture))
        return f"normal: {normal} | reduction: {reduction}"

    def draw(self, architecture: Architecture) -> Drawing:
        """Both cells as graphs."""
        normal, reduction = self._cells(architecture)
        return draw({"Normal cell": normal, "Reduction cell": reduction})

    def encode(self, name: str) -> Architecture:
        """The architecture of a published network; which states its cells give is a setting.

        Args:
            name: ``nasnet_a``.

        Raises:
            NasframeError: if there is no such network, or its cells are larger or smaller.
        """
        normal, reduction = look_up(name, CELLS)
        blocks = len(normal.blocks)
        if blocks != self._blocks:
            raise NasframeError(f"{name} has {blocks} blocks in a cell; blocks={blocks} is needed")
        return Architecture(encode(normal) + encode(reduction))

    def _cells(self, architecture: Architecture) -> tuple[Genotype, Genotype]:
        normal, reduction = (
            cell if outputs is None else cell._replace(outputs=tuple(outputs))
            for cell, outputs in zip(
                map(decode, self._halves(architecture)), self._outputs, strict=True
            )
        )
        return normal, reduction

    def _halves(self, architecture: Architecture) -> tuple[tuple[int, ...], tuple[int, ...]]:
        half = len(self.choices) // 2
        return architecture.tokens[:half], architecture.tokens[half:]
