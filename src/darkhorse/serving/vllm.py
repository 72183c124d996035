"""vLLM as a backend: a server of its own is started, and given tokens to continue; all else is the same as locally."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import httpx

from darkhorse.chat.renderer import Renderer
from darkhorse.errors import UserError
from darkhorse.policy.loading import load_tokenizer, resolve
from darkhorse.rollout.engine import Likeliest, Request, SamplingParams
from darkhorse.serving.backend import Drawn, Ended, Event, Failed
from darkhorse.serving.prompts import Served
from darkhorse.serving.stream_lines import stream_lines

_MODULE = "vllm.entrypoints.openai.api_server"
_START_S = 900
_NAME = "model"


class VllmBackend:
    """See `Backend`. Submitting needs a running event loop.

    Args:
        folder: of the model.
        stop_token: that ends a turn.
        context: most tokens; beyond the model's window YaRN stretches it. None is the model's own.
        cache_gib: memory for keys and values; as much as vLLM likes when None.
        dtype: numbers the model computes in.
        python: interpreter that has vLLM.

    Raises:
        UserError: if vLLM does not come up.
    """

    def __init__(
        self,
        folder: str,
        stop_token: int,
        context: int | None = None,
        cache_gib: float | None = None,
        dtype: str = "bfloat16",
        python: str = sys.executable,
    ) -> None:
        self._stop_token = stop_token
        self._outstanding: dict[_Ticket, int] = {}
        port = _free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [python, "-m", _MODULE, "--model", folder, "--served-model-name", _NAME]
        command += ["--dtype", dtype, "--host", "127.0.0.1", "--port", str(port), *_length_options(folder, context)]
        if cache_gib is not None:
            command += ["--kv-cache-memory-bytes", str(int(cache_gib * 2**30))]
        # on a processor vLLM keeps one core free for its API, which here is this process
        variables = {"VLLM_CPU_NUM_OF_RESERVED_CPU": "0"} | os.environ
        self._process = subprocess.Popen(command, stdout=sys.stderr, start_new_session=True, env=variables)
        try:
            self.context = self._await_ready()
        except BaseException:
            self.stop()
            raise
        self._client: httpx.AsyncClient | None = None

    @property
    def running(self) -> int:
        """Samples that have not ended; vLLM knows which of them wait."""
        return sum(self._outstanding.values())

    @property
    def waiting(self) -> int:
        """Counted among those that run."""
        return 0

    def submit(self, request: Request, deliver: Callable[[Event], None]) -> _Ticket:
        """See `Backend.submit`."""
        ticket = _Ticket(request.num_samples, self._note)
        self._note(ticket)
        ticket.task = asyncio.create_task(self._continue(request, ticket, deliver))
        return ticket

    def stop(self) -> None:
        """See `Backend.stop`."""
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    async def _continue(self, request: Request, ticket: _Ticket, deliver: Callable[[Event], None]) -> None:
        if self._client is None:
            limits = httpx.Limits(max_connections=None)
            self._client = httpx.AsyncClient(base_url=self.url, timeout=None, limits=limits, trust_env=False)
        try:
            async with self._client.stream("POST", "/v1/completions", json=_body(request, self._stop_token)) as answer:
                if answer.status_code != 200:
                    raise ValueError((await answer.aread())[:500].decode(errors="replace"))
                async for line in stream_lines(answer):
                    for event in _events(line, request.sampling.likeliest or 0):
                        if event.sample in ticket.left:
                            deliver(event)
                        if isinstance(event, Ended):
                            ticket.drop(event.sample)
        except (httpx.HTTPError, ValueError, KeyError) as error:
            if ticket.left:
                deliver(Failed(f"vLLM failed: {error}"))
        finally:
            ticket.left.clear()
            self._note(ticket)

    def _note(self, ticket: _Ticket) -> None:
        self._outstanding[ticket] = len(ticket.left)
        if not ticket.left:
            del self._outstanding[ticket]

    def _await_ready(self) -> int:
        deadline = time.monotonic() + _START_S
        while time.monotonic() < deadline and self._process.poll() is None:
            try:
                found = httpx.get(f"{self.url}/v1/models", timeout=5, trust_env=False)
                if found.status_code == 200:
                    return int(found.json()["data"][0]["max_model_len"])
            except httpx.HTTPError:
                time.sleep(0.2)
        raise UserError("vLLM did not come up.", "Its own messages above say why.")


class _Ticket:
    """See `Ticket`. vLLM gives up a request as a whole: when its last sample is dropped."""

    def __init__(self, samples: int, note: Callable[[_Ticket], None]) -> None:
        self.left, self._note = set(range(samples)), note
        self.task: asyncio.Task[None] | None = None

    def drop(self, sample: int) -> None:
        """See `Ticket.drop`."""
        if sample in self.left:
            self.left.discard(sample)
            self._note(self)
            if not self.left and self.task is not None and self.task is not asyncio.current_task():
                self.task.cancel()

    def close(self) -> None:
        """See `Ticket.close`."""
        for sample in list(self.left):
            self.drop(sample)


def open_vllm(
    model: str, name: str, context: int | None, cache_gib: float | None = None, dtype: str = "bfloat16"
) -> tuple[Served, VllmBackend]:
    """Start vLLM with a model.

    Raises:
        UserError: if vLLM does not come up, or there is no such model.
    """
    folder = resolve(model)
    try:
        renderer = Renderer(load_tokenizer(folder))
    except (OSError, ValueError) as error:
        raise UserError(f"'{model}' cannot be used: {error}", "Give a Hugging Face folder or hub id.") from error
    backend = VllmBackend(folder, renderer.end_of_turn, context, cache_gib, dtype)
    return Served(name, renderer, len(renderer.tokenizer), backend.context), backend


def _body(request: Request, stop_token: int) -> dict[str, Any]:
    sampling: SamplingParams = request.sampling
    body: dict[str, Any] = {
        "model": _NAME,
        "prompt": list(request.prompt),
        "n": request.num_samples,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "presence_penalty": sampling.presence_penalty,
        "frequency_penalty": sampling.frequency_penalty,
        "logit_bias": {str(token): bias for token, bias in sampling.logit_bias} or None,
        "max_tokens": sampling.max_tokens,
        "seed": sampling.seed,
        "ignore_eos": sampling.ignore_end,
        "stop_token_ids": [] if sampling.ignore_end else [stop_token],
        "stream": True,
        "return_token_ids": True,
        "skip_special_tokens": False,
    }
    if sampling.likeliest is not None:
        body |= {"logprobs": sampling.likeliest, "return_tokens_as_token_ids": True}
    return body


def _events(line: str, likeliest: int) -> list[Drawn | Ended]:
    """What a line of the stream says, with the log-probabilities of so many likeliest tokens.

    Raises:
        ValueError: if it is an error.
    """
    if not line.startswith("data: ") or line == "data: [DONE]":
        return []
    found = json.loads(line[6:])
    if "error" in found:
        raise ValueError(str(found["error"])[:500])
    events: list[Drawn | Ended] = []
    for choice in found["choices"]:
        sample, tokens = choice["index"], choice.get("token_ids") or []
        views = _likeliest(choice["logprobs"], likeliest) if choice.get("logprobs") else [None] * len(tokens)
        events += [Drawn(sample, token, view) for token, view in zip(tokens, views, strict=True)]
        if choice.get("finish_reason"):
            events.append(Ended(sample, "length" if choice["finish_reason"] == "length" else "stop"))
    return events


def _likeliest(found: dict[str, Any], most: int) -> list[Likeliest | None]:
    def token(word: str) -> int:
        return int(word.removeprefix("token_id:"))

    made: list[Likeliest | None] = []
    for logprob, top in zip(found["token_logprobs"], found["top_logprobs"] or [], strict=True):
        ordered = sorted(((token(word), value) for word, value in (top or {}).items()), key=lambda pair: -pair[1])
        made.append(Likeliest(logprob, tuple(ordered[:most])))  # vLLM adds the drawn token, however unlikely
    return made


def _length_options(folder: str, context: int | None) -> list[str]:
    """vLLM's options for a context; beyond the model's window its rope settings are replaced by YaRN's."""
    if context is None:
        return []
    from transformers import AutoConfig

    from darkhorse.policy.long_context import yarn

    config = AutoConfig.from_pretrained(folder)
    stretched = yarn(config, context)
    options = ["--max-model-len", str(context)]
    return [*options, "--hf-overrides", json.dumps({"rope_parameters": stretched})] if stretched else options


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])
