"""A study in the tools that people have: what each trial found, as curves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from nasframe.api.study_config import StudyConfig
from nasframe.api.types import Trial, TrialState
from nasframe.loggers.curves import Curves, Row, make_curves
from nasframe.registry.serialization import flat, to_plain
from nasframe.storage.events import Told, history
from nasframe.study.observer import Observer
from nasframe.study.result import single_values


def observe_with_loggers(config: StudyConfig, note: Callable[[str], None]) -> list[LoggerObserver]:
    """Make an observer for each logger of a study.

    Args:
        config: of the study.
        note: tells everyone of a logger that fails.

    Raises:
        NasframeError: if a logger cannot be used.
    """
    if not config.logger:
        return []
    settings = flat(to_plain(config))
    return [
        LoggerObserver(curves, config.dir)
        for curves in make_curves(config.logger, config.dir, settings, note)
    ]


class LoggerObserver(Observer):
    """Writes the curves of a study with one logger.

    A step is a trial that was not a duplicate, in the order in which they ended. A study in which
    nothing happens leaves no run.

    Args:
        curves: of the study.
        folder: of the study.
    """

    def __init__(self, curves: Curves, folder: Path) -> None:
        self._curves, self._folder = curves, folder
        self._rows = _Rows()

    def told(self, trial: Trial) -> None:
        """Write a row; the first one comes after those that the journal had before."""
        if trial.duplicate_of is not None:
            return
        if not self._curves.started:
            told = (event.trial for event in history(self._folder) if isinstance(event, Told))
            before = (one for one in told if one.number != trial.number)
            self._curves.start(self._rows.of(before))
        self._curves.add(*self._rows.next(trial))

    def closed(self) -> None:
        """End the run."""
        self._curves.close()


class _Rows:
    """The rows of a study: what each trial found, and what is known by then."""

    def __init__(self) -> None:
        self._step = self._failed = 0
        self._best: float | None = None

    def of(self, trials: Iterable[Trial]) -> Iterator[Row]:
        """The rows of trials, duplicates left out."""
        return (self.next(trial) for trial in trials if trial.duplicate_of is None)

    def next(self, trial: Trial) -> Row:
        """The row of the next trial."""
        self._step += 1
        self._failed += trial.state is TrialState.FAILED
        row: Mapping[str, float] = {
            "trial": trial.number,
            "failed": self._failed,
            "seconds": trial.seconds,
        }
        if trial.reward is not None:
            self._best = max(trial.reward, trial.reward if self._best is None else self._best)
            row = {**row, "reward": trial.reward, "best": self._best}
        return self._step, {**single_values(trial), **row}
