"""ONNX Runtime as a runtime for latencies."""

from __future__ import annotations

import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from torch import Tensor

from nasframe._support.system import cpu_name
from nasframe.errors import NasframeError
from nasframe.meters.latency.inputs import flush_denormals
from nasframe.meters.latency.onnx_files import require_packages, write_onnx
from nasframe.meters.latency.runtimes import Runtime, format_count, join_words

if TYPE_CHECKING:
    from torch import nn

    from nasframe.meters.latency.timing import TimedRun

PROVIDERS = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}


class OnnxRuntime(Runtime):
    """ONNX Runtime: sequential operations, all graph optimizations, float32.

    Args:
        device: ``cpu`` or ``cuda``.
        threads: CPU threads within an operation.

    Raises:
        NasframeError: if ONNX Runtime is not installed or does not support the device.
    """

    def __init__(self, device: str = "cpu", threads: int = 1) -> None:
        require_packages("onnx", "onnxruntime")
        import onnxruntime

        self._ort = onnxruntime
        self._place = device
        if PROVIDERS[device] not in onnxruntime.get_available_providers():
            raise NasframeError(
                f"device={device}: this ONNX Runtime has no {PROVIDERS[device]}: "
                "pip install onnxruntime-gpu in place of onnxruntime"
            )
        self._threads = threads
        self.device = join_words(
            self._gpu_name() if device == "cuda" else cpu_name(),
            format_count(threads, "thread"),
            f"ONNX Runtime {onnxruntime.__version__}",
            "float32",
        )

    def prepare(self, network: nn.Module, inputs: tuple[Any, ...]) -> TimedRun:
        """Export the network to ONNX and load it into a session."""
        with TemporaryDirectory() as folder, flush_denormals():
            path = Path(folder) / "model.onnx"
            write_onnx(network, inputs, path)
            session = self._open_session(path)
        binding = session.io_binding()
        tensors = [value for value in inputs if isinstance(value, Tensor)]
        for node, tensor in zip(session.get_inputs(), tensors, strict=True):
            value = self._ort.OrtValue.ortvalue_from_numpy(tensor.numpy(), self._place, 0)
            binding.bind_ortvalue_input(node.name, value)
        for node in session.get_outputs():
            binding.bind_output(node.name, self._place)

        def run(repeats: int) -> float:
            with flush_denormals():
                start = time.perf_counter()
                for _ in range(repeats):
                    session.run_with_iobinding(binding)
                return time.perf_counter() - start

        return run

    def _open_session(self, path: Path) -> Any:
        options = self._ort.SessionOptions()
        options.intra_op_num_threads = self._threads
        options.execution_mode = self._ort.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 3  # errors only; warnings do not concern a study
        # Set for all its threads and the calling thread, even after the session ends.
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        provider = PROVIDERS[self._place]
        session = self._ort.InferenceSession(path, options, providers=[provider])
        if session.get_providers()[0] != provider:  # otherwise the CPU would be measured
            raise NasframeError(f"device={self._place}: ONNX Runtime cannot load its {provider}")
        return session

    def _gpu_name(self) -> str:
        import torch

        return torch.cuda.get_device_name() if torch.cuda.is_available() else "unknown GPU"
