"""One form for NAS networks that are the same graph.

Any order of the layers in which each comes after its inputs gives the same network
up to the order of its channels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from nasframe_nas.cnn_layers import Row


def canonical(rows: Sequence[Row]) -> tuple[Row, ...]:
    """The layers in an order that depends on the graph alone.

    Equal forms are the same graph, always. The converse may fail only where layers that are not
    interchangeable have neighbourhoods that look alike at every distance.
    """
    colors = _colors(rows)
    order = sorted(range(len(rows)), key=colors.__getitem__)
    numbers = {layer: place for place, layer in enumerate(order)}
    return tuple((rows[i][0], tuple(sorted(numbers[j] for j in rows[i][1]))) for i in order)


def _colors(rows: Sequence[Row]) -> list[int]:
    """A different number for each layer; a reader's is above that of what it reads.

    Layers that no refinement tells apart are interchangeable: one of them is set apart, and what
    follows from it is refined again.
    """
    depths: list[int] = []
    for _, inputs in rows:
        depths.append(1 + max((depths[j] for j in inputs), default=0))
    readers = [[i for i, (_, inputs) in enumerate(rows) if j in inputs] for j in range(len(rows))]
    colors = _ranks([(depth, kind) for depth, (kind, _) in zip(depths, rows, strict=True)])
    while True:
        colors = _refine(rows, readers, colors)
        tied = [color for color in colors if colors.count(color) > 1]
        if not tied:
            return colors
        chosen = colors.index(min(tied))
        colors = [2 * color + (i != chosen) for i, color in enumerate(colors)]


def _refine(rows: Sequence[Row], readers: list[list[int]], colors: list[int]) -> list[int]:
    """Tell layers apart by the colors around them, until that tells no more apart."""
    while True:
        around = [
            (color, _sorted(colors, inputs), _sorted(colors, reading))
            for color, (_, inputs), reading in zip(colors, rows, readers, strict=True)
        ]
        finer = _ranks(around)
        if len(set(finer)) == len(set(colors)):
            return finer
        colors = finer


def _sorted(colors: list[int], layers: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted(colors[layer] for layer in layers))


def _ranks(items: Sequence[Any]) -> list[int]:
    """The place of each item among the sorted different ones."""
    places = {item: place for place, item in enumerate(sorted(set(items)))}
    return [places[item] for item in items]
