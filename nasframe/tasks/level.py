"""The unit of text of a language model; separate because settings import nothing heavy."""

from __future__ import annotations

from enum import Enum


class Level(Enum):
    """The unit of a token."""

    char = "char"
    word = "word"
