"""Verifiers of the published benchmarks of instruction following, `ifeval` and `ifbench`, and their four accuracies.

A response is judged strictly, or loosely: then the best of eight versions of it counts, with and without its first
line, its last line and its asterisks, chosen anew for each instruction.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, model_validator

from darkhorse.chat.reasoning import Response
from darkhorse.tasks.task import Task
from darkhorse.verify.instructions import libraries
from darkhorse.verify.instructions.ifbench import INSTRUCTIONS as IFBENCH
from darkhorse.verify.instructions.ifeval import INSTRUCTIONS as IFEVAL
from darkhorse.verify.instructions.specs import Check, Instruction, Mode, Unavailable
from darkhorse.verify.registry import Context, register
from darkhorse.verify.truths import bad_truth, read_truth
from darkhorse.verify.verdict import Abstained, Scored, Verdict


class PublishedTruth(BaseModel):
    """A row of the benchmark's data, and how to judge it.

    Attributes:
        instruction_id_list: types of the instructions.
        kwargs: their parameters, in the same order; None stands for absent.
        mode: `reward` for the corrected checks, `compat` for the published ones.
        loose: whether the best of eight versions of the response counts.
    """

    model_config = ConfigDict(extra="forbid")
    instruction_id_list: Annotated[list[str], Field(min_length=1)]
    kwargs: list[dict[str, Any]]
    mode: Mode = "reward"
    loose: bool = False

    @model_validator(mode="after")
    def _same_length(self) -> PublishedTruth:
        if len(self.kwargs) != len(self.instruction_id_list):
            raise ValueError("kwargs and instruction_id_list differ in length")
        return self


_TRUTH = TypeAdapter(PublishedTruth)


@dataclass(frozen=True)
class Accuracies:
    """Shares of prompts whose instructions are all followed, and of instructions followed."""

    prompt: float
    instruction: float


def bind(
    instructions: Mapping[str, Instruction[Any]],
    ids: Sequence[str],
    kwargs: Sequence[dict[str, Any]],
    mode: Mode,
    prompt: str,
) -> list[Check]:
    """The checks of a row.

    Args:
        instructions: the benchmark's types, `IFEVAL` or `IFBENCH`.
        ids: `instruction_id_list` of the row.
        kwargs: `kwargs` of the row.
        mode: which checks.
        prompt: of the row.

    Raises:
        ValueError: if a type is unknown or its parameters do not fit.
        Unavailable: if a check needs a package that is not installed.
    """
    checks = []
    for name, given in zip(ids, kwargs, strict=True):
        if name not in instructions:
            raise ValueError(f"there is no instruction '{name}'")
        try:
            checks.append(instructions[name].bind(given, mode, prompt))
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return checks


def followed(checks: Sequence[Check], response: str, loose: bool) -> list[bool]:
    """Whether a response follows each instruction; an empty one follows none."""
    candidates = [text for text in (versions(response) if loose else [response]) if text.strip()]
    return [any(check(text) for text in candidates) for check in checks]


def versions(response: str) -> list[str]:
    """The response without its first line, last line, both or neither, each with and without asterisks."""
    lines = response.split("\n")
    cut = [response, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1]))]
    return list(dict.fromkeys([*cut, *(text.replace("*", "") for text in cut)]))


def accuracies(outcomes: Iterable[Sequence[bool]]) -> Accuracies:
    """The published accuracies of what `followed` says of each prompt.

    Raises:
        ZeroDivisionError: if there are no prompts.
    """
    rows = list(outcomes)
    every = [one for row in rows for one in row]
    return Accuracies(sum(map(all, rows)) / len(rows), sum(every) / len(every))


@register("ifeval")
async def ifeval(task: Task, response: Response, context: Context) -> Verdict:
    """1 if the answer follows every instruction of an IFEval row; `detail` lists each."""
    return _verdict(IFEVAL, task, response, context)


@register("ifbench")
async def ifbench(task: Task, response: Response, context: Context) -> Verdict:
    """1 if the answer follows every instruction of an IFBench row; `detail` lists each."""
    return _verdict(IFBENCH, task, response, context)


def _verdict(instructions: Mapping[str, Instruction[Any]], task: Task, response: Response, context: Context) -> Verdict:
    truth = read_truth(task, _TRUTH)
    if isinstance(truth, Abstained):
        return truth
    if truth.mode == "compat":
        context.refuse_imitation(task, "mode = 'compat'")
    try:
        checks = bind(instructions, truth.instruction_id_list, truth.kwargs, truth.mode, _prompt(task))
    except ValueError as error:
        return bad_truth(task, str(error))
    except Unavailable as error:
        return Abstained(f"Task '{task.id}' cannot be judged: {error}.")
    outcomes = followed(checks, response.answer, truth.loose)
    pairs = list(zip(truth.instruction_id_list, outcomes, strict=True))
    detail: dict[str, Any] = {"instructions": [{"instruction": name, "followed": good} for name, good in pairs]}
    if truth.mode == "compat":
        detail["installed"] = libraries.installed()
    missed = [name for name, good in pairs if not good]
    if missed:
        return Scored(0.0, f"Not followed: {', '.join(missed)}.", detail)
    return Scored(1.0, f"All {len(pairs)} instructions are followed.", detail)


def _prompt(task: Task) -> str:
    """What the user said last."""
    said = [str(message.get("content") or "") for message in task.prompt if message.get("role") == "user"]
    return said[-1] if said else ""
