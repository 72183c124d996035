"""Arguments to test functions with: edge cases first, then random ones near a program's constants."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

_RANDOM_CANDIDATES = 60
_LETTERS = "abcdeilnorstuABEST "


def _integer(rng: random.Random, hints: Sequence[int]) -> int:
    if hints and rng.random() < 0.4:
        return rng.choice(hints) + rng.randint(-1, 1)
    return rng.randint(-20, 30)


def _integers(rng: random.Random, hints: Sequence[int]) -> list[int]:
    numbers = [_integer(rng, hints) for _ in range(rng.randint(3, 7))]
    return [*numbers, rng.choice(numbers)] if rng.random() < 0.4 else numbers


def _string(rng: random.Random, hints: Sequence[str]) -> str:
    letters = _LETTERS + "".join(hints) * 3
    return "".join(rng.choice(letters) for _ in range(rng.randint(3, 9)))


def candidates(
    kind: str, count: int, hints: Sequence[int | str], rng: random.Random
) -> tuple[list[list[Any]], list[list[Any]]]:
    """Edge cases and random argument lists for a function of `count` parameters of one kind."""
    numbers = [hint for hint in hints if isinstance(hint, int)]
    words = [hint for hint in hints if isinstance(hint, str)]
    if kind == "int":
        edges = [[0] * count, [-(3 + index) for index in range(count)], [1 + 4 * index for index in range(count)]]
        return edges, [[_integer(rng, numbers) for _ in range(count)] for _ in range(_RANDOM_CANDIDATES)]
    if kind == "list":
        lists = [[_integers(rng, numbers)] for _ in range(_RANDOM_CANDIDATES)]
        return [[[]], [[0]], [[-5, -2, -2, -8]]], [list(item) for item in lists]
    return [[""], ["a"]], [[_string(rng, words)] for _ in range(_RANDOM_CANDIDATES)]
