"""Namespaces of a fork server, and the small file system its programs see (namespaces(7), mount_setattr(2)).

Standard library only: this module is loaded by the fork server, which knows no installed packages.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterable

from darkhorse.sandbox.syscalls import LIBC, check, system_call

SCRATCH_BYTES = 64 << 20  # all files of a program together
UNPRIVILEGED_ID = 65_534  # what an ordinary user is called within a namespace

_NAMESPACES = {
    "user_namespace": 0x10000000,
    "mount_namespace": 0x20000,
    "pid_namespace": 0x20000000,
    "network_namespace": 0x40000000,
    "ipc_namespace": 0x8000000,
    "host_name_namespace": 0x4000000,
}
_NOSUID, _NODEV, _NOEXEC, _BIND, _REC, _PRIVATE, _REMOUNT, _RDONLY = 2, 4, 8, 4096, 16384, 1 << 18, 32, 1
_NOATIME = 1024
_DETACH = 2
_MOUNT_SETATTR, _PIVOT_ROOT = 442, {"x86_64": 155, "aarch64": 41}
_AT_FDCWD, _AT_RECURSIVE, _ATTRIBUTES = -100, 0x8000, 1 | 2 | 4  # read-only, no set-uid, no devices
_DEVICES = ("/dev/null", "/dev/zero", "/dev/urandom", "/dev/random")
_SYSTEM = ("/usr", "/lib", "/lib64", "/bin", "/etc/ld.so.cache", "/etc/alternatives")


def enter() -> dict[str, str]:
    """Move this process, and the first child it starts, into namespaces of their own.

    An ordinary user needs a user namespace for the others; root changes the user of its programs instead.

    Returns:
        Namespace to `active`, or why it is not.
    """
    uid, gid = os.getuid(), os.getgid()
    report = {}
    for name, flag in _NAMESPACES.items():
        if name == "user_namespace" and uid == 0:
            continue
        try:
            check(LIBC.unshare(flag))
            if name == "user_namespace":
                _map_ids(uid, gid)
            report[name] = "active"
        except OSError as error:
            report[name] = f"absent: {error.strerror}"
    return report


def _map_ids(uid: int, gid: int) -> None:
    for name, text in (
        ("setgroups", "deny"),
        ("uid_map", f"{UNPRIVILEGED_ID} {uid} 1"),
        ("gid_map", f"{UNPRIVILEGED_ID} {gid} 1"),
    ):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def build_root(folder: str, readable: Iterable[str]) -> None:
    """Make `folder` the root of this process's file system: system folders to read, and empty folders to write to.

    What is outside is gone, and a folder that only its owner could look into is reachable if it is among `readable`.

    Raises:
        OSError: if this process may not mount.
    """
    check(LIBC.mount(None, b"/", None, _REC | _PRIVATE, None))
    check(LIBC.mount(b"tmpfs", folder.encode(), b"tmpfs", _NOSUID | _NODEV, b"size=1m,mode=0755"))
    for path in (*_SYSTEM, *readable):
        _show(path, folder, writable=False)
    for path in _DEVICES:
        _show(path, folder, writable=True)
    for target, name in enumerate(("stdin", "stdout", "stderr")):
        os.symlink(f"/proc/self/fd/{target}", os.path.join(folder, "dev", name))
    os.symlink("/proc/self/fd", os.path.join(folder, "dev/fd"))
    for name in ("box/work", "app/program", "proc"):
        os.makedirs(os.path.join(folder, name), mode=0o755)
    with contextlib.suppress(OSError):  # needed only to be the first to go when memory runs out, and by some runtimes
        check(LIBC.mount(b"proc", f"{folder}/proc".encode(), b"proc", _NOSUID | _NODEV | _NOEXEC, b"hidepid=invisible"))
    os.chdir(folder)
    system_call(_PIVOT_ROOT[os.uname().machine], b".", b".")
    check(LIBC.umount2(b".", _DETACH))
    os.chdir("/")
    check(LIBC.mount(None, b"/", None, _REMOUNT | _BIND | _RDONLY | _NOSUID | _NODEV, None))


def _show(path: str, root: str, writable: bool) -> None:
    """Let `path` of the host appear at the same place below `root`."""
    inside = root + path
    if os.path.lexists(inside) or not os.path.exists(path):
        return
    os.makedirs(os.path.dirname(inside), mode=0o755, exist_ok=True)
    if os.path.islink(path):
        os.symlink(os.readlink(path), inside)
        return
    if os.path.isdir(path):
        os.mkdir(inside, 0o755)
    else:
        os.close(os.open(inside, os.O_CREAT | os.O_WRONLY, 0o644))
    check(LIBC.mount(path.encode(), inside.encode(), None, _BIND | _REC, None))
    if not writable:
        attributes = (ctypes.c_uint64 * 4)(_ATTRIBUTES, 0, 0, 0)
        size = ctypes.c_size_t(ctypes.sizeof(attributes))
        system_call(_MOUNT_SETATTR, _AT_FDCWD, inside.encode(), _AT_RECURSIVE, ctypes.byref(attributes), size)


class Scratch:
    """A directory that is empty at the start of every run.

    Args:
        path: where it is.
        uid: its owner; None for this process's own user.
        executable: whether files in it may be executed.
    """

    def __init__(self, path: str, uid: int | None, executable: bool = False) -> None:
        self.path = path
        self._uid, self._executable = uid, executable
        self._tmpfs = False
        self._fresh: tuple[int, ...] | None = None  # unlike any folder

    def use_tmpfs(self) -> None:
        """Keep the directory in memory with a size limit.

        Raises:
            OSError: if this process may not mount.
        """
        owner = f",uid={self._uid},gid={self._uid}" if self._uid is not None else ""
        options = f"size={SCRATCH_BYTES},nr_inodes=10000,mode=0755{owner}".encode()
        flags = _NOSUID | _NODEV | _NOATIME | (0 if self._executable else _NOEXEC)
        check(LIBC.mount(b"tmpfs", self.path.encode(), b"tmpfs", flags, options))
        self._tmpfs = True

    def is_untouched(self) -> bool:
        """Whether nothing was put there or changed about the folder itself since it was made."""
        return self._state() == self._fresh and not os.listdir(self.path)

    def reset(self) -> None:
        """Throw away whatever the last program left."""
        if os.path.isdir(self.path) and self.is_untouched():
            return
        if self._tmpfs:
            check(LIBC.umount2(self.path.encode(), _DETACH))
            self.use_tmpfs()
        else:
            _clear(os.path.dirname(self.path))
            os.makedirs(self.path, mode=0o755, exist_ok=True)
            if self._uid is not None:
                os.chown(self.path, self._uid, self._uid)
        self._fresh = self._state()

    def _state(self) -> tuple[int, ...]:
        """What a program could change about the folder, and about the one it is in where that is not read-only."""
        accessed = os.lstat(self.path).st_atime_ns if self._tmpfs else 0  # elsewhere looking into it counts
        return accessed, *_attributes(self.path), *_attributes(os.path.dirname(self.path))


def _attributes(path: str) -> tuple[int, ...]:
    """Any change moves `ctime`, unless it comes within the same tick of the clock."""
    found = os.lstat(path)
    whose = (found.st_ino, found.st_mode, found.st_uid, found.st_nlink)
    return *whose, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def _clear(folder: str) -> None:
    """Remove all that is in a folder, by commands that cope with trees deeper than Python's recursion limit."""
    _silently("/bin/chmod", "-R", "u+rwx", folder)
    _silently("/bin/rm", "-rf", *(os.path.join(folder, name) for name in os.listdir(folder)))


def _silently(command: str, *arguments: str) -> None:
    actions = [(os.POSIX_SPAWN_OPEN, 2, "/dev/null", os.O_WRONLY, 0)]
    os.waitpid(os.posix_spawn(command, [command, *arguments], os.environ, file_actions=actions), 0)
