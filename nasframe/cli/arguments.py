"""Argument types and error handling of the commands without Hydra."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from nasframe._support.text import print_error
from nasframe.errors import NasframeError, nearest


class Parser(argparse.ArgumentParser):
    """Reports a mistake in one line with the nearest option; argparse prints all options."""

    def error(self, message: str) -> NoReturn:
        """Print the message and exit with status 2."""
        unknown = re.match(r"unrecognized arguments: (--[\w-]+)", message)
        if unknown:
            options = [option for action in self._actions for option in action.option_strings]
            message = f"unknown option {unknown[1]}; {nearest(unknown[1], options)}"
        print_error(f"{self.prog}: {message} ({self.prog} --help lists all options)")
        sys.exit(2)


def run_command(program: str, command: Callable[[], None]) -> None:
    """Run a command; exit with status 2 after a mistake and 130 after Ctrl-C."""
    try:
        command()
    except (NasframeError, OSError) as error:
        print_error(f"{program}: {error}")
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)


def parse_count(text: str) -> int:
    """Parse a whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text}: must be a whole number of at least 1")
    return int(text)


def parse_output_path(text: str) -> Path:
    """Parse the path of an output file; its folder must exist."""
    path = Path(text)
    if not path.parent.is_dir():
        raise argparse.ArgumentTypeError(f"there is no folder {path.parent} to write {path} into")
    return path
