"""Write the rows of a run to its loggers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

from nasframe.api.config import LoggerConfig
from nasframe.api.parts import Logger
from nasframe.errors import NasframeError
from nasframe.registry.calls import build_part, describe_failure, describe_part

CurveRow: TypeAlias = tuple[int, Mapping[str, float]]
"""A step, from 1, and values by name."""


class Curves:
    """The curves of one run in one logger: each row is written once, none before ``start``.

    A logger is not called again after a failure, which is reported once. Other files hold the
    missing rows, and the logger gets them when the run is resumed.

    Args:
        name: name of the logger.
        logger: the logger, used by this run only.
        settings: settings of the study or the training.
        note: reports a failure to the user.
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

    def start(self, rows: Iterable[CurveRow]) -> None:
        """Open the run.

        Args:
            rows: all earlier rows of the run; the missing ones are written.
        """
        with self._tolerate("start"):
            last: object = self._logger.start(self._settings)
            if not isinstance(last, int):
                raise NasframeError(
                    f"{describe_part(self._logger, 'start')} gave {last!r:.80}, no step"
                )
            self._last = last
        for row in rows:
            self.add(*row)

    def add(self, step: int, values: Mapping[str, float]) -> None:
        """Write a row, unless the logger has it already."""
        if self._works and self._last is not None and step > self._last:
            with self._tolerate("log"):
                self._logger.log(step, values)
                self._last = step

    def close(self) -> None:
        """Close the run if it was started; further calls do nothing."""
        if self._works and self._last is not None:
            with self._tolerate("close"):
                self._logger.close()
        self._works = False

    @contextmanager
    def _tolerate(self, method: str) -> Iterator[None]:
        try:
            yield
        except Exception as error:  # an unreachable server, or anything in another package
            self._works = False
            own = isinstance(error, NasframeError)
            reason = (
                str(error) if own else describe_failure(describe_part(self._logger, method), error)
            )
            self._note(
                f"logger={self._name} failed: {reason}. Its curves end here; the rest continues"
            )


def make_curves(
    loggers: Mapping[str, LoggerConfig],
    folder: Path,
    settings: Mapping[str, Any],
    note: Callable[[str], None],
) -> list[Curves]:
    """Make the curves of one run for each logger.

    Args:
        loggers: the loggers' settings by name.
        folder: folder of the run.
        settings: settings of the study or the training.
        note: reports failures to the user.

    Raises:
        NasframeError: if a logger cannot be used.
    """
    return [
        Curves(name, build_part(config.build, Logger, folder), settings, note)
        for name, config in loggers.items()
    ]
