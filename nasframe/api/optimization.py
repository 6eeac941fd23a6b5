"""How a network is optimized: the settings that children and final networks share."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import ClassVar

from nasframe.api.config import Config, Precision, setting
from nasframe.errors import NasframeError


class Schedule(Enum):
    """How the learning rate changes after the warm-up; `nasframe.training.schedules` has each."""

    cosine = "cosine"
    exponential = "exponential"
    steps = "steps"
    constant = "constant"


@dataclass(kw_only=True)
class OptimizationConfig(Config):
    """Optimization and schedule of one training, of a child or of a final network.

    Attributes:
        epochs: passes over the training data.
        batch_size: the maximum of examples in a batch.
        optimizer: a name that timm knows; ``sgd`` has Nesterov's momentum, ``rmsproptf`` is
            RMSProp as in TensorFlow.
        lr: the highest learning rate, that of the first step if there is no warm-up.
        momentum: of the optimizers that have one.
        weight_decay: on weights of two and more dimensions: not on biases and normalisation.
        epsilon: the optimizer's small constant; null for its own.
        gradient_clip: the maximum norm of the gradient; 0 does not clip.
        warmup_epochs: in these the learning rate rises linearly from 0.
        schedule: ``cosine`` falls to 0 along half a cosine, after the warm-up; ``exponential`` is
            multiplied with ``decay`` after every ``decay_epochs`` epochs, those of the warm-up
            counted, as in MnasNet's code; ``steps`` after each of ``milestones``; ``constant``
            stays.
        cycles: half cosines of ``cosine``, of equal length: each restarts at ``lr``.
        decay: the factor of ``exponential`` and ``steps``.
        decay_epochs: the epochs, or parts of one, between two factors of ``exponential``.
        milestones: the epochs after which ``steps`` goes down; one may stand there several times.
        label_smoothing: the share of a label that is spread over all classes in training.
        precision: ``auto`` is bfloat16 (automatic mixed precision) on CUDA devices that have it,
            float32 elsewhere.
        channels_last: whether images lie in memory with their channels innermost, which is faster
            on most devices (``nasframe-plugins --doctor`` measures it).
    """

    # Whether a cosine without a warm-up is computed from steps, and not from epochs. The two differ
    # in the last bit: each kind of training keeps its own, so that one that an older version has
    # started is resumed with equal rates.
    counts_steps: ClassVar[bool] = True

    epochs: int = setting(5, least=1)
    batch_size: int = setting(64, least=1)
    optimizer: str = "sgd"
    lr: float = setting(0.05, above=0)
    momentum: float = setting(0.9, least=0, most=1)
    weight_decay: float = setting(1e-4, least=0)
    epsilon: float | None = setting(None, above=0)
    gradient_clip: float = setting(0.0, least=0)
    warmup_epochs: float = setting(0.0, least=0)
    schedule: Schedule = Schedule.cosine
    cycles: int = setting(1, least=1)
    decay: float = setting(0.97, above=0, most=1)
    decay_epochs: float = setting(2.4, above=0)
    milestones: list[float] = setting([], above=0)
    label_smoothing: float = setting(0.0, least=0, most=0.99)
    precision: Precision = Precision.auto
    channels_last: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.warmup_epochs > self.epochs:
            raise NasframeError(
                f"warmup_epochs={self.warmup_epochs:g}: must be at most epochs={self.epochs}"
            )
        if (self.schedule is Schedule.steps) != bool(self.milestones):
            raise NasframeError("schedule=steps and milestones=[EPOCH,...] need each other")
        if self.cycles > 1 and self.schedule is not Schedule.cosine:
            raise NasframeError(f"cycles={self.cycles} needs schedule=cosine")
