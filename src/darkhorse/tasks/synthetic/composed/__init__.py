"""Suite `composed`: short texts under one to five constraints of nearly fifty kinds, for training only.

Every task is proved solvable: its demonstration is a text on which all constraints hold. `near_misses` gives texts that
fail exactly one of them.
"""

from __future__ import annotations

import itertools
import random
from dataclasses import replace

from darkhorse.tasks import constraints as c
from darkhorse.tasks.synthetic import prose
from darkhorse.tasks.synthetic.base import Generator
from darkhorse.tasks.synthetic.composed.compatibility import choose
from darkhorse.tasks.synthetic.composed.construct import construct
from darkhorse.tasks.synthetic.composed.near_misses import near_misses
from darkhorse.tasks.synthetic.composed.wording import MAKERS
from darkhorse.tasks.synthetic.traces import choose_style, demonstrate
from darkhorse.tasks.task import Demonstration

__all__ = ["GENERATORS", "MAKERS", "choose", "construct", "near_misses"]

_OPENINGS = (
    "Tell me something about {one}.",
    "I want to read a few words about {one}.",
    "Compose a small text in which {one} appears.",
    "Your subject: {one}. Name it.",
    "Make up a little piece that speaks of {one}.",
)
_INTRODUCTIONS = ("", " Mind this:", " There are rules:", " Obey what follows.")


def sample_composed(rng: random.Random, level: int) -> Demonstration:
    """A text about a topic under `level` constraints."""
    for _ in itertools.count():
        kinds = choose(rng, level)
        topic = prose.choose_topic(rng)
        instructions = [MAKERS[kind](rng) for kind in kinds]
        rules = [one.rule for one in instructions]
        text = construct(rng, topic, rules)
        if text is None:
            continue
        opening = rng.choice(_OPENINGS).format(one=topic.one) + (rng.choice(_INTRODUCTIONS) if level > 1 else "")
        question = " ".join((opening, *(one.wording for one in instructions)))
        thinking = f"Rules: {'; '.join((f'about the {topic.noun}', *(one.note for one in instructions)))}."
        truth = {"constraints": [c.Topic(word=topic.noun).model_dump(), *(rule.model_dump() for rule in rules)]}
        made = demonstrate(question, "instructions", truth, choose_style(rng), thinking, text)
        return replace(made, task=replace(made.task, metadata={**made.task.metadata, "kinds": kinds}))
    raise AssertionError("unreachable: the attempts are endless")


GENERATORS: tuple[Generator, ...] = (Generator("composed", "write", 5, sample_composed),)
