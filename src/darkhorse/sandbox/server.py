"""The sandbox server: `darkhorse sandbox`, or `python -m darkhorse.sandbox.server`; on loopback unless told."""

from __future__ import annotations

import argparse
import contextlib
import os
import socket
import sys
import threading
from typing import get_args

import uvicorn

from darkhorse.errors import UserError
from darkhorse.http_server import address_of, listen, require_secret
from darkhorse.sandbox.app import create_app
from darkhorse.sandbox.pool import PoolError
from darkhorse.sandbox.service import Service, ServiceOptions, default_workers
from darkhorse.sandbox.syscalls import LIBC
from darkhorse.types import Isolation

READY = "darkhorse sandbox ready on "
DEFAULT_PORT = 8080
TOKEN_VARIABLE = "DARKHORSE_SANDBOX_TOKEN"
_DRAIN_S = 30
_MMAP_THRESHOLD = -3


class _Server(uvicorn.Server):
    """uvicorn that starts and stops the service, and says on standard output when it listens."""

    def __init__(self, config: uvicorn.Config, address: str, service: Service) -> None:
        super().__init__(config)
        self._address, self._service = address, service
        self.failure: UserError | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start the service, then listen, and say so."""
        try:
            await self._service.start()
        except (UserError, PoolError) as error:
            self._service.stop()
            self.failure = error if isinstance(error, UserError) else UserError(f"The sandbox cannot start: {error}.")
            self.should_exit = True
            return
        await super().startup(sockets)
        if self.started:
            print(f"{READY}{self._address}", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what is under way; health says `draining` meanwhile."""
        self._service.draining = True
        await super().shutdown(sockets)
        self._service.stop()


def serve(
    host: str = "127.0.0.1",
    port: int = DEFAULT_PORT,
    options: ServiceOptions | None = None,
    token: str | None = None,
    until_stdin_closes: bool = False,
) -> None:
    """Serve until interrupted, then finish what is under way for up to half a minute.

    Args:
        host: address to listen on.
        port: 0 chooses a free one, named in the readiness line.
        options: how the sandbox is set up.
        token: what clients must send as a bearer token; needed anywhere but on loopback.
        until_stdin_closes: end at once when the process ends that holds the other end of standard input.

    Raises:
        UserError: if the port is taken, the address is public and there is no token, or the sandbox cannot start.
    """
    require_secret(host, token, "The sandbox would listen", "token", TOKEN_VARIABLE)
    listener = listen(host, port, "The sandbox")
    _keep_buffers_off_the_heap()
    with listener:
        service = Service(options or ServiceOptions(default_workers()))
        config = uvicorn.Config(
            create_app(service, token),
            log_level="warning",
            access_log=False,
            timeout_graceful_shutdown=1 if until_stdin_closes else _DRAIN_S,
        )
        server = _Server(config, address_of(host, listener), service)
        if until_stdin_closes:
            threading.Thread(target=_watch_stdin, args=(server,), daemon=True).start()
        server.run(sockets=[listener])
        if server.failure is not None:
            raise server.failure


def _keep_buffers_off_the_heap() -> None:
    """Let large buffers be mappings of their own. Sockets are read into such, cut to what came: on the heap each would
    leave a hole, and it would grow with every run (mallopt(3); C libraries other than glibc do as they please)."""
    with contextlib.suppress(AttributeError):
        LIBC.mallopt(_MMAP_THRESHOLD, 64 << 10)


def _watch_stdin(server: uvicorn.Server) -> None:
    while os.read(0, 4096):
        pass
    server.should_exit = True


def main(arguments: list[str] | None = None) -> int:
    """Entry point of `python -m darkhorse.sandbox.server`; the token comes from the environment."""
    parser = argparse.ArgumentParser(prog="darkhorse sandbox", description="Run untrusted programs over HTTP.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=DEFAULT_PORT, help="0 for any free port")
    parser.add_argument("--workers", type=int, default=0, help="programs at once (default: one a core)")
    parser.add_argument("--isolation", choices=get_args(Isolation), default="auto", help="level to keep")
    parser.add_argument("--max-waiting", type=int, default=ServiceOptions(1).max_waiting, help="then 429")
    parser.add_argument("--package", action="append", default=[], help="installed one that programs may import")
    parser.add_argument("--until-stdin-closes", action="store_true", help="end when standard input ends")
    given = parser.parse_args(arguments)
    workers = given.workers or default_workers()
    options = ServiceOptions(workers, given.isolation, given.max_waiting, tuple(given.package))
    try:
        serve(given.host, given.port, options, os.environ.get(TOKEN_VARIABLE) or None, given.until_stdin_closes)
    except UserError as error:
        if given.until_stdin_closes:
            print(f"{error.message} {error.remedy}")  # for the process that started us
        else:
            print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
