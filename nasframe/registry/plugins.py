"""Find, check, list and block plugins.

Every plugin, also a built-in one, is an entry point of the group ``nasframe``. Plugins are loaded
once, on first use. ``NASFRAME_BLOCK=name,name`` skips some.
"""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

import pluggy

from nasframe.api import hookspecs
from nasframe.errors import NasframeError


@dataclass(frozen=True, slots=True)
class Plugin:
    """An installed plugin: the name of its entry point, and its distribution."""

    name: str
    distribution: str
    version: str


HEAVY = ("torch", "torchvision", "pytorch_lightning", "timm", "sklearn", "onnxruntime", "ray")
"""Packages that take seconds to import; every command loads every plugin."""

_weighs: dict[Plugin, list[str]] = {}


def describe_heavy_plugins() -> list[str]:
    """Describe the loaded plugins that make every command wait for a heavy import."""
    return [
        f"plugin {plugin.name!r} ({plugin.distribution} {plugin.version}) imports "
        f"{' and '.join(loaded)} when it is loaded, so that every command waits for that: import "
        "it in build()"
        for plugin, loaded in _weighs.items()
    ]


@cache
def load_plugins() -> tuple[pluggy.PluginManager, dict[str, Plugin]]:
    """Load and register every plugin, once.

    Raises:
        NasframeError: if one cannot be used, or two have the same name.
    """
    manager = make_manager()
    loaded: dict[str, Plugin] = {}
    for point in find_entry_points():
        plugin = describe_plugin(point)
        if point.name in loaded:
            other = loaded[point.name]
            if other == plugin:
                continue
            raise NasframeError(
                f"two plugins are named {point.name!r}: one of {other.distribution}, one of "
                f"{plugin.distribution}. Uninstall one of them."
            )
        register_plugin(manager, point, plugin)
        loaded[point.name] = plugin
    return manager, loaded


def make_manager() -> pluggy.PluginManager:
    """Make a manager that knows the hooks and no plugin."""
    manager = pluggy.PluginManager("nasframe")
    manager.add_hookspecs(hookspecs)
    return manager


def find_entry_points() -> list[EntryPoint]:
    """Return the entry points of the installed plugins, without the blocked ones, by name."""
    blocked = {name.strip() for name in os.environ.get("NASFRAME_BLOCK", "").split(",")}
    points = (point for point in entry_points(group="nasframe") if point.name not in blocked)
    return sorted(points, key=lambda point: (point.name, point.value))


def register_plugin(manager: pluggy.PluginManager, point: EntryPoint, plugin: Plugin) -> None:
    """Import a plugin and register its hooks.

    Raises:
        NasframeError: if it cannot be imported, or has an unknown hook.
    """
    manager.register(_load(point, plugin), name=point.name)
    _check_hooks(manager, point.name)


def describe_plugin(point: EntryPoint) -> Plugin:
    """Return the name, distribution and version of an entry point."""
    if point.dist is None:
        return Plugin(point.name, "unknown", "unknown")
    return Plugin(point.name, point.dist.name, point.dist.version)


def _load(point: EntryPoint, plugin: Plugin) -> Any:
    light = [name for name in HEAVY if name not in sys.modules]
    try:
        module = point.load()
        if loaded := [name for name in light if name in sys.modules]:
            _weighs[plugin] = loaded
        return module
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        raise NasframeError(
            f"plugin {point.name!r} ({plugin.distribution} {plugin.version}) fails to import: "
            f"{reason}\nRepair or uninstall it, or skip it with NASFRAME_BLOCK={point.name}"
        ) from error


def _check_hooks(manager: pluggy.PluginManager, name: str) -> None:
    try:
        manager.check_pending()
    except pluggy.PluginValidationError:
        known = [name for name in vars(hookspecs) if name.startswith("nasframe_")]
        callers = manager.get_hookcallers(manager.get_plugin(name)) or []
        wrong = next(caller.name for caller in callers if caller.name not in known)
        near = get_close_matches(wrong, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise NasframeError(
            f"plugin {name!r} has an unknown hook {wrong!r}{hint}\n"
            f"Repair it, or skip it with NASFRAME_BLOCK={name}"
        ) from None


def plugins() -> list[Plugin]:
    """Return the loaded plugins by name."""
    return list(load_plugins()[1].values())
