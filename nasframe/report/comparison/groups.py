"""Group studies by configuration, and label each group by its differing settings."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

from nasframe.api.study_config import StudyConfig
from nasframe.errors import NasframeError
from nasframe.registry.restore import restore_objective
from nasframe.registry.serialization import TYPE
from nasframe.report.comparison.labels import complete_part, label_part
from nasframe.report.comparison.studies import Study, find_studies, read_study
from nasframe.report.parallel import map_folders

_SAME = ("objective", "evaluator", "task")
"""Groups that must be equal: results of different kinds are not comparable."""


@dataclass(frozen=True, slots=True)
class Contender:
    """All studies of one configuration, by seed."""

    label: str
    controller: str
    studies: Mapping[int, Study]


@dataclass(frozen=True, slots=True)
class Contest:
    """The studies of a comparison.

    Attributes:
        metric: the metric to compare; ``None`` for the reward.
        contenders: the contenders, in the order of their folders.
        empty: folders of studies without a trial.
        in_points: whether the values are accuracies, shown in percentage points.
    """

    metric: str | None
    contenders: tuple[Contender, ...]
    empty: tuple[Path, ...]
    in_points: bool


def read_contest(folders: Sequence[Path], metric: str | None = None) -> Contest:
    """Read all studies in and below folders, grouped into contenders.

    Args:
        folders: studies, or folders that hold studies at any depth.
        metric: the metric to compare, of the trials with the best reward; else the reward.

    Raises:
        NasframeError: if there is no study, a journal is damaged, or studies are not comparable.
    """
    paths = find_studies(folders)
    found = map_folders(partial(read_study, metric=metric), paths, "Reading studies")
    studies = [study for study in found if study is not None]
    if not studies:
        raise NasframeError(f"no study has a trial yet in {', '.join(map(str, folders))}")
    _check_comparable(studies)
    return Contest(
        metric=metric,
        contenders=_group(studies),
        empty=tuple(path for path, study in zip(paths, found, strict=True) if study is None),
        in_points=_are_accuracies(studies, metric),
    )


def _are_accuracies(studies: Sequence[Study], metric: str | None) -> bool:
    accuracies = _has_points(studies[0]) if metric is None else "accuracy" in metric
    outside = (((study.values_N < 0) | (study.values_N > 1)).any() for study in studies)
    return accuracies and not any(outside)


def _has_points(study: Study) -> bool:
    try:
        return restore_objective(study.config).in_points
    except NasframeError:  # its plugin is not installed
        return False


def _check_comparable(studies: Sequence[Study]) -> None:
    first = studies[0]
    for group in _SAME:
        for other in studies:
            mine, its = (complete_part(group, study.config[group]) for study in (first, other))
            if mine != its:
                raise NasframeError(
                    f"{first.folder} has {group}={label_part(group, mine)}, {other.folder} has "
                    f"{group}={label_part(group, its)}: their results cannot be compared.\n"
                    f"Give only folders of studies with the same {' and '.join(_SAME)}"
                )


def _group(studies: Sequence[Study]) -> tuple[Contender, ...]:
    groups: dict[str, dict[int, Study]] = {}
    settings: dict[str, dict[str, Any]] = {}
    for study in studies:
        own = _select_settings(study.config)
        key = json.dumps(own, sort_keys=True)
        settings[key] = own
        seed = study.config["seed"]
        other = groups.setdefault(key, {}).setdefault(seed, study)
        if other is not study:
            raise NasframeError(
                f"{other.folder} and {study.folder} are the same search with the same seed, "
                f"{seed}: leave one of them out"
            )
    labels = _make_labels(list(settings.values()))
    return tuple(
        Contender(label, label_part("controller", settings[key]["controller"]), groups[key])
        for label, key in zip(labels, groups, strict=True)
    )


def _select_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Select the settings that define a contender: not seed, folder, budget or machinery."""
    free = {item.name for item in fields(StudyConfig) if item.metadata.get("free")}
    kept = {key: config[key] for key in config if key not in {*free, "seed", "meters", TYPE}}
    kept |= {f"meters.{name}": part for name, part in config["meters"].items()}
    return {
        key: complete_part(key.partition(".")[0], value) if isinstance(value, Mapping) else value
        for key, value in kept.items()
    }


def _make_labels(contenders: Sequence[Mapping[str, Any]]) -> list[str]:
    """Label each contender by its differing settings; the controller needs no prefix."""
    keys = dict.fromkeys(["controller", *(key for settings in contenders for key in settings)])
    differing = [
        key for key in keys if any(s.get(key) != contenders[0].get(key) for s in contenders)
    ] or ["controller"]
    return [" ".join(_label_setting(key, settings) for key in differing) for settings in contenders]


def _label_setting(key: str, settings: Mapping[str, Any]) -> str:
    if key not in settings:  # a meter of other contenders
        return f"without {key}"
    value = settings[key]
    name = label_part(key.partition(".")[0], value) if isinstance(value, Mapping) else value
    return str(name) if key == "controller" else f"{key}={name}"
