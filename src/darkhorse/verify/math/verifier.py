r"""The verifier `math`: the final answer against a gold answer, without ever evaluating model text as code."""

from __future__ import annotations

from collections import OrderedDict
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StrictFloat, StrictInt, StrictStr, TypeAdapter

from darkhorse.chat.reasoning import THINK_CLOSE, Response
from darkhorse.tasks.task import Task
from darkhorse.verify.math import qwen
from darkhorse.verify.math.extraction import Found, gold_answer, lenient_answer, strict_answer
from darkhorse.verify.math.ladder import Decision, check_gold, decide
from darkhorse.verify.math.normalise import normalise
from darkhorse.verify.math.undone import left_undone
from darkhorse.verify.registry import Context, register
from darkhorse.verify.truths import read_truth
from darkhorse.verify.verdict import Abstained, Scored, Verdict
from darkhorse.verify.workers import WorkerError, WorkerPool, WorkerTimeout

MAX_ANSWER_LENGTH = 2_000
REMEMBERED_GOLDS = 10_000
DEADLINE_S = 1.0
BUSY_SHARE = 0.25  # of a worker's time: a worker that got less was kept waiting by the machine
_SHOWN = 200

_Text = Annotated[StrictStr, Field(pattern=r"\S")]


def _as_truth(value: object) -> object:
    return value if isinstance(value, dict) else {"answer": value}


class MathTruth(BaseModel):
    """What a task of this verifier holds: the gold answer, or this.

    Attributes:
        answer: the gold.
        extraction: `lenient` takes the answer by the whole ladder of `extraction.py`; `strict` takes the last
            `\\boxed{}` only and refuses arithmetic that is left undone. By default strict where rewards are computed.
        require_boxed: another way to say `strict` (true) or `lenient` (false).
        compat: `qwen` decides as the grader of Qwen2.5-Math does, to compare with figures published by it.
    """

    model_config = ConfigDict(extra="forbid")
    answer: _Text | StrictInt | StrictFloat
    extraction: Literal["lenient", "strict"] | None = None
    require_boxed: bool | None = None
    compat: Literal["qwen"] | None = None

    def strict(self, rewards: bool) -> bool:
        """Whether the answer has to be boxed and worked out."""
        if self.extraction is not None:
            return self.extraction == "strict"
        return rewards if self.require_boxed is None else self.require_boxed


_TRUTH: TypeAdapter[MathTruth] = TypeAdapter(Annotated[MathTruth, BeforeValidator(_as_truth)])


