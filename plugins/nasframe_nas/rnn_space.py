"""The search space of recurrent cells."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from nasframe import Architecture, Drawing, NasframeError, SearchSpace, TaskShape
from nasframe_nas.rnn_canonical import formula
from nasframe_nas.rnn_picture import draw
from nasframe_nas.rnn_published import published_tree
from nasframe_nas.rnn_tree import (
    ACTIVATIONS,
    COMBINATIONS,
    EXTENDED_ACTIVATIONS,
    EXTENDED_COMBINATIONS,
    choices,
    decode,
    encode,
)

if TYPE_CHECKING:
    from torch import nn

    from nasframe_nas import NASRNNConfig


class NASRNNSpace(SearchSpace):
    """A combination and an activation for each node and for cell inject, and two nodes."""

    kinds = ("sequence",)

    def __init__(self, config: NASRNNConfig) -> None:
        self._config = config
        combinations = EXTENDED_COMBINATIONS if config.extended else COMBINATIONS
        activations = EXTENDED_ACTIVATIONS if config.extended else ACTIVATIONS
        self.choices = tuple(choices(config.base, combinations, activations))

    def build(self, architecture: Architecture, task: TaskShape) -> nn.Module:
        """Make the language model: from (x_TB, state) to (logits (T, B, outputs), state).

        Raises:
            NasframeError: if ``parameters`` is too small for this vocabulary.
        """
        from nasframe_nas.rnn_network import LanguageModel

        config = self._config
        return LanguageModel(
            decode(architecture.tokens),
            task.outputs,
            self._units(task.outputs),
            layers=config.layers,
            tied=config.tied,
            bias=config.bias,
            dropout=config.dropout,
            recurrent_dropout=config.recurrent_dropout,
            word_dropout=config.word_dropout,
            compile=config.compile,
        )

    def canonical(self, architecture: Architecture) -> str:
        """The cell's formula: the same for cells that differ in the order of their weights."""
        return formula(decode(architecture.tokens))

    def describe(self, architecture: Architecture) -> str:
        """The cell's formula; ``c`` is the last memory, and the new one stands in braces."""
        return formula(decode(architecture.tokens))

    def draw(self, architecture: Architecture) -> Drawing:
        """The cell as a tree."""
        return draw(decode(architecture.tokens))

    def encode(self, name: str) -> Architecture:
        """The tokens of a published cell.

        Raises:
            NasframeError: if there is no such cell, or it is not in this space.
        """
        tree = published_tree(name)
        if tree.base != self._config.base:
            raise NasframeError(f"{name} has base={tree.base}, this space base={self._config.base}")
        return Architecture(encode(tree))

    def _units(self, vocabulary: int) -> int:
        """The width at which a model has about as many parameters as are wanted."""
        config = self._config
        if config.parameters is None:
            return config.units
        # A model of U units has a U^2 + b U + c parameters.
        a = 2 * config.base * config.layers
        b = vocabulary * (1 if config.tied else 2) + config.bias * config.base * config.layers
        c = config.bias * vocabulary
        if config.parameters < a + b + c:
            raise NasframeError(
                f"search_space.parameters={config.parameters}: a model of one unit for a "
                f"vocabulary of {vocabulary} has {a + b + c}"
            )
        return round((math.sqrt(b * b + 4 * a * (config.parameters - c)) - b) / (2 * a))
