"""From a request of the API to prompts, sampling settings and the form of the reply."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import TemplateError

from darkhorse.chat.renderer import Renderer
from darkhorse.rollout.engine import Request, SamplingParams
from darkhorse.serving.errors import ApiError, unsupported
from darkhorse.serving.protocol import ChatMessage, ChatRequest, CompletionRequest, NamedChoice, ToolParam
from darkhorse.serving.replies import Form
from darkhorse.types import Message

CHAT_SAMPLING = SamplingParams(temperature=0.6, top_p=0.95, top_k=40)
"""QwQ's authors' recommendation, where a request says nothing."""


@dataclass(frozen=True)
class Served:
    """What is served.

    Attributes:
        name: of the model, in requests and answers.
        renderer: messages to tokens and back.
        vocabulary: number of tokens the model knows.
        context: most tokens of a prompt and its completion together.
    """

    name: str
    renderer: Renderer
    vocabulary: int
    context: int


def chat_form(request: ChatRequest) -> Form:
    """How the replies to a chat are held and read.

    Raises:
        ApiError: if the request asks for what there is not.
    """
    if request.response_format is not None and request.response_format.type != "text":
        raise unsupported("response_format", "Only response_format 'text' is supported: sampling follows no grammar.")
    if request.functions:
        raise unsupported("functions", "'functions' is not supported: use 'tools'.")
    if request.top_logprobs and not request.logprobs:
        raise ApiError(400, "'top_logprobs' needs 'logprobs': true.", "invalid_value", "top_logprobs")
    names = [tool.function.name for tool in request.tools or []]
    choice = request.tool_choice or ("auto" if names else "none")
    if choice != "none" and not names:
        raise ApiError(400, "'tool_choice' needs 'tools'.", "invalid_value", "tool_choice")
    stops = request.stops
    if choice == "none":
        return Form(request.thinks, stop=stops)
    if isinstance(choice, NamedChoice):
        if choice.function.name not in names:
            raise ApiError(
                400,
                f"'tool_choice' names '{choice.function.name}', which is not in 'tools'.",
                "invalid_value",
                "tool_choice",
            )
        return Form(False, True, stops, forced=choice.function.name)
    if choice == "required":
        return (
            Form(False, True, stops, forced=names[0]) if len(names) == 1 else Form(False, True, stops, begun_call=True)
        )
    return Form(request.thinks, True, stops)


def chat_request(served: Served, request: ChatRequest, form: Form) -> Request:
    """The prompt of a chat and how it is continued.

    Raises:
        ApiError: if the messages cannot be rendered, or do not fit.
    """
    tools = [tool for tool in request.tools or [] if request.tool_choice != "none"]
    try:
        prompt = prompt_tokens(served.renderer, request.messages, tools, form)
    except (RecursionError, TemplateError, TypeError, ValueError) as error:
        raise ApiError(400, f"The messages cannot be rendered: {error}", "invalid_value", "messages") from error
    most = request.max_completion_tokens or request.max_tokens
    likeliest = (request.top_logprobs or 0) if request.logprobs else None
    return Request(prompt, _sampling(served, request, CHAT_SAMPLING, len(prompt), most, likeliest), request.n or 1)


def prompt_tokens(
    renderer: Renderer, messages: Sequence[ChatMessage], tools: Sequence[ToolParam], form: Form
) -> list[int]:
    """Tokens of a conversation up to where the model goes on."""
    schemas = [tool.model_dump(exclude_none=True) for tool in tools]
    prompt = renderer.prompt([_template_message(message) for message in messages], schemas)
    return [*prompt, *renderer.encode(form.opening)] if form.opening else prompt


def completion_requests(served: Served, request: CompletionRequest) -> list[Request]:
    """One request for each prompt.

    Raises:
        ApiError: if the request asks for what there is not, or a prompt does not fit.
    """
    if request.suffix:
        raise unsupported("suffix", "'suffix' is not supported: the model continues text.")
    if request.best_of is not None and request.best_of != (request.n or 1):
        raise unsupported("best_of", "'best_of' other than 'n' is not supported.")
    if request.echo and request.logprobs is not None:
        raise unsupported("echo", "'echo' with 'logprobs' is not supported.")
    made = []
    for prompt in _prompts(request):
        tokens = served.renderer.encode(prompt) if isinstance(prompt, str) else prompt
        if not tokens:
            raise ApiError(400, "The prompt is empty.", "invalid_value", "prompt")
        if max(tokens) >= served.vocabulary:
            raise ApiError(400, f"The model knows tokens below {served.vocabulary} only.", "invalid_value", "prompt")
        most = request.max_tokens or 16
        sampling = _sampling(served, request, SamplingParams(), len(tokens), most, request.logprobs)
        made.append(Request(tokens, sampling, request.n or 1))
    return made


def _prompts(request: CompletionRequest) -> list[str] | list[list[int]]:
    prompt: Any = request.prompt
    whole = isinstance(prompt, str) or isinstance(prompt[0], int)
    return [prompt] if whole else prompt


def _template_message(message: ChatMessage) -> Message:
    """As the chat template takes it: content as text, arguments of calls as objects."""
    content = message.content
    text = content if isinstance(content, str) else "".join(part.text for part in content or [])
    made: Message = {"role": "system" if message.role == "developer" else message.role, "content": text}
    if message.tool_calls:
        made["tool_calls"] = [
            {"function": {"name": call.function.name, "arguments": _arguments(call.function.arguments)}}
            for call in message.tool_calls
        ]
    return made


def _arguments(given: str | dict[str, Any]) -> Any:
    try:
        return json.loads(given) if isinstance(given, str) else given
    except (ValueError, RecursionError):
        return given


def _sampling(
    served: Served,
    request: ChatRequest | CompletionRequest,
    default: SamplingParams,
    prompt_tokens: int,
    most: int | None,
    likeliest: int | None,
) -> SamplingParams:
    room = served.context - prompt_tokens
    if room < (most or 1):
        wanted = f"{prompt_tokens} tokens of the prompt" + (f" and {most} of the completion" if most else "")
        raise ApiError(
            400,
            f"The model's context holds {served.context} tokens, but {wanted} are asked for.",
            "context_length_exceeded",
            "messages" if isinstance(request, ChatRequest) else "prompt",
        )

    def given(value: Any, otherwise: Any) -> Any:
        return otherwise if value is None else value

    return SamplingParams(
        temperature=given(request.temperature, default.temperature),
        top_p=given(request.top_p, default.top_p),
        top_k=max(given(request.top_k, default.top_k), 0),
        min_p=given(request.min_p, default.min_p),
        presence_penalty=given(request.presence_penalty, 0.0),
        frequency_penalty=given(request.frequency_penalty, 0.0),
        logit_bias=_biases(request.logit_bias or {}, served.vocabulary),
        max_tokens=most or room,
        seed=given(request.seed, secrets.randbits(63)),
        likeliest=likeliest,
        ignore_end=request.ignore_eos,
    )


def _biases(given: dict[str, float], vocabulary: int) -> tuple[tuple[int, float], ...]:
    for word in given:
        if not (word.isascii() and word.isdigit() and len(word) < 10 and int(word) < vocabulary):
            raise ApiError(400, f"'logit_bias' holds '{word[:20]}', which is no token.", "invalid_value", "logit_bias")
    return tuple((int(word), bias) for word, bias in given.items())
