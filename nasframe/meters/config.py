"""Settings of the meters."""

from __future__ import annotations

import re
import shlex
from abc import ABC
from dataclasses import MISSING, dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING

from nasframe.api.config import MeterConfig, setting
from nasframe.errors import NasframeError

if TYPE_CHECKING:
    from nasframe.api.parts import Meter, SearchSpace, Task
    from nasframe.meters.latency.runtimes import Runtime


@dataclass(kw_only=True)
class SizeConfig(MeterConfig):
    """Number of parameters and multiply-adds, bytes of weights and activations."""

    def build(self, space: SearchSpace, task: Task) -> Meter:
        """Build the meter."""
        from nasframe.meters.size import SizeMeter

        return SizeMeter(space, task)


class Place(Enum):
    """Kind of device on which networks run."""

    cpu = "cpu"
    cuda = "cuda"


class Precision(Enum):
    """Number format of weights, inputs and activations."""

    float32 = "float32"
    bfloat16 = "bfloat16"
    float16 = "float16"


@dataclass(kw_only=True)
class LatencyConfig(MeterConfig, ABC):
    """Settings shared by the latencies measured on this machine.

    Attributes:
        device: ``cpu`` or ``cuda``.
        threads: CPU threads of a network.
        batch: inputs per run; ``latency_ms`` is for the whole batch.
        interval: relative width of the 95 % interval of ``latency_ratio`` at which a measurement
            stops.
        seconds: maximum time of a measurement.
    """

    device: Place = Place.cpu
    threads: int = setting(1, least=1)
    batch: int = setting(1, least=1)
    interval: float = setting(0.02, above=0)
    seconds: float = setting(5.0, above=0)

    def meter(self, runtime: Runtime, space: SearchSpace, task: Task) -> Meter:
        """Build the meter of a runtime."""
        from nasframe.meters.latency.meter import LatencyMeter

        return LatencyMeter(
            runtime, space, task, batch=self.batch, interval=self.interval, seconds=self.seconds
        )


@dataclass(kw_only=True)
class TorchConfig(LatencyConfig):
    """Latency in PyTorch's inference mode, in ms and as a multiple of a reference network's.

    Attributes:
        precision: of weights, inputs and activations; ``float16`` needs ``device=cuda``.
        channels_last: store images with their channels innermost in memory.
        compile: compile each network as one graph; takes seconds to minutes per network.
    """

    precision: Precision = Precision.float32
    channels_last: bool = False
    compile: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.precision is Precision.float16 and self.device is Place.cpu:
            raise NasframeError("precision=float16: must be float32 or bfloat16 with device=cpu")

    def build(self, space: SearchSpace, task: Task) -> Meter:
        """Build the meter."""
        from nasframe.meters.latency.torch_runtime import TorchRuntime

        runtime = TorchRuntime(
            self.device.value,
            self.threads,
            self.precision.value,
            channels_last=self.channels_last,
            compile=self.compile,
        )
        return self.meter(runtime, space, task)


@dataclass(kw_only=True)
class OnnxConfig(LatencyConfig):
    """Latency in ONNX Runtime, in ms and as a multiple of a reference network's."""

    def build(self, space: SearchSpace, task: Task) -> Meter:
        """Build the meter."""
        from nasframe.meters.latency.onnx_runtime import OnnxRuntime

        runtime = OnnxRuntime(self.device.value, self.threads)
        return self.meter(runtime, space, task)


@dataclass(kw_only=True)
class CommandConfig(MeterConfig):
    """Latency from your own program, which runs an ONNX file on any device.

    No shell runs it. A trial fails if the program exits with a status other than 0, takes too long
    or prints no number.

    Attributes:
        command: the program and its arguments; ``{model}`` stands for the file.
        pattern: a regular expression whose last match in the output, or the first group of that
            match, is the milliseconds; null takes the last number.
        timeout: maximum seconds of one run of the program.
        batch: inputs per run.
        device: name of the measured device, for example ``Pixel 1``; null takes ``command``. A
            study resumes only with the same device.
    """

    command: str = setting(MISSING)
    pattern: str | None = None
    timeout: float = setting(60.0, above=0)
    batch: int = setting(1, least=1)
    device: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        try:
            words = shlex.split(self.command)
        except ValueError as error:
            raise NasframeError(f"command={self.command}: {error}") from error
        if not any("{model}" in word for word in words[1:]):
            raise NasframeError(
                f"command={self.command}: must be a program with {{model}} in its arguments"
            )
        try:
            re.compile(self.pattern or "")
        except re.error as error:
            raise NasframeError(
                f"pattern={self.pattern}: must be a regular expression: {error}"
            ) from error

    def build(self, space: SearchSpace, task: Task) -> Meter:
        """Build the meter."""
        from nasframe.meters.command import CommandMeter

        return CommandMeter(
            space,
            task,
            command=self.command,
            pattern=self.pattern,
            timeout=self.timeout,
            batch=self.batch,
            device=self.device,
        )


@dataclass(kw_only=True)
class TableConfig(MeterConfig):
    """Latency from a table of blocks, for search spaces whose networks are chains of blocks.

    Attributes:
        path: the table, written by ``nasframe-latency --table``.
    """

    path: Path = setting(MISSING)

    def build(self, space: SearchSpace, task: Task) -> Meter:
        """Build the meter."""
        from nasframe.meters.table import TableMeter

        return TableMeter(Path(self.path).expanduser(), space, task)
