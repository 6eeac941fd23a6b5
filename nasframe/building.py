"""Call what a plugin brought, and say whose mistake it is if that goes wrong."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from nasframe.errors import NasframeError, one_line

Part = TypeVar("Part")


def built(build: Callable[..., Part], kind: type, *arguments: object) -> Part:
    """Make a part from its config's ``build``.

    Raises:
        NasframeError: if ``build`` raises or returns something else.
    """
    name = build.__qualname__
    with blaming(name):
        part = build(*arguments)
    if not isinstance(part, kind):
        raise NasframeError(f"{name} must return a {kind.__name__}, not {part!r:.80}")
    return part


@contextmanager
def blaming(name: str) -> Iterator[None]:
    """Name the part and the place where the code inside the block has raised something."""
    try:
        yield
    except NasframeError:
        raise
    except Exception as error:
        frame = traceback.extract_tb(error.__traceback__)[-1]
        place = f"{frame.filename}:{frame.lineno}"
        raise NasframeError(f"{name} raised {one_line(error)} ({place})") from error
