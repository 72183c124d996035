"""What `test_openenv.py` runs with an interpreter that has the package `openenv-core`; prints JSON."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import darkhorse.agent.environments.openenv
from darkhorse.agent.environments.base import Setting, environment_builder
from darkhorse.agent.tools import ToolUnavailable

STEP = {
    "type": "function",
    "function": {
        "name": "step",
        "description": "Guess",
        "parameters": {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]},
    },
}


def start(port: int) -> subprocess.Popen[bytes]:
    server = subprocess.Popen([sys.executable, str(Path(__file__).with_name("openenv_server.py")), str(port)])
    for _ in range(300):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return server
        time.sleep(0.1)
    raise SystemExit("the server did not come up")


async def play(task: Any, guesses: list[Any]) -> tuple[list[str], Any]:
    world = environment_builder("openenv")(task, Setting())
    said = []
    try:
        for guess in guesses:
            try:
                said.append(await world.tools["step"]({"number": guess}))
            except ToolUnavailable as error:
                said.append(f"unavailable: {error}")
        return said, world.state()
    finally:
        await world.close()


async def both(tasks: list[Any]) -> list[tuple[list[str], Any]]:
    return list(await asyncio.gather(play(tasks[0], [2, 9, 5, 5]), play(tasks[1], [5, "x", 7])))


def main() -> None:
    """Play two episodes beside each other, then one without a server, then one with it again."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = start(port)
    url = f"http://127.0.0.1:{port}"
    tasks = darkhorse.agent.environments.openenv.openenv_tasks(url, STEP, [5, 7], "Play.")
    found: dict[str, Any] = {"prompts": [task.prompt[0]["content"] for task in tasks]}
    found["both"] = asyncio.run(both(tasks))
    server.kill()
    server.wait()
    found["down"] = asyncio.run(play(tasks[0], [5]))
    server = start(port)
    found["back"] = asyncio.run(play(tasks[0], [5]))
    server.kill()
    server.wait()
    print(json.dumps(found))


if __name__ == "__main__":
    main()
