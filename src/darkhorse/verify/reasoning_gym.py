"""Verifier `reasoning_gym`: the data set's own scorer of the `reasoning-gym` package, in a killable process."""

from __future__ import annotations

import functools
import importlib.util
import math
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter

from darkhorse.chat.reasoning import Response
from darkhorse.errors import missing_extra
from darkhorse.tasks.reasoning_gym import VERIFIER
from darkhorse.tasks.task import Task
from darkhorse.verify.math.extraction import last_boxed
from darkhorse.verify.registry import Context, register
from darkhorse.verify.truths import read_truth
from darkhorse.verify.verdict import Abstained, Scored, Verdict
from darkhorse.verify.workers import WorkerError, WorkerPool


class _Truth(BaseModel):
    """The data set and the item as the package made it."""

    model_config = ConfigDict(extra="forbid")
    dataset: str
    entry: dict[str, Any]


_TRUTH = TypeAdapter(_Truth)


@register(VERIFIER)
async def reasoning_gym(task: Task, response: Response, context: Context) -> Verdict:
    """The package's score of the answer (of its last `\\boxed{}`, where there is one), partial scores kept.

    Abstains if the scorer raises, runs out of time or memory, gives no number in [0, 1], or evaluates text.

    Raises:
        UserError: if the package is not installed.
    """
    truth = read_truth(task, _TRUTH)
    if isinstance(truth, Abstained):
        return truth
    if importlib.util.find_spec("reasoning_gym") is None:
        raise missing_extra("reasoning-gym", "reasoning-gym", f"The verifier '{VERIFIER}'")
    answer = last_boxed(response.answer) or response.answer
    try:
        score = await _pool().submit({"dataset": truth.dataset, "entry": truth.entry, "answer": answer})
    except WorkerError as error:
        return Abstained(f"The scorer of reasoning-gym's '{truth.dataset}' gave no score: {error}.")
    if not math.isfinite(score) or not 0 <= score <= 1:
        return Abstained(f"The scorer of reasoning-gym's '{truth.dataset}' gave {score}, which is not in [0, 1].")
    return Scored(score, f"reasoning-gym's '{truth.dataset}' scores the answer {score:.3g}.")


@functools.cache
def _pool() -> WorkerPool:
    return WorkerPool("darkhorse.verify.reasoning_gym_worker:score")
