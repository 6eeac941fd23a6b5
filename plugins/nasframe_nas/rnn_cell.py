"""The recurrent cell of a tree as a module (section 3.4 of the paper).

The weights lie as in TensorFlow's ``NASCell``: the columns of leaf 0, then those of leaf 1, and
so on. A bias, if any, belongs to the projection of the hidden state, and the optional projection of
the hidden state comes after the cell; both are that code's, the paper has neither.

Shapes: T time, B batch, I inputs, U units, P hidden size (U without a projection), G = leaves * U.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nasframe_nas.rnn_step import arrange, step
from nasframe_nas.rnn_tree import Tree
from nasframe_nas.rnn_unroll import Unroll

State = tuple[Tensor, Tensor]
"""The memory (B, U) and the hidden state (B, P)."""


class TreeCell(nn.Module):
    """A recurrent cell without any parameters but its leaves' projections.

    Args:
        tree: the cell.
        inputs: size of the input.
        units: size of the memory.
        bias: whether the projections of the hidden state have a bias.
        projection: the size to which the hidden state is projected; ``None`` leaves it as it is.
        compile: whether ``unroll`` compiles what is done at each step.
    """

    def __init__(
        self,
        tree: Tree,
        inputs: int,
        units: int,
        *,
        bias: bool = False,
        projection: int | None = None,
        compile: bool = False,
    ) -> None:
        super().__init__()
        gates, hidden = tree.base * units, projection or units
        self.units = units
        self.compile_step = compile
        self.layout = arrange(tree)
        self.weight_x = nn.Parameter(torch.empty(inputs, gates))
        self.weight_h = nn.Parameter(torch.empty(hidden, gates))
        self.bias = nn.Parameter(torch.empty(gates)) if bias else None
        self.project = nn.Linear(units, hidden, bias=False) if projection else nn.Identity()
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights as those of ``torch.nn.LSTM``, uniformly within +-1 / sqrt(units)."""
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(self.units**-0.5), self.units**-0.5)

    def forward(self, x_BI: Tensor, state: State) -> State:
        """One step: the new state."""
        c_BU, h_BP = state
        weight_x, weight_h, bias = self._weights()
        h_BG = h_BP @ weight_h if bias is None else h_BP @ weight_h + bias
        c_BU, h_BU = step(self.layout, x_BI @ weight_x, h_BG, c_BU)
        return c_BU, self.project(h_BU)

    def unroll(
        self, x_TBI: Tensor, state: State, mask_BU: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """All steps of a sequence, for a cell without projection: hidden states and the last state.

        Args:
            x_TBI: the inputs.
            state: the state before the first step.
            mask_BU: what the hidden state is multiplied by where the next step reads it.
        """
        weight_x, weight_h, bias = self._weights()
        gates_TBG = x_TBI @ weight_x
        weights = (w if w is None else w.to(gates_TBG.dtype) for w in (weight_h, bias))
        h_TBU, c_BU = Unroll.apply(
            gates_TBG, *weights, *state, mask_BU, self.layout, self.compile_step
        )
        return h_TBU, (c_BU, h_TBU[-1])

    def _weights(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """The weights with the leaves in the order in which they are computed."""
        order, bias = self.layout.order, self.bias
        if order == tuple(range(len(order))):
            return self.weight_x, self.weight_h, bias
        weight_x, weight_h = (_take(w, order) for w in (self.weight_x, self.weight_h))
        return weight_x, weight_h, None if bias is None else _take(bias, order)


def _take(weight: Tensor, order: tuple[int, ...]) -> Tensor:
    parts = weight.chunk(len(order), -1)
    return torch.cat([parts[leaf] for leaf in order], -1)
