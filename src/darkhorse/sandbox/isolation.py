"""The layers around a program under test. Each is probed once; one that the machine lacks is reported, not hidden.

Standard library only: this module is loaded by the fork server, which knows no installed packages.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import json
import math
import os
import resource
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass

from darkhorse.sandbox import landlock, seccomp
from darkhorse.sandbox.seccomp import Freedom
from darkhorse.sandbox.syscalls import LIBC, check

FIRST_UID = 64_600  # one unprivileged user per fork server, so that runs cannot signal one another
TESTER_UIDS = 400  # distance to the user of the process that tests a program
FILE_BYTES = 16 << 20  # largest file a program may write
OPEN_FILES = 64
PROCESSES = 64  # threads count too
PENDING_SIGNALS = 128  # timers count too
_RESERVED_BYTES = 1 << 30  # stacks of a runtime's threads, which count whole however little of them is used
_FIRST_FREE_FD = 16

LEVELS: dict[str, tuple[str, ...]] = {
    "full": (
        "mount_namespace", "pid_namespace", "network_namespace", "ipc_namespace", "private_root", "scratch_quota",
        "rlimits", "identity", "no_new_privs", "landlock", "seccomp",
    ),
    "standard": ("rlimits", "no_new_privs", "landlock", "seccomp"),
    "minimal": ("rlimits",),
}  # fmt: skip
"""Level of isolation to the layers it promises; strongest first."""

_PR_SET_PDEATHSIG, _PR_SET_KEEPCAPS, _PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS = 1, 8, 36, 38
_CAP_DAC_READ_SEARCH = 1 << 2
STANDARD_LIBRARY = os.path.dirname(os.path.realpath(os.__file__))
READABLE = (
    STANDARD_LIBRARY, "/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/share/zoneinfo", "/etc/ld.so.cache",
    "/dev/null", "/dev/zero", "/dev/urandom", "/dev/random",
)  # fmt: skip
_EXECUTABLE = ("/usr", "/bin", "/lib", "/lib64", "/etc/alternatives")


@dataclass(frozen=True)
class Limits:
    """What one process may use; `reserves` if its runtime reserves far more address space than it uses."""

    wall_s: float
    cpu_s: float
    memory_mb: int
    reserves: bool = False
    file_bytes: int = FILE_BYTES


@dataclass(frozen=True)
class Places:
    """Where a program may write (`scratch`), and where its own files are. Their parents hold nothing else: rules are
    about those, since the folders themselves are replaced after every run."""

    scratch: str
    program: str


def follow_parent() -> None:
    """Die with the process that started this one (Linux; elsewhere the closed control socket does it)."""
    if sys.platform == "linux":
        LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def adopt_orphans() -> None:
    """Become the parent of grandchildren whose parent dies, so that none escapes the reaping (Linux)."""
    if sys.platform == "linux":
        LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def move_up(fd: int) -> int:
    """A copy of `fd` out of the way of the numbers a program gets, closed when it executes another program."""
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE_FD)


def unprivileged_uid(slot: int) -> int | None:
    """The user programs of a fork server run as: its own when we are root, else None (they run as we do)."""
    return FIRST_UID + slot if os.getuid() == 0 else None


def level_of(layers: dict[str, str]) -> str | None:
    """The strongest level whose layers are all active; None if there is none."""
    return next((level for level, needed in LEVELS.items() if not missing(level, layers)), None)


def missing(level: str, layers: dict[str, str]) -> list[str]:
    """What stands between this machine and a level, each layer with its reason."""
    return [f"{name} ({state})" for name in LEVELS[level] if (state := layers.get(name, "absent")) != "active"]


class Confinement:
    """The layers a child applies to itself.

    Args:
        places: where it may write and where its files are.
        uid: the user it becomes; None to stay who it is.
        readable: files and folders to read, beyond the usual.
    """

    def __init__(self, places: Places, uid: int | None, readable: tuple[str, ...]) -> None:
        self._places, self._uid, self._readable = places, uid, readable
        # without a root of its own Python's library may lie where only root can look
        self._needs_reading = uid is not None and not _open_to_all(STANDARD_LIBRARY) and landlock.version() > 0
        self._rules: dict[Freedom, int] = {}

    def prepare(self, freedom: Freedom) -> None:
        """Build what does not change from run to run."""
        seccomp.prepare(freedom)
        if freedom not in self._rules and landlock.version():
            box, own = (os.path.dirname(self._places.scratch),), os.path.dirname(self._places.program)
            readable = (*READABLE, *self._readable, own)
            executable = (*_EXECUTABLE, *self._readable, own) if freedom.programs else ()
            rules = landlock.ruleset(readable, box, executable)
            self._rules[freedom] = move_up(rules)
            os.close(rules)

    def layers(self, limits: Limits, freedom: Freedom, tester: bool = False) -> dict[str, Callable[[], None]]:
        """The layers by name, in the order they must be applied."""
        uid = self._uid if self._uid is None or not tester else self._uid + TESTER_UIDS
        return {
            "rlimits": lambda: _limit_resources(limits),
            "other_user": lambda: _change_user(uid),
            "capabilities": lambda: _drop_capabilities(self._needs_reading),
            "no_new_privs": _no_new_privileges,
            "landlock": lambda: self._landlock(freedom),
            "seccomp": lambda: seccomp.install(freedom),
        }

    def probe(self) -> dict[str, str]:
        """Try every layer in a throw-away child.

        Returns:
            Layer name to `active`, or the reason it is not.
        """
        self.prepare(Freedom())
        reader, writer = os.pipe()
        pid = os.fork()
        if pid == 0:
            found: dict[str, str] = {}
            for name, apply in self.layers(Limits(5, 5, 512), Freedom()).items():
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

    def _landlock(self, freedom: Freedom) -> None:
        if freedom not in self._rules:
            raise OSError(errno.ENOSYS, "the kernel has no Landlock")
        landlock.restrict(self._rules[freedom])


def _limit_resources(limits: Limits) -> None:
    cpu = math.ceil(limits.cpu_s)
    memory = limits.memory_mb << 20
    _lower(resource.RLIMIT_CPU, cpu, cpu + 1)
    if limits.reserves:
        _lower(resource.RLIMIT_DATA, memory + _RESERVED_BYTES, memory + _RESERVED_BYTES)
    else:
        _lower(resource.RLIMIT_AS, memory, memory)
    _lower(resource.RLIMIT_FSIZE, limits.file_bytes, limits.file_bytes)
    _lower(resource.RLIMIT_NOFILE, OPEN_FILES, OPEN_FILES)
    _lower(resource.RLIMIT_NPROC, PROCESSES, PROCESSES)
    _lower(resource.RLIMIT_CORE, 0, 0)
    _lower(resource.RLIMIT_STACK, 64 << 20, resource.RLIM_INFINITY)
    if sys.platform == "linux":  # what a user may have of these goes for all his processes
        _lower(resource.RLIMIT_SIGPENDING, PENDING_SIGNALS, PENDING_SIGNALS)
        _lower(resource.RLIMIT_MSGQUEUE, 0, 0)


def _lower(kind: int, soft: int, hard: int) -> None:
    ceiling = resource.getrlimit(kind)[1]
    if ceiling != resource.RLIM_INFINITY:
        hard = ceiling if hard == resource.RLIM_INFINITY else min(hard, ceiling)
    resource.setrlimit(kind, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _change_user(uid: int | None) -> None:
    if uid is None:
        raise OSError(errno.EPERM, "the server does not run as root")
    if sys.platform == "linux":
        check(LIBC.prctl(_PR_SET_KEEPCAPS, 1, 0, 0, 0))  # the next layer decides which
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)
    follow_parent()  # a change of credentials clears it


def _drop_capabilities(keep_reading: bool) -> None:
    """Lose every capability, those of a user namespace too, but the right to read past file modes if that is needed:
    Landlock says what may be read.
    """
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "capabilities are a Linux feature")
    keep = _CAP_DAC_READ_SEARCH if keep_reading else 0
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)  # _LINUX_CAPABILITY_VERSION_3, this process
    data = (ctypes.c_uint32 * 6)(keep, keep, 0, 0, 0, 0)  # effective, permitted, inheritable; low words, high words
    check(LIBC.capset(header, data))
    follow_parent()


def _open_to_all(path: str) -> bool:
    """Whether any user can look into a folder: it and all above it may be entered by others."""
    folders = [path]
    while folders[-1] != os.path.dirname(folders[-1]):
        folders.append(os.path.dirname(folders[-1]))
    return all(os.stat(folder).st_mode & 0o001 for folder in folders)


def _no_new_privileges() -> None:
    if sys.platform != "linux":
        raise OSError(errno.ENOSYS, "no_new_privs is a Linux feature")
    check(LIBC.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
