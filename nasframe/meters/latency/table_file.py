"""A table of blocks that is being filled."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nasframe.errors import NasframeError
from nasframe.meters.latency.table import Table, read
from nasframe.storage.jsonl_log import JsonlLog

_START = b'{"table"'
"""How a table begins."""


class TableFile:
    """A table to which one process at a time appends.

    Args:
        path: the file; made if it is not there.
        header: the first line of a new table; that of an old one may differ only in the version.

    Attributes:
        table: what the file holds by now.

    Raises:
        NasframeError: if the file cannot be used, or is for other networks or another machine.
    """

    table: Table

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self._path = path
        try:
            self._log = JsonlLog(path, self._check_start, lambda line: False)
        except BlockingIOError:
            raise NasframeError(f"another process fills {path}: wait for it") from None
        except OSError as error:
            raise self._unwritable(error) from error
        try:
            if not self._log.size:
                self._write(header)
            self.table = read(path)
            self._check_header(header)
        except BaseException:
            self.close()
            raise

    def _check_start(self, data: bytes) -> None:
        if data[: len(_START)] != _START[: len(data)]:
            raise NasframeError(f"{self._path} is no table of blocks; it was left as it is")

    def _check_header(self, header: Mapping[str, Any]) -> None:
        for name, here in header.items():
            if name != "nasframe" and (there := self.table.header.get(name)) != here:
                raise NasframeError(
                    f"{self._path} is a table with {name}={there}, and here it is {here}"
                )

    def append(self, line: Mapping[str, Any]) -> None:
        """Write a line.

        Raises:
            NasframeError: if the disk is full or fails, or the file was removed.
        """
        self._write(line)
        self.table.take(line)

    def _write(self, line: Mapping[str, Any]) -> None:
        try:
            self._log.append(line)
        except FileNotFoundError:
            raise NasframeError(f"{self._path} was removed while it was filled") from None
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> NasframeError:
        return NasframeError(f"cannot write to {self._path}: {error.strerror}")

    def close(self) -> None:
        """Let other processes fill it."""
        self._log.close()
