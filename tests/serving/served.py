"""A server on loopback for tests, over a model of random weights or a script."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import uvicorn

import tiny
from darkhorse.chat.renderer import Renderer
from darkhorse.rollout.engine import Likeliest, Request
from darkhorse.serving.app import Serving
from darkhorse.serving.backend import Backend, Drawn, Ended, Event
from darkhorse.serving.prompts import Served

NAME = "tiny"


class _Nothing:
    def drop(self, sample: int) -> None:
        pass

    def close(self) -> None:
        pass


@dataclass
class ScriptedBackend:
    """Says what `write` returns for a request and a sample, all at once."""

    renderer: Renderer
    write: Callable[[Request, int], str]
    context: int = 4096
    running: int = 0
    waiting: int = 0
    requests: list[Request] = field(default_factory=list)

    def submit(self, request: Request, deliver: Callable[[Event], None]) -> _Nothing:
        self.requests.append(request)
        for sample in range(request.num_samples):
            tokens = [*self.renderer.encode(self.write(request, sample)), self.renderer.end_of_turn]
            likeliest = Likeliest(-0.5, ((65, -0.5), (66, -1.0))) if request.sampling.likeliest is not None else None
            for token in tokens[: request.sampling.max_tokens]:
                deliver(Drawn(sample, token, likeliest))
            deliver(Ended(sample, "length" if len(tokens) > request.sampling.max_tokens else "stop"))
        return _Nothing()

    def stop(self) -> None:
        pass


@dataclass
class Running:
    """A server that is up."""

    url: str
    serving: Serving

    def idle(self, within_s: float = 10.0) -> bool:
        """Whether all slots are free, soon."""
        deadline = time.monotonic() + within_s
        while self.serving.backend.running + self.serving.backend.waiting and time.monotonic() < deadline:
            time.sleep(0.005)
        return self.serving.backend.running + self.serving.backend.waiting == 0


@contextlib.contextmanager
def running(backend: Backend, api_key: str | None = None, most: int = 10_000) -> Iterator[Running]:
    """A server in a thread of this process."""
    renderer = Renderer(tiny.tokenizer())
    serving = Serving(Served(NAME, renderer, tiny.VOCABULARY, backend.context), backend, most, api_key)
    server = uvicorn.Server(
        uvicorn.Config(serving.app, port=0, log_level="error", lifespan="off", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        yield Running(f"http://127.0.0.1:{port}", serving)
    finally:
        server.should_exit = True
        thread.join()
        backend.stop()
