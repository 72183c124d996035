"""What a synthetic generator is, and how items are drawn from a suite: by index, without state."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from darkhorse.tasks.task import Demonstration, is_held_out

Split = Literal["train", "held_out"]
Sampler = Callable[[random.Random, int], Demonstration]
"""Draws one demonstration at a difficulty level from a seeded generator; ids are set by the caller."""


@dataclass(frozen=True)
class Generator:
    """A kind of task.

    Attributes:
        suite: e.g. `mathematics`.
        name: e.g. `gcd`; unique in its suite.
        levels: number of rungs of the difficulty ladder; levels run from 1 to `levels`.
        sample: draws one demonstration.
    """

    suite: str
    name: str
    levels: int
    sample: Sampler


def draw(
    generators: Sequence[Generator], seed: int | str, split: Split, index: int, levels: tuple[int, int] = (1, 99)
) -> Demonstration:
    """Item `index` of an endless, reproducible sequence over `generators` (in turn), inside one split.

    Args:
        generators: the kinds to draw from, cycled by index.
        seed: names the sequence.
        split: `train` or `held_out`; decided by the normalised prompt, so no prompt is ever in both.
        index: position in the sequence, from 0.
        levels: lowest and highest difficulty, clipped to each generator's ladder.

    Raises:
        RuntimeError: if a generator's space is too small to reach the split.
    """
    generator = generators[index % len(generators)]
    rng = random.Random(f"{seed}/{split}/{generator.suite}/{generator.name}/{index}")
    low, high = (min(level, generator.levels) for level in levels)
    for _ in range(1000):
        level = rng.randint(low, high)
        demonstration = generator.sample(rng, level)
        if is_held_out(demonstration.task.prompt) == (split == "held_out"):
            task = replace(
                demonstration.task,
                id=f"{generator.suite}/{generator.name}/{split}/{seed}/{index}",
                source=f"{generator.suite}/{generator.name}",
                metadata={**demonstration.task.metadata, "level": level},
            )
            return replace(demonstration, task=task)
    raise RuntimeError(f"generator {generator.suite}/{generator.name} has no {split} prompt at levels {levels}")


def unique(demonstrations: Iterator[Demonstration], count: int) -> list[Demonstration]:
    """The first `count` demonstrations with different prompts; stops after 50 x `count` draws."""
    seen: dict[str, Demonstration] = {}
    for number, demonstration in enumerate(demonstrations):
        seen.setdefault(repr((demonstration.task.prompt, demonstration.task.tools)), demonstration)
        if len(seen) >= count or number >= 50 * count:
            break
    return list(seen.values())
