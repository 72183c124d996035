"""Steps, phrases and conditions over integers, each in words, in source and in meaning."""

from __future__ import annotations

import operator
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from darkhorse.tasks.synthetic.programming.value import (
    Run,
    Value,
    call,
    constant,
    infix,
    name,
    negate,
    square,
)


@dataclass(frozen=True)
class Step:
    """Something done to a value so far, called "it" in the words."""

    words: str
    apply: Callable[[Value], Value]
    hints: tuple[int | str, ...] = ()


@dataclass(frozen=True)
class Phrase:
    """A noun phrase for a value, e.g. `the larger of a and b`."""

    words: str
    value: Value


@dataclass(frozen=True)
class Condition:
    """A condition in words (`a is even`), source and meaning; `parts` are the two sides of a joined one."""

    words: str
    code: str
    run: Run
    hints: tuple[int, ...] = ()
    parts: tuple[Condition, ...] = ()


def integer_step(rng: random.Random, names: Sequence[str], level: int) -> Step:
    """A step of arithmetic with a constant or one of `names`: the easy ones at level 1, all of them above."""
    k, small = rng.randint(2, 12), rng.randint(2, 9)
    number, factor = constant(k), constant(small)
    steps = [
        Step(f"add {k} to it", lambda v: infix(v, "+", number)),
        Step(f"subtract {k} from it", lambda v: infix(v, "-", number)),
        Step(f"multiply it by {small}", lambda v: infix(v, "*", factor)),
    ]
    if level >= 2:
        steps += [
            Step(f"subtract it from {k}", lambda v: infix(number, "-", v)),
            Step("square it", square),
            Step("negate it", negate),
            Step("take its absolute value", lambda v: call("abs", v)),
            Step(f"floor-divide it by {small}", lambda v: infix(v, "//", factor)),
            Step(f"take it modulo {small} (Python's %)", lambda v: infix(v, "%", factor)),
            Step(f"take the larger of it and {k}", lambda v: call("max", v, number), (k,)),
            Step(f"take the smaller of it and {k}", lambda v: call("min", v, number), (k,)),
        ]
    if names:
        steps += _steps_with(rng.choice(names), level)
    return rng.choice(steps)


def _steps_with(word: str, level: int) -> list[Step]:
    variable = name(word)
    steps = [
        Step(f"add {word} to it", lambda v: infix(v, "+", variable)),
        Step(f"subtract {word} from it", lambda v: infix(v, "-", variable)),
        Step(f"multiply it by {word}", lambda v: infix(v, "*", variable)),
    ]
    if level >= 2:
        steps += [
            Step(f"subtract it from {word}", lambda v: infix(variable, "-", v)),
            Step(f"take the larger of it and {word}", lambda v: call("max", v, variable)),
            Step(f"take the smaller of it and {word}", lambda v: call("min", v, variable)),
        ]
    return steps


def integer_phrase(rng: random.Random, names: Sequence[str], level: int) -> Phrase:
    """A noun phrase over one or two of `names`; from level 2 also absolute values, squares and remainders."""
    first, second = rng.sample(list(names), 2) if len(names) > 1 else (names[0], names[0])
    k = rng.randint(2, 9)
    a, b, number = name(first), name(second), constant(k)
    phrases = [
        Phrase(f"{first} plus {k}", infix(a, "+", number)),
        Phrase(f"{first} minus {k}", infix(a, "-", number)),
        Phrase(f"{k} times {first}", infix(number, "*", a)),
        Phrase(f"{k} minus {first}", infix(number, "-", a)),
    ]
    if len(names) > 1:
        phrases += [
            Phrase(f"the sum of {first} and {second}", infix(a, "+", b)),
            Phrase(f"{first} minus {second}", infix(a, "-", b)),
            Phrase(f"the product of {first} and {second}", infix(a, "*", b)),
            Phrase(f"the larger of {first} and {second}", call("max", a, b)),
            Phrase(f"the smaller of {first} and {second}", call("min", a, b)),
        ]
    if level >= 2:
        phrases += [
            Phrase(f"the square of {first}", square(a)),
            Phrase(f"the absolute value of {first}", call("abs", a)),
            Phrase(f"{first} modulo {k} (Python's %)", infix(a, "%", number)),
            Phrase(f"the larger of {first} and {k}", call("max", a, number)),
        ]
        if len(names) > 1:
            phrases.append(Phrase(f"the absolute difference of {first} and {second}", call("abs", infix(a, "-", b))))
    return rng.choice(phrases)


_COMPARISONS: dict[str, tuple[str, Callable[[Any, Any], bool]]] = {
    "is greater than": (">", operator.gt),
    "is less than": ("<", operator.lt),
    "is at least": (">=", operator.ge),
    "is at most": ("<=", operator.le),
}


def _compare(words: str, left: Value, right: Value, right_words: str, hints: tuple[int, ...] = ()) -> Condition:
    symbol, function = _COMPARISONS[words]
    return Condition(
        f"{left.code} {words} {right_words}",
        f"{left.code} {symbol} {right.code}",
        lambda env: function(left.run(env), right.run(env)),
        hints,
    )


def _remainder(left: Value, divisor: int, remainder: int, words: str) -> Condition:
    return Condition(
        f"{left.code} {words}",
        f"{left.code} % {divisor} == {remainder}",
        lambda env: left.run(env) % divisor == remainder,
        (divisor, 2 * divisor),
    )


def integer_condition(rng: random.Random, names: Sequence[str]) -> Condition:
    """A comparison, a parity or a divisibility over `names`."""
    words = rng.choice(list(_COMPARISONS))
    k, divisor = rng.randint(1, 15), rng.randint(3, 7)
    first, second = rng.sample(list(names), 2) if len(names) > 1 else (names[0], names[0])
    a = name(first)
    conditions = [
        _compare(words, a, constant(k), str(k), (k,)),
        _remainder(a, 2, 0, "is even"),
        _remainder(a, 2, 1, "is odd"),
        _remainder(a, divisor, 0, f"is divisible by {divisor}"),
        Condition(f"{first} is negative", f"{first} < 0", lambda env: bool(env[first] < 0)),
    ]
    if len(names) > 1:
        conditions += [_compare(words, a, name(second), second)] * 3
    return rng.choice(conditions)


def both_or_either(rng: random.Random, first: Condition, second: Condition) -> Condition:
    """Two conditions joined by `and` or `or`."""
    hints = first.hints + second.hints
    if rng.random() < 0.5:
        words, code = f"{first.words} and {second.words}", f"{first.code} and {second.code}"
        return Condition(words, code, lambda env: first.run(env) and second.run(env), hints, (first, second))
    words, code = f"{first.words} or {second.words}", f"{first.code} or {second.code}"
    return Condition(words, code, lambda env: first.run(env) or second.run(env), hints, (first, second))
