"""How well a table of blocks tells the latencies of networks that were measured whole."""

from __future__ import annotations

from collections.abc import Iterable
from statistics import fmean
from typing import NamedTuple

from nasframe.meters.latency.table import Table


class Agreement(NamedTuple):
    """What a table tells of some networks, compared with what was measured.

    Attributes:
        rank: Spearman's rank correlation with the measured ratios.
        rank_ms: the same with the measured milliseconds, which the machine's changes are part of.
        error: the mean of the relative errors without their signs.
        bias: the mean of the relative errors: positive if the table tells too much.
    """

    rank: float
    rank_ms: float
    error: float
    bias: float


def agreement(table: Table, numbers: Iterable[int]) -> Agreement:
    """Compare them for the networks of these numbers, at least two."""
    from scipy.stats import spearmanr

    networks = [table.networks[number] for number in numbers]
    line, reference_ms = table.line(), table.reference_ms
    told = [line.at(one.sum) for one in networks]
    errors = [t / (one.ratio * reference_ms) - 1 for t, one in zip(told, networks, strict=True)]
    return Agreement(
        rank=float(spearmanr(told, [one.ratio for one in networks]).statistic),
        rank_ms=float(spearmanr(told, [one.ms for one in networks]).statistic),
        error=fmean(map(abs, errors)),
        bias=fmean(errors),
    )
