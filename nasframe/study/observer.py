"""What a running study tells whoever watches it."""

from __future__ import annotations

from collections.abc import Callable

from nasframe.api.study_config import StudyConfig
from nasframe.api.types import Architecture, Report, Step, Trial
from nasframe.study.result import StudyResult


class Progress:
    """Hears of everything that happens in a study, and says nothing; the console's says it."""

    def started(self, config: StudyConfig, done: int, best: float | None, elapsed: float) -> None:
        """The study begins or goes on: after so many trials, this best reward, so many seconds."""

    def note(self, text: str) -> None:
        """Something that the user should know."""

    def begun(self, number: int, step: Step) -> None:
        """A child is to be measured or trained."""

    def reported(self, report: Report) -> None:
        """A child has finished an epoch."""

    def told(self, trial: Trial) -> None:
        """A proposal has its result."""

    def ended(self, result: StudyResult, describe: Callable[[Architecture], str]) -> None:
        """The study is over, or interrupted."""

    def closed(self) -> None:
        """Nothing more will come, for whatever reason."""
