"""Learning rate schedules: one function for each value of ``schedule``.

To add a schedule, write a function here, and add it to ``FACTORS``, its name to `Schedule`, and its
settings to `OptimizationConfig`. Children and final networks both use it.

Each schedule is a closed form of the step, without state: a resumed training has the same rates to
the last bit. The schedulers of torch and timm multiply from step to step or count whole epochs, and
neither counts the epochs of the warm-up as MnasNet does.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from nasframe.api.optimization import OptimizationConfig, Schedule


def compute_factor(config: OptimizationConfig, step: int, steps: int) -> float:
    """Return the factor of ``config.lr`` at a step.

    Args:
        config: the schedule and its settings.
        step: index of the step, from 0.
        steps: steps in all epochs.
    """
    epoch = count_epochs(config, step, steps)
    if epoch < config.warmup_epochs:
        return epoch / config.warmup_epochs
    return FACTORS[config.schedule](config, step, steps)


def count_epochs(config: OptimizationConfig, step: int, steps: int) -> float:
    """Return the number of completed epochs, with its fraction."""
    return config.epochs * step / steps


def cosine(config: OptimizationConfig, step: int, steps: int) -> float:
    """Fall from 1 to 0 in each cycle (SGDR, Loshchilov and Hutter 2017, eq. 5)."""
    now, end = float(config.cycles * step), float(steps)
    if config.warmup_epochs or not config.counts_steps:
        rest = config.epochs - config.warmup_epochs
        over = count_epochs(config, step, steps) - config.warmup_epochs
        now, end = (config.cycles * over / rest if rest else 0.0), 1.0
    now -= end * min(now // end, config.cycles - 1)
    return 0.5 + 0.5 * math.cos(math.pi * now / end)


def exponential(config: OptimizationConfig, step: int, steps: int) -> float:
    """Multiply with ``decay`` after every ``decay_epochs``."""
    return float(config.decay ** (count_epochs(config, step, steps) // config.decay_epochs))


def milestones(config: OptimizationConfig, step: int, steps: int) -> float:
    """Multiply with ``decay`` after each milestone."""
    epoch = count_epochs(config, step, steps)
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
"""Factor of the learning rate after the warm-up; see ``compute_factor``."""
