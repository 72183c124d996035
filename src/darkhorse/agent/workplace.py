"""Opening what a run works with: the engine, the code-execution server, the tools."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import darkhorse.agent.environments.builtin
import darkhorse.verify.builtin  # noqa: F401  registers worlds and verifiers
from darkhorse.agent.collect import Workplace
from darkhorse.agent.tools import ToolSettings, build_tools
from darkhorse.agent.tools.mcp import McpServer
from darkhorse.config.recipe import Recipe
from darkhorse.config.rollout import AgentConfig
from darkhorse.config.sandbox import SandboxConfig
from darkhorse.errors import UserError
from darkhorse.policy.loading import Policy
from darkhorse.rollout.local import LocalEngine
from darkhorse.sandbox.client import SandboxClient, SandboxProcess, SandboxUnavailable
from darkhorse.sandbox.protocol import RunLimits
from darkhorse.verify.registry import Context


@contextmanager
def open_workplace(recipe: Recipe, policy: Policy) -> Iterator[Workplace]:
    """A workplace around a policy; a server started for it stops with the block.

    Raises:
        UserError: if the code-execution server cannot be started.
    """
    limits, engine = run_limits(recipe.sandbox), recipe.engine
    with open_sandbox(recipe.sandbox) as sandbox:
        yield Workplace(
            LocalEngine(
                policy,
                engine.max_sequences,
                lanes=engine.lanes,
                cache_gib=engine.cache_gib,
                min_sequences_per_lane=engine.min_sequences_per_lane,
                draft_tokens=engine.draft_tokens,
            ),
            policy.renderer,
            Context(sandbox, limits, rewards=True),
            build_tools(recipe.agent.tools, tool_settings(recipe.agent, sandbox, limits)),
            recipe.agent,
        )


def tool_settings(settings: AgentConfig, sandbox: SandboxClient | None, limits: RunLimits) -> ToolSettings:
    """What tools are made with by the `[agent]` table."""
    servers = {
        name: McpServer(tuple(server.command), server.url, server.timeout_s, server.shared)
        for name, server in settings.mcp.items()
    }
    corpus, database = (None if path is None else Path(path) for path in (settings.corpus, settings.database))
    return ToolSettings(sandbox, limits, corpus, database, servers)


def run_limits(settings: SandboxConfig) -> RunLimits:
    """What a program may use by the `[sandbox]` table; CPU time is limited as wall-clock time is."""
    return RunLimits(wall_s=settings.wall_seconds, cpu_s=settings.wall_seconds, memory_mb=settings.memory_mb)


@contextmanager
def open_sandbox(settings: SandboxConfig) -> Iterator[SandboxClient]:
    """The code-execution server that a recipe names, or one started for as long as the block.

    Raises:
        UserError: if it cannot be started.
    """
    if settings.url is not None:
        yield SandboxClient(settings.url, token=settings.token)
        return
    process = SandboxProcess(settings.workers, settings.port, settings.isolation, tuple(settings.packages))
    try:
        client = process.start()
    except SandboxUnavailable as error:
        remedy = "Start one with 'darkhorse sandbox' and set sandbox.url"
        remedy += ", or set sandbox.port to another port or 0 (any free one)." if settings.port else "."
        raise UserError(str(error), remedy) from error
    try:
        yield client
    finally:
        process.stop()
