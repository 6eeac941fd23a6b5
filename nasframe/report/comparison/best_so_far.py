"""What was found after each trial: the best so far, and the mean of the best few.

Arrays are named by their axes: S studies, N trials, K sizes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nasframe.report.comparison.studies import Floats, Study

SIZES = (1, 5, 25)
"""The best so many networks are averaged (Zoph et al. 2018, figure 6)."""


def stacked(studies: Sequence[Study], budget: int) -> tuple[Floats, Floats]:
    """Rewards and values of the first trials; a study that is over by then finds no more."""
    rewards_SN = np.full((len(studies), budget), -np.inf)
    values_SN = np.full((len(studies), budget), np.nan)
    for row, study in enumerate(studies):
        count = min(budget, len(study.rewards_N))
        rewards_SN[row, :count] = study.rewards_N[:count]
        values_SN[row, :count] = study.values_N[:count]
    return rewards_SN, values_SN


def top_means(rewards_SN: Floats, values_SN: Floats, sizes: Sequence[int] = SIZES) -> Floats:
    """The mean value of the best k of the first n trials, for each size k, study and n.

    The best are those with the highest rewards, the earlier first among equals. Where fewer than k
    trials have a reward, it is not a number.

    Args:
        rewards_SN: minus infinity where there is no reward.
        values_SN: not a number there.
        sizes: how many are averaged.
    """
    studies, budget = rewards_SN.shape
    rewards_ST = np.full((studies, max(sizes)), -np.inf)  # T: the best so far, the best first
    values_ST = np.full_like(rewards_ST, np.nan)
    means_KSN = np.empty((len(sizes), studies, budget))
    for n in range(budget):
        rewards = np.column_stack([rewards_ST, rewards_SN[:, n]])
        values = np.column_stack([values_ST, values_SN[:, n]])
        order = np.argsort(-rewards, axis=1, kind="stable")[:, :-1]
        rewards_ST = np.take_along_axis(rewards, order, axis=1)
        values_ST = np.take_along_axis(values, order, axis=1)
        for k, size in enumerate(sizes):
            means_KSN[k, :, n] = values_ST[:, :size].mean(axis=1)
    return means_KSN


def worst(rewards: Sequence[Floats], values: Sequence[Floats]) -> float:
    """The value of the trial with the lowest reward of all; not a number if none has one."""
    reward, value = np.concatenate(rewards, axis=None), np.concatenate(values, axis=None)
    return float(value[np.where(np.isfinite(reward), reward, np.inf).argmin()])


def falls(rewards: Sequence[Floats], values: Sequence[Floats]) -> bool:
    """Whether the value falls as the reward rises, as a loss does: then less of it is better."""
    reward, value = np.concatenate(rewards, axis=None), np.concatenate(values, axis=None)
    trained = np.isfinite(reward)
    reward, value = reward[trained], value[trained]
    return bool(((reward - reward.mean()) * (value - value.mean())).sum() < 0)


def first_reaching(best_SN: Floats, value: float, lower: bool) -> Floats:
    """For each study the first trial, from 1, that is as good; infinity if there is none."""
    reached_SN = best_SN <= value if lower else best_SN >= value
    return np.where(reached_SN.any(axis=1), reached_SN.argmax(axis=1) + 1.0, np.inf)
