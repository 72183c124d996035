"""The verifier `list`: items in their order."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictFloat, StrictInt, StrictStr, TypeAdapter

from darkhorse.chat.reasoning import Response
from darkhorse.tasks.task import Task
from darkhorse.verify.cells import cell_text, same_cell
from darkhorse.verify.registry import Context, register
from darkhorse.verify.stated import Form, stated_answer, strict_json
from darkhorse.verify.truths import read_truth
from darkhorse.verify.verdict import Abstained, Scored, Verdict

MAX_TEXT = 50_000  # characters of a list or table
_MARKER = re.compile(r"\s*(?:[-*•]|\(?\d{1,4}[.)])\s+")

Item = StrictStr | StrictBool | StrictInt | StrictFloat


class ListTruth(BaseModel):
    """An ordered list.

    Attributes:
        answer: the items.
        form: where the answer must stand.
        tolerance: share by which a number may be off.
        separator: what stands between items; by default lines, else semicolons, else commas.
    """

    model_config = ConfigDict(extra="forbid")
    answer: Annotated[list[Item], Field(min_length=1)]
    form: Form = "any"
    tolerance: Annotated[float, Field(ge=0, lt=1)] = 0.0
    separator: Annotated[str, Field(min_length=1)] | None = None


_TRUTH = TypeAdapter(ListTruth)


@register("list")
async def listing(task: Task, response: Response, context: Context) -> Verdict:
    """Whether the answer lists the true items in the true order: JSON, lines with or without markers, or separated."""
    truth_value: Any = {"answer": task.truth} if isinstance(task.truth, list) else task.truth
    truth = read_truth(Task(task.id, task.prompt, task.verifier, truth_value), _TRUTH)
    if isinstance(truth, Abstained):
        return truth
    stated = stated_answer(response.answer, truth.form)
    if stated is None:
        return Scored(0.0, "The answer states no list.", kind="no_answer")
    items = list_items(stated, truth.separator)
    if items is None:
        return Scored(0.0, "The answer is too long for a list.", kind="unparseable_prediction")
    if len(items) != len(truth.answer):
        return Scored(0.0, f"The list has {len(items)} item(s), not {len(truth.answer)}.")
    for place, (found, wanted) in enumerate(zip(items, truth.answer, strict=True), 1):
        if not same_cell(found, wanted, truth.tolerance):
            return Scored(0.0, f"Item {place} is {cell_text(found)[:60]!r}, not {cell_text(wanted)[:60]!r}.")
    return Scored(1.0, f"All {len(items)} items are right and in order.")


def list_items(text: str, separator: str | None = None) -> list[Any] | None:
    """The items of a JSON array or of a text; None if it is too long.

    Args:
        text: the answer.
        separator: what stands between items; by default lines if there are several, else semicolons, else commas.
    """
    if len(text) > MAX_TEXT:
        return None
    text = text.strip()
    if text.startswith("["):
        try:
            value = strict_json(text)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, list):
            return value
    bare = text[1:-1] if len(text) > 1 and text[0] + text[-1] in ("[]", "()", "{}") else text
    if separator is None:
        separator = "\n" if "\n" in bare.strip() or _MARKER.match(bare) else ";" if ";" in bare else ","
    pieces = [_MARKER.sub("", piece, count=1) if separator == "\n" else piece for piece in bare.split(separator)]
    cleaned = [piece.strip().rstrip(",;").strip() for piece in pieces]
    if separator == "\n":
        return [piece for piece in cleaned if piece]
    return cleaned if any(cleaned) else []
