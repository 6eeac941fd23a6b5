"""Memory that a process keeps, so that no latency has the operating system's share in it."""

from __future__ import annotations

import ctypes
import platform

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Parameters of ``mallopt(3)``, from glibc's ``malloc.h``."""


def keep_memory() -> None:
    """Have the C library keep, from now on, what is freed; where it is not glibc, do nothing.

    By default it gives large arrays back, or the end of its heap, and asks for them anew: the first
    time that each page is written then costs more than a convolution does there. Whether it comes
    to that depends on what lies in the heap already, so that one network takes now 5, now 8 times
    as long as the reference.
    """
    if platform.libc_ver()[0] == "glibc":
        library = ctypes.CDLL(None)
        library.mallopt(M_MMAP_MAX, 0)
        library.mallopt(M_TRIM_THRESHOLD, -1)
