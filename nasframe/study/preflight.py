"""Checks before a study starts: its parts are valid and fit each other."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import Any

from nasframe.api.parts import Objective, SearchSpace
from nasframe.api.types import Choice
from nasframe.errors import NasframeError, nearest
from nasframe.executors.worker import Worker, merge_meters
from nasframe.registry.calls import blame_part, describe_part
from nasframe.registry.options import option, options


def check_space(space: SearchSpace) -> None:
    """Check that a search space has choices with different names, and a valid ``active``.

    Raises:
        NasframeError: naming the attribute, if not.
    """
    choices = space.choices
    valid = isinstance(choices, tuple) and all(isinstance(one, Choice) for one in choices)
    if not valid or not choices:
        name = describe_part(space, "choices")
        raise NasframeError(f"{name} must be a tuple of Choice, at least one, not {choices!r:.80}")
    names = [choice.name for choice in choices]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise NasframeError(f"{describe_part(space, 'choices')} has two choices named {twice!r}")
    name = describe_part(space, "active")
    with blame_part(name):
        active = space.active(0)
    if not isinstance(active, int) or not 1 <= active <= len(choices):
        raise NasframeError(f"{name} must be from 1 to {len(choices)}, and active(0) is {active!r}")


def check_fit(worker: Worker, objective: Objective) -> None:
    """Check that the task fits the space, and that all metrics the objective needs are provided.

    Raises:
        NasframeError: naming the misfit, with options that would fit.
    """
    space, task = worker.space, worker.task
    names = [(space, "kinds"), (worker.evaluator, "provides"), (objective, "needs")]
    for part, name in [*names, *((meter, "provides") for meter in worker.meters.values())]:
        value = getattr(part, name, None)
        if not isinstance(value, tuple | list) or not all(isinstance(one, str) for one in value):
            raise NasframeError(
                f"{describe_part(part, name)} must be a tuple of names, not {value!r:.80}"
            )
    if task.kind not in space.kinds:
        raise NasframeError(
            f"search_space: {type(space).__name__} builds networks for {' and '.join(space.kinds)} "
            f"tasks, but task {type(task).__name__} is of kind {task.kind}"
            + _hint_options("search_space", lambda other: task.kind in other.kinds)
        )
    meters = {name: dict.fromkeys(m.provides, 0.0) for name, m in worker.meters.items()}
    provided = {*worker.evaluator.provides, *merge_meters(meters)}
    for name in objective.needs:
        if name not in provided:
            raise NasframeError(
                f"objective needs {name}, which neither the evaluator nor a meter provides; "
                f"{nearest(name, provided)}"
                + _hint_meters(name, worker)
                + _hint_options("objective", lambda other: provided >= set(other.needs))
            )


def check_stopping(worker: Worker, objective: Objective) -> None:
    """Check that the stopper gets a reward after each epoch.

    Raises:
        NasframeError: naming the metric that is unknown then.
    """
    reports = worker.evaluator.reports
    if not reports:
        raise NasframeError(
            f"stopper: evaluator {type(worker.evaluator).__name__} reports no epochs, so nothing "
            "can be stopped: stopper=none"
        )
    known = {*reports, *(f"{name}_epochs" for name in reports)}
    known |= {name for meter in worker.meters.values() for name in meter.provides}
    for name in objective.needs:
        if name not in known:
            raise NasframeError(
                f"stopper: objective needs {name}, which is known only after a full training"
                f"{_hint_meters(name, worker)}: stopper=none"
            )


def _hint_options(group: str, fits: Callable[[Any], bool]) -> str:
    """Return a hint at a group's options that fit with default settings; empty without any."""
    names = _find_options(group, fits)
    return f"; here {group}={' or '.join(names)} would fit" if names else ""


def _hint_meters(metric: str, worker: Worker) -> str:
    """Return a hint at the meters that provide a metric; empty without any."""
    names = _find_options(
        "meters", lambda meter: metric in meter.provides, worker.space, worker.task
    )
    return f"; meters=[{'] or ['.join(names)}] would give it" if names else ""


def describe_late_limits(worker: Worker, objective: Objective) -> list[str]:
    """Describe limits that are checked only after the training, with meters for an early check."""
    measured = {name for meter in worker.meters.values() for name in meter.provides}
    return [
        f"{name} is limited, and known only after the evaluation{hint} before it"
        for name in objective.limits
        if name not in measured and (hint := _hint_meters(name, worker))
    ]


def _find_options(group: str, fits: Callable[[Any], bool], *parts: Any) -> list[str]:
    names = []
    for item in options():
        with suppress(Exception):  # some options need settings
            if item.group == group and fits(option(group, item.name).build(*parts)):
                names.append(item.name)
    return names
