"""What verifiers share: reading a task's truth or abstaining, and comparing JSON values."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

from darkhorse.tasks.task import Task
from darkhorse.verify.verdict import Abstained

Model = TypeVar("Model")


def read_truth(task: Task, adapter: TypeAdapter[Model]) -> Model | Abstained:
    """The task's truth in the verifier's own type, or an abstention naming what is malformed (our failure, never a 0).

    Args:
        task: the task being judged.
        adapter: validator of the truth's shape.
    """
    try:
        return adapter.validate_python(task.truth)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "truth"
        return bad_truth(task, f"{where}: {first['msg']}")


def bad_truth(task: Task, problem: str) -> Abstained:
    """The abstention for a truth that cannot be used."""
    reason = f"The truth of task '{task.id}' is malformed: {problem}."
    return Abstained(reason, {"truth": repr(task.truth)[:200]}, "unparseable_gold")


def same_value(found: Any, wanted: Any, text: Callable[[str], str] = str) -> bool:
    """Equality of JSON values: 5 equals 5.0, true is no number, objects ignore order, lists keep it.

    Args:
        found: the model's value.
        wanted: the true value; its depth bounds the recursion.
        text: normal form in which strings are compared.
    """
    if isinstance(wanted, bool) or isinstance(found, bool):
        return isinstance(found, bool) and found is wanted
    if isinstance(wanted, int | float):
        return isinstance(found, int | float) and found == wanted
    if isinstance(wanted, str):
        return isinstance(found, str) and text(found) == text(wanted)
    if isinstance(wanted, list | tuple):
        if not isinstance(found, list | tuple) or len(found) != len(wanted):
            return False
        return all(same_value(one, other, text) for one, other in zip(found, wanted, strict=True))
    if isinstance(wanted, dict):
        if not isinstance(found, dict) or found.keys() != wanted.keys():
            return False
        return all(same_value(found[key], value, text) for key, value in wanted.items())
    return found is None and wanted is None


def folded(text: str) -> str:
    """Normal form for loose text comparison: casefolded, runs of whitespace as one space, ends stripped."""
    return " ".join(text.casefold().split())
