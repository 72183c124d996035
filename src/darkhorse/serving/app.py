"""The HTTP application: OpenAI's chat, completions and models, and health and metrics."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from darkhorse.rollout.engine import Request as Sampling
from darkhorse.serving.answers import Answer, chat_answer, chat_stream, completion_answer, completion_stream
from darkhorse.serving.backend import Backend
from darkhorse.serving.door import Door
from darkhorse.serving.errors import ApiError, json_response
from darkhorse.serving.metrics import Metrics
from darkhorse.serving.prompts import Served, chat_form, chat_request, completion_requests
from darkhorse.serving.protocol import MOST_CHOICES, ChatRequest, CompletionRequest, problem
from darkhorse.serving.replies import Form

_BYTES_PER_TOKEN = 64
_LEAST_BODY = 1 << 20
_NO_OBJECT = "The body is not a JSON object, or does not come as one: send it with 'Content-Type: application/json'."


class Serving:
    """A server's state.

    Args:
        served: what is served.
        backend: what samples.
        max_outstanding: most samples being decoded or waiting; requests beyond them are refused with 429.
        api_key: what `/v1` asks for as a bearer token; None lets everyone in.

    Attributes:
        draining: whether new requests are refused, because the server is about to end.
        app: the ASGI application.
    """

    def __init__(self, served: Served, backend: Backend, max_outstanding: int, api_key: str | None = None) -> None:
        self.served, self.backend = served, backend
        self._max_outstanding = max_outstanding
        self._begun = int(time.time())
        self.metrics = Metrics(backend)
        self.draining = False
        self._under_way: set[Answer] = set()
        most_bytes = max(_LEAST_BODY, _BYTES_PER_TOKEN * served.context)
        self.app = Door(self._routes(), api_key, most_bytes, self.metrics)

    def give_up(self) -> None:
        """End what is under way with an error."""
        for answer in self._under_way:
            answer.give_up()

    def _routes(self) -> FastAPI:
        app = FastAPI(title="Darkhorse", description="A model behind OpenAI's API.")
        _answer_errors(app)
        errors: dict[int | str, dict[str, Any]] = {
            code: {"description": "An error in OpenAI's shape."} for code in (400, 401, 404, 413, 429, 503)
        }

        @app.post("/v1/chat/completions", responses=errors)
        async def chat(body: ChatRequest, request: Request) -> Response:
            """Answer a conversation."""
            self._admit(body)
            form = chat_form(body)
            sampling = await asyncio.to_thread(chat_request, self.served, body, form)
            answer = self._begin([sampling], form, body.parallel_tool_calls is False)
            if body.stream:
                return self._stream(answer, chat_stream(answer, body.include_usage))
            return await self._whole(request, answer, lambda: chat_answer(answer))

        @app.post("/v1/completions", responses=errors)
        async def complete(body: CompletionRequest, request: Request) -> Response:
            """Continue texts."""
            self._admit(body)
            requests = await asyncio.to_thread(completion_requests, self.served, body)
            answer = self._begin(requests, Form(thinks=False, stop=body.stops, strip=False))
            decode = self.served.renderer.tokenizer.decode
            echoes = [decode(one.prompt) if body.echo else "" for one in requests for _ in range(one.num_samples)]
            if body.stream:
                return self._stream(answer, completion_stream(answer, echoes, body.include_usage))
            return await self._whole(request, answer, lambda: completion_answer(answer, echoes))

        @app.get("/v1/models", responses=errors)
        async def models() -> Response:
            """The one model that is served."""
            return json_response({"object": "list", "data": [self._model()]})

        @app.get("/v1/models/{name:path}", responses=errors)
        async def model(name: str) -> Response:
            """The model, if it is this one."""
            self._check_name(name)
            return json_response(self._model())

        @app.get("/health", responses=errors)
        async def health() -> Response:
            """Whether requests are taken, and how many samples are under way; 503 while the server ends."""
            found = {
                "status": "draining" if self.draining else "ok",
                "model": self.served.name,
                "context": self.served.context,
                "running": self.backend.running,
                "waiting": self.backend.waiting,
            }
            return json_response(found, 503 if self.draining else 200)

        @app.get("/metrics")
        async def prometheus() -> Response:
            """Counters in Prometheus's text format."""
            return Response(self.metrics.text(), media_type=self.metrics.media_type)

        return app

    def _model(self) -> dict[str, Any]:
        return {
            "id": self.served.name,
            "object": "model",
            "created": self._begun,
            "owned_by": "darkhorse",
            "max_model_len": self.served.context,
        }

    def _check_name(self, name: str) -> None:
        if name != self.served.name:
            message = f"There is no model '{name}' here. This server has '{self.served.name}'."
            raise ApiError(404, message, "model_not_found", "model")

    def _admit(self, body: ChatRequest | CompletionRequest) -> None:
        if self.draining:
            raise ApiError(503, "The server is about to end.", "draining")
        self._check_name(body.model)
        if body.stream_options is not None and not body.stream:
            raise ApiError(400, "'stream_options' needs 'stream': true.", "invalid_value", "stream_options")

    def _begin(self, requests: Sequence[Sampling], form: Form, one_call: bool = False) -> Answer:
        count = sum(request.num_samples for request in requests)
        if count > MOST_CHOICES:
            raise ApiError(400, f"At most {MOST_CHOICES} choices can be asked for at once.", "invalid_value", "n")
        outstanding = self.backend.running + self.backend.waiting
        if outstanding and outstanding + count > self._max_outstanding:
            raise ApiError(429, f"{outstanding} samples are under way or wait; try again later.", "overloaded")
        started = time.monotonic()
        on_first = lambda: self.metrics.first_token(time.monotonic() - started)  # noqa: E731
        return Answer(self.served, self.backend, requests, form, one_call, on_first)

    async def _whole(self, request: Request, answer: Answer, made: Callable[[], dict[str, Any]]) -> Response:
        with self._counted(answer):
            await _unless_disconnected(request, answer.wait())
            return json_response(made())

    def _stream(self, answer: Answer, events: AsyncIterator[bytes]) -> Response:
        return _EventStream(events, self._counted(answer))

    @contextlib.contextmanager
    def _counted(self, answer: Answer) -> Any:
        """Free an answer's slots and count it at the end, however it ends."""
        started = time.monotonic()
        self._under_way.add(answer)
        try:
            yield
        finally:
            self._under_way.discard(answer)
            answer.close()
            whole = all(choice.finish_reason is not None for choice in answer.choices)
            drawn = sum(choice.reply.tokens for choice in answer.choices)
            self.metrics.replied(answer.prompt_tokens, drawn, time.monotonic() - started, whole)


