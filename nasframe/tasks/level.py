"""What a language model reads and predicts; apart, since settings must import nothing heavy."""

from __future__ import annotations

from enum import Enum


class Level(Enum):
    """What a token of a text is."""

    char = "char"
    word = "word"
