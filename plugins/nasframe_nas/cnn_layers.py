"""The layers of a NAS network as plain data, and the choices that describe them (section 3.3).

Layers are numbered from 0. Each has a few choices and then one link to each earlier layer, so that
the tokens of ``n`` layers are a prefix of the tokens of a deeper network.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from nasframe import Choice, Link

Menus = Mapping[str, tuple[int, ...]]
"""The choices of a layer before its links, in their order, each with its options."""

LayerRow = tuple[tuple[int, ...], tuple[int, ...]]
"""A layer as numbers: its tokens before the links, and its input layers."""


class Layer(NamedTuple):
    """A convolution and its input layers; without any it reads the image."""

    filter_height: int
    filter_width: int
    filters: int
    inputs: tuple[int, ...]
    stride_height: int = 1
    stride_width: int = 1
    pooled: bool = False


def make_layer_choices(menus: Menus, layers: int) -> tuple[Choice, ...]:
    """Make the choices of all layers; a layer's anchor is the place after its last menu."""
    choices: list[Choice] = []
    anchors: list[int] = []
    for layer in range(layers):
        choices += [Choice(f"layer{layer}.{step}", menu) for step, menu in menus.items()]
        anchor = len(choices)
        choices += [
            Link(f"layer{layer}.from_layer{earlier}", source=source, target=anchor)
            for earlier, source in enumerate(anchors)
        ]
        anchors.append(anchor)
    return tuple(choices)


def count_choices(layers: int, steps: int) -> int:
    """Count the choices of the first ``layers`` layers, with ``steps`` menus each."""
    return layers * steps + layers * (layers - 1) // 2


def split_layers(tokens: Sequence[int], steps: int) -> Iterator[LayerRow]:
    """Split the tokens by layer, with ``steps`` menus each."""
    start, layer = 0, 0
    while start < len(tokens):
        anchor, end = start + steps, start + steps + layer
        links = tokens[anchor:end]
        yield tuple(tokens[start:anchor]), tuple(j for j, linked in enumerate(links) if linked)
        start, layer = end, layer + 1


def find_unread(layers: Sequence[Layer]) -> list[int]:
    """Find the layers that no layer reads; the classifier reads them."""
    read = {earlier for layer in layers for earlier in layer.inputs}
    return [number for number in range(len(layers)) if number not in read]


def describe_layers(layers: Sequence[Layer]) -> str:
    """Describe the network: ``2: 36@5x7/2x1(0, 1)`` is layer 2, 36 filters at stride 2x1."""
    words = [f"{number}: {_describe_layer(layer)}" for number, layer in enumerate(layers)]
    return "; ".join([*words, f"classifier({_join(find_unread(layers))})"])


def _describe_layer(layer: Layer) -> str:
    strides = (layer.stride_height, layer.stride_width)
    stride = "" if strides == (1, 1) else "/{}x{}".format(*strides)
    pool = " max2x2" if layer.pooled else ""
    conv = f"{layer.filters}@{layer.filter_height}x{layer.filter_width}{stride}"
    return f"{conv}({_join(layer.inputs) or 'image'}){pool}"


def _join(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
