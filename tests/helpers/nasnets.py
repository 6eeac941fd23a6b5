"""What the tests of NASNet share."""

from __future__ import annotations

import random

import torch
from shapes import Images

from nasframe import Architecture
from nasframe_nasnet.config import NASNetConfig
from nasframe_nasnet.network import NASNet


def build(config: NASNetConfig, size: int = 32, seed: int = 0) -> NASNet:
    """The network of some architecture, with some weights, for colour images of ten classes."""
    chance = random.Random(seed)
    space = config.build()
    tokens = tuple(chance.randrange(len(choice.options)) for choice in space.choices)
    torch.manual_seed(seed)
    network = space.build(Architecture(tokens), Images((3, size, size)))
    assert isinstance(network, NASNet)
    return network
