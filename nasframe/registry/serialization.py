"""Convert configurations to plain values for files, and back; files never name code."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from nasframe.api.config import Config
from nasframe.errors import NasframeError, format_error
from nasframe.registry.renamed import CLASSES, SETTINGS, Renamed

TYPE = "type"
"""The key of a configuration's class name."""

_NUMBERS = (bool, int, float)
"""Types that may replace each other: 10.0 trials are 10."""

_CHECKED = (*_NUMBERS, str, list, dict, NoneType, Enum, Path)
"""Types of settings that OmegaConf checks on the command line, apart from parts."""


def to_plain(value: Any) -> Any:
    """Convert a configuration to dictionaries, lists, strings and numbers.

    Raises:
        NasframeError: naming the setting that cannot be converted.
    """
    if is_dataclass(value) and not isinstance(value, type):
        items = {item.name: _setting(value, item.name) for item in fields(value)}
        return {TYPE: type_name(type(value)), **items}
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, Mapping):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    if value is None or isinstance(value, str | bool | int | float):
        return value
    raise TypeError(f"{value!r:.80}")


def _setting(config: Any, name: str) -> Any:
    try:
        return to_plain(getattr(config, name))
    except TypeError as error:
        raise NasframeError(
            f"{type_name(type(config))}.{name} is {error}, which a journal cannot keep: settings "
            "are numbers, texts, paths, and lists and dictionaries of them"
        ) from error


def type_name(kind: type) -> str:
    """Return the name of a configuration class in files: ``package:Class``."""
    return f"{kind.__module__.partition('.')[0]}:{kind.__qualname__}"


def from_plain(data: Mapping[str, Any], known: Mapping[str, type[Config]]) -> Config:
    """Rebuild a configuration.

    Args:
        data: what ``to_plain`` returned for it.
        known: the permitted configuration classes by ``type_name``.

    Raises:
        NasframeError: if its class is not among the known ones, or the settings do not fit it.
    """
    data = translate_names(data)
    name = data[TYPE]
    kind = known.get(name)
    if kind is None:
        raise NasframeError(f"no installed plugin offers {name}: install the one that does")
    if foreign := find_unknown_settings(kind, data):
        raise NasframeError(describe_unknown_setting(name, foreign[0]))
    try:
        return kind(**parse_settings(kind, data))
    except Exception as error:
        raise NasframeError(
            f"the settings of {name} cannot be used: {format_error(error)}"
        ) from error


def parse_settings(kind: type[Config], data: Mapping[str, Any]) -> dict[str, Any]:
    """Convert plain values back to settings; missing ones are left out.

    Raises:
        TypeError: if a value has the wrong type for its setting.
    """
    data = translate_names({**data, TYPE: type_name(kind)})
    hints = get_type_hints(kind)
    names = [item.name for item in fields(kind) if item.name in data]
    return {name: _restore(name, hints[name], data[name]) for name in names}


def translate_names(data: Mapping[str, Any]) -> dict[str, Any]:
    """Translate the plain values of a configuration and its parts into today's names."""
    kind = data.get(TYPE)
    kind = CLASSES.get(kind, kind) if isinstance(kind, str) else ""
    result = {TYPE: kind} if kind else {}
    for key, value in data.items():
        if key != TYPE or not kind:
            new = SETTINGS.get((kind, key), Renamed(key))
            _put(result, new.name, new.convert(_update(value)))
    return result


def _put(result: dict[str, Any], name: str, value: Any) -> None:
    """Enter a setting; a name with a dot is a key of a dictionary, and its null is left out."""
    first, dot, rest = name.partition(".")
    before = result.get(first)
    known = before if isinstance(before, dict) else {}
    if not dot:
        result[name] = {**known, **value} if isinstance(value, dict) else value
    elif value is not None:
        result[first] = {**known, rest: value}


def _update(value: Any) -> Any:
    if isinstance(value, list):
        return [_update(item) for item in value]
    return translate_names(value) if isinstance(value, Mapping) else value


def find_unknown_settings(kind: type[Config], data: Mapping[str, Any]) -> list[str]:
    """Return the settings that a configuration class does not have; names are today's."""
    return sorted(data.keys() - {TYPE} - {item.name for item in fields(kind)})


def describe_unknown_setting(name: str, key: str) -> str:
    """Say that a configuration class lacks a setting that a file gives.

    Args:
        name: of the class, from ``type_name``.
        key: the setting.
    """
    package = name.partition(":")[0]
    return (
        f"{name} has no setting {key!r}: written by another version of {package}, perhaps a newer "
        "one? Install that version"
    )


def _restore(name: str, hint: Any, value: Any) -> Any:
    kinds = get_args(hint) if get_origin(hint) in (Union, UnionType) else (hint,)
    kinds = tuple(get_origin(kind) or kind for kind in kinds)
    if not all(isinstance(kind, type) and issubclass(kind, _CHECKED) for kind in kinds):
        return value  # a kind that the configuration itself has to check
    for kind in kinds:
        if issubclass(kind, Enum) and value in (members := kind.__members__):
            return members[value]
        if issubclass(kind, Path) and isinstance(value, str):
            return Path(value)
        if isinstance(value, _NUMBERS if kind in _NUMBERS else kind):
            return value
    raise TypeError(f"{name} is {value!r}")


def flatten(data: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested settings to ``group.key`` and value."""
    result: dict[str, Any] = {}
    for key, value in data.items():
        if isinstance(value, Mapping):
            result |= flatten(value, f"{prefix}{key}.")
        else:
            result[prefix + key] = value
    return result


def apply_changes(data: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested settings with some of them, given by ``group.key``, replaced."""
    result = dict(data)
    for key, value in changes.items():
        first, dot, rest = key.partition(".")
        if not dot:
            result[first] = value
            continue
        part = result.get(first)
        result[first] = apply_changes(part if isinstance(part, Mapping) else {}, {rest: value})
    return result


def check_settings(config: Config, data: Mapping[str, Any]) -> None:
    """Refuse a file with a setting that its configuration, or a part of it, does not have.

    Free parts and parts of another class are not checked.

    Args:
        config: today's configuration.
        data: the plain values of the file, with today's names.

    Raises:
        NasframeError: naming the setting.
    """
    if foreign := find_unknown_settings(type(config), data):
        raise NasframeError(describe_unknown_setting(type_name(type(config)), foreign[0]))
    for item in fields(config):
        if not item.metadata.get("free"):
            _check_value(getattr(config, item.name), data.get(item.name))


def _check_value(value: Any, plain: Any) -> None:
    """Check the settings of a part, or of several by name."""
    if not isinstance(plain, Mapping):
        return
    if isinstance(value, dict):
        for name, part in value.items():
            _check_value(part, plain.get(name))
    elif isinstance(value, Config) and plain.get(TYPE) == type_name(type(value)):
        check_settings(value, plain)


def collect_defaults(config: Config) -> dict[str, Any]:
    """Return the plain defaults of a configuration's settings and of its parts' settings."""
    result: dict[str, Any] = {}
    for item in fields(config):
        value = getattr(config, item.name)
        parts = {"": value} if is_dataclass(value) else value if isinstance(value, dict) else {}
        for name, part in parts.items():
            prefix = ".".join(filter(None, (item.name, name)))
            if isinstance(part, Config):
                result |= {f"{prefix}.{key}": text for key, text in collect_defaults(part).items()}
        if item.default is not MISSING:
            result[item.name] = to_plain(item.default)
        elif item.default_factory is not MISSING:
            result[item.name] = to_plain(item.default_factory())
    return result