class MathVerifier:
    """Compares answers with golds: in process where that is cheap, else in a killable worker.

    Args:
        deadline_s: of one verdict's work. A comparison in a worker gets most of it; what is left goes to the check
            of a gold that is costly itself, which is remembered.
        workers: number of worker processes, started at the first comparison that needs one.
    """

    def __init__(self, deadline_s: float = DEADLINE_S, workers: int = 2) -> None:
        self.pool = WorkerPool("darkhorse.verify.math.judge:work", workers=workers, timeout_s=0.8 * deadline_s)
        self._gold_limit_s = 0.2 * deadline_s
        self._golds: OrderedDict[str, Decision] = OrderedDict()

    async def prepare(self) -> None:
        """Start the worker processes and wait for them, where the first verdicts are to be as quick as later ones."""
        await self.pool.ready()

    async def __call__(self, task: Task, response: Response, context: Context) -> Verdict:
        """The verdict on the response's final answer; see `docs/verifiers-mathematics.md`.

        Raises:
            UserError: if a truth asks for `compat` where rewards are computed.
        """
        truth = read_truth(task, _TRUTH)
        if isinstance(truth, Abstained):
            return truth
        text = response.answer.rpartition(THINK_CLOSE)[2]
        if truth.compat is not None:
            return _published(task, truth, text, context)
        gold = gold_answer(str(truth.answer))
        strict = truth.strict(context.rewards)
        return await self.judge(gold, strict_answer(text) if strict else lenient_answer(text), strict)

    async def judge(self, gold: str, found: Found, strict: bool = False) -> Verdict:
        """The verdict on an extracted answer. Whether it abstains depends on the gold and the machine alone.

        Args:
            gold: the gold answer.
            found: the answer, and how it was found.
            strict: whether arithmetic left undone scores 0.
        """
        steps = [f"gold: {gold[:_SHOWN]}", f"answer ({found.how}): {(found.answer or '')[:_SHOWN]}"]
        detail: dict[str, Any] = {"gold": gold[:_SHOWN], "answer": (found.answer or "")[:_SHOWN], "steps": steps}
        if len(gold) > MAX_ANSWER_LENGTH:
            reason = f"The gold answer has more than {MAX_ANSWER_LENGTH} characters."
            return Abstained(reason, detail, "unparseable_gold")
        answer = found.answer
        if answer is None:
            return Scored(0.0, f"No answer: {found.how}.", detail, "no_answer")
        if not answer.strip():
            return Scored(0.0, "The boxed answer is empty.", detail, "no_answer")
        if len(answer) > MAX_ANSWER_LENGTH:
            reason = f"The answer has more than {MAX_ANSWER_LENGTH} characters."
            return Scored(0.0, reason, detail, "unparseable_prediction")
        if strict and left_undone(gold, answer):
            steps.append("strict: the gold is a number and the answer is arithmetic")
            return Scored(0.0, "The answer leaves the arithmetic undone.", detail)
        steps.append(f"normalised: {normalise(gold)[:_SHOWN]} against {normalise(answer)[:_SHOWN]}")
        decision = decide(gold, answer)
        steps.append(_step(decision))
        if decision.outcome == "costly":
            return await self._in_worker(gold, answer, detail, steps)
        return _verdict(decision, detail)

    async def _in_worker(self, gold: str, answer: str, detail: dict[str, Any], steps: list[str]) -> Verdict:
        try:
            decision = Decision(**await self.pool.submit({"gold": gold, "answer": answer}))
        except WorkerError as error:
            sound = await self._check_gold(gold)
            if isinstance(sound, Abstained):
                return Abstained(sound.reason, detail, sound.kind)
            if isinstance(error, WorkerTimeout) and _machine_was_busy(error, self.pool.timeout_s):
                return Abstained("The machine was too busy to compare the answers.", detail, "timeout")
            steps.append(f"worker: {error}; the gold alone is no trouble")
            reason = f"The answer is too costly to compare: {error}."
            return Scored(0.0, reason, detail, "unparseable_prediction")
        steps.append(_step(decision))
        return _verdict(decision, detail)

    async def _check_gold(self, gold: str) -> Decision | Abstained:
        """Whether this gold can be compared with anything. Remembered, except for passing trouble."""
        if gold in self._golds:
            self._golds.move_to_end(gold)
            decision = self._golds[gold]
        else:
            decision = check_gold(gold)
            if decision.outcome == "costly":
                try:
                    decision = Decision(**await self.pool.submit({"gold": gold}, self._gold_limit_s))
                except WorkerTimeout as timeout:
                    if _machine_was_busy(timeout, self._gold_limit_s):
                        return Abstained("The machine was too busy to check the gold answer.", {}, "timeout")
                    decision = Decision("gold_unreadable", "algebra", f"it takes more than {self._gold_limit_s:g} s")
                except WorkerError as error:
                    return Abstained(f"The gold answer could not be checked: {error}.", {}, "infrastructure")
            self._golds[gold] = decision
            if len(self._golds) > REMEMBERED_GOLDS:
                self._golds.popitem(last=False)
        if decision.outcome == "gold_unreadable":
            return Abstained(f"The gold answer cannot be compared: {decision.why}.", {}, "unparseable_gold")
        return decision


def _machine_was_busy(timeout: WorkerTimeout, limit_s: float) -> bool:
    """Whether the worker got little of its time on a processor."""
    return timeout.cpu_s is not None and timeout.cpu_s < BUSY_SHARE * limit_s


def _published(task: Task, truth: MathTruth, text: str, context: Context) -> Verdict:
    context.refuse_imitation(task, f"compat = '{truth.compat}'")
    equal, steps = qwen.grade(text, str(truth.answer))
    return Scored(float(equal), f"Qwen2.5-Math's grader says {'equal' if equal else 'different'}.", {"steps": steps})


def _step(decision: Decision) -> str:
    return f"{decision.rung or 'ladder'}: {decision.outcome.replace('_', ' ')}" + (
        f" ({decision.why})" if decision.why else ""
    )


def _verdict(decision: Decision, detail: dict[str, Any]) -> Verdict:
    detail["rung"] = decision.rung
    match decision.outcome:
        case "equal":
            return Scored(1.0, "The answer equals the gold.", detail, "correct")
        case "different":
            return Scored(0.0, "The answer differs.", detail, "wrong")
        case "answer_unreadable":
            reason = f"The answer is no expression the verifier reads: {decision.why}."
            return Scored(0.0, reason, detail, "unparseable_prediction")
        case "gold_unreadable":
            return Abstained(f"The gold answer cannot be read: {decision.why}.", detail, "unparseable_gold")
    return Abstained("The comparison came to no end.", detail)


verify_math = register("math")(MathVerifier())
