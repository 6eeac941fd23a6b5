"""The search space of recurrent cells."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from nasframe import Architecture, Drawing, NasframeError, SearchSpace, TaskShape
from nasframe_nas.rnn_canonical import write_formula
from nasframe_nas.rnn_picture import draw_tree
from nasframe_nas.rnn_published import get_published_tree
from nasframe_nas.rnn_tree import (
    ACTIVATIONS,
    COMBINATIONS,
    EXTENDED_ACTIVATIONS,
    EXTENDED_COMBINATIONS,
    decode_tree,
    encode_tree,
    make_tree_choices,
)

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSettings:
    """The language model around a cell; ``NASRNNConfig`` documents each setting."""

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
    """Recurrent cells: a combination and an activation per node and for cell inject, and two nodes.

    Args:
        base: leaves of the tree.
        extended: whether to add the combination ``max`` and the activation ``sin``.
        model: the language model around the cell.
    """

    kinds = ("sequence",)

    def __init__(self, base: int, extended: bool, model: ModelSettings) -> None:
        self._base = base
        self._model = model
        combinations = EXTENDED_COMBINATIONS if extended else COMBINATIONS
        activations = EXTENDED_ACTIVATIONS if extended else ACTIVATIONS
        self.choices = tuple(make_tree_choices(base, combinations, activations))

    def build(self, architecture: Architecture, task: TaskShape) -> nn.Module:
        """Make the language model: from (x_TB, state) to (logits (T, B, outputs), state).

        Raises:
            NasframeError: if ``parameters`` is too small for this vocabulary.
        """
        from nasframe_nas.rnn_network import LanguageModel

        model = self._model
        return LanguageModel(
            decode_tree(architecture.tokens),
            task.outputs,
            self._compute_units(task.outputs),
            layers=model.layers,
            tied=model.tied,
            bias=model.bias,
            dropout=model.dropout,
            recurrent_dropout=model.recurrent_dropout,
            word_dropout=model.word_dropout,
            compile=model.compile,
        )

    def canonical(self, architecture: Architecture) -> str:
        """Write the cell's formula, equal for cells that differ only in the order of weights."""
        return write_formula(decode_tree(architecture.tokens))

    def describe(self, architecture: Architecture) -> str:
        """Write the cell's formula; ``c`` is the last memory, the new memory is in braces."""
        return write_formula(decode_tree(architecture.tokens))

    def draw(self, architecture: Architecture) -> Drawing:
        """Draw the cell as a tree."""
        return draw_tree(decode_tree(architecture.tokens))

    def encode(self, name: str) -> Architecture:
        """Encode a published cell.

        Raises:
            NasframeError: if the name is unknown or the cell is not in this space.
        """
        tree = get_published_tree(name)
        if tree.base != self._base:
            raise NasframeError(
                f"{name} has base={tree.base}, this space base={self._base}; "
                f"set search_space.base={tree.base}"
            )
        return Architecture(encode_tree(tree))

    def _compute_units(self, vocabulary: int) -> int:
        """Compute the width at which a model has about ``parameters`` parameters."""
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
                f"vocabulary of {vocabulary} already has {a + b + c}; set more"
            )
        return round((math.sqrt(b * b + 4 * a * (model.parameters - c)) - b) / (2 * a))
