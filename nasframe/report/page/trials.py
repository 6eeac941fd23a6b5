"""A study as rows: the outcome of every trial, and the options proposed over time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nasframe.api.parts import SearchSpace
from nasframe.api.types import Trial
from nasframe.errors import NasframeError
from nasframe.registry.restore import restore_space
from nasframe.storage import journal
from nasframe.storage.events import Resumed, Told, read_events
from nasframe.study.result import describe_outcome, get_last_values, rank_trials

_BINS = 20
"""The number of equal parts of a study in which proposed options are counted."""
_BEST = 25
"""The number of best networks whose options are counted."""


@dataclass(frozen=True, slots=True)
class TrialRow:
    """A trial as a row of a table.

    Attributes:
        trial: the number of the trial.
        state: ``trained``, ``stopped`` early, ``failed``, ``rejected``, or a ``duplicate``.
        reason: why it failed or was rejected, or which trial it duplicates.
        reward: its reward, or ``None``.
        elapsed: seconds that the study had run when it ended.
        seconds: seconds of its evaluation.
        waited: seconds after its start in which it was neither measured nor trained.
        metrics: single values by name; of a series the last value.
        architecture: its tokens, as text.
        words: the architecture as text.
    """

    trial: int
    state: str
    reason: str
    reward: float | None
    elapsed: float
    seconds: float
    waited: float
    metrics: Mapping[str, float]
    architecture: str
    words: str


@dataclass(frozen=True, slots=True)
class Shares:
    """How often each option of a choice was proposed.

    Attributes:
        choice: the name of the choice.
        options: its options, as text.
        counts: proposals of each option, in each part of the study.
        best: the count of each option among the best networks.
    """

    choice: str
    options: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    best: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """A study with all its trials.

    Attributes:
        folder: the study's folder.
        header: the first line of its journal: configuration, versions, device.
        config: the configuration of its last run.
        rows: its trials, in the order of their numbers.
        shares: the shares of each choice; empty without the search space's plugin.
    """

    folder: Path
    header: Mapping[str, Any]
    config: Mapping[str, Any]
    rows: tuple[TrialRow, ...]
    shares: tuple[Shares, ...]


def read_record(folder: Path) -> Record:
    """Read the trials of a study, which may still be running.

    Raises:
        NasframeError: if it has no trial yet, or its journal is damaged.
    """
    header = next(journal.read_journal(folder), None)
    events = list(read_events(folder)) if header is not None else []
    told = sorted(
        (event for event in events if isinstance(event, Told)), key=lambda event: event.trial.number
    )
    if header is None or not told:
        raise NasframeError(f"{folder} has no trial yet")
    space = None
    with suppress(NasframeError):  # without its plugin only tokens are shown
        space = restore_space(header["config"])
    rows = tuple(_make_row(event, space) for event in told)
    trials = [event.trial for event in told]
    shares = () if space is None else tuple(_count_shares(trials, space))
    changes = [event.changes for event in events if isinstance(event, Resumed)]
    config = dict(header["config"])
    for change in changes:
        config |= _select_own(change)
    return Record(folder, header, config, rows, shares)


def _select_own(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Select changes of the study itself; settings of another executor have dots."""
    return {key: value for key, value in changes.items() if "." not in key}


def _make_row(event: Told, space: SearchSpace | None) -> TrialRow:
    trial = event.trial
    state, reason = describe_outcome(trial)
    words = trial.architecture.key
    if space is not None:
        words = space.describe(trial.architecture)
    return TrialRow(
        trial=trial.number,
        state=state,
        reason=reason,
        reward=trial.reward,
        elapsed=event.elapsed,
        seconds=trial.seconds,
        waited=event.waited,
        metrics=get_last_values(trial),
        architecture=trial.architecture.key,
        words=words,
    )


def _count_shares(trials: Sequence[Trial], space: SearchSpace) -> Iterator[Shares]:
    """Count options in N trials with C choices; an inactive choice has no option."""
    best = {trial.number for trial in rank_trials(trials)[:_BEST]}
    tokens_NC = np.full((len(trials), len(space.choices)), -1)
    for row, trial in enumerate(trials):
        tokens = trial.architecture.tokens[: len(space.choices)]
        tokens_NC[row, : len(tokens)] = tokens
    bins_N = np.arange(len(trials)) * _BINS // len(trials)
    among_N = np.array([trial.number in best for trial in trials])
    for choice, tokens_N in zip(space.choices, tokens_NC.T, strict=True):
        size = len(choice.options)
        made_N = (tokens_N >= 0) & (tokens_N < size)
        places = bins_N[made_N] * size + tokens_N[made_N]
        counts = np.bincount(places, minlength=_BINS * size).reshape(_BINS, size)
        among = np.bincount(tokens_N[made_N & among_N], minlength=size)
        yield Shares(
            choice.name,
            tuple(map(str, choice.options)),
            tuple(map(tuple, counts.tolist())),
            tuple(among.tolist()),
        )
