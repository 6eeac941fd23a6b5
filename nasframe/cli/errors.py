"""Error messages of one or two lines, also for exceptions of Hydra and OmegaConf."""

from __future__ import annotations

import os
import re
import traceback
from typing import get_args

from hydra.errors import HydraException, MissingConfigException, OverrideParseException
from omegaconf.errors import (
    ConfigAttributeError,
    ConfigKeyError,
    MissingMandatoryValue,
    OmegaConfBaseException,
    ValidationError,
)

from nasframe._support.text import print_error
from nasframe.cli import setting_errors
from nasframe.errors import NasframeError


def report_error(name: str, error: Exception) -> int:
    """Print an error under the name of a command; return the exit status."""
    message, status = explain(error)
    print_exception(f"{name}: {message}", error)
    return status


def print_exception(line: str, error: Exception) -> None:
    """Print a line about an error; ``NASFRAME_DEBUG=1`` adds the traceback."""
    if os.environ.get("NASFRAME_DEBUG") == "1":
        traceback.print_exception(error)
    print_error(line)


def explain(error: Exception) -> tuple[str, int]:
    """Return a message of one or two lines and the exit status: 2 if the user can fix it."""
    if isinstance(error, NasframeError):
        return str(error), 2
    foreign = isinstance(error, HydraException | OmegaConfBaseException)
    if foreign or _find_raiser(error) in ("hydra", "omegaconf", "yaml"):
        return _explain_mistake(error), 2
    if isinstance(error, OSError):
        return str(error), 2
    what = f"{type(error).__name__}: {get_first_line(error)}"
    return f"{what}\nThis looks like a bug; NASFRAME_DEBUG=1 shows its origin", 1


def _find_raiser(error: Exception) -> str:
    """Return the package whose code raised the exception."""
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    return str(frames[-1].f_globals["__name__"]).partition(".")[0]


def get_first_line(error: BaseException) -> str:
    """Return the first line of the message."""
    return next(iter(str(error).splitlines()), "")


def _explain_mistake(error: BaseException) -> str:
    """Explain the mistake in the command line behind an exception of Hydra or OmegaConf."""
    if isinstance(error, OverrideParseException):
        return (
            f"cannot read {error.override!r}: a setting is KEY=VALUE; a value with special "
            f"characters needs nested quotes: 'KEY=\"VALUE\"'"
        )
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, name = error.missing_cfg_file.rpartition("/")
        return setting_errors.describe_unknown_option(group, name, error.options)
    if foreign := re.search(r"In '(.*?)': .*Key '(\w+)' not in '(\w+)Config'", str(error), re.S):
        name, key, kind = foreign.groups()
        name = name.replace("/", "=")
        return f"{name} sets {key}, which {kind} does not have: remove one of the two"
    if ambiguous := re.match(r"Ambiguous value for argument '(.*)'", str(error)):
        return (
            f"{ambiguous[1]} gives several values: add -m to run a study for each, or write "
            "KEY=[VALUE,VALUE] for a list"
        )
    error = error.__cause__ or error
    if not isinstance(error, OmegaConfBaseException):
        return " ".join(str(error).split("\n")[:2]).strip()
    key, reason = str(error.full_key), get_first_line(error)
    if isinstance(error, ConfigKeyError | ConfigAttributeError):
        return setting_errors.describe_unknown_key(key, error.object_type)
    if isinstance(error, MissingMandatoryValue):
        return f"{key} is required: give {key}=VALUE"
    if isinstance(error, ValidationError):
        inside = error.object_type in (dict, list)
        kind = get_args(error.ref_type)[-1] if inside else error.object_type
        return setting_errors.describe_wrong_value(key, error.value, kind, reason)
    return reason
