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
    epoch = epochs_over(config, step, steps)
    if epoch < config.warmup_epochs:
        return epoch / config.warmup_epochs
    return FACTORS[config.schedule](config, step, steps)


def epochs_over(config: OptimizationConfig, step: int, steps: int) -> float:
    """Return how many epochs, and parts of one, are over."""
    return config.epochs * step / steps


def cosine(config: OptimizationConfig, step: int, steps: int) -> float:
    """Fall from 1 to 0 in each cycle (SGDR, Loshchilov and Hutter 2017, eq. 5)."""
    now, end = float(config.cycles * step), float(steps)
    if config.warmup_epochs or not config.counts_steps:
        rest = config.epochs - config.warmup_epochs
        over = epochs_over(config, step, steps) - config.warmup_epochs
        now, end = (config.cycles * over / rest if rest else 0.0), 1.0
    now -= end * min(now // end, config.cycles - 1)
    return 0.5 + 0.5 * math.cos(math.pi * now / end)


def exponential(config: OptimizationConfig, step: int, steps: int) -> float:
    """Multiply with ``decay`` after every ``decay_epochs``."""
    return float(config.decay ** (epochs_over(config, step, steps) // config.decay_epochs))


def milestones(config: OptimizationConfig, step: int, steps: int) -> float:
    """Multiply with ``decay`` after each milestone."""
    epoch = epochs_over(config, step, steps)
    return float(config.decay ** sum(place <= epoch for place in config.milestones))


def constant(config: OptimizationConfig, step: int, steps: int) -> float:
    """Stay at 1."""
    return 1.0


FACTORS: dict[Schedule, Callable[[OptimizationConfig, int, int], float]] = {
    Schedule.cosine: cosine,
    Schedule.exponential: exponential,
    Schedule.steps: milestones,
    Schedule.constant: constant,
}
"""What the rate is multiplied with after the warm-up; see ``factor``."""
