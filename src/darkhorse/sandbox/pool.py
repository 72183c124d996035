"""A pool of fork servers. Each executes one process at a time; one that misbehaves is killed and replaced."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from darkhorse.sandbox.protocol import RunLimits

_PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])
_BOOT = """
import sys
sys.path.insert(0, sys.argv[1])
from darkhorse.sandbox import zygote
sys.path.pop(0)
zygote.main(int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
"""
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1"}
_START_S = 30.0
_GRACE_S = 10.0  # beyond a run's wall time before its fork server counts as hung
_RESULT_BYTES = 4 << 20


class PoolError(Exception):
    """The sandbox itself failed; says nothing about the program."""


@dataclass
class Execution:
    """One finished process.

    Attributes:
        returncode: exit status, negative for a signal.
        timed_out: whether it was killed for its wall time.
        wall_s, cpu_s: seconds used.
        stdout, stderr: bytes written, up to one more than the output limit.
        records: what the harness wrote (claims of the program).
        records_overflow: whether there was more than is read.
    """

    returncode: int
    timed_out: bool
    wall_s: float
    cpu_s: float
    stdout: bytes
    stderr: bytes
    records: list[dict[str, Any]] = field(default_factory=list)
    records_overflow: bool = False


class Pool:
    """`workers` fork servers behind a queue.

    Args:
        workers: processes that may run at once.
    """

    def __init__(self, workers: int) -> None:
        self.workers = workers
        self.layers: dict[str, str] = {}
        self._zygotes: list[_Zygote] = []
        self._free: asyncio.Queue[_Zygote] = asyncio.Queue()
        self._scratch = ""

    async def start(self) -> None:
        """Start all fork servers.

        Raises:
            PoolError: if one does not come up.
        """
        self._scratch = tempfile.mkdtemp(prefix="darkhorse-sandbox-")
        os.chmod(self._scratch, 0o711)
        self._zygotes = [_Zygote(slot, os.path.join(self._scratch, str(slot))) for slot in range(self.workers)]
        await asyncio.gather(*(zygote.start() for zygote in self._zygotes))
        self.layers = dict(self._zygotes[0].layers)
        for zygote in self._zygotes:
            self.layers |= {name: state for name, state in zygote.layers.items() if state != "active"}
            self._free.put_nowait(zygote)

    def stop(self) -> None:
        """Kill all fork servers, and with them what they run."""
        for zygote in self._zygotes:
            zygote.kill()
        shutil.rmtree(self._scratch, ignore_errors=True)

    async def execute(self, request: dict[str, Any], stdin: str, limits: RunLimits) -> Execution:
        """Run one process; waits for a free fork server first. A failing fork server is replaced and tried once more.

        Args:
            request: what `harness.run` takes.
            stdin: text of the standard input.
            limits: what the process may use.

        Raises:
            PoolError: if the second try fails as well.
        """
        zygote = await self._free.get()
        try:
            for last_try in (False, True):
                try:
                    if not zygote.alive:
                        await zygote.start()
                    return await zygote.execute(request, stdin, limits)
                except (PoolError, OSError, ValueError) as error:
                    zygote.kill()
                    if last_try:
                        raise PoolError(f"a run could not be carried out: {error}") from error
                except BaseException:  # cancelled: the fork server may still be busy
                    zygote.kill()
                    raise
        finally:
            self._free.put_nowait(zygote)
        raise AssertionError("unreachable")


class _Zygote:
    def __init__(self, slot: int, scratch: str) -> None:
        self.layers: dict[str, str] = {}
        self._slot, self._scratch = slot, scratch
        self._process: subprocess.Popen[bytes] | None = None
        self._control: socket.socket | None = None

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    async def start(self) -> None:
        os.makedirs(self._scratch, mode=0o711, exist_ok=True)
        ours, theirs = socket.socketpair()
        with theirs:
            fd = theirs.fileno()
            arguments = [_PACKAGE_ROOT, str(fd), str(self._slot), self._scratch]
            self._process = subprocess.Popen(
                [sys.executable, "-s", "-S", "-P", "-c", _BOOT, *arguments],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=_ENVIRONMENT,
                pass_fds=(fd,),
            )
        ours.setblocking(False)
        self._control = ours
        try:
            self.layers = (await self._receive(_START_S))["layers"]
        except PoolError as error:
            self.kill()
            raise PoolError(f"a fork server did not start: {error}") from error

    def kill(self) -> None:
        if self._control is not None:
            self._control.close()
            self._control = None
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    async def execute(self, request: dict[str, Any], stdin: str, limits: RunLimits) -> Execution:
        assert self._control is not None
        nonce = os.urandom(8).hex()
        program = json.dumps({**request, "nonce": nonce}).encode()
        files = [_memory_file(program), _memory_file(stdin.encode(errors="replace")), *(_memory_file() for _ in "123")]
        try:
            job = limits.model_dump(include={"wall_s", "cpu_s", "memory_mb"})
            socket.send_fds(self._control, [json.dumps(job).encode()], files)
            answer = await self._receive(limits.wall_s + _GRACE_S)
            if not answer.pop("confined"):
                raise PoolError("the isolation layers could not be applied")
            stdout, stderr, results = files[2:]
            written = os.pread(results, _RESULT_BYTES + 1, 0)
            return Execution(
                **answer,
                stdout=os.pread(stdout, limits.output_kb * 1024 + 1, 0),
                stderr=os.pread(stderr, limits.output_kb * 1024 + 1, 0),
                records=_records(written[:_RESULT_BYTES], nonce),
                records_overflow=len(written) > _RESULT_BYTES,
            )
        finally:
            for fd in files:
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


def _memory_file(content: bytes = b"") -> int:
    """An anonymous file holding `content`, positioned at its start."""
    if sys.platform == "linux":
        fd = os.memfd_create("run")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]
    os.lseek(fd, 0, os.SEEK_SET)
    return fd


def _records(written: bytes, nonce: str) -> list[dict[str, Any]]:
    """The lines that are records of this run; others are noise a program wrote to the descriptor."""
    found = []
    for line in written.split(b"\n"):
        try:
            record = json.loads(line, parse_constant=_no_constants) if line else None
        except (ValueError, RecursionError):
            continue
        if isinstance(record, dict) and record.get("nonce") == nonce:
            found.append(record)
    return found


def _no_constants(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")
