"""A canonical form of NAS networks.

Reordering layers, each still after its inputs, changes only the order of the channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nasframe_nas.cnn_layers import LayerRow


def canonicalize_layers(rows: Sequence[LayerRow]) -> tuple[LayerRow, ...]:
    """Sort the layers into an order that depends only on the graph.

    Equal forms are always the same graph. Equal graphs may get different forms only if layers that
    are not interchangeable have neighbourhoods that look alike at every distance.
    """
    colors = _color_layers(rows)
    order = sorted(range(len(rows)), key=colors.__getitem__)
    numbers = {layer: place for place, layer in enumerate(order)}
    return tuple((rows[i][0], tuple(sorted(numbers[j] for j in rows[i][1]))) for i in order)


def _color_layers(rows: Sequence[LayerRow]) -> list[int]:
    """Number the layers differently, each above its inputs.

    Layers that refinement cannot distinguish are interchangeable: one of them gets its own number,
    and the refinement is repeated.
    """
    depths: list[int] = []
    for _, inputs in rows:
        depths.append(1 + max((depths[j] for j in inputs), default=0))
    readers = [[i for i, (_, inputs) in enumerate(rows) if j in inputs] for j in range(len(rows))]
    colors = _rank([(depth, kind) for depth, (kind, _) in zip(depths, rows, strict=True)])
    while True:
        colors = _refine(rows, readers, colors)
        tied = [color for color in colors if colors.count(color) > 1]
        if not tied:
            return colors
        chosen = colors.index(min(tied))
        colors = [2 * color + (i != chosen) for i, color in enumerate(colors)]


def _refine(rows: Sequence[LayerRow], readers: list[list[int]], colors: list[int]) -> list[int]:
    """Split equal colors by the colors of their neighbours, until no more split."""
    while True:
        around = [
            (color, _sort_colors(colors, inputs), _sort_colors(colors, reading))
            for color, (_, inputs), reading in zip(colors, rows, readers, strict=True)
        ]
        refined = _rank(around)
        if len(set(refined)) == len(set(colors)):
            return refined
        colors = refined


def _sort_colors(colors: list[int], layers: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(colors[layer] for layer in layers))


def _rank(items: Sequence[Any]) -> list[int]:
    """Return the place of each item among the sorted distinct items."""
    places = {item: place for place, item in enumerate(sorted(set(items)))}
    return [places[item] for item in items]
