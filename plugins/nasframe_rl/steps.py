"""The steps of a policy over a list of choices.

There is one step with a softmax for each choice, and one step for all links of a target, with a
sigmoid for each link. The input of a step is the tokens of the last step.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from nasframe import Choice, Link


class Plan(NamedTuple):
    """The steps of a list of choices, as indices.

    Attributes:
        sizes: the number of options of each choice.
        steps: the choices of each step.
        step: the step of each choice.
        row: the embedding of each choice's first option; embedding 0 is the first step's input.
        rows: the number of embeddings.
        soft: the choices that are not links.
        head: the softmax of each of these.
        links: the choices that are links.
        sources: the step of each link's source anchor.
        targets: the step of each link's target anchor.
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


def plan_steps(choices: Sequence[Choice], share: bool) -> Plan:
    """Plan the steps of some choices.

    Args:
        choices: the choices in order.
        share: whether choices with equal options, and the same last word of their dotted names,
            share one softmax and their embeddings.
    """
    steps = _group_steps(choices)
    starts = {places[0]: number for number, places in enumerate(steps)}
    kinds = [_kind(choice) if share else place for place, choice in enumerate(choices)]
    sizes = [len(choice.options) for choice in choices]
    row, rows = _assign_rows(kinds, sizes)
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
        sources=[starts[link.source] for link in anchors],
        targets=[starts[link.target] for link in anchors],
    )


def _group_steps(choices: Sequence[Choice]) -> list[range]:
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


def _assign_rows(kinds: Sequence[object], sizes: Sequence[int]) -> tuple[list[int], int]:
    """Assign embeddings to choices; returns the first one of each choice, and their number."""
    first: dict[object, int] = {}
    rows = 1
    for kind, size in zip(kinds, sizes, strict=True):
        if kind not in first:
            first[kind] = rows
            rows += size
    return [first[kind] for kind in kinds], rows
