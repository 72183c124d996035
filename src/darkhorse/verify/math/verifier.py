r"""The verifier `math`: the last `\boxed{}` against a gold answer, without ever evaluating model text as code."""

from __future__ import annotations

from collections import OrderedDict
from typing import Any

from darkhorse.chat.reasoning import Response
from darkhorse.tasks.task import Task
from darkhorse.verify.math.extraction import gold_answer, last_boxed, unboxed_answer
from darkhorse.verify.math.fast import decide_fast
from darkhorse.verify.math.undone import left_undone
from darkhorse.verify.registry import Context, register
from darkhorse.verify.verdict import Abstained, Scored, Verdict
from darkhorse.verify.workers import WorkerError, WorkerPool, WorkerTimeout

MAX_ANSWER_LENGTH = 2_000
REMEMBERED_GOLDS = 10_000


class MathVerifier:
    """Compares answers with golds: in process where exact arithmetic suffices, else in a killable worker.

    Args:
        timeout_s: limit of one comparison in a worker.
        workers: number of worker processes, started at the first comparison that needs one.
    """

    def __init__(self, timeout_s: float = 5.0, workers: int = 2) -> None:
        self.pool = WorkerPool("darkhorse.verify.math.judge:decide", workers=workers, timeout_s=timeout_s)
        self._golds: OrderedDict[str, str] = OrderedDict()

    async def __call__(self, task: Task, response: Response, context: Context) -> Verdict:
        """The verdict on the response's final answer; see `docs/verifiers.md` for `truth` and what abstains."""
        truth: Any = task.truth
        boxed_only = True
        if isinstance(truth, dict):
            boxed_only = bool(truth.get("require_boxed", True))
            truth = truth.get("answer")
        if isinstance(truth, bool) or not isinstance(truth, str | int | float) or not str(truth).strip():
            return Abstained(f"The gold answer of task '{task.id}' is missing or no text: {task.truth!r:.80}")
        gold = gold_answer(str(truth))
        answer = last_boxed(response.answer)
        if answer is None and not boxed_only:
            answer = unboxed_answer(response.answer)
        if answer is None:
            return Scored(0.0, r"no \boxed{} answer" if boxed_only else "no final answer found", {"gold": gold})
        return await self.compare(gold, answer)

    async def compare(self, gold: str, answer: str) -> Verdict:
        """The verdict on an extracted answer. Whether it abstains depends on the gold and the machine alone."""
        detail = {"gold": gold[:200], "answer": answer[:200]}
        if len(gold) > MAX_ANSWER_LENGTH:
            return Abstained(f"The gold answer has more than {MAX_ANSWER_LENGTH} characters.", detail)
        if not answer.strip():
            return Scored(0.0, "The boxed answer is empty.", detail)
        if len(answer) > MAX_ANSWER_LENGTH:
            return Scored(0.0, f"The answer has more than {MAX_ANSWER_LENGTH} characters.", detail)
        if left_undone(gold, answer):
            return Scored(0.0, "The answer leaves the arithmetic undone.", detail)
        decision = decide_fast(gold, answer)
        if decision is not None:
            return _scored(decision, detail)
        if trouble := await self._gold_trouble(gold):
            return Abstained(trouble, detail)
        try:
            result = await self.pool.submit({"gold": gold, "answer": answer})
        except WorkerTimeout as timeout:
            if _machine_was_busy(timeout, self.pool.timeout_s):
                return Abstained("The machine was too busy to compare the answers.", detail)
            return Scored(0.0, f"The answer could not be decided in {self.pool.timeout_s:g} s.", detail)
        except WorkerError as error:
            return Scored(0.0, f"The answer could not be decided: {error}.", detail)
        if result["outcome"] == "answer_unreadable":
            return Scored(0.0, f"The answer is no expression the verifier reads: {result['why']}.", detail)
        return _scored(result["outcome"] == "equal", detail)

    async def _gold_trouble(self, gold: str) -> str:
        """Why this gold cannot be compared with anything; empty if it can. Remembered, except for passing trouble."""
        if gold in self._golds:
            self._golds.move_to_end(gold)
            return self._golds[gold]
        trouble = ""
        try:
            result = await self.pool.submit({"gold": gold})
            if result["outcome"] != "equal":
                trouble = f"The gold answer cannot be read: {result['why'] or 'it does not equal itself'}."
        except WorkerTimeout as timeout:
            if _machine_was_busy(timeout, self.pool.timeout_s):
                return "The machine was too busy to check the gold answer."
            trouble = f"The gold answer could not be evaluated in {self.pool.timeout_s:g} s."
        except WorkerError as error:
            return f"The gold answer could not be evaluated: {error}."
        self._golds[gold] = trouble
        if len(self._golds) > REMEMBERED_GOLDS:
            self._golds.popitem(last=False)
        return trouble


def _machine_was_busy(timeout: WorkerTimeout, limit_s: float) -> bool:
    """Whether the worker got less than half of its time on a processor."""
    return timeout.cpu_s is not None and timeout.cpu_s < limit_s / 2


def _scored(correct: bool, detail: dict[str, Any]) -> Scored:
    return Scored(1.0, "The answer equals the gold.", detail) if correct else Scored(0.0, "The answer differs.", detail)


verify_math = register("math")(MathVerifier())
