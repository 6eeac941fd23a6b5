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
    """A file to which one process at a time appends JSON objects, one on each line.

    A line is complete or absent: a part left by a killed process is cut off when the file is
    opened again, a part left by a full disk at once.

    Args:
        path: the file, created if it does not exist.
        check: called with the file's content; raises if the file must not be changed.
        is_record: whether a last line without a newline is complete, and is kept.

    Attributes:
        path: the file.
        size: its number of bytes.

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
        """Cut off an incomplete last line, or add the newline that a complete one lacks."""
        tail = data[data.rfind(b"\n") + 1 :]
        if tail and not is_record(tail):
            os.ftruncate(self._file, len(data) - len(tail))
        elif tail:
            self._write(b"\n")

    def append(self, record: Mapping[str, Any], *, sync: bool = False) -> None:
        """Append a line.

        Args:
            record: plain values by name, without infinite numbers or NaN.
            sync: bring all lines to the disk before returning.

        Raises:
            FileNotFoundError: if the file was removed.
            OSError: if the disk is full or fails; the file is unchanged.
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
        """Bring all lines to the disk and release the lock."""
        try:
            os.fsync(self._file)
        finally:
            os.close(self._file)
