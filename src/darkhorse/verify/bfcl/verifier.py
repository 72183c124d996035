"""The verifier `bfcl`: a model's function calls against possible answers."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from darkhorse.chat.reasoning import Response
from darkhorse.tasks.task import Task
from darkhorse.verify.bfcl.calls import TAG, Call, Language, check_size, published_tagged_calls, tagged_calls
from darkhorse.verify.bfcl.published import published_problem
from darkhorse.verify.bfcl.python_source import published_python_calls, python_calls
from darkhorse.verify.bfcl.source import published_java_call, published_javascript_call, source_call
from darkhorse.verify.bfcl.strict import offered_problem, strict_problem
from darkhorse.verify.registry import Context, register
from darkhorse.verify.truths import bad_truth, read_truth
from darkhorse.verify.verdict import Abstained, Scored, Verdict

Category = Literal["simple", "multiple", "parallel", "parallel_multiple", "irrelevance", "relevance"]


class _Parameters(BaseModel):
    model_config = ConfigDict(extra="allow")
    properties: dict[str, dict[str, Any]]
    required: list[str] = []


class _Function(BaseModel):
    model_config = ConfigDict(extra="allow")
    name: Annotated[str, Field(min_length=1)]
    parameters: _Parameters


_Answer = Annotated[dict[str, dict[str, list[Any]]], Field(min_length=1, max_length=1)]


class BfclTruth(BaseModel):
    """What was offered and what is right.

    Attributes:
        functions: schemas in the leaderboard's own shape.
        ground_truth: one a call, `{name: {parameter: [accepted values]}}`, where `""` marks what may be left out; empty
            for `irrelevance` and `relevance`.
        language: in which calls are written.
        category: how many calls of how many functions are expected; `irrelevance` none, `relevance` any.
        mode: `reward`, or `compat` for figures to compare with published ones.
        underscores: whether functions were shown with `_` for `.`.
    """

    model_config = ConfigDict(extra="forbid")
    functions: list[_Function]
    ground_truth: list[_Answer] = []
    language: Language = "python"
    category: Category = "simple"
    mode: Literal["reward", "compat"] = "reward"
    underscores: bool = False


_TRUTH = TypeAdapter(BfclTruth)


@register("bfcl")
async def bfcl(task: Task, response: Response, context: Context) -> Verdict:
    """Whether the answer makes the expected calls, in the syntax of the truth's language or in `<tool_call>` blocks.

    Rules: `ast_checker` of the Berkeley Function Calling Leaderboard, as published or corrected, by the truth's `mode`.

    Raises:
        UserError: if the mode is `compat` where rewards are computed.
    """
    truth = read_truth(task, _TRUTH)
    if isinstance(truth, Abstained):
        return truth
    problem = _truth_problem(truth)
    if problem is not None:
        return bad_truth(task, problem)
    if truth.mode == "compat":
        context.refuse_imitation(task, "mode = 'compat'")
        return _compat(truth, task.truth["functions"], response.answer)
    return _reward(truth, task.truth["functions"], response.answer)


def read_calls(text: str, language: Language) -> list[Call]:
    """The calls of an answer, read strictly.

    Raises:
        ValueError: if the answer is anything but calls with named arguments.
    """
    if TAG in text:
        return tagged_calls(text)
    return python_calls(text) if language == "python" else [source_call(text)]


def read_published_calls(text: str, language: Language) -> list[Call]:
    """The calls of an answer as the leaderboard reads them.

    Raises:
        ValueError: if it cannot read them.
    """
    if TAG in text:
        return published_tagged_calls(text)
    if language == "python":
        return published_python_calls(text)
    return [published_java_call(text) if language == "java" else published_javascript_call(text)]


def _truth_problem(truth: BfclTruth) -> str | None:
    if truth.category in ("irrelevance", "relevance"):
        return "ground_truth: none is expected" if truth.ground_truth else None
    if not truth.ground_truth:
        return "ground_truth: empty"
    if truth.category in ("simple", "multiple") and len(truth.ground_truth) != 1:
        return f"ground_truth: one call is expected, not {len(truth.ground_truth)}"
    schemas = {function.name: function.parameters for function in truth.functions}
    for answer in truth.ground_truth:
        ((name, accepted),) = answer.items()
        if name not in schemas:
            return f"ground_truth: '{name}' is not among the functions"
        for parameter, options in accepted.items():
            if not options:
                return f"ground_truth: '{parameter}' of '{name}' has no accepted value"
            if truth.mode == "reward" and parameter not in schemas[name].properties and "" not in options:
                return f"ground_truth: '{parameter}' is no parameter of '{name}'"
        missing = [parameter for parameter in schemas[name].required if parameter not in accepted]
        if truth.mode == "reward" and missing:
            return f"ground_truth: the required '{missing[0]}' of '{name}' has no accepted value"
    return None


def _compat(truth: BfclTruth, functions: list[dict[str, Any]], text: str) -> Scored:
    try:
        calls = read_published_calls(text, "python" if truth.category.endswith("relevance") else truth.language)
    except ValueError as error:
        if truth.category == "irrelevance":
            return Scored(1.0, "No call can be read, as it should be.")
        return Scored(0.0, f"The calls cannot be read: {error}.", kind="unparseable_prediction")
    if truth.category == "irrelevance":
        return Scored(0.0 if calls else 1.0, f"{len(calls)} call(s) were made where none fits.")
    if truth.category == "relevance":
        return Scored(1.0 if calls else 0.0, f"{len(calls)} call(s) were made.")
    problem = published_problem(functions, calls, truth.ground_truth, truth.language, truth.category, truth.underscores)
    return _scored(problem)


def _reward(truth: BfclTruth, functions: list[dict[str, Any]], text: str) -> Scored:
    if truth.category == "irrelevance":
        return _declined(truth, text)
    try:
        calls = read_calls(text, truth.language)
    except ValueError as error:
        return Scored(0.0, f"The calls cannot be read: {error}.", kind="unparseable_prediction")
    if truth.category == "relevance":
        return _scored(offered_problem(functions, calls, truth.underscores))
    return _scored(strict_problem(functions, calls, truth.ground_truth, truth.language, truth.underscores))


def _declined(truth: BfclTruth, text: str) -> Scored:
    """No call may be made or begun: neither a block, nor calls as the whole answer, nor a line that opens with one."""
    names = [re.escape(name) for f in truth.functions for name in {f.name, f.name.replace(".", "_")}]
    begun = re.search(rf"^[ \t`\[]*(?:{'|'.join(names)})[ \t]*\(", text, re.MULTILINE) if names else None
    if TAG in text or begun:
        return Scored(0.0, "No function fits, but one was called.")
    try:
        check_size(text)
        calls = python_calls(text)
    except ValueError:
        calls = []
    if calls:
        return Scored(0.0, f"No function fits, but '{calls[0].name[:60]}' was called.")
    return Scored(1.0, "No function fits, and none was called.")


def _scored(problem: str | None) -> Scored:
    return Scored(1.0, "All calls are right.") if problem is None else Scored(0.0, f"Wrong: {problem}.")
