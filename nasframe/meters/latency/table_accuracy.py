"""Accuracy of a table of blocks on networks measured whole."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean
from typing import NamedTuple

from nasframe.meters.latency.table import Table


class Agreement(NamedTuple):
    """Comparison of predicted and measured latencies.

    Attributes:
        rank: Spearman's rank correlation with the measured ratios.
        rank_ms: the same with the measured milliseconds, which include changes of the machine.
        error: mean absolute relative error.
        bias: mean relative error, positive if the table predicts too much.
    """

    rank: float
    rank_ms: float
    error: float
    bias: float


def compute_agreement(table: Table, numbers: Iterable[int]) -> Agreement:
    """Compare predictions and measurements for networks by number, at least two."""
    from scipy.stats import spearmanr

    networks = [table.networks[number] for number in numbers]
    line, reference_ms = table.line(), table.reference_ms
    predicted = [line.at(whole.sum) for whole in networks]
    measured = [whole.ratio * reference_ms for whole in networks]
    errors = [a / b - 1 for a, b in zip(predicted, measured, strict=True)]
    return Agreement(
        rank=float(spearmanr(predicted, [whole.ratio for whole in networks]).statistic),
        rank_ms=float(spearmanr(predicted, [whole.ms for whole in networks]).statistic),
        error=fmean(map(abs, errors)),
        bias=fmean(errors),
    )
