"""What the recurrent cell found on Penn Treebank costs, against ``torch.nn.LSTM``.

    python tests/benchmarks/rnn.py [--units 200 650] [--repeats 7]

Both have about as many parameters (the LSTM is wider), and go forward and back through 35 steps of
20 sequences. Contenders take turns in one process on one thread; a ratio is the median over the
repeats of the CPU time of one over that of the other.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Callable

import torch
from torch import Tensor, nn
from turns import compare, head

from nasframe_nas.rnn_cell import State, TreeCell
from nasframe_nas.rnn_tree import NAS_PTB

STEPS, BATCH = 35, 20


def ours(units: int, *, compile: bool = False) -> Callable[[], None]:
    cell = TreeCell(NAS_PTB, units, units, compile=compile)
    return forward_and_back(cell.unroll, units)


def by_autograd(units: int) -> Callable[[], None]:
    """The same cell, called step by step."""
    cell = TreeCell(NAS_PTB, units, units)

    def run(x_TBU: Tensor, state: State) -> tuple[Tensor, State]:
        hidden = []
        for x_BU in x_TBU:
            state = cell(x_BU, state)
            hidden.append(state[1])
        return torch.stack(hidden), state

    return forward_and_back(run, units)


def lstm(units: int) -> Callable[[], None]:
    """As large: 8 units^2 weights for input and hidden state, where our cell has 16."""
    wide = round(units * 2**0.5)
    network = nn.LSTM(wide, wide)
    return forward_and_back(lambda x, state: network(x, tuple(s[None] for s in state)), wide)


def forward_and_back(
    run: Callable[[Tensor, State], tuple[Tensor, object]], units: int
) -> Callable[[], None]:
    x_TBU, zeros_BU = torch.randn(STEPS, BATCH, units), torch.zeros(BATCH, units)
    x_TBU.requires_grad_()

    def turn() -> None:
        h_TBU, _ = run(x_TBU, (zeros_BU, zeros_BU))
        h_TBU.sum().backward()

    return turn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--units", type=int, nargs="+", default=[200, 650])
    parser.add_argument("--repeats", type=int, default=7)
    args = parser.parse_args()
    torch.set_num_threads(1)
    logging.getLogger("torch.utils.cpp_extension").setLevel(logging.ERROR)
    head("ms of CPU time for a window")
    for units in args.units:
        compare(f"ours / LSTM as large, {units} units", [ours(units), lstm(units)], args.repeats)
        pair = [ours(units), by_autograd(units)]
        compare(f"ours / the cell step by step, {units} units", pair, args.repeats)
        pair = [ours(units, compile=True), ours(units)]
        compare(f"ours compiled / ours, {units} units", pair, args.repeats)


if __name__ == "__main__":
    main()
