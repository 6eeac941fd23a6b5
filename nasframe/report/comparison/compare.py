"""Compute the figures of a comparison: the results of contenders and their differences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from nasframe.errors import NasframeError
from nasframe.report.comparison import statistics
from nasframe.report.comparison.best_so_far import (
    TOP_SIZES,
    compute_top_means,
    find_first_reaching,
    find_worst,
    is_lower_better,
    stack_trials,
)
from nasframe.report.comparison.budget import check_marks, choose_marks, find_limiting_study
from nasframe.report.comparison.groups import Contender, Contest
from nasframe.report.comparison.statistics import Estimate, estimate
from nasframe.report.comparison.studies import Floats
from nasframe.report.comparison.types import Comparison, ContenderRow, Curve, Difference

_POINTS = 300
"""The maximum number of points of a curve."""


@dataclass(frozen=True, slots=True, eq=False)
class _Progress:
    """The progress of a contender's studies after each trial."""

    contender: Contender
    means_KSN: Floats

    @property
    def best_SN(self) -> Floats:
        """The value of the best trial so far."""
        best_SN: Floats = self.means_KSN[TOP_SIZES.index(1)]
        return best_SN


def compare(
    contest: Contest, marks: Sequence[int] | None = None, reach: float | None = None
) -> Comparison:
    """Compute all figures of a comparison.

    Args:
        contest: the studies.
        marks: the numbers of trials to compare at; by default the budget, its half and quarter.
        reach: the value to reach; by default the final mean of the worst contender.

    Raises:
        NasframeError: if a mark is beyond the budget, or no trial succeeded.
    """
    studies = [study for one in contest.contenders for study in one.studies.values()]
    lengths = [len(study.rewards_N) for study in studies]
    limiting = find_limiting_study(studies)
    budget = len(limiting.rewards_N)
    at = check_marks(marks, limiting) if marks else choose_marks(budget)
    found, lower = _compute_progress(contest.contenders, budget)
    finals = [float(one.best_SN[:, -1].mean()) for one in found]
    target = (max(finals) if lower else min(finals)) if reach is None else reach
    return Comparison(
        metric=contest.metric,
        in_points=contest.in_points,
        lower=lower,
        budget=budget,
        marks=tuple(at),
        reach=target,
        limiting=limiting.folder,
        longest=max(lengths),
        over=sum(length < budget for length in lengths),
        empty=contest.empty,
        rows=tuple(_make_row(one, at, target, lower) for one in found),
        differences=_compute_differences(found, at[-1]),
    )


def _compute_progress(contenders: Sequence[Contender], budget: int) -> tuple[list[_Progress], bool]:
    """Compute each contender's progress within a budget, and whether lower is better."""
    stacks = [stack_trials(list(one.studies.values()), budget) for one in contenders]
    rewards, values = zip(*stacks, strict=True)
    if not any(np.isfinite(rewards_SN).any() for rewards_SN in rewards):
        raise NasframeError(f"none of the first {budget} trials of any study succeeded")
    lowest = find_worst(rewards, values)
    found = []
    for contender, (rewards_SN, values_SN) in zip(contenders, stacks, strict=True):
        means_KSN = compute_top_means(rewards_SN, values_SN)
        # Before its first success a study counts like the worst network of all studies.
        means_KSN[0] = np.where(np.isnan(means_KSN[0]), lowest, means_KSN[0])
        found.append(_Progress(contender, means_KSN))
    return found, is_lower_better(rewards, values)


def _make_row(found: _Progress, marks: Sequence[int], reach: float, lower: bool) -> ContenderRow:
    best_SN = found.best_SN
    firsts = find_first_reaching(best_SN, reach, lower)
    median = float(np.median(firsts))
    tops = zip(TOP_SIZES, found.means_KSN[:, :, marks[-1] - 1], strict=True)
    return ContenderRow(
        label=found.contender.label,
        controller=found.contender.controller,
        seeds=tuple(found.contender.studies),
        best={mark: _estimate_known(best_SN[:, mark - 1]) for mark in marks},
        top={size: estimate(values_S) for size, values_S in tops},
        area=_estimate_known(best_SN.mean(axis=1)),
        reached=int(np.isfinite(firsts).sum()),
        median_reach=median if np.isfinite(median) else None,
        curves={
            size: _make_curve(means_SN)
            for size, means_SN in zip(TOP_SIZES, found.means_KSN, strict=True)
            if not np.isnan(means_SN[:, -1]).any()
        },
    )


def _estimate_known(values_S: Floats) -> Estimate:
    result = estimate(values_S)
    assert result is not None
    return result


def _make_curve(means_SN: Floats) -> Curve:
    """Compute a mean curve, from the first trial at which every study has a value."""
    budget = means_SN.shape[1]
    start = int(np.isnan(means_SN).any(axis=0).sum())
    points = np.unique(np.linspace(start, budget - 1, _POINTS).round().astype(int))
    thin_SN = means_SN[:, points]
    margins = tuple(statistics.compute_margins(thin_SN).tolist()) if len(thin_SN) > 1 else None
    means = tuple(thin_SN.mean(axis=0).tolist())
    return Curve(tuple((points + 1).tolist()), means, margins)


def _compute_differences(found: Sequence[_Progress], mark: int) -> tuple[Difference, ...]:
    pairs = []
    for first, second in combinations(found, 2):
        by_seed = [
            dict(zip(one.contender.studies, one.best_SN[:, mark - 1], strict=True))
            for one in (first, second)
        ]
        differences = [by_seed[0][s] - by_seed[1][s] for s in by_seed[0] if s in by_seed[1]]
        if differences:
            pairs.append((first.contender.label, second.contender.label, differences))
    corrected = statistics.correct_p_values(
        [statistics.compute_sign_flip_p(pair[2]) for pair in pairs]
    )
    # The smallest corrected p is the smallest p times the number of comparisons.
    pairs_max = max((len(pair[2]) for pair in pairs), default=0)
    least = statistics.compute_least_p(pairs_max, len(pairs))
    return tuple(
        Difference(
            first=first,
            second=second,
            difference=_estimate_known(np.array(differences)),
            p=p,
            least_p=max(least, statistics.compute_least_p(len(differences), 1)),
        )
        for (first, second, differences), p in zip(pairs, corrected, strict=True)
    )
