"""What a picture of an architecture shows: boxes, and arrows between them.

A search space says only that; where a box stands and how it looks is decided by who draws.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from nasframe.errors import NasframeError

if TYPE_CHECKING:
    from nasframe.api import Choice


class Look(Enum):
    """What a box is."""

    input = "input"
    operation = "operation"
    join = "join"
    output = "output"
    text = "text"


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
        boxes: in an order in which arrows lead forward, if there is one.
        arrows: names of the boxes where each begins and ends.

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


def listed(choices: Sequence[Choice], tokens: Sequence[int]) -> Drawing:
    """A drawing for any space: what was chosen, by the first parts of the choices' names."""
    boxes = []
    for title, part in _parts(choices[: len(tokens)], tokens):
        lines = [f"{name} = {option}" for name, option in part]
        label = "\n".join([title, *lines] if title else lines)
        boxes.append(Box(title or "choices", label, Look.text))
    pairs = zip(boxes, boxes[1:], strict=False)
    return Drawing(tuple(boxes), tuple((one.name, other.name) for one, other in pairs))


def _parts(
    choices: Iterable[Choice], tokens: Iterable[int]
) -> Iterator[tuple[str, list[tuple[str, Any]]]]:
    """What was chosen, by the first part of the choices' names."""
    found: dict[str, list[tuple[str, Any]]] = {}
    for choice, token in zip(choices, tokens, strict=True):
        title, _, name = choice.name.rpartition(".")
        found.setdefault(title, []).append((name, choice.options[token]))
    yield from found.items()
