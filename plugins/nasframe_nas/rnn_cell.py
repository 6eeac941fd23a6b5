"""The recurrent cell of a tree as a module (section 3.4 of the paper).

Weights are laid out as in TensorFlow's ``NASCell``: the columns of leaf 0, then of leaf 1, and so
on. As in that code, but not in the paper, the projection of the hidden state can have a bias, and
the hidden state can be projected after the cell.

Shapes: T time, B batch, I inputs, U units, P hidden size (U without a projection), G = leaves * U.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from nasframe_nas.rnn_step import arrange_leaves, compute_step
from nasframe_nas.rnn_tree import Tree
from nasframe_nas.rnn_unroll import Unroll

State = tuple[Tensor, Tensor]
"""The memory (B, U) and the hidden state (B, P)."""


class TreeCell(nn.Module):
    """A recurrent cell; its only parameters are the projections of its leaves.

    Args:
        tree: the cell.
        inputs: size of the input.
        units: size of the memory.
        bias: whether the projections of the hidden state have a bias.
        projection: the size to which the hidden state is projected; ``None`` leaves it as it is.
        compile: whether ``unroll`` compiles the step.
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
        self.layout = arrange_leaves(tree)
        self.weight_x = nn.Parameter(torch.empty(inputs, gates))
        self.weight_h = nn.Parameter(torch.empty(hidden, gates))
        self.bias = nn.Parameter(torch.empty(gates)) if bias else None
        self.project = nn.Linear(units, hidden, bias=False) if projection else nn.Identity()
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all weights uniformly within +-1 / sqrt(units), as ``torch.nn.LSTM`` does."""
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -(self.units**-0.5), self.units**-0.5)

    def forward(self, x_BI: Tensor, state: State) -> State:
        """Compute one step; returns the new state."""
        c_BU, h_BP = state
        weight_x, weight_h, bias = self._order_weights()
        h_BG = h_BP @ weight_h if bias is None else h_BP @ weight_h + bias
        c_BU, h_BU = compute_step(self.layout, x_BI @ weight_x, h_BG, c_BU)
        return c_BU, self.project(h_BU)

    def unroll(
        self, x_TBI: Tensor, state: State, mask_BU: Tensor | None = None
    ) -> tuple[Tensor, State]:
        """Compute all steps of a sequence, for a cell without projection.

        Args:
            x_TBI: the inputs.
            state: the state before the first step.
            mask_BU: factors of the hidden state as an input of the next step.

        Returns:
            The hidden states (T, B, U) and the last state.
        """
        weight_x, weight_h, bias = self._order_weights()
        gates_TBG = x_TBI @ weight_x
        weights = (w if w is None else w.to(gates_TBG.dtype) for w in (weight_h, bias))
        h_TBU, c_BU = Unroll.apply(
            gates_TBG, *weights, *state, mask_BU, self.layout, self.compile_step
        )
        return h_TBU, (c_BU, h_TBU[-1])

    def _order_weights(self) -> tuple[Tensor, Tensor, Tensor | None]:
        """Return the weights with the leaves in the order of computation."""
        order, bias = self.layout.order, self.bias
        if order == tuple(range(len(order))):
            return self.weight_x, self.weight_h, bias
        weight_x, weight_h = (_reorder(w, order) for w in (self.weight_x, self.weight_h))
        return weight_x, weight_h, None if bias is None else _reorder(bias, order)


def _reorder(weight: Tensor, order: tuple[int, ...]) -> Tensor:
    parts = weight.chunk(len(order), -1)
    return torch.cat([parts[leaf] for leaf in order], -1)
