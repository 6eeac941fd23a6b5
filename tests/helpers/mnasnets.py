"""Spaces and tokens of MnasNet, for tests."""

from __future__ import annotations

from typing import Any

from nasframe import SearchSpace, option
from nasframe_mnasnet.blocks import MENU

STEPS = len(MENU)


def space(name: str = "mnasnet", **changes: Any) -> SearchSpace:
    built = option("search_space", name, **changes).build()
    assert isinstance(built, SearchSpace)
    return built


def tokens(**options: Any) -> tuple[int, ...]:
    """The tokens of one block; what is not given is a plain 3x3 ``sep`` of the reference's size."""
    plain = {"op": "sep", "kernel": 3, "se": 0.0, "skip": "none", "filters": 1.0, "layers": 0}
    chosen = {**plain, **options}
    return tuple(MENU[step].index(chosen[step]) for step in MENU)
