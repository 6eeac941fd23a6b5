"""PyTorch as a runtime for latencies."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from nasframe._support.system import cpu_name, threads
from nasframe.errors import NasframeError
from nasframe.meters.latency.inputs import flush_denormals
from nasframe.meters.latency.malloc import keep_memory
from nasframe.meters.latency.runtimes import Runtime, format_count, join_words
from nasframe.training.compile import compile_apart

if TYPE_CHECKING:
    from torch import nn

    from nasframe.meters.latency.timing import TimedRun


class TorchRuntime(Runtime):
    """PyTorch in inference mode; the process then keeps freed memory, see ``malloc``.

    Args:
        device: ``cpu`` or ``cuda``.
        threads: CPU threads.
        precision: of weights, inputs and activations: ``float32``, ``bfloat16`` or ``float16``.
        channels_last: store images with their channels innermost in memory.
        compile: compile each network as one graph.

    Raises:
        NasframeError: if this machine lacks the device.
    """

    def __init__(
        self,
        device: str = "cpu",
        threads: int = 1,
        precision: str = "float32",
        channels_last: bool = False,
        compile: bool = False,
    ) -> None:
        if device == "cuda" and not torch.cuda.is_available():
            raise NasframeError(
                "device=cuda: torch finds no CUDA device on this machine; give device=cpu"
            )
        keep_memory()
        self._place = torch.device(device)
        self._threads = threads
        self._dtype: torch.dtype = getattr(torch, precision)
        self._format = torch.channels_last if channels_last else torch.contiguous_format
        self._compile = compile
        on_gpu = device == "cuda"
        self.device = join_words(
            torch.cuda.get_device_name() if on_gpu else cpu_name(),
            format_count(threads, "thread"),
            f"torch {torch.__version__}",
            f"CUDA {torch.version.cuda}" if on_gpu else None,
            precision,
            "channels last" if channels_last else None,
            "compiled" if compile else None,
        )

    def prepare(self, network: nn.Module, inputs: tuple[Any, ...]) -> TimedRun:
        """Move the network to the device and run it once, to compile it and surface errors."""
        network = network.to(self._place, self._dtype).to(memory_format=self._format)
        arguments = [self._place_argument(value) for value in inputs]
        call = compile_apart(network, fullgraph=True) if self._compile else network
        time_runs = _time_by_events if self._place.type == "cuda" else _time_by_clock

        def run(repeats: int) -> float:
            with torch.inference_mode(), threads(self._threads), flush_denormals():
                return time_runs(partial(call, *arguments), repeats)

        run(1)
        return run

    def _place_argument(self, value: Any) -> Any:
        if not isinstance(value, Tensor):
            return value
        if not value.is_floating_point():
            return value.to(self._place)
        value = value.to(self._place, self._dtype)
        return value.contiguous(memory_format=self._format) if value.ndim == 4 else value


def _time_by_clock(call: Callable[[], object], repeats: int) -> float:
    start = time.perf_counter()
    for _ in range(repeats):
        call()
    return time.perf_counter() - start


def _time_by_events(call: Callable[[], object], repeats: int) -> float:
    """Time runs by the GPU's clock, in seconds; each run waits for the previous run."""
    start, end = torch.cuda.Event(True), torch.cuda.Event(True)  # type: ignore[no-untyped-call]
    milliseconds = 0.0
    for _ in range(repeats):
        torch.cuda.synchronize()
        start.record()
        call()
        end.record()
        end.synchronize()
        milliseconds += start.elapsed_time(end)
    return milliseconds / 1000
