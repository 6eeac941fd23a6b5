"""The rows of one run on their way into a logger."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from nasframe.api.config import LoggerConfig
from nasframe.api.parts import Logger
from nasframe.errors import NasframeError
from nasframe.registry.calls import built, called, raised

Row: TypeAlias = tuple[int, Mapping[str, float]]
"""A step, from 1, and values by name."""


class Curves:
    """One run in one logger, which gets each row once; nothing is written before ``start``.

    A logger that fails gets nothing more, and that is said once: what it should have is in other
    files, and it gets it when the run is resumed.

    Args:
        name: of the logger.
        logger: of this run only.
        settings: of the study or the training.
        note: tells the user of a failure.
    """

    def __init__(
        self, name: str, logger: Logger, settings: Mapping[str, Any], note: Callable[[str], None]
    ) -> None:
        self._name, self._logger = name, logger
        self._settings, self._note = settings, note
        self._last: int | None = None
        self._works = True

    @property
    def started(self) -> bool:
        """Whether ``start`` was called."""
        return self._last is not None or not self._works

    def start(self, rows: Iterable[Row]) -> None:
        """Open the run.

        Args:
            rows: all that were known before; those that the logger lacks are written.
        """
        with self._tolerating("start"):
            last: object = self._logger.start(self._settings)
            if not isinstance(last, int):
                raise NasframeError(f"{called(self._logger, 'start')} gave {last!r:.80}, no step")
            self._last = last
        for row in rows:
            self.add(*row)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Write a row, if the logger does not have it."""
        if self._works and self._last is not None and step > self._last:
            with self._tolerating("log"):
                self._logger.log(step, values)
                self._last = step

    def close(self) -> None:
        """End the run if it was started; the logger is called once."""
        if self._works and self._last is not None:
            with self._tolerating("close"):
                self._logger.close()
        self._works = False

    @contextmanager
    def _tolerating(self, method: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # of a server that is not there, of a package of others
            self._works = False
            own = isinstance(error, NasframeError)
            reason = str(error) if own else raised(called(self._logger, method), error)
            self._note(
                f"logger={self._name} failed: {reason}. Its curves end here; the rest continues"
            )


def make_curves(
    loggers: Mapping[str, LoggerConfig],
    folder: Path,
    settings: Mapping[str, Any],
    note: Callable[[str], None],
) -> list[Curves]:
    """Make the curves of one run, for each logger.

    Args:
        loggers: by name.
        folder: of the run.
        settings: of the study or the training.
        note: tells the user of failures.

    Raises:
        NasframeError: if a logger cannot be used.
    """
    return [
        Curves(name, built(config.build, Logger, folder), settings, note)
        for name, config in loggers.items()
    ]
