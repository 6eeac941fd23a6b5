"""What surrounds a child's training: its device, its threads and its random numbers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from nasframe.errors import NasframeError


def find_device(name: str) -> torch.device:
    """The device of a name such as ``auto``, ``cpu``, ``cuda:1`` or ``mps``, with its index.

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
        there = [f"{kind}:{i}" for kind, count in counts.items() for i in range(count)]
        raise NasframeError(f"device={name}: this machine has {', '.join(there)}")
    return torch.device("cpu") if kind == "cpu" else torch.device(kind, int(index))


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Compute with ``count`` CPU threads inside the block, in the calling thread."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seed torch's global generators inside the block; outside they go on as if it were not."""
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        yield
