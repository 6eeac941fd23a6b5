"""Find, check, list and block plugins.

Every plugin, built in or not, comes through the entry-point group ``nasframe``. They are loaded
once, on first use. ``NASFRAME_BLOCK=name,name`` leaves plugins out.
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any

import pluggy

from nasframe import hookspecs
from nasframe.config import (
    Config,
    ControllerConfig,
    DetectorConfig,
    EvaluatorConfig,
    ExecutorConfig,
    MeterConfig,
    ObjectiveConfig,
    SearchSpaceConfig,
    StopperConfig,
    TaskConfig,
)
from nasframe.errors import NasframeError, nearest
from nasframe.plain import from_plain, type_name
from nasframe.recipe import RecipeConfig

if TYPE_CHECKING:
    from torch import nn

GROUPS: dict[str, tuple[str, type[Config]]] = {
    "search_space": ("nasframe_search_spaces", SearchSpaceConfig),
    "task": ("nasframe_tasks", TaskConfig),
    "controller": ("nasframe_controllers", ControllerConfig),
    "objective": ("nasframe_objectives", ObjectiveConfig),
    "evaluator": ("nasframe_evaluators", EvaluatorConfig),
    "meters": ("nasframe_meters", MeterConfig),
    "stopper": ("nasframe_stoppers", StopperConfig),
    "executor": ("nasframe_executors", ExecutorConfig),
    "recipe": ("nasframe_recipes", RecipeConfig),
    "detector": ("nasframe_detectors", DetectorConfig),
}
"""Each group of options with its hook and the base class of its configs."""


def groups(schema: type[Config]) -> list[str]:
    """The groups of which a configuration has parts."""
    return [group for group in GROUPS if group in schema.__dataclass_fields__]


@dataclass(frozen=True, slots=True)
class Plugin:
    """An installed plugin: the name of its entry point, and the distribution that brings it."""

    name: str
    distribution: str
    version: str


HEAVY = ("torch", "torchvision", "pytorch_lightning", "timm", "sklearn", "onnxruntime", "ray")
"""What takes seconds to import; every command loads every plugin."""

_weighs: dict[Plugin, list[str]] = {}


def weight_problems() -> list[str]:
    """Which of the loaded plugins have made every command wait for something heavy."""
    return [
        f"plugin {plugin.name!r} ({plugin.distribution} {plugin.version}) imports "
        f"{' and '.join(loaded)} when it is loaded, so that every command waits for that: import "
        "it in build()"
        for plugin, loaded in _weighs.items()
    ]


@dataclass(frozen=True, slots=True)
class Option:
    """One option of a group: a config class, or an instance of one as a preset."""

    group: str
    name: str
    node: type[Config] | Config
    plugin: str

    @property
    def type(self) -> type[Config]:
        """The config class."""
        return self.node if isinstance(self.node, type) else type(self.node)


@dataclass(frozen=True, slots=True)
class Published:
    """A published network: its name, and the function that makes it."""

    name: str
    make: Callable[..., nn.Module]
    plugin: str


@dataclass(frozen=True, slots=True)
class Offers:
    """What one plugin offers."""

    options: tuple[Option, ...]
    networks: tuple[Published, ...]


@cache
def _manager() -> tuple[pluggy.PluginManager, dict[str, Plugin]]:
    manager = _empty_manager()
    loaded: dict[str, Plugin] = {}
    for point in _points():
        plugin = _describe(point)
        if point.name in loaded:
            other = loaded[point.name]
            if other == plugin:
                continue
            raise NasframeError(
                f"two plugins are named {point.name!r}: one of {other.distribution}, one of "
                f"{plugin.distribution}. Uninstall one of them."
            )
        _register(manager, point, plugin)
        loaded[point.name] = plugin
    return manager, loaded


def _empty_manager() -> pluggy.PluginManager:
    manager = pluggy.PluginManager("nasframe")
    manager.add_hookspecs(hookspecs)
    return manager


def _points() -> list[EntryPoint]:
    """The entry points of the installed plugins that are not blocked, by name."""
    blocked = {name.strip() for name in os.environ.get("NASFRAME_BLOCK", "").split(",")}
    points = (point for point in entry_points(group="nasframe") if point.name not in blocked)
    return sorted(points, key=lambda point: (point.name, point.value))


def _register(manager: pluggy.PluginManager, point: EntryPoint, plugin: Plugin) -> None:
    manager.register(_load(point, plugin), name=point.name)
    _check_hooks(manager, point.name)


def _describe(point: EntryPoint) -> Plugin:
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
        known = {"nasframe_published", *(hook for hook, _ in GROUPS.values())}
        callers = manager.get_hookcallers(manager.get_plugin(name)) or []
        wrong = next(caller.name for caller in callers if caller.name not in known)
        near = get_close_matches(wrong, known, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise NasframeError(
            f"plugin {name!r} has an unknown hook {wrong!r}{hint}\n"
            f"Repair it, or skip it with NASFRAME_BLOCK={name}"
        ) from None


def plugins() -> list[Plugin]:
    """The loaded plugins by name."""
    return list(_manager()[1].values())


@cache
def options() -> tuple[Option, ...]:
    """Every option of every group.

    Raises:
        NasframeError: if a plugin cannot be used, or two of them give one name.
    """
    return _options(_manager()[0])


@cache
def networks() -> tuple[Published, ...]:
    """Every published network, by name.

    Raises:
        NasframeError: if a plugin cannot be used, or two of them give one name.
    """
    return _networks(_manager()[0])


def survey() -> dict[Plugin, Offers | NasframeError]:
    """Every installed plugin, looked at by itself: what it offers, or what is wrong with it."""
    return {(plugin := _describe(point)): _inspect(point, plugin) for point in _points()}


def _inspect(point: EntryPoint, plugin: Plugin) -> Offers | NasframeError:
    manager = _empty_manager()
    try:
        _register(manager, point, plugin)
        return Offers(_options(manager), _networks(manager))
    except NasframeError as error:
        return error


def _options(manager: pluggy.PluginManager) -> tuple[Option, ...]:
    found: dict[tuple[str, str], Option] = {}
    for group, (hook, base) in GROUPS.items():
        for impl in getattr(manager.hook, hook).get_hookimpls():
            offered = _call(impl, hook)
            for name, node in offered.items():
                option = _check_option(Option(group, name, node, impl.plugin_name), base)
                other = found.setdefault((group, name), option)
                if other is not option:
                    raise NasframeError(
                        f"{group}={name} is offered by two plugins, {other.plugin!r} and "
                        f"{option.plugin!r}. Skip one with NASFRAME_BLOCK={option.plugin}"
                    )
    return tuple(found[key] for key in sorted(found))


def _networks(manager: pluggy.PluginManager) -> tuple[Published, ...]:
    found: dict[str, Published] = {}
    for impl in manager.hook.nasframe_published.get_hookimpls():
        for name, make in _call(impl, "nasframe_published").items():
            network = Published(name, make, impl.plugin_name)
            other = found.setdefault(name, network)
            if other is not network:
                raise NasframeError(
                    f"two plugins publish a network {name!r}, {other.plugin!r} and "
                    f"{network.plugin!r}. Skip one with NASFRAME_BLOCK={network.plugin}"
                )
    return tuple(found[name] for name in sorted(found))


def _call(impl: pluggy.HookImpl, hook: str) -> Mapping[str, Any]:
    try:
        offered = impl.function()
    except Exception as error:
        raise NasframeError(
            f"plugin {impl.plugin_name!r}: {hook}() raised {type(error).__name__}: {error}\n"
            f"Repair it, or skip it with NASFRAME_BLOCK={impl.plugin_name}"
        ) from error
    if not isinstance(offered, Mapping):
        raise NasframeError(
            f"plugin {impl.plugin_name!r}: {hook}() must return a mapping of names to configs, "
            f"not {type(offered).__name__}. Skip it with NASFRAME_BLOCK={impl.plugin_name}"
        )
    return offered


def _check_option(option: Option, base: type[Config]) -> Option:
    if not issubclass(option.type, base) or inspect.isabstract(option.type):
        raise NasframeError(
            f"plugin {option.plugin!r}: {option.group}={option.name} must be a {base.__name__} "
            f"with a build method, not {option.type.__name__}. "
            f"Skip it with NASFRAME_BLOCK={option.plugin}"
        )
    return option


def restored(group: str, part: Mapping[str, Any]) -> Any:
    """The config of a part, as it stands in the first line of a journal.

    Raises:
        NasframeError: if no installed plugin offers it, or its settings cannot be used.
    """
    return from_plain(part, {type_name(o.type): o.type for o in options() if o.group == group})


def option(group: str, name: str, **settings: Any) -> Any:
    """Make the config of a registered option: ``option("controller", "random")``.

    Args:
        group: the group, for example ``search_space``.
        name: the option's name.
        settings: fields that differ from the option's own values.

    Raises:
        NasframeError: if there is no such option, setting or value.
    """
    names = [item.name for item in options() if item.group == group]
    for item in options():
        if (item.group, item.name) == (group, name):
            return _make(item, settings)
    if group not in GROUPS:
        raise NasframeError(f"there is no group {group!r}; the groups are {', '.join(GROUPS)}")
    raise NasframeError(f"{group}={name} is not known; {nearest(name, names)}")


def published(name: str, **settings: Any) -> nn.Module:
    """Make a network that some plugin publishes: ``published("mnasnet_a1", classes=10)``.

    Args:
        name: the network's name; ``nasframe-plugins`` lists them.
        settings: arguments of the function that makes it.

    Raises:
        NasframeError: if there is no such network or setting.
    """
    known = {network.name: network for network in networks()}
    if name not in known:
        raise NasframeError(f"no network {name!r} is published here; {nearest(name, known)}")
    make = known[name].make
    for key in settings:
        if key not in (arguments := inspect.signature(make).parameters):
            raise NasframeError(f"{name} has no {key!r}; {nearest(key, arguments)}")
    return make(**settings)


def _make(item: Option, settings: Mapping[str, Any]) -> Config:
    own = {} if isinstance(item.node, type) else dict(vars(item.node))
    known = item.type.__dataclass_fields__
    for key in settings:
        if key not in known:
            raise NasframeError(f"{item.group}={item.name} has no {key!r}; {nearest(key, known)}")
    return item.type(**{**own, **settings})
