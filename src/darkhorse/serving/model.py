"""A model in Python: `darkhorse.load(name).chat(messages)` and `.stream(messages)`."""

from __future__ import annotations

import queue
import secrets
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any

from pydantic import Field, TypeAdapter, ValidationError

from darkhorse.config.model import ModelConfig
from darkhorse.errors import UserError, did_you_mean
from darkhorse.policy.loading import Policy
from darkhorse.rollout.engine import Request, SamplingParams
from darkhorse.serving.backend import Drawn, Event, Failed
from darkhorse.serving.local import LocalBackend, opener
from darkhorse.serving.prompts import CHAT_SAMPLING, prompt_tokens
from darkhorse.serving.protocol import ChatMessage, ToolParam, problem
from darkhorse.serving.replies import Call, Form, Piece, Reply
from darkhorse.types import Message, ToolSchema

_MESSAGES: TypeAdapter[list[ChatMessage]] = TypeAdapter(Annotated[list[ChatMessage], Field(min_length=1)])
_TOOLS: TypeAdapter[list[ToolParam]] = TypeAdapter(list[ToolParam])


@dataclass
class Answer:
    """What a model said.

    Attributes:
        content: the answer.
        reasoning: the thinking before it.
        calls: tool calls, `name` and `arguments` (JSON text).
        finish_reason: `stop`, `tool_calls`, or `length` at the limit of tokens.
        prompt_tokens, tokens, reasoning_tokens: counted; the last are part of the second.
    """

    content: str = ""
    reasoning: str = ""
    calls: list[Call] = field(default_factory=list)
    finish_reason: str = "stop"
    prompt_tokens: int = 0
    tokens: int = 0
    reasoning_tokens: int = 0


class ContextFull(UserError):
    """The messages leave no room for an answer."""


class Model:
    """A model that answers messages. Threads may share it; their answers are decoded together.

    Args:
        open_policy: loads what samples.
        context: most tokens of messages and answer.
        max_sequences: most answers decoded at once.
    """

    def __init__(self, open_policy: Callable[[], Policy], context: int | None = None, max_sequences: int = 96) -> None:
        self._backend = LocalBackend(open_policy, max_sequences)
        self._renderer = self._backend.policy.renderer
        self.context = min(self._backend.context, context or self._backend.context)

    def chat(self, messages: Sequence[Message], tools: Sequence[ToolSchema] = (), **settings: Any) -> Answer:
        """Answer messages; arguments as in `stream`."""
        answer = Answer()
        for _ in self.stream(messages, tools, into=answer, **settings):
            pass
        return answer

    def stream(
        self,
        messages: Sequence[Message],
        tools: Sequence[ToolSchema] = (),
        *,
        thinks: bool = True,
        stop: str | Sequence[str] = (),
        least_room: int = 1,
        into: Answer | None = None,
        **settings: Any,
    ) -> Generator[Piece]:
        """Answer messages, piece by piece; leaving the loop ends the answer.

        Args:
            messages: in OpenAI's shape.
            tools: functions the model may call, in OpenAI's shape.
            thinks: whether it thinks first.
            stop: string or strings that end the answer.
            least_room: tokens that the messages must leave for the answer.
            into: filled in meanwhile.
            settings: of `SamplingParams`; QwQ's recommendation, and all the room there is, where not given or None.

        Raises:
            ContextFull: if the messages leave no room.
            UserError: if a message, a tool or a setting is not one.
            RuntimeError: if decoding failed.
        """
        stops = (stop,) if isinstance(stop, str) else tuple(stop)
        form = Form(thinks, bool(tools), tuple(filter(None, stops)))
        answer = Answer() if into is None else into
        prompt = prompt_tokens(self._renderer, _checked(_MESSAGES, messages), _checked(_TOOLS, tools), form)
        room = self.context - len(prompt)
        if room < least_room:
            raise ContextFull(
                f"The messages are {len(prompt)} tokens long, but the context holds {self.context}.",
                "Shorten them, or load the model with a larger 'context'.",
            )
        sampling = _sampling(settings, room)
        news: queue.SimpleQueue[Event] = queue.SimpleQueue()
        ticket = self._backend.submit(Request(prompt, sampling), news.put)
        reply = Reply(self._renderer, form)
        answer.prompt_tokens = len(prompt)
        try:
            while True:
                event = news.get()
                if isinstance(event, Failed):
                    raise RuntimeError(event.message)
                pieces = reply.add(event.token) if isinstance(event, Drawn) else reply.end()
                answer.tokens, answer.reasoning_tokens = reply.tokens, reply.reasoning_tokens
                for piece in pieces:
                    _add(answer, piece)
                    yield piece
                if not isinstance(event, Drawn) or reply.complete:
                    reason = "stop" if isinstance(event, Drawn) else event.reason
                    answer.finish_reason = "tool_calls" if reason == "stop" and answer.calls else reason
                    return
        finally:
            ticket.close()

    def close(self) -> None:
        """Stop the thread that decodes."""
        self._backend.stop()

    def __enter__(self) -> Model:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def load(name: str, context: int | None = None, max_sequences: int = 96) -> Model:
    """A model by name, as `[model] name` takes it, or a checkpoint folder.

    Args:
        name: of the model.
        context: most tokens of messages and answer; above the model's window YaRN stretches it.
        max_sequences: most answers decoded at once.

    Raises:
        UserError: if there is no such model.
    """
    return Model(opener(ModelConfig(name=name), context), context, max_sequences)


def _checked(kind: TypeAdapter[Any], given: Any) -> Any:
    given = list(given) if isinstance(given, Sequence) and not isinstance(given, str) else given
    try:
        return kind.validate_python(given)
    except ValidationError as error:
        name = "messages" if kind is _MESSAGES else "tools"
        errors = [{**one, "loc": (name, *one["loc"])} for one in error.errors()]
        raise UserError(f"{problem({name: given}, errors)[1]}.", "Give them in the shape of OpenAI's API.") from None


def _sampling(settings: dict[str, Any], room: int) -> SamplingParams:
    known = {one.name for one in fields(SamplingParams)} - {"stop"}
    for name in settings:
        if name not in known:
            raise UserError(f"There is no setting '{name}'.", did_you_mean(name, known))
    given = {name: value for name, value in settings.items() if value is not None}
    sampling: SamplingParams = replace(CHAT_SAMPLING, **{"seed": secrets.randbits(63), "max_tokens": room} | given)
    return replace(sampling, max_tokens=min(sampling.max_tokens, room))


def _add(answer: Answer, piece: Piece) -> None:
    if piece.call is not None:
        answer.calls.append(piece.call)
    elif piece.kind == "reasoning":
        answer.reasoning += piece.text
    else:
        answer.content += piece.text
