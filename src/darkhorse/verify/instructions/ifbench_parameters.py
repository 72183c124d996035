"""Parameters of IFBench's instruction types, under the names of its data."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from darkhorse.verify.instructions.specs import Count, Parameters, Phrase


class WordRange(Parameters):
    """Fewest and most words."""

    min_words: Count
    max_words: Count


class Number(Parameters):
    """How many."""

    N: Count


class Position(Parameters):
    """Every how many words."""

    N: Annotated[int, Field(ge=1)]


class SmallNumber(Parameters):
    """How many."""

    small_n: Count


class Percentage(Parameters):
    """The highest share, in percent."""

    percentage: Annotated[float, Field(ge=0, le=100)]


class Overlap(Parameters):
    """The share of trigrams, in percent, that stand in a reference text."""

    reference_text: Phrase
    percentage: Annotated[float, Field(ge=0, le=100)]


class Options(Parameters):
    """The options, as one text."""

    options: Phrase


class SentenceKeyword(Parameters):
    """A word, and the sentence it belongs in."""

    word: Phrase
    N: Annotated[int, Field(ge=1)]


class Separator(Parameters):
    """What stands in the place of bullets."""

    sep: Phrase


class FiveKeywords(Parameters):
    """Five words, for one, two, three, five and seven occurrences."""

    keyword1: Phrase
    keyword2: Phrase
    keyword3: Phrase
    keyword4: Phrase
    keyword5: Phrase

    @property
    def counts(self) -> tuple[tuple[str, int], ...]:
        """Each word and how often it occurs."""
        words = (self.keyword1, self.keyword2, self.keyword3, self.keyword4, self.keyword5)
        return tuple(zip(words, (1, 2, 3, 5, 7), strict=True))


class KeywordPosition(Parameters):
    """A word, its sentence and its place there, both from 1."""

    keyword: Phrase
    n: Annotated[int, Field(ge=1)]
    m: Annotated[int, Field(ge=1)]


class Keyword(Parameters):
    """A word."""

    keyword: Phrase


class Repeat(Parameters):
    """The request to repeat."""

    prompt_to_repeat: Phrase


class RepeatSpan(Parameters):
    """The request, and the first and last character to repeat."""

    prompt_to_repeat: Phrase
    n_start: Count
    n_end: Count
