"""Exploration: how often a policy draws a choice uniformly."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import final

from nasframe import Trial

_DUPLICATES = 0.75
"""The tolerated share of duplicates: they cost nothing, and the policy learns from them."""

_RATE = 0.0125
"""The rate of change: about 200 duplicates in a row double the exploration."""


@final
class Exploration:
    """The probability of drawing a choice uniformly.

    A converged policy proposes known architectures again and again. The probability grows while
    more than three quarters of the proposals are duplicates, and falls back afterwards.

    Args:
        least: the initial and minimum probability; 0 stays 0.

    Attributes:
        share: the current probability.
    """

    def __init__(self, least: float) -> None:
        self._least = least
        self.share = least

    def adapt(self, trials: Sequence[Trial]) -> None:
        """Adapt to the share of duplicates among the trials of an update."""
        duplicates = sum(trial.duplicate_of is not None for trial in trials)
        growth = math.exp(_RATE * (duplicates - _DUPLICATES * len(trials)))
        self.share = min(1.0, max(self._least, self.share * growth))
