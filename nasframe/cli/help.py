"""The text of ``nasframe --help``, made from what is installed."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import MISSING, fields
from enum import Enum
from importlib.resources import files
from typing import Any

from nasframe.api.config import Config
from nasframe.api.recipe import RecipeConfig
from nasframe.api.study_config import StudyConfig
from nasframe.registry.options import SEVERAL, Option, groups, options
from nasframe.registry.plugins import plugins
from nasframe.registry.serialization import TYPE, defaults, to_plain

WIDTH = 100
DIR = "runs/DATE_TIME"
"""In words, the default that stands in ``conf/study.yaml``."""

HEAD = """\
nasframe searches for neural network architectures.

  nasframe [GROUP=OPTION ...] [KEY=VALUE ...]    run one study
  nasframe -m KEY=VALUE,VALUE ...                run one study for each combination of values

Examples
  nasframe                                       a first search, on 8x8 images of digits
  nasframe trials=100 dir=runs/first             longer, in a folder of that name
  nasframe trials=200 dir=runs/first             go on with it
  nasframe meters=[size] evaluator.epochs=10     longer training, parameters and MACs measured too
  nasframe -m evaluator.epochs=5,10 seed=0,1,2   six studies, the best first
  nasframe --cfg job                             print every setting with its value, run nothing
"""

FOOT = """\
Flags
  -m, --multirun            values with commas in between are swept over
  --cfg job                 print the configuration, run nothing
  --config-dir FOLDER       more options and presets, as FOLDER/GROUP/OPTION.yaml
  --shell-completion install=bash
                            print what makes the Tab key complete options and settings
  --hydra-help              the other flags: the command line is read by Hydra (https://hydra.cc)

The status is 0 if a trial succeeded (with -m: in every study), 1 if none did, 2 after a mistake,
and 130 after Ctrl-C. NASFRAME_BLOCK=PLUGIN,PLUGIN leaves plugins out; NASFRAME_DEBUG=1 shows
where an error comes from. `nasframe-plugins` lists the plugins.
"""


RETRAIN_HEAD = """\
nasframe-retrain trains the best networks of a study in full.

  nasframe-retrain study=DIR [KEY=VALUE ...]     train the best network of a study
  nasframe-retrain study=DIR -m KEY=VALUE,VALUE  once for each combination of values
  nasframe-retrain architectures=FILE search_space=NAME task=NAME ...
  nasframe-retrain network=NAME task=NAME ...    a network that a plugin publishes, or one of timm's

Examples
  nasframe-retrain study=runs/first              with the recipe for small images
  nasframe-retrain study=runs/first top=3 recipe.epochs=100 dir=runs/final
  nasframe-retrain study=runs/first search_space.KEY=VALUE
  nasframe-retrain study=runs/first -m recipe.lr=0.02,0.05 seed=0,1,2

search_space.* and task.* are the study's own settings: sizes may be others if the choices stay.
"""


def text() -> str:
    """The whole text of ``nasframe --help``."""
    parts = "\n".join(line for group in groups(StudyConfig) for line in _group(group))
    options_and_presets = f"Options [plugin, distribution]\n{parts}\n{_presets()}"
    settings = describe_settings(StudyConfig)
    return f"{HEAD}\n{options_and_presets}\nSettings of a study\n{settings}\n\n{FOOT}"


def retrain_text() -> str:
    """The whole text of ``nasframe-retrain --help``."""
    from nasframe.retraining.config import RetrainConfig, TrainerConfig

    shown = ("recipe", "task", "search_space", "detector", "logger")
    parts = "\n".join(line for group in shown for line in _group(group))
    settings = f"Settings of a retraining\n{describe_settings(RetrainConfig, without='trainer')}\n"
    settings += describe_settings(TrainerConfig, "trainer.")
    recipe = f"Settings of a recipe\n{describe_settings(RecipeConfig, 'recipe.')}"
    return f"{RETRAIN_HEAD}\nOptions [plugin, distribution]\n{parts}\n\n{settings}\n\n{recipe}"


def describe_settings(config: type[Config], prefix: str = "", without: str = "") -> str:
    """The settings of a config class with their defaults and meanings, below each other."""
    values = {
        item.name: item.default if item.default_factory is MISSING else item.default_factory()
        for item in fields(config)
    }
    if "dir" in values:
        values["dir"] = DIR
    return "\n".join(
        entry(f"{prefix}{name}={_written(values[name])}", meaning)
        for name, meaning in attributes(config).items()
        if name not in groups(config) and name != without
    )


def _group(group: str) -> Iterator[str]:
    yield f"  {group}={'[OPTION,...]' if group in SEVERAL else 'OPTION'}"
    givers = {p.name: f"{p.name}, {p.distribution}" for p in plugins()}
    for item in options():
        if item.group == group:
            yield entry(f"  {item.name}", f"{summary(item)} [{givers[item.plugin]}]".lstrip())


def _presets() -> str:
    folder = files("nasframe.conf").joinpath("experiment")
    names = sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir())
    return "\n".join(["  experiment=PRESET", *(f"    {name}" for name in names), ""])


def entry(name: str, meaning: str) -> str:
    """A name and what it means, beside each other or below."""
    indent = " " * 28
    lines = textwrap.wrap(meaning, WIDTH, initial_indent=indent, subsequent_indent=indent)
    first = f"  {name}".ljust(27)
    if len(first) > 27:
        return "\n".join([first, *lines])
    return "\n".join([f"{first} {lines[0].lstrip()}", *lines[1:]])


def summary(item: Option) -> str:
    """What an option is: the first paragraph of its docstring, and how a preset differs."""
    doc = item.type.__doc__ or ""
    if doc.startswith(f"{item.type.__name__}("):  # made up by ``dataclass``
        doc = ""
    preset = " ".join(f"{name}={_written(value)}" for name, value in _changes(item).items())
    words = " ".join(_spoken(doc.strip().split("\n\n")[0]).split())
    return f"{words} Here with {preset}." if preset else words


def _changes(item: Option) -> dict[str, Any]:
    """The settings of a preset that are not those of its class."""
    if isinstance(item.node, type):
        return {}
    usual = defaults(item.node)
    return {k: v for k, v in to_plain(item.node).items() if k != TYPE and v != usual.get(k)}


def _written(value: Any) -> str:
    """A value as it is written on the command line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if value is MISSING:
        return "..."
    return str(value.name if isinstance(value, Enum) else value)


def attributes(config: type) -> dict[str, str]:
    """What each setting means, by name in the order of the fields, inherited ones included."""
    found: dict[str, str] = {}
    for base in reversed(config.__mro__):
        found |= _own_attributes(base)
    return found


def _own_attributes(config: type) -> dict[str, str]:
    """The ``Attributes`` section of a class's own docstring."""
    _, _, section = (config.__doc__ or "").partition("Attributes:\n")
    found: dict[str, str] = {}
    name = ""
    for line in textwrap.dedent(section.split("\n\n")[0]).splitlines():
        if line.startswith(" "):
            found[name] += " " + line.strip()
        elif line:
            name, _, meaning = line.partition(": ")
            found[name] = meaning
    return {name: _spoken(meaning) for name, meaning in found.items()}


def _spoken(doc: str) -> str:
    """Words of a docstring as the command line's user knows them."""
    return doc.replace("``None``", "null").replace("``", "")
