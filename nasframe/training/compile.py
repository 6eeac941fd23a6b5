"""Compiling networks that live one after another in the same process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


def compile_apart(call: Callable[..., Any], *, fullgraph: bool = False) -> Callable[..., Any]:
    """``torch.compile`` for one network of many; a graph for each shape of the inputs.

    torch counts by code object how often it compiled, and stops after eight times: each call gets
    one of its own, with which what was compiled also goes.
    """
    import torch

    def own(*inputs: Any) -> Any:
        return call(*inputs)

    own.__code__ = own.__code__.replace()
    return torch.compile(own, fullgraph=fullgraph, dynamic=False)
