"""Talking to the sandbox server, and starting one that ends with this process."""

from __future__ import annotations

import asyncio
import contextlib
import os
import selectors
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO
from weakref import WeakKeyDictionary

import httpx
from pydantic import ValidationError

from darkhorse.sandbox.protocol import Call, Health, RunLimits, RunRequest, RunResult

_PACKAGE_ROOT = str(Path(__file__).resolve().parents[2])
_READY = "darkhorse sandbox ready on "
_RETRY_AFTER_S = (0.1, 0.5)
_QUEUE_S = 120.0  # how long a request may wait for its turn in the server
_START_S = 60.0


class SandboxUnavailable(Exception):
    """The sandbox could not do its work; says nothing about the program."""


@dataclass
class _Connection:
    http: httpx.AsyncClient
    turns: asyncio.Semaphore


class SandboxClient:
    """Client of a sandbox server. May be used from one event loop after another.

    Args:
        url: e.g. `http://127.0.0.1:8080`.
        concurrency: requests under way at once; the rest wait their turn.
    """

    def __init__(self, url: str, concurrency: int = 32) -> None:
        self.url = url.rstrip("/")
        self._concurrency = concurrency
        self._connections: WeakKeyDictionary[asyncio.AbstractEventLoop, _Connection] = WeakKeyDictionary()

    async def run(
        self,
        code: str,
        calls: list[Call] | None = None,
        stdin: list[str] | None = None,
        limits: RunLimits | None = None,
        fresh_process: bool = False,
        interactive: bool = False,
    ) -> RunResult:
        """Run a program; arguments as in `RunRequest`.

        Raises:
            SandboxUnavailable: if there is no usable answer after retries.
        """
        limits = limits or RunLimits()
        try:
            request = RunRequest(
                code=code,
                calls=calls,
                stdin=stdin,
                limits=limits,
                fresh_process=fresh_process,
                interactive=interactive,
            )
            body = request.model_dump_json()
        except ValueError as error:
            raise SandboxUnavailable(f"the request cannot be sent: {error}") from error
        processes = len(stdin or []) if calls is None else len(calls)
        answer = await self._send("POST", "/v1/run", body, _QUEUE_S + limits.wall_s * max(1, processes))
        try:
            return RunResult.model_validate_json(answer)
        except ValidationError as error:
            raise SandboxUnavailable(f"the sandbox at {self.url} sent a malformed answer: {error}") from error

    async def ping(self) -> Health:
        """The server's languages and isolation layers.

        Raises:
            SandboxUnavailable: if it does not answer.
        """
        return Health.model_validate_json(await self._send("GET", "/v1/ping", None, 10.0))

    async def _send(self, method: str, path: str, body: str | None, timeout_s: float) -> bytes:
        connection = self._connection()
        failure = ""
        async with connection.turns:
            for pause_s in (*_RETRY_AFTER_S, None):
                try:
                    response = await connection.http.request(
                        method,
                        self.url + path,
                        content=body,
                        headers={"content-type": "application/json"},
                        timeout=httpx.Timeout(timeout_s, connect=5.0),
                    )
                except httpx.TransportError as error:
                    failure = f"{type(error).__name__}: {error}".rstrip(": ")
                else:
                    if response.is_success:
                        return response.content
                    failure = f"HTTP {response.status_code}: {response.text[:300]}"
                    if response.is_client_error:
                        break
                if pause_s is not None:
                    await asyncio.sleep(pause_s)
        raise SandboxUnavailable(f"the sandbox at {self.url} is unavailable ({failure})")

    def _connection(self) -> _Connection:
        """This event loop's HTTP client. Connections are not kept alive, so a loop that ends leaves nothing open."""
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

    The server holds the read end of a pipe from this process and ends when it closes, however this process ends.

    Args:
        workers: processes it runs at once; 0 for one a core.
        port: where it listens; 0 for any free port.
    """

    def __init__(self, workers: int = 0, port: int = 0) -> None:
        self._workers = workers
        self._port = port
        self._process: subprocess.Popen[bytes] | None = None
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
        command = [sys.executable, "-P", "-m", "darkhorse.sandbox.server", "--until-stdin-closes"]
        search_path = [_PACKAGE_ROOT, *filter(None, [os.environ.get("PYTHONPATH")])]
        self._process = subprocess.Popen(
            [*command, "--workers", str(self._workers), "--port", str(self._port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(search_path)},
        )
        assert self._process.stdout is not None
        line = _first_line(self._process.stdout, _START_S)
        if not line.startswith(_READY):
            self.stop()
            raise SandboxUnavailable(line or "The sandbox server did not start; its messages are on standard error.")
        self.url = line.removeprefix(_READY).strip()
        return SandboxClient(self.url)

    def stop(self) -> None:
        """End the server and everything it runs; safe to call twice."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(5.0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()

    def __enter__(self) -> SandboxClient:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


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
