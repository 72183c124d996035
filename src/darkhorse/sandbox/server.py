"""The sandbox server: `python -m darkhorse.sandbox.server --port 8080`. On loopback unless told otherwise."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
import threading
from collections.abc import AsyncIterator

import uvicorn
from fastapi import FastAPI, HTTPException

from darkhorse.errors import UserError
from darkhorse.sandbox.pool import Pool, PoolError
from darkhorse.sandbox.protocol import (
    CommandRunResult,
    Health,
    RunCodeRequest,
    RunCodeResponse,
    RunLimits,
    RunRequest,
    RunResult,
)
from darkhorse.sandbox.runs import run

READY = "darkhorse sandbox ready on "
DEFAULT_PORT = 8080


def default_workers() -> int:
    """As many processes at once as there are cores, within 2 and 32."""
    return max(2, min(32, os.cpu_count() or 2))


def create_app(pool: Pool) -> FastAPI:
    """The HTTP application over a pool, which it starts and stops."""

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            await pool.start()
            yield
        finally:
            pool.stop()

    app = FastAPI(title="Darkhorse sandbox", lifespan=lifespan)

    @app.post("/v1/run")
    async def run_program(request: RunRequest) -> RunResult:
        """Run a program; see `RunRequest`. 503 when the sandbox itself failed."""
        try:
            return await run(pool, request)
        except PoolError as error:
            raise HTTPException(503, str(error)) from error

    @app.post("/run_code")
    async def run_code(request: RunCodeRequest) -> RunCodeResponse:
        """SandboxFusion's call, for trainers that speak it."""
        return await _run_code(pool, request)

    @app.get("/v1/ping")
    @app.get("/health")
    async def ping() -> Health:
        """Which languages, how many workers, which isolation layers."""
        return Health(languages=["python"], workers=pool.workers, layers=pool.layers)

    return app


async def _run_code(pool: Pool, request: RunCodeRequest) -> RunCodeResponse:
    if request.language != "python":
        return RunCodeResponse(status="SandboxError", message=f"language '{request.language}' is not supported")
    if request.files or request.fetch_files:
        return RunCodeResponse(status="SandboxError", message="'files' and 'fetch_files' are not supported")
    limits = RunLimits(wall_s=request.run_timeout, cpu_s=request.run_timeout)
    if request.memory_limit_MB > 0:
        limits.memory_mb = max(64, min(16_384, request.memory_limit_MB))
    stdin = [request.stdin or ""]
    try:
        result = (await run(pool, RunRequest(code=request.code, stdin=stdin, limits=limits))).results[0]
    except PoolError as error:
        return RunCodeResponse(status="SandboxError", message=str(error))
    outcome = CommandRunResult(
        status="TimeLimitExceeded" if result.status == "timeout" else "Finished",
        execution_time=result.wall_s,
        return_code=None if result.status == "timeout" else result.exit_code,
        stdout=result.stdout,
        stderr=result.stderr,
    )
    success = outcome.status == "Finished" and outcome.return_code == 0
    return RunCodeResponse(
        status="Success" if success else "Failed", message="" if success else result.error or "", run_result=outcome
    )


class _Server(uvicorn.Server):
    """uvicorn that says on standard output when it listens."""

    def __init__(self, config: uvicorn.Config, address: str) -> None:
        super().__init__(config)
        self._address = address

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            print(f"{READY}{self._address}", flush=True)


def serve(
    host: str = "127.0.0.1", port: int = DEFAULT_PORT, workers: int = 0, until_stdin_closes: bool = False
) -> None:
    """Serve until interrupted.

    Args:
        host: address to listen on; the API has no authentication, so anything but loopback is for closed networks.
        port: 0 chooses a free one, named in the readiness line.
        workers: processes at once; 0 for `default_workers()`.
        until_stdin_closes: end with the process that holds the other end of standard input.

    Raises:
        UserError: if the port is taken or the sandbox cannot start.
    """
    listener = _listen(host, port)
    with listener:
        address = f"http://{host}:{listener.getsockname()[1]}"
        config = uvicorn.Config(
            create_app(Pool(workers or default_workers())),
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        server = _Server(config, address)
        if until_stdin_closes:
            threading.Thread(target=_watch_stdin, args=(server,), daemon=True).start()
        server.run(sockets=[listener])
        if not server.started:
            raise UserError("The sandbox could not start its fork servers.", "The log above says why.")


def _listen(host: str, port: int) -> socket.socket:
    try:
        return socket.create_server((host, port), backlog=1024)
    except OSError as error:
        raise UserError(
            f"The sandbox cannot listen on {host}:{port}: {error.strerror}.",
            "Choose another one with --port, or 0 for any free port.",
        ) from error


def _watch_stdin(server: uvicorn.Server) -> None:
    while os.read(0, 4096):
        pass
    server.should_exit = True


def main(arguments: list[str] | None = None) -> int:
    """Entry point of `python -m darkhorse.sandbox.server`."""
    parser = argparse.ArgumentParser(prog="darkhorse sandbox", description="Run untrusted programs over HTTP.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 for any free port")
    parser.add_argument("--workers", type=int, default=0, help="processes at once (default: one a core)")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input ends")
    options = parser.parse_args(arguments)
    try:
        serve(options.host, options.port, options.workers, options.until_stdin_closes)
    except UserError as error:
        if options.until_stdin_closes:
            print(error.message)  # for the process that started us, which knows the remedy
        else:
            print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
