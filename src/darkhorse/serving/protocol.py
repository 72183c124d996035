"""The requests of OpenAI's API that the server takes. Fields it does not know are ignored, as vLLM does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, model_validator

MOST_CHOICES = 128
_TokenIds: TypeAlias = Annotated[list[Annotated[StrictInt, Field(ge=0)]], Field(min_length=1)]
_Number: TypeAlias = Annotated[float, Field(allow_inf_nan=False)]
_Penalty: TypeAlias = Annotated[_Number, Field(ge=-2, le=2)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="ignore", protected_namespaces=())


class TextPart(_Body):
    """A part of a message's content; the model reads text alone."""

    type: Literal["text"]
    text: str


class FunctionCall(_Body):
    """A call that the assistant made earlier; `arguments` is JSON text, or what it says."""

    name: str
    arguments: str | dict[str, Any] = "{}"


class CallMessage(_Body):
    """An entry of `tool_calls`."""

    id: str | None = None
    type: Literal["function"] = "function"
    function: FunctionCall


class ChatMessage(_Body):
    """A message. What an assistant thought earlier (`reasoning_content`) is not shown to it again."""

    role: Literal["system", "developer", "user", "assistant", "tool"]
    content: str | list[TextPart] | None = None
    tool_calls: list[CallMessage] | None = None
    tool_call_id: str | None = None

    @model_validator(mode="after")
    def _content_is_there(self) -> ChatMessage:
        if self.content is None and self.role != "assistant":  # an answer that was all thinking has none
            raise ValueError(f"a message of role '{self.role}' needs content")
        return self


class FunctionSchema(_Body):
    """What the model is told about a function."""

    name: Annotated[str, Field(min_length=1, max_length=256)]
    description: str | None = None
    parameters: dict[str, Any] | None = None


class ToolParam(_Body):
    """An entry of `tools`."""

    type: Literal["function"]
    function: FunctionSchema


class FunctionName(_Body):
    """The function that `tool_choice` names."""

    name: str


class NamedChoice(_Body):
    """A `tool_choice` of one function."""

    type: Literal["function"]
    function: FunctionName


class StreamOptions(_Body):
    """What a stream tells besides."""

    include_usage: StrictBool = False


class TemplateOptions(_Body):
    """`chat_template_kwargs`."""

    enable_thinking: StrictBool = True


class ResponseFormat(_Body):
    """Only free text."""

    type: str


class _Sampled(_Body):
    """What both calls share."""

    model: str
    n: Annotated[StrictInt, Field(ge=1, le=MOST_CHOICES)] | None = None
    max_tokens: Annotated[StrictInt, Field(ge=1)] | None = None
    temperature: Annotated[_Number, Field(ge=0, le=2)] | None = None
    top_p: Annotated[_Number, Field(gt=0, le=1)] | None = None
    top_k: Annotated[StrictInt, Field(ge=-1)] | None = None
    min_p: Annotated[_Number, Field(ge=0, le=1)] | None = None
    presence_penalty: _Penalty | None = None
    frequency_penalty: _Penalty | None = None
    logit_bias: dict[str, Annotated[_Number, Field(ge=-100, le=100)]] | None = Field(default=None, max_length=1024)
    seed: Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: str | Annotated[list[str], Field(max_length=16)] | None = None
    stream: StrictBool | None = None
    stream_options: StreamOptions | None = None
    ignore_eos: StrictBool = False

    @property
    def stops(self) -> tuple[str, ...]:
        """Stop strings; empty ones stop nothing."""
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(stop for stop in given if stop)

    @property
    def include_usage(self) -> bool:
        """Whether a stream ends with its usage."""
        return self.stream_options is not None and self.stream_options.include_usage


class ChatRequest(_Sampled):
    """`POST /v1/chat/completions`."""

    messages: Annotated[list[ChatMessage], Field(min_length=1)]
    max_completion_tokens: Annotated[StrictInt, Field(ge=1)] | None = None
    tools: Annotated[list[ToolParam], Field(max_length=256)] | None = None
    tool_choice: Literal["none", "auto", "required"] | NamedChoice | None = None
    parallel_tool_calls: StrictBool | None = None
    logprobs: StrictBool | None = None
    top_logprobs: Annotated[StrictInt, Field(ge=0, le=20)] | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh"] | None = None
    chat_template_kwargs: TemplateOptions | None = None
    response_format: ResponseFormat | None = None
    functions: list[Any] | None = None

    @property
    def thinks(self) -> bool:
        """Whether the model is to think first."""
        off = self.chat_template_kwargs is not None and not self.chat_template_kwargs.enable_thinking
        return not off and self.reasoning_effort != "none"


class CompletionRequest(_Sampled):
    """`POST /v1/completions`: text or tokens continued as they are, without a chat template."""

    prompt: (
        str | _TokenIds | Annotated[list[str], Field(min_length=1)] | Annotated[list[_TokenIds], Field(min_length=1)]
    )
    logprobs: Annotated[StrictInt, Field(ge=0, le=20)] | None = None
    echo: StrictBool = False
    suffix: str | None = None
    best_of: StrictInt | None = None


def problem(body: Any, errors: Sequence[Any]) -> tuple[str, str]:
    """Where a body is wrong, and what is, place included.

    Args:
        body: as it was given.
        errors: pydantic's.
    """
    deepest = max(errors, key=lambda error: len(_place(body, error)))
    where = ".".join(_place(body, deepest))
    return where, f"{where}: {deepest['msg'].removeprefix('Value error, ')}"


def _place(body: Any, error: Any) -> list[str]:
    """Where in a body an error is: pydantic's place of it, without the members of unions that were tried."""
    found: list[str] = []
    for number, part in enumerate(error["loc"], 1):
        if (isinstance(body, dict) and part in body) or (isinstance(body, list) and isinstance(part, int)):
            body = body[part]
        elif error["type"] != "missing" or number != len(error["loc"]):
            continue
        found.append(str(part))
    return found
