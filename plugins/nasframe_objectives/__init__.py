"""Objectives: what a search maximises."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from nasframe import Objective, ObjectiveConfig, hookimpl, setting


class Reduction(Enum):
    """Which epochs count: the last one, all of them, or the last five."""

    last = "last"
    max = "max"
    max_last5 = "max_last5"


@dataclass(kw_only=True)
class AccuracyConfig(ObjectiveConfig):
    """A metric as the reward, as it is or raised to a power.

    Zoph & Le (2017) reward the cube of the best of the last five epochs: ``of=max_last5 power=3``.

    Attributes:
        metric: the metric's name, of which more is better; unless ``of`` is ``last``, its series
            is read, whose name is that with ``_epochs`` added.
        of: which epochs count; the reward is made of the best of them.
        power: to which the metric is raised.
    """

    metric: str = "val_accuracy"
    of: Reduction = Reduction.last
    power: float = setting(1.0, above=0)

    def build(self) -> Objective:
        """Make the objective."""
        from nasframe_objectives.accuracy import AccuracyObjective

        return AccuracyObjective(self.metric, self.of, self.power)


@hookimpl
def nasframe_objectives() -> Mapping[str, type[ObjectiveConfig]]:
    """Accuracy."""
    return {"accuracy": AccuracyConfig}
