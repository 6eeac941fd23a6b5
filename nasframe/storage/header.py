"""The header of a journal: the study's configuration, versions and machine.

A study is resumed only if its header agrees with the present configuration.
"""

from __future__ import annotations

import platform
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib.metadata import version
from typing import Any

from nasframe._support.system import cpu_name
from nasframe.api.study_config import StudyConfig
from nasframe.errors import NasframeError
from nasframe.registry.plugins import plugins
from nasframe.registry.serialization import (
    TYPE,
    apply_changes,
    check_settings,
    collect_defaults,
    flatten,
    to_plain,
    translate_names,
)
from nasframe.storage.journal import JOURNAL_SCHEMA


def make_header(config: StudyConfig) -> dict[str, Any]:
    """Return the first event of the journal of a new study."""
    return {
        "event": "study",
        "schema": JOURNAL_SCHEMA,
        "versions": {name: version(name) for name in ("nasframe", "torch")},
        "plugins": {plugin.name: plugin.version for plugin in plugins()},
        "config": to_plain(config),
        "device": describe_machine(),
        "time": time.time(),
    }


def describe_machine() -> dict[str, Any]:
    """Return the machine's processor and, if a part of the study has loaded torch, its GPUs."""
    torch = sys.modules.get("torch")  # a study without torch need not wait for its import
    gpus = torch.cuda.device_count() if torch and torch.cuda.is_available() else 0
    return {
        "cpu": cpu_name(),
        "system": platform.system(),
        "gpus": [torch.cuda.get_device_name(i) for i in range(gpus)] if torch else [],
    }


@dataclass(frozen=True, slots=True)
class Resumption:
    """The allowed differences between the present study and its journal.

    Attributes:
        changes: changed settings, each with its value in the journal and its present one.
        notes: messages for the user.
    """

    changes: Mapping[str, tuple[Any, Any]]
    notes: tuple[str, ...]


def compare_headers(
    old: Mapping[str, Any], new: Mapping[str, Any], former: Mapping[str, Any], config: StudyConfig
) -> Resumption:
    """Compare the present header with the journal's.

    Args:
        old: the journal's first event.
        new: the first event of a new study with the present configuration.
        former: the settings changed since the first event, with their last values.
        config: the present configuration.

    Raises:
        NasframeError: naming each setting that differs and must not, or is unknown.
    """
    check_settings(config, old["config"])
    free = {item.name for item in fields(config) if item.metadata.get("free")}
    last = translate_names(apply_changes(old["config"], former))
    then, now, usual = flatten(last), flatten(new["config"]), collect_defaults(config)
    newer, changes, refused = [], {}, []
    for key in _find_differences(then, now):
        group = key.partition(".")[0]
        free_part = "." in key and group in free
        if key not in then and key in usual and now[key] == usual[key] and not free_part:
            newer.append(f"{key.removesuffix(f'.{TYPE}')}={_format_value(key, now[key])}")
        elif group in free and not _shrinks(key, then.get(key), now.get(key)):
            changes[key] = (then.get(key), now.get(key))
        else:
            values = [_format_value(key, values.get(key)) for values in (then, now)]
            if values[0] == values[1]:  # the same name in another package
                values = [then[key], now[key]]
            refused.append("{} was {}, is now {}".format(key.removesuffix(f".{TYPE}"), *values))
    if refused:
        raise NasframeError(
            f"{config.dir} holds a study with another configuration: {'; '.join(refused)}\n"
            "Give the same settings to resume it, or choose another dir"
        )
    notes = [f"settings newer than this study take their defaults: {', '.join(newer)}"]
    return Resumption(changes, (*(notes if newer else []), *_describe_versions(old, new)))


def _format_value(key: str, value: Any) -> Any:
    """Return a human-readable value; the name of a part."""
    if key.endswith(f".{TYPE}") and value is not None:
        return value.partition(":")[2].removesuffix("Config")
    return value


def _find_differences(then: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Return the keys with different values; for a part of another class, only its class."""
    keys = [key for key in sorted(then.keys() | now.keys()) if then.get(key) != now.get(key)]
    keys = [key for key in keys if key != "dir"]  # a folder may be moved
    others = [key for key in keys if key.endswith(f".{TYPE}")]
    return [
        key
        for key in keys
        if key in others or not key.startswith(tuple(k.removesuffix(TYPE) for k in others))
    ]


def _shrinks(key: str, then: Any, now: Any) -> bool:
    """Return whether a budget became smaller."""
    numbers = isinstance(then, int | float) and isinstance(now, int | float)
    return key in ("trials", "hours") and numbers and now < then


def _describe_versions(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Return a note for each package whose version differs."""
    then = {**old["versions"], **old["plugins"]}
    now = {**new["versions"], **new["plugins"]}
    return [
        f"{name} was {then[name]} when this study started and is {now.get(name, 'missing')} now: "
        "results may differ"
        for name in then
        if then[name] != now.get(name)
    ]
