"""The layers of a NAS network as plain data, and the choices that describe them (section 3.3).

Layers are numbered from 0. Each is a few decisions and then one link to each earlier layer, so
that the tokens of ``n`` layers are the beginning of the tokens of more.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from nasframe import Choice, Link

Menus = Mapping[str, tuple[int, ...]]
"""What a layer decides before its links, in the order of deciding, each with its options."""

Row = tuple[tuple[int, ...], tuple[int, ...]]
"""A layer as numbers: its tokens before the links, and the layers that it reads."""


class Layer(NamedTuple):
    """A convolution, and the layers whose outputs it reads: none for the image."""

    filter_height: int
    filter_width: int
    filters: int
    inputs: tuple[int, ...]
    stride_height: int = 1
    stride_width: int = 1
    pooled: bool = False


def layer_choices(menus: Menus, layers: int) -> tuple[Choice, ...]:
    """The choices of all layers; the anchor of a layer is the place after its last menu."""
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


def choices_of(layers: int, steps: int) -> int:
    """How many choices the first ``layers`` layers have, with ``steps`` menus each."""
    return layers * steps + layers * (layers - 1) // 2


def split(tokens: Sequence[int], steps: int) -> Iterator[Row]:
    """The tokens by layer, with ``steps`` menus each."""
    start, layer = 0, 0
    while start < len(tokens):
        anchor, end = start + steps, start + steps + layer
        links = tokens[anchor:end]
        yield tuple(tokens[start:anchor]), tuple(j for j, linked in enumerate(links) if linked)
        start, layer = end, layer + 1


def unread(layers: Sequence[Layer]) -> list[int]:
    """The layers whose outputs no layer reads: the classifier does."""
    read = {earlier for layer in layers for earlier in layer.inputs}
    return [number for number in range(len(layers)) if number not in read]


def describe(layers: Sequence[Layer]) -> str:
    """The network in words: ``2: 36@5x7/2x1(0, 1)`` is layer 2, 36 filters at stride 2x1."""
    words = [f"{number}: {_describe(layer)}" for number, layer in enumerate(layers)]
    return "; ".join([*words, f"classifier({_listed(unread(layers))})"])


def _describe(layer: Layer) -> str:
    strides = (layer.stride_height, layer.stride_width)
    stride = "" if strides == (1, 1) else "/{}x{}".format(*strides)
    pool = " max2x2" if layer.pooled else ""
    conv = f"{layer.filters}@{layer.filter_height}x{layer.filter_width}{stride}"
    return f"{conv}({_listed(layer.inputs) or 'image'}){pool}"


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
