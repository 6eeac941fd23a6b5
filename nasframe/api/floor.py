"""The reward that a rejected trial has for a controller that computes with rewards."""

from __future__ import annotations

import math
import sys


class RewardFloor:
    """A reward for rejected trials, below every reward told so far.

    It is the lowest reward minus the range of the rewards (minus 1 if they are all equal). So it
    shifts and scales with the rewards. It falls with each lower reward: read it again for each
    update.
    """

    def __init__(self) -> None:
        self._lowest, self._highest = math.inf, -math.inf

    def tell(self, reward: float) -> None:
        """Record the reward of a trained trial."""
        self._lowest = min(self._lowest, reward)
        self._highest = max(self._highest, reward)

    @property
    def reward(self) -> float | None:
        """The floor; ``None`` before the first reward: until then rejected trials teach nothing."""
        if self._lowest > self._highest:
            return None
        floor = self._lowest - (self._highest - self._lowest or 1.0)
        below = math.nextafter(self._lowest, -math.inf)  # 1 vanishes beside large rewards
        return max(min(floor, below), -sys.float_info.max)
