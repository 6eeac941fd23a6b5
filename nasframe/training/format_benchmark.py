"""A benchmark of number types and memory formats on this device."""

from __future__ import annotations

import time
from statistics import median

import torch
from torch import nn
from torch.nn import functional as F

from nasframe._support.system import threads
from nasframe.training.devices import find_device, seed_generators

BENCHMARK_FORMATS = {
    "float32 channels_first": (torch.float32, torch.contiguous_format),
    "float32 channels_last": (torch.float32, torch.channels_last),
    "bfloat16 channels_last": (torch.bfloat16, torch.channels_last),
}
"""Number type and memory format, by the name in the report."""

LAYERS = (
    (3, 16, 3, 1, 1),
    (16, 16, 3, 16, 2),
    (16, 32, 1, 1, 1),
    (32, 32, 3, 32, 2),
    (32, 64, 1, 1, 1),
    (64, 64, 5, 64, 1),
    (64, 64, 1, 1, 1),
)
"""Input channels, output channels, kernel, groups and stride of depthwise separable layers."""


def measure_formats(device: str = "auto", seconds: float = 2.0) -> dict[str, float]:
    """Measure a small network's training step on one thread, in milliseconds by format.

    Args:
        device: a value of ``evaluator.device``.
        seconds: duration of the measurement, after a warm-up.
    """
    place = find_device(device)
    with threads(1), seed_generators(0, place):
        steps = {name: _BenchmarkStep(place, *how) for name, how in BENCHMARK_FORMATS.items()}
        times: dict[str, list[float]] = {name: [] for name in steps}
        for step in steps.values():
            step.run()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            for name, step in steps.items():
                times[name].append(step.run())
    return {name: 1000 * median(values) for name, values in times.items()}


class _BenchmarkStep:
    """A training step of a small network on random images."""

    def __init__(
        self, device: torch.device, dtype: torch.dtype, memory_format: torch.memory_format
    ) -> None:
        layers: list[nn.Module] = []
        for channels, width, kernel, groups, stride in LAYERS:
            half = kernel // 2
            conv = nn.Conv2d(channels, width, kernel, stride, half, groups=groups, bias=False)
            layers += [conv, nn.BatchNorm2d(width), nn.ReLU()]
        network = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))
        self._network = network.to(device).to(memory_format=memory_format)
        self._optimizer = torch.optim.SGD(self._network.parameters(), lr=0.01, fused=True)
        x_NCHW = torch.randn(32, 3, 32, 32, device=device)
        self._x_NCHW = x_NCHW.contiguous(memory_format=memory_format)
        self._y_N = torch.arange(32, device=device) % 10
        self._autocast = torch.autocast(device.type, dtype, enabled=dtype is not torch.float32)

    def run(self) -> float:
        """Run one step, and return its seconds."""
        start = time.perf_counter()
        with self._autocast:
            loss = F.cross_entropy(self._network(self._x_NCHW), self._y_N)
        self._optimizer.zero_grad()
        torch.autograd.backward(loss)
        self._optimizer.step()
        next(self._network.parameters()).sum().item()  # waits for the device
        return time.perf_counter() - start
