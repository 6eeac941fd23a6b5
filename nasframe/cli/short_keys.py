"""Short keys for the settings of the only chosen option of ``meters`` or ``logger``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override

from nasframe.registry.options import SEVERAL, options


def complete_keys(words: Sequence[str]) -> list[str]:
    """Insert the name of the option into settings that omit it.

    ``logger=mlflow logger.uri=URI`` becomes ``logger=mlflow logger.mlflow.uri=URI``.

    Args:
        words: settings on the command line, each ``KEY=VALUE``.
    """
    overrides = OverridesParser.create().parse_overrides(list(words))
    chosen = {
        override.key_or_group: name
        for override in overrides
        if override.key_or_group in SEVERAL and (name := _find_only_name(override)) is not None
    }
    return [
        _complete(word, override.key_or_group, chosen)
        for word, override in zip(words, overrides, strict=True)
    ]


def _find_only_name(override: Override) -> str | None:
    """Return the name of the option if exactly one is chosen."""
    if override.is_sweep_override():
        return None
    names = override.value()
    if isinstance(names, list):
        return str(names[0]) if len(names) == 1 else None
    return str(names)


def _complete(word: str, key: str, chosen: Mapping[str, str]) -> str:
    group, dot, setting = key.partition(".")
    options_of_group = {item.name for item in options() if item.group == group}
    if not dot or chosen.get(group) not in options_of_group:
        return word
    if setting.partition(".")[0] in options_of_group:
        return word
    return word.replace(key, f"{group}.{chosen[group]}.{setting}", 1)
