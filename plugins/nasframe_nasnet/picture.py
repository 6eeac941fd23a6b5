"""Drawing of the two cells as graphs (figure 4 of the paper): inputs below, outputs above."""

from __future__ import annotations

from collections.abc import Iterator

from nasframe import Box, Drawing, Look
from nasframe_nasnet.genotype import Genotype


def draw_cells(cells: dict[str, Genotype]) -> Drawing:
    """Draw some cells.

    Args:
        cells: cells by title.
    """
    boxes: list[Box] = []
    arrows: list[tuple[str, str]] = []
    for title, cell in cells.items():
        boxes += _boxes(title, cell)
        arrows += _arrows(title, cell)
    return Drawing(tuple(boxes), tuple(arrows))


def name_state(title: str, number: int) -> str:
    """Name the box of a state: 0 and 1 are the inputs, the others blocks."""
    return f"{title}.h{number}" if number < 2 else f"{title}.block{number - 2}"


def _boxes(title: str, cell: Genotype) -> Iterator[Box]:
    for number, label in enumerate(("h(i)", "h(i-1)")):
        yield Box(name_state(title, number), label, Look.input, title)
    for place, block in enumerate(cell.blocks):
        name = name_state(title, place + 2)
        yield Box(f"{name}.left", block.left_op, Look.operation, title)
        yield Box(f"{name}.right", block.right_op, Look.operation, title)
        yield Box(name, block.combine, Look.join, title)
    yield Box(f"{title}.output", "h(i+1)", Look.output, title)


def _arrows(title: str, cell: Genotype) -> Iterator[tuple[str, str]]:
    for place, block in enumerate(cell.blocks):
        name = name_state(title, place + 2)
        for side, number in (("left", block.left_state), ("right", block.right_state)):
            yield name_state(title, number), f"{name}.{side}"
            yield f"{name}.{side}", name
    for number in cell.outputs:
        yield name_state(title, number), f"{title}.output"
