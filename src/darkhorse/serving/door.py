"""What every request passes first: the key, the size of its body, the counters."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias

from darkhorse.serving.errors import ApiError
from darkhorse.serving.metrics import Metrics

_Message: TypeAlias = MutableMapping[str, Any]
_Receive: TypeAlias = Callable[[], Awaitable[_Message]]
_Send: TypeAlias = Callable[[_Message], Awaitable[None]]
_App: TypeAlias = Callable[[_Message, _Receive, _Send], Awaitable[None]]


class Door:
    """An ASGI application in front of another.

    Args:
        app: the other one.
        api_key: what `/v1` asks for as a bearer token; None lets everyone in.
        most_bytes: of a request's body.
        metrics: told of every answer.
    """

    def __init__(self, app: _App, api_key: str | None, most_bytes: int, metrics: Metrics) -> None:
        self._app, self._api_key, self._most_bytes, self._metrics = app, api_key, most_bytes, metrics

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Let a request in, or answer it here."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()

        async def counted(message: _Message) -> None:
            if message["type"] == "http.response.start":
                self._metrics.answered(scope["path"], message["status"], time.monotonic() - started)
            await send(message)

        try:
            self._check_key(scope)
            body = await self._body(receive)
        except ApiError as error:
            await error.response()(scope, receive, counted)
            return
        if body is None:
            return  # the client went away before it had said all
        given = [body]

        async def again() -> _Message:
            return {"type": "http.request", "body": given.pop(), "more_body": False} if given else await receive()

        await self._app(scope, again, counted)

    def _check_key(self, scope: _Message) -> None:
        if self._api_key is None or not scope["path"].startswith("/v1"):
            return
        scheme, _, sent = dict(scope["headers"]).get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer" or not hmac.compare_digest(sent.strip(), self._api_key.encode()):
            raise ApiError(401, "Send the server's key as 'Authorization: Bearer ...'.", "invalid_api_key")

    async def _body(self, receive: _Receive) -> bytes | None:
        parts: list[bytes] = []
        size, more = 0, True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            parts.append(message.get("body", b""))
            more = message.get("more_body", False)
            size += len(parts[-1])
            if size > self._most_bytes:
                raise ApiError(413, f"The request is larger than {self._most_bytes} bytes.", "request_too_large")
        return b"".join(parts)
