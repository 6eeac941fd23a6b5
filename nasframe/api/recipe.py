"""How a network is trained in full: the settings of a recipe, and its learning rate."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import Any, TypeVar

from nasframe.api.config import Config, Precision, SearchSpaceConfig, TaskConfig, setting
from nasframe.errors import NasframeError

Part = TypeVar("Part", SearchSpaceConfig, TaskConfig)


class Schedule(Enum):
    """How the learning rate falls after the warm-up."""

    cosine = "cosine"
    exponential = "exponential"
    steps = "steps"
    constant = "constant"


@dataclass(kw_only=True)
class RecipeConfig(Config):
    """A training setup. The defaults suit small networks on ``task=digits``.

    The last ones are settings of the search space and of the task: null leaves them as they are.

    Attributes:
        epochs: passes over the training data.
        batch_size: examples in a batch, at most.
        accumulate: batches whose gradients make one step together; what is left at an epoch's end
            makes a step of its own, in which each batch counts as in the others.
        optimizer: a name that timm knows; ``sgd`` has Nesterov's momentum, ``rmsproptf`` is
            RMSProp as in TensorFlow.
        lr: the highest learning rate.
        momentum: of the optimizers that have one.
        weight_decay: on weights of two and more dimensions: not on biases and normalisation.
        epsilon: the optimizer's small constant; null for its own.
        gradient_clip: largest norm of the gradient; 0 does not clip.
        warmup_epochs: in these the learning rate rises linearly from 0.
        schedule: ``cosine`` falls to 0 along half a cosine, after the warm-up; ``exponential`` is
            multiplied with ``decay`` after every ``decay_epochs`` epochs, those of the warm-up
            counted, as in MnasNet's code; ``steps`` after each of ``milestones``; ``constant``
            stays.
        decay: the factor of ``exponential`` and ``steps``.
        decay_epochs: the epochs, or parts of one, between two factors of ``exponential``.
        milestones: the epochs after which ``steps`` goes down; one may stand there several times.
        label_smoothing: the share of a label that is spread over all classes in training.
        ema: decay of the moving average of the weights, which is then validated and kept; null
            for none.
        patience: epochs without a better validation metric, that by which networks are ranked,
            after which the training ends; its last weights are kept. Null for never.
        precision: ``auto`` is bfloat16 (automatic mixed precision) on CUDA devices that have it,
            float32 elsewhere.
        channels_last: whether images lie in memory with their channels innermost.
        search_space: settings of the search space, or of a network that has a name; null leaves
            one as it is.
        pad: of the task: pixels around an image before a random crop.
        upsample: of the task: the side to which images are enlarged before a random crop.
        flip: of the task: mirror a random half of the images.
        cutout: of the task: side of a square that is set to the mean colour.
    """

    epochs: int = setting(60, least=1)
    batch_size: int = setting(64, least=1)
    accumulate: int = setting(1, least=1)
    optimizer: str = "sgd"
    lr: float = setting(0.05, above=0)
    momentum: float = setting(0.9, least=0, most=1)
    weight_decay: float = setting(5e-4, least=0)
    epsilon: float | None = setting(None, above=0)
    gradient_clip: float = setting(0.0, least=0)
    warmup_epochs: float = setting(0.0, least=0)
    schedule: Schedule = Schedule.cosine
    decay: float = setting(0.97, above=0, most=1)
    decay_epochs: float = setting(2.4, above=0)
    milestones: list[float] = setting([], above=0)
    label_smoothing: float = setting(0.0, least=0, most=0.99)
    ema: float | None = setting(None, above=0, most=1)
    patience: int | None = setting(None, least=1)
    precision: Precision = Precision.auto
    channels_last: bool = True
    search_space: dict[str, Any] = setting({})
    pad: int | None = None
    upsample: int | None = None
    flip: bool | None = None
    cutout: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        # Of a null nothing is kept: it says that the recipe says nothing.
        self.search_space = self.of_space()
        if self.warmup_epochs > self.epochs:
            raise NasframeError(
                f"warmup_epochs={self.warmup_epochs:g}: must be at most epochs={self.epochs}"
            )
        if (self.schedule is Schedule.steps) != bool(self.milestones):
            raise NasframeError("schedule=steps and milestones=[EPOCH,...] need each other")

    def factor(self, step: int, steps: int) -> float:
        """What the learning rate is multiplied with.

        Args:
            step: steps made before this one.
            steps: steps in all epochs.
        """
        epoch = self.epochs * step / steps
        if epoch < self.warmup_epochs:
            return epoch / self.warmup_epochs
        if self.schedule is Schedule.cosine:
            rest = self.epochs - self.warmup_epochs
            done = (epoch - self.warmup_epochs) / rest if rest else 0.0
            return 0.5 + 0.5 * math.cos(math.pi * done)
        if self.schedule is Schedule.exponential:
            return float(self.decay ** (epoch // self.decay_epochs))
        if self.schedule is Schedule.steps:
            return float(self.decay ** sum(place <= epoch for place in self.milestones))
        return 1.0

    def of_space(self) -> dict[str, Any]:
        """What it says of the network, by name."""
        return {name: value for name, value in self.search_space.items() if value is not None}

    def space(self, config: SearchSpaceConfig) -> SearchSpaceConfig:
        """A search space with what the recipe says of it.

        Raises:
            NasframeError: if it has no such setting.
        """
        return _applied(config, "search space", "search_space.", self.of_space())

    def task(self, config: TaskConfig) -> TaskConfig:
        """A task with what the recipe says of it.

        Raises:
            NasframeError: if it has no such setting.
        """
        given = self._given(("pad", "upsample", "flip", "cutout"))
        return _applied(config, "task", "", given)

    def _given(self, names: tuple[str, ...]) -> dict[str, Any]:
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


def _applied(config: Part, what: str, prefix: str, given: dict[str, Any]) -> Part:
    known = {item.name for item in fields(config)}
    for name, value in given.items():
        if name not in known:
            raise NasframeError(
                f"recipe.{prefix}{name}={value}: this {what} has no such setting; give "
                f"recipe.{prefix}{name}=null"
            )
    return replace(config, **given)
