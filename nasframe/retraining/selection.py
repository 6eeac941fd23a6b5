"""Selection of the networks of a retraining."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasframe.api.parts import SearchSpace, Task
from nasframe.api.types import Architecture
from nasframe.errors import NasframeError
from nasframe.registry.options import options
from nasframe.registry.serialization import to_plain
from nasframe.retraining.config import RetrainConfig
from nasframe.study.enqueue import check_tokens, read_architectures
from nasframe.study.result import candidates, read_result

DETECTION = "detection"
"""Kind of the tasks that need a detector."""


@dataclass(frozen=True, slots=True)
class SelectedNetwork:
    """A network selected for training.

    Attributes:
        name: name of its folder.
        about: its origin, and all that builds it; see ``network_folder.build``.
    """

    name: str
    about: Mapping[str, Any]


def select_networks(config: RetrainConfig, task: Task) -> list[SelectedNetwork]:
    """Select the networks, in the order of training.

    Raises:
        NasframeError: if there are none, or they do not fit the search space or the task.
    """
    _check_detector(config, task)
    if config.search_space is None:
        _check_kind(config, task, ("image",))
        about = {"network": config.network, "settings": config.settings, **_detector_fields(config)}
        return [SelectedNetwork("network", about)]
    space = config.search_space.build()
    _check_kind(config, task, space.kinds)
    if config.study is not None:
        return [
            SelectedNetwork(f"trial-{number}", _about(config, space, number, tokens))
            for number, tokens in _select_trials(config, config.study, space)
        ]
    assert config.architectures is not None
    lines = read_architectures(config.architectures, space, "architectures")
    return [
        SelectedNetwork(f"architecture-{number}", _about(config, space, None, tokens))
        for number, tokens in enumerate(lines, 1)
    ]


def _check_detector(config: RetrainConfig, task: Task) -> None:
    if (task.kind == DETECTION) != (config.detector is not None):
        names = " or ".join(o.name for o in options() if o.group == "detector")
        raise NasframeError(
            f"this task finds objects: give detector={names}"
            if config.detector is None
            else f"detector: is for tasks of the kind {DETECTION}, not for {task.kind}"
        )


def _detector_fields(config: RetrainConfig) -> dict[str, Any]:
    return {} if config.detector is None else {"detector": to_plain(config.detector)}


def _check_kind(config: RetrainConfig, task: Task, kinds: Sequence[str]) -> None:
    kind = "image" if config.detector else task.kind
    if kind not in kinds:
        raise NasframeError(
            f"this task is of kind {task.kind}, and the networks are for {' and '.join(kinds)}: "
            "choose another task"
        )


def _select_trials(
    config: RetrainConfig, study: Path, space: SearchSpace
) -> list[tuple[int, tuple[int, ...]]]:
    """Return number and tokens of the selected trials."""
    if config.trial is None:
        best = candidates(study, config.top)
        pairs = [(row.trial.number, row.trial.architecture.tokens) for row in best]
    else:
        trials = {trial.number: trial for trial in read_result(study).trials}
        if config.trial not in trials:
            raise NasframeError(f"{study} holds no trial {config.trial}")
        pairs = [(config.trial, trials[config.trial].architecture.tokens)]
    if not pairs:
        raise NasframeError(f"{study} holds no successful trial: run nasframe first")
    for number, tokens in pairs:
        try:
            check_tokens(tokens, space.choices[: max(len(tokens), space.active(number))])
        except NasframeError as error:
            raise NasframeError(
                f"trial {number} does not fit this search space: {error}\n"
                "Only change sizes that leave the choices the same"
            ) from error
    return pairs


def _about(
    config: RetrainConfig, space: SearchSpace, number: int | None, tokens: tuple[int, ...]
) -> dict[str, Any]:
    named = Architecture(tokens).named(space.choices[: len(tokens)])
    study = {} if number is None else {"study": str(config.study), "trial": number}
    return {
        **study,
        "search_space": to_plain(config.search_space),
        **_detector_fields(config),
        "tokens": tokens,
        "choices": {name: str(value) for name, value in named.items()},
    }
