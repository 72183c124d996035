"""A fork server: one warm, single-threaded Python process that forks a confined child for every run.

Run by `pool.py` as `python -s -S -P -c ...`. It talks over one Unix socket that keeps message borders. A job is a
`Job` as JSON with one file descriptor for each of its `fds`. The contents pass straight from the server to the child,
so nothing of a run stays in this process. The answer is JSON (`problem`, empty unless the run could not be confined,
`returncode`, `timed_out`, `wall_s`, `cpu_s`, `memory_mb`), sent after every process of the run is dead.

Where the machine allows it, this process is the first one of a process namespace: it is the parent of every orphan, one
signal reaches all that a run left behind, and when it ends so do they.
"""

from __future__ import annotations

import contextlib
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
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from darkhorse.sandbox import archive, channel, harness, isolation, namespaces, seccomp, series
from darkhorse.sandbox.seccomp import Freedom
from darkhorse.sandbox.syscalls import MOST_FDS

_WARM = (
    "array", "bisect", "cmath", "collections", "copy", "dataclasses", "datetime", "decimal", "enum", "fractions",
    "functools", "heapq", "io", "itertools", "json", "math", "operator", "random", "re", "statistics",
    "string", "struct", "textwrap", "time", "traceback", "typing",
)  # fmt: skip
"""What programs import most; not `threading`, whose handler after a fork would cost every run a third of its time."""
_POLL_S = 0.005
_MESSAGE_BYTES = 1 << 17
_MOST_FDS = 12
_REASON_BYTES = 300
_CLOSE_ON_EXEC = getattr(socket, "MSG_CMSG_CLOEXEC", 0)


@dataclass
class Job:
    """What to run.

    Attributes:
        limits: what it may use (`isolation.Limits`).
        fds: names of the descriptors sent along: `request` (for `harness.run`), `stdin`, `stdout`, `stderr`, `results`;
            `inputs`: for `series.run`; `program` and `files`: archives to lay out; `fetched`: where those of `fetch`
            go; `test` and `verdict`: request and results of a second process that tests the first.
        command: program to execute; None to run Python in the forked child.
        series: how many inputs the request has, for `series.run`; 0 for a single run.
        fetch: files to read from the scratch folder in the end.
        processes: whether it may start processes.
    """

    limits: dict[str, Any]
    fds: list[str]
    command: list[str] | None = None
    series: int = 0
    fetch: list[str] = field(default_factory=list)
    processes: bool = False


def main(control_fd: int, slot: int, folder: str, readable: list[str], preload: list[str], cgroups: list[str]) -> None:
    """Serve runs until the control socket closes.

    Args:
        control_fd: our end of the socket to the server.
        slot: number of this fork server; chooses the user its programs run as.
        folder: existing directory of which this fork server is the only user.
        readable: files and folders programs may read, beyond the usual ones.
        preload: modules to import beforehand.
        cgroups: `cgroup.procs` files to enter.
    """
    isolation.follow_parent()
    os.set_inheritable(control_fd, False)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the server's business
    for path in cgroups:
        with open(path, "w") as file:
            file.write("0")
    for name in (*_WARM, *preload):
        importlib.import_module(name)
    report = namespaces.enter() if sys.platform == "linux" else {}
    if report.get("pid_namespace") == "active":
        pid = os.fork()
        if pid:
            os._exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 0xFF)
        isolation.follow_parent()
    else:
        isolation.adopt_orphans()
    with socket.socket(fileno=control_fd) as control:
        _ForkServer(control, slot, folder, tuple(readable), report).serve()


