"""The environment of a child's training: its device, random generators and variables."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from nasframe.errors import NasframeError


def find_device(name: str, setting: str = "evaluator.device") -> torch.device:
    """Return the device, with its index, for ``auto``, ``cpu``, ``cuda:1``, ``mps`` and the like.

    Raises:
        NasframeError: if this machine has no such device.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    counts = {
        "cpu": 1,
        "cuda": torch.cuda.device_count(),
        "mps": int(torch.backends.mps.is_available()),
    }
    kind, _, index = name.partition(":")
    index = index or "0"
    if not index.isdecimal() or int(index) >= counts.get(kind, 0):
        found = [f"{kind}:{i}" for kind, count in counts.items() for i in range(count)]
        raise NasframeError(f"{setting}={name}: this machine has {', '.join(found)}")
    return torch.device("cpu") if kind == "cpu" else torch.device(kind, int(index))


@contextmanager
def seed_generators(seed: int, device: torch.device) -> Iterator[None]:
    """Seed the global generators of the CPU and the device; restore them after the block."""
    on_gpu = device.type == "cuda"
    with torch.random.fork_rng([device] if on_gpu else []):
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            torch.cuda.default_generators[device.index or 0].manual_seed(seed)
        yield


def check_environment() -> None:
    """Refuse environment variables that override the settings of Lightning's Trainer.

    Raises:
        NasframeError: if one is set; the message names it.
    """
    for name in os.environ:
        if name.startswith("PL_TRAINER_"):
            raise NasframeError(f"{name} is set and would change how children train: unset {name}")
