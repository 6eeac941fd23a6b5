"""Read the user's own architectures, evaluated first, from a text file with one on each line."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nasframe.api.parts import SearchSpace
from nasframe.api.types import Choice
from nasframe.errors import NasframeError, nearest


def read_architectures(
    path: Path, space: SearchSpace, setting: str = "enqueue"
) -> list[tuple[int, ...]]:
    """Read a file of architectures.

    A line holds tokens (``3-0-1`` or ``[3, 0, 1]``) or named choices (``a=1, b=x`` or a JSON
    object). Empty lines and comments after a ``#`` are skipped.

    Raises:
        NasframeError: naming the file, the line and the mistake.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise NasframeError(f"{setting}={path}: cannot be read: {error}") from error
    result: list[tuple[int, ...]] = []
    for number, line in enumerate(lines, 1):
        text = line.partition("#")[0].strip()
        if text:
            choices = space.choices[: space.active(len(result))]
            try:
                result.append(parse_architecture(text, choices))
            except NasframeError as error:
                raise NasframeError(f"{path}, line {number}: {error}") from error
    if not result:
        raise NasframeError(f"{setting}={path}: holds no architecture")
    return result


def parse_architecture(text: str, choices: Sequence[Choice]) -> tuple[int, ...]:
    """Parse the tokens of one architecture from human-readable text.

    Raises:
        NasframeError: if it does not name one option of each choice.
    """
    if text.startswith("{"):
        named = _parse_json(text)
        return _find_tokens({str(key): str(value) for key, value in named.items()}, choices)
    if "=" in text:
        pairs = (item.partition("=") for item in text.split(","))
        return _find_tokens({key.strip(): value.strip() for key, _, value in pairs}, choices)
    items = [str(t) for t in _parse_json(text)] if text[0] == "[" else re.split(r"[-\s]+", text)
    if not all(item.isdecimal() for item in items):
        raise NasframeError("tokens are whole numbers such as 3-0-1; names are written name=option")
    tokens = tuple(map(int, items))
    check_tokens(tokens, choices)
    return tokens


def _parse_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise NasframeError(f"is not valid JSON: {error}") from error


def _find_tokens(named: dict[str, str], choices: Sequence[Choice]) -> tuple[int, ...]:
    names = [choice.name for choice in choices]
    for name in named:
        if name not in names:
            raise NasframeError(f"there is no choice {name}; {nearest(name, names)}")
    missing = [name for name in names if name not in named]
    if missing:
        raise NasframeError(f"an option of {', '.join(missing)} is missing")
    tokens = []
    for choice in choices:
        options = [str(option) for option in choice.options]
        value = named[choice.name]
        if value not in options:
            raise NasframeError(f"{choice.name}={value}: {nearest(value, options)}")
        tokens.append(options.index(value))
    return tuple(tokens)


def check_tokens(tokens: Sequence[int], choices: Sequence[Choice]) -> None:
    """Check that there is one token for each choice, each in range.

    Raises:
        NasframeError: with the wrong number of tokens, or naming the first wrong one.
    """
    if len(tokens) != len(choices):
        raise NasframeError(f"has {len(tokens)} tokens for {len(choices)} choices")
    for token, choice in zip(tokens, choices, strict=True):
        if type(token) is not int:
            raise NasframeError(f"token {token!r} of {choice.name} is not an int")
        if not 0 <= token < len(choice.options):
            raise NasframeError(
                f"token {token} of {choice.name} is out of range: 0 to {len(choice.options) - 1}"
            )
