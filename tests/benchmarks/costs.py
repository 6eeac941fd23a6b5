"""What children cost on a CPU: the figures of docs/presets.md and docs/data.md.

Run with OMP_NUM_THREADS=1 on a quiet machine: ``python tests/benchmarks/costs.py``.
"""

from __future__ import annotations

import random
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import mean, median
from typing import Any

import torch
from torch.nn.functional import cross_entropy

from nasframe import Architecture, SearchSpace, option, read_result
from nasframe.storage.network_folder import Shape

TRIALS = 6
DRAWN = 3

SMALL = (
    "quick",
    "nas_cifar10_small",
    "nas_ptb_small",
    "nasnet_cifar10_small",
    "mnasnet_imagenet_small",
    "mnasnet_cells_small",
)
"""Presets that run as they are."""

CELLS: dict[str, Any] = {"skeleton": "imagenet", "cells": 1, "filters": 32, "stem_multiplier": 1}
NARROW: dict[str, Any] = {"width": 0.5, "stem_stride": 1, "strides": [1, 1, 2, 2, 1, 2, 1]}
IMAGES: list[tuple[int, str, dict[str, Any], int]] = [
    (8, "nasnet_small", {}, 64),
    (32, "nasnet_small", {}, 64),
    (32, "mnasnet", NARROW, 64),
    (32, "nasnet", {"cells": 1, "filters": 16}, 32),
    (32, "nasnet", {}, 16),
    (64, "nasnet", CELLS, 32),
    (64, "mnasnet", {}, 32),
    (224, "mnasnet", {"width": 0.5}, 4),
    (224, "nasnet", CELLS, 4),
    (224, "mnasnet", {}, 4),
]
"""The table of docs/data.md: the side of the images, the space, its settings, the batch."""

PTB: dict[str, Any] = {"base": 8, "layers": 2, "tied": False, "parameters": 20_000_000}
FULL: dict[str, tuple[str, dict[str, Any], int, int]] = {
    "nas_cifar10, 6 layers": ("nas_cnn", {"layers": 6}, 32, 64),
    "nas_cifar10, 20 layers": ("nas_cnn", {"layers": 20}, 32, 64),
    "nas_ptb": ("nas_rnn", PTB, 0, 20),
    "nasnet_cifar10": ("nasnet", {"cells": 2, "filters": 32}, 32, 32),
    "mnasnet_imagenet": ("mnasnet", {"flavour": "google"}, 224, 8),
    "mnasnet_cells": ("nasnet", {"skeleton": "imagenet", "cells": 4, "filters": 44}, 224, 8),
}
"""Steps of the papers' children: the space, its settings, the side (0: words), the batch."""


def drawn(space: SearchSpace, seed: int) -> Architecture:
    draw = random.Random(seed)
    return Architecture(tuple(draw.randrange(len(c.options)) for c in space.choices))


def step(space: SearchSpace, shape: Shape, batch: int, seed: int) -> float:
    """CPU seconds of a training step of a random architecture, after one that warms up."""
    torch.manual_seed(seed)
    network = space.build(drawn(space, seed), shape).train()
    if shape.kind == "image":
        network = network.to(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), 1e-3, momentum=0.9)
    inputs, targets = data(shape, batch)
    for _ in range(2):
        start = time.process_time()
        given = network(*inputs)
        logits = given[0] if isinstance(given, tuple) else given
        loss = cross_entropy(logits.flatten(0, -2), targets)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    return time.process_time() - start


def data(shape: Shape, batch: int) -> tuple[tuple[Any, ...], torch.Tensor]:
    """Random images, or 35 words of each of some texts, and what is to be found."""
    if shape.kind == "sequence":
        words_TB = torch.randint(shape.outputs, (35, batch))
        return (words_TB, None), words_TB.flatten()
    x = torch.rand(batch, *shape.input_shape).to(memory_format=torch.channels_last)
    return (x,), torch.randint(shape.outputs, (batch,))


def steps(name: str, settings: dict[str, Any], side: int, batch: int) -> float:
    config = option("search_space", name, **settings)
    channels = 1 if side == 8 else 3
    shape = Shape("image", (channels, side, side), 1000 if side == 224 else 10)
    if side == 0:
        shape = Shape("sequence", (), 10_000)
    return median(step(config.build(), shape, batch, seed) for seed in range(DRAWN))


def trial(experiment: str) -> float:
    """Seconds of a trial of a preset: measured, trained and validated."""
    with tempfile.TemporaryDirectory() as folder:
        words = [f"experiment={experiment}", f"trials={TRIALS}", "executor=serial", "dir=it"]
        command = [sys.executable, "-m", "nasframe", *words]
        subprocess.run(command, cwd=folder, check=True, stdout=subprocess.DEVNULL)
        trials = read_result(Path(folder) / "it").trials
    return mean(one.seconds for one in trials if one.duplicate_of is None)


def main() -> None:
    torch.set_num_threads(1)
    print("Seconds for 1,000 images: one training epoch")
    for side, name, settings, batch in IMAGES:
        seconds = steps(name, settings, side, batch) / batch * 1000
        print(f"{side:4} {name:13} {settings!s:90} {seconds:8.2g}")
    print("Seconds a step of the papers' children")
    for name, given in FULL.items():
        print(f"{name:24} {steps(*given):6.2g}")
    print("Seconds a trial of the small presets")
    for experiment in SMALL:
        print(f"{experiment:24} {trial(experiment):6.2g}", flush=True)


if __name__ == "__main__":
    main()
