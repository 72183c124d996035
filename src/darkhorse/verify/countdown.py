"""The verifier `countdown`: an expression of given numbers that reaches a target (the puzzle of TinyZero)."""

from __future__ import annotations

import re
from collections import Counter
from fractions import Fraction
from typing import Annotated, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, StrictInt, TypeAdapter

from darkhorse.chat.reasoning import Response
from darkhorse.tasks.task import Task
from darkhorse.tasks.texts import unfenced
from darkhorse.verify.registry import Context, register
from darkhorse.verify.stated import Form, stated_answer
from darkhorse.verify.truths import read_truth
from darkhorse.verify.verdict import Abstained, Scored, Verdict

MAX_TEXT = 500  # characters of an expression
MAX_DEPTH = 40
_TOKEN = re.compile(r"\s*([0-9]{1,12}|[-+*/()])")
_SIGNS = {
    "×": "*", "·": "*", "∙": "*", "⋅": "*", "÷": "/", "−": "-", "–": "-",
    "\\times": "*", "\\cdot": "*", "\\div": "/", "\\left": "", "\\right": "", "$": "", "[": "(", "]": ")",
}  # fmt: skip


class CountdownTruth(BaseModel):
    """A puzzle.

    Attributes:
        nums: the numbers given.
        target: the number to reach.
        use: whether each number must be used exactly once (`all`) or at most once (`any`).
        form: where the expression must stand.
    """

    model_config = ConfigDict(extra="forbid")
    nums: Annotated[
        list[Annotated[StrictInt, Field(ge=0, lt=10**12)]],
        Field(min_length=1, max_length=20, validation_alias=AliasChoices("nums", "numbers")),
    ]
    target: StrictInt
    use: Literal["all", "any"] = "all"
    form: Form = "any"


_TRUTH = TypeAdapter(CountdownTruth)


@register("countdown")
async def countdown(task: Task, response: Response, context: Context) -> Verdict:
    """Whether the answer's expression has the target as its exact value and uses the given numbers as it may."""
    truth = read_truth(task, _TRUTH)
    if isinstance(truth, Abstained):
        return truth
    stated = stated_answer(response.answer, truth.form)
    if stated is None:
        return Scored(0.0, "The answer states no expression.", kind="no_answer")
    expression, equals, result = _plain(stated).partition("=")
    try:
        value, used = evaluate(expression)
        if equals and evaluate(result)[0] != value:
            return Scored(0.0, "The two sides of the equation differ.")
    except ValueError as error:
        return Scored(0.0, f"The expression cannot be read: {error}.", kind="unparseable_prediction")
    given, counts = Counter(truth.nums), Counter(used)
    extra = counts - given
    if extra:
        return Scored(0.0, f"{min(extra)} is used more often than it is given.")
    if truth.use == "all" and counts != given:
        return Scored(0.0, f"{min(given - counts)} is not used.")
    if value != truth.target:
        return Scored(0.0, f"The value is {str(value)[:60]}, not {truth.target}.")
    return Scored(1.0, f"The expression is {truth.target}.")


def evaluate(text: str) -> tuple[Fraction, list[int]]:
    """Exact value of an expression of whole numbers, `+ - * /` between two operands, and brackets; and its numbers.

    Raises:
        ValueError: if the text is anything else, too long, too deep, or divides by zero.
    """
    if len(text) > MAX_TEXT:
        raise ValueError(f"it has more than {MAX_TEXT} characters")
    tokens, place = [], 0
    text = text.rstrip()
    while place < len(text):
        token = _TOKEN.match(text, place)
        if token is None:
            raise ValueError(f"{text[place : place + 10].strip()!r} is not allowed")
        tokens.append(token[1])
        place = token.end()
    reader = _Reader(tokens)
    value = reader.sum(0)
    if reader.place != len(tokens):
        raise ValueError(f"{tokens[reader.place]!r} is out of place")
    return value, [int(token) for token in tokens if token.isdigit()]


class _Reader:
    """Recursive descent over tokens."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.place = 0

    def sum(self, depth: int) -> Fraction:
        value = self.product(depth)
        while self._next() in ("+", "-"):
            operator = self._take()
            other = self.product(depth)
            value = value + other if operator == "+" else value - other
        return value

    def product(self, depth: int) -> Fraction:
        value = self.operand(depth)
        while self._next() in ("*", "/"):
            operator = self._take()
            other = self.operand(depth)
            if operator == "/" and other == 0:
                raise ValueError("it divides by zero")
            value = value * other if operator == "*" else value / other
        return value

    def operand(self, depth: int) -> Fraction:
        token = self._take()
        if token.isdigit():
            return Fraction(int(token))
        if token != "(":
            raise ValueError(f"{token!r} stands where a number should" if token else "it ends too early")
        if depth >= MAX_DEPTH:
            raise ValueError("its brackets nest too deeply")
        value = self.sum(depth + 1)
        if self._take() != ")":
            raise ValueError("a bracket never closes")
        return value

    def _next(self) -> str:
        return self.tokens[self.place] if self.place < len(self.tokens) else ""

    def _take(self) -> str:
        token = self._next()
        self.place += 1
        return token


def _plain(text: str) -> str:
    if len(text) > 4 * MAX_TEXT:
        return text
    plain = unfenced(text).strip().strip("`").strip()
    for sign, operator in _SIGNS.items():
        plain = plain.replace(sign, operator)
    return plain
