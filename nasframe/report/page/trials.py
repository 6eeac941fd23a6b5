"""A study as rows: every trial with what became of it, and what the controller chose over time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
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
"""Equal parts of a study, over which shares of options are shown."""
_BEST = 25
"""Of so many networks the most frequent choices are told, as in the papers' figures."""


@dataclass(frozen=True, slots=True)
class Row:
    """A trial.

    Attributes:
        trial: its number.
        state: ``trained``, ``stopped`` early, ``failed``, ``rejected``, or a ``duplicate``.
        reason: why it failed or was rejected; the trial that it duplicates.
        reward: ``None`` if it has none.
        elapsed: seconds that the study had run by then.
        seconds: what its evaluation took.
        waited: seconds for which it was begun, and neither measured nor trained.
        metrics: single values by name; of a series the last one.
        architecture: its tokens, as text.
        words: the architecture in words.
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
        choice: its name.
        options: in words.
        counts: for each part of the study, of each option.
        best: the same among the best networks.
    """

    choice: str
    options: tuple[str, ...]
    counts: tuple[tuple[int, ...], ...]
    best: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Record:
    """A study.

    Attributes:
        folder: where it is.
        header: the first line of its journal: configuration, versions, device.
        config: the configuration with which it went on last.
        rows: its trials, in the order of their numbers.
        shares: of the choices; none if the plugin of the search space is missing.
    """

    folder: Path
    header: Mapping[str, Any]
    config: Mapping[str, Any]
    rows: tuple[Row, ...]
    shares: tuple[Shares, ...]


def record(folder: Path) -> Record:
    """Read a study; it may still be running.

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
    with suppress(NasframeError):  # without its plugin only tokens are told
        space = restore_space(header["config"])
    rows = tuple(_make_row(event, space) for event in told)
    shares = () if space is None else tuple(_count_shares([event.trial for event in told], space))
    changes = [event.changes for event in events if isinstance(event, Resumed)]
    config = reduce(
        lambda config, change: {**config, **_select_own(change)}, changes, header["config"]
    )
    return Record(folder, header, config, rows, shares)


def _select_own(changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the changed settings of the study itself, without those of its parts."""
    return {key: value for key, value in changes.items() if "." not in key}


def _make_row(event: Told, space: SearchSpace | None) -> Row:
    trial = event.trial
    state, reason = describe_outcome(trial)
    words = trial.architecture.key
    if space is not None:
        words = space.describe(trial.architecture)
    return Row(
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
    """For N trials with C choices, some of them undecided."""
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
