"""The processor: what it is, and with how many of its threads torch computes."""

from __future__ import annotations

import platform
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def threads(count: int) -> Iterator[None]:
    """Compute with ``count`` CPU threads inside the block, in the calling thread.

    Results depend on it in the last bits.
    """
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def cores() -> int:
    """Count the cores that this process may use: those of its affinity, within a container's quota.

    ``LOKY_MAX_CPU_COUNT`` limits them, too.
    """
    import joblib  # it loads NumPy: a command that counts nothing does not wait for that

    return int(joblib.cpu_count())


def cpu_name() -> str:
    """The processor's model, as far as the operating system tells."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.machine())
