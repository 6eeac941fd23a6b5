"""The processor: its name, its cores, and the number of threads that torch uses."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Compute with ``count`` CPU threads inside the block, in the calling thread.

    The number changes results in their last bits.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def count_cores() -> int:
    """Count the cores that this process may use: its affinity, within a container's quota.

    ``LOKY_MAX_CPU_COUNT`` is a further limit.
    """
    import joblib  # loads NumPy, which commands that count nothing should not wait for

    return int(joblib.cpu_count())


def cpu_name() -> str:
    """Return the processor's model, as far as the operating system knows it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
