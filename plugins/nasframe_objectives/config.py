"""Settings of the objectives."""

from __future__ import annotations

import math
from abc import ABC
from dataclasses import dataclass
from enum import Enum

from nasframe import NasframeError, Objective, ObjectiveConfig, setting


class Reduction(Enum):
    """The epochs that count: the last, all, or the last five."""

    last = "last"
    max = "max"
    max_last5 = "max_last5"


@dataclass(kw_only=True)
class LimitedConfig(ObjectiveConfig, ABC):
    """Limits of metrics; the default null is no limit.

    A network above a limit is rejected: it has no reward and ranks below all others. If a meter
    provides the metric, it is not trained; metrics of the evaluator are known only afterwards.

    Attributes:
        latency: the name of the latency, for example ``onnx.latency_ms`` to choose between meters.
        max_parameters: maximum number of parameters.
        max_macs: maximum multiply-adds.
        max_latency_ms: maximum ``latency``, in milliseconds.
        max_activation_bytes: maximum bytes of activations at a time.
    """

    latency: str = "latency_ms"
    max_parameters: float | None = setting(None, above=0)
    max_macs: float | None = setting(None, above=0)
    max_latency_ms: float | None = setting(None, above=0)
    max_activation_bytes: float | None = setting(None, above=0)

    def limited(self, objective: Objective) -> Objective:
        """Add the limits to an objective."""
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
    """A metric as the reward, optionally raised to a power.

    The reward of Zoph & Le (2017) is the cube of the best of the last five epochs:
    ``of=max_last5 power=3``.

    Attributes:
        metric: name of a metric to maximise; unless ``of`` is ``last``, its series with the suffix
            ``_epochs`` is read.
        of: the epochs that count; the best of them makes the reward.
        power: exponent of the metric.
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

    With the paper's constant, words of the Penn Treebank have rewards below 0.03. Characters, with
    perplexities from 3 to 10, have rewards of 1 to 9: for a controller with settings for rewards up
    to 1, use a ``c`` of about 5.

    Attributes:
        metric: name of the perplexity; unless ``of`` is ``last``, its series with the suffix
            ``_epochs`` is read.
        of: the epochs that count; the lowest perplexity of them makes the reward.
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

    With the paper's equal exponents (``accuracy_latency_soft``) the target only scales all rewards.
    With ``alpha=0 beta=-1`` (``accuracy_latency_hard``) it is a limit with a strong penalty.

    Attributes:
        metric: name of the accuracy.
        target_ms: target of the latency, in milliseconds; the paper's is 75.
        alpha: the exponent w of a network that meets the target.
        beta: the exponent w of a slower network.
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
    TuNAS" (CVPR 2020). Being faster than the target costs as much as being slower. A network far
    from the target can have a negative reward.

    Attributes:
        metric: name of the accuracy.
        target_ms: target of the latency, in milliseconds.
        beta: the change of the reward at twice the target; 0 or less.
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
    """A metric times (value / target) ^ weight of others: MnasNet's reward for many metrics.

    Unlike a sum, a product needs no common unit: with a weight of -0.07, twice the value costs 5 %
    of the reward, whatever its unit and size. A positive weight rewards larger values.

    On the command line (Hydra needs the + to add names):
    ``'+objective.targets={latency_ms: 20, parameters: 2e6}'
    '+objective.weights={latency_ms: -0.07, parameters: -0.05}'``.

    Attributes:
        metric: name of the metric that is multiplied unchanged.
        targets: values of the other metrics that leave the reward unchanged, by name.
        weights: exponents, by the same names.
    """

    metric: str = "val_accuracy"
    targets: dict[str, float] = setting({})
    weights: dict[str, float] = setting({})

    def __post_init__(self) -> None:
        super().__post_init__()
        if unpaired := self.targets.keys() ^ self.weights.keys():
            names = " and ".join(sorted(unpaired))
            raise NasframeError(
                f"targets and weights must have the same names: {names} only in one of them"
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
