"""Process many studies in parallel, with a progress bar on the terminal."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import active_children, get_context
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.progress import track

from nasframe._support.system import count_cores
from nasframe.errors import NasframeError

Found = TypeVar("Found")

_SERIAL_LIMIT = 8
"""Up to this many studies are read faster than processes start."""


def map_folders(work: Callable[[Path], Found], folders: Sequence[Path], title: str) -> list[Found]:
    """Apply a function to each folder and return the results in the same order.

    Args:
        work: a module-level function or a partial of it; its results must be picklable.
        folders: folders of studies.
        title: the label of the progress bar.

    Raises:
        NasframeError: if one of the processes was killed.
    """
    if len(folders) <= _SERIAL_LIMIT:
        return list(_track(map(work, folders), len(folders), title))
    workers = min(count_cores(), len(folders))
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        try:
            # Not map: it cancels pending work, and the pool prints errors about that when it stops.
            with _block_ctrl_c():
                futures = [pool.submit(work, folder) for folder in folders]
            return list(_track((f.result() for f in futures), len(folders), title))
        except BrokenProcessPool as error:
            reason = "a process that read studies was killed, perhaps for lack of memory"
            raise NasframeError(reason) from error
        except BaseException:
            for process in active_children():  # the pool would wait for them
                process.terminate()
            raise


@contextmanager
def _block_ctrl_c() -> Iterator[None]:
    """Delay Ctrl-C until the block ends, and hide it from processes started in the block.

    A process interrupted while it starts would print a traceback; this process ends them all.
    """
    interrupts: list[int] = []
    main = threading.current_thread() is threading.main_thread()
    # The mask is this thread's and its children's; another thread may still get the signal.
    before = (
        signal.signal(signal.SIGINT, lambda number, _: interrupts.append(number)) if main else 0
    )
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        if main:
            signal.signal(signal.SIGINT, before)
    if interrupts:
        raise KeyboardInterrupt


def _track(results: Iterable[Found], total: int, title: str) -> Iterable[Found]:
    console = Console(stderr=True)
    hidden = not console.is_terminal
    return track(results, title, total, console=console, transient=True, disable=hidden)
