"""Asynchronous successive halving, in the stopping variant."""

from __future__ import annotations

from bisect import insort

from nasframe import Metrics, Stopper


class ASHAStopper(Stopper):
    """Continues the best 1 / ``eta`` of the children at each rung, and stops the others.

    Args:
        min_epochs: the first rung.
        eta: the factor between rungs, and between the numbers of children at them.
        fails: whether a stopped child has no reward.
    """

    def __init__(self, min_epochs: int, eta: int, fails: bool) -> None:
        self._first = min_epochs
        self._eta = eta
        self.fails = fails
        self._rungs: dict[int, list[float]] = {}

    def decide(self, number: int, epoch: int, reward: float, metrics: Metrics) -> bool:
        """Continue between rungs, and at a rung if the reward is among its best."""
        if not self._is_rung(epoch):
            return True
        rewards = self._rungs.setdefault(epoch, [])
        insort(rewards, reward)
        among = -(-len(rewards) // self._eta)  # rounded up: the best so far always continues
        return reward >= rewards[-among]

    def _is_rung(self, epoch: int) -> bool:
        rung = self._first
        while rung < epoch:
            rung *= self._eta
        return rung == epoch
