"""A web application on a real socket, which can be taken down and put up again at the same port."""

from __future__ import annotations

import socket
import threading
import time

import httpx
import uvicorn
from fastapi import FastAPI


class Served:
    """A server in a thread of its own."""

    def __init__(self, app: FastAPI) -> None:
        self.app = app
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        """Listen; returns when it does."""
        config = uvicorn.Config(self.app, port=self.port, log_level="error", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 20
        while not self._server.started and time.monotonic() < deadline:
            time.sleep(0.01)
        assert self._server.started
        assert httpx.get(f"{self.url}/openapi.json").status_code in (200, 401)

    def stop(self) -> None:
        """Hang up."""
        self._server.should_exit = True
        self._thread.join(20)
        assert not self._thread.is_alive()
