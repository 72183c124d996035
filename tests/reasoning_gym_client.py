"""What `test_text_game.py` runs with an interpreter that has the package `reasoning-gym`; prints JSON."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import darkhorse.agent.environments.builtin
import darkhorse.verify.builtin  # noqa: F401
from darkhorse.agent.environments.base import Setting, environment_builder
from darkhorse.chat.reasoning import Response
from darkhorse.config.tasks import ReasoningGymSource
from darkhorse.tasks.build import build_source
from darkhorse.verify.registry import Context, judge

GAMES = ("tower_of_hanoi", "mini_sudoku", "maze")


async def play(task: Any) -> dict[str, Any]:
    world = environment_builder(task.environment)(task, Setting())
    right = task.truth["entry"]["answer"]
    said = [await world.tools["submit"]({"answer": answer}) for answer in ("nonsense", right, right)]
    verdict = await judge(task, Response("", right, True), Context())
    return {"said": said, "score": getattr(verdict, "score", None), "tools": [task.tools[0]["function"]["name"]]}


def main() -> None:
    """Play each game: a wrong answer, the right one, and one too many."""
    found = {}
    for game in GAMES:
        source = build_source(ReasoningGymSource(dataset=game, size=2, attempts=2), game, 0, "test")
        found[game] = asyncio.run(play(source.item(0)))
    print(json.dumps(found))


if __name__ == "__main__":
    main()
