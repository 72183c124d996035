"""A pool of fork servers. Each executes one run at a time; one that misbehaves is killed and replaced."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from darkhorse.sandbox import archive, series
from darkhorse.sandbox.cgroups import PREFIX, ControlGroup, owner_is_gone, remove_abandoned
from darkhorse.sandbox.isolation import FILE_BYTES
from darkhorse.sandbox.protocol import RunLimits
from darkhorse.sandbox.series import RESULT_BYTES
from darkhorse.sandbox.syscalls import write_all
from darkhorse.sandbox.values import loads

_PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])
_BOOT = """
import json, sys
sys.path.insert(0, sys.argv[1])
from darkhorse.sandbox import zygote
sys.path.pop(0)
options = json.loads(sys.argv[2])
sys.path += options.pop("search")
zygote.main(**options)
"""
_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1",
    "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1",
}  # fmt: skip
_START_S = 30.0
_HANGING_UP_S = 0.2
_GRACE_S = 10.0  # beyond a run's wall time before its fork server counts as hung


class PoolError(Exception):
    """The sandbox itself failed; says nothing about the program."""


class PoolBusy(Exception):
    """More runs wait than the pool lets wait."""


@dataclass(frozen=True)
class Runtime:
    """What a fork server has at hand for its programs.

    Attributes:
        readable: files and folders programs may read, beyond the usual ones.
        preload: modules imported before the first program.
        search: folders those are found in.
    """

    readable: tuple[str, ...] = ()
    preload: tuple[str, ...] = ()
    search: tuple[str, ...] = ()


@dataclass
class Work:
    """One run.

    Attributes:
        request: what `harness.run` takes; None if `command` is executed instead.
        series: inputs to run the request on, each in a process of its own (see `series.run`); none for a single run.
        command: a program and its arguments; `{program}` stands for the folder with `program`'s files.
        stdin: bytes of the standard input.
        program: files to read and execute.
        files: files in the scratch folder.
        fetch: files to read from there in the end.
        test: what `harness.run` takes in a second process that tests the first.
        processes: whether it may start processes.
        reserves: whether its runtime reserves far more address space than it uses.
        file_bytes: the largest file it may write.
    """

    limits: RunLimits
    request: dict[str, Any] | None = None
    series: list[dict[str, Any]] = field(default_factory=list)
    command: list[str] | None = None
    stdin: bytes = b""
    program: dict[str, bytes] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    fetch: list[str] = field(default_factory=list)
    test: dict[str, Any] | None = None
    processes: bool = False
    reserves: bool = False
    file_bytes: int = FILE_BYTES


@dataclass
class Execution:
    """One finished run.

    Attributes:
        returncode: exit status, negative for a signal.
        timed_out: whether it was killed for its wall time.
        wall_s, cpu_s: seconds used.
        memory_mb: peak of its largest process.
        out_of_memory: whether the kernel killed it for memory.
        stdout, stderr: bytes written, up to one more than the output limit.
        claim: what the harness wrote last (a claim of the program); None if it wrote nothing.
        claim_bytes: how much it wrote in all.
        verdict: what the testing process found; None without one, or if it came to no end.
        files: the fetched ones.
        series: executions of a series' first inputs; those of the others are missing.
    """

    returncode: int
    timed_out: bool
    wall_s: float
    cpu_s: float
    memory_mb: float
    out_of_memory: bool = False
    stdout: bytes = b""
    stderr: bytes = b""
    claim: dict[str, Any] | None = None
    claim_bytes: int = 0
    verdict: dict[str, Any] | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    series: list[Execution] = field(default_factory=list)

    @property
    def claim_overflow(self) -> bool:
        """Whether the harness, or the program in its name, wrote more than is read."""
        return self.claim_bytes > RESULT_BYTES


class Pool:
    """`workers` fork servers behind a queue.

    Args:
        workers: runs at once.
        runtime: what the programs find.
        max_waiting: runs that may wait; one more is refused.
        first_slot: number of the first fork server; no two of a machine should share one.
    """

    def __init__(
        self, workers: int, runtime: Runtime | None = None, max_waiting: int = 100_000, first_slot: int = 0
    ) -> None:
        self.workers, self.max_waiting = workers, max_waiting
        self.layers: dict[str, str] = {}
        self.waiting = self.running = self.restarts = 0
        self._runtime, self._first_slot = runtime or Runtime(), first_slot
        self._zygotes: list[_Zygote] = []
        self._free: asyncio.Queue[_Zygote] = asyncio.Queue()
        self._folder = ""

    @property
    def idle(self) -> int:
        """How many fork servers have nothing to do."""
        return self._free.qsize()

    async def start(self) -> None:
        """Start all fork servers.

        Raises:
            PoolError: if one does not come up.
        """
        _sweep()
        self._folder = tempfile.mkdtemp(prefix=f"{PREFIX}{os.getpid()}-")
        os.chmod(self._folder, 0o711)
        slots = range(self._first_slot, self._first_slot + self.workers)
        self._zygotes = [_Zygote(slot, os.path.join(self._folder, str(slot)), self._runtime) for slot in slots]
        await asyncio.gather(*(zygote.start() for zygote in self._zygotes))
        self.layers = dict(self._zygotes[0].layers)
        for zygote in self._zygotes:
            self.layers |= {name: state for name, state in zygote.layers.items() if state != "active"}
            self._free.put_nowait(zygote)

    def stop(self) -> None:
        """Kill all fork servers, and with them what they run."""
        for zygote in self._zygotes:
            zygote.kill()
            zygote.group.remove()
        if self._folder:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def execute(self, work: Work) -> Execution:
        """Carry out one run; waits for a free fork server first. A failing one is replaced and the run tried again.

        Raises:
            PoolError: if the second try fails as well.
            PoolBusy: if too many runs wait already.
        """
        if self._free.empty() and self.waiting >= self.max_waiting:
            raise PoolBusy(f"{self.waiting} runs are waiting")
        self.waiting += 1
        try:
            zygote = await self._free.get()
        finally:
            self.waiting -= 1
        self.running += 1
        try:
            for last_try in (False, True):
                try:
                    if not zygote.alive:
                        self.restarts += 1
                        await zygote.start()
                    return await zygote.execute(work)
                except (PoolError, OSError, ValueError) as error:
                    zygote.kill()
                    if last_try:
                        raise PoolError(f"a run could not be carried out: {error}") from error
                except BaseException:  # cancelled: the fork server may still be busy
                    zygote.kill()
                    raise
        finally:
            self.running -= 1
            self._free.put_nowait(zygote)
        raise AssertionError("unreachable")


class _Zygote:
    def __init__(self, slot: int, folder: str, runtime: Runtime) -> None:
        self.layers: dict[str, str] = {}
        self.group = ControlGroup(f"{PREFIX}{os.getpid()}-{slot}")
        self._slot, self._folder, self._runtime = slot, folder, runtime
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        os.makedirs(self._folder, mode=0o711, exist_ok=True)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            fd = theirs.fileno()
            options = {
                "control_fd": fd,
                "slot": self._slot,
                "folder": self._folder,
                "readable": self._runtime.readable,
                "preload": self._runtime.preload,
                "search": self._runtime.search,
                "cgroups": self.group.entrances,
            }
            self._process = subprocess.Popen(
                [sys.executable, "-s", "-S", "-P", "-c", _BOOT, _PACKAGE_ROOT, json.dumps(options)],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=_ENVIRONMENT,
                pass_fds=(fd,),
            )
        ours.setblocking(False)
        self._control = ours
        try:
            self.layers = (await self._receive(_START_S))["layers"] | self.group.layers
        except PoolError as error:
            self.kill()
            raise PoolError(f"a fork server did not start: {error}") from error

    def kill(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            if self.layers.get("pid_namespace") != "active":  # then what it runs does not die with it, so it kills that
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(_HANGING_UP_S)
            self._process.kill()
            self._process.wait()
            self._process = None

    async def execute(self, work: Work) -> Execution:
        assert self._control is not None
        nonce = os.urandom(8).hex()
        fds = {name: _memory_file(content) for name, content in _contents(work, nonce).items()}
        try:
            self.group.allow_memory(work.limits.memory_mb)
            limits = work.limits.model_dump(include={"wall_s", "cpu_s", "memory_mb"})
            job = {
                "limits": limits | {"reserves": work.reserves, "file_bytes": work.file_bytes},
                "fds": list(fds),
                "command": work.command,
                "series": len(work.series),
                "fetch": work.fetch,
                "processes": work.processes,
            }
            socket.send_fds(self._control, [json.dumps(job).encode()], list(fds.values()))
            answer = await self._receive(work.limits.wall_s * max(1, len(work.series)) + _GRACE_S)
            problem = answer.pop("problem")
            if problem:
                raise PoolError(f"the program could not be started behind its isolation layers ({problem})")
            out_of_memory = self.group.ran_out()
            if work.series:
                runs = series.records(_read(fds["results"]))
                executions = [
                    _execution(out_of_memory and run["returncode"] == -signal.SIGKILL, nonce, run, *contents)
                    for run, contents in runs
                ]
                return Execution(**answer, out_of_memory=out_of_memory, series=executions)
            written = _read(fds["results"], RESULT_BYTES + 1)
            most = _output_bytes(work.limits)
            execution = _execution(
                out_of_memory,
                nonce,
                answer,
                _read(fds["stdout"], most),
                _read(fds["stderr"], most),
                written,
            )
            if work.test is not None:
                execution.verdict = _last_record(_read(fds["verdict"], RESULT_BYTES), nonce)
            if work.fetch:
                execution.files = archive.unpack(_read(fds["fetched"]))
            return execution
        finally:
            for fd in fds.values():
                os.close(fd)

    async def _receive(self, timeout_s: float) -> dict[str, Any]:
        assert self._control is not None
        try:
            async with asyncio.timeout(timeout_s):
                message = await asyncio.get_running_loop().sock_recv(self._control, 65_536)
        except TimeoutError:
            raise PoolError(f"no answer from the fork server for {timeout_s:.0f} s") from None
        if not message:
            raise PoolError("the fork server died")
        answer: dict[str, Any] = json.loads(message)
        return answer


def _sweep() -> None:
    """Remove what servers left that were killed."""
    remove_abandoned()
    for path in Path(tempfile.gettempdir()).glob(f"{PREFIX}*"):
        if owner_is_gone(path.name):
            shutil.rmtree(path, ignore_errors=True)


def _execution(
    out_of_memory: bool, nonce: str, ended: dict[str, Any], stdout: bytes, stderr: bytes, written: bytes
) -> Execution:
    claim = _last_record(written[:RESULT_BYTES], nonce)
    return Execution(
        **ended,
        out_of_memory=out_of_memory,
        stdout=stdout,
        stderr=stderr,
        claim=claim,
        claim_bytes=len(written),
    )


def _output_bytes(limits: RunLimits) -> int:
    """One more than a program may write, so that it shows."""
    return limits.output_kb * 1024 + 1


def _contents(work: Work, nonce: str) -> dict[str, bytes]:
    """What goes into each descriptor of a run, by its name."""
    if work.series:
        inputs = [json.dumps(item).encode() for item in work.series]
        starts = itertools.accumulate(map(len, inputs), initial=0)
        each = {
            "places": [(start, len(item)) for start, item in zip(starts, inputs, strict=False)],
            "wall_s": work.limits.wall_s,
            "output_bytes": _output_bytes(work.limits),
        }
        request = json.dumps({**(work.request or {}), **each, "nonce": nonce}).encode()
        return {"request": request, "inputs": b"".join(inputs), "results": b""}
    contents = {"request": b"", "stdin": work.stdin, "stdout": b"", "stderr": b"", "results": b""}
    if work.request is not None:
        contents["request"] = json.dumps({**work.request, "nonce": nonce}).encode()
    if work.program:
        contents["program"] = archive.pack(work.program)
    if work.files:
        contents["files"] = archive.pack(work.files)
    if work.fetch:
        contents["fetched"] = b""
    if work.test is not None:
        contents |= {"test": json.dumps({**work.test, "nonce": nonce}).encode(), "verdict": b""}
    return contents


def _memory_file(content: bytes) -> int:
    """An anonymous file holding `content`, positioned at its start."""
    if sys.platform == "linux":
        fd = os.memfd_create("run")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    write_all(fd, content)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _read(fd: int, most: int = 1 << 30) -> bytes:
    """The content from its start, in a buffer of its size: larger ones that are cut leave holes in the heap."""
    return os.pread(fd, min(most, os.fstat(fd).st_size), 0)


def _last_record(written: bytes, nonce: str) -> dict[str, Any] | None:
    """The last line, if it is a record of this run; what a program wrote to the descriptor before it is noise."""
    start = written.rfind(b"\n", 0, -1) + 1
    try:
        record = loads(written[start:])
    except ValueError:
        return None
    return record if isinstance(record, dict) and record.get("nonce") == nonce else None
