"""Settings of an option from a command line, without Hydra."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import MISSING, fields
from typing import TYPE_CHECKING, Any

from nasframe.errors import NasframeError, nearest
from nasframe.registry.options import Option, option, options

if TYPE_CHECKING:
    from omegaconf import DictConfig


def made(group: str, name: str, words: Sequence[str]) -> Any:
    """Make the config of an option.

    Args:
        group: of the option.
        name: of the option.
        words: its settings, each ``KEY=VALUE``; in a dictionary ``KEY.NAME=VALUE``. Values are
            read as on the command line of ``nasframe``.

    Raises:
        NasframeError: if there is no such option, setting or value.
    """
    known = {item.name: item for item in options() if item.group == group}
    if name not in known:
        raise NasframeError(f"{group}={name} is not known; {nearest(name, known)}")
    settings = _read(known[name], words)
    missing = _mandatory(known[name]) - settings.keys()
    if missing:
        raise NasframeError(f"{group}={name} needs --set {min(missing)}=VALUE")
    return option(group, name, **settings)


def _mandatory(item: Option) -> set[str]:
    """The settings that must be given; a preset has them all."""
    if not isinstance(item.node, type):
        return set()
    return {f.name for f in fields(item.type) if f.default is f.default_factory is MISSING}


def _read(item: Option, words: Sequence[str]) -> dict[str, Any]:
    """The settings that words give, checked against the types of the option's config.

    Raises:
        NasframeError: naming the word.
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
            _set(config, key, _value(text))
        except Exception as error:
            raise NasframeError(f"--set {explain(error)[0]}") from error
    values = OmegaConf.to_container(config, resolve=True)
    assert isinstance(values, dict)
    return {name: values[name] for name in given}


def _value(text: str) -> Any:
    """The value of a word; an empty text is one, as on the command line of ``nasframe``."""
    from omegaconf import OmegaConf

    return OmegaConf.from_dotlist([f"value={text}"]).value if text else text


def _set(config: DictConfig, key: str, value: Any) -> None:
    """Give a setting a value; names in a dictionary may have dots.

    Raises:
        Exception: of OmegaConf, if it is not of the setting's type.
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
