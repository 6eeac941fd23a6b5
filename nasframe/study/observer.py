"""Observers: what a running study reports."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack

from nasframe.api.study_config import StudyConfig
from nasframe.api.types import Architecture, Report, Step, Trial
from nasframe.study.result import StudyResult


class Observer:
    """Informed of all events of a study; every method does nothing by default.

    An observer runs in the study's own process and must be quick. An exception in it ends the
    study, whose journal is valid at any moment.
    """

    def started(self, config: StudyConfig, done: int, best: float | None, elapsed: float) -> None:
        """The study starts or resumes.

        Args:
            config: configuration of the study.
            done: number of its earlier trials.
            best: their best reward.
            elapsed: seconds of its earlier running time.
        """

    def note(self, text: str) -> None:
        """The study has a message for the user."""

    def begun(self, number: int, step: Step) -> None:
        """A child was submitted to be measured or trained."""

    def reported(self, report: Report) -> None:
        """A child has finished an epoch."""

    def told(self, trial: Trial) -> None:
        """A proposal has a result, which is in the journal."""

    def ended(self, result: StudyResult, describe: Callable[[Architecture], str]) -> None:
        """The study ended or was interrupted."""

    def closed(self) -> None:
        """The study is closed, for whatever reason; no more calls follow."""


class Observers(Observer):
    """A list of observers, each informed in turn.

    Attributes:
        all: the observers; the list may grow.
    """

    def __init__(self, observers: Sequence[Observer]) -> None:
        self.all = list(observers)

    def started(self, config: StudyConfig, done: int, best: float | None, elapsed: float) -> None:
        """Inform each."""
        for one in self.all:
            one.started(config, done, best, elapsed)

    def note(self, text: str) -> None:
        """Inform each."""
        for one in self.all:
            one.note(text)

    def begun(self, number: int, step: Step) -> None:
        """Inform each."""
        for one in self.all:
            one.begun(number, step)

    def reported(self, report: Report) -> None:
        """Inform each."""
        for one in self.all:
            one.reported(report)

    def told(self, trial: Trial) -> None:
        """Inform each."""
        for one in self.all:
            one.told(trial)

    def ended(self, result: StudyResult, describe: Callable[[Architecture], str]) -> None:
        """Inform each."""
        for one in self.all:
            one.ended(result, describe)

    def closed(self) -> None:
        """Inform each, even if another one fails."""
        with ExitStack() as stack:
            for one in reversed(self.all):
                stack.callback(one.closed)
