"""Parse the settings of an option on a command line without Hydra."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from nasframe.errors import NasframeError, nearest
from nasframe.registry.options import Option, option, options

if TYPE_CHECKING:
    from omegaconf import DictConfig


def make_config(group: str, name: str, words: Sequence[str]) -> Any:
    """Make the config of an option.

    Args:
        group: the option's group.
        name: the option's name.
        words: its settings, each ``KEY=VALUE``; in a dictionary ``KEY.NAME=VALUE``. Values are
            parsed as on the command line of ``nasframe``.

    Raises:
        NasframeError: if the option, a setting or a value is unknown.
    """
    known = {item.name: item for item in options() if item.group == group}
    if name not in known:
        raise NasframeError(f"{group}={name} is not known; {nearest(name, known)}")
    settings = _parse_settings(known[name], words)
    missing = _find_mandatory(known[name]) - settings.keys()
    if missing:
        raise NasframeError(f"{group}={name} needs --set {min(missing)}=VALUE")
    return option(group, name, **settings)


def _find_mandatory(item: Option) -> set[str]:
    """Return the settings without defaults; a preset has none."""
    if not isinstance(item.node, type):
        return set()
    return {f.name for f in fields(item.type) if f.default is f.default_factory is MISSING}


def _parse_settings(item: Option, words: Sequence[str]) -> dict[str, Any]:
    """Parse settings and check them against the types of the option's config.

    Raises:
        NasframeError: if a setting or value is invalid; the message names it.
    """
    from omegaconf import OmegaConf

    from nasframe.cli.errors import explain

    known = item.type.__dataclass_fields__
    config = OmegaConf.structured(item.node)
    given = []
    for word in words:
        key, equals, text = word.partition("=")
        if not equals:
            raise NasframeError(f"--set {word}: write KEY=VALUE")
        name = key if key in known else key.partition(".")[0]
        if name not in known:
            raise NasframeError(f"{item.group}={item.name} has no {name!r}; {nearest(name, known)}")
        given.append(name)
        try:
            _assign(config, key, _parse_value(text))
        except Exception as error:
            raise NasframeError(f"--set {explain(error)[0]}") from error
    values = OmegaConf.to_container(config, resolve=True)
    assert isinstance(values, dict)
    return {name: values[name] for name in given}


def _parse_value(text: str) -> Any:
    """Parse a value; an empty text is itself, as on the command line of ``nasframe``."""
    from omegaconf import OmegaConf

    return OmegaConf.from_dotlist([f"value={text}"]).value if text else text


def _assign(config: DictConfig, key: str, value: Any) -> None:
    """Assign a value to a setting; names in a dictionary may contain dots.

    Raises:
        Exception: from OmegaConf, if the value does not match the setting's type.
    """
    from omegaconf import DictConfig

    first, dot, name = key.partition(".")
    is_dictionary = isinstance(config._get_node(first), DictConfig)
    if is_dictionary and not dot and not isinstance(value, DictConfig):
        raise NasframeError(f"{key}={value}: write {first}.NAME=VALUE")
    if dot and not is_dictionary:
        raise NasframeError(f"{key}={value}: {first} takes one value: write {first}=VALUE")
    if dot:
        config[first][name] = value
    else:
        config[first] = value
