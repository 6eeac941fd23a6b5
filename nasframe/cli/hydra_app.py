"""Start-up, errors, sweeps and exit of the two programs that use Hydra.

Before Hydra reads the command line, its ConfigStore receives the options of every plugin. The
programs themselves work on typed dataclasses only.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path
from types import FrameType
from typing import Any, ClassVar, NoReturn, TypeVar
from urllib.parse import quote

import hydra
import yaml
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.experimental.callback import Callback
from omegaconf import Container, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from nasframe._support.text import print_long_text
from nasframe.api.config import Config
from nasframe.api.study_config import StudyConfig
from nasframe.cli import setting_errors
from nasframe.cli.errors import explain, get_first_line, print_exception, report_error
from nasframe.cli.short_keys import complete_keys
from nasframe.errors import NasframeError
from nasframe.executors.serial import THREAD
from nasframe.registry.options import NONE, SEVERAL, find_groups, options
from nasframe.storage.files import write_atomically
from nasframe.storage.journal import BusyError

Result = TypeVar("Result")

_FAILURE_FILE = "failure.json"
"""The overrides and error of a failed sweep job, in its folder."""


@dataclass(frozen=True, slots=True)
class Program:
    """A program with a Hydra command line.

    Attributes:
        name: the command.
        what: the plural noun for its jobs in a sweep.
        config: the name of its file in ``nasframe.conf``.
        schema: the class of its configuration.
        budget: settings that are never part of a folder's name.
        example: a setting for messages.
        help: builds the text of ``--help``.
        task: runs one job; a module-level function, so that a launcher's worker can import it.
        rank: returns a line for each job with a result in a sweep's folder, best first.
    """

    name: str
    what: str
    config: str
    schema: type[Config]
    budget: tuple[str, ...]
    example: str
    help: Callable[[], str]
    task: Callable[[DictConfig], Any]
    rank: Callable[[Path], list[str]]


def run_program(
    program: Program, prepare: Callable[[list[str]], list[str]] = lambda words: words
) -> NoReturn:
    """Run the command line; exit with status 0, 1 (nothing succeeded), 2 (a mistake) or 130.

    Args:
        program: the program to run.
        prepare: converts the user's words to Hydra's.
    """
    os.environ["HYDRA_FULL_ERROR"] = "1"  # else Hydra prints exceptions and exits
    sys.argv[1:] = sorted(sys.argv[1:], key=is_setting)  # Hydra requires settings after flags
    signal.signal(signal.SIGTERM, _interrupt)
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:  # ignored in background jobs
        signal.signal(signal.SIGINT, _interrupt)
    try:
        if {"--help", "-h"} & set(sys.argv):  # Hydra's own help slows down with every option
            print_long_text(program.help())
            sys.exit()
        if "--version" in sys.argv:
            print(f"{program.name} {version('nasframe')}")
            sys.exit()
        setting_errors.check_words(sys.argv[1:], program.schema, program.budget, program.example)
        register_configs(program.schema, f"{program.config}_schema")
        yaml.add_representer(type(Path()), lambda dumper, path: dumper.represent_str(str(path)))
        flags = [word for word in sys.argv[1:] if not is_setting(word)]
        words = complete_keys([word for word in sys.argv[1:] if is_setting(word)])
        sys.argv[1:] = prepare([*flags, *words])
        if {"--multirun", "-m"} & set(sys.argv):
            words = _defer_settings(sys.argv[1:], find_groups(program.schema))
            sys.argv[1:] = [*words, _exclude_keys(sys.argv[1:], program)]
        hydra.main("pkg://nasframe.conf", program.config, "1.3")(program.task)()
    except ProgramExit as ended:
        status = ended.status
    except KeyboardInterrupt:
        Sweep.print_summary(program)
        if Sweep.folder is not None:
            print(f"Interrupted: run the same command with dir={Sweep.folder} to resume")
        status = 130
    except SystemExit as stop:  # raised by Hydra; 2 means an unknown flag
        if stop.code == 2:
            print(f"Settings are given without dashes: {program.example}", file=sys.stderr)
        raise
    except Exception as error:
        Sweep.discard()
        status = report_error(program.name, error)
    else:
        status = Sweep.print_summary(program)
    _exit(status)


def _exit(status: int) -> NoReturn:
    """Exit, even if a child is in the middle of a long step.

    A child's thread cannot be stopped, and the interpreter would abort during a normal exit.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    if any(thread.name == THREAD for thread in threading.enumerate()):
        os._exit(status)
    sys.exit(status)


