"""The NASNet search space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nasframe import Architecture, SearchSpace, TaskShape
from nasframe_nasnet.canonical import canonical
from nasframe_nasnet.genotype import cell_choices, decode, describe

if TYPE_CHECKING:
    from torch import nn

    from nasframe_nasnet import NASNetConfig


class NASNetSpace(SearchSpace):
    """A Normal cell, then a Reduction cell, with five choices in each of their blocks."""

    kinds = ("image",)

    def __init__(self, config: NASNetConfig) -> None:
        self._config = config
        self.choices = tuple(
            choice
            for cell in ("normal", "reduction")
            for choice in cell_choices(cell, config.blocks)
        )

    def build(self, architecture: Architecture, task: TaskShape) -> nn.Module:
        """Make the network: from x_NCHW of any size to logits (N, outputs).

        A cell gives all states that no block reads. As in the authors' code its two inputs are
        states like any other: one that nobody reads is given too, in the shape of the output.
        """
        from nasframe_nasnet.network import NASNet, cifar_stem, stack

        config = self._config
        normal, reduction = map(decode, self._cells(architecture))
        layers = stack(normal, reduction, config.filters, config.cells, config.stages)
        stem_channels = config.stem_multiplier * config.filters
        stem = cifar_stem(task.input_shape[0], stem_channels)
        return NASNet(stem, stem_channels, layers, task.outputs)

    def canonical(self, architecture: Architecture) -> tuple[int, ...]:
        """The smallest tokens of the same network: operands swapped, independent blocks moved."""
        normal, reduction = map(canonical, self._cells(architecture))
        return normal + reduction

    def describe(self, architecture: Architecture) -> str:
        """Both cells in words; ``h0`` is the last cell's output, ``h1`` that of the one before."""
        normal, reduction = (describe(decode(tokens)) for tokens in self._cells(architecture))
        return f"normal: {normal} | reduction: {reduction}"

    def _cells(self, architecture: Architecture) -> tuple[tuple[int, ...], tuple[int, ...]]:
        half = len(self.choices) // 2
        return architecture.tokens[:half], architecture.tokens[half:]
