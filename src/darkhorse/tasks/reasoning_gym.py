"""Tasks of the `reasoning-gym` package (extra `reasoning-gym`), and a guard against its scorers that run code.

Some of its scorers pass the model's text to `eval` or to sympy's parser, which evaluates too. Text of a model is
hostile, so those data sets are refused.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import json
from collections.abc import Callable
from dataclasses import replace
from types import CodeType, FunctionType
from typing import Any, Final, TypeAlias

from darkhorse.errors import UserError, did_you_mean, missing_extra
from darkhorse.tasks.task import Task
from darkhorse.types import ToolSchema

Scorer: TypeAlias = Callable[[str, dict[str, Any]], float]

VERIFIER = "reasoning_gym"
_PACKAGE = "reasoning_gym"
_EVALUATING = frozenset({"eval", "exec", "compile", "__import__", "parse_expr", "sympify", "system", "Popen"})
_ANSWER_ONLY = "\n\nGive only the final answer after your thinking, without any other words."


def reasoning_gym_tasks(dataset_name: str, size: int, seed: int, **config: Any) -> list[Task]:
    """Tasks of a data set, checked by its own scorer (verifier `reasoning_gym`).

    An item is left out when its own answer does not get the full score in the form in which the truth is stored (JSON):
    neither the truth nor the scorer could be relied on.

    Args:
        dataset_name: e.g. `leg_counting`.
        size: items generated.
        seed: of the generator.
        config: other settings of the data set.

    Raises:
        UserError: if the package is missing, the data set or a setting is unknown, its scorer evaluates text, or no
            item is left.
    """
    score_answer = scorer(dataset_name)
    try:
        dataset = _package().create_dataset(dataset_name, size=size, seed=seed, **config)
    except (TypeError, ValueError, AssertionError) as error:
        raise UserError(
            f"reasoning-gym's data set '{dataset_name}' refuses the settings {config}: {error}.", "Correct 'options'."
        ) from error
    tasks = [
        _task(dataset_name, seed, index, entry)
        for index in range(size)
        if (entry := _entry(dataset, index, score_answer))
    ]
    if not tasks:
        raise UserError(
            f"reasoning-gym's data set '{dataset_name}' gave no item whose own answer gets the full score.",
            "Choose another data set.",
        )
    return tasks


GAME = "text_game"
SUBMIT: Final[ToolSchema] = {
    "type": "function",
    "function": {
        "name": "submit",
        "description": "Try out an answer",
        "parameters": {"type": "object", "properties": {"answer": {"type": "string"}}, "required": ["answer"]},
    },
}
"""`submit(answer)`: how the scorer finds an answer, and how many more may be tried."""


def as_game(task: Task, attempts: int) -> Task:
    """The task as a game: up to `attempts` answers may be tried out before the one that counts."""
    setup = {"attempts": attempts}
    return replace(task, id=f"{task.id}/game", tools=(SUBMIT,), environment=GAME, setup=setup)


@functools.cache
def scorer(dataset_name: str) -> Scorer:
    """The data set's `score_answer(answer, entry)`, after checking that it never evaluates text.

    Raises:
        UserError: if the package is missing, the data set is unknown, or its scorer evaluates text.
    """
    known = _package().factory.DATASETS
    if dataset_name not in known:
        raise UserError(f"reasoning-gym has no data set '{dataset_name}'.", did_you_mean(dataset_name, known))
    dataset_class, config_class = known[dataset_name]
    evaluating = evaluating_calls(dataset_class.score_answer, dataset_class)
    if evaluating or dataset_name == "composite":  # composite delegates to any of the others
        cause = f"calls {', '.join(sorted(evaluating))}" if evaluating else "may be that of any data set"
        raise UserError(
            f"reasoning-gym's data set '{dataset_name}' is refused: its scorer {cause}: answers could run as code.",
            "Choose another data set.",
        )
    score_answer: Scorer = dataset_class(config=config_class()).score_answer
    return score_answer


def evaluating_calls(function: Any, owner: type, seen: set[CodeType] | None = None) -> set[str]:
    """Names of evaluating functions that a function mentions, itself or through functions of its package."""
    seen = set() if seen is None else seen
    if not isinstance(function, FunctionType) or function.__code__ in seen:
        return set()
    seen.add(function.__code__)
    found: set[str] = set()
    for name in _names(function.__code__):
        target = getattr(owner, name, None) or function.__globals__.get(name)
        if inspect.isclass(target) and target.__module__.startswith(_PACKAGE):
            for method in vars(target).values():
                found |= evaluating_calls(getattr(method, "__func__", method), target, seen)
        elif inspect.isfunction(target) and target.__module__.startswith(_PACKAGE):
            found |= evaluating_calls(target, owner, seen)
        elif name in _EVALUATING:
            found.add(name)
    return found


def _names(code: CodeType) -> set[str]:
    nested = (_names(constant) for constant in code.co_consts if isinstance(constant, CodeType))
    return set(code.co_names).union(*nested)


def _entry(dataset: Any, index: int, score_answer: Scorer) -> dict[str, Any] | None:
    """The item in JSON form, or None if its own answer does not get the full score in that form."""
    try:
        entry = json.loads(json.dumps(dataset[index]))
        trusted = bool(entry["answer"]) and score_answer(entry["answer"], entry) == 1.0
    except (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError, TypeError, ValueError):
        return None
    return entry if trusted else None


def _task(dataset_name: str, seed: int, index: int, entry: dict[str, Any]) -> Task:
    difficulty = entry.get("metadata", {}).get("difficulty")
    return Task(
        id=f"{VERIFIER}/{dataset_name}/{seed}/{index}",
        prompt=({"role": "user", "content": entry["question"] + _ANSWER_ONLY},),
        verifier=VERIFIER,
        truth={"dataset": dataset_name, "entry": entry},
        source=f"{VERIFIER}/{dataset_name}",
        metadata={"difficulty": difficulty} if difficulty else {},
    )


def _package() -> Any:
    try:
        return importlib.import_module(_PACKAGE)
    except ImportError as error:
        raise missing_extra("reasoning-gym", "reasoning-gym", "This task source") from error
