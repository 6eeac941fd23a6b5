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

    def on_start(self, config: StudyConfig, done: int, best: float | None, elapsed: float) -> None:
        """The study starts or resumes.

        Args:
            config: configuration of the study.
            done: number of its earlier trials.
            best: their best reward.
            elapsed: seconds of its earlier running time.
        """

    def on_message(self, text: str) -> None:
        """The study has a message for the user."""

    def on_submit(self, number: int, step: Step) -> None:
        """A child was submitted to be measured or trained."""

    def on_report(self, report: Report) -> None:
        """A child has finished an epoch."""

    def on_result(self, trial: Trial) -> None:
        """A proposal has a result, which is in the journal."""

    def on_end(self, result: StudyResult, describe: Callable[[Architecture], str]) -> None:
        """The study ended or was interrupted."""

    def on_close(self) -> None:
        """The study is closed, for whatever reason; no more calls follow."""


class Observers(Observer):
    """A list of observers, each informed in turn.

    Attributes:
        all: the observers; the list may grow.
    """

    def __init__(self, observers: Sequence[Observer]) -> None:
        self.all = list(observers)

    def on_start(self, config: StudyConfig, done: int, best: float | None, elapsed: float) -> None:
        """Inform each."""
        for one in self.all:
            one.on_start(config, done, best, elapsed)

    def on_message(self, text: str) -> None:
        """Inform each."""
        for one in self.all:
            one.on_message(text)

    def on_submit(self, number: int, step: Step) -> None:
        """Inform each."""
        for one in self.all:
            one.on_submit(number, step)

    def on_report(self, report: Report) -> None:
        """Inform each."""
        for one in self.all:
            one.on_report(report)

    def on_result(self, trial: Trial) -> None:
        """Inform each."""
        for one in self.all:
            one.on_result(trial)

    def on_end(self, result: StudyResult, describe: Callable[[Architecture], str]) -> None:
        """Inform each."""
        for one in self.all:
            one.on_end(result, describe)

    def on_close(self) -> None:
        """Inform each, even if another one fails."""
        with ExitStack() as stack:
            for one in reversed(self.all):
                stack.callback(one.on_close)