class _Disconnected(Exception):
    pass


async def _unless_disconnected(request: Request, work: Any) -> None:
    """Wait for work, but not longer than the client does."""

    async def gone() -> None:
        while (await request.receive())["type"] != "http.disconnect":
            pass

    working, leaving = asyncio.ensure_future(work), asyncio.ensure_future(gone())
    try:
        await asyncio.wait([working, leaving], return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise _Disconnected
        working.result()
    finally:
        for task in (working, leaving):
            task.cancel()


class _EventStream(Response):
    """Server-sent events, ended as soon as the client leaves."""

    def __init__(self, events: AsyncIterator[bytes], around: Any) -> None:
        super().__init__(
            headers={"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}, media_type="text/event-stream"
        )
        del self.headers["content-length"]
        self._events, self._around = events, around

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the events."""
        with self._around, contextlib.suppress(_Disconnected):
            await _unless_disconnected(Request(scope, receive), self._send_all(send))

    async def _send_all(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        try:
            async for event in self._events:
                await send({"type": "http.response.body", "body": event, "more_body": True})
        except ApiError as error:
            event = b"data: %b\n\ndata: [DONE]\n\n" % bytes(error.response().body)
            await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def _answer_errors(app: FastAPI) -> None:
    @app.exception_handler(ApiError)
    async def known(request: Request, error: ApiError) -> Response:
        return error.response()

    @app.exception_handler(_Disconnected)
    async def left(request: Request, error: _Disconnected) -> Response:
        return Response(status_code=499)  # nobody reads it

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        if not isinstance(error.body, dict):
            return ApiError(400, _NO_OBJECT, "invalid_value").response()
        found = [{**one, "loc": one["loc"][1:]} for one in error.errors()]  # without "body"
        where, message = problem(error.body, found)
        return ApiError(400, message[:1000], "invalid_value", where[:200]).response()

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> Response:
        unread = error.status_code == 400  # bytes that are no text
        said, code = (_NO_OBJECT, "invalid_value") if unread else (str(error.detail), None)
        made = ApiError(error.status_code, said, code).response()
        made.headers.update(error.headers or {})
        return made

    @app.exception_handler(Exception)
    async def unforeseen(request: Request, error: Exception) -> Response:
        return ApiError(500, "The server made a mistake; its log says more.", "internal_error").response()
