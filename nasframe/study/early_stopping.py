"""Early stopping of children: partial rewards, and the stopper's decisions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TypeAlias

from nasframe.api.parts import Objective, Stopper
from nasframe.api.types import Metrics, Report, Result, Step, Trial
from nasframe.errors import NasframeError
from nasframe.registry.calls import blame_part, describe_part
from nasframe.study.scoring import apply_result

Decisions: TypeAlias = dict[int, dict[int, bool]]
"""Whether a child's training continues, by the number of its trial and the epoch."""


def compute_partial_reward(
    trial: Trial, reports: Mapping[int, Metrics], epoch: int, objective: Objective
) -> float | None:
    """Compute the reward of a child after an epoch.

    Args:
        trial: the trial, with the metrics of meters.
        reports: the child's metrics by epoch; later epochs belong to an earlier attempt.
        epoch: from 1.
        objective: the study's objective.

    Returns:
        The reward; ``None`` if the objective rejects the child or fails.
    """
    metrics: dict[str, float | tuple[float, ...]] = dict(reports[epoch])
    reached = [reports[number] for number in sorted(reports) if number <= epoch]
    for name, value in reports[epoch].items():
        if not isinstance(value, tuple):
            values = (report.get(name) for report in reached)
            metrics[f"{name}_epochs"] = tuple(v for v in values if isinstance(v, int | float))
    return apply_result(trial, Result(trial.number, Step.TRAIN, metrics, 0.0), objective).reward


def ask_stopper(stopper: Stopper, report: Report, reward: float) -> bool:
    """Ask a stopper whether the training of a report's child continues.

    Raises:
        NasframeError: naming the stopper, if it fails or does not return a boolean.
    """
    name = describe_part(stopper, "decide")
    with blame_part(name):
        go_on = stopper.decide(report.number, report.epoch, reward, report.metrics)
    if go_on not in (True, False):
        raise NasframeError(f"{name} must return True to continue or False, not {go_on!r:.80}")
    return bool(go_on)


def mark_stopped(trial: Trial, decided: Mapping[int, bool], stopper: Stopper) -> Trial:
    """Mark a trained trial as stopped if the stopper ended it, and as failed if it so decides."""
    epoch = next((epoch for epoch, go_on in decided.items() if not go_on), None)
    if epoch is None or trial.reward is None:
        return trial
    if stopper.fails:
        return replace(trial, stopped=epoch, reward=None, error=f"stopped after epoch {epoch}")
    return replace(trial, stopped=epoch)
