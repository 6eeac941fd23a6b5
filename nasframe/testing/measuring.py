"""What contracts of evaluators and of meters share: what they measure."""

from __future__ import annotations

import random
from collections.abc import Iterator
from pathlib import Path

from nasframe.api.config import SearchSpaceConfig, TaskConfig
from nasframe.api.types import Architecture, Context
from nasframe.registry.options import option
from nasframe.testing.part import PartContract
from nasframe.testing.toys import ToySpaceConfig


def drawn(space: SearchSpaceConfig, count: int) -> Iterator[Architecture]:
    """Architectures of a space at random, always the same ones."""
    draw, choices = random.Random(0), space.build().choices
    for _ in range(count):
        yield Architecture(tuple(draw.randrange(len(choice.options)) for choice in choices))


def alone(folder: Path, weights: Path | None = None) -> Context:
    """The context of a child that is the only one, and never ended early."""
    return Context(folder, "cpu", 0, lambda epoch, metrics: True, lambda: False, weights)


class MeasuringContract(PartContract):
    """What is measured to test a part: by default small fully connected networks, on digits."""

    def space(self) -> SearchSpaceConfig:
        """A space whose networks it can measure: small fully connected ones."""
        return ToySpaceConfig()

    def task(self) -> TaskConfig:
        """A task that fits the space: digits, which need no file."""
        config = option("task", "digits")
        assert isinstance(config, TaskConfig)
        return config
