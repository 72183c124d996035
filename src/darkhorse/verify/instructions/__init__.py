"""Verifier of instructions: every constraint of the task's truth must hold on the answer's text."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from darkhorse.chat.reasoning import Response
from darkhorse.tasks.constraints import Constraint
from darkhorse.tasks.task import Task
from darkhorse.verify.instructions import published
from darkhorse.verify.registry import Context, register
from darkhorse.verify.truths import read_truth
from darkhorse.verify.verdict import Abstained, Scored, Verdict

__all__ = ["instructions", "published"]


class InstructionsTruth(BaseModel):
    """The constraints an answer must obey, all of them."""

    model_config = ConfigDict(extra="forbid")
    constraints: Annotated[list[Constraint], Field(min_length=1)]


_TRUTH = TypeAdapter(InstructionsTruth)


@register("instructions")
async def instructions(task: Task, response: Response, context: Context) -> Verdict:
    """1 if all constraints hold on the answer, else 0 with the first that fails; `detail` lists each."""
    truth = read_truth(task, _TRUTH)
    if isinstance(truth, Abstained):
        return truth
    outcomes = [(rule, rule.holds(response.answer)) for rule in truth.constraints]
    detail = {"constraints": [{"constraint": rule.describe(), "holds": holds} for rule, holds in outcomes]}
    failed = next((rule for rule, holds in outcomes if not holds), None)
    if failed is not None:
        return Scored(0.0, f"Not obeyed: {failed.describe()}.", detail)
    return Scored(1.0, f"All {len(outcomes)} constraints hold.", detail)
