"""From studies to figures: what each contender found, and how two of them differ."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from nasframe.errors import NasframeError
from nasframe.report.comparison import statistics
from nasframe.report.comparison.best_so_far import (
    SIZES,
    falls,
    first_reaching,
    stacked,
    top_means,
    worst,
)
from nasframe.report.comparison.budget import checked, limiting_study, usual_marks
from nasframe.report.comparison.groups import Contender, Contest
from nasframe.report.comparison.statistics import Estimate, estimate
from nasframe.report.comparison.studies import Floats
from nasframe.report.comparison.types import Comparison, Curve, Difference, Row

_POINTS = 300
"""Curves are thinned to so many points."""


@dataclass(frozen=True, slots=True, eq=False)
class _Progress:
    """A contender's studies after each trial."""

    contender: Contender
    means_KSN: Floats

    @property
    def best_SN(self) -> Floats:
        """The best so far."""
        best_SN: Floats = self.means_KSN[SIZES.index(1)]
        return best_SN


def compare(
    contest: Contest, marks: Sequence[int] | None = None, reach: float | None = None
) -> Comparison:
    """Compute all figures.

    Args:
        contest: the studies.
        marks: at how many trials to compare; by default the budget, its half and its quarter.
        reach: how good a study is to be; by default as the worst contender is on average.

    Raises:
        NasframeError: if a mark is beyond the budget, or no trial succeeded.
    """
    studies = [study for one in contest.contenders for study in one.studies.values()]
    lengths = [len(study.rewards_N) for study in studies]
    limiting = limiting_study(studies)
    budget = len(limiting.rewards_N)
    at = checked(marks, limiting) if marks else usual_marks(budget)
    found, lower = _compute_progress(contest.contenders, budget)
    finals = [float(one.best_SN[:, -1].mean()) for one in found]
    wanted = (max(finals) if lower else min(finals)) if reach is None else reach
    return Comparison(
        metric=contest.metric,
        in_points=contest.in_points,
        lower=lower,
        budget=budget,
        marks=tuple(at),
        reach=wanted,
        limiting=limiting.folder,
        longest=max(lengths),
        over=sum(length < budget for length in lengths),
        empty=contest.empty,
        rows=tuple(_make_row(one, at, wanted, lower) for one in found),
        differences=_compute_differences(found, at[-1]),
    )


def _compute_progress(contenders: Sequence[Contender], budget: int) -> tuple[list[_Progress], bool]:
    """What each contender found within a budget, and whether less of it is better."""
    stacks = [stacked(list(one.studies.values()), budget) for one in contenders]
    rewards, values = zip(*stacks, strict=True)
    if not any(np.isfinite(rewards_SN).any() for rewards_SN in rewards):
        raise NasframeError(f"none of the first {budget} trials of any study succeeded")
    lowest = worst(rewards, values)
    found = []
    for contender, (rewards_SN, values_SN) in zip(contenders, stacks, strict=True):
        means_KSN = top_means(rewards_SN, values_SN)
        # Before its first success a study counts like the worst network of all.
        means_KSN[0] = np.where(np.isnan(means_KSN[0]), lowest, means_KSN[0])
        found.append(_Progress(contender, means_KSN))
    return found, falls(rewards, values)


def _make_row(found: _Progress, marks: Sequence[int], reach: float, lower: bool) -> Row:
    best_SN = found.best_SN
    firsts = first_reaching(best_SN, reach, lower)
    median = float(np.median(firsts))
    tops = zip(SIZES, found.means_KSN[:, :, marks[-1] - 1], strict=True)
    return Row(
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
            for size, means_SN in zip(SIZES, found.means_KSN, strict=True)
            if not np.isnan(means_SN[:, -1]).any()
        },
    )


def _estimate_known(values_S: Floats) -> Estimate:
    result = estimate(values_S)
    assert result is not None
    return result


def _make_curve(means_SN: Floats) -> Curve:
    """From the first trial at which every study has a value."""
    budget = means_SN.shape[1]
    start = int(np.isnan(means_SN).any(axis=0).sum())
    points = np.unique(np.linspace(start, budget - 1, _POINTS).round().astype(int))
    thin_SN = means_SN[:, points]
    margins = tuple(statistics.margins(thin_SN).tolist()) if len(thin_SN) > 1 else None
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
    corrected = statistics.holm([statistics.sign_flip_p(pair[2]) for pair in pairs])
    # The best of all corrected values is that of the smallest one times their number.
    most = max((len(pair[2]) for pair in pairs), default=0)
    least = statistics.least_p(most, len(pairs))
    return tuple(
        Difference(
            first=first,
            second=second,
            difference=_estimate_known(np.array(differences)),
            p=p,
            least_p=max(least, statistics.least_p(len(differences), 1)),
        )
        for (first, second, differences), p in zip(pairs, corrected, strict=True)
    )
