"""Language models of the recurrent NAS, for tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from nasframe import Architecture, SearchSpace
from nasframe_nas.rnn_network import LanguageModel

ACTIVATE: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": lambda x: x,
    "tanh": torch.tanh,
    "sigmoid": torch.sigmoid,
    "relu": torch.relu,
    "sin": torch.sin,
}


@dataclass(frozen=True)
class Words:
    """The shape of a task of words."""

    input_shape: tuple[int, ...] = ()
    outputs: int = 11
    kind: str = "sequence"


def model(space: SearchSpace, architecture: Architecture, **shape: Any) -> LanguageModel:
    network = space.build(architecture, Words(**shape))
    assert isinstance(network, LanguageModel)
    return network
