"""Advantages: rewards compared with a baseline."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Sequence
from statistics import fmean, pstdev
from typing import final

from nasframe import RewardFloor

_RECENT = 64
"""How many of the last rewards, including its own, a reward is compared with."""


@final
class Advantages:
    """Compares each batch of rewards with those before it.

    The baseline is the moving average of the rewards of earlier updates. The first update takes
    the mean of its own rewards, since a baseline of 0 would favour all its architectures.

    A rejected trial gets a reward below all trained trials so far, or the lowest rank.

    Args:
        kind: ``raw`` is the reward minus the baseline; ``normalized`` divides that by the standard
            deviation of recent rewards; ``rank`` is from -1 (worse than all recent rewards) to 1.
        baseline_decay: share of the baseline that each new reward keeps.
    """

    def __init__(self, kind: str, baseline_decay: float) -> None:
        self._kind = kind
        self._decay = baseline_decay
        self._baseline: float | None = None
        self._recent: deque[float] = deque(maxlen=_RECENT)
        self._floor = RewardFloor()

    def __call__(self, rewards: Sequence[float | None]) -> list[float]:
        """Compute the advantages of one update; its rewards then enter the baseline.

        Args:
            rewards: ``None`` for a rejected trial.

        Returns:
            One advantage per reward; an empty list if no trial was trained yet.
        """
        for reward in rewards:
            if reward is not None:
                self._floor.tell(reward)
        floor = self._floor.reward
        if floor is None or not rewards:
            return []
        if self._kind == "rank":
            return self._rank_all([-math.inf if reward is None else reward for reward in rewards])
        return self._compare([floor if reward is None else reward for reward in rewards])

    def _compare(self, rewards: Sequence[float]) -> list[float]:
        baseline = fmean(rewards) if self._baseline is None else self._baseline
        self._recent.extend(rewards)
        advantages = [reward - baseline for reward in rewards]
        if self._kind == "normalized":
            deviation = pstdev(self._recent)
            advantages = [value / deviation if deviation else 0.0 for value in advantages]
        for reward in rewards:
            baseline = self._decay * baseline + (1 - self._decay) * reward
        self._baseline = baseline
        return advantages

    def _rank_all(self, rewards: Sequence[float]) -> list[float]:
        self._recent.extend(rewards)
        return [self._rank(reward) for reward in rewards]

    def _rank(self, reward: float) -> float:
        """Return the share of lower minus the share of higher recent rewards."""
        lower = sum(other < reward for other in self._recent)
        higher = sum(other > reward for other in self._recent)
        return (lower - higher) / len(self._recent)
