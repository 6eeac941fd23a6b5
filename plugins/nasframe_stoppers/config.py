"""Settings of the stoppers."""

from __future__ import annotations

from abc import ABC
from dataclasses import dataclass

from nasframe import Stopper, StopperConfig, setting


@dataclass(kw_only=True)
class EarlyConfig(StopperConfig, ABC):
    """Settings of all stoppers.

    Attributes:
        min_epochs: minimum epochs of every child; for ``asha`` the first rung.
        fail: whether a stopped child has no reward, so that the controller does not learn from it;
            otherwise its reward is the objective's for its last epoch.
    """

    min_epochs: int = setting(1, least=1)
    fail: bool = False


@dataclass(kw_only=True)
class MedianConfig(EarlyConfig):
    """Stops a child whose best reward is below the median of the others at the same epoch.

    The median stopping rule of Golovin et al., "Google Vizier: A Service for Black-Box
    Optimization" (2017), 3.2.1.

    Attributes:
        min_trials: minimum number of others that reached an epoch before it stops a child.
    """

    min_trials: int = setting(5, least=1)

    def build(self) -> Stopper:
        """Make the stopper."""
        from nasframe_stoppers.median import MedianStopper

        return MedianStopper(self.min_epochs, self.min_trials, self.fail)


@dataclass(kw_only=True)
class ASHAConfig(EarlyConfig):
    """Successive halving: the best 1 / ``eta`` of the children at each rung continue.

    The rungs are at ``min_epochs``, ``eta`` times as many, and so on. Li et al., "A System for
    Massively Parallel Hyperparameter Tuning" (2020), in the stopping variant: a child at a rung is
    compared with earlier children at that rung, and never waits for others.

    Attributes:
        eta: one in ``eta`` children continues from a rung; at least 2.
    """

    eta: int = setting(3, least=2)

    def build(self) -> Stopper:
        """Make the stopper."""
        from nasframe_stoppers.asha import ASHAStopper

        return ASHAStopper(self.min_epochs, self.eta, self.fail)
