"""Which tests run beside each other, where pytest-xdist runs several at once."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


@contextmanager
def turn(test: pytest.Item) -> Iterator[None]:
    """Wait until a test may run: one of the mark ``alone`` while none does, others together.

    Whoever waits holds the door, so that nobody overtakes a test that is to be alone.
    """
    if not hasattr(test.config, "workerinput"):  # there are no others
        yield
        return
    folder = Path(test.config.getoption("basetemp")).parent  # that of all workers
    mode = fcntl.LOCK_EX if test.get_closest_marker("alone") else fcntl.LOCK_SH
    with (folder / "door").open("w") as door, (folder / "room").open("w") as room:
        fcntl.flock(door, fcntl.LOCK_EX)
        fcntl.flock(room, mode)
        fcntl.flock(door, fcntl.LOCK_UN)
        try:
            yield
        finally:
            fcntl.flock(room, fcntl.LOCK_UN)  # closing it is not enough: tests fork
