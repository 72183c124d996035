"""Verifiers of closed answers: exact text, a choice letter, a JSON value, a set of items.

A truth is the value itself or `{"answer": value}`. Where the model boxes its answer, the last `\\boxed{}` counts;
otherwise the whole answer does.
"""

from __future__ import annotations

import json
import re
import unicodedata
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StrictStr, TypeAdapter

from darkhorse.chat.reasoning import Response
from darkhorse.tasks.task import Task
from darkhorse.tasks.texts import unfenced
from darkhorse.verify.math.extraction import last_boxed
from darkhorse.verify.registry import Context, register
from darkhorse.verify.truths import bad_truth, folded, read_truth, same_value
from darkhorse.verify.verdict import Abstained, Scored, Verdict

_SHOWN = 100  # characters of an answer repeated in a reason

_Scalar = Annotated[StrictStr, Field(pattern=r"\S")] | StrictInt | StrictFloat
_Letter = Annotated[StrictStr, Field(pattern=r"^\s*[A-Ja-j]\s*$")]


class _Answer(BaseModel):
    """The `{"answer": value}` shape."""

    model_config = ConfigDict(extra="forbid")
    answer: Any


_SCALAR: TypeAdapter[str | int | float] = TypeAdapter(_Scalar)
_LETTER: TypeAdapter[str] = TypeAdapter(_Letter)
_ITEMS: TypeAdapter[list[str | int | float]] = TypeAdapter(Annotated[list[_Scalar], Field(min_length=1)])
_WRAPPED: TypeAdapter[_Answer] = TypeAdapter(_Answer)


@register("exact")
async def exact(task: Task, response: Response, context: Context) -> Verdict:
    """Whether the answer is the true text, up to Unicode form, case and whitespace."""
    truth = read_truth(_unwrapped(task), _SCALAR)
    if isinstance(truth, Abstained):
        return truth
    found = last_boxed(response.answer) or response.answer
    right = _normal(found) == _normal(str(truth))
    return _scored(right, found, truth)


@register("choice")
async def choice(task: Task, response: Response, context: Context) -> Verdict:
    """Whether the chosen letter, A to J, is the true one; an answer that names no single letter scores 0."""
    truth = read_truth(_unwrapped(task), _LETTER)
    if isinstance(truth, Abstained):
        return truth
    letter = chosen_letter(response.answer)
    if letter is None:
        return Scored(0.0, "The answer names no single choice.")
    return _scored(letter == truth.strip().upper(), letter, truth)


@register("json")
async def json_value(task: Task, response: Response, context: Context) -> Verdict:
    """Whether the answer parses to the true JSON value; the truth is `{"answer": value}` or a string of JSON."""
    if isinstance(task.truth, str):
        try:
            truth = parse_json(task.truth)
        except (ValueError, RecursionError) as error:
            return bad_truth(task, f"not valid JSON: {error}")
    else:
        wrapped = read_truth(task, _WRAPPED)
        if isinstance(wrapped, Abstained):
            return wrapped
        truth = wrapped.answer
    try:
        found = parse_json(unfenced(response.answer))
    except (ValueError, RecursionError) as error:
        return Scored(0.0, f"The answer is not valid JSON: {str(error)[:_SHOWN]}.")
    return _scored(same_value(found, truth), response.answer, truth)


@register("set")
async def item_set(task: Task, response: Response, context: Context) -> Verdict:
    """Whether the comma- or line-separated items are the true ones, in any order; the truth is a list or such text."""
    unwrapped = _unwrapped(task)
    if isinstance(unwrapped.truth, str):
        unwrapped = _with_truth(task, sorted(_items(unwrapped.truth)))
    truth = read_truth(unwrapped, _ITEMS)
    if isinstance(truth, Abstained):
        return truth
    wanted = {_normal(str(item)) for item in truth}
    found = _items(last_boxed(response.answer) or response.answer)
    if found == wanted:
        return Scored(1.0, f"All {len(wanted)} items are right.")
    missing, extra = sorted(wanted - found), sorted(found - wanted)
    reason = f"Missing: {', '.join(missing) or 'nothing'}; not wanted: {', '.join(extra)[:_SHOWN] or 'nothing'}."
    return Scored(0.0, reason, {"missing": missing, "extra": extra})


_DECLARED = re.compile(r"(?:answer|choice|option)(?:\s+is)?\s*:?\s*[*(\[{\"']*([A-J])\b(?!['’])", re.IGNORECASE)
_LEADING = re.compile(r"[*(\[\"']*([A-Ja-j])(?:[)\].:*\"']+(?:\s.*)?)?", re.DOTALL)
_BRACKETED = re.compile(r"\(([A-J])\)")
_HEDGE = re.compile(r"[*)\]\"'}]*\s*(?:,|/|&|or\b|and\b)\s*[*(\[\"']*(?:option\s+)?[A-J]\b(?!['’])", re.IGNORECASE)


def chosen_letter(answer: str) -> str | None:
    """The letter an answer settles on: boxed, then the last declared ("the answer is B"), then leading ("B) ..."),
    then the only bracketed one. None when there is none or it hedges between several."""
    boxed = last_boxed(answer)
    text = (boxed if boxed is not None else answer).replace("\\text{", "").strip(" \n$}")
    declared = list(_DECLARED.finditer(text))
    if declared:
        last = declared[-1]
        return None if _HEDGE.match(text, last.end()) else last[1].upper()
    leading = _LEADING.fullmatch(text)
    if leading:
        return None if _HEDGE.match(text, leading.end(1)) else leading[1].upper()
    bracketed = set(_BRACKETED.findall(text))
    return bracketed.pop() if len(bracketed) == 1 else None


def parse_json(text: str) -> Any:
    """Strict JSON: no NaN or Infinity.

    Raises:
        ValueError: if the text is not JSON, or holds an integer too long to read.
        RecursionError: if it nests too deeply.
    """

    def reject(constant: str) -> Any:
        raise ValueError(f"{constant} is not JSON")

    return json.loads(text, parse_constant=reject)


def _normal(text: str) -> str:
    return folded(unicodedata.normalize("NFKC", text))


def _items(text: str) -> set[str]:
    pieces = re.split(r"[,;\n]", text.strip().strip("[]{}()"))
    bare = (_normal(re.sub(r"^\s*(?:[-*•]|\d+[.)])\s+", "", piece)).strip(" .\"'`") for piece in pieces)
    return {piece for piece in bare if piece}


def _with_truth(task: Task, truth: Any) -> Task:
    return Task(task.id, task.prompt, task.verifier, truth)


def _unwrapped(task: Task) -> Task:
    """The task with `{"answer": value}` replaced by the value."""
    truth = task.truth
    return _with_truth(task, truth["answer"]) if isinstance(truth, dict) and set(truth) == {"answer"} else task


def _scored(right: bool, found: str, truth: Any) -> Scored:
    if right:
        return Scored(1.0, "The answer is right.")
    return Scored(0.0, f"The answer is {found[:_SHOWN]!r}, not {str(truth)[:_SHOWN]!r}.")
