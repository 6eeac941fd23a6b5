"""Create the package of a new plugin: ``nasframe-plugins --new NAME --kind KIND``."""

from __future__ import annotations

import re
import shutil
import tempfile
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from string import Template

from nasframe.errors import NasframeError
from nasframe.registry.options import options
from nasframe.registry.plugins import plugins


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of part with package templates.

    Attributes:
        what: the part, human-readable.
        contract: the class of ``nasframe.testing`` that its test inherits.
        command: a command that uses the part; ``{}`` is its name.
        group: the group of its option.
        test: the template of its test.
    """

    what: str
    contract: str
    command: str
    group: str
    test: str = "test.py"


KINDS = {
    "search_space": Kind(
        "A search space", "SearchSpaceContract", "nasframe search_space={}", "search_space"
    ),
    "controller": Kind(
        "A controller", "ControllerContract", "nasframe controller={}", "controller"
    ),
    "objective": Kind("An objective", "ObjectiveContract", "nasframe objective={}", "objective"),
    "meter": Kind("A meter", "MeterContract", "nasframe 'meters=[{}]'", "meters"),
    "logger": Kind(
        "A logger", "LoggerContract", "nasframe logger={}", "logger", test="logger.test"
    ),
    "task": Kind("A task", "TaskContract", "nasframe task={}", "task"),
    "evaluator": Kind("An evaluator", "EvaluatorContract", "nasframe evaluator={}", "evaluator"),
    "exporter": Kind(
        "An export format", "ExporterContract", "nasframe-export runs/final --to {}", "exporter"
    ),
}


def write_package(name: str, kind: str, parent: Path) -> Path:
    """Write the package, completely or not at all.

    Args:
        name: the name of the option and the plugin.
        kind: a key of ``KINDS``.
        parent: the folder to create it in.

    Returns:
        The folder, ``nasframe-NAME``.

    Raises:
        NasframeError: if the name is invalid or taken, or the folder cannot be written.
    """
    _check_name(name, kind)
    folder = parent / f"nasframe-{name.replace('_', '-')}"
    if folder.exists():
        raise NasframeError(f"{folder} already exists: choose another name, or remove it")
    try:
        with tempfile.TemporaryDirectory(dir=parent) as temporary:
            package = Path(temporary) / "package"
            for path, text in _render_files(name, kind).items():
                (package / path).parent.mkdir(parents=True, exist_ok=True)
                (package / path).write_text(text)
            shutil.move(package, folder)
    except OSError as error:
        raise NasframeError(f"cannot write {folder}: {error.strerror}") from error
    return folder


def format_usage(name: str, kind: str) -> str:
    """Return a command that uses the part."""
    return KINDS[kind].command.format(name)


def _check_name(name: str, kind: str) -> None:
    if not re.fullmatch(r"[a-z][a-z0-9]*(_[a-z0-9]+)*", name):
        raise NasframeError(f"--new {name}: use lowercase letters, digits and _, as in my_part")
    group = KINDS[kind].group
    for option in options():
        if (option.group, option.name) == (group, name):
            raise NasframeError(f"--new {name}: {option.plugin} has {group}={name}; choose another")
    if any(plugin.name == name for plugin in plugins()) or find_spec(f"nasframe_{name}"):
        raise NasframeError(f"--new {name}: a plugin has this name; choose another")


def _render_files(name: str, kind: str) -> dict[str, str]:
    """Render the files, by path."""
    values = {
        "name": name,
        "dashed": name.replace("_", "-"),
        "class_name": "".join(part.title() for part in name.split("_")),
        "what": KINDS[kind].what,
        "contract": KINDS[kind].contract,
        "group": KINDS[kind].group,
        "try": format_usage(name, kind),
    }
    paths = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        f"nasframe_{name}/__init__.py": f"{kind}.init",
        f"nasframe_{name}/part.py": f"{kind}.part",
        f"tests/test_{name}.py": KINDS[kind].test,
    }
    templates = files("nasframe.cli") / "templates"
    return {
        path: Template((templates / f"{template}.txt").read_text()).substitute(values)
        for path, template in paths.items()
    }
