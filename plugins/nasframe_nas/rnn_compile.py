"""A step of a cell as one compiled kernel, if there is a compiler.

A cell takes about ten seconds to compile on a core. This saves launching about two dozen small
kernels a step in the forward pass: on a CPU a few percent at 200 units and nothing at 650. It does
not pay in a search, where each child is another cell, but in the long training of one cell on a
device with costly launches.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from nasframe_nas.rnn_step import Layout, compute_step

_LOG = logging.getLogger(__name__)


class CompiledStep:
    """A compiled step: compiled at the first call, or left as it is without a compiler."""

    def __init__(self, layout: Layout) -> None:
        def own(x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
            return compute_step(layout, x, h, c)

        # PyTorch stops compiling a code object after 8 times: each cell gets its own. (A
        # ``partial`` would be compiled inside a code object of PyTorch, shared by all.)
        own.__code__ = own.__code__.replace()
        self._eager: Callable[..., tuple[Tensor, Tensor]] = own
        self._compiled = torch.compile(own)

    def __call__(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """Compute the new memory and the new hidden state."""
        if c.is_meta:
            return self._eager(x, h, c)
        try:
            return self._compiled(x, h, c)
        except RuntimeError as error:
            _LOG.warning("cells are not compiled: %s", str(error).splitlines()[0])
            self._compiled = self._eager
            return self._eager(x, h, c)


@cache
def compile_step(layout: Layout) -> CompiledStep:
    """Compile the step of a cell, once for all its layers."""
    return CompiledStep(layout)
