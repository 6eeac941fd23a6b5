"""What the tests of NASNet share."""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch

from nasframe import Architecture
from nasframe_nasnet import NASNetConfig
from nasframe_nasnet.network import NASNet


@dataclass(frozen=True)
class Images:
    """The shape of an image task."""

    input_shape: tuple[int, ...] = (3, 32, 32)
    outputs: int = 10
    kind: str = "image"


def build(config: NASNetConfig, size: int = 32, seed: int = 0) -> NASNet:
    """The network of some architecture, with some weights, for colour images of ten classes."""
    chance = random.Random(seed)
    space = config.build()
    tokens = tuple(chance.randrange(len(choice.options)) for choice in space.choices)
    torch.manual_seed(seed)
    network = space.build(Architecture(tokens), Images((3, size, size)))
    assert isinstance(network, NASNet)
    return network
