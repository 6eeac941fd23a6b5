"""Evaluations that studies share, in a folder: a file for each, by all that it depends on.

Files rather than a database: each is there whole or not at all, also on network disks, and what
is damaged or removed costs one training. Who evaluates holds a lock that the system takes from a
process that dies, so that two studies that want the same network at the same time train it once.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasframe.api.types import Metrics
from nasframe.errors import NasframeError
from nasframe.storage.events import metrics_of
from nasframe.storage.files import write_atomically
from nasframe.storage.locks import lock_open_file

_LOOK_SECONDS = 0.1
"""So often it is looked whether another process has finished what it evaluates."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What was found for one network.

    Attributes:
        metrics: as the evaluator returned them.
        weights: where its trained weights were left; they may be gone.
    """

    metrics: Metrics
    weights: Path | None


class Slot:
    """The place of one evaluation in a cache, held by one process at a time.

    Args:
        path: its file.
        key: all that the evaluation depends on, in plain values.
    """

    def __init__(self, path: Path, key: Mapping[str, Any]) -> None:
        self._path = path
        self._key = key

    def read(self) -> Entry | None:
        """What stands there; ``None`` if nothing does, or nothing that can be used."""
        try:
            data = json.loads(self._path.read_bytes())
            weights = data["weights"]
            entry = Entry(metrics_of(data["metrics"]), None if weights is None else Path(weights))
            return entry if data["key"] == self._key else None
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return None

    def write(self, entry: Entry) -> None:
        """Put an evaluation there, whole or not at all."""
        weights = None if entry.weights is None else str(entry.weights)
        data = {"key": self._key, "metrics": dict(entry.metrics), "weights": weights}
        try:
            write_atomically(self._path, json.dumps(data, allow_nan=False).encode())
        except OSError as error:
            raise _unusable(self._path, error) from error


class Cache:
    """The evaluations in a folder.

    Args:
        folder: is made if it is not there.

    Raises:
        NasframeError: if nothing can be written there.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(13, "Permission denied")
        except OSError as error:
            raise _unusable(folder, error) from error

    @contextmanager
    def slot(self, key: Mapping[str, Any], cancelled: Callable[[], bool]) -> Iterator[Slot]:
        """Hold the place of an evaluation; one that another process holds is waited for.

        Args:
            key: all that the evaluation depends on, in plain values.
            cancelled: ends the waiting, with a ``TimeoutError``.
        """
        text = json.dumps(key, sort_keys=True)
        name = hashlib.sha256(text.encode()).hexdigest()
        path = self._folder / name[:2] / f"{name}.json"
        with _held(path.with_suffix(".lock"), cancelled):
            yield Slot(path, json.loads(text))


@contextmanager
def _held(path: Path, cancelled: Callable[[], bool]) -> Iterator[None]:
    """Hold a lock whose file is there while somebody holds it or waits."""
    while (file := _locked(path)) is None:
        if cancelled():
            raise TimeoutError("cancelled while another process evaluated the same network")
        time.sleep(_LOOK_SECONDS)
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            path.unlink()  # before the lock is given up: who opens it from now on makes a new one
        os.close(file)


def _locked(path: Path) -> int | None:
    """The locked file; ``None`` if another one holds it, or has just removed it."""
    try:
        path.parent.mkdir(exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise _unusable(path, error) from error
    with suppress(FileNotFoundError):
        if lock_open_file(file) and os.fstat(file).st_ino == os.stat(path).st_ino:
            return file
    os.close(file)
    return None


def _unusable(path: Path, error: OSError) -> NasframeError:
    return NasframeError(f"cache: cannot write {path}: {error.strerror}")
