"""What stands in for NLTK where it is not installed: sentences, tokens, and the choice between the two."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.verify.instructions import libraries, punkt, treebank


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("It is. It was.", ["It is.", "It was."]),
        ("Dr. Lee met Mr. Fox at 5 p.m. today. He left.", ["Dr. Lee met Mr. Fox at 5 p.m. today.", "He left."]),
        ("J. K. Rowling wrote it.", ["J. K. Rowling wrote it."]),
        ('She said "No." Then she left.', ['She said "No."', "Then she left."]),
        ("What?! No way!", ["What?!", "No way!"]),
        ("So it goes... and on.", ["So it goes... and on."]),
        ("It ends... But it does not.", ["It ends...", "But it does not."]),
        ("Pay 3.50 now", ["Pay 3.50 now"]),
        ("1. Go home\n2. Stay", ["1.", "Go home\n2.", "Stay"]),
        ("one\n\ntwo", ["one\n\ntwo"]),
        ("  ", []),
    ],
)
def test_sentences_end_where_punkt_ends_them(text: str, sentences: list[str]) -> None:
    assert punkt.split(text) == sentences


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("I can't go.", ["I", "ca", "n't", "go", "."]),
        ("CANNOT, he said", ["CAN", "NOT", ",", "he", "said"]),
        ('"Yes," it\'s 3.5', ["``", "Yes", ",", "''", "it", "'s", "3.5"]),
        ("(a) [b] -- c...", ["(", "a", ")", "[", "b", "]", "--", "c", "..."]),
        ("the U.S. of A-B.", ["the", "U.S.", "of", "A-B", "."]),
    ],
)
def test_tokens_follow_the_treebank(text: str, tokens: list[str]) -> None:
    assert treebank.tokens(text) == tokens


@given(st.text(alphabet="aB. !?\"')\n") | st.text())
def test_sentences_keep_the_text_but_for_whitespace(text: str) -> None:
    assert "".join("".join(punkt.split(text)).split()) == "".join(text.split())


def test_what_is_not_installed_has_a_stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_punkt", "_tagger", "_langdetect", "_syllapy"):
        monkeypatch.setattr(libraries, name, lambda: None)
    assert not any(libraries.installed().values())
    assert libraries.sentences("It is. It was.") == ["It is.", "It was."]
    assert libraries.tokens("It is. It was.") == ["It", "is", ".", "It", "was", "."]
    assert libraries.language("The river is long and it runs.") == "en"
    assert libraries.language("DONALD TRUMP") == "und"
    assert libraries.language("12 + 3") is None
    assert libraries.syllables("river") == 2
    assert libraries.begins_with_verb("Run home.")


def test_what_is_installed_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(libraries, "_punkt", lambda: lambda text: [text])
    monkeypatch.setattr(libraries, "_langdetect", lambda: lambda text: "xx")
    monkeypatch.setattr(libraries, "_syllapy", lambda: lambda word: 7)
    monkeypatch.setattr(libraries, "_tagger", lambda: lambda tokens: [(tokens[0], "VBZ")])
    assert libraries.sentences("It is. It was.") == ["It is. It was."]
    assert libraries.language("The river") == "xx"
    assert libraries.syllables("river") == 7
    assert libraries.begins_with_verb("table")
