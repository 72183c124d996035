"""Keeps freed memory in the process, so that large tensors do not fault their pages in again at every step."""

from __future__ import annotations

import ctypes
import sys

_M_TRIM_THRESHOLD, _M_MMAP_MAX = -1, -4


def keep_freed_memory() -> bool:
    """Tell glibc's allocator to serve large blocks from its heap and never give them back.

    A fresh mapping costs a page fault for every 4 KiB; decoding allocates tens of MB at every step, and reusing the
    heap makes it several times faster. Returns whether the allocator took the settings (glibc only).
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    return bool(mallopt(_M_MMAP_MAX, 0)) and bool(mallopt(_M_TRIM_THRESHOLD, 2**31 - 1))
