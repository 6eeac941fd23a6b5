"""Turn metrics into a reward; a value that is not finite makes a failed trial."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from nasframe.api.parts import Objective
from nasframe.api.types import Metrics, Result, Step, Trial
from nasframe.errors import ChildError, format_error
from nasframe.registry.calls import describe_part
from nasframe.storage.events import is_finite


def apply_result(trial: Trial, result: Result, objective: Objective) -> Trial:
    """Add a step's result to a trial: check its limits if measured, score it if trained."""
    metrics = {**result.metrics, **trial.metrics}  # the meters' values take precedence
    seconds = round(trial.seconds + result.seconds, 6)
    trial = replace(trial, metrics=metrics, seconds=seconds, cached=result.cached)
    trial = drop_infinite_metrics(replace(trial, error=result.error))
    return (mark_rejected if result.step is Step.MEASURE else score_trial)(trial, objective)


def is_over(trial: Trial) -> bool:
    """Whether a trial that has no reward yet has failed or was rejected by now."""
    return trial.error is not None or trial.rejected is not None


def drop_infinite_metrics(trial: Trial) -> Trial:
    """Remove metrics that are not finite; the trial fails if there are any."""
    finite = {name: value for name, value in trial.metrics.items() if is_finite(value)}
    bad = next((name for name in trial.metrics if name not in finite), None)
    if bad is not None and trial.error is None:
        value = trial.metrics[bad]
        error = f"{bad} is {value!r}, which is not a finite number"
        return replace(trial, metrics=finite, error=error[:400])
    return replace(trial, metrics=finite)


def mark_rejected(trial: Trial, objective: Objective) -> Trial:
    """Mark a trial as rejected if the objective rejects its metrics so far."""
    if trial.error is not None:
        return trial
    try:
        reason = objective.rejects(trial.metrics)
        if reason is not None and not isinstance(reason, str):
            raise ChildError(f"must return a reason as text, or None, not {reason!r:.80}")
    except Exception as error:
        return replace(trial, error=f"{describe_part(objective, 'rejects')}: {format_error(error)}")
    return replace(trial, rejected=reason)


def score_trial(trial: Trial, objective: Objective) -> Trial:
    """Give a trained trial its reward.

    The trial is rejected if the objective rejects its metrics, which are complete only now, and
    failed if the objective raises or returns no finite number.
    """
    if trial.error is not None:
        return trial
    missing = [name for name in objective.needs if name not in trial.metrics]
    if missing:
        return replace(trial, error=f"{missing[0]} was promised but is not among the metrics")
    trial = mark_rejected(trial, objective)
    if is_over(trial):
        return trial
    try:
        return replace(trial, reward=_reward(objective, trial.metrics))
    except Exception as error:
        return replace(trial, error=f"{describe_part(objective, 'score')}: {format_error(error)}")


class _Known(dict[str, Any]):
    """Metrics that explain a missing key."""

    def __missing__(self, name: str) -> Any:
        raise ChildError(f"reads {name!r}, which is not among its needs")


def _reward(objective: Objective, metrics: Metrics) -> float:
    reward = objective.score(_Known(metrics))
    try:
        value = float(reward)
    except (TypeError, ValueError):
        value = math.nan
    if not math.isfinite(value):
        raise ChildError(f"the reward is {reward!r:.80}, which is not a finite number")
    return value
