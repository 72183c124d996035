"""Constraints on sentences, lines and paragraphs."""

from __future__ import annotations

from typing import Literal

from darkhorse.tasks.constraints.rule import Count, Relation, Rule, compare
from darkhorse.tasks.texts import bare_words, filled_lines, prose_sentences, sentences, words


class SentenceCount(Rule):
    """So many sentences."""

    kind: Literal["sentence_count"] = "sentence_count"
    relation: Relation
    count: Count

    def _check(self, text: str) -> bool:
        return compare(len(sentences(text)), self.relation, self.count)


class SentenceLength(Rule):
    """Each sentence has at most, at least or exactly so many words."""

    kind: Literal["sentence_length"] = "sentence_length"
    relation: Relation
    count: Count

    def _check(self, text: str) -> bool:
        found = prose_sentences(text)
        return bool(found) and all(compare(len(words(one)), self.relation, self.count) for one in found)


class DifferentOpeners(Rule):
    """At least two sentences, and no two begin with the same word."""

    kind: Literal["different_openers"] = "different_openers"

    def _check(self, text: str) -> bool:
        openers = [found[0] for one in prose_sentences(text) if (found := bare_words(one))]
        return len(openers) > 1 and len(openers) == len(set(openers))


class SentenceMark(Rule):
    """Every sentence ends with this mark (a closing quote may follow)."""

    kind: Literal["sentence_mark"] = "sentence_mark"
    mark: Literal["!", "?"]

    def _check(self, text: str) -> bool:
        found = prose_sentences(text)
        return bool(found) and all(one.rstrip("\"'”’)]*_ ").endswith(self.mark) for one in found)


class ParagraphCount(Rule):
    """So many paragraphs with words in them, between empty lines."""

    kind: Literal["paragraph_count"] = "paragraph_count"
    relation: Relation
    count: Count

    def _check(self, text: str) -> bool:
        found: list[list[str]] = [[]]
        for line in text.splitlines():
            if line.strip():
                found[-1].append(line)
            else:
                found.append([])
        return compare(sum(bool(words(" ".join(part))) for part in found), self.relation, self.count)


class LineCount(Rule):
    """So many lines with words in them."""

    kind: Literal["line_count"] = "line_count"
    relation: Relation
    count: Count

    def _check(self, text: str) -> bool:
        return compare(len(filled_lines(text)), self.relation, self.count)
