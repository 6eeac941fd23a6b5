"""Pareto fronts: the best networks by several metrics without weights for them.

Every metric is a cost here, to be minimized. Arrays are named by their axes: N networks, M metrics.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from nasframe.study.metrics import Goal

Floats: TypeAlias = npt.NDArray[np.float64]


def collect_costs(networks: Sequence[Mapping[str, float]], goals: Sequence[Goal]) -> Floats:
    """Return the costs of networks by the goals' metrics, of shape (N, M)."""
    return np.array([[goal.sign * one[goal.name] for goal in goals] for one in networks])


def find_front(costs_NM: Floats) -> list[int]:
    """Return the rows that no other row dominates, sorted by their costs, the first cost first.

    A row dominates another if none of its costs is higher and one is lower; equal rows do not.
    """
    order = np.lexsort(costs_NM.T[::-1])  # a dominating row precedes the dominated ones
    kept: list[int] = []
    while order.size:
        first, order = order[0], order[1:]
        kept.append(int(first))
        higher_NM = costs_NM[order] > costs_NM[first]
        dominated = higher_NM.any(1) & (costs_NM[order] >= costs_NM[first]).all(1)
        order = order[~dominated]
    return kept


def compute_hypervolume(costs_NM: Floats, reference_M: Floats) -> float:
    """Return the exact volume that the rows dominate up to a reference, for two costs or more.

    Sums each row's contribution beyond the rows with a lower first cost: a box without the part
    that they dominate in it, which is a volume of one dimension less.

    Source: L. While et al., "A fast way of calculating exact hypervolumes", 2012 (WFG).
    """
    inside_NM = np.unique(costs_NM[(costs_NM < reference_M).all(1)], axis=0)
    inside_NM = inside_NM[find_front(inside_NM)]
    firsts_N, rest_NM = inside_NM[:, 0], inside_NM[:, 1:]
    first, rest_M = reference_M[0], reference_M[1:]
    if len(rest_M) == 1:  # the lower the first cost, the higher the second
        return float(np.diff(firsts_N, append=first) @ (rest_M - rest_NM)[:, 0])
    volume = 0.0
    for i, costs_M in enumerate(rest_NM):
        known = compute_hypervolume(np.maximum(rest_NM[:i], costs_M), rest_M)
        volume += float(first - firsts_N[i]) * (float(np.prod(rest_M - costs_M)) - known)
    return volume
