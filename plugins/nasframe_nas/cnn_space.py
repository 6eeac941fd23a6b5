"""The search space of convolutional networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from nasframe import (
    Architecture,
    Box,
    Drawing,
    Look,
    NasframeError,
    SearchSpace,
    TaskShape,
)
from nasframe_nas.cnn_canonical import canonicalize_layers
from nasframe_nas.cnn_layers import (
    Layer,
    LayerRow,
    count_choices,
    describe_layers,
    find_unread,
    make_layer_choices,
    split_layers,
)
from nasframe_nas.cnn_published import get_published_layers

if TYPE_CHECKING:
    from torch import nn


class NASCNNSpace(SearchSpace):
    """Convolutional networks: for each layer filter height and width, strides, filters and links.

    Args:
        layers: the final number of layers.
        menus: the options of each layer, by the name of the choice.
        first_layers: layers of the first networks; ``None`` for a constant ``layers``.
        grow_every: proposals after which networks get two more layers.
        pooling_at: numbers of layers after which the last one is max-pooled over 2x2 pixels.
        extra_filters: filters added to each layer.
    """

    kinds = ("image",)

    def __init__(
        self,
        layers: int,
        menus: Mapping[str, tuple[int, ...]],
        *,
        first_layers: int | None,
        grow_every: int,
        pooling_at: Sequence[int],
        extra_filters: int,
    ) -> None:
        self._count = layers
        self._menus = dict(menus)
        self._first_layers = first_layers
        self._grow_every = grow_every
        self._pooling_at = pooling_at
        self._extra_filters = extra_filters
        self.choices = make_layer_choices(self._menus, layers)

    def active(self, number: int) -> int:
        """Count the choices of the first layers: two more layers every ``grow_every`` proposals."""
        layers = self._count
        if self._first_layers is not None:
            layers = min(layers, self._first_layers + 2 * (number // self._grow_every))
        return count_choices(layers, len(self._menus))

    def build(self, architecture: Architecture, task: TaskShape) -> nn.Module:
        """Make the network: from x_NCHW of any size to logits (N, outputs)."""
        from nasframe_nas.cnn_network import NASCNN

        return NASCNN(self._layers(architecture), task.input_shape[0], task.outputs)

    def canonical(self, architecture: Architecture) -> tuple[LayerRow, ...]:
        """Sort the layers (tokens, pooling, inputs) in an order that only the graph decides."""
        rows = enumerate(split_layers(architecture.tokens, len(self._menus)))
        return canonicalize_layers(
            [((*kind, self._pooled(n)), inputs) for n, (kind, inputs) in rows]
        )

    def describe(self, architecture: Architecture) -> str:
        """Describe the layers: ``2: 36@5x7/2x1(0, 1)`` is layer 2, 36 filters at stride 2x1."""
        return describe_layers(self._layers(architecture))

    def draw(self, architecture: Architecture) -> Drawing:
        """Draw the layers with their skip connections (figure 7 of the paper)."""
        layers = list(self._layers(architecture))
        boxes = [Box("image", "image", Look.input)]
        arrows = []
        for number, layer in enumerate(layers):
            boxes.append(Box(f"layer{number}", _label(number, layer)))
            sources = [f"layer{source}" for source in layer.inputs] or ["image"]
            arrows += [(source, f"layer{number}") for source in sources]
        boxes.append(Box("softmax", "softmax", Look.output))
        arrows += [(f"layer{number}", "softmax") for number in find_unread(layers)]
        return Drawing(tuple(boxes), tuple(arrows))

    def encode(self, name: str) -> Architecture:
        """Encode a published network; pooling and extra filters stay as the space has them.

        Raises:
            NasframeError: if the name is unknown or the network is not in this space.
        """
        layers = get_published_layers(name)
        if len(layers) > self._count:
            raise NasframeError(
                f"{name} has {len(layers)} layers, this space {self._count}; "
                f"set search_space.layers={len(layers)}"
            )
        wanted = [value for n, layer in enumerate(layers) for value in self._options(n, layer)]
        tokens: list[int] = []
        for choice, value in zip(self.choices, wanted, strict=False):
            if value not in choice.options:
                raise NasframeError(
                    f"{name} has {choice.name}={value}, this space {choice.options}"
                )
            tokens.append(choice.options.index(value))
        return Architecture(tuple(tokens))

    def _options(self, number: int, layer: Layer) -> list[int]:
        """Return the options of layer ``number``, in the order of the choices."""
        links = [earlier in layer.inputs for earlier in range(number)]
        return [getattr(layer, step) for step in self._menus] + links

    def _layers(self, architecture: Architecture) -> list[Layer]:
        rows = enumerate(split_layers(architecture.tokens, len(self._menus)))
        return [self._layer(number, row) for number, row in rows]

    def _layer(self, number: int, row: LayerRow) -> Layer:
        tokens, inputs = row
        menus = zip(self._menus.items(), tokens, strict=True)
        decided = {step: menu[token] for (step, menu), token in menus}
        filters = decided.pop("filters") + self._extra_filters
        return Layer(filters=filters, inputs=inputs, pooled=self._pooled(number), **decided)

    def _pooled(self, number: int) -> bool:
        return number + 1 in self._pooling_at


def _label(number: int, layer: Layer) -> str:
    """Write height, width and filters, as in figure 7, and any stride or pooling."""
    strides = (layer.stride_height, layer.stride_width)
    stride = "" if strides == (1, 1) else "\nstride {}x{}".format(*strides)
    pool = "\npool 2x2" if layer.pooled else ""
    size = f"{layer.filter_height}x{layer.filter_width}"
    return f"{number}: {size}, {layer.filters}{stride}{pool}"
