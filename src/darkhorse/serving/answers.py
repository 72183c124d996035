"""Answers of the API made of the samples' events: whole ones and streamed ones."""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from darkhorse.rollout.engine import Likeliest, Request
from darkhorse.serving.backend import Backend, Drawn, Failed, Stream
from darkhorse.serving.errors import ApiError
from darkhorse.serving.prompts import Served
from darkhorse.serving.replies import Form, Piece, Reply
from darkhorse.serving.token_bytes import token_bytes


@dataclass
class Choice:
    """One sample's reply so far.

    Attributes:
        index: among the answer's choices.
        reply: reads its tokens.
        one_call: whether only the first call counts.
        finish_reason: None until it has ended.
        pieces: new since the last time they were taken.
        logprobs: of the tokens since then, where the request asks for them.
        offset: characters of the tokens whose log-probabilities have been told.
    """

    index: int
    reply: Reply
    one_call: bool = False
    finish_reason: str | None = None
    calls: int = 0
    pieces: list[Piece] = field(default_factory=list)
    logprobs: list[tuple[int, Likeliest]] = field(default_factory=list)
    offset: int = 0

    def take(self) -> tuple[list[Piece], list[tuple[int, Likeliest]]]:
        """What is new."""
        new = self.pieces, self.logprobs
        self.pieces, self.logprobs = [], []
        return new

    def add(self, pieces: Sequence[Piece]) -> None:
        """Note pieces of the reply; calls after the first are dropped if only one is wanted."""
        for piece in pieces:
            if piece.kind == "call":
                self.calls += 1
                if self.one_call and self.calls > 1:
                    continue
            self.pieces.append(piece)

    def finish(self, reason: str) -> None:
        """The sample has ended."""
        self.add(self.reply.end())
        self.finish_reason = "tool_calls" if self.calls and reason == "stop" else reason


class Answer:
    """The samples of one call of the API.

    Args:
        served: what is served.
        backend: what samples.
        requests: their samples are the choices, in order.
        form: how replies are read.
        one_call: whether only a choice's first tool call counts.
        on_first: called when the first token is there.
    """

    def __init__(
        self,
        served: Served,
        backend: Backend,
        requests: Sequence[Request],
        form: Form,
        one_call: bool = False,
        on_first: Callable[[], None] = lambda: None,
    ) -> None:
        self.served, self.created = served, int(time.time())
        count = sum(request.num_samples for request in requests)
        self.choices = [Choice(number, Reply(served.renderer, form), one_call) for number in range(count)]
        self.prompt_tokens = sum(len(request.prompt) for request in requests)
        self._stream = Stream(backend, requests)
        self._on_first = on_first

    def close(self) -> None:
        """Free the slots of what is still being decoded."""
        self._stream.close()

    def give_up(self) -> None:
        """End it with an error: there is no more time."""
        self._stream.fail(Failed("The server has ended before the answer was complete.", draining=True))

    async def changes(self) -> AsyncIterator[Choice]:
        """Each choice as there is something new of it, until all have ended.

        Raises:
            ApiError: if the engine failed, or the answer was given up.
        """
        left = len(self.choices)
        begun = False
        async for number, event in self._stream.events():
            if isinstance(event, Failed):
                status, code = (503, "draining") if event.draining else (500, "engine_failed")
                raise ApiError(status, event.message, code)
            choice = self.choices[number]
            if choice.finish_reason is not None:
                continue
            if isinstance(event, Drawn):
                if not begun:
                    begun = True
                    self._on_first()
                choice.add(choice.reply.add(event.token))
                if event.likeliest is not None:
                    choice.logprobs.append((event.token, event.likeliest))
                if choice.reply.complete:
                    self._stream.drop(number)
                    choice.finish("stop")
            else:
                choice.finish(event.reason)
            if choice.finish_reason is not None:
                left -= 1
            if choice.pieces or choice.finish_reason is not None:
                yield choice
            if left == 0:
                return

    async def wait(self) -> None:
        """Until all choices have ended."""
        async for _ in self.changes():
            pass

    def usage(self) -> dict[str, Any]:
        """Tokens counted; those of the thinking are told apart."""
        drawn = sum(choice.reply.tokens for choice in self.choices)
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": drawn,
            "total_tokens": self.prompt_tokens + drawn,
            "completion_tokens_details": {"reasoning_tokens": sum(c.reply.reasoning_tokens for c in self.choices)},
        }

    def frame(self, kind: str, prefix: str) -> Callable[[list[dict[str, Any]]], dict[str, Any]]:
        """What stands around choices, the same in all parts of a stream."""
        head = {"id": f"{prefix}-{secrets.token_hex(12)}", "object": kind, "created": self.created}
        return lambda choices: {**head, "model": self.served.name, "choices": choices}

    def token_bytes(self, token: int) -> bytes | None:
        """See `token_bytes`."""
        return token_bytes(self.served.renderer.tokenizer, token)


def chat_answer(answer: Answer) -> dict[str, Any]:
    """A whole `chat.completion`."""
    choices = []
    for choice in answer.choices:
        pieces, logprobs = choice.take()
        message: dict[str, Any] = {"role": "assistant", "content": _joined(pieces, "content") or None}
        message["refusal"] = None
        if reasoning := _joined(pieces, "reasoning"):
            message["reasoning_content"] = reasoning
        if calls := [_call(piece) for piece in pieces if piece.kind == "call"]:
            message["tool_calls"] = calls
        elif message["content"] is None and not reasoning:
            message["content"] = ""
        choices.append(
            {
                "index": choice.index,
                "message": message,
                "logprobs": _chat_logprobs(answer, logprobs),
                "finish_reason": choice.finish_reason,
            }
        )
    return {**answer.frame("chat.completion", "chatcmpl")(choices), "usage": answer.usage()}


