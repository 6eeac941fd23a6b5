"""Load of the machine by other processes."""

from __future__ import annotations

import time

import psutil

CONTENDED_CORES = 0.2
"""Load in cores above which a latency counts as disturbed; an idle machine stays below 0.1."""


class OtherLoad:
    """Meter of the CPU time used by other processes since its construction.

    Steal time, which the host of a virtual machine gives to other machines, counts as well.
    """

    def __init__(self) -> None:
        self._start = _read_clocks()

    def cores(self) -> float:
        """Return the mean number of busy cores; the underlying clock ticks every 10 ms."""
        seconds, busy, own = (b - a for a, b in zip(self._start, _read_clocks(), strict=True))
        return max(0.0, (busy - own) / seconds)


def _read_clocks() -> tuple[float, float, float]:
    """Return wall time, busy time of all cores and CPU time of this process, in seconds."""
    times = psutil.cpu_times()._asdict()
    # User and nice already include the guest times.
    idle = sum(times.get(kind, 0.0) for kind in ("idle", "iowait", "guest", "guest_nice"))
    return time.perf_counter(), sum(times.values()) - idle, time.process_time()
