"""Talking to the sandbox server, and starting one that ends with this process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, TypeVar
from weakref import WeakKeyDictionary

import httpx
from pydantic import BaseModel, ValidationError

from darkhorse.errors import described
from darkhorse.sandbox.protocol import ExecuteRequest, ExecuteResult, Health, JudgeRequest, JudgeResult

_PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])
_READY = "darkhorse sandbox ready on "
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.1, 2.0
_TRY_AGAIN = (429, 502, 503)
_QUEUE_S = 600.0  # how long a request may wait for its turn in the server
_START_S = 60.0
_Answer = TypeVar("_Answer", bound=BaseModel)


class SandboxUnavailable(Exception):
    """The sandbox could not do its work; says nothing about the program."""


@dataclass
class _Connection:
    http: httpx.AsyncClient
    turns: asyncio.Semaphore


class SandboxClient:
    """Client of a sandbox server. May be used from one event loop after another.

    A request that gets no answer (the server is down, restarts, or has too much to do) is sent again until `patience_s`
    is over; running a program leaves nothing behind, so it does not matter whether the first one was carried out.

    Args:
        url: e.g. `http://127.0.0.1:8080`.
        concurrency: requests under way at once; the rest wait their turn.
        token: the server's, if it has one.
        patience_s: seconds to keep trying.
    """

    def __init__(self, url: str, concurrency: int = 32, token: str | None = None, patience_s: float = 30.0) -> None:
        self.url = url.rstrip("/")
        self._concurrency, self._patience_s = concurrency, patience_s
        self._headers = {"content-type": "application/json"}
        if token is not None:
            self._headers["authorization"] = f"Bearer {token}"
        self._connections: WeakKeyDictionary[asyncio.AbstractEventLoop, _Connection] = WeakKeyDictionary()

    async def execute(self, request: ExecuteRequest) -> ExecuteResult:
        """Run a program once.

        Raises:
            SandboxUnavailable: if there is no usable answer.
        """
        timeout_s = _QUEUE_S + request.limits.wall_s
        return await self._answer(ExecuteResult, "/v1/execute", request.model_dump_json(), timeout_s)

    async def judge(self, request: JudgeRequest) -> JudgeResult:
        """Run a program on tests.

        Raises:
            SandboxUnavailable: if there is no usable answer.
        """
        timeout_s = _QUEUE_S + request.limits.wall_s * len(request.tests)
        return await self._answer(JudgeResult, "/v1/judge", request.model_dump_json(), timeout_s)

    async def health(self) -> Health:
        """The server's languages, level of isolation and load.

        Raises:
            SandboxUnavailable: if it does not answer.
        """
        return await self._answer(Health, "/v1/health", None, 10.0)

    async def _answer(self, kind: type[_Answer], path: str, body: str | None, timeout_s: float) -> _Answer:
        content = await self._send("GET" if body is None else "POST", path, body, timeout_s)
        try:
            return kind.model_validate_json(content)
        except ValidationError as error:
            raise SandboxUnavailable(f"the sandbox at {self.url} sent a malformed answer: {error}") from error

    async def _send(self, method: str, path: str, body: str | None, timeout_s: float) -> bytes:
        connection = self._connection()
        pause_s, give_up = _FIRST_PAUSE_S, time.monotonic() + self._patience_s
        async with connection.turns:
            while True:
                try:
                    response = await connection.http.request(
                        method,
                        self.url + path,
                        content=body,
                        headers=self._headers,
                        timeout=httpx.Timeout(timeout_s, connect=5.0),
                    )
                except httpx.TransportError as error:
                    failure = described(error)
                else:
                    if response.is_success:
                        return response.content
                    failure = f"HTTP {response.status_code}: {response.text[:300]}"
                    if response.status_code not in _TRY_AGAIN:
                        break
                    if response.status_code == 429:  # it is alive and says so: as long as it does, our turn will come
                        give_up = time.monotonic() + self._patience_s
                if time.monotonic() + pause_s > give_up:
                    break
                await asyncio.sleep(pause_s)
                pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)
        raise SandboxUnavailable(f"the sandbox at {self.url} is unavailable ({failure})")

    def _connection(self) -> _Connection:
        """This event loop's HTTP client."""
        loop = asyncio.get_running_loop()
        if loop not in self._connections:
            http = httpx.AsyncClient(
                limits=httpx.Limits(max_connections=None, max_keepalive_connections=0),
                trust_env=False,  # a proxy has no business between us and loopback
            )
            self._connections[loop] = _Connection(http, asyncio.Semaphore(self._concurrency))
        return self._connections[loop]


