"""LiveBench's own scoring functions, task by task, for figures to set beside published ones; never a reward.

They follow the public behaviour of github.com/LiveBench/LiveBench, `livebench/process_results`, loose as it is. An
answer that makes the public function raise scores 0 there and here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from darkhorse.chat.reasoning import Response
from darkhorse.errors import UserError
from darkhorse.tasks.task import Task
from darkhorse.verify.instructions.ifbench import INSTRUCTIONS as IFBENCH
from darkhorse.verify.instructions.ifeval import INSTRUCTIONS as IFEVAL
from darkhorse.verify.instructions.published import bind, followed
from darkhorse.verify.instructions.specs import Unavailable
from darkhorse.verify.livebench import data_analysis, language, mathematics, reasoning
from darkhorse.verify.registry import Context, register
from darkhorse.verify.truths import bad_truth, read_truth
from darkhorse.verify.verdict import Abstained, Scored, Verdict

MAX_CHARACTERS = 200_000
IFBENCH_SINCE = "2025-11-25"
_SINCE_NOVEMBER_2024 = "2024-11-25"
_SINCE_APRIL_2025 = "2025-04-25"

Score = Callable[[Any, str, str], float]
"""Of a ground truth, an answer and the question."""


class LiveBenchTruth(BaseModel):
    """A question of LiveBench.

    Attributes:
        task: its task or subtask.
        group: its task, where `task` is a subtask.
        release: the day of the release it came with; a few rules changed.
        ground_truth: as in the data.
        instruction_id_list, kwargs: of instruction following.
    """

    model_config = ConfigDict(extra="forbid")
    task: Annotated[str, Field(min_length=1)]
    group: str = ""
    release: str = ""
    ground_truth: Any = None
    instruction_id_list: list[str] = []
    kwargs: list[dict[str, Any]] = []


_TRUTH = TypeAdapter(LiveBenchTruth)
_THINKING = re.compile(r"<think>.*?</think>", re.DOTALL)
_SCORES: dict[str, Score] = {
    "cta": lambda truth, answer, question: data_analysis.column_type(truth, answer),
    "tablejoin": lambda truth, answer, question: data_analysis.table_join(truth, answer),
    "spatial": lambda truth, answer, question: reasoning.spatial(truth, answer),
    "web_of_lies_v2": lambda truth, answer, question: reasoning.web_of_lies(truth, answer),
    "typos": lambda truth, answer, question: language.typos(truth, answer),
    "plot_unscrambling": lambda truth, answer, question: language.plot_unscrambling(truth, answer),
}


@register("livebench")
async def livebench(task: Task, response: Response, context: Context) -> Verdict:
    """The score LiveBench gives an answer, in [0, 1].

    Raises:
        UserError: where rewards are computed.
    """
    if context.rewards:
        raise UserError("The verifier 'livebench' is too lax for a reward.", "Use it for evaluations only.")
    truth = read_truth(task, _TRUTH)
    if isinstance(truth, Abstained):
        return truth
    answer = _THINKING.sub("", response.answer)[-MAX_CHARACTERS:]
    question = str(task.prompt[-1].get("content", "")) if task.prompt else ""
    if truth.instruction_id_list:
        return _instructions(task, truth, answer, question)
    if mathematics.is_amps(truth.task, truth.group):
        return await mathematics.amps_hard(truth.ground_truth, answer)
    score = _score_of(truth)
    if score is None:
        return bad_truth(task, f"task: '{truth.task}' is none that can be scored")
    try:
        value = score(truth.ground_truth, answer, question)
    except ImportError as error:
        return Abstained(f"Task '{task.id}' cannot be judged: {error}.")
    except Exception as error:  # the public functions raise on answers they do not expect, which scores 0
        return Scored(0.0, f"The answer cannot be read: {type(error).__name__}.", kind="unparseable_prediction")
    return Scored(float(value), f"LiveBench's function for {truth.task} gives {value:g}.")


def _score_of(truth: LiveBenchTruth) -> Score | None:
    first, _, rest = truth.task.partition("_")
    if first in ("amc", "smc") or rest.partition("_")[0] == "amc":
        return mathematics.contest_choice
    if first == "aime":
        return lambda gold, answer, question: mathematics.contest_number(gold, answer)
    if first in ("imo", "usamo"):
        return lambda gold, answer, question: mathematics.proof_order(gold, answer)
    if truth.task == "tablereformat":
        second = truth.release >= _SINCE_APRIL_2025
        return lambda gold, answer, question: data_analysis.table_reformat(gold, answer, question, second)
    if "zebra_puzzle" in truth.task:
        old = truth.release < _SINCE_NOVEMBER_2024
        return lambda gold, answer, question: reasoning.zebra(gold, answer, old)
    if truth.task == "connections":
        old = truth.release < _SINCE_NOVEMBER_2024
        return lambda gold, answer, question: language.connections(gold, answer, old)
    return _SCORES.get(truth.task)


def _instructions(task: Task, truth: LiveBenchTruth, answer: str, question: str) -> Verdict:
    """The mean of following all instructions and of the share followed."""
    known: Mapping[str, Any] = IFBENCH if truth.release >= IFBENCH_SINCE else IFEVAL
    if truth.release >= IFBENCH_SINCE:
        solution = re.search(r"<solution>(.*?)</solution>", answer, re.DOTALL)
        answer = (solution[1] if solution else answer).strip()
    try:
        checks = bind(known, truth.instruction_id_list, truth.kwargs, "compat", question)
    except ValueError as error:
        return bad_truth(task, str(error))
    except Unavailable as error:
        return Abstained(f"Task '{task.id}' cannot be judged: {error}.")
    outcomes = followed(checks, answer, loose=False)
    value = (all(outcomes) + sum(outcomes) / len(outcomes)) / 2
    detail = {"instructions": dict(zip(truth.instruction_id_list, outcomes, strict=True))}
    return Scored(value, f"{sum(outcomes)} of {len(outcomes)} instructions are followed.", detail)
