"""What a picture of an architecture shows: boxes, and arrows between them.

A search space says only that; Graphviz decides where a box stands. Boxes are light, with dark text,
on no background; arrows are grey: a picture can be read on white and on black.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from nasframe.errors import NasframeError

if TYPE_CHECKING:
    from nasframe.api.types import Choice


class Look(Enum):
    """The kind of a box."""

    input = "input"
    operation = "operation"
    join = "join"
    output = "output"
    text = "text"


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


@dataclass(frozen=True, slots=True)
class Box:
    """A box of a drawing.

    Attributes:
        name: unique in its drawing.
        label: what stands in it; may have several lines.
        look: what it is.
        group: the boxes of one group stand together, in a frame with this title.
    """

    name: str
    label: str
    look: Look = Look.operation
    group: str = ""


@dataclass(frozen=True, slots=True)
class Drawing:
    """Boxes, and the arrows along which data flow.

    Attributes:
        boxes: in an order in which arrows point forward, if possible.
        arrows: the names of the two boxes that each connects.

    Raises:
        NasframeError: if two boxes have one name, or an arrow leads to none.
    """

    boxes: tuple[Box, ...]
    arrows: tuple[tuple[str, str], ...]

    def __post_init__(self) -> None:
        names = {box.name for box in self.boxes}
        if len(names) < len(self.boxes):
            raise NasframeError("a drawing has two boxes of one name")
        for arrow in self.arrows:
            if not names.issuperset(arrow):
                raise NasframeError(f"a drawing has an arrow {arrow}, and no such box")

    def svg(self) -> str:
        """Render a self-contained picture, ``<svg ...``, with box names as tooltips.

        Raises:
            NasframeError: if Graphviz or its package cannot be used.
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
        places = {box.name: f"n{place}" for place, box in enumerate(self.boxes)}
        for box in self.boxes:
            graph.add_node(places[box.name], label=_label(box.label), **_look(box))
        for begin, end in self.arrows:
            graph.add_edge(places[begin], places[end])
        for place, group in enumerate(dict.fromkeys(box.group for box in self.boxes if box.group)):
            names = [places[box.name] for box in self.boxes if box.group == group]
            frame = {"label": _label(group), "color": "#888888", "fontcolor": "#888888"}
            graph.add_subgraph(names, name=f"cluster{place}", **frame)
        with _silent():
            text: str = graph.draw(format="svg", prog="dot").decode()
        return text[text.index("<svg") :]

    def _repr_html_(self) -> str:
        """Return the picture for a notebook."""
        return self.svg()


def draw_choices(choices: Sequence[Choice], tokens: Sequence[int]) -> Drawing:
    """Draw the chosen options, grouped by the first parts of the choices' names."""
    boxes = []
    for title, part in _parts(choices[: len(tokens)], tokens):
        lines = [f"{name} = {option}" for name, option in part]
        label = "\n".join([title, *lines] if title else lines)
        boxes.append(Box(title or "choices", label, Look.text))
    pairs = itertools.pairwise(boxes)
    return Drawing(tuple(boxes), tuple((one.name, other.name) for one, other in pairs))


def _parts(
    choices: Iterable[Choice], tokens: Iterable[int]
) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """Group the chosen options by the first part of the choices' names."""
    found: dict[str, list[tuple[str, Any]]] = {}
    for choice, token in zip(choices, tokens, strict=True):
        title, _, name = choice.name.rpartition(".")
        found.setdefault(title, []).append((name, choice.options[token]))
    yield from found.items()


def _look(box: Box) -> dict[str, Any]:
    return {**SHAPES[box.look], "tooltip": _label(box.name)}


def _label(text: str) -> str:
    """Escape a text for Graphviz: no escapes, no markup."""
    lines = [line[:LONGEST] for line in text.splitlines()]
    plain = "\\n".join(re.sub(r"[\x00-\x1f]", " ", line).replace("\\", "\\\\") for line in lines)
    return f"\u200b{plain}" if plain.startswith("<") else plain


@contextmanager
def _silent() -> Iterator[None]:
    """Suppress messages of C libraries about fonts."""
    kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nowhere)
