"""The layers around a program under test. Each is probed once; one that the machine lacks is reported, not hidden.

Standard library only: this module is loaded by the fork server, which knows no installed packages.
"""

from __future__ import annotations

import ctypes
import errno
import json
import math
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass

from darkhorse.sandbox import landlock, seccomp

FIRST_UID = 65_100  # one unprivileged user per fork server, so that runs cannot signal one another
FILE_BYTES = 16 << 20  # largest file a program may write
SCRATCH_BYTES = 64 << 20  # all files of a program together, where tmpfs is available
OPEN_FILES = 64
PROCESSES = 64  # threads count too

_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 8, 36, 38
_CAP_DAC_READ_SEARCH = 1 << 2
_CLONE_NEWNS, _CLONE_NEWUTS, _CLONE_NEWIPC, _CLONE_NEWUSER, _CLONE_NEWNET = (
    0x20000, 0x4000000, 0x8000000, 0x10000000, 0x40000000,
)  # fmt: skip
_MS_NOSUID, _MS_NODEV, _MS_NOEXEC, _MS_REC, _MS_PRIVATE, _MNT_DETACH = 2, 4, 8, 16384, 1 << 18, 2
_STANDARD_LIBRARY = os.path.dirname(os.path.realpath(os.__file__))
_READABLE = (
    _STANDARD_LIBRARY, "/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/share/zoneinfo", "/etc/ld.so.cache",
    "/dev/null", "/dev/zero", "/dev/urandom", "/dev/random",
)  # fmt: skip

LIBC = ctypes.CDLL(None, use_errno=True)


@dataclass(frozen=True)
class Limits:
    """What one process may use."""

    wall_s: float
    cpu_s: float
    memory_mb: int


def check(result: int) -> None:
    """Raise the OSError of a C call that returned non-zero."""
    if result != 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))


