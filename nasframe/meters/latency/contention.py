"""How busy the machine was with other things."""

from __future__ import annotations

import time

import psutil

MUCH = 0.2
"""From so many cores a latency counts as disturbed; what a machine does by itself is below 0.1."""


class OtherLoad:
    """Counts, from when it is made, what other processes and other machines take.

    A virtual machine counts the time that its host gives to others (*steal*) as its own: it
    counts here, too.
    """

    def __init__(self) -> None:
        self._start = _now()

    def cores(self) -> float:
        """How many cores they kept busy on average; their clock ticks every 10 ms."""
        seconds, busy, own = (b - a for a, b in zip(self._start, _now(), strict=True))
        return max(0.0, (busy - own) / seconds)


def _now() -> tuple[float, float, float]:
    """Seconds of the clock, and of all cores: how long they were busy, how long with this."""
    times = psutil.cpu_times()._asdict()
    # Guests are part of what is counted as user and nice.
    idle = sum(times.get(kind, 0.0) for kind in ("idle", "iowait", "guest", "guest_nice"))
    return time.perf_counter(), sum(times.values()) - idle, time.process_time()
