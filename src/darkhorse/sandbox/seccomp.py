"""A seccomp filter that takes away the system calls a program under test has no use for (seccomp(2), classic BPF)."""

from __future__ import annotations

import ctypes
import errno
import functools
import os
import platform
import struct
from dataclasses import dataclass

from darkhorse.sandbox.syscalls import LIBC, check

_DENIED = {
    # name: (x86_64, aarch64); None where the architecture lacks the call
    "socket": (41, 198), "connect": (42, 203), "accept": (43, 202), "sendto": (44, 206), "sendmsg": (46, 211),
    "bind": (49, 200), "listen": (50, 201), "accept4": (288, 242), "sendmmsg": (307, 269),
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "tkill": (200, 130), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "pidfd_send_signal": (424, 424), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41), "chroot": (161, 51), "unshare": (272, 97),
    "setns": (308, 268), "open_tree": (428, 428), "move_mount": (429, 429), "fsopen": (430, 430),
    "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442),
    "shmget": (29, 194), "semget": (64, 190), "msgget": (68, 186), "mq_open": (240, 180),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "personality": (135, 92),
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265),
    "init_module": (175, 105), "delete_module": (176, 106), "finit_module": (313, 273), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225),
    "sethostname": (170, 161), "setdomainname": (171, 162), "syslog": (103, 116), "acct": (163, 89),
    "quotactl": (179, 60), "settimeofday": (164, 170), "clock_settime": (227, 112), "adjtimex": (159, 171),
    "clock_adjtime": (305, 266),
    "setpriority": (141, 140), "sched_setparam": (142, 118), "sched_setscheduler": (144, 119),
    "sched_setattr": (314, 274), "ioprio_set": (251, 30), "migrate_pages": (256, 238), "move_pages": (279, 239),
    "process_madvise": (440, 440), "process_mrelease": (448, 448),
    "io_setup": (206, 0), "inotify_init": (253, None), "inotify_init1": (294, 26), "fanotify_init": (300, 262),
    "sync": (162, 81), "syncfs": (306, 267), "memfd_secret": (447, 447),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463),
}  # fmt: skip
_ON_ITSELF = {"prlimit64": (302, 261), "sched_setaffinity": (203, 122)}
"""May be called on the caller alone: the same user's other processes are open to them."""
_PRCTL, _PARENT_DEATH_SIGNAL, _SIGKILL = (157, 167), 1, 9
_CONTROLS = {
    # commands that have signals sent, keep others from a file, take the user's pipes or mark a folder
    "fcntl": ((72, 25), (8, 10, 15, 1024, 1026, 1031)),  # SETOWN, SETSIG, SETOWN_EX, SETLEASE, NOTIFY, SETPIPE_SZ
    "ioctl": ((16, 29), (0x5412, 0x8901, 0x8902, 0x40086602, 0x401C5820)),  # TIOCSTI, FIOSETOWN, SIOCSPGRP, file flags
}
_ATTRIBUTES = {
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "utime": (132, None), "utimes": (235, None),
    "futimesat": (261, None), "utimensat": (280, 88),
}  # fmt: skip
"""Landlock leaves them alone, so that they work on every file of the user, seen or not."""
_FORKS = {"fork": (57, None), "vfork": (58, None)}
_MEMORY_FILES = {"memfd_create": (319, 279)}
_EXECS = {"execve": (59, 221), "execveat": (322, 281)}
_CLONE, _CLONE3, _KILL, _TGKILL = (56, 220), (435, 435), (62, 129), (234, 131)
_ARCHITECTURES = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}  # column above, AUDIT_ARCH
_CLONE_THREAD = 0x10000
_CLONE_NAMESPACES = 0x7E020080  # every CLONE_NEW* flag
_PID_PLACE = 0x5EC0DE05  # stands for the process's own number in a filter that is built once
_X32_BIT = 0x40000000

_LOAD, _JUMP_EQUAL, _JUMP_SET, _JUMP_GREATER_EQUAL, _RETURN = 0x20, 0x15, 0x45, 0x35, 0x06
_AT_NUMBER, _AT_ARCHITECTURE, _AT_ARGUMENT_0, _AT_ARGUMENT_1 = 0, 4, 16, 24
_ALLOW, _KILL_PROCESS, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_PR_SET_SECCOMP, _MODE_FILTER = 22, 2


@dataclass(frozen=True)
class Freedom:
    """What a process may do that others may not: start processes (not only threads), execute programs, signal other
    processes (for those that have a namespace to themselves), make files in memory, change modes, owners and times of
    files (for those that see no file of the server's user)."""

    processes: bool = False
    programs: bool = False
    signals: bool = False
    memory_files: bool = False
    attributes: bool = False


class _Program(ctypes.Structure):
    _fields_ = [("length", ctypes.c_ushort), ("filter", ctypes.c_void_p)]


