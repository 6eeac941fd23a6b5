"""How a policy goes through a list of choices.

One step for each choice, with a softmax, and one for all links of a target, each with a sigmoid of
its own. A step reads what was decided in the step before.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from nasframe import Choice, Link


class Plan(NamedTuple):
    """Places in a list of choices, all as numbers.

    Attributes:
        sizes: how many options each choice has.
        steps: the choices of each step.
        step: the step of each choice.
        row: the embedding of each choice's first option; embedding 0 is the first step's input.
        rows: how many embeddings there are.
        soft: the choices that are no links.
        head: which softmax each of these has.
        links: the choices that are links.
        sources: the steps at which the sources of the links have their anchors.
        targets: the same of their targets.
    """

    sizes: list[int]
    steps: list[range]
    step: list[int]
    row: list[int]
    rows: int
    soft: list[int]
    head: list[int]
    links: list[int]
    sources: list[int]
    targets: list[int]


def plan(choices: Sequence[Choice], share: bool) -> Plan:
    """Lay out the steps of some choices.

    Args:
        choices: the decisions in their order.
        share: whether choices with equal options, whose names end with the same word after a
            point, have one softmax and the same embeddings.
    """
    steps = _steps(choices)
    begins = {places[0]: number for number, places in enumerate(steps)}
    kinds = [_kind(choice) if share else place for place, choice in enumerate(choices)]
    sizes = [len(choice.options) for choice in choices]
    row, rows = _rows(kinds, sizes)
    links = [place for place, choice in enumerate(choices) if isinstance(choice, Link)]
    soft = [place for place, choice in enumerate(choices) if not isinstance(choice, Link)]
    heads = {kind: number for number, kind in enumerate(dict.fromkeys(kinds[i] for i in soft))}
    anchors = [choice for choice in choices if isinstance(choice, Link)]
    return Plan(
        sizes=sizes,
        steps=steps,
        step=[number for number, places in enumerate(steps) for _ in places],
        row=row,
        rows=rows,
        soft=soft,
        head=[heads[kinds[place]] for place in soft],
        links=links,
        sources=[begins[link.source] for link in anchors],
        targets=[begins[link.target] for link in anchors],
    )


def _steps(choices: Sequence[Choice]) -> list[range]:
    steps: list[range] = []
    target = None
    for place, choice in enumerate(choices):
        if isinstance(choice, Link) and choice.target == target:
            steps[-1] = range(steps[-1].start, place + 1)
        else:
            steps.append(range(place, place + 1))
        target = choice.target if isinstance(choice, Link) else None
    return steps


def _kind(choice: Choice) -> object:
    return choice.name.rpartition(".")[2], choice.options


def _rows(kinds: Sequence[object], sizes: Sequence[int]) -> tuple[list[int], int]:
    """The first embedding of each choice, and how many embeddings there are."""
    first: dict[object, int] = {}
    rows = 1
    for kind, size in zip(kinds, sizes, strict=True):
        if kind not in first:
            first[kind] = rows
            rows += size
    return [first[kind] for kind in kinds], rows
