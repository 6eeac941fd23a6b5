"""Children that are ended early: what a stopper is asked, and what becomes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

from nasframe.api.parts import Objective, Stopper
from nasframe.api.types import Metrics, Report, Result, Step, Trial
from nasframe.errors import NasframeError
from nasframe.registry.calls import blaming, called
from nasframe.study.scoring import stepped

Decisions: TypeAlias = dict[int, dict[int, bool]]
"""Whether a child goes on, by the number of its trial and the epoch."""


def so_far(
    trial: Trial, reports: Mapping[int, Metrics], epoch: int, objective: Objective
) -> float | None:
    """The reward of a child after an epoch; ``None`` if the objective gives none
    or refuses it.

    Args:
        trial: with what meters have measured.
        reports: the child's metrics by epoch; those of later epochs are of an earlier attempt.
        epoch: from 1.
        objective: makes the reward.
    """
    metrics: dict[str, float | tuple[float, ...]] = dict(reports[epoch])
    reached = [reports[one] for one in sorted(reports) if one <= epoch]
    for name, value in reports[epoch].items():
        if not isinstance(value, tuple):
            values = (report.get(name) for report in reached)
            metrics[f"{name}_epochs"] = tuple(v for v in values if isinstance(v, int | float))
    return stepped(trial, Result(trial.number, Step.TRAIN, metrics, 0.0), objective).reward


def ask(stopper: Stopper, report: Report, reward: float) -> bool:
    """Ask a stopper whether the child of a report goes on.

    Raises:
        NasframeError: if it raises something, and is to be blamed for it.
    """
    name = called(stopper, "decide")
    with blaming(name):
        go_on = stopper.decide(report.number, report.epoch, reward, report.metrics)
    if go_on not in (True, False):
        raise NasframeError(f"{name} must return whether the child goes on, not {go_on!r:.80}")
    return bool(go_on)


def ended(trial: Trial, decided: Mapping[int, bool], stopper: Stopper) -> Trial:
    """The trained trial; if the stopper has ended it, it is marked, and failed if it is to be."""
    epoch = next((epoch for epoch, go_on in decided.items() if not go_on), None)
    if epoch is None or trial.reward is None:
        return trial
    if stopper.fails:
        return replace(trial, stopped=epoch, reward=None, error=f"stopped after epoch {epoch}")
    return replace(trial, stopped=epoch)
