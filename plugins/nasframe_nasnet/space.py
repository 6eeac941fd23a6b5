"""The NASNet search space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nasframe import Architecture, Drawing, NasframeError, SearchSpace, TaskShape
from nasframe_nasnet.canonical import canonicalize_cell, sort_operands
from nasframe_nasnet.genotype import (
    Genotype,
    decode_cell,
    describe_cell,
    encode_cell,
    make_cell_choices,
)
from nasframe_nasnet.picture import draw_cells
from nasframe_nasnet.published_cells import PUBLISHED_CELLS, find_published
from nasframe_nasnet.stacking import Stacking

if TYPE_CHECKING:
    from torch import nn


class NASNetSpace(SearchSpace):
    """A Normal and a Reduction cell, with five choices for each block.

    Args:
        blocks: blocks in a cell.
        stacking: the settings of the network around the cells.
        outputs: output states of a Normal and a Reduction cell; ``None`` for all states that no
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
            choice for cell in ("normal", "reduction") for choice in make_cell_choices(cell, blocks)
        )

    def build(self, architecture: Architecture, task: TaskShape) -> nn.Module:
        """Build the network: from x_NCHW of any size to logits (N, outputs).

        A cell returns all states that no block reads, unless the settings name others. As in the
        authors' code, its two inputs can be outputs, too; they then get the shape of the output.
        With an auxiliary classifier, images must have the task's size in training, and the network
        then returns ``(logits, auxiliary_logits)``.

        Raises:
            NasframeError: if the task's images are too small.
        """
        from nasframe_nasnet.assemble import assemble

        normal, reduction = self._cells(architecture)
        return assemble(self._stacking, normal, reduction, task)

    def canonical(self, architecture: Architecture) -> tuple[int, ...]:
        """Find the smallest tokens of the same network, by swapping operands and moving blocks."""
        normal, reduction = (
            canonicalize_cell(tokens) if outputs is None else sort_operands(tokens)
            for tokens, outputs in zip(self._split_tokens(architecture), self._outputs, strict=True)
        )
        return normal + reduction

    def describe(self, architecture: Architecture) -> str:
        """Describe both cells; ``h0`` is the last cell's output, ``h1`` the output before that."""
        normal, reduction = map(describe_cell, self._cells(architecture))
        return f"normal: {normal} | reduction: {reduction}"

    def draw(self, architecture: Architecture) -> Drawing:
        """Draw both cells as graphs."""
        normal, reduction = self._cells(architecture)
        return draw_cells({"Normal cell": normal, "Reduction cell": reduction})

    def encode(self, name: str) -> Architecture:
        """Encode a published network; the output states of its cells are settings.

        Args:
            name: ``nasnet_a``.

        Raises:
            NasframeError: if the name is unknown or its cells have another number of blocks.
        """
        normal, reduction = find_published(name, PUBLISHED_CELLS)
        blocks = len(normal.blocks)
        if blocks != self._blocks:
            raise NasframeError(f"{name} has {blocks} blocks in a cell; blocks={blocks} is needed")
        return Architecture(encode_cell(normal) + encode_cell(reduction))

    def _cells(self, architecture: Architecture) -> tuple[Genotype, Genotype]:
        normal, reduction = (
            cell if outputs is None else cell._replace(outputs=tuple(outputs))
            for cell, outputs in zip(
                map(decode_cell, self._split_tokens(architecture)), self._outputs, strict=True
            )
        )
        return normal, reduction

    def _split_tokens(self, architecture: Architecture) -> tuple[tuple[int, ...], tuple[int, ...]]:
        half = len(self.choices) // 2
        return architecture.tokens[:half], architecture.tokens[half:]
