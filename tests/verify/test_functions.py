"""Function calls are compared by name and argument, in any order; tool answers need a tool behind them."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.chat.reasoning import Response
from darkhorse.chat.tool_calls import format_tool_call
from darkhorse.tasks.task import Task
from darkhorse.types import Message
from darkhorse.verify.functions import function_call, tool_answer
from darkhorse.verify.registry import Context
from darkhorse.verify.verdict import Abstained, Scored, Verdict

BOOK = {
    "name": "book",
    "arguments": {"city": "Rome", "nights": 3, "breakfast": True},
    "alternatives": {"city": ["Roma"]},
    "optional": {"stars": [4]},
}
CALL = {"name": "call", "arguments": {"to": "Mei"}}


def judge(truth: Any, answer: str) -> Verdict:
    async def verdict() -> Verdict:
        return await function_call(Task("t", (), "function_call", truth), Response("", answer, True), Context())

    return asyncio.run(verdict())


def scored(truth: Any, answer: str) -> Scored:
    verdict = judge(truth, answer)
    assert isinstance(verdict, Scored), verdict
    return verdict


def booking(**changes: Any) -> str:
    arguments = {"city": "Rome", "nights": 3, "breakfast": True, **changes}
    return format_tool_call("book", {key: value for key, value in arguments.items() if value is not None})


@pytest.mark.parametrize(
    "answer",
    [
        booking(),
        booking(nights=3.0),
        booking(city=" rome "),
        booking(city="Roma"),
        booking(stars=4),
        f"Sure.\n{booking()}\nDone.",
    ],
)
def test_equivalent_calls_pass(answer: str) -> None:
    assert scored({"calls": [BOOK]}, answer).score == 1.0


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (booking(nights=4), "Argument 'nights' of 'book' is 4, not 3."),
        (booking(nights="3"), "Argument 'nights' of 'book' is '3', not 3."),
        (booking(breakfast=1), "Argument 'breakfast' of 'book' is 1, not True."),
        (booking(breakfast="true"), "Argument 'breakfast'"),
        (booking(city="Oslo"), "Argument 'city' of 'book' is 'Oslo', not 'Rome'."),
        (booking(city=["Rome"]), "a value of type list"),
        (booking(city=None), "'book' lacks the argument 'city'."),
        (booking(stars=5), "Optional argument 'stars'"),
        (booking(pool=True), "unexpected argument 'pool'"),
        (format_tool_call("Book", {}), "'book' was not called; found 'Book'."),
        (booking() + booking(), "Expected 1 tool call(s), found 2."),
        ("I would book Rome.", "Expected 1 tool call(s), found 0."),
        ("<tool_call>\n{'name': 'book'}\n</tool_call>", "malformed"),
        (booking() + "<tool_call>", "malformed"),
    ],
)
def test_wrong_calls_fail_for_a_named_reason(answer: str, reason: str) -> None:
    verdict = scored({"calls": [BOOK]}, answer)
    assert verdict.score == 0.0
    assert reason in verdict.reason


def test_parallel_calls_match_in_any_order_and_one_to_one() -> None:
    both = format_tool_call("call", {"to": "Mei"}) + "\n" + booking()
    assert scored({"calls": [BOOK, CALL]}, both).score == 1.0
    assert (
        scored({"calls": [BOOK, CALL]}, booking() + booking()).reason == "'call' was not called; found 'book', 'book'."
    )
    assert scored({"calls": [BOOK, BOOK]}, booking() + booking()).score == 1.0
    loose = {"name": "call", "arguments": {"to": "Mei"}, "alternatives": {"to": ["Ana"]}}
    crossed = format_tool_call("call", {"to": "Mei"}) + format_tool_call("call", {"to": "Ana"})
    assert scored({"calls": [loose, CALL]}, crossed).score == 1.0
    twice = format_tool_call("call", {"to": "Mei"}) + format_tool_call("call", {"to": "Mei"})
    other = {"name": "call", "arguments": {"to": "Ana"}}
    assert scored({"calls": [CALL, other]}, twice).score == 0.0


def test_many_calls_that_almost_fit_are_matched_in_no_time() -> None:
    truth = {"calls": [{"name": "call", "arguments": {"to": "x"}}] * 30 + [CALL]}
    started = time.perf_counter()
    assert scored(truth, format_tool_call("call", {"to": "x"}) * 31).score == 0.0
    assert time.perf_counter() - started < 2


def test_no_call_needs_a_refusal_in_words() -> None:
    assert scored({"calls": []}, "None of these tools can do that.").score == 1.0
    assert scored({"calls": []}, "I don't have a tool for that.").score == 1.0
    assert scored({"calls": []}, "Sure, done!").score == 0.0
    assert "'book' was called" in scored({"calls": []}, f"I cannot. {booking()}").reason


@pytest.mark.parametrize("truth", [None, {}, {"calls": "book"}, {"calls": [{"name": "x"}]}, {"calls": [{"name": ""}]}])
def test_malformed_call_truths_abstain(truth: Any) -> None:
    assert isinstance(judge(truth, booking()), Abstained)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.text()
    | st.dictionaries(st.sampled_from(["city", "nights", "breakfast", "x"]), JSON).map(
        lambda a: format_tool_call("book", a)
    )
)
def test_any_answer_gets_zero_or_one(answer: str) -> None:
    assert scored({"calls": [BOOK]}, answer).score in (0.0, 1.0)
    assert scored({"calls": []}, answer).score in (0.0, 1.0)


@given(st.dictionaries(st.text(), JSON.filter(lambda value: value == value and "nan" not in repr(value)), max_size=4))
def test_an_exact_copy_of_the_truth_passes(arguments: dict[str, Any]) -> None:
    truth = {"calls": [{"name": "f", "arguments": arguments}]}
    assert scored(truth, format_tool_call("f", arguments)).score == 1.0


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 5000, "1e999", '"\\ud800"'])
def test_hostile_json_scores_zero(value: str) -> None:
    answer = f'<tool_call>{{"name": "book", "arguments": {{"nights": {value}}}}}</tool_call>'
    assert scored({"calls": [BOOK]}, answer).score == 0.0


def tools_verdict(answer: str, turns: tuple[Message, ...], truth: Any = None) -> Verdict:
    task = Task("t", (), "tool_answer", {"answer": "-1234", "min_calls": 1} if truth is None else truth)

    async def verdict() -> Verdict:
        return await tool_answer(task, Response("", answer, True, turns), Context())

    return asyncio.run(verdict())


GOOD: Message = {"role": "tool", "content": "-1234"}


@pytest.mark.parametrize(
    ("answer", "turns", "score"),
    [
        ("\\boxed{-1234}", (GOOD,), 1.0),
        ("So \\boxed{7}, no: $\\boxed{-1,234}$.", (GOOD,), 1.0),
        ("\\boxed{-1234}", (), 0.0),
        ("\\boxed{-1234}", ({"role": "tool", "content": "Error: syntax"},), 0.0),
        ("\\boxed{-1234}", ({"role": "tool", "content": " "},), 0.0),
        ("\\boxed{-1234}", ({"role": "assistant", "content": "-1234"},), 0.0),
        ("\\boxed{1234}", (GOOD,), 0.0),
        ("\\boxed{-1234.5}", (GOOD,), 0.0),
        ("\\boxed{}", (GOOD,), 0.0),
        ("\\boxed{-1234", (GOOD,), 0.0),
        ("-1234", (GOOD,), 0.0),
        ("\\boxed{" + "9" * 5000 + "}", (GOOD,), 0.0),
    ],
)
def test_tool_answers(answer: str, turns: tuple[Message, ...], score: float) -> None:
    verdict = tools_verdict(answer, turns)
    assert isinstance(verdict, Scored), verdict
    assert verdict.score == score, verdict


@pytest.mark.parametrize(
    "truth", ["12", {"answer": 12}, {"answer": "x"}, {"answer": "1", "min_calls": -1}, {"answer": "1.5"}]
)
def test_malformed_tool_truths_abstain(truth: Any) -> None:
    assert isinstance(tools_verdict("\\boxed{12}", (GOOD,), truth), Abstained)


@given(st.text() | st.text(alphabet="\\boxed{}0123456789,-").map("\\boxed{".__add__))
def test_tool_answers_are_total(answer: str) -> None:
    verdict = tools_verdict(answer, (GOOD,))
    assert isinstance(verdict, Scored)
    assert verdict.score in (0.0, 1.0)
