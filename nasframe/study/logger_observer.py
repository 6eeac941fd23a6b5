"""A study in the tools that people have: what each trial found, as curves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress

from nasframe.api.study_config import StudyConfig
from nasframe.api.types import Architecture, Report, Step, Trial, TrialState
from nasframe.errors import one_line
from nasframe.registry.serialization import flat, to_plain
from nasframe.storage.events import Told, history
from nasframe.study.observer import Progress
from nasframe.study.result import StudyResult, single_values
from nasframe.training.loggers import Curves, check_logger, curves
from nasframe.training.trainer import quiet


class Logged(Progress):
    """Tells another one all that it hears, and writes curves.

    A step is a trial that was not a duplicate, in the order in which they ended. A logger that
    fails does not end the study: that is said once, and the curves end there.

    Args:
        inner: the other one.
        config: of the study.

    Raises:
        NasframeError: if the logger's package is missing.
    """

    def __init__(self, inner: Progress, config: StudyConfig) -> None:
        check_logger(config.logger)
        self._inner = inner
        self._config = config
        self._curves: Curves | None = None
        self._works = True
        self._step = self._failed = 0
        self._best: float | None = None

    def started(self, config: StudyConfig, done: int, best: float | None, elapsed: float) -> None:
        """Pass it on."""
        self._inner.started(config, done, best, elapsed)

    def note(self, text: str) -> None:
        """Pass it on."""
        self._inner.note(text)

    def begun(self, number: int, step: Step) -> None:
        """Pass it on."""
        self._inner.begun(number, step)

    def reported(self, report: Report) -> None:
        """Pass it on."""
        self._inner.reported(report)

    def told(self, trial: Trial) -> None:
        """Write a row, and pass it on."""
        if self._works and trial.duplicate_of is None:
            try:
                with quiet():
                    self._write(trial)
            except Exception as error:  # of a server that is not there, of a package of others
                self._works = False
                reason = f"logger={self._config.logger.value} failed: {one_line(error)}"
                self._inner.note(f"{reason}. The study goes on without it")
        self._inner.told(trial)

    def ended(self, result: StudyResult, describe: Callable[[Architecture], str]) -> None:
        """Pass it on."""
        self._inner.ended(result, describe)

    def closed(self) -> None:
        """Pass it on, and end the run."""
        self._inner.closed()
        if self._curves is not None:
            with suppress(Exception), quiet():  # what was told is in the journal
                self._curves.end()

    def _write(self, trial: Trial) -> None:
        if self._curves is None:  # a study in which nothing happens leaves no run
            config = self._config
            self._curves = curves(config.logger, config.dir, flat(to_plain(config)))
            told = (event.trial for event in history(config.dir) if isinstance(event, Told))
            before = [t for t in told if t.number != trial.number and t.duplicate_of is None]
            self._curves.begin([self._row(one) for one in before])
        self._curves.add(*self._row(trial))

    def _row(self, trial: Trial) -> tuple[int, Mapping[str, float]]:
        """The next step, and what is known by then."""
        self._step += 1
        self._failed += trial.state is TrialState.FAILED
        row = {"trial": trial.number, "failed": self._failed, "seconds": trial.seconds}
        if trial.reward is not None:
            self._best = max(trial.reward, trial.reward if self._best is None else self._best)
            row |= {"reward": trial.reward, "best": self._best}
        return self._step, {**single_values(trial), **row}
