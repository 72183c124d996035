"""Finding items of evaluation suites in training data: by 13-grams of words, and by whole prompts in a normal form
(Unicode NFKC, lower case, words and numbers only).

Source of the 13-grams: Brown et al. (2020), arXiv 2005.14165, appendix C.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from darkhorse.tasks.task import Task

GRAM = 13
"""Words in a row that must agree."""

_COMMON = 10
"""A 13-gram that stands in more items of one suite than this is its instruction or template, and says nothing."""
_SHORTEST_PROMPT = 20  # characters of a whole prompt worth comparing
_SHORTEST_GRAM = 8  # an item of fewer than 13 words is one piece, if it has so many
_WORD = re.compile(r"[^\W_]+")


@dataclass(frozen=True)
class Hit:
    """A piece of training data that holds an item of a suite.

    Attributes:
        row: number of the training item, from 0.
        suite: the suite.
        item: id of the suite's item.
        rule: `prompt` where the whole prompts agree, `13-gram` where so many words in a row do, and `8-gram` to
            `12-gram` where the item has no more words than that.
        text: what agrees, for a person to look at.
        share: of the item's n-grams that stand in the training item; 1 for whole prompts.
    """

    row: int
    suite: str
    item: str
    rule: str
    text: str
    share: float


@dataclass
class SuiteIndex:
    """The prompts of suites, ready to be found in other text."""

    _prompts: dict[int, set[tuple[str, str]]] = field(default_factory=dict)
    _grams: dict[int, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    _sizes: dict[tuple[str, str], int] = field(default_factory=dict)
    _lengths: set[int] = field(default_factory=set)

    def add(self, suite: str, tasks: Iterable[Task]) -> None:
        """Add a suite's items: the last user message of each, without what all of its category share at both ends."""
        groups: dict[str, list[Task]] = {}
        for task in tasks:
            groups.setdefault(str(task.metadata.get("category", "")), []).append(task)
        grams: dict[int, list[tuple[str, str]]] = {}
        for group in groups.values():
            asked = [words(_asked(task)) for task in group]
            start, end = _shared_ends(asked)
            for task, said in zip(group, asked, strict=True):
                own = said[start : len(said) - end]
                self._add_item((suite, task.id), own, grams)
                self._add_prompt((suite, task.id), said)
        for gram, keys in grams.items():
            if len(keys) <= _COMMON:
                self._grams[gram] = self._grams.get(gram, ()) + tuple(keys)
            else:
                for key in keys:
                    self._sizes[key] -= 1

    def _add_item(self, key: tuple[str, str], said: list[str], grams: dict[int, list[tuple[str, str]]]) -> None:
        self._add_prompt(key, said)
        size = min(GRAM, max(_SHORTEST_GRAM, len(said)))
        own = {hash(gram) for gram in _grams(said, size)}
        self._lengths.add(size)
        self._sizes[key] = len(own)
        for gram in own:
            grams.setdefault(gram, []).append(key)

    def _add_prompt(self, key: tuple[str, str], said: list[str]) -> None:
        text = " ".join(said)
        if len(text) >= _SHORTEST_PROMPT:
            self._prompts.setdefault(hash(text), set()).add(key)

    def find(self, row: int, texts: Iterable[str]) -> list[Hit]:
        """The items that a training item holds, one hit for each.

        Args:
            row: the training item's number.
            texts: everything it shows to the model: its messages, and its answers.
        """
        hits: dict[tuple[str, str], Hit] = {}
        shared: dict[tuple[str, str], set[int]] = {}
        first: dict[tuple[str, str], str] = {}
        for text in texts:
            said = words(text)
            for key in self._prompts.get(hash(" ".join(said)), ()):
                hits[key] = Hit(row, *key, "prompt", text[:200], 1.0)
            for gram in (gram for size in self._lengths for gram in _grams(said, size)):
                digest = hash(gram)
                for key in self._grams.get(digest, ()):
                    shared.setdefault(key, set()).add(digest)
                    first.setdefault(key, gram)
        for key, grams in shared.items():
            share = len(grams) / max(1, self._sizes[key])
            hits.setdefault(key, Hit(row, *key, f"{len(first[key].split())}-gram", first[key], share))
        return list(hits.values())


def words(text: str) -> list[str]:
    """Words and numbers in lower case, without punctuation."""
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def row_texts(row: Any, depth: int = 6) -> Iterator[str]:
    """Every text in a row of training data, however deep it lies.

    Args:
        row: of any shape: messages, columns, nested fields.
        depth: how deep to look.
    """
    if isinstance(row, str):
        yield row
    elif isinstance(row, dict) and depth:
        for value in row.values():
            yield from row_texts(value, depth - 1)
    elif isinstance(row, list | tuple) and depth:
        for value in row:
            yield from row_texts(value, depth - 1)


def _asked(task: Task) -> str:
    said = [str(message.get("content") or "") for message in task.prompt if message.get("role") == "user"]
    return said[-1] if said else ""


def _shared_ends(asked: list[list[str]]) -> tuple[int, int]:
    """How many words all items begin with, and end with: their instruction."""
    if len(asked) < 2:
        return 0, 0
    shortest = min(map(len, asked))
    start = next((n for n in range(shortest) if len({said[n] for said in asked}) > 1), shortest)
    left = shortest - start
    end = next((n for n in range(left) if len({said[-1 - n] for said in asked}) > 1), left)
    return start, end


def _grams(found: list[str], size: int) -> Iterator[str]:
    for start in range(len(found) - size + 1):
        yield " ".join(found[start : start + size])
