"""Opening what a run works with: the engine, the code-execution server, the tools."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import darkhorse.verify.builtin  # noqa: F401  registers the verifiers
from darkhorse.agent.collect import Workplace
from darkhorse.agent.tools import default_tools
from darkhorse.config.recipe import Recipe
from darkhorse.errors import UserError
from darkhorse.policy.loading import Policy
from darkhorse.rollout.local import LocalEngine
from darkhorse.sandbox.client import SandboxClient, SandboxProcess, SandboxUnavailable
from darkhorse.verify.registry import Context


@contextmanager
def open_workplace(recipe: Recipe, policy: Policy) -> Iterator[Workplace]:
    """A workplace around a policy; a server started for it stops with the block.

    Raises:
        UserError: if the code-execution server cannot be started.
    """
    with _sandbox(recipe) as sandbox:
        yield Workplace(
            LocalEngine(policy, recipe.engine.max_sequences),
            policy.renderer,
            Context(sandbox),
            default_tools(sandbox),
            recipe.agent,
        )


@contextmanager
def _sandbox(recipe: Recipe) -> Iterator[SandboxClient]:
    settings = recipe.sandbox
    if settings.url is not None:
        yield SandboxClient(settings.url)
        return
    process = SandboxProcess(workers=settings.workers)
    try:
        client = process.start()
    except SandboxUnavailable as error:
        raise UserError(str(error), "Start one with 'darkhorse sandbox' and set sandbox.url.") from error
    try:
        yield client
    finally:
        process.stop()
