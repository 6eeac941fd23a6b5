"""The paper's language model, in which cells are trained (sections 3.4 and 4.2).

Embeddings, layers of one cell, and a projection to the vocabulary; embeddings are as wide as the
layers, so that the projection can share their weights. Dropout follows Gal & Ghahramani, "A
Theoretically Grounded Application of Dropout in Recurrent Neural Networks" (2016), as in the paper:
masks differ between sequences and layers, but not between the steps of a window.

Shapes: T time, B batch, K entries of the vocabulary, U units.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from nasframe_nas.rnn_cell import State, TreeCell
from nasframe_nas.rnn_tree import Tree


class LanguageModel(nn.Module):
    """Predicts the next token at each step.

    Args:
        tree: the cell.
        vocabulary: the number of tokens.
        units: width of the embeddings and of each layer.
        layers: the number of layers.
        tied: whether the projection to the vocabulary shares the weights of the embeddings.
        bias: whether cells and projection have a bias.
        dropout: probability of zeroing an input of a layer or of the projection.
        recurrent_dropout: probability of zeroing a hidden unit as an input of the next step.
        word_dropout: probability of embedding a word as zeros, at all its positions.
        compile: whether to compile the step of the cells.
    """

    def __init__(
        self,
        tree: Tree,
        vocabulary: int,
        units: int,
        *,
        layers: int,
        tied: bool,
        bias: bool,
        dropout: float,
        recurrent_dropout: float,
        word_dropout: float,
        compile: bool,
    ) -> None:
        super().__init__()
        self.dropout = dropout
        self.recurrent_dropout = recurrent_dropout
        self.word_dropout = word_dropout
        self.embedding = nn.Embedding(vocabulary, units)
        self.cells: Any = nn.ModuleList(
            TreeCell(tree, units, units, bias=bias, compile=compile) for _ in range(layers)
        )
        self.output = nn.Linear(units, vocabulary, bias=bias)
        # Cells that multiply shrink small values: with embeddings within 0.1, common for LSTMs,
        # they learn far more slowly.
        nn.init.uniform_(self.embedding.weight, -0.5, 0.5)
        if tied:
            self.output.weight = self.embedding.weight

    def forward(
        self, x_TB: Tensor, state: tuple[State, ...] | None
    ) -> tuple[Tensor, tuple[State, ...]]:
        """Predict the next token at each step; returns logits (T, B, K) and each layer's state.

        Args:
            x_TB: tokens.
            state: the state after the last window, or ``None`` for the first.
        """
        y_TBU = self._embed(x_TB)
        zeros_BU = y_TBU.new_zeros(y_TBU.shape[1:])
        states = state or ((zeros_BU, zeros_BU),) * len(self.cells)
        new_states: list[State] = []
        for cell, last in zip(self.cells, states, strict=True):
            y_TBU, last = cell.unroll(
                y_TBU, last, self._mask(zeros_BU.shape, self.recurrent_dropout)
            )
            y_TBU = self._drop(y_TBU)
            new_states.append(last)
        logits_TBK: Tensor = self.output(y_TBU)
        return logits_TBK, tuple(new_states)

    def _embed(self, x_TB: Tensor) -> Tensor:
        y_TBU: Tensor = self.embedding(x_TB)
        words = (self.embedding.num_embeddings, x_TB.shape[1])
        mask_KB = self._mask(words, self.word_dropout)
        if mask_KB is not None:
            y_TBU = y_TBU * mask_KB.gather(0, x_TB)[..., None]
        return self._drop(y_TBU)

    def _drop(self, y_TBU: Tensor) -> Tensor:
        mask_BU = self._mask(y_TBU.shape[1:], self.dropout)
        return y_TBU if mask_BU is None else y_TBU * mask_BU

    def _mask(self, shape: tuple[int, ...], probability: float) -> Tensor | None:
        """Draw a dropout mask for training: 0 with this probability, scaled to keep the mean."""
        if not self.training or probability == 0:
            return None
        kept = 1 - probability
        return self.embedding.weight.new_empty(shape).bernoulli_(kept).div_(kept)
