"""Atomic writing of files: a file is complete or unchanged.

Only a regular file is ever replaced. A special file, such as ``/dev/stdout``, ``/dev/null`` or a
FIFO, is written to directly. A symbolic link stays: its target is replaced.
"""

from __future__ import annotations

import errno
import os
import secrets
import shutil
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import BinaryIO

from nasframe.errors import NasframeError


def write_atomically(path: Path, data: bytes) -> None:
    """Write a file atomically; create its folder.

    Raises:
        OSError: naming the file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(path) as part:
            part.write_bytes(data)
    except OSError as error:  # the original may name the hidden file, or no file
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_output(path: Path, data: str | bytes) -> None:
    """Write a file named by the user atomically; its folder must exist.

    Raises:
        NasframeError: if it cannot be written.
    """
    try:
        with replace_file(path) as part:
            part.write_bytes(data.encode() if isinstance(data, str) else data)
    except OSError as error:
        raise NasframeError(f"cannot write {path}: {error.strerror}") from error


@contextmanager
def replace_file(path: Path) -> Iterator[Path]:
    """Replace a file by a hidden one that the block writes, if nothing fails.

    Args:
        path: the file to replace; its permissions are kept. The bytes are copied into a special
            file.

    Yields:
        The path of the hidden file, unique and with the suffix of ``path``.

    Raises:
        OSError: if the path is a folder, or the file cannot be written.
    """
    found = _stat_writable(path)
    if found is not None and _is_special(found):
        with TemporaryDirectory() as folder:
            part = Path(folder, path.name)
            yield part
            _write_through(part, path, found)
        return
    target = Path(os.path.realpath(path))
    part = target.with_name(f".{path.stem[:20]}-{secrets.token_hex(6)}{path.suffix[:20]}")
    try:
        yield part
        if found is not None:
            part.chmod(stat.S_IMODE(found.st_mode))
        _sync(part)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)


def _stat_writable(path: Path) -> os.stat_result | None:
    """Return the status of a file, following links; ``None`` if it does not exist.

    Raises:
        OSError: if it is a folder or not writable.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if stat.S_ISREG(found.st_mode):
        os.close(os.open(path, os.O_WRONLY))  # a read-only file is not replaced
    return found


def _is_special(found: os.stat_result) -> bool:
    """Return whether a file is not regular, or receives this process's output."""
    return not stat.S_ISREG(found.st_mode) or _find_own_stream(found) is not None


def _find_own_stream(found: os.stat_result) -> int | None:
    """Return the descriptor of standard output or error if a file is one of them."""
    for descriptor in (1, 2):
        with suppress(OSError):  # closed
            if os.path.samestat(os.fstat(descriptor), found):
                return descriptor
    return None


def _write_through(part: Path, path: Path, found: os.stat_result) -> None:
    with part.open("rb") as source, _open_special(path, found) as file:
        shutil.copyfileobj(source, file)


def _open_special(path: Path, found: os.stat_result) -> BinaryIO:
    descriptor = _find_own_stream(found)
    if descriptor is None:
        return path.open("wb")
    (sys.stdout if descriptor == 1 else sys.stderr).flush()  # earlier output comes first
    return open(descriptor, "wb", closefd=False)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
