"""File of a table of blocks, open for appending."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nasframe.errors import NasframeError
from nasframe.meters.latency.table import Table, read_table
from nasframe.storage.jsonl_log import JsonlLog

_START = b'{"table"'
"""First bytes of a table."""


class TableFile:
    """A table to which one process at a time appends.

    Args:
        path: the file; created if missing.
        header: first line of a new table; an existing one may differ only in nasframe's version.

    Attributes:
        table: the current content of the file.

    Raises:
        NasframeError: if the file cannot be used, or is for other networks or another machine.
    """

    table: Table

    def __init__(self, path: Path, header: Mapping[str, Any]) -> None:
        self._path = path
        try:
            self._log = JsonlLog(path, self._check_start, lambda line: False)
        except BlockingIOError:
            raise NasframeError(f"another process is filling {path}: wait until it ends") from None
        except OSError as error:
            raise self._explain_write(error) from error
        try:
            if not self._log.size:
                self._write(header)
            self.table = read_table(path)
            self._check_header(header)
        except BaseException:
            self.close()
            raise

    def _check_start(self, data: bytes) -> None:
        if data[: len(_START)] != _START[: len(data)]:
            raise NasframeError(f"{self._path} is not a table of blocks; it is unchanged")

    def _check_header(self, header: Mapping[str, Any]) -> None:
        for name, wanted in header.items():
            if name != "nasframe" and (stored := self.table.header.get(name)) != wanted:
                raise NasframeError(
                    f"{self._path} is a table with {name}={stored}; this command has {wanted}"
                )

    def append(self, line: Mapping[str, Any]) -> None:
        """Append a line to the file and the table.

        Raises:
            NasframeError: if the disk is full or fails, or the file was removed.
        """
        self._write(line)
        self.table.take(line)

    def _write(self, line: Mapping[str, Any]) -> None:
        try:
            self._log.append(line)
        except FileNotFoundError:
            raise NasframeError(f"{self._path} was removed while being filled") from None
        except OSError as error:
            raise self._explain_write(error) from error

    def _explain_write(self, error: OSError) -> NasframeError:
        return NasframeError(f"cannot write to {self._path}: {error.strerror}")

    def close(self) -> None:
        """Close the file and unlock it for other processes."""
        self._log.close()
