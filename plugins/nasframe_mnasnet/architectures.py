"""The paper's networks that were published as code, block by block.

MnasNet-A1 is the paper's main network, B1 has no squeeze-and-excitation, and the small network has
the size of the paper's result for a target of 22 ms. Some widths (112, 192, and all of the small
network) are outside the paper's space. Of A2 and A3, only results were published.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from nasframe import NasframeError, nearest
from nasframe_mnasnet.blocks import Block, Flavour, Frame, expand_blocks

if TYPE_CHECKING:
    from torch import nn


class Network(NamedTuple):
    """A published network."""

    stem: int
    dropout: float
    blocks: tuple[Block, ...]


NETWORKS = {
    "mnasnet_a1": Network(
        32,
        0.2,
        (
            Block("sep", 3, 0.0, "none", 16, 1, 1),
            Block("mbconv6", 3, 0.0, "identity", 24, 2, 2),
            Block("mbconv3", 5, 0.25, "identity", 40, 3, 2),
            Block("mbconv6", 3, 0.0, "identity", 80, 4, 2),
            Block("mbconv6", 3, 0.25, "identity", 112, 2, 1),
            Block("mbconv6", 5, 0.25, "identity", 160, 3, 2),
            Block("mbconv6", 3, 0.0, "identity", 320, 1, 1),
        ),
    ),
    "mnasnet_b1": Network(
        32,
        0.2,
        (
            Block("sep", 3, 0.0, "none", 16, 1, 1),
            Block("mbconv3", 3, 0.0, "identity", 24, 3, 2),
            Block("mbconv3", 5, 0.0, "identity", 40, 3, 2),
            Block("mbconv6", 5, 0.0, "identity", 80, 3, 2),
            Block("mbconv6", 3, 0.0, "identity", 96, 2, 1),
            Block("mbconv6", 5, 0.0, "identity", 192, 4, 2),
            Block("mbconv6", 3, 0.0, "none", 320, 1, 1),
        ),
    ),
    "mnasnet_small": Network(
        8,
        0.0,
        (
            Block("sep", 3, 0.0, "identity", 8, 1, 1),
            Block("mbconv3", 3, 0.0, "identity", 16, 1, 2),
            Block("mbconv6", 3, 0.0, "identity", 16, 2, 2),
            Block("mbconv6", 5, 0.25, "identity", 32, 4, 2),
            Block("mbconv6", 3, 0.25, "identity", 32, 3, 1),
            Block("mbconv6", 5, 0.25, "identity", 88, 3, 2),
            Block("mbconv6", 3, 0.0, "identity", 144, 1, 1),
        ),
    ),
}

NAMES_ONLY = ("mnasnet_a2", "mnasnet_a3")
"""Networks of the paper whose layers were never published in machine-readable form."""

STEM_STRIDE, HEAD = 2, 1280
"""Stride of the first convolution and channels of the last, for all networks and widths."""


def find_network(name: str, flavour: Flavour) -> Network:
    """Look up a published network.

    The authors' code decides on a residual by the channels in a block's text. In the small network,
    the first block's text has 16 inputs instead of 8, so there is no residual. timm adds it.

    Raises:
        NasframeError: if the name is unknown.
    """
    if name in NAMES_ONLY:
        raise NasframeError(
            f"{name} is not published in machine-readable form; use {', '.join(NETWORKS)}"
        )
    if name not in NETWORKS:
        raise NasframeError(f"no network {name!r} is published here; {nearest(name, NETWORKS)}")
    network = NETWORKS[name]
    if flavour is Flavour.timm:
        return network
    first, *rest = network.blocks
    return network._replace(blocks=(first._replace(skip="none"), *rest))


def make_network(network: Network, frame: Frame, classes: int, channels: int) -> nn.Module:
    """Make a published network with new weights, and its ``data_config``."""
    from nasframe_mnasnet.network import MnasNet

    blocks = expand_blocks(network.blocks, frame.stem, frame.width)
    module = MnasNet(blocks, channels, classes, frame)
    colours = channels == 3  # ImageNet has no mean and deviation for other channels
    module.data_config = {
        "input_size": (channels, 224, 224),
        "mean": (0.485, 0.456, 0.406) if colours else (0.5,) * channels,
        "std": (0.229, 0.224, 0.225) if colours else (0.5,) * channels,
        "crop_pct": 0.875,
        "interpolation": "bicubic",
    }
    return module
