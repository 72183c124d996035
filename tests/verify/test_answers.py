"""Exact, choice, JSON and set answers: what passes, what fails, what abstains."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.chat.reasoning import Response
from darkhorse.tasks.task import Task
from darkhorse.verify.answers import choice, chosen_letter, exact, item_set, json_value
from darkhorse.verify.math.extraction import last_boxed
from darkhorse.verify.registry import Context, Verifier
from darkhorse.verify.verdict import Abstained, Scored, Verdict


def judge(verifier: Verifier, truth: Any, answer: str) -> Verdict:
    async def verdict() -> Verdict:
        return await verifier(Task("t", (), "x", truth), Response("", answer, True), Context())

    return asyncio.run(verdict())


@pytest.mark.parametrize(
    ("verifier", "truth", "answer", "score"),
    [
        (exact, "New York", " new\n york ", 1.0),
        (exact, "ﬁne", "fine", 1.0),
        (exact, {"answer": 42}, "42", 1.0),
        (exact, "yes", "So \\boxed{Yes}", 1.0),
        (exact, "yes", "yes or no", 0.0),
        (exact, "yes", "no", 0.0),
        (choice, "B", "The answer is (B).", 1.0),
        (choice, "b", "b", 1.0),
        (choice, {"answer": "B"}, "**B**", 1.0),
        (choice, "B", "C", 0.0),
        (choice, "A", "A or B", 0.0),
        (json_value, {"answer": {"a": [1, True, None]}}, '{"a": [1.0, true, null]}', 1.0),
        (json_value, '{"a": 1}', '```json\n{"a": 1}\n```', 1.0),
        (json_value, {"answer": 1}, "true", 0.0),
        (json_value, {"answer": [1, 2]}, "[2, 1]", 0.0),
        (json_value, {"answer": {"a": 1}}, '{"a": 1, "b": 2}', 0.0),
        (json_value, {"answer": 1}, "NaN", 0.0),
        (json_value, {"answer": 1}, "9" * 5000, 0.0),
        (json_value, {"answer": 1}, "[" * 100_000, 0.0),
        (item_set, ["red", "Dark Blue"], "dark blue, RED", 1.0),
        (item_set, ["red", "blue"], "- blue\n- red\n", 1.0),
        (item_set, [3, 1], "[1, 3]", 1.0),
        (item_set, "b, a", "1. a\n2. b", 1.0),
        (item_set, ["red", "blue"], "red", 0.0),
        (item_set, ["red"], "red, blue", 0.0),
        (exact, "yes", "<answer>Yes</answer>", 1.0),
        (exact, "yes", "<answer>yes</answer> or <answer>no</answer>", 0.0),
        (exact, {"answer": "3", "form": "bold"}, "There are **3**.", 1.0),
        (exact, {"answer": "3", "form": "bold"}, "3", 0.0),
        (exact, {"answer": "025", "form": "last_line"}, "So it is\n\n025", 1.0),
        (choice, "C", '{"reasoning": "A is wrong", "answer": "C"}', 1.0),
        (
            choice,
            "C",
            'A looks right, but no.\n```json\n{\n  "reasoning": "the answer is A?",\n  "answer": "C"\n}\n```',
            1.0,
        ),
        (choice, "C", '"answer": "C"', 1.0),
        (choice, "C", '{"answer": "C) Paris"}', 1.0),
        (choice, "C", '{"answer": "B"} {"answer": "C"}', 0.0),
        (choice, "C", '{"answer": "C or D"}', 0.0),
        (choice, "C", '{"answer": ["C", "D"]}', 0.0),
        (choice, "C", "<answer>C</answer>", 1.0),
        (choice, "C", "<answer>B</answer><answer>C</answer>", 0.0),
        (choice, {"answer": "C", "form": "json"}, "The answer is C.", 0.0),
        (choice, {"answer": "C", "form": "json"}, '{"answer": "C"}', 1.0),
        (choice, {"answer": "L", "choices": 12}, "The answer is (L).", 1.0),
        (choice, {"answer": "L", "choices": 12}, "The answer is (M).", 0.0),
        (choice, {"answer": "B", "options": ["Rome", "Paris"]}, "Paris.", 1.0),
        (choice, {"answer": "B", "options": ["Rome", "Paris"]}, "\\boxed{\\text{B}}", 1.0),
        (choice, {"answer": "B", "options": ["Rome", "Paris"]}, "Rome or Paris", 0.0),
        (choice, {"answer": "B", "options": ["Rome", "Paris"]}, "C", 0.0),
        (item_set, {"answer": ["a", "a", "b"], "multiplicity": True}, "b, a, a", 1.0),
        (item_set, {"answer": ["a", "a", "b"], "multiplicity": True}, "b, a", 0.0),
        (item_set, ["a", "a", "b"], "b, a", 1.0),
        (item_set, {"answer": ["1", "2"], "form": "tag"}, "<solution>2, 1</solution>", 1.0),
        (item_set, {"answer": ["1", "2"], "form": "tag"}, "2, 1", 0.0),
    ],
)
def test_answers(verifier: Verifier, truth: Any, answer: str, score: float) -> None:
    verdict = judge(verifier, truth, answer)
    assert isinstance(verdict, Scored), verdict
    assert verdict.score == score, verdict


@pytest.mark.parametrize(
    ("answer", "letter"),
    [
        ("C", "C"),
        ("(c)", "C"),
        ("C.", "C"),
        ("C) because it rains", "C"),
        ("\\boxed{\\text{D}}", "D"),
        ("Answer: A", "A"),
        ("It was A at first, but the answer is **J**.", "J"),
        ("I think it rains (B).", "B"),
        ("A dog ran home.", None),
        ("I am not sure", None),
        ("(A) and (B)", None),
        ("The answer is A or B.", None),
        ("The answer is (A) and (C)", None),
        ("K", None),
        ("The answer is a dog.", None),
        ("The answer I gave before was wrong.", None),
        ("The answer is A because it rains.", "A"),
        ("The answer is b", "B"),
        ("Option C", "C"),
        ("the choice a person makes", None),
        ("The answer is not B.", None),
        ("", None),
    ],
)
def test_chosen_letter(answer: str, letter: str | None) -> None:
    assert chosen_letter(answer) == letter


@pytest.mark.parametrize(
    ("verifier", "truth"),
    [
        (exact, None),
        (exact, " "),
        (exact, ["a"]),
        (choice, "K"),
        (choice, 2),
        (choice, "AB"),
        (choice, {"answer": "C", "options": ["x", "y"]}),
        (choice, {"answer": "C", "choices": 99}),
        (exact, {"answer": "x", "form": "none"}),
        (json_value, "{"),
        (json_value, {"a": 1}),
        (json_value, None),
        (item_set, []),
        (item_set, ""),
        (item_set, [["a"]]),
        (item_set, 5),
    ],
)
def test_malformed_truths_abstain(verifier: Verifier, truth: Any) -> None:
    assert isinstance(judge(verifier, truth, "a"), Abstained)


@given(
    st.text(alphabet="ABCDEF \n\t"),
    st.sampled_from(["{}", "({})", "**{}**", "{}.", '"answer": "{}"', "The answer is {}."]),
)
def test_a_letter_in_any_dress_is_that_letter(space: str, shape: str) -> None:
    padding = "".join(character for character in space if character.isspace())
    for letter in "AJ":
        assert chosen_letter(padding + shape.format(letter) + padding) == letter


@given(st.text() | st.text(alphabet="\\boxed{}ABansweri s()[],\n-"))
def test_verifiers_are_total(answer: str) -> None:
    for verifier, truth in ((exact, "a"), (choice, "A"), (json_value, {"answer": {}}), (item_set, ["a", "b"])):
        verdict = judge(verifier, truth, answer)
        assert isinstance(verdict, Scored)
        assert verdict.score in (0.0, 1.0)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=8,
    )
)
def test_json_equals_itself(value: Any) -> None:
    verdict = judge(json_value, {"answer": value}, json.dumps(value))
    assert isinstance(verdict, Scored)
    assert verdict.score == 1.0


def test_last_boxed_balances_braces() -> None:
    assert last_boxed("\\boxed{1} then \\boxed{\\frac{1}{2}}.") == "\\frac{1}{2}"
    assert last_boxed("\\boxed{1") is None
    assert last_boxed("none") is None
