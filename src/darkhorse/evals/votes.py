"""What an answer says, in a form in which equal answers are equal: what a majority votes on."""

from __future__ import annotations

from darkhorse.tasks.task import Task
from darkhorse.verify.answers import chosen_letter
from darkhorse.verify.math import qwen
from darkhorse.verify.stated import stated_answer
from darkhorse.verify.truths import folded

VOTING = ("math", "choice", "exact")
"""Verifiers whose answers are short enough to vote."""

_LONGEST = 200


def vote(task: Task, answer: str) -> str | None:
    """What an answer votes for; None if it states nothing, or its kind does not vote."""
    match task.verifier:
        case "math":
            return qwen.stripped(qwen.extracted(answer))[:_LONGEST] or None
        case "choice":
            return chosen_letter(answer, "Z")
        case "exact":
            stated = stated_answer(answer)
            return folded(stated)[:_LONGEST] or None if stated is not None else None
    return None
