"""What `test_verifiers_package.py` runs with an interpreter that has the package `verifiers`; prints JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import types
from typing import Any

import verifiers as vf
from datasets import Dataset

import darkhorse.agent.environments.verifiers as adapter
from darkhorse.agent.environments.base import Setting, environment_builder
from darkhorse.chat.reasoning import Response


def add(a: int, b: int) -> int:
    """Add two numbers."""
    return a + b


class Guess(vf.MultiTurnEnv):
    """The user says whether a number is too low."""

    async def env_response(self, messages: Any, state: Any, **kwargs: Any) -> Any:
        """Too low or too high; the end when it is right."""
        said, wanted = messages[-1].content, state["answer"]
        if said == wanted:
            state["final_env_response"] = [vf.UserMessage(role="user", content="right")]
            return state["final_env_response"]
        return [vf.UserMessage(role="user", content="too low" if int(said) < int(wanted) else "too high")]


def load_environment(kind: str = "tools") -> Any:
    """What `verifiers.load_environment` finds."""

    def right(completion: Any, answer: str, **kwargs: Any) -> float:
        return float(any(answer == str(message.content) for message in completion if message.role == "assistant"))

    rows = [{"prompt": [{"role": "user", "content": "2+3?"}], "answer": "5"}]
    rubric = vf.Rubric(funcs=[right])
    if kind == "tools":
        return vf.ToolEnv(tools=[add], dataset=Dataset.from_list(rows), rubric=rubric)
    return Guess(dataset=Dataset.from_list(rows), rubric=rubric, max_turns=5)


async def play(task: Any, answers: list[str]) -> tuple[list[Any], Any]:
    world = environment_builder("verifiers")(task, Setting())
    said = []
    try:
        for answer in answers:
            said.append(await world.reply(Response("", answer, True)))
        return said, world.state()
    finally:
        await world.close()


def main() -> None:
    """Play an environment with tools and one with a user."""
    module = types.ModuleType("darkhorse_test_env")
    module.load_environment = load_environment  # type: ignore[attr-defined]
    sys.modules["darkhorse_test_env"] = module
    (tools,) = adapter.verifiers_tasks("darkhorse-test-env", 1)
    (guess,) = adapter.verifiers_tasks("darkhorse-test-env", 1, kind="guess")
    call = '<tool_call>\n{"name": "add", "arguments": {"a": 2, "b": 3}}\n</tool_call>'
    found = {
        "prompt": tools.prompt,
        "tools": tools.tools,
        "called": asyncio.run(play(tools, [call, "5"])),
        "wrong": asyncio.run(play(tools, ["6"])),
        "guessed": asyncio.run(play(guess, ["1", "9", "5"])),
        "given_up": asyncio.run(play(guess, ["1"])),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main()
