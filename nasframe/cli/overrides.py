"""Settings of an option from a command line, without Hydra."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, fields
from enum import Enum
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from nasframe.errors import NasframeError, nearest
from nasframe.registry.options import Option, option, options

_BOOLEANS = {"true": True, "false": False}


def made(group: str, name: str, words: Sequence[str]) -> Any:
    """Make the config of an option.

    Args:
        group: of the option.
        name: of the option.
        words: its settings, each ``KEY=VALUE``; in a dictionary ``KEY.NAME=VALUE``.

    Raises:
        NasframeError: if there is no such option, setting or value.
    """
    known = {item.name: item for item in options() if item.group == group}
    if name not in known:
        raise NasframeError(f"{group}={name} is not known; {nearest(name, known)}")
    settings = _read(words, get_type_hints(known[name].type))
    missing = _mandatory(known[name]) - settings.keys()
    if missing:
        raise NasframeError(f"{group}={name} needs --set {min(missing)}=VALUE")
    return option(group, name, **settings)


def _mandatory(item: Option) -> set[str]:
    """The settings that must be given; a preset has them all."""
    if not isinstance(item.node, type):
        return set()
    return {f.name for f in fields(item.type) if f.default is f.default_factory is MISSING}


def _read(words: Sequence[str], hints: dict[str, Any]) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not equals:
            raise NasframeError(f"--set {word}: write KEY=VALUE")
        first, dot, name = key.partition(".")
        if get_origin(hints.get(first)) is not dict:
            settings[key] = _checked(word, hints.get(key, str), text)
        elif name:
            value = _checked(word, get_args(hints[first])[1], text)
            settings[first] = {**settings.get(first, {}), name: value}
        else:
            raise NasframeError(f"--set {word}: write {first}.NAME=VALUE")
    return settings


def _checked(word: str, hint: Any, text: str) -> Any:
    try:
        return _value(hint, text)
    except (KeyError, ValueError) as error:
        wanted = hint.__name__ if isinstance(hint, type) else str(hint)
        wanted = wanted.replace("|", "or").replace("None", "null")
        raise NasframeError(f"--set {word}: must be {wanted}") from error


def _value(hint: Any, text: str) -> Any:
    """A text as a value of a type; words of an ``Enum`` are left to their config."""
    if get_origin(hint) in (Union, UnionType):
        kinds = [kind for kind in get_args(hint) if kind is not type(None)]
        return None if text == "null" else _value(kinds[0], text)
    if get_origin(hint) is list:
        return [_value(get_args(hint)[0], part.strip()) for part in text.strip("[]").split(",")]
    if hint is bool:
        return _BOOLEANS[text.lower()]
    return text if issubclass(hint, Enum) else hint(text)
