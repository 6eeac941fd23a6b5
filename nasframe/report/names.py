"""Parts of a stored configuration, as a person would write them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, fields
from typing import Any

from nasframe.plain import TYPE, to_plain, type_name
from nasframe.plugins import Option, options


def named(group: str, part: Mapping[str, Any]) -> str:
    """A part as a person would write it: the nearest option, and the settings that differ from it.

    A part that no installed plugin offers goes by the name of its class, with all its settings.
    """
    unknown = part[TYPE].partition(":")[2].removesuffix("Config")
    bases = [(option.name, _usual(option)) for option in _offering(group, part)]
    name, different = min(
        ((name, _different(part, usual)) for name, usual in bases or [(unknown, {})]),
        key=lambda pair: len(pair[1]),
    )
    return f"{name}({', '.join(different)})" if different else name


def _different(part: Mapping[str, Any], usual: Mapping[str, Any]) -> list[str]:
    return [
        f"{key}={value}"
        for key, value in part.items()
        if key != TYPE and (key not in usual or usual[key] != value)
    ]


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
