"""Parts of a stored configuration, as a person would write them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import MISSING, fields
from shlex import quote
from typing import Any

from nasframe.api.study_config import StudyConfig
from nasframe.registry.options import GROUPS, SEVERAL, Option, options
from nasframe.registry.serialization import TYPE, to_plain, type_name


def named(group: str, part: Mapping[str, Any]) -> str:
    """A part as a person would write it: the nearest option, and the settings that differ from it.

    A part that no installed plugin offers goes by the name of its class, with all its settings.
    """
    name, different = _nearest(group, part)
    words = [f"{key}={value}" for key, value in different.items()]
    return f"{name}({', '.join(words)})" if words else name


def words(config: Mapping[str, Any]) -> list[str]:
    """The words of the command line that give a stored configuration, its folder aside."""
    found = []
    for key, value in config.items():
        if key in SEVERAL:
            parts = {f"{key}.{name}": _nearest(key, part) for name, part in value.items()}
            names = ",".join(name for name, _ in parts.values())
            found += [f"{key}=[{names}]"] if parts else []
            for prefix, (_, different) in parts.items():
                found += _settings(prefix, different)
        elif key in GROUPS:
            name, different = _nearest(key, value)
            found += [f"{key}={name}", *_settings(key, different)]
        elif key not in (TYPE, "dir") and to_plain(USUAL.get(key)) != value:
            found.append(f"{key}={_literal(value)}")
    return [quote(word) for word in found]


USUAL = {item.name: item.default for item in fields(StudyConfig)}


def _settings(prefix: str, different: Mapping[str, Any]) -> list[str]:
    return [f"{prefix}.{name}={_literal(value)}" for name, value in different.items()]


def _literal(value: Any) -> str:
    """A value in Hydra's words."""
    if isinstance(value, list):
        return f"[{','.join(map(_literal, value))}]"
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{k}:{_literal(v)}" for k, v in value.items()) + "}"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    text = str(value)
    if isinstance(value, str) and re.search(r"[^\w./+-]", text):
        text = "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"
    return text


def _nearest(group: str, part: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The option that differs in the fewest settings, and those."""
    unknown = part[TYPE].partition(":")[2].removesuffix("Config")
    bases = [(option.name, _usual(option)) for option in _offering(group, part)]
    return min(
        ((name, _different(part, usual)) for name, usual in bases or [(unknown, {})]),
        key=lambda pair: len(pair[1]),
    )


def _different(part: Mapping[str, Any], usual: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: value
        for key, value in part.items()
        if key != TYPE and (key not in usual or usual[key] != value)
    }


def _offering(group: str, part: Mapping[str, Any]) -> list[Option]:
    return [o for o in options() if o.group == group and type_name(o.type) == part[TYPE]]


def completed(group: str, part: Mapping[str, Any]) -> Mapping[str, Any]:
    """A stored part with today's defaults for settings that are newer than its journal."""
    newer = next(map(_defaults, _offering(group, part)), {})
    return {**newer, **part}


def _usual(option: Option) -> dict[str, Any]:
    """The settings of an option, in plain values; those that must be given are left out."""
    return _defaults(option) if isinstance(option.node, type) else to_plain(option.node)


def _defaults(option: Option) -> dict[str, Any]:
    result = {}
    for item in fields(option.type):
        if item.default is not MISSING:
            result[item.name] = to_plain(item.default)
        elif item.default_factory is not MISSING:
            result[item.name] = to_plain(item.default_factory())
    return result
