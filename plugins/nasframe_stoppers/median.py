"""The median stopping rule."""

from __future__ import annotations

from statistics import fmean, median

from nasframe import Metrics, Stopper


class MedianStopper(Stopper):
    """Stops a child whose best reward is below the median of the others' running averages.

    The others are all children that reached the same epoch and were not stopped there.

    Args:
        min_epochs: minimum epochs of every child.
        min_trials: minimum number of others.
        fails: whether a stopped child has no reward.
    """

    def __init__(self, min_epochs: int, min_trials: int, fails: bool) -> None:
        self._min_epochs = min_epochs
        self._min_trials = min_trials
        self.fails = fails
        self._rewards: dict[int, list[float]] = {}
        self._averages: dict[int, list[float]] = {}

    def decide(self, number: int, epoch: int, reward: float, metrics: Metrics) -> bool:
        """Continue unless the best reward so far is below the median of the others."""
        rewards = self._rewards.setdefault(number, [])
        rewards.append(reward)
        others = self._averages.setdefault(epoch, [])
        enough = epoch >= self._min_epochs and len(others) >= self._min_trials
        if enough and max(rewards) < median(others):
            del self._rewards[number]
            return False
        others.append(fmean(rewards))
        return True
