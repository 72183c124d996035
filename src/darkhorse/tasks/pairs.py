"""Preference pairs by index, with a held-out side."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from darkhorse.errors import UserError
from darkhorse.tasks.sources import load_rows
from darkhorse.tasks.synthetic.preference import pair
from darkhorse.tasks.task import PreferencePair, is_held_out

_MOST_IN_A_ROW = 5000


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
    """Pairs of a file whose rows hold `prompt` (text or messages), `chosen` and `rejected` (text), and optionally
    `margin` (a number that is not negative).

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


class ShortPairs:
    """The pairs of another source whose answers fit a limit; those left out are counted.

    Args:
        pairs: what to choose from.
        fits: whether a pair is short enough.

    Attributes:
        overlong: training pairs left out so far.
        overlong_held_out: held-out pairs left out when last asked.
    """

    def __init__(self, pairs: PairSource, fits: Callable[[PreferencePair], bool]) -> None:
        self._pairs, self._fits = pairs, fits
        self._places: list[int] = []  # of those that fit, in the source
        self._next = 0
        self.overlong = 0
        self.overlong_held_out = 0

    def train(self, index: int) -> PreferencePair:
        """The training pair that stands at `index` among those that fit.

        Raises:
            UserError: if thousands in a row do not.
        """
        while len(self._places) <= index:
            if self._next - (self._places[-1] if self._places else 0) > _MOST_IN_A_ROW:
                raise UserError(f"The last {_MOST_IN_A_ROW} pairs are all overlong.", "Raise the stage's 'max_tokens'.")
            if self._fits(self._pairs.train(self._next)):
                self._places.append(self._next)
            else:
                self.overlong += 1
            self._next += 1
        return self._pairs.train(self._places[index])

    def held_out(self, count: int) -> list[PreferencePair]:
        """Those of the first `count` held-out pairs that fit.

        Raises:
            UserError: if none does.
        """
        pairs = self._pairs.held_out(count)
        fitting = [pair for pair in pairs if self._fits(pair)]
        self.overlong_held_out = len(pairs) - len(fitting)
        if not fitting:
            raise UserError(f"All {len(pairs)} held-out pairs are overlong.", "Raise the stage's 'max_tokens'.")
        return fitting


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
        "margin": _is_margin,
    }
    for field, valid in checks.items():
        if not valid(row.get(field)):
            raise UserError(
                f"'{path}', row {number}: '{field}' is {row.get(field)!r:.80}.",
                "Give 'prompt' (text or messages), 'chosen' and 'rejected' (text) in every row, and if you like a "
                "'margin' (a number from 0).",
            )
    assert isinstance(messages, list)
    return PreferencePair(tuple(messages), row["chosen"], row["rejected"], path, row.get("margin"))


def _is_margin(value: Any) -> bool:
    return value is None or (isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < math.inf)