class SandboxProcess:
    """A sandbox server of our own on loopback; a context manager.

    The server holds the read end of a pipe from this process and ends when it closes, however this process ends. If the
    server ends first, it is started again at the same address, so that clients who keep trying lose nothing.

    Args:
        workers: processes it runs at once; 0 for one a core.
        port: where it listens; 0 for any free port.
        isolation: level it must keep (`darkhorse.types.Isolation`).
        packages: installed ones that Python programs may import.
    """

    def __init__(
        self, workers: int = 0, port: int = 0, isolation: str = "auto", packages: tuple[str, ...] = ()
    ) -> None:
        self._workers, self._port, self._isolation, self._packages = workers, port, isolation, packages
        self._process: subprocess.Popen[bytes] | None = None
        self._stopping = threading.Event()
        self._watcher: threading.Thread | None = None
        self.url = ""

    @property
    def pid(self) -> int:
        """Process id of the running server."""
        if self._process is None:
            raise RuntimeError("the sandbox has not been started")
        return self._process.pid

    def start(self) -> SandboxClient:
        """Start the server and wait until it is ready.

        Raises:
            SandboxUnavailable: if it does not come up.
        """
        self._stopping.clear()
        self._process, self.url = self._launch()
        self._port = int(self.url.rpartition(":")[2])
        self._watcher = threading.Thread(target=self._watch, daemon=True)
        self._watcher.start()
        return SandboxClient(self.url)

    def stop(self) -> None:
        """End the server and everything it runs; safe to call twice."""
        self._stopping.set()
        if self._process is not None:
            _end(self._process)
        if self._watcher is not None:
            self._watcher.join()
        self._process = self._watcher = None

    def _launch(self) -> tuple[subprocess.Popen[bytes], str]:
        command = [sys.executable, "-P", "-m", "darkhorse.sandbox.server", "--until-stdin-closes"]
        search_path = [_PACKAGE_ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
        settings = ["--workers", str(self._workers), "--port", str(self._port), "--isolation", self._isolation]
        settings += [word for name in self._packages for word in ("--package", name)]
        process = subprocess.Popen(
            [*command, *settings],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(search_path)},
        )
        assert process.stdout is not None
        line = _first_line(process.stdout, _START_S)
        if not line.startswith(_READY):
            _end(process)
            raise SandboxUnavailable(line or "The sandbox server did not start; its messages are on standard error.")
        return process, line.removeprefix(_READY).strip()

    def _watch(self) -> None:
        """Start the server again whenever it ends before it should."""
        while self._process is not None:
            self._process.wait()
            if self._stopping.is_set():
                return
            _end(self._process)
            try:
                self._process, _ = self._launch()
            except SandboxUnavailable:
                if self._stopping.wait(_FIRST_PAUSE_S):
                    return
                continue
            if self._stopping.is_set():  # asked to stop while it came up
                _end(self._process)
                return

    def __enter__(self) -> SandboxClient:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    with contextlib.suppress(OSError):
        process.stdin.close()
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(5.0)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    process.stdout.close()


def _first_line(stream: IO[bytes], timeout_s: float) -> str:
    """The first line a process prints; what there is of it when the process ends or the time is up."""
    text = b""
    deadline = time.monotonic() + timeout_s
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while b"\n" not in text and selector.select(max(0.0, deadline - time.monotonic())):
            chunk = os.read(stream.fileno(), 4096)
            if not chunk:
                break
            text += chunk
    return text.decode(errors="replace").partition("\n")[0]
