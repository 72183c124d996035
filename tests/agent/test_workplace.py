"""A workplace honours the recipe's `[sandbox]` table."""

from __future__ import annotations

import asyncio
import socket

import pytest

import tiny
from darkhorse.agent.workplace import open_workplace
from darkhorse.chat.reasoning import Response
from darkhorse.config.recipe import Recipe
from darkhorse.config.sandbox import SandboxConfig
from darkhorse.errors import UserError
from darkhorse.tasks.task import Task
from darkhorse.verify.registry import judge
from darkhorse.verify.verdict import Scored

SLEEPS = "import time\ntime.sleep(1.8)\nprint(1)"
HOARDS = "print(len(bytearray(200 * 2**20)))"


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def code_task(output: str, **truth: object) -> Task:
    return Task("t", (), "code", {"stdin_tests": [{"input": "", "output": output}], **truth})


def answer(program: str) -> Response:
    return Response("", f"```python\n{program}\n```", True)


def test_limits_and_port_are_those_of_the_recipe() -> None:
    port = free_port()
    settings = SandboxConfig(workers=1, port=port, wall_seconds=1.0, memory_mb=96)
    generous = {"limits": {"wall_s": 10, "memory_mb": 512}}

    async def use() -> None:
        slow = await judge(code_task("1"), answer(SLEEPS), place.context)
        assert isinstance(slow, Scored) and (slow.score, "timed out" in slow.reason) == (0.0, True)
        assert "timed out" in await place.tools["python"]({"code": SLEEPS})
        large = await judge(code_task(str(200 * 2**20)), answer(HOARDS), place.context)
        assert isinstance(large, Scored) and (large.score, "ran out of memory" in large.reason) == (0.0, True)
        for program, output in ((SLEEPS, "1"), (HOARDS, str(200 * 2**20))):  # a task's own limits go first
            allowed = await judge(code_task(output, **generous), answer(program), place.context)
            assert isinstance(allowed, Scored) and allowed.score == 1.0, allowed.reason

    with open_workplace(Recipe(sandbox=settings), tiny.policy()) as place:
        assert place.context.sandbox is not None
        assert place.context.sandbox.url == f"http://127.0.0.1:{port}"
        asyncio.run(use())


def test_a_taken_port_is_the_users_to_change() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        recipe = Recipe(sandbox=SandboxConfig(workers=1, port=port))
        with pytest.raises(UserError, match=f"127.0.0.1:{port}") as caught, open_workplace(recipe, tiny.policy()):
            pass
    assert "sandbox.port" in caught.value.remedy and "sandbox.url" in caught.value.remedy


@pytest.mark.parametrize(
    "settings", [{"wall_seconds": 0.01}, {"wall_seconds": 300}, {"memory_mb": 64}, {"memory_mb": 16384}]
)
def test_every_allowed_setting_is_a_limit_the_sandbox_takes(settings: dict[str, float]) -> None:
    from darkhorse.agent.workplace import run_limits

    limits = run_limits(SandboxConfig.model_validate(settings))
    assert limits.wall_s == limits.cpu_s
