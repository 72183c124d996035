"""Verifiers of tool use: the function calls of one turn, and the final answer of an episode with tools."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from darkhorse.chat.reasoning import Response
from darkhorse.chat.tool_calls import MalformedCall, ToolCall, parse_tool_calls
from darkhorse.tasks.task import Task
from darkhorse.types import Message
from darkhorse.verify.matching import perfect_matching
from darkhorse.verify.math.extraction import last_boxed
from darkhorse.verify.registry import Context, register
from darkhorse.verify.truths import folded, read_truth, same_value
from darkhorse.verify.verdict import Abstained, Scored, Verdict

_DECLINES = re.compile(
    r"\b(?:none of|no (?:suitable |matching |available |such )?(?:tool|function)s?"
    r"|not (?:able|possible|available|supported)|can(?:no|['’])t|cannot|unable|(?:do not|don['’]t) have"
    r"|not have|there is no|nothing here)\b",
    re.IGNORECASE,
)
_INTEGER = re.compile(r"[-+]?[0-9]{1,400}")


class ExpectedCall(BaseModel):
    """One call that must be made.

    Attributes:
        name: the function.
        arguments: arguments that must be given, with their values.
        alternatives: further accepted values of some of them.
        optional: arguments that may be given or left out, with the values accepted.
    """

    model_config = ConfigDict(extra="forbid")
    name: Annotated[str, Field(min_length=1)]
    arguments: dict[str, Any]
    alternatives: dict[str, list[Any]] = {}
    optional: dict[str, list[Any]] = {}


class CallsTruth(BaseModel):
    """The calls that must be made, in any order; none means that the model must decline."""

    model_config = ConfigDict(extra="forbid")
    calls: list[ExpectedCall]


class ToolAnswerTruth(BaseModel):
    """The final whole number, and how many successful tool turns it must rest on."""

    model_config = ConfigDict(extra="forbid")
    answer: Annotated[str, Field(pattern=r"^-?[0-9]{1,400}$")]
    min_calls: Annotated[int, Field(ge=0)] = 1


_CALLS = TypeAdapter(CallsTruth)
_TOOL_ANSWER = TypeAdapter(ToolAnswerTruth)


@register("function_call")
async def function_call(task: Task, response: Response, context: Context) -> Verdict:
    """Whether the answer makes exactly the expected calls, in any order, each with the expected arguments."""
    truth = read_truth(task, _CALLS)
    if isinstance(truth, Abstained):
        return truth
    try:
        blocks = parse_tool_calls(response.answer)
    except ValueError as error:  # an integer with thousands of digits
        return Scored(0.0, f"A tool call cannot be read: {error}.", kind="unparseable_prediction")
    calls = [block for block in blocks if isinstance(block, ToolCall)]
    broken = next((block for block in blocks if isinstance(block, MalformedCall)), None)
    if broken is not None:
        return Scored(0.0, f"A tool call is malformed: {broken.error}.", kind="unparseable_prediction")
    if not truth.calls:
        return _declined(response.answer, calls)
    if len(calls) != len(truth.calls):
        return Scored(0.0, f"Expected {len(truth.calls)} tool call(s), found {len(calls)}.")
    if _assignable(truth.calls, calls):
        return Scored(1.0, "All tool calls are right.")
    return Scored(0.0, _first_mismatch(truth.calls, calls))


@register("tool_answer")
async def tool_answer(task: Task, response: Response, context: Context) -> Verdict:
    """Whether the last `\\boxed{}` holds the true whole number and enough tool turns succeeded on the way."""
    truth = read_truth(task, _TOOL_ANSWER)
    if isinstance(truth, Abstained):
        return truth
    detail = {"calls": sum(succeeded(message) for message in response.turns)}
    if detail["calls"] < truth.min_calls:
        reason = f"{detail['calls']} successful tool call(s), at least {truth.min_calls} needed."
        return Scored(0.0, reason, detail)
    boxed = last_boxed(response.answer)
    if boxed is None:
        return Scored(0.0, "The answer has no \\boxed{}.", detail, "no_answer")
    number = boxed.replace("{,}", "").replace("\\,", "").replace(",", "").strip(" $")
    if not _INTEGER.fullmatch(number):
        return Scored(0.0, f"The boxed answer {boxed[:60]!r} is not a whole number.", detail)
    if int(number) != int(truth.answer):
        return Scored(0.0, f"The boxed answer is {number[:60]}, not {truth.answer[:60]}.", detail)
    return Scored(1.0, "The boxed answer is right and rests on tool calls.", detail)


def succeeded(message: Message) -> bool:
    """Whether a message is a tool's output and not an error (empty, or beginning with "Error")."""
    content = str(message.get("content") or "").strip()
    return message.get("role") == "tool" and bool(content) and not content.casefold().startswith("error")


def _declined(answer: str, calls: list[ToolCall]) -> Scored:
    if calls:
        return Scored(0.0, f"No tool fits, but '{calls[0].name}' was called.")
    if not _DECLINES.search(answer):
        return Scored(0.0, "No tool fits, but the answer does not say so.")
    return Scored(1.0, "The answer rightly says that no tool fits.")


def _assignable(wanted: list[ExpectedCall], found: list[ToolCall]) -> bool:
    """Whether the calls can be matched one to one."""
    return perfect_matching([[_mismatch(expected, call) is None for call in found] for expected in wanted]) is not None


def _first_mismatch(wanted: list[ExpectedCall], found: list[ToolCall]) -> str:
    """What is wrong with the first expected call that no found call meets."""
    for expected in wanted:
        problems = [(call, _mismatch(expected, call)) for call in found]
        if all(problem is not None for _, problem in problems):
            named = next((problem for call, problem in problems if call.name == expected.name), None)
            return named or f"'{expected.name}' was not called; found {', '.join(repr(c.name) for c in found)[:100]}."
    return "One tool call stands in for two expected ones."


def _mismatch(expected: ExpectedCall, call: ToolCall) -> str | None:
    if call.name != expected.name:
        return f"The tool called is '{call.name[:60]}', not '{expected.name}'."
    for name, value in expected.arguments.items():
        if name not in call.arguments:
            return f"'{call.name}' lacks the argument '{name}'."
        accepted = [value, *expected.alternatives.get(name, [])]
        if not any(same_value(call.arguments[name], one, folded) for one in accepted):
            return f"Argument '{name}' of '{call.name}' is {_shown(call.arguments[name])}, not {_shown(value)}."
    for name, given in call.arguments.items():
        if name in expected.arguments:
            continue
        if name not in expected.optional:
            return f"'{call.name}' has the unexpected argument '{name[:60]}'."
        if not any(same_value(given, one, folded) for one in expected.optional[name]):
            return f"Optional argument '{name}' of '{call.name}' is {_shown(given)}, which was not asked for."
    return None


def _shown(value: Any) -> str:
    # Only scalars are repeated: the repr of hostile nesting could recurse, and that of a huge integer raises.
    if isinstance(value, str):
        return repr(value[:60])
    if isinstance(value, bool | float) or value is None or (isinstance(value, int) and abs(value) < 10**60):
        return repr(value)
    return f"a value of type {type(value).__name__}"
