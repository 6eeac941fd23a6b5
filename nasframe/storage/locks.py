"""Locks on a machine: one measurement at a time, as two would measure each other; and others."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nasframe.errors import NasframeError

FILE = Path("/tmp/nasframe-latency.lock")
"""Locked by whoever measures. Not in ``TMPDIR``, which jobs on one machine may have of their own;
never removed, as those who wait for a removed file would not see who locks the next one."""


@contextmanager
def alone(path: Path = FILE) -> Iterator[None]:
    """Wait until no other process or thread is in such a block; the lock of a killed one is free.

    Raises:
        NasframeError: if the file cannot be used.
    """
    file = _open(path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
    finally:
        os.close(file)


def take(path: Path) -> bool:
    """Lock a file as long as this process lives, if no other one has; such a file stays, too.

    Raises:
        NasframeError: if the file cannot be used.
    """
    return _try(path) is not None


@contextmanager
def held(path: Path) -> Iterator[bool]:
    """Lock a file inside the block, if no other process or thread has: whether that was so.

    Raises:
        NasframeError: if the file cannot be used.
    """
    file = _try(path)
    try:
        yield file is not None
    finally:
        if file is not None:
            os.close(file)


def _try(path: Path) -> int | None:
    """The locked file, if nobody else has it."""
    file = _open(path)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(file)
        return None
    return file


def _open(path: Path) -> int:
    # Linux does not open other users' files in /tmp where they might be made.
    for flags in (os.O_RDONLY, os.O_RDONLY | os.O_CREAT):
        try:
            return os.open(path, flags | os.O_NOFOLLOW, 0o644)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise NasframeError(f"cannot lock {path}: {error.strerror}") from error
    raise NasframeError(f"cannot lock {path}: there is no such folder")
