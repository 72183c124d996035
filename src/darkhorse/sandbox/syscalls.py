"""Calling the C library and the kernel.

Standard library only: this module is loaded by the fork server, which knows no installed packages.
"""

from __future__ import annotations

import ctypes
import os

MOST_FDS = 1024
"""No process of the sandbox has descriptors from here on."""
LIBC = ctypes.CDLL(None, use_errno=True)


def check(result: int) -> None:
    """Raise the OSError of a C call that returned non-zero."""
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def write_all(fd: int, data: bytes) -> None:
    """Write every byte; a single write may take fewer."""
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


def system_call(number: int, *arguments: object) -> int:
    """Make a system call by its number.

    Raises:
        OSError: if it fails.
    """
    result = int(LIBC.syscall(ctypes.c_long(number), *arguments))
    if result < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return result
