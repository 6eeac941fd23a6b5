"""Format numbers, durations and foreign text for a terminal."""

from __future__ import annotations

import os
import sys
from math import isfinite
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.text import Text


def strip_controls(text: object) -> str:
    """Return foreign text without control characters."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in str(text))


def to_text(text: object) -> Text:
    """Return foreign text without markup, colours or control characters."""
    from rich.text import Text  # here: errors of a command line need no rich

    return Text(strip_controls(text))


def print_error(text: str) -> None:
    """Print lines on standard error, without control characters."""
    print("\n".join(map(strip_controls, text.split("\n"))), file=sys.stderr, flush=True)


def print_long_text(text: str) -> None:
    """Print a long text, even if the reader closes the pipe early (``| head``)."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(
            os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno()
        )  # else the interpreter complains at exit


def format_duration(seconds: float) -> str:
    """Format seconds: ``42 s``, ``3 min 20 s``, ``5 h 12 min``."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def format_number(value: Any) -> str:
    """Format a metric; a series by its last value."""
    if isinstance(value, tuple):
        return format_number(value[-1]) if value else "-"
    if not isfinite(value):
        return str(value)
    return f"{value:,.0f}" if value == int(value) and abs(value) >= 10 else f"{value:.4f}"
