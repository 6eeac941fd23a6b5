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
from nasframe_mnasnet.architectures import HEAD, STEM_STRIDE, find
from nasframe_mnasnet.blocks import (
    MENU,
    Block,
    Frame,
    Layer,
    Reference,
    block_choices,
    decode,
    expand,
    rounded,
)

if TYPE_CHECKING:
    from torch import nn


class MnasNetSpace(SearchSpace):
    """Six choices for each block of the reference network, or for each of its layers.

    Args:
        references: each block of the reference network, or each of its layers.
        frame: stem, head and what else all networks share.
    """

    kinds = ("image",)

    def __init__(self, references: Iterable[Reference], frame: Frame) -> None:
        self._frame = frame
        self._references = list(references)
        self.choices = tuple(
            choice for reference in self._references for choice in block_choices(reference.name)
        )

    def build(self, architecture: Architecture, task: TaskShape) -> nn.Module:
        """Make the network: from x_NCHW of any size to logits (N, outputs)."""
        from nasframe_mnasnet.network import MnasNet

        layers = self._layers(architecture)
        return MnasNet(layers, task.input_shape[0], task.outputs, self._frame)

    def blocks(self, architecture: Architecture, task: TaskShape) -> list[nasframe.Block]:
        """The stem, each layer, and the head with the classifier."""
        from nasframe_mnasnet.chain import chain

        return list(chain(self._layers(architecture), task, self._frame))

    def canonical(self, architecture: Architecture) -> tuple[tuple[str | int, ...], ...]:
        """The layers in their order, whatever blocks they stand in.

        Equal are filters that are rounded to the same width, one layer and one fewer, skips that
        no layer can have, and equal layers in one block or spread over two.
        """
        return tuple(tuple(layer) for block in self._layers(architecture) for layer in block)

    def describe(self, architecture: Architecture) -> str:
        """The blocks in words, for example ``block1: 3 x mbconv6 5x5 se0.25 identity 24``."""
        named = zip(self._references, self._blocks(architecture), strict=True)
        return ", ".join(f"{reference.name}: {self._words(block)}" for reference, block in named)

    def draw(self, architecture: Architecture) -> Drawing:
        """The blocks as a chain, each with its stride and what it gives."""
        frame = self._frame
        words = [
            f"{reference.name}: {self._words(block)}\nstride {block.stride}"
            for reference, block in zip(self._references, self._blocks(architecture), strict=True)
        ]
        stem = f"stem: conv 3x3 {rounded(frame.stem * frame.width)}\nstride {frame.stem_stride}"
        labels = [stem, *words, f"head: conv 1x1 {frame.head}"]
        boxes = [Box(label.partition(":")[0], label) for label in labels]
        ends = Box("image", "image", Look.input), Box("classes", "classes", Look.output)
        chain = [ends[0], *boxes, ends[1]]
        pairs = itertools.pairwise(chain)
        return Drawing(tuple(chain), tuple((one.name, other.name) for one, other in pairs))

    def encode(self, name: str) -> Architecture:
        """The architecture of a published network.

        The paper's own space holds none: MnasNet-A1 has a block of 112 channels, B1 one of 192.
        One whose ``filters`` and ``layers`` are near theirs does, if it is not ``flat``.

        Raises:
            NasframeError: if there is no such network, or saying what lies outside the space.
        """
        frame = self._frame
        network = find(name, frame.flavour)
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
        """The first tokens that give the layers of a block."""
        width = self._frame.width
        wanted = list(expand([block], inputs, width))
        for tokens in itertools.product(*(range(len(options)) for options in MENU.values())):
            if list(expand([decode(tokens, reference)], inputs, width)) == wanted:
                return tokens
        raise NasframeError(
            f"{name} lies outside the search space: its {reference.name} is {self._words(block)} "
            f"at stride {block.stride}, and filters={reference.filters}, layers="
            f"{reference.layers}, stride={reference.stride} do not give that"
        )

    def _words(self, block: Block) -> str:
        op = f"{block.layers} x {block.op} {block.kernel}x{block.kernel}"
        width = rounded(block.filters * self._frame.width)
        return f"{op} se{block.se:g} {block.skip} {width}"

    def _blocks(self, architecture: Architecture) -> list[Block]:
        tokens, steps = architecture.tokens, len(MENU)
        return [
            decode(tokens[steps * i : steps * (i + 1)], reference)
            for i, reference in enumerate(self._references)
        ]

    def _layers(self, architecture: Architecture) -> Iterator[list[Layer]]:
        return expand(self._blocks(architecture), self._frame.stem, self._frame.width)
