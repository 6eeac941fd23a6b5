"""The best network so far after each trial, and the mean of the best few.

Arrays are named by their axes: S studies, N trials, K sizes.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from nasframe.report.comparison.studies import Floats, Study

TOP_SIZES = (1, 5, 25)
"""How many of the best networks are averaged (Zoph et al. 2018, figure 6)."""


def stack_trials(studies: Sequence[Study], budget: int) -> tuple[Floats, Floats]:
    """Stack rewards and values of the first trials; pad studies with fewer trials."""
    rewards_SN = np.full((len(studies), budget), -np.inf)
    values_SN = np.full((len(studies), budget), np.nan)
    for row, study in enumerate(studies):
        count = min(budget, len(study.rewards_N))
        rewards_SN[row, :count] = study.rewards_N[:count]
        values_SN[row, :count] = study.values_N[:count]
    return rewards_SN, values_SN


def compute_top_means(
    rewards_SN: Floats, values_SN: Floats, sizes: Sequence[int] = TOP_SIZES
) -> Floats:
    """Compute the mean value of the best k of the first n trials, for each size k, study and n.

    The best trials have the highest rewards; among equals the earlier trial counts as better.
    The mean is NaN where fewer than k trials have a reward.

    Args:
        rewards_SN: rewards; minus infinity for a trial without a reward.
        values_SN: values; NaN for a trial without a reward.
        sizes: each number k of trials to average.

    Returns:
        means_KSN.
    """
    studies, budget = rewards_SN.shape
    rewards_ST = np.full((studies, max(sizes)), -np.inf)  # T: the top trials, best first
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


def find_worst(rewards: Sequence[Floats], values: Sequence[Floats]) -> float:
    """Return the value of the trial with the lowest reward; NaN if no trial has a reward."""
    reward, value = np.concatenate(rewards, axis=None), np.concatenate(values, axis=None)
    return float(value[np.where(np.isfinite(reward), reward, np.inf).argmin()])


def is_lower_better(rewards: Sequence[Floats], values: Sequence[Floats]) -> bool:
    """Return whether lower values are better: they fall as the reward rises, as a loss does."""
    reward, value = np.concatenate(rewards, axis=None), np.concatenate(values, axis=None)
    trained = np.isfinite(reward)
    reward, value = reward[trained], value[trained]
    return bool(((reward - reward.mean()) * (value - value.mean())).sum() < 0)


def find_first_reaching(best_SN: Floats, value: float, lower: bool) -> Floats:
    """Return each study's first trial, from 1, to reach a value; infinity if none does."""
    reached_SN = best_SN <= value if lower else best_SN >= value
    return np.where(reached_SN.any(axis=1), reached_SN.argmax(axis=1) + 1.0, np.inf)
