"""Asynchronous successive halving, in the variant that stops."""

from __future__ import annotations

from bisect import insort

from nasframe import Metrics, Stopper


class ASHAStopper(Stopper):
    """Lets the best of each ``eta`` children continue beyond a rung.

    Args:
        min_epochs: the first rung.
        eta: the factor between rungs, and between the numbers of children on them.
        fails: whether a child that was ended is a failed trial.
    """

    def __init__(self, min_epochs: int, eta: int, fails: bool) -> None:
        self._first = min_epochs
        self._eta = eta
        self.fails = fails
        self._rungs: dict[int, list[float]] = {}

    def decide(self, number: int, epoch: int, reward: float, metrics: Metrics) -> bool:
        """Continue between rungs, and beyond a rung with a reward among its best."""
        if not self._is_rung(epoch):
            return True
        rewards = self._rungs.setdefault(epoch, [])
        insort(rewards, reward)
        among = -(-len(rewards) // self._eta)  # rounded up: the best one so far always goes on
        return reward >= rewards[-among]

    def _is_rung(self, epoch: int) -> bool:
        rung = self._first
        while rung < epoch:
            rung *= self._eta
        return rung == epoch
