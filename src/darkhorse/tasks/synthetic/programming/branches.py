"""Functions that choose among values by conditions."""

from __future__ import annotations

import random

from darkhorse.tasks.synthetic.programming.operations import (
    Condition,
    Phrase,
    both_or_either,
    integer_condition,
    integer_phrase,
)
from darkhorse.tasks.synthetic.programming.program import Program
from darkhorse.tasks.synthetic.programming.value import Env, Run, constant


def _choose(cases: list[tuple[Condition, Phrase]], default: Phrase) -> Run:
    def run(env: Env) -> int:
        for condition, phrase in cases:
            if condition.run(env):
                return int(phrase.value.run(env))
        return int(default.value.run(env))

    return run


def _phrase(rng: random.Random, names: tuple[str, ...], level: int) -> Phrase:
    if rng.random() < 0.2:
        k = rng.randint(0, 20)
        return Phrase(str(k), constant(k))
    return integer_phrase(rng, names, level)


def branches(rng: random.Random, level: int) -> Program:
    """One condition; richer values; two conditions in order; a joined condition."""
    names = rng.choice((("a", "b"), ("x", "y"), ("n", "m")) if level > 1 else (("a", "b"), ("x", "y"), ("n",), ("k",)))
    condition = integer_condition(rng, names)
    neighbours: list[Run] = []
    default = _phrase(rng, names, level)
    cases = [(condition, _phrase(rng, names, level))]
    if level == 3:
        cases.append((integer_condition(rng, names), _phrase(rng, names, level)))
    elif level == 4:
        condition = both_or_either(rng, condition, integer_condition(rng, names))
        cases = [(condition, cases[0][1])]
        neighbours += [_choose([(part, cases[0][1])], default) for part in condition.parts]
    neighbours += [_choose([], phrase) for phrase in (*(phrase for _, phrase in cases), default)]
    neighbours += [_choose([*cases[:index], *cases[index + 1 :]], default) for index in range(len(cases))]
    told = " Otherwise, ".join(
        f"{'If' if index == 0 else 'if'} {condition.words}, return {phrase.words}."
        for index, (condition, phrase) in enumerate(cases)
    )
    lines = [
        line for condition, phrase in cases for line in (f"if {condition.code}:", f"    return {phrase.value.code}")
    ]
    ternary = " else ".join(f"{phrase.value.code} if {condition.code}" for condition, phrase in cases)
    return Program(
        params=names,
        kind="int",
        description=f"{told} Otherwise return {default.words}.",
        body=(*lines, f"return {default.value.code}"),
        run=_choose(cases, default),
        neighbours=tuple(neighbours),
        steps="; ".join(f"{condition.code}: {phrase.value.code}" for condition, phrase in cases)
        + f"; else: {default.value.code}",
        brief="One conditional expression.",
        brief_body=(f"return {ternary} else {default.value.code}",),
        hints=tuple(hint for condition, _ in cases for hint in condition.hints),
    )
