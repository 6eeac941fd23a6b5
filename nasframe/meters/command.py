"""Latency measured by a program of the user, for example on a phone."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import time
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.util import Finalize
from pathlib import Path
from subprocess import PIPE, Popen, TimeoutExpired
from tempfile import TemporaryDirectory

from nasframe.api.parts import Meter, SearchSpace, Task
from nasframe.api.types import Architecture, Context, Metrics
from nasframe.errors import NasframeError
from nasframe.meters.latency.inputs import draw_inputs
from nasframe.meters.latency.meter import build_seeded
from nasframe.meters.latency.onnx_files import require_packages, write_onnx
from nasframe.storage.locks import exclusive_lock

NUMBER = r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"

POLL_SECONDS = 0.2
"""Seconds between two checks whether the study has cancelled the trial."""


class CommandMeter(Meter):
    """Passes an ONNX file to a program and parses milliseconds from its output.

    Args:
        space: builds the networks.
        task: gives the shape of their inputs.
        command: the program and its arguments; ``{model}`` stands for the file.
        pattern: a regular expression for the milliseconds; ``None`` takes the last number.
        timeout: maximum seconds of one run of the program.
        batch: inputs per run.
        device: name of the measured device; ``None`` takes ``command``.

    Raises:
        NasframeError: if the program or the package for ONNX files is not installed.
    """

    provides = ("latency_ms",)

    def __init__(
        self,
        space: SearchSpace,
        task: Task,
        *,
        command: str,
        pattern: str | None,
        timeout: float,
        batch: int,
        device: str | None,
    ) -> None:
        require_packages("onnx")
        program = shlex.split(command)[0]
        if shutil.which(program) is None:
            raise NasframeError(f"command={command}: program {program} not found")
        self.device = device or command
        self._words = shlex.split(command)
        self._pattern = pattern
        self._timeout = timeout
        self._batch = batch
        self._space = space
        self._task = task

    def measure(self, architecture: Architecture, context: Context) -> Metrics:
        """Export the network and run the program on the file.

        Raises:
            RuntimeError: if the program fails or prints no number.
            TimeoutError: if the program takes longer than ``timeout``.
        """
        network = build_seeded(self._space, architecture, self._task, context.seed)
        with TemporaryDirectory() as folder:
            model = Path(folder) / "model.onnx"
            write_onnx(network, draw_inputs(self._task, self._batch), model)
            with exclusive_lock():
                output = run_device_program(
                    [word.replace("{model}", str(model)) for word in self._words],
                    self._timeout,
                    context.cancelled,
                )
        return {"latency_ms": find_last_number(output, self._pattern)}


def run_device_program(words: list[str], timeout: float, cancelled: Callable[[], bool]) -> str:
    """Run a program and return its standard output.

    Raises:
        RuntimeError: if it fails, with the last line of its errors; or if the trial is cancelled.
        TimeoutError: if it takes longer than ``timeout`` seconds.
    """
    end = time.monotonic() + timeout
    # A session of its own: the program and its children can be killed together.
    with Popen(words, stdout=PIPE, stderr=PIPE, text=True, start_new_session=True) as process:
        # A terminated worker process runs finalizers, but raises no exception here.
        guard = Finalize(process, _kill, args=(process.pid,), exitpriority=10)
        try:
            while True:
                try:
                    output, errors = process.communicate(timeout=POLL_SECONDS)
                    break
                except TimeoutExpired:
                    if cancelled():
                        raise RuntimeError("cancelled") from None
                    if time.monotonic() > end:
                        raise TimeoutError(f"{words[0]} took longer than {timeout:g} s") from None
        except BaseException:
            guard()
            raise
        guard.cancel()
    if process.returncode != 0:
        last = (errors.strip().splitlines() or ["it printed no error"])[-1]
        raise RuntimeError(f"{words[0]} exited with status {process.returncode}: {last}")
    return output


def _kill(group: int) -> None:
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)


def find_last_number(output: str, pattern: str | None) -> float:
    """Return the milliseconds from the output of a program: the last match.

    Raises:
        RuntimeError: if nothing matches.
    """
    matches = list(re.finditer(pattern or NUMBER, output))
    if not matches:
        wanted = "no number" if pattern is None else f"nothing that matches {pattern!r}"
        raise RuntimeError(f"the command printed {wanted}; its output ends with {output[-80:]!r}")
    last_match = matches[-1]
    return float(last_match[1] if last_match.re.groups else last_match[0])