class Filter:
    """A filter in the form the kernel takes it. The process's own number is put in last."""

    def __init__(self, code: bytes) -> None:
        self._buffer = ctypes.create_string_buffer(code, len(code))
        self._program = _Program(len(code) // 8, ctypes.addressof(self._buffer))
        self._reference = ctypes.byref(self._program)
        mark = struct.pack("I", _PID_PLACE)
        self._places = [at for at in range(0, len(code), 4) if code[at : at + 4] == mark]

    def install(self) -> None:
        """Filter this process.

        Raises:
            OSError: if the kernel refuses.
        """
        for place in self._places:
            struct.pack_into("I", self._buffer, place, os.getpid())
        check(LIBC.prctl(_PR_SET_SECCOMP, _MODE_FILTER, self._reference, 0, 0))


def install(freedom: Freedom) -> None:
    """Filter this process from here on: denied calls fail with EPERM. `no_new_privs` must be set already.

    Raises:
        OSError: if the architecture has no table or the kernel refuses.
    """
    ready = prepare(freedom)
    if ready is None:
        raise OSError(errno.ENOSYS, f"no system call table for {platform.machine()}")
    ready.install()


@functools.cache
def prepare(freedom: Freedom, within: Freedom | None = None) -> Filter | None:
    """Build a filter ahead of time; None if there is no table for this architecture.

    Args:
        freedom: what stays allowed.
        within: what the filter allows that the process has already; the new one adds the difference.
    """
    architecture = _ARCHITECTURES.get(platform.machine())
    return None if architecture is None else Filter(_code(*architecture, freedom, within))


def _code(column: int, architecture: int, freedom: Freedom, within: Freedom | None) -> bytes:
    deny = _ERRNO | errno.EPERM
    had = within or Freedom(processes=True, programs=True, signals=True, memory_files=True, attributes=True)
    denied: dict[str, tuple[int, int | None]] = {**({} if within else _DENIED)}
    denied |= _FORKS if had.processes and not freedom.processes else {}
    denied |= _EXECS if had.programs and not freedom.programs else {}
    denied |= _MEMORY_FILES if had.memory_files and not freedom.memory_files else {}
    denied |= _ATTRIBUTES if had.attributes and not freedom.attributes else {}
    code = [
        (_LOAD, 0, 0, _AT_ARCHITECTURE),
        (_JUMP_EQUAL, 1, 0, architecture),
        (_RETURN, 0, 0, _KILL_PROCESS),
        (_LOAD, 0, 0, _AT_NUMBER),
    ]
    if column == 0:  # the x32 ABI is a second door to the same calls
        code += [(_JUMP_GREATER_EQUAL, 0, 1, _X32_BIT), (_RETURN, 0, 0, deny)]
    for numbers in denied.values():
        number = numbers[column]
        if number is not None:
            code += [(_JUMP_EQUAL, 0, 1, number), (_RETURN, 0, 0, deny)]
    # clone3 hides its flags in memory; without it the C library falls back to clone
    code += [(_JUMP_EQUAL, 0, 1, _CLONE3[column]), (_RETURN, 0, 0, _ERRNO | errno.ENOSYS)]
    if freedom.processes:
        code += _only_if(_CLONE[column], (_JUMP_SET, 1, 0, _CLONE_NAMESPACES), deny=deny)
    else:
        code += _only_if(_CLONE[column], (_JUMP_SET, 0, 1, _CLONE_THREAD), deny=deny)
    for numbers in _ON_ITSELF.values():
        code += _only_if(numbers[column], (_JUMP_EQUAL, 0, 1, 0), (_JUMP_EQUAL, 0, 1, _PID_PLACE), deny=deny)
    if not freedom.signals:
        for numbers in (_KILL, _TGKILL):
            code += _only_if(numbers[column], (_JUMP_EQUAL, 0, 1, _PID_PLACE), deny=deny)
    if within is None:
        for numbers, commands in _CONTROLS.values():
            code += [(_JUMP_EQUAL, 0, 2 + 2 * len(commands), numbers[column]), (_LOAD, 0, 0, _AT_ARGUMENT_1)]
            code += [part for command in commands for part in ((_JUMP_EQUAL, 0, 1, command), (_RETURN, 0, 0, deny))]
            code.append((_RETURN, 0, 0, _ALLOW))
        # to die with its parent a process may ask for, not to outlive it
        code += [
            (_JUMP_EQUAL, 0, 6, _PRCTL[column]),
            (_LOAD, 0, 0, _AT_ARGUMENT_0),
            (_JUMP_EQUAL, 1, 0, _PARENT_DEATH_SIGNAL),
            (_RETURN, 0, 0, _ALLOW),
            (_LOAD, 0, 0, _AT_ARGUMENT_1),
            (_JUMP_EQUAL, 1, 0, _SIGKILL),
            (_RETURN, 0, 0, deny),
        ]
    code.append((_RETURN, 0, 0, _ALLOW))
    return b"".join(struct.pack("HBBI", *instruction) for instruction in code)


def _only_if(number: int, *tests: tuple[int, int, int, int], deny: int) -> list[tuple[int, int, int, int]]:
    """Allow call `number` only if its first argument passes one of the tests (each jumps over one instruction)."""
    passed = [instruction for test in tests for instruction in (test, (_RETURN, 0, 0, _ALLOW))]
    return [
        (_JUMP_EQUAL, 0, len(passed) + 2, number),
        (_LOAD, 0, 0, _AT_ARGUMENT_0),
        *passed,
        (_RETURN, 0, 0, deny),
    ]
