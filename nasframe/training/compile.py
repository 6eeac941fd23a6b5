"""Compilation of many networks, one after another, in the same process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def compile_apart(call: Callable[..., Any], *, fullgraph: bool = False) -> Callable[..., Any]:
    """Compile one network of many with ``torch.compile``, with a graph for each input shape.

    torch counts compilations by code object and stops after eight: each call gets a code object of
    its own, and the compiled graphs are freed with it.
    """
    import torch

    def own(*inputs: Any) -> Any:
        return call(*inputs)

    own.__code__ = own.__code__.replace()
    return torch.compile(own, fullgraph=fullgraph, dynamic=False)
