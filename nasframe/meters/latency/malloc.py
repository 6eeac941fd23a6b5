"""Settings of the C library's allocator, so that latencies include no page faults."""

from __future__ import annotations

import ctypes
import platform

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Parameters of ``mallopt(3)``, from glibc's ``malloc.h``."""


def keep_memory() -> None:
    """Make glibc keep freed memory for the rest of the process; do nothing with another library.

    By default glibc returns large arrays, or the end of its heap, to the system and requests them
    again. The first write to each page then costs more than a convolution on it. Whether this
    happens depends on the state of the heap: the same network takes 5 times as long as the
    reference in one process, 8 times in another.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(M_MMAP_MAX, 0)
        library.mallopt(M_TRIM_THRESHOLD, -1)
