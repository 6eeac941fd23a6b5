"""Exceptions whose messages are written for users."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class NasframeError(ValueError):
    """A mistake in the configuration, the data or the environment, explained in one or two lines.

    The command line prints the message without a traceback and ends with status 2.
    """


class ChildError(Exception):
    """An error of one child; its message needs no class name before it."""


def format_error(error: BaseException) -> str:
    """Format an exception as one line of at most 400 characters; our own without a class name."""
    text = " ".join(str(error).split())
    if isinstance(error, NasframeError):
        return text
    if isinstance(error, ChildError):
        return text[:400]
    name = type(error).__name__
    return f"{name}: {text}"[:400] if text else name


def nearest(word: str, known: Iterable[str]) -> str:
    """Return a phrase that offers the nearest known names, or all of them."""
    names = sorted(known)
    near = get_close_matches(word, names, 3, 0.5)
    if near:
        return f"did you mean {' or '.join(near)}?"
    return f"there is {', '.join(names) if names else 'none'}"
