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
        from nasframe_objectives.epochs import EpochsObjective

        return EpochsObjective(self.metric, self.of, lambda value: value**self.power)


@dataclass(kw_only=True)
class PerplexityConfig(ObjectiveConfig):
    """A constant over the square of the perplexity: c / ppl^2 (Zoph & Le 2017, 4.2).

    With the paper's constant, the words of the Penn Treebank give rewards below 0.03.
    Characters, of which perplexities are from 3 to 10, give rewards of 1 to 9: a controller
    whose settings suit rewards up to 1 wants a ``c`` of about 5 there.

    Attributes:
        metric: the perplexity's name; unless ``of`` is ``last``, its series is read, whose name is
            that with ``_epochs`` added.
        of: which epochs count; the highest reward is that of the lowest perplexity among them.
        c: the constant.
    """

    metric: str = "val_perplexity"
    of: Reduction = Reduction.last
    c: float = setting(80.0, above=0)

    def build(self) -> Objective:
        """Make the objective."""
        from nasframe_objectives.epochs import EpochsObjective

        return EpochsObjective(self.metric, self.of, lambda value: self.c * value**-2)


@dataclass(kw_only=True)
class AccuracyLatencyConfig(ObjectiveConfig):
    """Accuracy times (latency / target) ^ w: MnasNet's reward (Tan et al. 2019, eq. 2 and 3).

    The accuracy is ``val_accuracy``, the latency ``latency_ms``. With the paper's equal exponents
    the target only scales all rewards; with ``alpha=0 beta=-1`` it is a limit that costs dear.

    Attributes:
        target_ms: the latency that is wanted, in milliseconds; the paper's is 75.
        alpha: the exponent w of a network that is as fast as the target or faster.
        beta: the exponent w of a slower one.
    """

    target_ms: float = setting(75.0, above=0)
    alpha: float = setting(-0.07, most=0)
    beta: float = setting(-0.07, most=0)

    def build(self) -> Objective:
        """Make the objective."""
        from nasframe_objectives.latency import AccuracyLatency

        return AccuracyLatency(self.target_ms, self.alpha, self.beta)


@hookimpl
def nasframe_objectives() -> Mapping[str, type[ObjectiveConfig]]:
    """Accuracy, alone or with latency, and perplexity."""
    return {
        "accuracy": AccuracyConfig,
        "accuracy_latency": AccuracyLatencyConfig,
        "perplexity": PerplexityConfig,
    }
