"""What the command lines without Hydra share: kinds of arguments, and how mistakes are told."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from nasframe._support.text import complain
from nasframe.errors import NasframeError, nearest


class Parser(argparse.ArgumentParser):
    """Tells a mistake in a line, with the nearest option, instead of all options there are."""

    def error(self, message: str) -> NoReturn:
        """End the process with 2."""
        unknown = re.match(r"unrecognized arguments: (--[\w-]+)", message)
        if unknown:
            options = [option for action in self._actions for option in action.option_strings]
            message = f"there is no {unknown[1]}; {nearest(unknown[1], options)}"
        complain(f"{self.prog}: {message} ({self.prog} --help tells all options)")
        sys.exit(2)


def guarded(program: str, command: Callable[[], None]) -> None:
    """Run a command; the process ends with 2 after a mistake, and with 130 after Ctrl-C."""
    try:
        command()
    except (NasframeError, OSError) as error:
        complain(f"{program}: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


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
