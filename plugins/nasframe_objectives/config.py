"""Settings of the objectives."""

from __future__ import annotations

import math
from abc import ABC
from dataclasses import dataclass
from enum import Enum

from nasframe import NasframeError, Objective, ObjectiveConfig, setting


class Reduction(Enum):
    """Which epochs count: the last one, all of them, or the last five."""

    last = "last"
    max = "max"
    max_last5 = "max_last5"


@dataclass(kw_only=True)
class LimitedConfig(ObjectiveConfig, ABC):
    """Limits; null, their default, is none.

    A network above a limit is rejected: it has no reward and ranks below all others. It is not
    trained if a meter gives the metric; what only the evaluator gives is known after the training.

    Attributes:
        latency: the name of the latency; of two meters that give one, this chooses:
            ``onnx.latency_ms``.
        max_parameters: the most parameters.
        max_macs: the most multiply-adds.
        max_latency_ms: the highest ``latency``, in milliseconds.
        max_activation_bytes: the most bytes of activations at a time.
    """

    latency: str = "latency_ms"
    max_parameters: float | None = setting(None, above=0)
    max_macs: float | None = setting(None, above=0)
    max_latency_ms: float | None = setting(None, above=0)
    max_activation_bytes: float | None = setting(None, above=0)

    def limited(self, objective: Objective) -> Objective:
        """The objective with the limits that are set."""
        from nasframe_objectives.limits import Limited

        limits = {
            "parameters": self.max_parameters,
            "macs": self.max_macs,
            self.latency: self.max_latency_ms,
            "activation_bytes": self.max_activation_bytes,
        }
        return Limited(objective, {k: limit for k, limit in limits.items() if limit is not None})


@dataclass(kw_only=True)
class AccuracyConfig(LimitedConfig):
    """A metric as the reward, as it is or raised to a power.

    Zoph & Le (2017) reward the cube of the best of the last five epochs: ``of=max_last5 power=3``.

    Attributes:
        metric: the name of a metric where higher is better; unless ``of`` is ``last``, its series
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

        reward = EpochsObjective(self.metric, self.of.value, lambda value: value**self.power)
        reward.in_points = "accuracy" in self.metric and self.power == 1
        return self.limited(reward)


@dataclass(kw_only=True)
class PerplexityConfig(LimitedConfig):
    """A constant over the square of the perplexity: c / ppl^2 (Zoph & Le 2017, 4.2).

    With the paper's constant, the words of the Penn Treebank give rewards below 0.03.
    Characters, with perplexities from 3 to 10, give rewards of 1 to 9: a controller
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

        reward = EpochsObjective(self.metric, self.of.value, lambda value: self.c * value**-2)
        return self.limited(reward)


@dataclass(kw_only=True)
class AccuracyLatencyConfig(LimitedConfig):
    """Accuracy times (latency / target) ^ w: MnasNet's reward (Tan et al. 2019, eq. 2 and 3).

    With the paper's equal exponents (``accuracy_latency_soft``) the target only scales all rewards;
    with its ``alpha=0 beta=-1`` (``accuracy_latency_hard``) it is a limit that costs dear.

    Attributes:
        metric: the name of the accuracy.
        target_ms: the latency that is wanted, in milliseconds; the paper's is 75.
        alpha: the exponent w of a network that is as fast as the target or faster.
        beta: the exponent w of a slower one.
    """

    metric: str = "val_accuracy"
    target_ms: float = setting(75.0, above=0)
    alpha: float = setting(-0.07, most=0)
    beta: float = setting(-0.07, most=0)

    def build(self) -> Objective:
        """Make the objective."""
        from nasframe_objectives.latency import LatencyObjective

        def reward(accuracy: float, ratio: float) -> float:
            return accuracy * math.pow(ratio, self.alpha if ratio <= 1 else self.beta)

        return self.limited(LatencyObjective(self.metric, self.latency, self.target_ms, reward))


@dataclass(kw_only=True)
class AccuracyLatencyAbsoluteConfig(LimitedConfig):
    """Accuracy + beta * abs(latency / target - 1): the absolute reward of TuNAS.

    Bender et al., "Can Weight Sharing Outperform Random Architecture Search? An Investigation With
    TuNAS" (CVPR 2020). A network loses as much by being faster than the target as by being slower.
    One that misses it by far can have a negative reward.

    Attributes:
        metric: the name of the accuracy.
        target_ms: the latency that is wanted, in milliseconds.
        beta: what a latency of twice the target adds; 0 or less.
    """

    metric: str = "val_accuracy"
    target_ms: float = setting(75.0, above=0)
    beta: float = setting(-0.07, most=0)

    def build(self) -> Objective:
        """Make the objective."""
        from nasframe_objectives.latency import LatencyObjective

        def reward(accuracy: float, ratio: float) -> float:
            return accuracy + self.beta * abs(ratio - 1)

        return self.limited(LatencyObjective(self.metric, self.latency, self.target_ms, reward))


@dataclass(kw_only=True)
class WeightedConfig(LimitedConfig):
    """A metric times (value / target) ^ weight of any others: MnasNet's reward for more than two.

    A product needs no common unit, unlike a sum: with a weight of -0.07, twice the value costs 5 %
    of the reward, whatever is measured and however large it is. A positive weight rewards more.

    On the command line (Hydra wants the + where names are added):
    ``'+objective.targets={latency_ms: 20, parameters: 2e6}'
    '+objective.weights={latency_ms: -0.07, parameters: -0.05}'``.

    Attributes:
        metric: the name of the metric that stands for itself.
        targets: by the names of the other metrics, at which value each leaves the reward as it is.
        weights: by the same names, the exponents.
    """

    metric: str = "val_accuracy"
    targets: dict[str, float] = setting({})
    weights: dict[str, float] = setting({})

    def __post_init__(self) -> None:
        super().__post_init__()
        if unpaired := self.targets.keys() ^ self.weights.keys():
            names = " and ".join(sorted(unpaired))
            raise NasframeError(
                f"targets and weights must have the same names: {names} in one only"
            )
        for name, target in self.targets.items():
            if not isinstance(target, int | float) or not 0 < target < math.inf:
                raise NasframeError(f"targets.{name}={target}: must be a positive number")
        for name, weight in self.weights.items():
            if not isinstance(weight, int | float) or not math.isfinite(weight):
                raise NasframeError(f"weights.{name}={weight}: must be a finite number")

    def build(self) -> Objective:
        """Make the objective."""
        from nasframe_objectives.weighted import WeightedObjective

        return self.limited(WeightedObjective(self.metric, self.targets, self.weights))
