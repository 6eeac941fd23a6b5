"""Find studies in folders, and read their journals as numbers."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from nasframe.api.parts import SearchSpace
from nasframe.api.types import Trial
from nasframe.errors import NasframeError, nearest
from nasframe.registry.restore import restore_space
from nasframe.storage import journal
from nasframe.storage.events import Resumed, Told, read_events

Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """A study to be compared, with its N trials in the order of their numbers.

    Attributes:
        folder: the study's folder.
        config: its configuration in plain values.
        rewards_N: rewards; minus infinity for a failed or rejected trial.
        values_N: the compared values, rewards or a metric; NaN for a trial without a reward.
        over: whether it ended by itself, so that a larger budget would find no more.
    """

    folder: Path
    config: Mapping[str, Any]
    rewards_N: Floats
    values_N: Floats
    over: bool


def find_studies(folders: Sequence[Path]) -> list[Path]:
    """Find all studies in and below folders, each once.

    Raises:
        NasframeError: if a folder cannot be read, or contains no study.
    """
    found: dict[Path, Path] = {}
    for folder in folders:
        paths = sorted(_walk(folder))
        if not paths:
            raise NasframeError(
                f"no study in {folder}: a study's folder has a {journal.JOURNAL_FILE}"
            )
        for path in paths:
            found.setdefault(path.resolve(), path)
    return list(found.values())


def _walk(folder: Path) -> Iterator[Path]:
    for path, folders, files in os.walk(folder, onerror=_refuse):
        if journal.JOURNAL_FILE in files:
            folders.clear()
            yield Path(path)


def _refuse(error: OSError) -> None:
    raise NasframeError(f"cannot read {error.filename}: {error.strerror}") from error


def read_study(folder: Path, metric: str | None) -> Study | None:
    """Read a study for a comparison; ``None`` if it has no trial yet.

    Args:
        folder: the study's folder.
        metric: the metric to compare; the reward if ``None``.

    Raises:
        NasframeError: if the journal is damaged, or a trained trial lacks the metric.
    """
    header = next(journal.read_journal(folder), None)
    if header is None:
        return None
    told: list[Trial] = []
    limit = header["config"]["max_duplicates"]
    for event in read_events(folder):
        if isinstance(event, Told):
            told.append(event.trial)
        elif isinstance(event, Resumed):
            limit = event.changes.get("max_duplicates") or limit
    told.sort(key=lambda trial: trial.number)
    trials = [trial for trial in told if trial.duplicate_of is None]
    if not trials:
        return None
    values = [get_value(trial, metric, folder) for trial in trials]
    pairs = zip(trials, values, strict=True)
    return Study(
        folder=folder,
        config=header["config"],
        rewards_N=np.array([-np.inf if v is None else t.reward for t, v in pairs], float),
        values_N=np.array(values, float),  # None becomes nan
        over=_count_repeats(told) >= limit or _is_exhausted(header["config"], trials),
    )


def get_value(trial: Trial, metric: str | None, folder: Path) -> float | None:
    """Return the compared value of a trial; ``None`` if it has no reward.

    Raises:
        NasframeError: if it has a reward but lacks the metric.
    """
    if trial.reward is None or metric is None:
        return trial.reward
    value = trial.metrics.get(metric, ())
    last = value[-1:] if isinstance(value, tuple) else (value,)
    if not last:
        raise NasframeError(
            f"{folder}: trial {trial.number} has no metric {metric!r}; "
            f"{nearest(metric, trial.metrics)}"
        )
    return last[0]


def _count_repeats(told: Sequence[Trial]) -> int:
    """Count the duplicates since the last new proposal."""
    newest = max((i for i, trial in enumerate(told) if trial.duplicate_of is None), default=-1)
    return len(told) - 1 - newest


def _is_exhausted(config: Mapping[str, Any], trials: Sequence[Trial]) -> bool:
    """Return whether every architecture was tried; false without the space's plugin."""
    with suppress(NasframeError):
        space = _build_space(json.dumps({"search_space": config["search_space"]}))
        full = len(space.choices)
        return sum(len(trial.architecture.tokens) == full for trial in trials) >= space.size
    return False


@cache
def _build_space(part: str) -> SearchSpace:
    return restore_space(json.loads(part))
