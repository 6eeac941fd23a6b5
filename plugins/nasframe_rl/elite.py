"""The queue of the best architectures so far.

Abolafia et al., "Neural Program Synthesis with Priority Queue Training", 2018.
"""

from __future__ import annotations

from typing import final

from nasframe import Trial
from nasframe_rl.policy import Tokens


@final
class Elite:
    """The ``size`` distinct architectures with the highest rewards; of equals, the earlier ones."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._rewards: dict[Tokens, float] = {}

    def add(self, trial: Trial) -> None:
        """Add a trial if its reward is among the highest; ignore it without a reward."""
        if trial.reward is None:
            return
        self._rewards.setdefault(trial.architecture.tokens, trial.reward)
        if len(self._rewards) > self._size:
            ranked = sorted(self._rewards.items(), key=lambda item: -item[1])
            self._rewards = dict(ranked[: self._size])

    def best(self) -> list[Tokens]:
        """Return the architectures, in no particular order."""
        return list(self._rewards)
