"""The append-only log of a study: JSON lines with one writer. The study's state derives from it."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from nasframe.api.study_config import StudyConfig
from nasframe.errors import NasframeError
from nasframe.registry.serialization import parse_settings, translate_names
from nasframe.storage.jsonl_log import JsonlLog

JOURNAL_SCHEMA = 1
"""Version of the format; journals with a higher version are refused."""

JOURNAL_FILE = "journal.jsonl"

_PARTS = [f.name for f in fields(StudyConfig) if MISSING is f.default is f.default_factory]
"""The settings of a study without defaults: its parts."""

_REQUIRED = (*_PARTS, "meters", "seed", "max_duplicates")
"""The settings in every journal; later versions added the others."""


class BusyError(NasframeError):
    """Another process writes the journal."""


class Journal:
    """The journal in a folder, locked against other writers until it is closed.

    Args:
        folder: the study's folder, created if it does not exist.

    Raises:
        BusyError: if another process writes the journal.
        NasframeError: if the file cannot be used, or this version cannot read it as a journal.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / JOURNAL_FILE
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._log = JsonlLog(self.path, self._check, lambda line: _parse(line) is not None)
        except BlockingIOError:
            raise BusyError(
                f"another process is using {folder}: wait for it, or choose another dir"
            ) from None
        except OSError as error:
            raise NasframeError(f"cannot write to {folder}: {error.strerror}") from error

    def _check(self, data: bytes) -> None:
        """Refuse a file that is not a journal, or was written by a newer version."""
        first, newline, _ = data.partition(b"\n")
        if newline:
            _check_header(self.path, _parse(first))
        tail = data[data.rfind(b"\n") + 1 :]
        written = tail.rstrip(b"\0")  # a power failure can leave zeros
        start = b'{"event"'
        if written[: len(start)] != start[: len(written)]:
            raise damaged_line_error(self.path, data.count(b"\n") + 1)

    def append(self, event: Mapping[str, Any], *, sync: bool = False) -> None:
        """Append one event as a line; with ``sync``, bring all lines to the disk.

        Raises:
            NasframeError: if the disk is full or fails (the file is unchanged), or the file was
                removed.
        """
        try:
            self._log.append(event, sync=sync)
        except FileNotFoundError:
            raise NasframeError(f"{self.path} was removed while the study ran") from None
        except OSError as error:
            raise NasframeError(
                f"cannot write to {self.path}: {error.strerror}\n"
                "Earlier trials are kept: make room and run the same command again"
            ) from error

    def clear(self) -> None:
        """Remove all events, in a journal without finished trials."""
        self._log.clear()

    def close(self) -> None:
        """Bring all lines to the disk and release the lock."""
        self._log.close()


def read_journal(folder: Path, kind: str | None = None) -> Iterator[dict[str, Any]]:
    """Read the events of a journal in order; skip a last line that is still being written.

    Args:
        folder: the study's folder.
        kind: read only events of this kind, and do not parse the lines of others.

    Raises:
        NasframeError: if there is no journal, a line is damaged, or nasframe is too old for it.
    """
    path = folder / JOURNAL_FILE
    try:
        lines = path.open("rb")
    except OSError as error:
        raise NasframeError(f"no study in {folder}: {path}: {error.strerror}") from error
    with lines:
        start = b"" if kind is None else f'{{"event":"{kind}"'.encode()
        for number, line in enumerate(lines, 1):
            if not line.startswith(start):
                continue
            event = _parse(line)
            if event is None and not line.endswith(b"\n"):
                return
            if number == 1:
                _check_header(path, event)
            if event is None:
                raise damaged_line_error(path, number)
            yield {**event, "config": translate_names(event["config"])} if number == 1 else event


def _parse(line: bytes) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return event if isinstance(event, dict) and isinstance(event.get("event"), str) else None


def _check_header(path: Path, event: Mapping[str, Any] | None) -> None:
    if event is None or event["event"] != "study" or not isinstance(event.get("schema"), int):
        raise damaged_line_error(path, 1)
    if event["schema"] > JOURNAL_SCHEMA:
        versions = event.get("versions")
        writer = versions.get("nasframe") if isinstance(versions, dict) else None
        raise NasframeError(
            f"{path} was written by nasframe {writer or 'unknown'}, which is newer than this one: "
            "install that version, or choose another dir"
        )
    if not _is_header(event):
        raise damaged_line_error(path, 1)


def _is_header(event: Mapping[str, Any]) -> bool:
    """Return whether the first event is a complete header."""
    versions: list[Any] = [event.get(name) for name in ("versions", "plugins")]
    config: Any = event.get("config")
    if not all(isinstance(item, dict) for item in (config, *versions)):
        return False
    config = translate_names(config)
    if not all(name in config for name in _REQUIRED) or not isinstance(config["meters"], dict):
        return False
    loggers = config.get("logger", {})
    if not isinstance(loggers, dict):
        return False
    parts = [*(config[name] for name in _PARTS), *config["meters"].values(), *loggers.values()]
    return (
        all(isinstance(version, str) for named in versions for version in named.values())
        and all(isinstance(part, dict) and isinstance(part.get("type"), str) for part in parts)
        and _has_finite_numbers(config)
        and _is_study_config(config)
    )


def _has_finite_numbers(value: Any) -> bool:
    """Return whether all numbers of a configuration are finite."""
    if isinstance(value, dict | list):
        return all(map(_has_finite_numbers, value.values() if isinstance(value, dict) else value))
    return not isinstance(value, float) or math.isfinite(value)


def _is_study_config(config: Mapping[str, Any]) -> bool:
    try:
        parse_settings(StudyConfig, config)
    except TypeError:
        return False
    return True


def damaged_line_error(path: Path, number: int, why: str = "is damaged") -> NasframeError:
    """Return the error for an unusable line, with a way to resume from the lines before it."""
    salvage = (
        f"To resume from the lines before it: mkdir COPY && head -n {number - 1} {path} "
        f"> COPY/{JOURNAL_FILE}, then use dir=COPY"
    )
    advice = salvage if number > 1 else "Choose another dir"
    return NasframeError(f"{path}, line {number}, {why}; the file was left unchanged.\n{advice}")
