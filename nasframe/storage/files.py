"""Files that are written whole or not at all.

Only a regular file is ever replaced. What is none, such as ``/dev/stdout``, ``/dev/null`` or a
FIFO, is written through to. A symbolic link stays: the file to which it points is replaced.
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
    """Write a file, whole or not at all; its folder is made.

    Raises:
        OSError: naming the file.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replace_file(path) as part:
            part.write_bytes(data)
    except OSError as error:  # it may name the hidden file, or none
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_output(path: Path, data: str | bytes) -> None:
    """Write a file that a user named, whole or not at all; its folder must be there.

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
    """Give a hidden file to write, which takes the place of another one if nothing fails.

    Args:
        path: the other one; its permissions are kept. If it is no regular file, the bytes are
            written through to it.

    Yields:
        A path on which no other process or thread writes, with the suffix of ``path``.

    Raises:
        OSError: if there is a folder, or the file cannot be written.
    """
    found = _stat(path)
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


def _stat(path: Path) -> os.stat_result | None:
    """What stands there, links followed; ``None`` if nothing does.

    Raises:
        OSError: if it is nothing to write to.
    """
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if stat.S_ISDIR(found.st_mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if stat.S_ISREG(found.st_mode):
        os.close(os.open(path, os.O_WRONLY))  # a file that may not be written is not replaced
    return found


def _is_special(found: os.stat_result) -> bool:
    """Whether it is no regular file, or one into which this process prints."""
    return not stat.S_ISREG(found.st_mode) or _own_stream(found) is not None


def _own_stream(found: os.stat_result) -> int | None:
    """The descriptor of standard output or standard error, if it is one of them."""
    for descriptor in (1, 2):
        with suppress(OSError):  # closed
            if os.path.samestat(os.fstat(descriptor), found):
                return descriptor
    return None


def _write_through(part: Path, path: Path, found: os.stat_result) -> None:
    with part.open("rb") as source, _open_special(path, found) as file:
        shutil.copyfileobj(source, file)


def _open_special(path: Path, found: os.stat_result) -> BinaryIO:
    descriptor = _own_stream(found)
    if descriptor is None:
        return path.open("wb")
    (sys.stdout if descriptor == 1 else sys.stderr).flush()  # what was printed comes first
    return open(descriptor, "wb", closefd=False)


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
