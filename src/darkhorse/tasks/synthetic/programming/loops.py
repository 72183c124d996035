"""Functions that walk through numbers and update a total."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from darkhorse.tasks.synthetic.programming.operations import Condition, Phrase, integer_condition, integer_phrase
from darkhorse.tasks.synthetic.programming.program import Kind, Program
from darkhorse.tasks.synthetic.programming.value import Env, Run, name


@dataclass(frozen=True)
class _Walk:
    """What a loop goes through: words, the loop's source, its variable and its meaning."""

    params: tuple[str, ...]
    kind: Kind
    words: str
    code: str
    variable: str
    run: Callable[[Env], Iterable[int]]
    hints: tuple[int, ...] = ()


@dataclass(frozen=True)
class _Update:
    """A change of the total: words, source and meaning from the total and the variables."""

    words: str
    code: str
    run: Callable[[int, Env], int]


def _walk(rng: random.Random) -> _Walk:
    n = rng.choice("nmk")
    xs = rng.choice(("xs", "nums", "values"))
    return rng.choice(
        (
            _Walk(
                (n,),
                "int",
                f"each integer i from 1 to {n} inclusive (none if {n} < 1)",
                f"for i in range(1, {n} + 1):",
                "i",
                lambda env: range(1, env[n] + 1),
            ),
            _Walk(
                (n,),
                "int",
                f"each integer i from 0 to {n} - 1 (none if {n} < 1)",
                f"for i in range({n}):",
                "i",
                lambda env: range(env[n]),
            ),
            _Walk(
                (n,),
                "int",
                f"each decimal digit d of the absolute value of {n}, left to right",
                f"for d in map(int, str(abs({n}))):",
                "d",
                lambda env: [int(digit) for digit in str(abs(env[n]))],
                (405, 1987, 62_734, -8310),
            ),
            _Walk((xs,), "list", f"each element x of {xs} in order", f"for x in {xs}:", "x", lambda env: env[xs]),
        )
    )


def _update(rng: random.Random, variable: str, level: int) -> _Update:
    plain = Phrase(variable, name(variable))
    phrase = plain if rng.random() < 0.3 else integer_phrase(rng, (variable,), min(level, 2))
    words, value = phrase.words, phrase.value
    updates = [
        _Update(f"add {words} to total", f"total += {value.code}", lambda t, env: t + int(value.run(env))),
        _Update(f"subtract {words} from total", f"total -= {value.code}", lambda t, env: t - int(value.run(env))),
    ]
    if level == 4:
        updates += [
            _Update(
                f"double total, then add {words} to it",
                f"total = total * 2 + {value.code}",
                lambda t, env: t * 2 + int(value.run(env)),
            ),
            _Update(
                f"set total to the larger of total and {plain.words}",
                f"total = max(total, {plain.value.code})",
                lambda t, env: max(t, int(plain.value.run(env))),
            ),
            _Update("negate total", "total = -total", lambda t, env: -t),
        ]
    return rng.choice(updates)


def _total(walk: _Walk, start: int, condition: Condition | None, then: _Update, other: _Update | None) -> Run:
    def run(env: Env) -> int:
        total = start
        for number in walk.run(env):
            here = {walk.variable: number}
            if condition is None or condition.run(here):
                total = then.run(total, here)
            elif other is not None:
                total = other.run(total, here)
        return total

    return run


def loop(rng: random.Random, level: int) -> Program:
    """One update; under a condition; one of two updates; updates that depend on the total so far."""
    walk = _walk(rng)
    start = 0 if level == 1 else rng.choice((0, 0, 1, 5, 10))
    condition = integer_condition(rng, (walk.variable,)) if level >= 2 else None
    then = _update(rng, walk.variable, level)
    other = _update(rng, walk.variable, level) if level >= 3 else None
    told, lines, plan = then.words, [f"    {then.code}"], then.code
    neighbours = [_total(walk, start, None, then, None)] if condition else []
    if condition:
        told = f"if {condition.words}, {told}"
        lines = [f"    if {condition.code}:", f"        {then.code}"]
        plan = f"if {condition.code}: {plan}"
    if other:
        told = f"{told}; otherwise {other.words}"
        lines += ["    else:", f"        {other.code}"]
        plan = f"{plan}; else: {other.code}"
        neighbours += [_total(walk, start, None, other, None), _total(walk, start, condition, then, None)]
    body = (f"total = {start}", walk.code, *lines, "return total")
    return Program(
        params=walk.params,
        kind=walk.kind,
        description=f"Set total to {start}. For {walk.words}: {told}. Return total.",
        body=body,
        run=_total(walk, start, condition, then, other),
        neighbours=tuple(neighbours),
        steps=f"{walk.code.rstrip(':')}; {plan}" if level <= 2 else plan,
        brief="A loop with a total.",
        brief_body=body,
        hints=walk.hints or (condition.hints if condition else ()),
    )
