"""What the command lines without Hydra share: kinds of arguments, and how mistakes are told."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from nasframe.errors import NasframeError


def guarded(program: str, command: Callable[[], None]) -> None:
    """Run a command; the process ends with 2 after a mistake, and with 130 after Ctrl-C."""
    try:
        command()
    except (NasframeError, OSError) as error:
        _complain(program, str(error))
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def _complain(program: str, text: str) -> None:
    from nasframe.terminal import plain

    lines = (plain(line).plain for line in text.split("\n"))
    print(f"{program}:", "\n".join(lines), file=sys.stderr)


def count(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number of at least 1")
    return int(text)


def file(text: str) -> Path:
    """A file that can be made: its folder is there."""
    path = Path(text)
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path.parent} to write {path} into")
    return path
