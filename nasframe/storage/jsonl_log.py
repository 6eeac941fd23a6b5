"""An append-only file of JSON lines with one writer."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nasframe.storage.locks import lock_open_file


class JsonlLog:
    """A file to which one process at a time appends JSON objects, each a line.

    A line is there whole or not at all: what a killed process or a full disk left of one is cut
    off, the former when the file is opened again, the latter at once.

    Args:
        path: the file; made if it is not there.
        check: is given what the file holds, and raises if that is not to be touched.
        is_record: whether a last line that lacks its newline is complete: it is kept then.

    Attributes:
        path: the file.
        size: how many bytes it holds.

    Raises:
        BlockingIOError: if another process writes the file.
        OSError: if the file cannot be used.
    """

    def __init__(
        self, path: Path, check: Callable[[bytes], None], is_record: Callable[[bytes], bool]
    ) -> None:
        self.path = path
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            if not lock_open_file(self._file):
                raise BlockingIOError(errno.EAGAIN, "another process writes it", str(path))
            data = path.read_bytes()
            check(data)
            self._mend_tail(data, is_record)
            self.size = os.fstat(self._file).st_size
        except BaseException:
            os.close(self._file)
            raise

    def _mend_tail(self, data: bytes, is_record: Callable[[bytes], bool]) -> None:
        """Cut off a last line that was only partly written, or end one that lacks its newline."""
        tail = data[data.rfind(b"\n") + 1 :]
        if tail and not is_record(tail):
            os.ftruncate(self._file, len(data) - len(tail))
        elif tail:
            self._write(b"\n")

    def append(self, record: Mapping[str, Any], *, sync: bool = False) -> None:
        """Write a line.

        Args:
            record: plain values by name; all numbers are finite.
            sync: bring all lines to the disk before this returns.

        Raises:
            FileNotFoundError: if the file was removed.
            OSError: if the disk is full or fails; the file is as it was before.
        """
        line = json.dumps(record, separators=(",", ":"), allow_nan=False).encode() + b"\n"
        try:
            self._write(line)
            if sync:
                os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, self.size)
            raise
        self.size += len(line)
        if not os.fstat(self._file).st_nlink:
            raise FileNotFoundError(errno.ENOENT, "was removed", str(self.path))

    def _write(self, data: bytes) -> None:
        if os.write(self._file, data) != len(data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))

    def clear(self) -> None:
        """Remove all lines."""
        os.ftruncate(self._file, 0)
        self.size = 0

    def close(self) -> None:
        """Bring everything to the disk and give the lock back."""
        try:
            os.fsync(self._file)
        finally:
            os.close(self._file)
