"""Call a plugin's code, and name the plugin, the part and the line if it fails."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from nasframe.errors import NasframeError, format_error

Part = TypeVar("Part")


def build_part(build: Callable[..., Part], kind: type, *arguments: object) -> Part:
    """Make a part from its config's ``build``.

    Raises:
        NasframeError: if ``build`` raises or returns something else.
    """
    name = _of_package(build.__qualname__, build.__module__)
    with blame_part(name):
        part = build(*arguments)
    if not isinstance(part, kind):
        raise NasframeError(f"{name} must return a {kind.__name__}, not {part!r:.80}")
    return part


@contextmanager
def blame_part(name: str) -> Iterator[None]:
    """Turn an exception from the block into an error that names the part and the line."""
    try:
        yield
    except NasframeError:
        raise
    except Exception as error:
        raise NasframeError(describe_failure(name, error)) from error


def describe_failure(name: str, error: Exception) -> str:
    """Say what a part raised and where, if possible at a line of its own package."""
    package = name.rpartition("(")[2].rstrip(")")
    frames = list(traceback.walk_tb(error.__traceback__))
    modules = [str(frame.f_globals.get("__name__")).partition(".")[0] for frame, _ in frames]
    own = [place for place, module in zip(frames, modules, strict=True) if module == package]
    frame, line = (own or frames)[-1]
    return f"{name} raised {format_error(error)} ({frame.f_code.co_filename}:{line})"


def describe_part(part: object, method: str = "") -> str:
    """Return a part's class and package, human-readable: ``Class.method (package)``."""
    kind = type(part)
    name = f"{kind.__qualname__}.{method}" if method else kind.__qualname__
    return _of_package(name, kind.__module__)


def _of_package(name: str, module: str) -> str:
    package = module.partition(".")[0]
    return f"{name.rpartition('<locals>.')[2]} ({package})"
