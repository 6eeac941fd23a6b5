"""Error messages for wrong settings, with the nearest valid names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from nasframe.api.config import Config
from nasframe.errors import NasframeError, nearest
from nasframe.registry.options import SEVERAL, options


def describe_unknown_option(group: str, name: str, known: Sequence[str] | None = None) -> str:
    """Return the message for an unknown option.

    Args:
        group: the group.
        name: the unknown option.
        known: the existing options; by default the registered options of the group.
    """
    if known is None:
        known = [item.name for item in options() if item.group == group]
    value = f"[{name}]" if group in SEVERAL else name
    return f"unknown option {group}={value}; {nearest(name, known)}"


def describe_unknown_key(key: str, config: type | None) -> str:
    """Return the message for an unknown setting.

    Args:
        key: the full key.
        config: the config class that lacks it.
    """
    parent, _, name = key.rpartition(".")
    if parent in SEVERAL:
        return _describe_unchosen(parent, name)
    if not parent:
        return f"unknown key {key}; {nearest(name, [*setting_fields(config), 'experiment'])}"
    owners = [f"{o.group}={o.name}" for o in options() if o.group == parent and o.type is config]
    owner = " or ".join(owners) or parent
    return f"unknown key {key}: {owner} has no {name}; {nearest(name, setting_fields(config))}"


def _describe_unchosen(group: str, name: str) -> str:
    """Return the message for a part that a group of several lacks."""
    offered = [item for item in options() if item.group == group]
    if any(item.name == name for item in offered):
        return f"{group}.{name} is not chosen; add it with {group}=[{name}]"
    owners = [
        f"{group}.{item.name}.{name}" for item in offered if name in setting_fields(item.type)
    ]
    if owners:
        return f"unknown key {group}.{name}: give {' or '.join(owners)}"
    return describe_unknown_option(group, name)


def setting_fields(config: type | None) -> dict[str, Any]:
    """Return the dataclass fields of a config class by name; empty for other classes."""
    return getattr(config, "__dataclass_fields__", {})


def describe_wrong_value(key: str, value: object, config: type | None, reason: str) -> str:
    """Return the message for a value of the wrong type.

    Args:
        key: the full key.
        value: the given value.
        config: the class that has the setting; for items of a list or dictionary their type.
        reason: OmegaConf's message, used for an Enum because it lists the members.
    """
    field = setting_fields(config).get(key.rpartition(".")[2])
    kind = config if config in (bool, int, float, str) else getattr(field, "type", None)
    if kind is not None and "expected one of" not in reason:
        wanted = str(getattr(kind, "__name__", kind))
        reason = f"must be {wanted.replace('|', 'or').replace('None', 'null')}"
    return f"{key}={'null' if value is None else value}: {reason}"


def check_words(
    words: list[str], schema: type[Config], budget: Sequence[str], example: str
) -> None:
    """Reject a word that is no setting, no flag and no value of a flag.

    Args:
        words: the command line.
        schema: the class of the configuration.
        budget: settings that are not part of a job's name in a sweep.
        example: a setting for the message.

    Raises:
        NasframeError: if there is one; the message names it.
    """
    sweep = {"-m", "--multirun"} & set(words)
    for before, word in pairwise(["", *words]):
        name, _, value = word.lstrip("-+").partition("=")
        if word.startswith("-") and name.partition(".")[0] in setting_fields(schema):
            raise NasframeError(f"settings are given without dashes: {name}={value or 'VALUE'}")
        if sweep and name in budget and re.fullmatch(r"[^'\"\[]+,.*", value):
            raise NasframeError(f"{name} cannot be swept over: it is not part of a folder's name")
        if not (before.startswith("-") or word.startswith(("-", "~")) or "=" in word):
            raise NasframeError(
                f"{word!r} is not a setting: write KEY=VALUE without spaces, as in {example}; "
                "--help lists them"
            )
