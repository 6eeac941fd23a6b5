"""Networks and data for the contracts of evaluators and meters."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from nasframe.api.config import SearchSpaceConfig, TaskConfig
from nasframe.api.types import Architecture, Context
from nasframe.registry.options import option
from nasframe.testing.part import PartContract
from nasframe.testing.toys import ToySpaceConfig


def draw_architectures(space: SearchSpaceConfig, count: int) -> Iterator[Architecture]:
    """Draw architectures of a space at random, always the same."""
    draw, choices = random.Random(0), space.build().choices
    for _ in range(count):
        yield Architecture(tuple(draw.randrange(len(choice.options)) for choice in choices))


def make_context(folder: Path, weights: Path | None = None) -> Context:
    """Make the context of a child that is never stopped or cancelled."""
    return Context(folder, "cpu", 0, lambda epoch, metrics: True, lambda: False, weights)


class MeasuringContract(PartContract):
    """Base of contracts that measure networks: small fully connected ones, on digits."""

    def space(self) -> SearchSpaceConfig:
        """Return a space with networks to measure: by default small fully connected networks."""
        return ToySpaceConfig()

    def task(self) -> TaskConfig:
        """Return a task that fits the space: by default digits, which need no file."""
        config = option("task", "digits")
        assert isinstance(config, TaskConfig)
        return config
