"""The best architectures so far.

This is the queue of Abolafia et al., "Neural Program Synthesis with Priority Queue Training", 2018.
"""

from __future__ import annotations

from typing import final

from nasframe import Trial
from nasframe_rl.policy import Tokens


@final
class Elite:
    """The ``size`` architectures with the highest rewards, each once, the earlier among equals."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._rewards: dict[Tokens, float] = {}

    def add(self, trial: Trial) -> None:
        """Let a trial in if it is good enough; one without a reward never is."""
        if trial.reward is None:
            return
        self._rewards.setdefault(trial.architecture.tokens, trial.reward)
        if len(self._rewards) > self._size:
            ranked = sorted(self._rewards.items(), key=lambda item: -item[1])
            self._rewards = dict(ranked[: self._size])

    def best(self) -> list[Tokens]:
        """The architectures."""
        return list(self._rewards)
