"""Landlock: the kernel confines a process to the directories it is given (landlock(7); ABI versions 1 to 7)."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterable

from darkhorse.sandbox.syscalls import system_call

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # the same on every architecture
_VERSION_FLAG = 1
_RULE_PATH_BENEATH = 1

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_TRUNCATE, _EXECUTE = 1 << 14, 1 << 0
_MAKE_CHAR, _MAKE_SOCK, _MAKE_BLOCK, _IOCTL_DEV = 1 << 6, 1 << 9, 1 << 11, 1 << 15
_READ = _READ_FILE | _READ_DIR
_ON_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE


class _Ruleset(ctypes.Structure):
    _fields_ = [("fs", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64)]


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _fields_ = [("access", ctypes.c_uint64), ("fd", ctypes.c_int32)]


def version() -> int:
    """The kernel's Landlock ABI version; 0 without Landlock."""
    try:
        return system_call(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    except OSError:
        return 0


def ruleset(readable: Iterable[str], writable: Iterable[str], executable: Iterable[str] = ()) -> int:
    """A set of rules: read below `readable`, anything but execution and devices below `writable`, execute (and read)
    below `executable`, no more. From ABI 4 TCP bind and connect are denied, from ABI 6 signals and abstract sockets to
    the outside as well.

    Returns:
        A file descriptor for `restrict`.

    Raises:
        OSError: if the kernel has no Landlock or refuses.
    """
    abi = system_call(_CREATE_RULESET, None, ctypes.c_size_t(0), _VERSION_FLAG)
    handled = (1 << 13) - 1 | (1 << 13 if abi >= 2 else 0) | (_TRUNCATE if abi >= 3 else 0)
    handled |= _IOCTL_DEV if abi >= 5 else 0
    attributes = _Ruleset(handled, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)
    fd = system_call(_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(ctypes.sizeof(attributes)), 0)
    everything = handled & ~(_EXECUTE | _MAKE_CHAR | _MAKE_SOCK | _MAKE_BLOCK | _IOCTL_DEV)
    for paths, access in ((readable, _READ), (writable, everything), (executable, _READ | _EXECUTE)):
        for path in paths:
            _allow(fd, path, access & handled)
    return fd


def restrict(rules: int) -> None:
    """Confine this process to what a `ruleset` allows; `no_new_privs` must be set already.

    Raises:
        OSError: if the kernel refuses.
    """
    system_call(_RESTRICT_SELF, rules, 0)


def _allow(rules: int, path: str, access: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # a path that is not there needs no rule
    try:
        rule = _PathBeneath(access if os.path.isdir(path) else access & _ON_FILES, fd)
        system_call(_ADD_RULE, rules, _RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(fd)
