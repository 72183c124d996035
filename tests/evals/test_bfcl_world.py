from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from darkhorse.chat.tool_calls import format_tool_call
from darkhorse.evals.data import load
from darkhorse.evals.suites import PUBLISHED
from darkhorse.evals.suites.bfcl_dialogue import converse, judge_states
from darkhorse.evals.suites.bfcl_world import true_call, work
from darkhorse.evals.targets import Episode, Refused, Reply
from darkhorse.rollout.engine import SamplingParams
from darkhorse.tasks.task import Task
from darkhorse.types import Message, ToolSchema
from darkhorse.verify.verdict import Abstained, Scored


def test_true_calls_are_literals_and_nothing_else() -> None:
    assert true_call("mv(source='a', destination='b')") == {
        "name": "mv", "positional": [], "arguments": {"source": "a", "destination": "b"},
    }  # fmt: skip
    assert true_call("sort('x')")["positional"] == ["x"]
    for text in ("__import__('os').system('x')", "f(open('x'))", "1 + 1"):
        with pytest.raises(ValueError, match=r"not a call|malformed node"):
            true_call(text)


class _Player:
    """Makes the true calls of each turn, one call an answer, and then says that it is done."""

    name = "player"
    at_once = 1

    def __init__(self, task: Task, spoil: bool = False) -> None:
        turns = [[true_call(text) for text in turn] for turn in task.truth["calls"]]
        if spoil:
            turns = [turn[:-1] for turn in turns]
        parameters = {
            schema["function"]["name"]: list(schema["function"]["parameters"]["properties"]) for schema in task.tools
        }
        self.said = [text for turn in turns for text in [*(_block(call, parameters) for call in turn), "Done."]]
        self.seen: list[Sequence[Message]] = []

    def facts(self) -> Mapping[str, Any]:
        return {}

    async def ask(self, messages: Sequence[Message], tools: Sequence[ToolSchema], sampling: SamplingParams) -> Reply:
        self.seen.append(list(messages))
        return Reply(f"Hm.\n</think>\n\n{self.said.pop(0)}", 3, 7, "stop")

    async def run(self, task: Task, sampling: SamplingParams) -> Episode:
        raise NotImplementedError


def _block(call: dict[str, Any], parameters: dict[str, list[str]]) -> str:
    named = dict(zip(parameters[call["name"]], call["positional"], strict=False))
    return format_tool_call(call["name"], {**named, **call["arguments"]})


def _tasks(data_dir: Path) -> list[Task]:
    suite = PUBLISHED["bfcl"]
    return [task for task in suite.tasks(load(suite, data_dir).parts) if task.verifier == "bfcl_states"]


@pytest.mark.data
def test_without_the_leaderboards_tools_a_task_abstains(data_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = _tasks(data_dir)[0]
    monkeypatch.setattr("darkhorse.evals.suites.bfcl_world._MODULE", "no_such_package")
    request = {"classes": task.truth["classes"], "config": task.truth["config"], "turns": [[]]}
    assert "no_such_package" in work(request)["missing"]


@pytest.mark.data
@pytest.mark.slow
def test_the_true_calls_end_in_the_true_states_and_fewer_do_not(data_dir: Path) -> None:
    pytest.importorskip("bfcl_eval")
    tasks = _tasks(data_dir)
    chosen = [*tasks[::40], next(task for task in tasks if task.truth["held_back"])]

    async def both(task: Task) -> tuple[Any, Any]:
        verdicts = []
        for spoil in (False, True):
            episode = await converse(task, _Player(task, spoil), SamplingParams())
            verdicts.append(await judge_states(task, episode))
        return verdicts[0], verdicts[1]

    async def every() -> list[tuple[Any, Any]]:
        return [await both(task) for task in chosen]

    for task, (right, wrong) in zip(chosen, asyncio.run(every()), strict=True):
        assert not isinstance(right, Abstained) and right.score == 1.0, (task.id, right.reason)
        assert isinstance(wrong, Scored) and wrong.score == 0.0, (task.id, wrong.reason)


class _Forgetful(_Player):
    """Answers so many times without a call; then the conversation is too long for it."""

    def __init__(self, answers: int) -> None:
        self.answers = answers

    async def ask(self, messages: Sequence[Message], tools: Sequence[ToolSchema], sampling: SamplingParams) -> Reply:
        self.answers -= 1
        if self.answers < 0:
            raise Refused("maximum context length")
        return Reply("Hm.\n</think>\n\nDone.", 3, 7, "stop")


def test_a_conversation_that_outgrows_the_context_is_lost_and_ends_no_run() -> None:
    questions = [[{"role": "user", "content": text}] for text in ("Go.", "Go on.")]
    truth = {"questions": questions, "held_back": {}, "classes": [], "config": {}, "calls": [[], []], "long_context": 0}
    task = Task("bfcl/t", tuple(questions[0]), "bfcl_states", truth)

    async def played(answers: int) -> tuple[Episode, Any]:
        episode = await converse(task, _Forgetful(answers), SamplingParams())
        return episode, await judge_states(task, episode)

    episode, verdict = asyncio.run(played(1))
    assert verdict == Scored(0.0, "The conversation cannot go on: maximum context length") and episode.tokens == 3
    with pytest.raises(Refused):
        asyncio.run(played(0))
