"""The texts of ``--help``, built from the installed plugins."""

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
from nasframe.registry.options import SEVERAL, Option, find_groups, options
from nasframe.registry.plugins import plugins
from nasframe.registry.serialization import TYPE, collect_defaults, to_plain

HELP_WIDTH = 100
_SHOWN_DIR = "runs/DATE_TIME"
"""The default in ``conf/study.yaml``, human-readable."""

SEARCH_HEAD = """\
nasframe searches for neural network architectures.

  nasframe [GROUP=OPTION ...] [KEY=VALUE ...]    run one study
  nasframe -m KEY=VALUE,VALUE ...                run one study for each combination of values

Examples
  nasframe                                       a first search, on 8x8 images of digits
  nasframe trials=100 dir=runs/first             a longer search, in a named folder
  nasframe trials=200 dir=runs/first             resume it with more trials
  nasframe meters=[size] evaluator.epochs=10     train longer; also measure parameters and MACs
  nasframe -m evaluator.epochs=5,10 seed=0,1,2   six studies, ranked best first
  nasframe --cfg job                             print every setting with its value; run nothing
"""

_SEARCH_FOOT = """\
Flags
  -m, --multirun            sweep over comma-separated values
  --cfg job                 print the configuration; run nothing
  --config-dir FOLDER       more options and presets, as FOLDER/GROUP/OPTION.yaml
  --shell-completion install=bash
                            print a script for completing options and settings with Tab
  --hydra-help              list the other flags, which Hydra defines (https://hydra.cc)

The exit status is 0 if a trial succeeded (with -m: in every study), 1 if none did, 2 after a
mistake, and 130 after Ctrl-C. NASFRAME_BLOCK=PLUGIN,PLUGIN skips plugins; NASFRAME_DEBUG=1 prints
the traceback of an error. `nasframe-plugins` lists the plugins.
"""


_RETRAIN_HEAD = """\
nasframe-retrain runs the full training of the best networks of a study.

  nasframe-retrain study=DIR [KEY=VALUE ...]     train the best network of a study
  nasframe-retrain study=DIR -m KEY=VALUE,VALUE  train once for each combination of values
  nasframe-retrain architectures=FILE search_space=NAME task=NAME ...
  nasframe-retrain network=NAME task=NAME ...    train a published network or a timm model

Examples
  nasframe-retrain study=runs/first              use the recipe for small images
  nasframe-retrain study=runs/first top=3 recipe.epochs=100 dir=runs/final
  nasframe-retrain study=runs/first search_space.KEY=VALUE
  nasframe-retrain study=runs/first -m recipe.lr=0.02,0.05 seed=0,1,2

search_space.* and task.* default to the study's settings; sizes may change if the choices stay.
"""


def build_search_help() -> str:
    """Build the text of ``nasframe --help``."""
    parts = "\n".join(line for group in find_groups(StudyConfig) for line in _format_group(group))
    options_and_presets = f"Options [plugin, distribution]\n{parts}\n{_format_presets()}"
    settings = describe_settings(StudyConfig)
    return (
        f"{SEARCH_HEAD}\n{options_and_presets}\nSettings of a study\n{settings}\n\n{_SEARCH_FOOT}"
    )


def build_retrain_help() -> str:
    """Build the text of ``nasframe-retrain --help``."""
    from nasframe.retraining.config import RetrainConfig, TrainerConfig

    shown = ("recipe", "task", "search_space", "detector", "logger")
    parts = "\n".join(line for group in shown for line in _format_group(group))
    settings = f"Settings of a retraining\n{describe_settings(RetrainConfig, without='trainer')}\n"
    settings += describe_settings(TrainerConfig, "trainer.")
    recipe = f"Settings of a recipe\n{describe_settings(RecipeConfig, 'recipe.')}"
    return f"{_RETRAIN_HEAD}\nOptions [plugin, distribution]\n{parts}\n\n{settings}\n\n{recipe}"


def describe_settings(config: type[Config], prefix: str = "", without: str = "") -> str:
    """Format the settings of a config class with their defaults and meanings, one per line."""
    values = {
        item.name: item.default if item.default_factory is MISSING else item.default_factory()
        for item in fields(config)
    }
    if "dir" in values:
        values["dir"] = _SHOWN_DIR
    return "\n".join(
        format_entry(f"{prefix}{name}={_format_value(values[name])}", meaning)
        for name, meaning in parse_attributes(config).items()
        if name not in find_groups(config) and name != without
    )


def _format_group(group: str) -> Iterator[str]:
    yield f"  {group}={'[OPTION,...]' if group in SEVERAL else 'OPTION'}"
    labels = {p.name: f"{p.name}, {p.distribution}" for p in plugins()}
    for item in options():
        if item.group == group:
            yield format_entry(
                f"  {item.name}", f"{summarize_option(item)} [{labels[item.plugin]}]".lstrip()
            )


def _format_presets() -> str:
    folder = files("nasframe.conf").joinpath("experiment")
    names = sorted(entry.name.removesuffix(".yaml") for entry in folder.iterdir())
    return "\n".join(["  experiment=PRESET", *(f"    {name}" for name in names), ""])


def format_entry(name: str, meaning: str) -> str:
    """Format a name and its meaning, on one line if the name is short."""
    indent = " " * 28
    lines = textwrap.wrap(meaning, HELP_WIDTH, initial_indent=indent, subsequent_indent=indent)
    first = f"  {name}".ljust(27)
    if len(first) > 27:
        return "\n".join([first, *lines])
    return "\n".join([f"{first} {lines[0].lstrip()}", *lines[1:]])


def summarize_option(item: Option) -> str:
    """Return the first paragraph of an option's docstring, and the settings of a preset."""
    doc = item.type.__doc__ or ""
    if doc.startswith(f"{item.type.__name__}("):  # generated by ``dataclass``
        doc = ""
    preset = " ".join(
        f"{name}={_format_value(value)}" for name, value in _find_changes(item).items()
    )
    words = " ".join(_strip_markup(doc.strip().split("\n\n")[0]).split())
    return f"{words} This preset sets {preset}." if preset else words


def _find_changes(item: Option) -> dict[str, Any]:
    """Return the settings of a preset that differ from the defaults of its class."""
    if isinstance(item.node, type):
        return {}
    usual = collect_defaults(item.node)
    return {k: v for k, v in to_plain(item.node).items() if k != TYPE and v != usual.get(k)}


def _format_value(value: Any) -> str:
    """Format a value for the command line."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if value is MISSING:
        return "..."
    return str(value.name if isinstance(value, Enum) else value)


def parse_attributes(config: type) -> dict[str, str]:
    """Return the meaning of each setting by name, in field order, inherited ones included."""
    found: dict[str, str] = {}
    for base in reversed(config.__mro__):
        found |= _parse_own_attributes(base)
    return found


def _parse_own_attributes(config: type) -> dict[str, str]:
    """Parse the ``Attributes`` section of a class's own docstring."""
    _, _, section = (config.__doc__ or "").partition("Attributes:\n")
    found: dict[str, str] = {}
    name = ""
    for line in textwrap.dedent(section.split("\n\n")[0]).splitlines():
        if line.startswith(" "):
            found[name] += " " + line.strip()
        elif line:
            name, _, meaning = line.partition(": ")
            found[name] = meaning
    return {name: _strip_markup(meaning) for name, meaning in found.items()}


def _strip_markup(doc: str) -> str:
    """Remove docstring markup, and write ``None`` as null."""
    return doc.replace("``None``", "null").replace("``", "")
