"""The actor's side of the Ray executor: set up once, then run one step after the other."""

from __future__ import annotations

import os
import pickle
import sys
import tempfile
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from nasframe.api.config import Parts
from nasframe.api.types import Report, Result, Step
from nasframe.executors.process_worker import DEVICES_VARIABLE
from nasframe.executors.serial import SerialExecutor
from nasframe.storage.journal import JOURNAL_FILE
from nasframe.storage.weights import weights_path


class StepEnd(NamedTuple):
    """The end of a step.

    Attributes:
        result: its result.
        weights: the content of the child's weights file, if the study's folder is not shared.
    """

    result: Result
    weights: bytes | None


class DriverEnvironment(NamedTuple):
    """The environment of the driver's process, which a worker copies as far as it can.

    Attributes:
        cwd: the working folder, for relative paths in the configuration.
        path: the search path of modules.
        header: the first line of the study's journal, which identifies the study's folder.
        gpus: whether the worker may see GPUs.
    """

    cwd: str
    path: list[str]
    header: bytes
    gpus: bool


class RayWorker:
    """A worker in an actor; the driver calls its methods.

    Args:
        environment: that of the driver.
        pickled: the pickled configs of the parts; their folder is absolute.
    """

    def __init__(self, environment: DriverEnvironment, pickled: bytes) -> None:
        if not environment.gpus:  # Ray itself does not hide them
            os.environ[DEVICES_VARIABLE] = ""
        with suppress(OSError):
            os.chdir(environment.cwd)
        sys.path += [folder for folder in environment.path if folder not in sys.path]
        parts: Parts = pickle.loads(pickled)
        self._folder_is_remote = read_first_line(parts.folder) != environment.header
        if self._folder_is_remote:
            self._scratch = tempfile.TemporaryDirectory()
            parts = replace(parts, folder=Path(self._scratch.name))
        self._folder = parts.folder
        # The driver enforces the time limit: it can end this process.
        self._executor = SerialExecutor(replace(parts, trial_timeout=None))
        self._step = (0, Step.MEASURE, tuple[int, ...]())

    def prepare(self) -> str:
        """Import dependencies and load the data; return the id of this node."""
        import ray

        self._executor.ready.wait()
        return str(ray.get_runtime_context().get_node_id())

    def take(self, number: int, step: Step, tokens: tuple[int, ...]) -> None:
        """Accept a step without starting it: the answer shows the driver that the actor lives."""
        self._step = number, step, tokens

    def start(self) -> Report | StepEnd:
        """Start the accepted step; return its first report, or its end."""
        self._executor.submit(*self._step)
        return self._wait_for_message()

    def reply(self, go_on: bool) -> Report | StepEnd:
        """Answer the last report; return the next one, or the end of the step."""
        self._executor.reply(self._step[0], go_on)
        return self._wait_for_message()

    def _wait_for_message(self) -> Report | StepEnd:
        (message,) = self._executor.wait()
        return StepEnd(message, self._take_weights()) if isinstance(message, Result) else message

    def _take_weights(self) -> bytes | None:
        file = weights_path(self._folder, self._step[0])
        if not self._folder_is_remote or not file.is_file():
            return None
        data = file.read_bytes()
        file.unlink()
        return data


def read_first_line(folder: Path) -> bytes:
    """Read the first line of the journal in a folder; empty if there is no journal."""
    with suppress(OSError), (folder / JOURNAL_FILE).open("rb") as file:
        return file.readline()
    return b""
