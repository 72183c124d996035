"""Verifiers of episodes in a world: what the world came to decides, not what was said about it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from darkhorse.chat.reasoning import Response
from darkhorse.tasks.task import Task
from darkhorse.verify.registry import Context, get, register
from darkhorse.verify.truths import read_truth, same_value
from darkhorse.verify.verdict import Abstained, Scored, Verdict


class StateTruth(BaseModel):
    """The state the world must end in."""

    model_config = ConfigDict(extra="forbid")
    state: Annotated[dict[str, Any], Field(min_length=1)]


class ProgramTruth(BaseModel):
    """A file of the final workspace, and what the verifier `code` needs to judge it."""

    model_config = ConfigDict(extra="forbid")
    file: str
    code: dict[str, Any]


_STATE = TypeAdapter(StateTruth)
_PROGRAM = TypeAdapter(ProgramTruth)
_NO_WORLD = Abstained("The episode has no final state: its world did not run.")


@register("world_state")
async def world_state(task: Task, response: Response, context: Context) -> Verdict:
    """Whether the final state is the wanted one (the outcome reward of tau-bench, arXiv 2406.12045); every part of the
    truth must be there, and parts it does not name do not matter. Abstains where no world ran."""
    truth = read_truth(task, _STATE)
    if isinstance(truth, Abstained):
        return truth
    if not isinstance(response.state, dict):
        return _NO_WORLD
    wrong = [key for key, value in truth.state.items() if not same_value(response.state.get(key), value)]
    if wrong:
        return Scored(0.0, f"The final state differs in {', '.join(wrong)}.", {"differs": wrong})
    return Scored(1.0, "The final state is the wanted one.")


@register("world_reward")
async def world_reward(task: Task, response: Response, context: Context) -> Verdict:
    """The reward that the world itself gave, in `response.state["reward"]`; one below 0 is 0, one above 1 is 1, so that
    a world of other rewards is best scaled by its server. Abstains where no world ran."""
    reward = response.state.get("reward") if isinstance(response.state, dict) else None
    if isinstance(reward, bool) or not isinstance(reward, int | float) or not math.isfinite(reward):
        return _NO_WORLD
    return Scored(min(1.0, max(0.0, float(reward))), f"The world gave {reward:g}.", {"reward": reward})


@register("workspace_program")
async def workspace_program(task: Task, response: Response, context: Context) -> Verdict:
    """Whether a file of the final workspace passes hidden tests in the sandbox; a file that is gone scores 0."""
    truth = read_truth(task, _PROGRAM)
    if isinstance(truth, Abstained):
        return truth
    if not isinstance(response.state, dict) or not isinstance(response.state.get("files"), dict):
        return _NO_WORLD
    source = response.state["files"].get(truth.file)
    if source is None:
        return Scored(0.0, f"The file {truth.file} is gone.")
    if "```" in source:
        return Scored(0.0, f"The file {truth.file} holds a code fence.")
    program = replace(response, answer=f"```python\n{source}\n```")
    return await get("code")(replace(task, verifier="code", truth=truth.code), program, context)
