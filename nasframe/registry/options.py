"""The options that the plugins offer, by group and name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import pluggy

from nasframe.api.config import (
    Config,
    ControllerConfig,
    DetectorConfig,
    EvaluatorConfig,
    ExecutorConfig,
    ExporterConfig,
    LoggerConfig,
    MeterConfig,
    ObjectiveConfig,
    SearchSpaceConfig,
    StopperConfig,
    TaskConfig,
)
from nasframe.api.recipe import RecipeConfig
from nasframe.errors import NasframeError, nearest
from nasframe.registry.plugins import (
    Plugin,
    describe_plugin,
    find_entry_points,
    load_plugins,
    make_manager,
    register_plugin,
)
from nasframe.registry.serialization import from_plain, type_name

if TYPE_CHECKING:
    from torch import nn


GROUPS: dict[str, tuple[str, type[Config]]] = {
    "search_space": ("nasframe_search_spaces", SearchSpaceConfig),
    "task": ("nasframe_tasks", TaskConfig),
    "controller": ("nasframe_controllers", ControllerConfig),
    "objective": ("nasframe_objectives", ObjectiveConfig),
    "evaluator": ("nasframe_evaluators", EvaluatorConfig),
    "meters": ("nasframe_meters", MeterConfig),
    "logger": ("nasframe_loggers", LoggerConfig),
    "stopper": ("nasframe_stoppers", StopperConfig),
    "executor": ("nasframe_executors", ExecutorConfig),
    "recipe": ("nasframe_recipes", RecipeConfig),
    "detector": ("nasframe_detectors", DetectorConfig),
    "exporter": ("nasframe_exporters", ExporterConfig),
}
"""Groups of options, each with its hook and the base class of its configurations."""

SEVERAL = ("meters", "logger")
"""Groups that take several options at once; a configuration holds them by name."""

NONE = "none"
"""The word that chooses no option of such a group."""


def find_groups(schema: type[Config]) -> list[str]:
    """Return the groups that a configuration has parts of.

    A field with a group's name may be something else: ``RecipeConfig.search_space`` holds settings.
    """
    kinds = {name: str(item.type) for name, item in schema.__dataclass_fields__.items()}
    return [group for group, (_, base) in GROUPS.items() if base.__name__ in kinds.get(group, "")]


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
    """A published network: its name, and the function that builds it."""

    name: str
    make: Callable[..., nn.Module]
    plugin: str


@dataclass(frozen=True, slots=True)
class Offers:
    """The options and networks of one plugin."""

    options: tuple[Option, ...]
    networks: tuple[Published, ...]


@cache
def options() -> tuple[Option, ...]:
    """Return every option of every group.

    Raises:
        NasframeError: if a plugin cannot be used, or two plugins give the same name.
    """
    return _options(load_plugins()[0])


@cache
def networks() -> tuple[Published, ...]:
    """Return every published network, by name.

    Raises:
        NasframeError: if a plugin cannot be used, or two plugins give the same name.
    """
    return _networks(load_plugins()[0])


def inspect_plugins() -> dict[Plugin, Offers | NasframeError]:
    """Inspect each installed plugin by itself: return what it offers, or its error."""
    return {
        (plugin := describe_plugin(point)): _inspect(point, plugin) for point in find_entry_points()
    }


def _inspect(point: EntryPoint, plugin: Plugin) -> Offers | NasframeError:
    manager = make_manager()
    try:
        register_plugin(manager, point, plugin)
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
    if option.group in SEVERAL and option.name == NONE:
        raise NasframeError(
            f"plugin {option.plugin!r}: {option.group}={NONE} chooses nothing: rename the option. "
            f"Skip the plugin with NASFRAME_BLOCK={option.plugin}"
        )
    if not issubclass(option.type, base) or inspect.isabstract(option.type):
        raise NasframeError(
            f"plugin {option.plugin!r}: {option.group}={option.name} must be a {base.__name__} "
            f"with a build method, not {option.type.__name__}. "
            f"Skip it with NASFRAME_BLOCK={option.plugin}"
        )
    return option


def restore_config(group: str, part: Mapping[str, Any]) -> Any:
    """Rebuild the configuration of a part from a journal.

    Raises:
        NasframeError: if no installed plugin offers it, or its settings cannot be used.
    """
    return from_plain(part, {type_name(o.type): o.type for o in options() if o.group == group})


def option(group: str, name: str, **settings: Any) -> Any:
    """Make the config of a registered option: ``option("task", "digits")``.

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
    """Build a network that a plugin publishes: ``published(NAME, classes=10)``.

    Args:
        name: the network's name; ``nasframe-plugins`` lists them.
        settings: arguments of the function that builds it.

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