class _ForkServer:
    def __init__(
        self, control: socket.socket, slot: int, folder: str, readable: tuple[str, ...], report: dict[str, str]
    ) -> None:
        self._control, self._report = control, report
        uid = isolation.unprivileged_uid(slot)
        places = self._settle(folder, readable, uid)
        self._scratch = namespaces.Scratch(places.scratch, uid)
        self._program = namespaces.Scratch(places.program, None, executable=True)
        self._places = places
        self._try("scratch_quota", self._use_tmpfs)
        self._scratch.reset()
        self._program.reset()
        self._confinement = isolation.Confinement(places, uid, readable)
        report |= self._confinement.probe()
        whose = "other_user" if uid is not None else "user_namespace"
        report["identity"] = report.get(whose, "absent")
        self._active = frozenset(layer for layer, state in report.items() if state == "active")
        hides_files = uid is not None or report.get("private_root") == "active"  # those of the server's user
        self._freedom = Freedom(attributes=hides_files)
        self._series = replace(self._freedom, processes=True, signals=True, memory_files=True)
        narrower = seccomp.prepare(self._freedom, within=self._series)
        self._narrower = narrower if "seccomp" in self._active else None
        self._alone = os.getpid() == 1

    def _settle(self, folder: str, readable: tuple[str, ...], uid: int | None) -> isolation.Places:
        """Move into a root of our own where that is possible."""
        os.chdir("/")
        if self._report.get("mount_namespace") == "active":
            shown = (isolation.STANDARD_LIBRARY, *readable)
            if self._try("private_root", lambda: namespaces.build_root(folder, shown)):
                return isolation.Places("/box/work", "/app/program")
        for name in ("box/work", "app/program"):
            os.makedirs(os.path.join(folder, name), mode=0o755, exist_ok=True)
        return isolation.Places(os.path.join(folder, "box/work"), os.path.join(folder, "app/program"))

    def _use_tmpfs(self) -> None:
        if self._report.get("private_root") != "active":
            raise OSError(0, "needs a root of its own")
        self._scratch.use_tmpfs()
        self._program.use_tmpfs()

    def _try(self, layer: str, apply: Any) -> bool:
        try:
            apply()
            self._report[layer] = "active"
        except OSError as error:
            self._report[layer] = f"absent: {error.strerror}"
        return self._report[layer] == "active"

    def serve(self) -> None:
        scratch = self._places.scratch
        os.environ.clear()
        os.environ.update(HOME=scratch, TMPDIR=scratch, PATH="/usr/bin:/bin", LANG="C.UTF-8")
        _keep_low_descriptors()
        harness.open_streams()
        gc.collect()
        gc.freeze()
        self._control.sendall(json.dumps({"layers": self._report}).encode())
        while True:
            message, fds, _, _ = socket.recv_fds(self._control, _MESSAGE_BYTES, _MOST_FDS, _CLOSE_ON_EXEC)
            if not message:
                return
            job = Job(**json.loads(message))
            answer = self._run(job, dict(zip(job.fds, fds, strict=True)))
            for fd in fds:
                os.close(fd)
            self._scratch.reset()
            self._program.reset()
            self._control.sendall(json.dumps(answer).encode())

    def _run(self, job: Job, fds: dict[str, int]) -> dict[str, Any]:
        freedom = self._series if job.series else self._freedom
        if job.command is not None:
            freedom = replace(freedom, processes=job.processes, programs=True, signals=job.processes and self._alone)
        self._confinement.prepare(freedom)
        ready, report = os.pipe()
        ours, theirs = socket.socketpair() if "test" in fds else (None, None)
        pid = self._fork(report, lambda: self._begin(job, fds, report, freedom, ours))
        tester = self._fork(report, lambda: self._begin_test(job, fds, report, theirs)) if theirs is not None else None
        os.close(report)
        for end in (ours, theirs):
            if end is not None:
                end.close()
        # every child writes `y` when it is confined and closes its end before the program begins
        said = _read_all(ready)
        problem = "" if said == (b"y" if tester is None else b"yy") else said.decode(errors="replace") or "no report"
        started = time.monotonic()
        timed_out = not self._wait(tester or pid, started + job.limits["wall_s"] * max(1, job.series))
        wall_s = time.monotonic() - started
        status, cpu_s, memory_mb = self._reap_all(pid, tester)
        if "fetched" in fds:
            self._fetch(job.fetch, fds["fetched"])
        return {
            "problem": problem,
            "returncode": os.waitstatus_to_exitcode(status),
            "timed_out": timed_out,
            "wall_s": wall_s,
            "cpu_s": cpu_s,
            "memory_mb": memory_mb,
        }

    def _fetch(self, names: list[str], target: int) -> None:
        """Read files of the scratch folder, in a child: this process shall remember nothing of a run."""
        pid = os.fork()
        if pid == 0:
            try:
                found = archive.pack(archive.read_some(self._places.scratch, names))
                with open(target, "wb", closefd=False) as file:
                    file.write(found)
                os._exit(0)
            finally:
                os._exit(1)
        if os.waitpid(pid, 0)[1]:  # out of memory, or a folder that nobody may enter
            os.ftruncate(target, 0)

    def _fork(self, report: int, begin: Callable[[], int]) -> int:
        """Fork a child that ends with what `begin` returns, or says in `report` why it could not begin."""
        pid = os.fork()
        if pid:
            return pid
        try:
            os._exit(begin())
        except BaseException as error:
            with contextlib.suppress(OSError):  # after a `y` this takes it back, unless the program already runs
                os.write(report, f"{type(error).__name__}: {error}".encode()[:_REASON_BYTES])
            os._exit(1)

    def _begin(self, job: Job, fds: dict[str, int], report: int, freedom: Freedom, link: socket.socket | None) -> int:
        request = json.loads(_content(fds["request"])) if job.command is None else {}
        files = archive.unpack(_content(fds["files"])) if "files" in fds else {}
        last = fds.get("inputs") if link is None else link.fileno()
        self._arrange([fds.get(name) for name in ("stdin", "stdout", "stderr", "results")], last)
        if "program" in fds:
            archive.write_all(self._places.program, archive.unpack(_content(fds["program"])), 0o555)
        self._confine(isolation.Limits(**job.limits), freedom)
        archive.write_all(self._places.scratch, files, 0o644)
        os.write(report, b"y")
        if job.command is not None:
            os.close(harness.RESULT_FD)
            command = [part.replace("{program}", self._places.program) for part in job.command]
            os.execve(command[0], command, dict(os.environ))
        os.closerange(channel.CHANNEL_FD + (last is not None), MOST_FDS)
        if not job.series:
            return harness.run(request)
        return series.run(request, self._narrow, self._scratch.is_untouched)

    def _narrow(self) -> None:
        """Take from a child of a series what its parent needs."""
        if self._narrower is not None:
            self._narrower.install()

    def _begin_test(self, job: Job, fds: dict[str, int], report: int, link: socket.socket) -> int:
        request = json.loads(_content(fds["test"]))
        self._arrange([None, None, None, fds["verdict"]], link.fileno())
        self._confine(isolation.Limits(**job.limits), self._freedom, tester=True)
        os.write(report, b"y")
        os.closerange(channel.CHANNEL_FD + 1, MOST_FDS)
        return harness.run(request)

    def _arrange(self, fds: list[int | None], last: int | None) -> None:
        """Give a child its descriptors 0 to 3 (None is for nothing), and 4 if there is a last one."""
        isolation.follow_parent()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.setsid()
        nothing = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        sources = [nothing if fd is None else fd for fd in fds]
        for target, fd in enumerate(sources if last is None else [*sources, last]):
            os.dup2(fd, target)
        with contextlib.suppress(OSError):  # when memory runs out, this process goes and not the fork server
            os.write(os.open("/proc/self/oom_score_adj", os.O_WRONLY | os.O_CLOEXEC), b"1000")
        os.chdir(self._places.scratch)
        random.seed(0)  # forking has seeded it anew; the same program shall see the same numbers

    def _confine(self, limits: isolation.Limits, freedom: Freedom, tester: bool = False) -> None:
        for layer, apply in self._confinement.layers(limits, freedom, tester).items():
            if layer in self._active:
                apply()

    def _reap_all(self, pid: int, tester: int | None) -> tuple[int, float, float]:
        """Kill whatever is left of a run, descendants included, until no child remains.

        Returns:
            Wait status of the run's first process, CPU seconds of all its processes, MiB of the largest.
        """
        status, cpu_s, memory = 0, 0.0, 0
        while True:
            self._kill_all()
            if not self._alone:
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.killpg(pid, signal.SIGKILL)
            try:
                found, found_status, usage = os.wait4(-1, os.WNOHANG)
            except ChildProcessError:
                return status, cpu_s, memory / 1024
            if found == 0:
                time.sleep(0.0005)
                continue
            if found != tester:
                cpu_s += usage.ru_utime + usage.ru_stime
                memory = max(memory, usage.ru_maxrss)
            if found == pid:
                status = found_status

    def _kill_all(self) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            for victim in (-1,) if self._alone else _children():
                os.kill(victim, signal.SIGKILL)

    def _wait(self, pid: int, deadline: float) -> bool:
        """Wait until the child exits. False if it must be killed instead; ends this process if the server is gone."""
        try:
            exited = [os.pidfd_open(pid)] if sys.platform == "linux" else []
        except OSError:
            exited = []
        control = self._control.fileno()
        try:
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                readable, _, _ = select.select([control, *exited], [], [], left if exited else min(left, _POLL_S))
                if control in readable:  # nothing is sent during a run: the server hung up
                    self._reap_all(pid, None)
                    os._exit(0)
                if readable or (not exited and os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)):
                    return True
        finally:
            for fd in exited:
                os.close(fd)


def _children() -> list[int]:
    try:
        with open("/proc/thread-self/children") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def _keep_low_descriptors() -> None:
    """Occupy the numbers a program's own descriptors get, so that none that is received has one of them."""
    while (fd := os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)) <= channel.CHANNEL_FD:
        pass
    os.close(fd)


def _content(fd: int) -> bytes:
    return os.pread(fd, os.fstat(fd).st_size, 0)


def _read_all(fd: int) -> bytes:
    parts = []
    while part := os.read(fd, 4096):
        parts.append(part)
    os.close(fd)
    return b"".join(parts)