def _defer_settings(words: list[str], parts: Sequence[str]) -> list[str]:
    """Rewrite the settings of options as sweeps of one value, if a sweep is over options.

    Hydra first composes a configuration without the swept values, and would look up the settings
    in the default options.
    """
    parse = OverridesParser.create().parse_override
    found = {word: parse(word) for word in words if is_setting(word)}
    sweeps = {word for word, override in found.items() if override.is_sweep_override()}
    if not {found[word].key_or_group for word in sweeps} & {*parts, "experiment"}:
        return words
    single = {
        word
        for word in found.keys() - sweeps
        if found[word].key_or_group.partition(".")[0] in parts and re.search(r"\..*=.", word)
    }
    return [word.replace("=", "=choice(", 1) + ")" if word in single else word for word in words]


def _exclude_keys(words: list[str], program: Program) -> str:
    """Tell Hydra which settings are not part of a folder's name.

    These are budgets, and settings that may change when a study is resumed, unless swept over.
    """
    parse = OverridesParser.create().parse_override
    found = [parse(word) for word in words if is_setting(word)]
    free = {item.name for item in fields(program.schema) if item.metadata.get("free")}
    keys = {
        override.key_or_group
        for override in found
        if override.key_or_group.partition(".")[0] in free and not override.is_sweep_override()
    }
    names = ",".join(sorted({*program.budget, *keys}))
    return f"hydra.job.config.override_dirname.exclude_keys=[{names}]"


def is_setting(word: str) -> bool:
    """Return whether a word of the command line changes Hydra's configuration."""
    return word.startswith("~") or ("=" in word and not word.startswith("-"))


class ProgramExit(SystemExit):
    """Exit with a status other than 0, after the reason was printed."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


def _interrupt(signum: int, frame: FrameType | None) -> None:
    """Stop the job cleanly; a second SIGTERM is ignored, a second Ctrl-C exits at once."""
    signal.signal(signum, signal.SIG_IGN if signum == signal.SIGTERM else _exit_at_once)
    raise KeyboardInterrupt


def _exit_at_once(signum: int, frame: FrameType | None) -> NoReturn:
    """Exit without output; files are consistent at any moment."""
    if sys.stdout.isatty():
        os.write(sys.stdout.fileno(), b"\x1b[?25h\n")  # shows the cursor that the bar hid
    os._exit(130)


def register_configs(schema: type[Config] = StudyConfig, name: str = "study_schema") -> None:
    """Register the schema of a program and the options of every plugin with Hydra.

    Raises:
        NasframeError: if a plugin cannot be used.
    """
    store = ConfigStore.instance()
    store.store(name=name, node=schema, provider="nasframe")
    known = find_groups(schema)
    for group in set(known) & set(SEVERAL):
        store.store(NONE, {}, group, group, "nasframe")
    for item in options():
        if item.group not in known:
            continue
        package = f"{item.group}.{item.name}" if item.group in SEVERAL else None
        try:
            store.store(item.name, item.node, item.group, package, item.plugin)
        except OmegaConfBaseException as error:
            raise NasframeError(
                f"plugin {item.plugin!r}: {item.group}={item.name}: {get_first_line(error)}\n"
                f"Repair it, or skip it with NASFRAME_BLOCK={item.plugin}"
            ) from error


def folder_name(overrides: str) -> str:
    """Return a folder name for the overrides of one study of a sweep.

    It has no separators, at most 129 characters, and differs for different overrides.
    """
    name = quote(overrides, safe="+") or "default"
    if len(name) <= 120:
        return name
    return f"{name[:120]}-{sha256(overrides.encode()).hexdigest()[:8]}"


# On import: a launcher's worker imports only the module of a program's task.
OmegaConf.register_new_resolver("nasframe.expanduser", os.path.expanduser, replace=True)
OmegaConf.register_new_resolver("nasframe.folder_name", folder_name, replace=True)


class Sweep(Callback):
    """The sweep of the process that the user started.

    Jobs may run in other processes and on other machines; they report through files in their
    folders.
    """

    folder: ClassVar[Path | None] = None
    made: ClassVar[list[Path]] = []
    busy: ClassVar[bool] = False

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Remember the sweep's folder; delete the failures of an earlier sweep."""
        folder = Sweep.folder = Path(config.hydra.sweep.dir)
        Sweep.made = [path for path in (folder, *folder.parents) if not path.exists()]
        for old in folder.glob(f"*/{_FAILURE_FILE}"):
            old.unlink()

    @classmethod
    def print_summary(cls, program: Program) -> int:
        """Print the ranked results and the failures of a sweep; return the exit status."""
        if cls.folder is None:
            return 0
        print(f"The {program.what} in {cls.folder}, the best first:")
        for line in program.rank(cls.folder):
            print(line)
        found = sorted(cls.folder.glob(f"*/{_FAILURE_FILE}"))
        if found:
            print(f"{program.name}: {len(found)} failed:", file=sys.stderr)
        for path in found:
            failure = json.loads(path.read_text())
            print(f"  {failure['overrides']}: {failure['error']}", file=sys.stderr)
        return int(bool(found) or cls.busy)

    @classmethod
    def discard(cls) -> None:
        """Remove the files that Hydra created for a sweep that never started."""
        with suppress(OSError):
            if cls.folder and os.listdir(cls.folder) == ["multirun.yaml"]:
                (cls.folder / "multirun.yaml").unlink()
            for path in cls.made:
                path.rmdir()


