"""Preference pairs by index, with a held-out side."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from darkhorse.errors import UserError
from darkhorse.tasks.sources import load_rows
from darkhorse.tasks.synthetic.preference import pair
from darkhorse.tasks.task import PreferencePair, is_held_out


class PairSource(Protocol):
    """Pairs to train on, and others to measure on."""

    def train(self, index: int) -> PreferencePair:
        """The training pair at `index`; endless."""
        ...

    def held_out(self, count: int) -> list[PreferencePair]:
        """The first `count` held-out pairs."""
        ...


class SyntheticPairs:
    """Generated pairs; a prompt's text decides its side."""

    def __init__(self, seed: int) -> None:
        self._seed = seed

    def train(self, index: int) -> PreferencePair:
        """See `PairSource`."""
        return self._draw(f"{self._seed}/train/{index}", held_out=False)

    def held_out(self, count: int) -> list[PreferencePair]:
        """See `PairSource`; the same for every seed."""
        return [self._draw(f"held_out/{index}", held_out=True) for index in range(count)]

    def _draw(self, key: str, held_out: bool) -> PreferencePair:
        rng = random.Random(key)
        while True:
            drawn = pair(rng)
            if is_held_out(drawn.prompt) == held_out:
                return drawn


class FilePairs:
    """Pairs of a file whose rows hold `prompt` (text or messages), `chosen` and `rejected` (text).

    Raises:
        UserError: if the file cannot be read, a row lacks a field, or one of the sides is empty.
    """

    def __init__(self, path: str, seed: int) -> None:
        rows = [_pair(row, path, number) for number, row in enumerate(load_rows(Path(path)), start=1)]
        random.Random(seed).shuffle(rows)
        self._held_out = [row for row in rows if is_held_out(row.prompt)]
        self._train = [row for row in rows if not is_held_out(row.prompt)]
        if not self._train or not self._held_out:
            raise UserError(f"'{path}' holds too few pairs ({len(rows)}).", "Give at least a few dozen.")

    def train(self, index: int) -> PreferencePair:
        """See `PairSource`; the file starts over when it ends."""
        return self._train[index % len(self._train)]

    def held_out(self, count: int) -> list[PreferencePair]:
        """See `PairSource`."""
        return self._held_out[:count]


def build_pairs(name: str, seed: int) -> PairSource:
    """`synthetic`, or the pairs of a file."""
    return SyntheticPairs(seed) if name == "synthetic" else FilePairs(name, seed)


def _pair(row: dict[str, Any], path: str, number: int) -> PreferencePair:
    prompt = row.get("prompt")
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    checks: dict[str, Callable[[Any], bool]] = {
        "prompt": lambda _: isinstance(messages, list) and bool(messages),
        "chosen": lambda value: isinstance(value, str) and bool(value),
        "rejected": lambda value: isinstance(value, str) and bool(value),
    }
    for field, valid in checks.items():
        if not valid(row.get(field)):
            raise UserError(
                f"'{path}', row {number}: '{field}' is {row.get(field)!r:.80}.",
                "Give 'prompt' (text or messages), 'chosen' and 'rejected' (text) in every row.",
            )
    assert isinstance(messages, list)
    return PreferencePair(tuple(messages), row["chosen"], row["rejected"], path)
