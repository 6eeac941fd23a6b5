"""Settings of the stoppers."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass

from nasframe import Stopper, StopperConfig, setting


@dataclass(kw_only=True)
class EarlyConfig(StopperConfig, ABC):
    """What every stopper has.

    Attributes:
        min_epochs: the minimum for every child; with ``asha`` the first rung.
        fail: whether a stopped child has no reward, so that the controller learns
            nothing; else it has the objective's value for the epoch that it reached.
    """

    min_epochs: int = setting(1, least=1)
    fail: bool = False


@dataclass(kw_only=True)
class MedianConfig(EarlyConfig):
    """Ends a child whose best reward is below the median of the others by the same epoch.

    The median stopping rule of Golovin et al., "Google Vizier: A Service for Black-Box
    Optimization" (2017), 3.2.1.

    Attributes:
        min_trials: the minimum of other children that reached an epoch before one is stopped there.
    """

    min_trials: int = setting(5, least=1)

    def build(self) -> Stopper:
        """Make the stopper."""
        from nasframe_stoppers.median import MedianStopper

        return MedianStopper(self.min_epochs, self.min_trials, self.fail)


@dataclass(kw_only=True)
class ASHAConfig(EarlyConfig):
    """Successive halving: of the children that reach a rung, the best of each ``eta`` continue.

    The rungs are at ``min_epochs``, ``eta`` times as many, and so on. Li et al., "A System for
    Massively Parallel Hyperparameter Tuning" (2020), in the variant that stops: who arrives at a
    rung is held against those who were there before, and never waits for others.

    Attributes:
        eta: the number of children at a rung for each one that continues; at least 2.
    """

    eta: int = setting(3, least=2)

    def build(self) -> Stopper:
        """Make the stopper."""
        from nasframe_stoppers.asha import ASHAStopper

        return ASHAStopper(self.min_epochs, self.eta, self.fail)
