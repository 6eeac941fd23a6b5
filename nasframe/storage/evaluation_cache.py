"""Cache of evaluations that studies share: a folder with one file for each evaluation.

The name of a file is a hash of everything that its evaluation depends on. Files rather than a
database: each is complete or absent, even on a network file system, and a damaged or removed file
costs one training. The evaluating process holds a lock, which the system releases if the process
dies: two studies that need the same network at the same time train it once.
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
from nasframe.storage.events import parse_metrics
from nasframe.storage.files import write_atomically
from nasframe.storage.locks import lock_open_file

_POLL_SECONDS = 0.1
"""Interval of the check whether another process has finished its evaluation."""


@dataclass(frozen=True, slots=True)
class CachedEvaluation:
    """The evaluation of one network.

    Attributes:
        metrics: as the evaluator returned them.
        weights: the file of its trained weights, which may have been removed since.
    """

    metrics: Metrics
    weights: Path | None


class CacheSlot:
    """The place of one evaluation in a cache, locked by one process at a time.

    Args:
        path: its file.
        key: everything that the evaluation depends on, in plain values.
    """

    def __init__(self, path: Path, key: Mapping[str, Any]) -> None:
        self._path = path
        self._key = key

    def read(self) -> CachedEvaluation | None:
        """Return the stored evaluation; ``None`` if it is absent, damaged or of another key."""
        try:
            data = json.loads(self._path.read_bytes())
            weights = data["weights"]
            entry = CachedEvaluation(
                parse_metrics(data["metrics"]), None if weights is None else Path(weights)
            )
            return entry if data["key"] == self._key else None
        except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
            return None

    def write(self, entry: CachedEvaluation) -> None:
        """Store an evaluation atomically.

        Raises:
            NasframeError: if the file cannot be written.
        """
        weights = None if entry.weights is None else str(entry.weights)
        data = {"key": self._key, "metrics": dict(entry.metrics), "weights": weights}
        try:
            write_atomically(self._path, json.dumps(data, allow_nan=False).encode())
        except OSError as error:
            raise _cache_error(self._path, error) from error


class EvaluationCache:
    """The evaluations in a folder.

    Args:
        folder: created if it does not exist.

    Raises:
        NasframeError: if the folder is not writable.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        try:
            folder.mkdir(parents=True, exist_ok=True)
            if not os.access(folder, os.W_OK | os.X_OK):
                raise PermissionError(13, "Permission denied")
        except OSError as error:
            raise _cache_error(folder, error) from error

    @contextmanager
    def slot(self, key: Mapping[str, Any], cancelled: Callable[[], bool]) -> Iterator[CacheSlot]:
        """Lock the place of an evaluation; wait while another process holds it.

        Args:
            key: everything that the evaluation depends on, in plain values.
            cancelled: whether to stop waiting.

        Raises:
            TimeoutError: if the wait was cancelled.
            NasframeError: if the lock file cannot be used.
        """
        text = json.dumps(key, sort_keys=True)
        name = hashlib.sha256(text.encode()).hexdigest()
        path = self._folder / name[:2] / f"{name}.json"
        with _hold_lock(path.with_suffix(".lock"), cancelled):
            yield CacheSlot(path, json.loads(text))


@contextmanager
def _hold_lock(path: Path, cancelled: Callable[[], bool]) -> Iterator[None]:
    """Hold a lock whose file exists only while a process holds it or waits for it."""
    while (file := _try_lock_file(path)) is None:
        if cancelled():
            raise TimeoutError("cancelled while another process evaluated the same network")
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            path.unlink()  # before the lock is released: later processes create a new file
        os.close(file)


def _try_lock_file(path: Path) -> int | None:
    """Open and lock a file; ``None`` if another process holds it or has just removed it."""
    try:
        path.parent.mkdir(exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
    except OSError as error:
        raise _cache_error(path, error) from error
    with suppress(FileNotFoundError):
        if lock_open_file(file) and os.fstat(file).st_ino == os.stat(path).st_ino:
            return file
    os.close(file)
    return None


def _cache_error(path: Path, error: OSError) -> NasframeError:
    return NasframeError(f"cache: cannot write {path}: {error.strerror}")
