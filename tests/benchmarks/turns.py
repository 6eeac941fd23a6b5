"""Two contenders that take turns in one process: what the benchmarks share."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from statistics import median


def head(what: str) -> None:
    """Print the head of the table that ``compare`` prints."""
    print(f"{what:<60}{'first':>9}{'second':>9}{'ratio':>7}")


def compare(title: str, contenders: Sequence[Callable[[], None]], repeats: int) -> None:
    """Print the CPU time of two contenders in ms, and their ratio, medians over the repeats."""
    times: list[list[float]] = [[] for _ in contenders]
    for turn in range(repeats + 2):
        for contender, seconds in zip(contenders, times, strict=True):
            start = time.process_time()
            contender()
            if turn > 1:  # the first turns warm up
                seconds.append(time.process_time() - start)
    ratio = median(a / b for a, b in zip(*times, strict=True))
    a, b = (1000 * median(seconds) for seconds in times)
    print(f"{title:<60}{a:>9.1f}{b:>9.1f}{ratio:>7.2f}", flush=True)
