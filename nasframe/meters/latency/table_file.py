"""A table of blocks that is being filled."""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nasframe.errors import NasframeError
from nasframe.meters.latency.table import Table, read


class TableFile:
    """A table to which one process at a time appends.

    Args:
        path: the file; made if it is not there.
        header: the first line of a new table; that of an old one may differ in the version alone.

    Attributes:
        table: what it tells by now.

    Raises:
        NasframeError: if the file cannot be used, or is for other networks or another machine.
    """

    table: Table

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self._path = path
        try:
            self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        except OSError as error:
            raise NasframeError(f"cannot write to {path}: {error.strerror}") from error
        try:
            self._begin(path, header)
        except BaseException as error:
            self.close()
            if isinstance(error, BlockingIOError):
                raise NasframeError(f"another process fills {path}: wait for it") from None
            raise

    def _begin(self, path: Path, header: Mapping[str, Any]) -> None:
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        data = path.read_bytes()
        start = b'{"table"'
        if data[: len(start)] != start[: len(data)]:
            raise NasframeError(f"{path} is no table of blocks; it was left as it is")
        os.ftruncate(self._file, complete := data.rfind(b"\n") + 1)
        if not complete:
            self._write(header)
        self.table = read(path)
        for name, here in header.items():
            if name != "nasframe" and (there := self.table.header.get(name)) != here:
                raise NasframeError(f"{path} is a table with {name}={there}, and here it is {here}")

    def append(self, line: Mapping[str, Any]) -> None:
        """Write a line.

        Raises:
            NasframeError: if the disk is full or fails; what was written in part is cut off later.
        """
        self._write(line)
        self.table.take(line)

    def _write(self, line: Mapping[str, Any]) -> None:
        data = json.dumps(line, allow_nan=False).encode() + b"\n"
        try:
            if os.write(self._file, data) != len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        except OSError as error:
            raise NasframeError(f"cannot write to {self._path}: {error.strerror}") from error

    def close(self) -> None:
        """Let others fill it."""
        os.close(self._file)
