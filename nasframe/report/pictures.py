"""Drawings of architectures as SVG, laid out by Graphviz.

Boxes are light, with dark text, on no background; arrows are grey: it can be read on white and on
black.
"""

from __future__ import annotations

import os
import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from nasframe.drawing import Box, Drawing, Look
from nasframe.errors import NasframeError

if TYPE_CHECKING:
    from collections.abc import Iterator

SHAPES = {
    Look.input: {"shape": "box", "style": "filled,rounded", "fillcolor": "#DDDDDD"},
    Look.operation: {"shape": "box", "style": "filled", "fillcolor": "#FBE3B5"},
    Look.join: {"shape": "ellipse", "style": "filled", "fillcolor": "#BFE5D8"},
    Look.output: {"shape": "box", "style": "filled,rounded", "fillcolor": "#B9D9F0"},
    Look.text: {"shape": "box", "style": "filled", "fillcolor": "#F2F2F2"},
}
FONT = {"fontname": "Helvetica,Arial,sans-serif", "fontsize": "11"}
LONGEST = 60
"""Characters of a line of a label."""


def svg(drawing: Drawing) -> str:
    """A drawing as a scalable picture, by itself; its boxes have their names as tooltips.

    Raises:
        NasframeError: if the package that lays it out cannot be used.
    """
    try:
        import pygraphviz
    except ImportError as error:
        raise NasframeError(
            f"drawings need pygraphviz ({error}): pip install pygraphviz"
        ) from error
    graph = pygraphviz.AGraph(directed=True, strict=False, rankdir="BT", bgcolor="transparent")
    graph.graph_attr.update(nodesep="0.15", ranksep="0.3", **FONT)
    graph.node_attr.update(color="#666666", fontcolor="#111111", height="0.3", **FONT)
    graph.edge_attr.update(color="#888888", arrowsize="0.6")
    places = {box.name: f"n{place}" for place, box in enumerate(drawing.boxes)}
    for box in drawing.boxes:
        graph.add_node(places[box.name], label=_label(box.label), **_look(box))
    for begin, end in drawing.arrows:
        graph.add_edge(places[begin], places[end])
    for place, group in enumerate(dict.fromkeys(box.group for box in drawing.boxes if box.group)):
        names = [places[box.name] for box in drawing.boxes if box.group == group]
        frame = {"label": _label(group), "color": "#888888", "fontcolor": "#888888"}
        graph.add_subgraph(names, name=f"cluster{place}", **frame)
    with _silent():
        text: str = graph.draw(format="svg", prog="dot").decode()
    return text[text.index("<svg") :]


def _look(box: Box) -> dict[str, Any]:
    return {**SHAPES[box.look], "tooltip": _label(box.name)}


def _label(text: str) -> str:
    """Text that Graphviz takes for nothing else: no escape, no markup."""
    lines = [line[:LONGEST] for line in text.splitlines()]
    plain = "\\n".join(re.sub(r"[\x00-\x1f]", " ", line).replace("\\", "\\\\") for line in lines)
    return f"\u200b{plain}" if plain.startswith("<") else plain


@contextmanager
def _silent() -> Iterator[None]:
    """Without what C libraries say of the machine's fonts."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
