"""What a rejected trial counts for a controller that computes with rewards."""

from __future__ import annotations

import math
import sys


class RewardFloor:
    """A reward for rejected trials: below the rewards of all that were told so far.

    It lies below the lowest reward by the range of the rewards (by 1 where they are all equal).
    So a constant that is added to all rewards is added to it, too, and it has their scale.
    It falls when a lower reward is told: compute it anew for each update.
    """

    def __init__(self) -> None:
        self._lowest, self._highest = math.inf, -math.inf

    def tell(self, reward: float) -> None:
        """Take up the reward of a trained trial."""
        self._lowest = min(self._lowest, reward)
        self._highest = max(self._highest, reward)

    @property
    def reward(self) -> float | None:
        """The floor; ``None`` before any reward was told: rejected trials teach nothing then."""
        if self._lowest > self._highest:
            return None
        floor = self._lowest - (self._highest - self._lowest or 1.0)
        below = math.nextafter(self._lowest, -math.inf)  # where 1 is lost among large rewards
        return max(min(floor, below), -sys.float_info.max)
