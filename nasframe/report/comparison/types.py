"""The figures of a comparison, in plain numbers: tables, sentences and picture only show them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nasframe.report.comparison.statistics import Estimate


@dataclass(frozen=True, slots=True)
class Curve:
    """A mean over seeds after some trials, with its 95 % interval; ``None`` of one seed."""

    trials: tuple[int, ...]
    mean: tuple[float, ...]
    margin: tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one contender.

    Attributes:
        label: its name.
        controller: the option of its controller.
        seeds: of its studies.
        best: the best so far at each mark.
        top: the mean of the best k at the last mark, by k; ``None`` where a study has fewer.
        area: the mean of the best so far over all trials of the budget.
        reached: how many of its studies are as good as wanted by the end.
        median_reach: the trial by which half of them are; ``None`` if fewer are.
        curves: the means of the best k, by k.
    """

    label: str
    controller: str
    seeds: tuple[int, ...]
    best: Mapping[int, Estimate]
    top: Mapping[int, Estimate | None]
    area: Estimate
    reached: int
    median_reach: float | None
    curves: Mapping[int, Curve]


@dataclass(frozen=True, slots=True)
class Difference:
    """How two contenders differ at the last mark, over the seeds that both have.

    Attributes:
        first: the label of one.
        second: the label of the other.
        difference: the mean of the first minus that of the second, and its paired interval.
        p: by flipping signs, corrected for all comparisons (Holm).
        least_p: the smallest possible ``p`` for this number of seeds and comparisons.
    """

    first: str
    second: str
    difference: Estimate
    p: float
    least_p: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The figures of a contest.

    Attributes:
        metric: what is compared; ``None`` for the reward.
        in_points: whether it is an accuracy: 0.01 is a point.
        lower: whether less of it is better.
        budget: the number of trials of every study, except studies that ended by themselves.
        marks: the numbers of trials at which the best so far is shown; it is tested at the last.
        reach: how good a study was to be.
        limiting: the study that sets the budget.
        longest: the number of trials of the longest study.
        over: how many studies ended by themselves before the budget's end.
        empty: studies without trials, which are left out.
        rows: the contenders.
        differences: of all pairs that have seeds in common.
    """

    metric: str | None
    in_points: bool
    lower: bool
    budget: int
    marks: tuple[int, ...]
    reach: float
    limiting: Path
    longest: int
    over: int
    empty: tuple[Path, ...]
    rows: tuple[Row, ...]
    differences: tuple[Difference, ...]
