"""Verifiers of closed answers: exact text, a choice letter, a JSON value, a set of items.

A truth is the value itself or `{"answer": value}` with further options. Where the model boxes its answer, the last
`\\boxed{}` counts, else the content of an `<answer>` or `<solution>` tag, else the whole answer; `form` asks for one of
the forms of `stated.Form` alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StrictFloat, StrictInt, StrictStr, TypeAdapter

from darkhorse.chat.reasoning import Response
from darkhorse.tasks.task import Task
from darkhorse.tasks.texts import unfenced
from darkhorse.verify.math.extraction import last_boxed
from darkhorse.verify.registry import Context, register
from darkhorse.verify.stated import TAGS, Form, stated_answer, strict_json, tagged
from darkhorse.verify.truths import bad_truth, folded, read_truth, same_value
from darkhorse.verify.verdict import Abstained, Scored, Verdict

_SHOWN = 100  # characters of an answer repeated in a reason

_Scalar = Annotated[StrictStr, Field(pattern=r"\S")] | StrictInt | StrictFloat


class _Answer(BaseModel):
    """The `{"answer": value}` shape."""

    model_config = ConfigDict(extra="forbid")
    answer: Any


class _Exact(BaseModel):
    model_config = ConfigDict(extra="forbid")
    answer: _Scalar
    form: Form = "any"


class _Choice(BaseModel):
    """`choices` letters from A, or one for each text of `options`; without either, ten."""

    model_config = ConfigDict(extra="forbid")
    answer: Annotated[StrictStr, Field(pattern=r"^\s*[A-Za-z]\s*$")]
    form: Form = "any"
    choices: Annotated[int, Field(ge=2, le=26)] = 10
    options: Annotated[list[StrictStr], Field(min_length=2, max_length=26)] | None = None


class _Set(BaseModel):
    """With `multiplicity`, an item counts as often as it is given."""

    model_config = ConfigDict(extra="forbid")
    answer: Annotated[list[_Scalar], Field(min_length=1)]
    form: Form = "any"
    multiplicity: bool = False


_EXACT = TypeAdapter(_Exact)
_CHOICE = TypeAdapter(_Choice)
_SET = TypeAdapter(_Set)
_WRAPPED: TypeAdapter[_Answer] = TypeAdapter(_Answer)
_NOT_STATED = Scored(0.0, "The answer is not stated as asked, or is stated twice.", kind="no_answer")


@register("exact")
async def exact(task: Task, response: Response, context: Context) -> Verdict:
    """Whether the answer is the true text, up to Unicode form, case and whitespace."""
    truth = read_truth(_wrapped(task), _EXACT)
    if isinstance(truth, Abstained):
        return truth
    found = stated_answer(response.answer, truth.form)
    if found is None:
        return _NOT_STATED
    right = _normal(found) == _normal(str(truth.answer))
    return _scored(right, found, truth.answer)


@register("choice")
async def choice(task: Task, response: Response, context: Context) -> Verdict:
    """Whether the chosen letter is the true one; an answer that names no single letter scores 0.

    Letters run from A to J, or as far as there are `choices` or `options`. With `options`, the words of an option in
    place of its letter will do.
    """
    truth = read_truth(_wrapped(task), _CHOICE)
    if isinstance(truth, Abstained):
        return truth
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(truth.options) if truth.options else truth.choices]
    wanted = truth.answer.strip().upper()
    if wanted not in letters:
        return bad_truth(task, f"answer: {wanted} is none of {letters[0]} to {letters[-1]}")
    stated = response.answer if truth.form == "any" else stated_answer(response.answer, truth.form)
    if stated is None:
        return _NOT_STATED
    letter = option_letter(stated, truth.options) if truth.options else None
    letter = letter or chosen_letter(stated, letters[-1])
    if letter is None:
        return Scored(0.0, "The answer names no single choice.", kind="no_answer")
    return _scored(letter == wanted, letter, wanted)


@register("json")
async def json_value(task: Task, response: Response, context: Context) -> Verdict:
    """Whether the answer parses to the true JSON value; the truth is `{"answer": value}` or a string of JSON."""
    if isinstance(task.truth, str):
        try:
            truth = strict_json(task.truth)
        except (ValueError, RecursionError) as error:
            return bad_truth(task, f"not valid JSON: {error}")
    else:
        wrapped = read_truth(task, _WRAPPED)
        if isinstance(wrapped, Abstained):
            return wrapped
        truth = wrapped.answer
    try:
        found = strict_json(unfenced(response.answer))
    except (ValueError, RecursionError) as error:
        reason = f"The answer is not valid JSON: {str(error)[:_SHOWN]}."
        return Scored(0.0, reason, kind="unparseable_prediction")
    return _scored(same_value(found, truth), response.answer, truth)


@register("set")
async def item_set(task: Task, response: Response, context: Context) -> Verdict:
    """Whether the comma- or line-separated items are the true ones, in any order; the truth is a list or such text."""
    wrapped = _wrapped(task)
    if isinstance(wrapped.truth, dict) and isinstance(wrapped.truth.get("answer"), str):
        wrapped = _with_truth(task, {**wrapped.truth, "answer": sorted(_items(wrapped.truth["answer"]).elements())})
    truth = read_truth(wrapped, _SET)
    if isinstance(truth, Abstained):
        return truth
    stated = stated_answer(response.answer, truth.form)
    if stated is None:
        return _NOT_STATED
    wanted, found = Counter(_normal(str(item)) for item in truth.answer), _items(stated)
    if not truth.multiplicity:
        wanted, found = Counter(set(wanted)), Counter(set(found))
    if found == wanted:
        return Scored(1.0, f"All {wanted.total()} items are right.")
    missing, extra = sorted((wanted - found).elements()), sorted((found - wanted).elements())
    reason = f"Missing: {', '.join(missing) or 'nothing'}; not wanted: {', '.join(extra)[:_SHOWN] or 'nothing'}."
    return Scored(0.0, reason, {"missing": missing, "extra": extra})


_MARK = r"[*(\[{\"']*+"
_GOES_ON = re.compile(r"\s+(?!(?:because|since|as|for|or|and|but|given|which|with)\b)\w", re.IGNORECASE)
_FIELD = re.compile(r"[\"']answer[\"']\s*+:\s*+(\[?)\s*+[\"']([^\"'\n]{0,200})[\"']\s*(,?)", re.IGNORECASE)


@cache
def _patterns(last: str) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """What declares a letter, what begins with one, what brackets one, and what hedges after one, from A to `last`."""
    letter, end = f"[A-{last}]", r"\b(?!['’])"
    return (
        re.compile(
            rf"(?P<word>answer|choice|option)(?P<link>(?:\s++is\b)?+\s*+:?)\s*+(?P<mark>{_MARK})(?P<letter>{letter}){end}",
            re.IGNORECASE,
        ),
        re.compile(rf"[*(\[\"']*+({letter})(?:[)\].:*\"']+(?:\s.*)?)?", re.DOTALL | re.IGNORECASE),
        re.compile(rf"\(({letter})\)"),
        re.compile(rf"[*)\]\"'}}]*\s*(?:,|/|&|\||or\b|and\b)\s*{_MARK}(?:option\s+)?{letter}{end}", re.IGNORECASE),
    )


def chosen_letter(answer: str, last: str = "J") -> str | None:
    """The letter an answer settles on, from A to `last`; None when there is none or it hedges between several.

    It is boxed, or in a JSON field or a tag; there, or else in the whole answer, the last declared one counts ("the
    answer is B"), then a leading one ("B) ..."), then the only bracketed one.

    The JSON field is that of QwQ's published prompt: `"answer": "C"`. Fields or tags that differ are a hedge.
    """
    declaring, leading, bracketing, hedge = _patterns(last)
    boxed = last_boxed(answer)
    text = boxed if boxed is not None else answer
    if boxed is None and (fields := _FIELD.findall(answer)):
        several = any(bracket and comma for bracket, _, comma in fields)
        if several or len({field.strip().upper() for _, field, _ in fields}) > 1:
            return None
        text = fields[-1][1]
    elif boxed is None and TAGS.search(answer):
        text = tagged(answer) or ""
    text = text.replace("\\text{", "").strip(" \t\r\n$}")
    declared = [found for found in declaring.finditer(text) if _declares(found)]
    if declared:
        settled = declared[-1]
        return None if hedge.match(text, settled.end()) else settled["letter"].upper()
    led = leading.fullmatch(text)
    if led:
        return None if hedge.match(text, led.end(1)) else led[1].upper()
    bracketed = set(bracketing.findall(text))
    return bracketed.pop() if len(bracketed) == 1 else None


def _declares(found: re.Match[str]) -> bool:
    """Whether a letter is one, and no word: "the answer is a dog" and "the answer I gave" declare nothing."""
    letter = found["letter"]
    if found["mark"]:
        return True
    goes_on = _GOES_ON.match(found.string, found.end()) is not None
    if letter.islower() or letter in "AI":
        return not goes_on and (bool(found["link"].strip()) or letter.isupper())
    return bool(found["link"].strip()) or found["word"].casefold() != "answer" or not goes_on


def option_letter(answer: str, options: list[str]) -> str | None:
    """The letter of the option whose words are the whole answer, alone or after its own letter; None for any other."""
    stated = _normal(stated_answer(answer) or "").strip(" .*\"'`")
    letters = [
        letter
        for letter, option in zip("ABCDEFGHIJKLMNOPQRSTUVWXYZ", options, strict=False)
        if stated == _normal(option).strip(" .*\"'`")
    ]
    return letters[0] if len(letters) == 1 else None


def _normal(text: str) -> str:
    return folded(unicodedata.normalize("NFKC", text))


def _items(text: str) -> Counter[str]:
    pieces = re.split(r"[,;\n]", text.strip().strip("[]{}()"))
    bare = (_normal(re.sub(r"^\s*(?:[-*•]|\d+[.)])\s+", "", piece)).strip(" .\"'`") for piece in pieces)
    return Counter(piece for piece in bare if piece)


def _with_truth(task: Task, truth: Any) -> Task:
    return Task(task.id, task.prompt, task.verifier, truth)


def _wrapped(task: Task) -> Task:
    """The task with a truth that is the value itself as `{"answer": value}`."""
    truth = task.truth
    return task if isinstance(truth, dict) else _with_truth(task, {"answer": truth})


def _scored(right: bool, found: str, truth: Any) -> Scored:
    if right:
        return Scored(1.0, "The answer is right.")
    return Scored(0.0, f"The answer is {found[:_SHOWN]!r}, not {str(truth)[:_SHOWN]!r}.")
