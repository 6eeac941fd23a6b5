"""File locks, which the system releases when their process dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nasframe.errors import NasframeError

MEASUREMENT_LOCK = Path("/tmp/nasframe-latency.lock")
"""Lock of latency measurements, which would disturb each other.

Not in ``TMPDIR``, which each job on a machine may set differently. Never removed: a process that
waits for a removed file would not notice locks on the next one.
"""


def lock_open_file(file: int, *, wait: bool = False) -> bool:
    """Lock an open file until it is closed.

    Args:
        file: its descriptor.
        wait: wait while another process or thread holds the lock.

    Returns:
        Whether the file is locked now; ``False`` if another process or thread holds the lock.

    Raises:
        OSError: if the file system has no locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


@contextmanager
def exclusive_lock(path: Path = MEASUREMENT_LOCK) -> Iterator[None]:
    """Hold a lock in the block; wait while another process or thread holds it.

    Raises:
        NasframeError: if the file cannot be used.
    """
    file = _open(path)
    try:
        lock_open_file(file, wait=True)
        yield
    finally:
        os.close(file)


@contextmanager
def try_lock(path: Path) -> Iterator[bool]:
    """Hold a lock in the block, unless another process or thread holds it.

    Yields:
        Whether the lock is held.

    Raises:
        NasframeError: if the file cannot be used.
    """
    file = _open(path)
    try:
        yield lock_open_file(file)
    finally:
        os.close(file)


def lock_for_life(path: Path) -> bool:
    """Lock a file until this process ends, unless another one holds the lock.

    Returns:
        Whether the file is locked.

    Raises:
        NasframeError: if the file cannot be used.
    """
    file = _open(path)
    if lock_open_file(file):
        return True
    os.close(file)
    return False


def _open(path: Path) -> int:
    # Linux refuses O_CREAT on other users' existing files in /tmp.
    for flags in (os.O_RDONLY, os.O_RDONLY | os.O_CREAT):
        try:
            return os.open(path, flags | os.O_NOFOLLOW, 0o644)
        except FileNotFoundError:
            pass
        except OSError as error:
            raise NasframeError(f"cannot lock {path}: {error.strerror}") from error
    raise NasframeError(f"cannot lock {path}: there is no such folder")
