"""Locks on files, which the system takes back from a process that dies."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from nasframe.errors import NasframeError

MEASURING = Path("/tmp/nasframe-latency.lock")
"""Locked by whoever measures: two measurements at a time would measure each other.

Not in ``TMPDIR``, which jobs on one machine may have of their own. Never removed: a process that
waits for a removed file would not see who locks the next one.
"""


def lock_open_file(file: int, *, wait: bool = False) -> bool:
    """Lock an open file until it is closed.

    Args:
        file: its descriptor.
        wait: for the process or thread that has the lock, if any.

    Returns:
        Whether it is locked now; ``False`` if another one has the lock.

    Raises:
        OSError: if the file system has no locks.
    """
    try:
        fcntl.flock(file, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    return True


@contextmanager
def exclusive_lock(path: Path = MEASURING) -> Iterator[None]:
    """Hold a lock inside the block; wait while another process or thread holds it.

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
    """Hold a lock inside the block, unless another process or thread holds it.

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
    """Lock a file for as long as this process lives, unless another one holds the lock.

    Returns:
        Whether it is locked.

    Raises:
        NasframeError: if the file cannot be used.
    """
    file = _open(path)
    if lock_open_file(file):
        return True
    os.close(file)
    return False


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
