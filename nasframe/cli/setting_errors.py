"""What is wrong with a setting, said to whoever typed it, with the nearest right ones."""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from nasframe.api.config import Config
from nasframe.errors import NasframeError, nearest
from nasframe.registry.options import SEVERAL, options


def unknown_option(group: str, name: str, known: Sequence[str] | None = None) -> str:
    """There is no such option.

    Args:
        group: the group.
        name: the option that was asked for.
        known: those that there are, if plugins do not tell.
    """
    if known is None:
        known = [item.name for item in options() if item.group == group]
    value = f"[{name}]" if group in SEVERAL else name
    return f"unknown option {group}={value}; {nearest(name, known)}"


def unknown_key(key: str, config: type | None) -> str:
    """There is no such setting.

    Args:
        key: the full key.
        config: the class of what should have it.
    """
    parent, _, name = key.rpartition(".")
    if parent in SEVERAL:
        return _not_chosen(parent, name)
    if not parent:
        return f"unknown key {key}; {nearest(name, [*settings(config), 'experiment'])}"
    owners = [f"{o.group}={o.name}" for o in options() if o.group == parent and o.type is config]
    owner = " or ".join(owners) or parent
    return f"unknown key {key}: {owner} has no {name}; {nearest(name, settings(config))}"


def _not_chosen(group: str, name: str) -> str:
    """There is no such part in a group of several."""
    offered = [item for item in options() if item.group == group]
    if any(item.name == name for item in offered):
        return f"{group}.{name} is not chosen; add it with {group}=[{name}]"
    owners = [f"{group}.{item.name}.{name}" for item in offered if name in settings(item.type)]
    if owners:
        return f"unknown key {group}.{name}: give {' or '.join(owners)}"
    return unknown_option(group, name)


def settings(config: type | None) -> dict[str, Any]:
    """The dataclass fields of a config class, by name; none if it is no such class."""
    return getattr(config, "__dataclass_fields__", {})


def wrong_value(key: str, value: object, config: type | None, reason: str) -> str:
    """A value is not of its setting's type.

    Args:
        key: the full key.
        value: what was given.
        config: the class that has the setting; of what a list or a dictionary holds the type.
        reason: what OmegaConf says; it knows the words of an Enum.
    """
    field = settings(config).get(key.rpartition(".")[2])
    kind = config if config in (bool, int, float, str) else getattr(field, "type", None)
    if kind is not None and "expected one of" not in reason:
        wanted = str(getattr(kind, "__name__", kind))
        reason = f"must be {wanted.replace('|', 'or').replace('None', 'null')}"
    return f"{key}={'null' if value is None else value}: {reason}"


def check_words(
    words: list[str], schema: type[Config], budget: Sequence[str], example: str
) -> None:
    """Refuse a word that is neither a setting nor a flag nor the value of one.

    Args:
        words: of the command line.
        schema: the class of the configuration.
        budget: what is no part of a job's name in a sweep.
        example: a setting.

    Raises:
        NasframeError: naming it.
    """
    sweep = {"-m", "--multirun"} & set(words)
    for before, word in pairwise(["", *words]):
        name, _, value = word.lstrip("-+").partition("=")
        if word.startswith("-") and name.partition(".")[0] in settings(schema):
            raise NasframeError(f"settings are given without dashes: {name}={value or 'VALUE'}")
        if sweep and name in budget and re.fullmatch(r"[^'\"\[]+,.*", value):
            raise NasframeError(f"{name} cannot be swept over: it is not part of a folder's name")
        if not (before.startswith("-") or word.startswith(("-", "~")) or "=" in word):
            raise NasframeError(
                f"{word!r} is not a setting: write KEY=VALUE without spaces, as in {example}; "
                "--help lists them"
            )
