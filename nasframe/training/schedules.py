"""Learning rates: one function for each word of ``schedule``.

A new schedule is a function here, its line in ``FACTORS``, and its word in `Schedule`; its settings
stand in `OptimizationConfig`. Children and final networks then both have it.

Each is a closed form of the time, with no state: a training that is resumed has the same rates to
the last bit. torch's and timm's schedulers multiply from step to step or count whole epochs, and
MnasNet's clock, which runs during the warm-up, is in neither.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from nasframe.api.optimization import OptimizationConfig, Schedule


def factor(config: OptimizationConfig, step: int, steps: int) -> float:
    """Return what ``config.lr`` is multiplied with.

    Args:
        config: the schedule and its settings.
        step: steps made before this one.
        steps: steps in all epochs.
    """
    epoch = config.epochs * step / steps
    if epoch < config.warmup_epochs:
        return epoch / config.warmup_epochs
    return FACTORS[config.schedule](config, epoch)


def cosine(config: OptimizationConfig, epoch: float) -> float:
    """Fall from 1 to 0 in each cycle (SGDR, Loshchilov and Hutter 2017, eq. 5)."""
    rest = config.epochs - config.warmup_epochs
    place = config.cycles * (epoch - config.warmup_epochs) / rest if rest else 0.0
    place -= min(math.floor(place), config.cycles - 1)
    return 0.5 + 0.5 * math.cos(math.pi * place)


def exponential(config: OptimizationConfig, epoch: float) -> float:
    """Multiply with ``decay`` after every ``decay_epochs``."""
    return float(config.decay ** (epoch // config.decay_epochs))


def steps(config: OptimizationConfig, epoch: float) -> float:
    """Multiply with ``decay`` after each milestone."""
    return float(config.decay ** sum(place <= epoch for place in config.milestones))


def constant(config: OptimizationConfig, epoch: float) -> float:
    """Stay at 1."""
    return 1.0


FACTORS: dict[Schedule, Callable[[OptimizationConfig, float], float]] = {
    Schedule.cosine: cosine,
    Schedule.exponential: exponential,
    Schedule.steps: steps,
    Schedule.constant: constant,
}
"""What the rate is multiplied with, from the epochs that are over, after the warm-up."""