async def chat_stream(answer: Answer, include_usage: bool) -> AsyncIterator[bytes]:
    """The events of a `chat.completion.chunk` stream."""
    frame = answer.frame("chat.completion.chunk", "chatcmpl")
    rest: dict[str, Any] = {"usage": None} if include_usage else {}

    def chunk(index: int, delta: dict[str, Any], logprobs: Any = None, reason: str | None = None) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        return _event({**frame([choice]), **rest})

    yield b"".join(chunk(c.index, {"role": "assistant", "content": ""}) for c in answer.choices)
    numbers = [0] * len(answer.choices)
    async for choice in answer.changes():
        pieces, logprobs = choice.take()
        found = _chat_logprobs(answer, logprobs)
        for piece in pieces:
            if piece.call is None:
                key = "reasoning_content" if piece.kind == "reasoning" else "content"
                yield chunk(choice.index, {key: piece.text}, found)
            else:
                call = {"index": numbers[choice.index], **_call(piece)}
                numbers[choice.index] += 1
                opened = call | {"function": {"name": piece.call.name, "arguments": ""}}
                yield chunk(choice.index, {"tool_calls": [opened]}, found)
                filled = {"index": call["index"], "function": {"arguments": piece.call.arguments}}
                yield chunk(choice.index, {"tool_calls": [filled]})
            found = None
        if choice.finish_reason is not None:
            yield chunk(choice.index, {}, found, choice.finish_reason)
    if include_usage:
        yield _event({**frame([]), "usage": answer.usage()})
    yield b"data: [DONE]\n\n"


def completion_answer(answer: Answer, echoes: Sequence[str]) -> dict[str, Any]:
    """A whole `text_completion`."""
    choices = []
    for choice in answer.choices:
        pieces, logprobs = choice.take()
        text = echoes[choice.index] + _joined(pieces, "content")
        choices.append(_completion_choice(answer, choice, text, logprobs))
    return {**answer.frame("text_completion", "cmpl")(choices), "usage": answer.usage()}


async def completion_stream(answer: Answer, echoes: Sequence[str], include_usage: bool) -> AsyncIterator[bytes]:
    """The events of a `text_completion` stream."""
    frame = answer.frame("text_completion", "cmpl")
    rest: dict[str, Any] = {"usage": None} if include_usage else {}
    before = list(echoes)
    async for choice in answer.changes():
        pieces, logprobs = choice.take()
        text, before[choice.index] = before[choice.index] + _joined(pieces, "content"), ""
        yield _event({**frame([_completion_choice(answer, choice, text, logprobs)]), **rest})
    if include_usage:
        yield _event({**frame([]), "usage": answer.usage()})
    yield b"data: [DONE]\n\n"


def _completion_choice(
    answer: Answer, choice: Choice, text: str, logprobs: list[tuple[int, Likeliest]]
) -> dict[str, Any]:
    found = _completion_logprobs(answer, choice, logprobs) if logprobs else None
    return {"index": choice.index, "text": text, "logprobs": found, "finish_reason": choice.finish_reason}


def _completion_logprobs(answer: Answer, choice: Choice, logprobs: list[tuple[int, Likeliest]]) -> dict[str, Any]:
    """As in OpenAI's legacy API: the drawn token is among the likeliest, half characters are named by their bytes."""

    def text(token: int) -> str:
        alone = answer.token_bytes(token) or b"\xef\xbf\xbd"
        try:
            return alone.decode()
        except UnicodeDecodeError:
            return "bytes:" + "".join(f"\\x{byte:02x}" for byte in alone)

    made: dict[str, list[Any]] = {"tokens": [], "token_logprobs": [], "top_logprobs": [], "text_offset": []}
    for token, found in logprobs:
        made["tokens"].append(text(token))
        made["token_logprobs"].append(_finite(found.logprob))
        likeliest = {**dict(found.tokens), token: found.logprob}
        made["top_logprobs"].append({text(other): _finite(value) for other, value in likeliest.items()})
        made["text_offset"].append(choice.offset)
        choice.offset += sum(
            byte & 0xC0 != 0x80 for byte in answer.token_bytes(token) or b"?"
        )  # where characters begin
    return made


def _chat_logprobs(answer: Answer, logprobs: list[tuple[int, Likeliest]]) -> dict[str, Any] | None:
    def entry(token: int, logprob: float) -> dict[str, Any]:
        alone = answer.token_bytes(token)
        text = "\ufffd" if alone is None else alone.decode(errors="replace")
        return {"token": text, "logprob": _finite(logprob), "bytes": None if alone is None else list(alone)}

    if not logprobs:
        return None
    content = [
        {**entry(token, found.logprob), "top_logprobs": [entry(*pair) for pair in found.tokens]}
        for token, found in logprobs
    ]
    return {"content": content, "refusal": None}


def _finite(logprob: float) -> float:
    """JSON has no infinity; OpenAI writes -9999 for what is as good as impossible."""
    return max(logprob, -9999.0)


def _call(piece: Piece) -> dict[str, Any]:
    assert piece.call is not None
    function = {"name": piece.call.name, "arguments": piece.call.arguments}
    return {"id": f"call_{secrets.token_hex(12)}", "type": "function", "function": function}


def _joined(pieces: Sequence[Piece], kind: str) -> str:
    return "".join(piece.text for piece in pieces if piece.kind == kind)


def _event(content: dict[str, Any]) -> bytes:
    """In ASCII: clients take U+2028 and others for the end of a line, and a call may hold half a surrogate pair."""
    return b"data: %b\n\n" % json.dumps(content, separators=(",", ":")).encode()
