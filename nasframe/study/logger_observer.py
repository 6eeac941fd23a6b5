"""Write the trials of a study to its loggers, as curves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from nasframe.api.study_config import StudyConfig
from nasframe.api.types import Trial, TrialState
from nasframe.loggers.curves import CurveRow, Curves, make_curves
from nasframe.registry.serialization import flatten, to_plain
from nasframe.storage.events import Told, read_events
from nasframe.study.observer import Observer
from nasframe.study.result import get_last_values


def observe_with_loggers(config: StudyConfig, note: Callable[[str], None]) -> list[LoggerObserver]:
    """Make an observer for each logger of a study.

    Args:
        config: configuration of the study.
        note: reports a failing logger to all observers.

    Raises:
        NasframeError: if a logger cannot be used.
    """
    if not config.logger:
        return []
    settings = flatten(to_plain(config))
    return [
        LoggerObserver(curves, config.dir)
        for curves in make_curves(config.logger, config.dir, settings, note)
    ]


class LoggerObserver(Observer):
    """Writes the curves of a study with one logger.

    A step is a trial that is no duplicate; trials are numbered in the order of their ends. A study
    without new trials opens no run.

    Args:
        curves: curves of the study.
        folder: folder of the study.
    """

    def __init__(self, curves: Curves, folder: Path) -> None:
        self._curves, self._folder = curves, folder
        self._rows = _Rows()

    def on_result(self, trial: Trial) -> None:
        """Write a row; before the first one, the rows of the journal's earlier trials."""
        if trial.duplicate_of is not None:
            return
        if not self._curves.started:
            told = (event.trial for event in read_events(self._folder) if isinstance(event, Told))
            earlier = (other for other in told if other.number != trial.number)
            self._curves.start(self._rows.add_all(earlier))
        self._curves.add(*self._rows.add(trial))

    def on_close(self) -> None:
        """Close the run."""
        self._curves.close()


class _Rows:
    """The rows of a study: each trial's metrics, and the best reward and failures so far."""

    def __init__(self) -> None:
        self._step = self._failed = 0
        self._best: float | None = None

    def add_all(self, trials: Iterable[Trial]) -> Iterator[CurveRow]:
        """Add trials, and yield their rows; skip duplicates."""
        return (self.add(trial) for trial in trials if trial.duplicate_of is None)

    def add(self, trial: Trial) -> CurveRow:
        """Add the next trial, and return its row."""
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
        return self._step, {**get_last_values(trial), **row}
