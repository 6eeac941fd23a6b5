"""What happens in an actor on Ray: it is set up once, and then runs one step after the other."""

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
from nasframe.executors.process_worker import DEVICES
from nasframe.executors.serial import SerialExecutor
from nasframe.storage.journal import FILE
from nasframe.storage.weights import weights_path


class End(NamedTuple):
    """The end of a step.

    Attributes:
        result: what it gave.
        weights: the file of weights that the child has left, if the study's folder is not here.
    """

    result: Result
    weights: bytes | None


class Surroundings(NamedTuple):
    """What of the driver's process a worker shares, as far as it has it.

    Attributes:
        cwd: where paths in the configuration may begin.
        path: where modules are.
        header: the first line of the study's journal, by which the study's folder is known.
        gpus: whether the worker may see GPUs.
    """

    cwd: str
    path: list[str]
    header: bytes
    gpus: bool


class Place:
    """A worker that steps through its work as the driver asks it to.

    Args:
        surroundings: of the driver.
        pickled: the parts of which the worker is built; their folder is absolute.
    """

    def __init__(self, surroundings: Surroundings, pickled: bytes) -> None:
        if not surroundings.gpus:  # Ray itself does not hide them
            os.environ[DEVICES] = ""
        with suppress(OSError):
            os.chdir(surroundings.cwd)
        sys.path += [folder for folder in surroundings.path if folder not in sys.path]
        parts: Parts = pickle.loads(pickled)
        self._apart = first_line(parts.folder) != surroundings.header
        if self._apart:
            self._scratch = tempfile.TemporaryDirectory()
            parts = replace(parts, folder=Path(self._scratch.name))
        self._folder = parts.folder
        # Of its limits the driver takes care: it can end this process.
        self._executor = SerialExecutor(replace(parts, trial_timeout=None))
        self._job = (0, Step.MEASURE, tuple[int, ...]())

    def prepare(self) -> str:
        """Import what is needed, and load the data; returns the node on which this is."""
        import ray

        self._executor.ready.wait()
        return str(ray.get_runtime_context().get_node_id())

    def take(self, number: int, step: Step, tokens: tuple[int, ...]) -> None:
        """Take a step up, without beginning: the driver learns first that this worker is there."""
        self._job = number, step, tokens

    def begin(self) -> Report | End:
        """Begin the step; returns its first report, or its end."""
        self._executor.submit(*self._job)
        return self._next()

    def reply(self, go_on: bool) -> Report | End:
        """Answer the last report; returns the next one, or the end of the step."""
        self._executor.reply(self._job[0], go_on)
        return self._next()

    def _next(self) -> Report | End:
        (message,) = self._executor.wait()
        return End(message, self._weights()) if isinstance(message, Result) else message

    def _weights(self) -> bytes | None:
        file = weights_path(self._folder, self._job[0])
        if not self._apart or not file.is_file():
            return None
        data = file.read_bytes()
        file.unlink()
        return data


def first_line(folder: Path) -> bytes:
    """The first line of the journal in a folder; empty if there is none."""
    with suppress(OSError), (folder / FILE).open("rb") as file:
        return file.readline()
    return b""
