"""A step of a cell as one compiled kernel, where a compiler is.

A cell compiles for some ten seconds on a core, and what it saves is the launching of a step's two
dozen small kernels in the forward pass: on a CPU a few percent at 200 units and nothing at 650.
That is no bargain in a search, whose children are each another cell; it is there for the long
training of one cell, on a device whose launches cost more.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from nasframe_nas.rnn_step import Layout, step

_LOG = logging.getLogger(__name__)


class CompiledStep:
    """What ``step`` computes, compiled on first use; without a compiler it stays as it is."""

    def __init__(self, layout: Layout) -> None:
        def own(x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
            return step(layout, x, h, c)

        # PyTorch counts how often a code object is compiled, and gives up at 8: each cell gets
        # its own. (A ``partial`` would be compiled inside one of PyTorch's, the same for all.)
        own.__code__ = own.__code__.replace()
        self._eager: Callable[..., tuple[Tensor, Tensor]] = own
        self._compiled = torch.compile(own)

    def __call__(self, x: Tensor, h: Tensor, c: Tensor) -> tuple[Tensor, Tensor]:
        """The new memory and the new hidden state."""
        if c.is_meta:
            return self._eager(x, h, c)
        try:
            return self._compiled(x, h, c)
        except RuntimeError as error:
            _LOG.warning("cells are not compiled: %s", str(error).splitlines()[0])
            self._compiled = self._eager
            return self._eager(x, h, c)


@cache
def compiled_step(layout: Layout) -> CompiledStep:
    """The compiled step of a cell, shared by all its layers."""
    return CompiledStep(layout)
