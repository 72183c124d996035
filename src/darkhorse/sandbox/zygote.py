"""A fork server: one warm, single-threaded Python process that forks a confined child for every run.

Run by `pool.py` as `python -s -S -P -c ...`. It talks over one Unix socket. A job is a line of JSON (`wall_s`,
`cpu_s`, `memory_mb`) with five file descriptors: request, stdin, stdout, stderr, results. The contents pass straight
from the server to the child, so nothing of a run stays in this process. The answer is a line of JSON (`confined`,
`returncode`, `timed_out`, `wall_s`, `cpu_s`), sent after every process of the run is dead.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import importlib
import json
import os
import random
import select
import signal
import socket
import sys
import time
from typing import Any

from darkhorse.sandbox import harness, isolation

_WARM = (
    "array", "bisect", "cmath", "collections", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions",
    "functools", "heapq", "io", "itertools", "json", "math", "operator", "queue", "random", "re", "statistics",
    "string", "struct", "textwrap", "threading", "time", "traceback", "typing",
)  # fmt: skip
_REQUEST_FD = 4
_FIRST_FREE_FD = 16
_MAX_FD = 1024
_POLL_S = 0.005


def main(control_fd: int, slot: int, scratch_path: str) -> None:
    """Serve runs until the control socket closes.

    Args:
        control_fd: our end of the socket to the server.
        slot: number of this fork server; chooses the user its programs run as.
        scratch_path: existing directory of which this fork server is the only user.
    """
    isolation.follow_parent()
    isolation.adopt_orphans()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's business
    os.chdir("/")
    for name in _WARM:
        importlib.import_module(name)
    uid = isolation.unprivileged_uid(slot)
    scratch = isolation.Scratch(scratch_path, uid)
    report = {}
    for layer, apply in (("namespaces", isolation.enter_namespaces), ("scratch_quota", scratch.use_tmpfs)):
        try:
            apply()
            report[layer] = "active"
        except OSError as error:
            report[layer] = f"absent: {error.strerror}"
    scratch.reset()
    report |= isolation.probe(scratch.path, uid)
    active = frozenset(layer for layer, state in report.items() if state == "active")
    random.seed(0)  # the same program sees the same random numbers
    gc.collect()
    gc.freeze()
    with socket.socket(fileno=control_fd) as control:
        control.sendall(json.dumps({"layers": report}).encode() + b"\n")
        while True:
            message, fds, _, _ = socket.recv_fds(control, 4096, 5)
            if not message:
                return
            answer = _serve(control, json.loads(message), fds, scratch, uid, active)
            scratch.reset()
            control.sendall(json.dumps(answer).encode() + b"\n")


def _serve(
    control: socket.socket,
    job: dict[str, Any],
    fds: list[int],
    scratch: isolation.Scratch,
    uid: int | None,
    active: frozenset[str],
) -> dict[str, Any]:
    limits = isolation.Limits(**job)
    ready, report_ready = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(fds, report_ready, limits, scratch.path, uid, active)
    for fd in (*fds, report_ready):
        os.close(fd)
    confined = os.read(ready, 1) == b"y"  # the child closes its end before the program begins
    os.close(ready)
    started = time.monotonic()
    timed_out = not _wait(pid, control, started + limits.wall_s)
    wall_s = time.monotonic() - started
    status, cpu_s = _reap_all(pid)
    return {
        "confined": confined,
        "returncode": os.waitstatus_to_exitcode(status),
        "timed_out": timed_out,
        "wall_s": wall_s,
        "cpu_s": cpu_s,
    }


def _wait(pid: int, control: socket.socket, deadline: float) -> bool:
    """Wait until the child exits. False if it must be killed instead; ends this process if the server is gone."""
    try:
        exited = [os.pidfd_open(pid)] if sys.platform == "linux" else []
    except OSError:
        exited = []
    try:
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                return False
            pause = left if exited else min(left, _POLL_S)
            readable, _, _ = select.select([control.fileno(), *exited], [], [], pause)
            if control.fileno() in readable:  # nothing is sent during a run: the server hung up
                _reap_all(pid)
                os._exit(0)
            if readable or (not exited and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)):
                return True
    finally:
        for fd in exited:
            os.close(fd)


def _reap_all(pid: int) -> tuple[int, float]:
    """Kill whatever is left of a run, descendants included, until no child remains.

    Returns:
        Wait status of the run's first process, CPU seconds of all its processes.
    """
    status, cpu_s = 0, 0.0
    while True:
        for victim in _children():
            os.kill(victim, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, signal.SIGKILL)
        try:
            found, found_status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return status, cpu_s
        if found == 0:
            time.sleep(0.001)
            continue
        cpu_s += usage.ru_utime + usage.ru_stime
        if found == pid:
            status = found_status


def _children() -> list[int]:
    try:
        with open("/proc/thread-self/children") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def _child(
    fds: list[int],
    report_ready: int,
    limits: isolation.Limits,
    scratch: str,
    uid: int | None,
    active: frozenset[str],
) -> None:
    """Confine this process and run the program; never returns."""
    try:
        isolation.follow_parent()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.setsid()
        fds = [_move_up(fd) for fd in fds]
        report_ready = _move_up(report_ready)
        for target, fd in zip((_REQUEST_FD, 0, 1, 2, harness.RESULT_FD), fds, strict=True):
            os.dup2(fd, target)
        request = _read_request()
        os.chdir(scratch)
        os.environ.clear()
        os.environ.update(HOME=scratch, TMPDIR=scratch, PATH="/usr/bin:/bin", LANG="C.UTF-8")
        for layer, apply in isolation.layers(scratch, uid, limits).items():
            if layer in active:
                apply()
        os.write(report_ready, b"y")
        os.closerange(_REQUEST_FD, _MAX_FD)
        os._exit(harness.run(request))
    except BaseException:  # before the report this means "not confined", after it the program broke the harness
        os._exit(1)


def _move_up(fd: int) -> int:
    """A copy of `fd` out of the way of the numbers the program gets."""
    return fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, _FIRST_FREE_FD)


def _read_request() -> dict[str, Any]:
    os.lseek(_REQUEST_FD, 0, os.SEEK_SET)
    with open(_REQUEST_FD, "rb", closefd=False) as file:
        request: dict[str, Any] = json.loads(file.read())
    return request
