"""Constraints on words."""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import Field

from darkhorse.tasks.constraints.rule import Count, Line, Relation, Rule, Word, compare
from darkhorse.tasks.texts import bare_words, count_phrase, words


class Topic(Rule):
    """Some word begins with `word`, and at least `least_words` different words are used: an answer, not a token."""

    kind: Literal["topic"] = "topic"
    word: Word
    least_words: Count = 1

    def _check(self, text: str) -> bool:
        found = set(bare_words(text))
        return len(found) >= self.least_words and any(word.startswith(self.word.casefold()) for word in found)


class WordCount(Rule):
    """So many whitespace-separated words."""

    kind: Literal["word_count"] = "word_count"
    relation: Relation
    count: Count

    def _check(self, text: str) -> bool:
        return compare(len(words(text)), self.relation, self.count)


class StartsWith(Rule):
    """The first word."""

    kind: Literal["starts_with"] = "starts_with"
    word: Word

    def _check(self, text: str) -> bool:
        return bare_words(text)[:1] == [self.word.casefold()]


class EndsWith(Rule):
    """The last word, whatever punctuation follows."""

    kind: Literal["ends_with"] = "ends_with"
    word: Word

    def _check(self, text: str) -> bool:
        return bare_words(text)[-1:] == [self.word.casefold()]


class Keywords(Rule):
    """All of these words occur, as whole words."""

    kind: Literal["keywords"] = "keywords"
    words: Annotated[list[Word], Field(min_length=1)]

    def _check(self, text: str) -> bool:
        return {word.casefold() for word in self.words} <= set(bare_words(text))


class KeywordCount(Rule):
    """This whole word occurs exactly `count` times."""

    kind: Literal["keyword_count"] = "keyword_count"
    word: Word
    count: Count

    def _check(self, text: str) -> bool:
        return bare_words(text).count(self.word.casefold()) == self.count


class Forbidden(Rule):
    """None of these words occurs, as a whole word."""

    kind: Literal["forbidden"] = "forbidden"
    words: Annotated[list[Word], Field(min_length=1)]

    def _check(self, text: str) -> bool:
        return not {word.casefold() for word in self.words} & set(bare_words(text))


class WordOrder(Rule):
    """Both words occur, as whole words, and the first one's first occurrence comes first."""

    kind: Literal["word_order"] = "word_order"
    first: Word
    second: Word

    def _check(self, text: str) -> bool:
        found = bare_words(text)
        first, second = self.first.casefold(), self.second.casefold()
        return first in found and second in found and found.index(first) < found.index(second)


class NoDoubles(Rule):
    """No word follows itself."""

    kind: Literal["no_doubles"] = "no_doubles"

    def _check(self, text: str) -> bool:
        found = bare_words(text)
        return bool(found) and all(one != other for one, other in pairwise(found))


class WordLength(Rule):
    """No word has more than `count` letters and digits."""

    kind: Literal["word_length"] = "word_length"
    count: Count

    def _check(self, text: str) -> bool:
        found = bare_words(text)
        return bool(found) and all(sum(map(str.isalnum, word)) <= self.count for word in found)


class CapitalWords(Rule):
    """So many words of at least two letters in capitals."""

    kind: Literal["capital_words"] = "capital_words"
    relation: Relation
    count: Count

    def _check(self, text: str) -> bool:
        capital = (word for word in words(text) if word.isupper() and sum(map(str.isalpha, word)) > 1)
        return compare(sum(1 for _ in capital), self.relation, self.count)


class Refrain(Rule):
    """This phrase occurs exactly `count` times, whatever its case."""

    kind: Literal["refrain"] = "refrain"
    phrase: Line
    count: Count

    def _check(self, text: str) -> bool:
        return count_phrase(text, self.phrase) == self.count
