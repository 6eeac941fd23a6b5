"""The random controller."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import final

import numpy as np

from nasframe import Choice, Controller, Proposal, Trial


@final
class RandomController(Controller):
    """Draws uniformly over the options of the active choices.

    A proposal depends only on the seed and its number. ``batch`` does not change the proposals, as
    nothing is learned; it keeps up to 16 workers busy in a synchronous study, which completes a
    batch before it asks for the next.
    """

    batch = 16

    def __init__(self, choices: Sequence[Choice], seed: int, active: Callable[[int], int]) -> None:
        self._sizes = np.array([len(choice.options) for choice in choices])
        self._seed = seed
        self._active = active

    def ask(self, numbers: Sequence[int]) -> list[Proposal]:
        """Draw an architecture for each number."""
        return [self._propose(number) for number in numbers]

    def tell(self, trials: Sequence[Trial]) -> None:
        """Learn nothing."""

    def _propose(self, number: int) -> Proposal:
        generator = np.random.default_rng([self._seed, number])
        tokens = generator.integers(self._sizes[: self._active(number)])
        return Proposal(tuple(tokens.tolist()))
