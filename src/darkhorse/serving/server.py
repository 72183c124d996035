"""`darkhorse serve`: a model behind OpenAI's API until it is interrupted."""

from __future__ import annotations

import asyncio
import importlib.util
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import uvicorn

from darkhorse.errors import missing_extra
from darkhorse.http_server import address_of, listen, require_secret

if TYPE_CHECKING:  # they import torch, which takes seconds: first see whether there is anything to serve
    from darkhorse.serving.app import Serving
    from darkhorse.serving.backend import Backend
    from darkhorse.serving.prompts import Served

READY = "darkhorse serve ready on "
KEY_VARIABLE = "DARKHORSE_API_KEY"
_POLL_S = 0.05
_SWITCH_S = 2e-4
"""For how long a thread keeps the interpreter from another one. The thread that decodes needs it some ten times a step,
for next to nothing, and would wait for the 5 ms that are usual while many clients are served.
"""
_LAST_WORDS_S = 5
"""Time to tell clients that their answers were given up."""


@dataclass(frozen=True)
class ServeOptions:
    """How a model is served.

    Attributes:
        host, port: where; port 0 chooses a free one, named in the readiness line.
        name: of the model in requests; the model's own when None.
        engine: `local`, or `vllm` for a server of vLLM's that is started behind this one.
        context: most tokens of a prompt and its completion together; above the model's own window YaRN stretches it.
        max_sequences: most samples decoded at once.
        max_waiting: most samples that wait besides; then 429.
        cache_gib: memory for keys and values; a third of the device's when None.
        dtype: numbers the model computes in.
        api_key: what clients must send as a bearer token; needed anywhere but on loopback.
        drain_s: how long to go on with what is under way when told to end.
    """

    host: str = "127.0.0.1"
    port: int = 8000
    name: str | None = None
    engine: Literal["local", "vllm"] = "local"
    context: int | None = None
    max_sequences: int = 96
    max_waiting: int = 256
    cache_gib: float | None = None
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    api_key: str | None = None
    drain_s: int = 30


def serve(model: str, options: ServeOptions) -> None:
    """Serve until interrupted or terminated, then finish what is under way.

    Raises:
        UserError: if the model does not exist, the port is taken, or the address is public and there is no key.
    """
    sys.setswitchinterval(_SWITCH_S)
    require_secret(options.host, options.api_key, "The server would listen", "key", KEY_VARIABLE)
    with listen(options.host, options.port, "The server") as listener:
        served, backend = _OPENERS[options.engine](model, options)
        from darkhorse.serving.app import Serving

        try:
            _keep_going_on_term()
            serving = Serving(served, backend, options.max_sequences + options.max_waiting, options.api_key)
            config = uvicorn.Config(
                serving.app,
                log_level="warning",
                access_log=False,
                lifespan="off",
                timeout_graceful_shutdown=_LAST_WORDS_S,
            )
            _Server(config, address_of(options.host, listener), serving, options.drain_s).run(sockets=[listener])
        finally:
            backend.stop()


class _Server(uvicorn.Server):
    """uvicorn that says on standard output when it listens, and refuses new requests while it drains."""

    def __init__(self, config: uvicorn.Config, address: str, serving: Serving, drain_s: float) -> None:
        super().__init__(config)
        self._address, self._serving, self._drain_s = address, serving, drain_s

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and say so."""
        await super().startup(sockets)
        if self.started:
            print(f"{READY}{self._address}", flush=True)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what is under way, still listening: who asks meanwhile hears that another server must be found."""
        self._serving.draining = True
        deadline = time.monotonic() + self._drain_s
        while self.server_state.tasks and not self.force_exit and time.monotonic() < deadline:
            await asyncio.sleep(_POLL_S)
        self._serving.give_up()
        await super().shutdown(sockets)


def _open_local(model: str, options: ServeOptions) -> tuple[Served, Backend]:
    from torch import Tensor

    from darkhorse.config.model import ModelConfig
    from darkhorse.serving.local import LocalBackend, opener
    from darkhorse.serving.prompts import Served

    backend = LocalBackend(
        opener(ModelConfig(name=model, dtype=options.dtype), options.context), options.max_sequences, options.cache_gib
    )
    policy, context = backend.policy, min(backend.context, options.context or backend.context)
    embedding = policy.model.get_input_embeddings().weight
    assert isinstance(embedding, Tensor)
    return Served(options.name or model, policy.renderer, len(embedding), context), backend


def _open_vllm(model: str, options: ServeOptions) -> tuple[Served, Backend]:
    if importlib.util.find_spec("vllm") is None:
        raise missing_extra("vllm", "cluster", "--engine vllm")
    from darkhorse.serving.vllm import open_vllm

    return open_vllm(model, options.name or model, options.context, options.cache_gib, options.dtype)


_OPENERS: dict[str, Callable[[str, ServeOptions], tuple[Served, Backend]]] = {
    "local": _open_local,
    "vllm": _open_vllm,
}


def _keep_going_on_term() -> None:
    """uvicorn raises the signal that ended it once more when it is done; what is behind it is still to be stopped."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: None)
