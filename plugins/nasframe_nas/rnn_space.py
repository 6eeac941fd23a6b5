"""The search space of recurrent cells."""

from __future__ import annotations

import math
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """The language model around a cell; ``NASRNNConfig`` documents each of it."""

    units: int
    parameters: int | None
    layers: int
    tied: bool
    bias: bool
    dropout: float
    recurrent_dropout: float
    word_dropout: float
    compile: bool


class NASRNNSpace(SearchSpace):
    """A combination and an activation for each node and for cell inject, and two nodes.

    Args:
        base: leaves of the tree.
        extended: whether there are the combination ``max`` and the activation ``sin``.
        model: the language model around the cell.
    """

    kinds = ("sequence",)

    def __init__(self, base: int, extended: bool, model: ModelSettings) -> None:
        self._base = base
        self._model = model
        combinations = EXTENDED_COMBINATIONS if extended else COMBINATIONS
        activations = EXTENDED_ACTIVATIONS if extended else ACTIVATIONS
        self.choices = tuple(choices(base, combinations, activations))

    def build(self, architecture: Architecture, task: TaskShape) -> nn.Module:
        """Make the language model: from (x_TB, state) to (logits (T, B, outputs), state).

        Raises:
            NasframeError: if ``parameters`` is too small for this vocabulary.
        """
        from nasframe_nas.rnn_network import LanguageModel

        model = self._model
        return LanguageModel(
            decode(architecture.tokens),
            task.outputs,
            self._units(task.outputs),
            layers=model.layers,
            tied=model.tied,
            bias=model.bias,
            dropout=model.dropout,
            recurrent_dropout=model.recurrent_dropout,
            word_dropout=model.word_dropout,
            compile=model.compile,
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
        if tree.base != self._base:
            raise NasframeError(f"{name} has base={tree.base}, this space base={self._base}")
        return Architecture(encode(tree))

    def _units(self, vocabulary: int) -> int:
        """The width at which a model has about as many parameters as are wanted."""
        model = self._model
        if model.parameters is None:
            return model.units
        # A model of U units has a U^2 + b U + c parameters.
        a = 2 * self._base * model.layers
        b = vocabulary * (1 if model.tied else 2) + model.bias * self._base * model.layers
        c = model.bias * vocabulary
        if model.parameters < a + b + c:
            raise NasframeError(
                f"search_space.parameters={model.parameters}: a model of one unit for a "
                f"vocabulary of {vocabulary} has {a + b + c}"
            )
        return round((math.sqrt(b * b + 4 * a * (model.parameters - c)) - b) / (2 * a))
