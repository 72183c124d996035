"""BFCL's multi-turn tasks: the model calls stateful tools turn by turn; the states it leaves behind are compared."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from darkhorse.chat.reasoning import Response
from darkhorse.chat.tool_calls import ToolCall, parse_tool_calls
from darkhorse.evals.targets import Episode, Refused, Target
from darkhorse.rollout.engine import SamplingParams
from darkhorse.rollout.trajectory import FinishReason
from darkhorse.tasks.task import Task
from darkhorse.types import Message
from darkhorse.verify.verdict import Abstained, Scored, Verdict
from darkhorse.verify.workers import WorkerError, WorkerPool, WorkerTimeout

MAX_STEPS = 20
"""Answers of one turn; more of them fail the task, as on the leaderboard."""

_MORE_TOOLS = "I have updated some more functions you can choose from. What about now?"
_TIMEOUT_S = 20.0
_POOL = WorkerPool("darkhorse.evals.suites.bfcl_world:work", workers=2, timeout_s=_TIMEOUT_S)


async def converse(task: Task, target: Target, sampling: SamplingParams) -> Episode:
    """Have the whole conversation of a task; `extra["turns"]` holds the calls of each turn.

    Raises:
        Unanswered, UserError: as `Target.ask`. A conversation that has outgrown the model's context is lost, as on the
            leaderboard.
    """
    truth = task.truth
    messages: list[Message] = []
    turns: list[list[dict[str, Any]]] = []
    said: list[Message] = []
    tokens = prompt_tokens = step = 0
    problem: str | None = None
    answer = ""
    finish: FinishReason = "stop"
    for number, question in enumerate(truth["questions"]):
        hidden = {name for turn, names in truth["held_back"].items() if int(turn) > number for name in names}
        tools = [schema for schema in task.tools if schema["function"]["name"] not in hidden]
        asked = list(question) or [{"role": "user", "content": _MORE_TOOLS}]
        messages += asked
        said += asked if number else []
        turns.append([])
        for _ in range(MAX_STEPS + 1):
            try:
                reply = await target.ask(messages, tools, replace(sampling, seed=sampling.seed + step))
            except Refused as error:
                if step == 0:  # no conversation will be had with these settings
                    raise
                problem = f"The conversation cannot go on: {error.message}"
                break
            step += 1
            tokens, prompt_tokens = tokens + reply.tokens, prompt_tokens + reply.prompt_tokens
            answer, finish = reply.answer, reply.finish_reason
            said.append({"role": "assistant", "content": reply.text})
            messages.append({"role": "assistant", "content": reply.answer})
            calls = [call for call in parse_tool_calls(reply.answer) if isinstance(call, ToolCall)]
            if not calls:
                break
            turns[-1] += [{"name": call.name, "arguments": call.arguments} for call in calls]
            try:
                played = await _POOL.submit({**_scene(task), "turns": turns})
            except WorkerError as error:
                if not _endless(error):
                    failure = f"A tool could not run: {error}."
                    return Episode(_response(answer, said), tokens, prompt_tokens, finish, failure)
                problem = f"A tool came to no end: {error}."
                break
            if "missing" in played:
                return Episode(_response(answer, said), failure=f"bfcl-eval is not installed: {played['missing']}")
            results = [{"role": "tool", "content": text} for text in played["results"][-len(calls) :]]
            messages += results
            said += results
        else:
            problem = f"Turn {number + 1} took more than {MAX_STEPS} steps."
        if problem is not None:
            break
    extra: dict[str, Any] = {"turns": turns, "problem": problem}
    return Episode(_response(answer, said), tokens, prompt_tokens, finish, None, extra)


async def judge_states(task: Task, episode: Episode) -> Verdict:
    """Whether the states and results of the conversation are those of the true calls, as the leaderboard compares."""
    if episode.extra.get("problem"):
        return Scored(0.0, episode.extra["problem"])
    request = {**_scene(task), "turns": episode.extra["turns"], "wanted": task.truth["calls"]}
    try:
        compared = await _POOL.submit(request)
    except WorkerTimeout as error:
        return Abstained(f"The states could not be compared: {error}.", {}, "timeout")
    except WorkerError as error:
        return Abstained(f"The states could not be compared: {error}.")
    if "missing" in compared:
        return Abstained(f"bfcl-eval is not installed: {compared['missing']}.")
    return Scored(float(compared["score"]), compared["reason"])


def _endless(error: WorkerError) -> bool:
    """Whether a call kept its tool busy to the limit; anything else is the machine's fault, not the model's."""
    return isinstance(error, WorkerTimeout) and (error.cpu_s is None or error.cpu_s >= _TIMEOUT_S / 2)


def _scene(task: Task) -> dict[str, Any]:
    return {key: task.truth[key] for key in ("classes", "config", "long_context")}


def _response(answer: str, said: list[Message]) -> Response:
    return Response("", answer, True, tuple(said))