def run_sweep_job(folder: Path, name: str, job: Callable[[], Result]) -> Result | None:
    """Run a job of a sweep; a failure is reported and does not stop the other jobs.

    Args:
        folder: the folder for the report of a failure.
        name: the job's overrides.
        job: the function to run.
    """
    try:
        return job()
    except Exception as error:
        message, _ = explain(error)
        print_exception(f"{name} failed: {message}", error)
        if isinstance(error, BusyError):  # another sweep uses the folder
            Sweep.busy = True
        else:
            text = json.dumps({"overrides": name, "error": message})
            write_atomically(folder / _FAILURE_FILE, text.encode())
        return None


def convert_values(cfg: DictConfig, schema: type[Config]) -> dict[str, Any]:
    """Return the values of a configuration by key, with groups as typed objects.

    Raises:
        NasframeError: if a value is out of bounds or a key unknown; the message has the full key.
    """
    found: dict[str, Any] = {item.name: cfg[item.name] for item in fields(schema)}
    nodes = {name: value for name, value in found.items() if isinstance(value, Container)}
    plain = {name: value for name, value in nodes.items() if name not in find_groups(schema)}
    found |= {name: OmegaConf.to_object(value) for name, value in plain.items()}
    for key in cfg:
        if key not in found:
            raise NasframeError(setting_errors.describe_unknown_key(str(key), schema))
    for group in find_groups(schema):
        parts = cfg[group]
        if group in SEVERAL:
            found[group] = {name: _to_object(parts[name], f"{group}.{name}") for name in parts}
        elif parts is not None:
            found[group] = _to_object(parts, group)
    return found


def _to_object(node: DictConfig, key: str) -> Any:
    config = OmegaConf.get_type(node)
    for name in map(str, node):  # with "+KEY=VALUE" OmegaConf accepts any key
        if name not in setting_errors.setting_fields(config):
            raise NasframeError(setting_errors.describe_unknown_key(f"{key}.{name}", config))
    try:
        return OmegaConf.to_object(node)
    except NasframeError as error:
        joint = "." if re.match(r"\w+=", str(error)) else ": "
        raise NasframeError(f"{key}{joint}{error}") from error
