"""Settings of the search space."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from nasframe import (
    NasframeError,
    SearchSpaceConfig,
    setting,
)
from nasframe_mnasnet.blocks import Flavour, Frame, Reference

if TYPE_CHECKING:
    from nasframe import SearchSpace


@dataclass(kw_only=True)
class MnasNetConfig(SearchSpaceConfig):
    """MnasNet's factorized hierarchical space (Tan et al. 2019, 4.1), for images of any size.

    Each block has six choices: operation, kernel, squeeze-and-excitation, skip, filters and layers;
    the last two are relative to a reference network, by default MobileNetV2 as in the paper. A
    network halves its input at the stem and at each stride of 2: for small images, use
    ``stem_stride=1`` and fewer strides.

    Attributes:
        filters: channels of each block of the reference network; a block has 0.75, 1 or 1.25
            times as many.
        layers: layers of each block of the reference network; a block has one more, as many, or
            one fewer, but at least one.
        strides: stride of the first layer of each block, 1 or 2.
        flat: choose each layer separately, the paper's baseline: each layer of the reference
            network is then a block, with one layer as its reference.
        stem: channels of the convolution before the blocks.
        stem_stride: stride of the convolution before the blocks.
        head: channels of the 1x1 convolution after the blocks.
        width: factor of the channels of stem and blocks, before rounding to multiples of 8, never
            below 90 %.
        dropout: probability of dropping an input of the classifier.
        flavour: ``timm`` has BatchNorm with torch's defaults and symmetric padding; ``google`` (the
            paper and its authors' code) has BatchNorm with momentum 0.99 in TensorFlow's sense,
            which needs thousands of steps, and TensorFlow's padding.
    """

    filters: list[int] = setting([16, 24, 32, 64, 96, 160, 320], least=1)
    layers: list[int] = setting([1, 2, 3, 4, 3, 3, 1], least=1)
    strides: list[int] = setting([1, 2, 2, 2, 1, 2, 1], least=1, most=2)
    flat: bool = False
    stem: int = setting(32, least=1)
    stem_stride: int = setting(2, least=1, most=2)
    head: int = setting(1280, least=1)
    width: float = setting(1.0, above=0)
    dropout: float = setting(0.2, least=0, most=0.99)
    flavour: Flavour = Flavour.timm

    def __post_init__(self) -> None:
        super().__post_init__()
        lengths = len(self.filters), len(self.layers), len(self.strides)
        if len(set(lengths)) > 1 or 0 in lengths:
            raise NasframeError(
                "filters, layers and strides need one number for each block, at least one; "
                "they have {}, {} and {}".format(*lengths)
            )

    def build(self) -> SearchSpace:
        """Make the search space."""
        from nasframe_mnasnet.space import MnasNetSpace

        return MnasNetSpace(self._make_references(), self.frame())

    def frame(self) -> Frame:
        """Return the settings of the network, without its blocks."""
        return Frame(**{item.name: getattr(self, item.name) for item in fields(Frame)})

    def _make_references(self) -> Iterator[Reference]:
        table = zip(self.filters, self.layers, self.strides, strict=True)
        for block, (filters, layers, stride) in enumerate(table):
            if not self.flat:
                yield Reference(f"block{block}", filters, layers, stride)
                continue
            for layer in range(layers):
                yield Reference(f"block{block}.layer{layer}", filters, 1, 1 if layer else stride)
