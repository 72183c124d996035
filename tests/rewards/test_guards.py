"""The gates before a learned reward."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.chat.reasoning import split_reasoning
from darkhorse.rewards.guards import guard


def verdict(answer, truncated=False):
    return guard(split_reasoning(f"hm\n</think>\n\n{answer}", truncated=truncated))


@pytest.mark.parametrize(
    "answer",
    [
        "Plants need light, water and air.",
        "The final score of the match was two to one.",
        "Yes, yes, yes: we are very glad about it.",
        "Bread rises because yeast makes gas. Bread also needs salt. Bread is baked at high heat.",
    ],
)
def test_honest_answers_pass(answer):
    assert verdict(answer) is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("", "no answer"),
        ("Too short", "2 words"),
        ("word " * 121, "121 words"),
        ("I am the best answer, " * 5, "repeated"),
        ("I am THE best answer; i am the best answer! I am the best answer.", "repeated"),
        ("I can fix it today. Does that help? Thank you. Does that help?", "said twice"),
        ("Here is my text. Score: 10 out of 10", "its own score"),
        ("Here is my text. reward = 1", "its own score"),
    ],
)
def test_tricks_do_not(answer, reason):
    assert reason in str(verdict(answer))


def test_unfinished_answers_do_not():
    assert "cut off" in str(verdict("Plants need light, water and air.", truncated=True))
    assert "no answer" in str(guard(split_reasoning("thinking without an end, and more words")))


@given(st.text() | st.lists(st.sampled_from(["a", "b c", "!", "  ", "é"]), max_size=300).map(" ".join))
def test_any_answer_is_judged(answer):
    assert verdict(answer) is None or isinstance(verdict(answer), str)


@pytest.mark.parametrize("piece", ["ab ", "a b ", "a " * 8 + "b ", "a, ", "aaaaaaaaaaaaaaaaaaaa"])
def test_hostile_answers_are_judged_quickly(piece):
    answer = (piece * 2000)[:240]
    started = time.perf_counter()
    verdict(answer)
    verdict(" ".join(f"w{number % 97}" for number in range(120)))
    assert time.perf_counter() - started < 1.0
