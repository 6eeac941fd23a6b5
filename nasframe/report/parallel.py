"""Work on many studies, in several processes if they are many, with a bar on the terminal."""

from __future__ import annotations

import signal
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
"""So many studies are read sooner than processes start."""


def each(work: Callable[[Path], Found], folders: Sequence[Path], title: str) -> list[Found]:
    """What a function finds in each folder, in their order.

    Args:
        work: a function of a module, or a partial of one; what it returns can be pickled.
        folders: of studies.
        title: what is done, for the bar.

    Raises:
        NasframeError: if one of the processes was killed.
    """
    if len(folders) <= _SERIAL_LIMIT:
        return list(_track(map(work, folders), len(folders), title))
    workers = min(count_cores(), len(folders))
    with ProcessPoolExecutor(workers, get_context("spawn")) as pool:
        try:
            # Not by map: it cancels what is left, and the pool complains of that when it is ended.
            with _block_ctrl_c():
                futures = [pool.submit(work, folder) for folder in folders]
            return list(_track((f.result() for f in futures), len(folders), title))
        except BrokenProcessPool as error:
            reason = "a process that read studies was killed: is memory short?"
            raise NasframeError(reason) from error
        except BaseException:
            for process in active_children():  # which would be waited for
                process.terminate()
            raise


@contextmanager
def _block_ctrl_c() -> Iterator[None]:
    """Ctrl-C waits until the block ends, and never reaches the processes that are started in it.

    One that is interrupted while it starts would complain; this process ends them all.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _track(results: Iterable[Found], total: int, title: str) -> Iterable[Found]:
    console = Console(stderr=True)
    hidden = not console.is_terminal
    return track(results, title, total, console=console, transient=True, disable=hidden)
