"""A MnasNet as plain data: blocks of equal layers, and the layers of each block (4.1).

The paper lists convolution, depthwise convolution and MBConv as operations, but counts 432 options
a block, which needs a fourth: the published networks use MBConv with expansions 3 and 6.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, NamedTuple

from nasframe import Choice


class Flavour(StrEnum):
    """The implementation of borders and BatchNorm: timm's, or the authors' code."""

    timm = "timm"
    google = "google"


@dataclass(frozen=True, slots=True, kw_only=True)
class Frame:
    """Settings shared by all networks of a space; ``MnasNetConfig`` documents each setting."""

    stem: int
    stem_stride: int
    head: int
    width: float
    dropout: float
    flavour: Flavour


class Block(NamedTuple):
    """Equal layers; only the first may have a stride or change the channels.

    ``se`` is the ratio of squeeze-and-excitation, 0 for none; ``filters`` is not yet rounded.
    """

    op: str
    kernel: int
    se: float
    skip: str
    filters: float
    layers: int
    stride: int


class Layer(NamedTuple):
    """One layer; ``squeeze`` is the channels inside its squeeze-and-excitation, 0 for none."""

    op: str
    kernel: int
    squeeze: int
    skip: str
    inputs: int
    outputs: int
    stride: int


class Reference(NamedTuple):
    """The filters and layers that a block's choices are relative to, and its stride."""

    name: str
    filters: int
    layers: int
    stride: int


MENU: dict[str, tuple[Any, ...]] = {
    "op": ("conv", "sep", "mbconv3", "mbconv6"),
    "kernel": (3, 5),
    "se": (0.0, 0.25),
    "skip": ("pool", "identity", "none"),
    "filters": (0.75, 1.0, 1.25),
    "layers": (-1, 0, 1),
}
"""The six choices of a block in the paper's order: 4 * 2 * 2 * 3 * 3 * 3 = 432 options."""


def make_block_choices(name: str) -> tuple[Choice, ...]:
    """Make the choices of one block, named ``block0.op`` and so on."""
    return tuple(Choice(f"{name}.{step}", options) for step, options in MENU.items())


def decode_block(tokens: Iterable[int], reference: Reference) -> Block:
    """Decode the six tokens of a block."""
    steps = zip(MENU.items(), tokens, strict=True)
    chosen = {step: options[token] for (step, options), token in steps}
    chosen["filters"] *= reference.filters
    chosen["layers"] = max(1, reference.layers + chosen["layers"])
    return Block(**chosen, stride=reference.stride)


def expand_blocks(blocks: Iterable[Block], stem: float, width: float) -> Iterator[list[Layer]]:
    """Expand each block to its layers.

    Args:
        blocks: the blocks in order.
        stem: channels before the first block.
        width: factor of all channels, before rounding to multiples of 8.
    """
    inputs = round_channels(stem * width)
    for block in blocks:
        outputs = round_channels(block.filters * width)
        first = _make_layer(block, inputs, outputs, block.stride)
        rest = _make_layer(block, outputs, outputs, 1)
        yield [first] + [rest] * (block.layers - 1)
        inputs = outputs


def round_channels(channels: float) -> int:
    """Round to the nearest multiple of 8, or up if that is below 90 %, as in the authors' code."""
    from timm.layers import make_divisible  # type: ignore[attr-defined]

    return int(make_divisible(channels))  # type: ignore[no-untyped-call]


def _make_layer(block: Block, inputs: int, outputs: int, stride: int) -> Layer:
    """Make a layer, without a skip that cannot be added; a pooling skip may have a stride."""
    fits = inputs == outputs and (stride == 1 or block.skip == "pool")
    skip = block.skip if fits else "none"
    squeeze = int(inputs * block.se)
    return Layer(block.op, block.kernel, squeeze, skip, inputs, outputs, stride)
