"""The verifier `knights_knaves`: who tells the truth and who lies (puzzles of Xie et al., 2024, arXiv:2410.23123)."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictStr, TypeAdapter

from darkhorse.chat.reasoning import Response
from darkhorse.tasks.task import Task
from darkhorse.verify.registry import Context, register
from darkhorse.verify.stated import json_object, stated_answer
from darkhorse.verify.truths import bad_truth, read_truth
from darkhorse.verify.verdict import Abstained, Scored, Verdict

MAX_TEXT = 20_000  # characters of an answer
_SENTENCE = re.compile(r"(?<=[.!?;])\s+|\n+")
_UNSURE = re.compile(
    r"\b(?:if|suppose|assum\w+|would|could|might|may|perhaps|maybe|either|or|whether|says?|said|claims?|claimed"
    r"|statements?|contradict\w*|impossible|unknown)\b",
    re.IGNORECASE,
)
_NOT = re.compile(r"\b(?:not|isn['’]?t|aren['’]?t|neither|never|no)\b", re.IGNORECASE)

_Name = Annotated[StrictStr, Field(pattern=r"^[^\W_][\w .'-]{0,60}$")]


class KnightsTruth(BaseModel):
    """Who is what.

    Attributes:
        solution: for each name whether it is of the first role, or a text that says so.
        roles: what those who tell the truth are called, and those who lie.
    """

    model_config = ConfigDict(extra="forbid")
    solution: Annotated[dict[_Name, StrictBool], Field(min_length=1, max_length=50)]
    roles: tuple[StrictStr, StrictStr] = ("knight", "knave")


_TRUTH = TypeAdapter(KnightsTruth)
_LINE = re.compile(r"\s*(?:\(?\d+[.)]\s*)?([^\W_][\w .'-]*?) is an? (knight|knave)\.?\s*", re.IGNORECASE)


@register("knights_knaves")
async def knights_knaves(task: Task, response: Response, context: Context) -> Verdict:
    """Whether the answer says of everyone, once and for all, what they are. A truth may be the text of a solution, such
    as `(1) Zoey is a knight` a line.

    What is said in a condition, as a guess, or about somebody's words says nothing.
    """
    unwrapped = _unwrapped(task)
    if unwrapped is None:
        return bad_truth(task, "solution: a line does not say who is what")
    truth = read_truth(unwrapped, _TRUTH)
    if isinstance(truth, Abstained):
        return truth
    if truth.roles[0].casefold() == truth.roles[1].casefold() or not all(role.strip() for role in truth.roles):
        return bad_truth(task, "roles: they are not two")
    if len(response.answer) > MAX_TEXT:
        return Scored(0.0, "The answer is too long.", kind="unparseable_prediction")
    stated = stated_answer(response.answer)
    if stated is None:
        return Scored(0.0, "The answer is stated twice, or never ends.", kind="no_answer")
    said = said_roles(stated, list(truth.solution), truth.roles)
    for name, expected in truth.solution.items():
        if not said[name]:
            return Scored(0.0, f"The answer does not say what {name} is.", kind="no_answer")
        if len(said[name]) == 2:
            return Scored(0.0, f"The answer says of {name} that they are both.")
        if said[name] != {expected}:
            return Scored(0.0, f"{name} is a {truth.roles[0] if expected else truth.roles[1]}.")
    return Scored(1.0, "Everyone is named rightly.")


def said_roles(text: str, names: list[str], roles: tuple[str, str]) -> dict[str, set[bool]]:
    """For each name, whether it is said to be of the first role, the second, or both.

    Args:
        text: JSON `{name: role}`, or sentences and lines such as `A is a knight`, `B: knave`, `A and C are knights`.
        names: of the people.
        roles: truthful, lying.
    """
    said: dict[str, set[bool]] = {name: set() for name in names}
    value = json_object(text)
    if isinstance(value, dict):
        folded = {name.casefold(): name for name in names}
        for key, role in value.items():
            if key.casefold() in folded and isinstance(role, str):
                told = {role.strip().casefold() == one.casefold() for one in roles}
                if told == {True, False}:
                    said[folded[key.casefold()]].add(role.strip().casefold() == roles[0].casefold())
        return said
    role_pattern = "|".join(re.escape(role) for role in roles)
    name_pattern = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    token = re.compile(rf"(?<!\w)(?:(?P<name>{name_pattern})|(?P<role>{role_pattern})s?)(?!\w)", re.IGNORECASE)
    by_fold = {name.casefold(): name for name in names}
    for sentence in _SENTENCE.split(text):
        if _UNSURE.search(sentence):
            continue
        waiting: list[str] = []
        closed = True  # whether a role has come since the last name
        start = 0
        for found in token.finditer(sentence):
            if found["name"]:
                if closed:
                    waiting, start = [], found.end()
                waiting.append(by_fold[found["name"].casefold()])
                closed = False
            elif waiting:
                first = found["role"].casefold() == roles[0].casefold()
                if _NOT.search(sentence, start, found.start()):
                    first = not first
                for name in waiting:
                    said[name].add(first)
                closed, start = True, found.end()
    return said


def _unwrapped(task: Task) -> Task | None:
    """The task with a solution given as text read into names; None if a line of it cannot be read."""
    truth = task.truth
    if isinstance(truth, dict) and isinstance(truth.get("solution_text_format"), str):
        truth = truth["solution_text_format"]
    if not isinstance(truth, str):
        return task
    lines = [_LINE.fullmatch(line) for line in truth.splitlines() if line.strip()]
    if not lines or None in lines:
        return None
    solution = {line[1]: line[2].casefold() == "knight" for line in lines if line}
    return Task(task.id, task.prompt, task.verifier, {"solution": solution})
