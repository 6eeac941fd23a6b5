"""How much of a policy's decisions is drawn uniformly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

from nasframe import Trial

_DUPLICATES = 0.75
"""The share of duplicates that is no reason to explore more: they cost nothing, and teach."""

_RATE = 0.0125
"""How fast the exploration follows: some 200 duplicates in a row double it."""


@final
class Exploration:
    """The share of each decision that is drawn uniformly.

    A policy that has settled proposes what is known already, over and over. The share grows while
    more than three quarters of the proposals are duplicates, and falls back afterwards.

    Args:
        least: where it begins and to what it falls back; if 0, it stays there.

    Attributes:
        share: what it is now.
    """

    def __init__(self, least: float) -> None:
        self._least = least
        self.share = least

    def update(self, trials: Sequence[Trial]) -> None:
        """Follow the duplicates among the trials of an update."""
        duplicates = sum(trial.duplicate_of is not None for trial in trials)
        growth = math.exp(_RATE * (duplicates - _DUPLICATES * len(trials)))
        self.share = min(1.0, max(self._least, self.share * growth))
