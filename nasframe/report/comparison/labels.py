"""Human-readable labels and command lines from stored configurations."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from shlex import quote
from typing import Any

from nasframe.api.study_config import StudyConfig
from nasframe.registry.options import GROUPS, SEVERAL, Option, options
from nasframe.registry.serialization import TYPE, to_plain, type_name


def label_part(group: str, part: Mapping[str, Any]) -> str:
    """Return a human-readable label: the nearest option and the settings that differ from it.

    A part that no installed plugin offers is labelled by its class, with all its settings.
    """
    name, different = _find_nearest(group, part)
    words = [f"{key}={value}" for key, value in different.items()]
    return f"{name}({', '.join(words)})" if words else name


def format_overrides(config: Mapping[str, Any]) -> list[str]:
    """Return the command-line words that reproduce a stored configuration, without its folder."""
    found = []
    for key, value in config.items():
        if key in SEVERAL:
            parts = {f"{key}.{name}": _find_nearest(key, part) for name, part in value.items()}
            names = ",".join(name for name, _ in parts.values())
            found += [f"{key}=[{names}]"] if parts else []
            for prefix, (_, different) in parts.items():
                found += _format_settings(prefix, different)
        elif key in GROUPS:
            name, different = _find_nearest(key, value)
            found += [f"{key}={name}", *_format_settings(key, different)]
        elif key not in (TYPE, "dir") and to_plain(_DEFAULTS.get(key)) != value:
            found.append(f"{key}={_format_value(value)}")
    return [quote(word) for word in found]


_DEFAULTS = {item.name: item.default for item in fields(StudyConfig)}


def _format_settings(prefix: str, different: Mapping[str, Any]) -> list[str]:
    return [f"{prefix}.{name}={_format_value(value)}" for name, value in different.items()]


def _format_value(value: Any) -> str:
    """Format a value in Hydra's override syntax."""
    if isinstance(value, list):
        return f"[{','.join(map(_format_value, value))}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{k}:{_format_value(v)}" for k, v in value.items()) + "}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = str(value)
    if isinstance(value, str) and re.search(r"[^\w./+-]", text):
        text = "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return text


def _find_nearest(group: str, part: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Find the option with the fewest differing settings; return its name and these settings."""
    unknown = part[TYPE].partition(":")[2].removesuffix("Config")
    bases = [(option.name, _list_settings(option)) for option in _find_options(group, part)]
    return min(
        ((name, _find_different(part, usual)) for name, usual in bases or [(unknown, {})]),
        key=lambda pair: len(pair[1]),
    )


def _find_different(part: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in part.items()
        if key != TYPE and (key not in usual or usual[key] != value)
    }


def _find_options(group: str, part: Mapping[str, Any]) -> list[Option]:
    return [o for o in options() if o.group == group and type_name(o.type) == part[TYPE]]


def complete_part(group: str, part: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add today's defaults for settings that are newer than the part's journal."""
    newer = next(map(_list_defaults, _find_options(group, part)), {})
    return {**newer, **part}


def _list_settings(option: Option) -> dict[str, Any]:
    """Return the settings of an option as plain values, without required settings."""
    return _list_defaults(option) if isinstance(option.node, type) else to_plain(option.node)


def _list_defaults(option: Option) -> dict[str, Any]:
    result = {}
    for item in fields(option.type):
        if item.default is not MISSING:
            result[item.name] = to_plain(item.default)
        elif item.default_factory is not MISSING:
            result[item.name] = to_plain(item.default_factory())
    return result
