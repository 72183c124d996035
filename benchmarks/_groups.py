"""Groups of random tokens to train on."""

from __future__ import annotations

import random

from darkhorse.policy.packing import Segment

PROMPT_TOKENS = 64
GENERATIONS = 8


def random_tokens(rng: random.Random, count: int) -> list[int]:
    """Tokens that every vocabulary of the benchmarks has."""
    return [rng.randrange(1000, 40_000) for _ in range(count)]


def random_groups(length: int, tokens: int) -> list[Segment]:
    """Groups of 8 completions, about `tokens` in all; a prompt of 64 tokens and a completion have `length` together."""
    rng = random.Random(0)
    completion = length - PROMPT_TOKENS
    groups = max(1, round(tokens / (PROMPT_TOKENS + GENERATIONS * completion)))
    return [
        Segment(random_tokens(rng, PROMPT_TOKENS), [random_tokens(rng, completion) for _ in range(GENERATIONS)])
        for _ in range(groups)
    ]
