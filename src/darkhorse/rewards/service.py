"""A reward model over HTTP: the application, the server that `darkhorse reward-server` starts, and a client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

import httpx
from fastapi import Depends, FastAPI, HTTPException, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, StrictStr, ValidationError

from darkhorse.errors import described
from darkhorse.http_server import require_secret, token_check
from darkhorse.rewards.reward_model import ScoresAll
from darkhorse.rewards.scorer import Ask, verdict_of
from darkhorse.types import Message
from darkhorse.verify.verdict import Abstained, Verdict

DEFAULT_PORT = 8090
TOKEN_VARIABLE = "DARKHORSE_REWARD_TOKEN"
_MOST_TOGETHER = 256
_CHARACTERS = 200_000
_REASON = "The served reward model's score."


class ScoreItem(BaseModel):
    """Answers to one prompt; `Ask` as JSON."""

    model_config = ConfigDict(extra="forbid")
    prompt: Annotated[list[Message], Field(min_length=1, max_length=1000)]
    answers: Annotated[list[Annotated[StrictStr, Field(max_length=_CHARACTERS)]], Field(min_length=1, max_length=256)]
    reference: Annotated[StrictStr, Field(max_length=_CHARACTERS)] | None = None

    def ask(self) -> Ask:
        """The same as the scorers take it."""
        return Ask(self.prompt, self.answers, self.reference)


class ScoreRequest(BaseModel):
    """Body of `/v1/score`."""

    model_config = ConfigDict(extra="forbid")
    items: Annotated[list[ScoreItem], Field(min_length=1, max_length=256)]


class ScoreResponse(BaseModel):
    """Scores in [0, 1], by item and answer; None where the model gave no finite number."""

    scores: list[list[float | None]]


class Batcher:
    """Gathers what waits while the model is at work, and hands it over together.

    Args:
        model: what scores.
        thread: where it does. On a CPU that of the model's loading: another one would begin a second set of OpenMP
            threads, and the two would wait for each other's processors.
    """

    def __init__(self, model: ScoresAll, thread: ThreadPoolExecutor) -> None:
        self._model, self._thread = model, thread
        self._waiting: list[tuple[Ask, asyncio.Future[list[float]]]] = []
        self._work = asyncio.Event()
        self.batches = 0

    async def score(self, ask: Ask) -> list[float]:
        """The scores of one ask."""
        future: asyncio.Future[list[float]] = asyncio.get_running_loop().create_future()
        self._waiting.append((ask, future))
        self._work.set()
        return await future

    async def run(self) -> None:
        """Score for ever."""
        while True:
            await self._work.wait()
            taken, self._waiting = self._waiting[:_MOST_TOGETHER], self._waiting[_MOST_TOGETHER:]
            if not self._waiting:
                self._work.clear()
            taken = [(ask, future) for ask, future in taken if not future.done()]  # its client has gone
            if not taken:
                continue
            self.batches += 1
            asks = [ask for ask, _ in taken]
            try:
                found = await asyncio.get_running_loop().run_in_executor(self._thread, self._model.score_all, asks)
            except Exception as error:
                for _, future in taken:
                    if not future.done():
                        future.set_exception(HTTPException(500, described(error)))
                continue
            for (_, future), scores in zip(taken, found, strict=True):
                if not future.done():
                    future.set_result(scores)


def create_app(
    model: ScoresAll, name: str, token: str | None = None, thread: ThreadPoolExecutor | None = None
) -> FastAPI:
    """The HTTP application.

    Args:
        model: what scores.
        name: of the model, for `/v1/health`.
        token: what clients must send as `Authorization: Bearer ...`; None lets everyone in.
        thread: of the model; one of the application's own when unset.
    """

    @contextlib.asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.batcher = Batcher(model, thread or ThreadPoolExecutor(1))
        running = asyncio.create_task(app.state.batcher.run())
        yield
        running.cancel()

    app = FastAPI(title="Darkhorse reward model", dependencies=[Depends(token_check(token))], lifespan=lifespan)

    @app.exception_handler(RequestValidationError)
    async def malformed(request: Request, error: RequestValidationError) -> JSONResponse:
        """Without the input, which may be no UTF-8."""
        problems = [{"loc": [str(part) for part in one["loc"]], "msg": one["msg"]} for one in error.errors()]
        return JSONResponse({"detail": problems}, 422)

    @app.post("/v1/score")
    async def score(request: ScoreRequest) -> ScoreResponse:
        """Scores of answers; requests that come together are scored in one batch."""
        found = await asyncio.gather(*(app.state.batcher.score(item.ask()) for item in request.items))
        return ScoreResponse(scores=[[_finite(value) for value in scores] for scores in found])

    @app.get("/v1/health")
    async def health() -> dict[str, Any]:
        """The model's name, and batches scored so far."""
        return {"model": name, "batches": app.state.batcher.batches}

    return app


def _finite(value: float) -> float | None:
    return value if 0.0 <= value <= 1.0 else None


def serve(name: str, host: str, port: int, token: str | None) -> None:
    """Serve a reward model until interrupted.

    Args:
        name: as `load_any` takes it.
        host, port: where to listen; anything but loopback needs a token.
        token: what clients must send.

    Raises:
        UserError: if the address is public and there is no token, or the model cannot be loaded.
    """
    import uvicorn

    from darkhorse.rewards.classifier import load_any

    require_secret(host, token, "The reward model would be served", "token", TOKEN_VARIABLE)
    thread = ThreadPoolExecutor(1, "reward-model")
    model = thread.submit(load_any, name).result()
    uvicorn.run(create_app(model, name, token, thread), host=host, port=port, log_level="warning")


class RemoteRewardModel:
    """A served reward model as a `Scorer`. What cannot be had is abstained on, and asked for again the next time.

    Args:
        url: of the server.
        token: it wants.
        timeout_s: longest wait for the scores of one prompt's answers.
        attempts: times they are asked for.
    """

    def __init__(self, url: str, token: str | None = None, timeout_s: float = 120.0, attempts: int = 3) -> None:
        self._url, self._timeout_s, self._attempts = url.rstrip("/"), timeout_s, attempts
        self._headers = {"authorization": f"Bearer {token}"} if token is not None else {}

    async def score(self, asks: Sequence[Ask]) -> list[list[Verdict]]:
        """See `Scorer`."""
        async with httpx.AsyncClient(headers=self._headers, timeout=self._timeout_s) as client:
            return list(await asyncio.gather(*(self._score(client, ask) for ask in asks)))

    async def _score(self, client: httpx.AsyncClient, ask: Ask) -> list[Verdict]:
        item = ScoreItem.model_construct(prompt=list(ask.prompt), answers=list(ask.answers), reference=ask.reference)
        body = ScoreRequest.model_construct(items=[item]).model_dump()
        problem = ""
        for attempt in range(self._attempts):
            if attempt:
                await asyncio.sleep(0.2 * 2**attempt)
            try:
                answer = await client.post(f"{self._url}/v1/score", json=body)
                answer.raise_for_status()
                (scores,) = ScoreResponse.model_validate_json(answer.content).scores
                return [
                    verdict_of(float("nan") if score is None else score, _REASON)
                    for score, _ in zip(scores, ask.answers, strict=True)
                ]
            except httpx.HTTPStatusError as error:
                problem = f"HTTP {error.response.status_code}"
                if error.response.status_code < 500 and error.response.status_code != 429:
                    break
            except (httpx.HTTPError, ValidationError, ValueError) as error:
                problem = described(error)
        abstained: Verdict = Abstained(f"The reward model at {self._url} gave no score: {problem}.")
        return [abstained] * len(ask.answers)
