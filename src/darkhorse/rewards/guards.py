"""Gates an answer passes before a learned reward may speak: what a reward model is easily fooled by scores nothing."""

from __future__ import annotations

import re

from darkhorse.chat.reasoning import Response
from darkhorse.tasks.texts import bare_words, sentences

_MIN_WORDS, _MAX_WORDS = 3, 120
_REPEATED = re.compile(r"(\b\w+(?:\W+\w+){2,7})(?:\W+\1){2,}", re.IGNORECASE)
_SELF_PRAISE = re.compile(r"\b(score|rating|reward|grade)\s*[:=]\s*\d", re.IGNORECASE)


def guard(response: Response) -> str | None:
    """Why an answer must not be scored by a reward model; None when it may be."""
    if not response.closed or not response.answer:
        return "no answer after the thinking"
    if response.truncated:
        return "the answer was cut off"
    words = len(response.answer.split())
    if not _MIN_WORDS <= words <= _MAX_WORDS:
        return f"{words} words (allowed: {_MIN_WORDS} to {_MAX_WORDS})"
    if _REPEATED.search(response.answer[:2000]):
        return "a phrase is repeated over and over"
    if _says_a_sentence_twice(response.answer):
        return "a sentence is said twice"
    if _SELF_PRAISE.search(response.answer):
        return "the answer speaks of its own score"
    return None


def _says_a_sentence_twice(answer: str) -> bool:
    said = [tuple(bare_words(sentence)) for sentence in sentences(answer)]
    said = [words for words in said if len(words) >= _MIN_WORDS]
    return len(set(said)) < len(said)
