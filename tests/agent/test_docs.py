"""The code of docs/agents.md runs, is short, and does what the page says."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any

import darkhorse.verify.builtin  # noqa: F401
import tiny
from darkhorse.agent.collect import Workplace, collect_groups, sample_groups
from darkhorse.agent.environments import base
from darkhorse.agent.tools import ToolSettings, build_tools, registry
from darkhorse.chat.renderer import Renderer
from darkhorse.config.rollout import AgentConfig
from darkhorse.rollout.engine import SamplingParams
from darkhorse.tasks.synthetic.agentic.turns import calls, says
from darkhorse.tasks.task import Task
from darkhorse.verify.registry import Context

PAGE = (Path(__file__).parents[2] / "docs" / "agents.md").read_text(encoding="utf-8")
TOOL, ENVIRONMENT = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


def run(code: str) -> dict[str, Any]:
    space: dict[str, Any] = {"__name__": "docs"}
    exec(compile(code, "docs/agents.md", "exec", dont_inherit=True), space)
    return space


def test_each_example_has_fewer_than_thirty_lines() -> None:
    assert all(len(code.splitlines()) < 30 for code in (TOOL, ENVIRONMENT))


def test_the_tool_is_found_by_its_name_and_works(monkeypatch) -> None:
    monkeypatch.setattr(registry, "_BUILDERS", dict(registry._BUILDERS))
    run(TOOL)
    tools = build_tools("calculator,reverse", ToolSettings())
    assert asyncio.run(tools["reverse"]({"text": "abc"})) == "cba"
    assert asyncio.run(tools["reverse"]({})).startswith("Error: ")


def test_the_environment_is_played_and_judged(monkeypatch) -> None:
    monkeypatch.setattr(base, "_BUILDERS", dict(base._BUILDERS))
    schema = run(ENVIRONMENT)["Lights"].SWITCH
    task = Task(
        "t",
        ({"role": "user", "content": "Switch all on."},),
        "world_state",
        {"state": {"lamps": [True, True]}},
        (schema,),
        environment="lights",
        setup={"lamps": [True, False]},
    )
    renderer = Renderer(tiny.tokenizer())
    for lamp, score in (("1", 1.0), ("0", 0.0), ("7", 0.0)):
        said = iter([calls("", "switch", {"number": lamp})["content"], says("", "done")["content"]])
        engine = tiny.ScriptedEngine(renderer, lambda *_, said=said: next(said))
        place = Workplace(engine, renderer, Context(), {}, AgentConfig())
        (group,) = asyncio.run(collect_groups(sample_groups(place, [task], 1, [SamplingParams()], [0])))
        assert group.trajectories[0].score == score


def test_the_page_names_every_tool_environment_and_limit() -> None:
    import darkhorse.agent.environments.builtin  # noqa: F401

    names = [*registry.tool_names(), *filter(None, base.environment_names())]
    limits = [name for name in AgentConfig.model_fields if name not in ("tools", "corpus", "database", "mcp")]
    assert [name for name in [*names, *limits] if f"`{name}`" not in PAGE] == []