def follow_parent() -> None:
    """Die with the process that started this one (Linux; elsewhere the closed control socket does it)."""
    if sys.platform == "linux":
        LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of grandchildren whose parent dies, so that none escapes the reaping (Linux)."""
    if sys.platform == "linux":
        LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def enter_namespaces() -> None:
    """Give this process a network without interfaces, its own IPC and its own mount table.

    Raises:
        OSError: where the machine forbids it.
    """
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "namespaces are a Linux feature")
    uid, gid = os.getuid(), os.getgid()
    spaces = _CLONE_NEWNS | _CLONE_NEWNET | _CLONE_NEWIPC | _CLONE_NEWUTS
    check(LIBC.unshare(spaces if uid == 0 else spaces | _CLONE_NEWUSER))
    if uid != 0:
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {uid} 1"), ("gid_map", f"0 {gid} 1")):
            with open(f"/proc/self/{name}", "w") as file:
                file.write(text)
    check(LIBC.mount(None, b"/", None, _MS_REC | _MS_PRIVATE, None))


class Scratch:
    """The one directory a program may write to, empty at the start of every run."""

    def __init__(self, path: str, uid: int | None) -> None:
        self.path = path
        self._uid = uid
        self._tmpfs = False

    def use_tmpfs(self) -> None:
        """Keep the directory in memory with a size limit.

        Raises:
            OSError: if this process may not mount.
        """
        owner = f",uid={self._uid},gid={self._uid}" if self._uid is not None else ""
        options = f"size={SCRATCH_BYTES},nr_inodes=10000,mode=0700{owner}".encode()
        flags = _MS_NOSUID | _MS_NODEV | _MS_NOEXEC
        check(LIBC.mount(b"tmpfs", self.path.encode(), b"tmpfs", flags, options))
        self._tmpfs = True

    def reset(self) -> None:
        """Throw away whatever the last program left."""
        if self._tmpfs:
            if os.listdir(self.path):
                check(LIBC.umount2(self.path.encode(), _MNT_DETACH))
                self.use_tmpfs()
            return
        if not os.path.isdir(self.path) or os.listdir(self.path):
            # rm copes with trees deeper than Python's recursion limit
            subprocess.run(["/bin/rm", "-rf", self.path], check=False, stderr=subprocess.DEVNULL)
            os.makedirs(self.path, mode=0o700, exist_ok=True)
        if self._uid is not None:
            os.chown(self.path, self._uid, self._uid)


def unprivileged_uid(slot: int) -> int | None:
    """The user programs of a fork server run as: its own when we are root, else None (they run as we do)."""
    return FIRST_UID + slot if os.getuid() == 0 else None


def layers(scratch: str, uid: int | None, limits: Limits) -> dict[str, Callable[[], None]]:
    """The layers a child applies to itself, in the order they must be applied."""
    return {
        "rlimits": lambda: _limit_resources(limits),
        "user": lambda: _change_user(uid),
        "capabilities": lambda: _drop_capabilities(uid),
        "no_new_privs": _no_new_privileges,
        "landlock": lambda: landlock.restrict(LIBC, _READABLE, (scratch,)),
        "seccomp": lambda: seccomp.install(LIBC),
    }


def probe(scratch: str, uid: int | None) -> dict[str, str]:
    """Try every layer in a throw-away child.

    Returns:
        Layer name to `active`, or the reason it is not.
    """
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        found: dict[str, str] = {}
        for name, apply in layers(scratch, uid, Limits(5, 5, 512)).items():
            try:
                apply()
                found[name] = "active"
            except OSError as error:
                found[name] = f"absent: {error.strerror}"
        os.write(writer, json.dumps(found).encode())
        os._exit(0)
    os.close(writer)
    with open(reader, "rb") as file:
        text = file.read()
    os.waitpid(pid, 0)
    result: dict[str, str] = json.loads(text)
    return result


def _limit_resources(limits: Limits) -> None:
    cpu = math.ceil(limits.cpu_s)
    memory = limits.memory_mb << 20
    _lower(resource.RLIMIT_CPU, cpu, cpu + 1)
    _lower(resource.RLIMIT_AS, memory, memory)
    _lower(resource.RLIMIT_FSIZE, FILE_BYTES, FILE_BYTES)
    _lower(resource.RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES)
    _lower(resource.RLIMIT_NPROC, PROCESSES, PROCESSES)
    _lower(resource.RLIMIT_CORE, 0, 0)
    _lower(resource.RLIMIT_STACK, 64 << 20, 64 << 20)


def _lower(kind: int, soft: int, hard: int) -> None:
    ceiling = resource.getrlimit(kind)[1]
    if ceiling != resource.RLIM_INFINITY:
        hard = min(hard, ceiling)
    resource.setrlimit(kind, (min(soft, hard), hard))


def _change_user(uid: int | None) -> None:
    if uid is None:
        raise OSError(errno.EPERM, "the server does not run as root")
    if sys.platform == "linux":
        check(LIBC.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0))  # the next layer decides which
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    follow_parent()  # a change of credentials clears it


def _drop_capabilities(uid: int | None) -> None:
    """Lose every capability, those of a user namespace too.

    Python's own library may lie where only root can look (a home folder). Then the right to read past file modes is
    kept, provided that Landlock says what may be read.
    """
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "capabilities are a Linux feature")
    needed = uid is not None and not _reachable(_STANDARD_LIBRARY) and landlock.version(LIBC) > 0
    keep = _CAP_DAC_READ_SEARCH if needed else 0
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    data = (ctypes.c_uint32 * 6)(keep, keep, 0, 0, 0, 0)  # effective, permitted, inheritable; low words, high words
    check(LIBC.capset(header, data))
    follow_parent()


def _reachable(path: str) -> bool:
    try:
        os.listdir(path)
    except PermissionError:
        return False
    return True


def _no_new_privileges() -> None:
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "no_new_privs is a Linux feature")
    check(LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
