"""The figures of a comparison, as plain numbers that tables, text and charts show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from nasframe.report.comparison.statistics import Estimate


@dataclass(frozen=True, slots=True)
class Curve:
    """A mean over seeds by trial; ``margin``, half the 95 % interval, is ``None`` for one seed."""

    trials: tuple[int, ...]
    mean: tuple[float, ...]
    margin: tuple[float, ...] | None


@dataclass(frozen=True, slots=True)
class ContenderRow:
    """The figures of one contender.

    Attributes:
        label: its label.
        controller: the option of its controller.
        seeds: the seeds of its studies.
        best: the best so far at each mark.
        top: the mean of the best k at the last mark, by k; ``None`` where a study has fewer.
        area: the mean of the best so far over all trials of the budget.
        reached: the number of its studies that reach the value to reach.
        median_reach: the trial by which half of them reach it; ``None`` if fewer do.
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
    """The difference of two contenders at the last mark, over their common seeds.

    Attributes:
        first: the label of the first contender.
        second: the label of the second contender.
        difference: the mean of the first minus that of the second, with its paired interval.
        p: the p-value of a sign-flip test, corrected for all comparisons (Holm).
        least_p: the smallest possible ``p`` for this number of seeds and comparisons.
    """

    first: str
    second: str
    difference: Estimate
    p: float
    least_p: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """The figures of a comparison.

    Attributes:
        metric: the compared metric; ``None`` for the reward.
        in_points: whether the values are accuracies, shown in percentage points.
        lower: whether lower values are better.
        budget: the number of trials compared; only studies that ended by themselves have fewer.
        marks: the numbers of trials at which the best so far is shown; tested at the last.
        reach: the value to reach.
        limiting: the study that sets the budget.
        longest: the number of trials of the longest study.
        over: the number of studies that ended by themselves within the budget.
        empty: studies without trials, which are left out.
        rows: the contenders.
        differences: the differences of all pairs with common seeds.
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
    rows: tuple[ContenderRow, ...]
    differences: tuple[Difference, ...]
