"""The MnasNet search space."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import nasframe
from nasframe import (
    Architecture,
    Box,
    Drawing,
    Look,
    NasframeError,
    SearchSpace,
    TaskShape,
)
from nasframe_mnasnet.architectures import HEAD, STEM_STRIDE, find_network
from nasframe_mnasnet.blocks import (
    MENU,
    Block,
    Frame,
    Layer,
    Reference,
    decode_block,
    expand_blocks,
    make_block_choices,
    round_channels,
)

if TYPE_CHECKING:
    from torch import nn


class MnasNetSpace(SearchSpace):
    """Six choices for each block of the reference network, or for each of its layers.

    Args:
        references: the blocks of the reference network, or its layers.
        frame: stem, head and the other settings shared by all networks.
    """

    kinds = ("image",)

    def __init__(self, references: Iterable[Reference], frame: Frame) -> None:
        self._frame = frame
        self._references = list(references)
        self.choices = tuple(
            choice
            for reference in self._references
            for choice in make_block_choices(reference.name)
        )

    def build(self, architecture: Architecture, task: TaskShape) -> nn.Module:
        """Build the network: from x_NCHW of any size to logits (N, outputs)."""
        from nasframe_mnasnet.network import MnasNet

        layers = self._expand_layers(architecture)
        return MnasNet(layers, task.input_shape[0], task.outputs, self._frame)

    def blocks(self, architecture: Architecture, task: TaskShape) -> list[nasframe.Block]:
        """Split the network into the stem, each layer, and the head with the classifier."""
        from nasframe_mnasnet.chain import make_chain

        return list(make_chain(self._expand_layers(architecture), task, self._frame))

    def canonical(self, architecture: Architecture) -> tuple[tuple[str | int, ...], ...]:
        """Return the layers in order, without their blocks.

        So these are equal: filters with the same rounded width, one layer and one fewer than one,
        impossible skips and no skip, and equal layers in one block or in two.
        """
        return tuple(tuple(layer) for block in self._expand_layers(architecture) for layer in block)

    def describe(self, architecture: Architecture) -> str:
        """Describe the blocks, for example ``block1: 3 x mbconv6 5x5 se0.25 identity 24``."""
        named = zip(self._references, self._decode_blocks(architecture), strict=True)
        return ", ".join(f"{reference.name}: {self._describe(block)}" for reference, block in named)

    def draw(self, architecture: Architecture) -> Drawing:
        """Draw the blocks as a chain, each with its layers, stride and channels."""
        frame = self._frame
        pairs = zip(self._references, self._decode_blocks(architecture), strict=True)
        layers = [
            f"{reference.name}: {self._describe(block)}\nstride {block.stride}"
            for reference, block in pairs
        ]
        stem = (
            f"stem: conv 3x3 {round_channels(frame.stem * frame.width)}\nstride {frame.stem_stride}"
        )
        labels = [stem, *layers, f"head: conv 1x1 {frame.head}"]
        boxes = [Box(label.partition(":")[0], label) for label in labels]
        ends = Box("image", "image", Look.input), Box("classes", "classes", Look.output)
        chain = [ends[0], *boxes, ends[1]]
        arrows = itertools.pairwise(chain)
        return Drawing(tuple(chain), tuple((one.name, other.name) for one, other in arrows))

    def encode(self, name: str) -> Architecture:
        """Encode a published network.

        The paper's space contains none: MnasNet-A1 has a block of 112 channels, B1 a block of 192.
        A space with similar ``filters`` and ``layers`` contains them, if it is not ``flat``.

        Raises:
            NasframeError: if the name is unknown or a part of the network is outside the space.
        """
        frame = self._frame
        network = find_network(name, frame.flavour)
        blocks = network.blocks
        skeleton = (len(blocks), network.stem, STEM_STRIDE, HEAD)
        own = (len(self._references), frame.stem, frame.stem_stride, frame.head)
        if own != skeleton:
            raise NasframeError(
                "{} has {} blocks, stem={}, stem_stride={} and head={}; ".format(name, *skeleton)
                + "the search space has {}, {}, {} and {}".format(*own)
            )
        inputs = [frame.stem, *(block.filters for block in blocks[:-1])]
        parts = zip(self._references, blocks, inputs, strict=True)
        return Architecture(tuple(token for part in parts for token in self._encode(name, *part)))

    def _encode(
        self, name: str, reference: Reference, block: Block, inputs: float
    ) -> tuple[int, ...]:
        """Find the first tokens with the layers of a block."""
        width = self._frame.width
        wanted = list(expand_blocks([block], inputs, width))
        for tokens in itertools.product(*(range(len(options)) for options in MENU.values())):
            if list(expand_blocks([decode_block(tokens, reference)], inputs, width)) == wanted:
                return tokens
        raise NasframeError(
            f"{name} lies outside the search space: its {reference.name} is "
            f"{self._describe(block)} at stride {block.stride}, and filters={reference.filters}, "
            f"layers={reference.layers}, stride={reference.stride} do not allow it"
        )

    def _describe(self, block: Block) -> str:
        op = f"{block.layers} x {block.op} {block.kernel}x{block.kernel}"
        width = round_channels(block.filters * self._frame.width)
        return f"{op} se{block.se:g} {block.skip} {width}"

    def _decode_blocks(self, architecture: Architecture) -> list[Block]:
        tokens, steps = architecture.tokens, len(MENU)
        return [
            decode_block(tokens[steps * i : steps * (i + 1)], reference)
            for i, reference in enumerate(self._references)
        ]

    def _expand_layers(self, architecture: Architecture) -> Iterator[list[Layer]]:
        return expand_blocks(self._decode_blocks(architecture), self._frame.stem, self._frame.width)
