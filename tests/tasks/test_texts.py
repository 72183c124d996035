"""Cutting texts into words, phrases and sentences."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.tasks.texts import (
    count_phrase,
    count_words,
    filled_lines,
    prose_sentences,
    sentence_range,
    word_pieces,
)


@pytest.mark.parametrize(
    ("text", "phrase", "count"),
    [
        ("War and war", "war", 2),
        ("toward wars", "war", 0),
        ("c++ is C++.", "C++", 2),
        ("so it  goes\nso it goes", "So it goes", 2),
        ("can’t", "can't", 1),
        ("हिंदी भाषा", "हिंद", 0),
        ("今天天气好", "天气", 1),
        ("aaa", "aa", 0),
        ("aa aa", "aa", 2),
        ("x", "", 0),
    ],
)
def test_phrases_are_counted_as_whole_words(text: str, phrase: str, count: int) -> None:
    assert count_phrase(text, phrase) == count


def test_words_of_any_script() -> None:
    assert word_pieces("Don't मैं हूँ। É-book") == ["don't", "मैं", "हूँ", "é-book"]
    assert count_words("don't - well-known 3.5!") == 3
    assert count_words("今天 good") == 3


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Dr. Lee met J. K. Fox. He left.", ["Dr. Lee met J. K. Fox.", "He left."]),
        ('"Go!" he said. She went.', ['"Go!" he said.', "She went."]),
        ("# Heading\n\nIt is.\n- one thing\n- two. Three", ["It is.", "one thing", "two.", "Three"]),
        ("So did I. all small. yes", ["So did I.", "all small.", "yes"]),
        ("यह है। वह है।", ["यह है।", "वह है।"]),
        ("Well… it goes on.", ["Well… it goes on."]),
    ],
)
def test_sentences_of_formatted_texts(text: str, sentences: list[str]) -> None:
    assert prose_sentences(text) == sentences


def test_how_many_sentences_at_least_and_at_most() -> None:
    assert sentence_range("It is. It was") == (1, 2)
    assert sentence_range('It "is."\n\n- one\n- two') == (1, 3)
    assert sentence_range("# What?\n\n**Who**\nIt is.") == (1, 3)
    assert sentence_range("**It is. It was. It will be.**") == (3, 3)
    assert sentence_range("") == (0, 0)


def test_filled_lines() -> None:
    assert filled_lines(" a b \n\n---\nc") == ["a b", "c"]
    assert filled_lines("a b\nc", least=2) == ["a b"]


@given(st.text())
def test_counts_are_total(text: str) -> None:
    least, most = sentence_range(text)
    assert 0 <= least <= most
    assert count_words(text) >= 0
    assert count_phrase(text, text) in range(len(text) + 1)
