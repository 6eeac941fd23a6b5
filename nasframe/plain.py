"""Configurations as plain values for the journal, and back; no code is named in a file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from pathlib import Path
from typing import Any, get_args, get_type_hints

from nasframe.config import Config
from nasframe.errors import NasframeError

TYPE = "type"
"""The key under which the name of a config's class stands."""


def to_plain(value: Any) -> Any:
    """A configuration as dictionaries, lists, strings and numbers."""
    if is_dataclass(value) and not isinstance(value, type):
        items = {item.name: to_plain(getattr(value, item.name)) for item in fields(value)}
        return {TYPE: type_name(type(value)), **items}
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return value


def type_name(kind: type) -> str:
    """How a config class is named in a journal: its package and its own name."""
    return f"{kind.__module__.partition('.')[0]}:{kind.__qualname__}"


def from_plain(data: Mapping[str, Any], known: Mapping[str, type[Config]]) -> Config:
    """Make a configuration again.

    Args:
        data: what ``to_plain`` made of it.
        known: the config classes that may be used, by ``type_name``.

    Raises:
        NasframeError: if its class is not among the known ones.
    """
    kind = known.get(data[TYPE])
    if kind is None:
        raise NasframeError(f"no installed plugin offers {data[TYPE]}: install the one that does")
    hints = get_type_hints(kind)
    names = {item.name for item in fields(kind)}
    settings = {key: _restore(hints[key], data[key]) for key in data if key in names}
    return kind(**settings)


def _restore(hint: Any, value: Any) -> Any:
    for kind in (hint, *get_args(hint)):
        if isinstance(kind, type) and value is not None:
            if issubclass(kind, Enum):
                return kind[value]
            if issubclass(kind, Path):
                return Path(value)
    return value


def flat(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings as ``group.key`` and value."""
    result: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, Mapping):
            result |= flat(value, f"{prefix}{key}.")
        else:
            result[prefix + key] = value
    return result


def defaults(config: Config) -> dict[str, Any]:
    """The plain default of each setting of a configuration and its parts that has one."""
    result: dict[str, Any] = {}
    for item in fields(config):
        value = getattr(config, item.name)
        parts = {"": value} if is_dataclass(value) else value if isinstance(value, dict) else {}
        for name, part in parts.items():
            prefix = ".".join(filter(None, (item.name, name)))
            if isinstance(part, Config):
                result |= {f"{prefix}.{key}": text for key, text in defaults(part).items()}
        if item.default is not MISSING:
            result[item.name] = to_plain(item.default)
        elif item.default_factory is not MISSING:
            result[item.name] = to_plain(item.default_factory())
    return result
