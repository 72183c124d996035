"""Functions over a list of integers: slice, filter, map, reduce."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

from darkhorse.tasks.synthetic.programming.chains import apply_steps
from darkhorse.tasks.synthetic.programming.operations import (
    Condition,
    Step,
    both_or_either,
    integer_condition,
    integer_step,
)
from darkhorse.tasks.synthetic.programming.program import Program
from darkhorse.tasks.synthetic.programming.value import Env, Run, Value, name

_X = name("x")


@dataclass(frozen=True)
class _Slice:
    words: str
    code: str
    run: Callable[[list[int]], list[int]]


@dataclass(frozen=True)
class _Reduction:
    """The last operation: words, the source around a comprehension (`{}`) and its meaning."""

    words: str
    code: str
    run: Callable[[list[int]], Any]
    generator: bool = False


@dataclass(frozen=True)
class _Query:
    param: str
    part: _Slice | None
    condition: Condition | None
    steps: tuple[Step, ...]
    reduction: _Reduction

    @property
    def value(self) -> Value:
        return apply_steps(_X, self.steps)

    @property
    def source(self) -> str:
        return self.param + (self.part.code if self.part else "")

    def run(self, env: Env) -> Any:
        numbers = self.part.run(list(env[self.param])) if self.part else list(env[self.param])
        kept = [x for x in numbers if self.condition is None or self.condition.run({"x": x})]
        value = self.value
        return self.reduction.run([value.run({"x": x}) for x in kept])

    def neighbours(self) -> tuple[Run, ...]:
        """The query with one of its parts left out."""
        others: list[Run] = []
        if self.part:
            others.append(replace(self, part=None).run)
        if self.condition:
            others += [replace(self, condition=part).run for part in (None, *self.condition.parts)]
        for index in range(len(self.steps)):
            others.append(replace(self, steps=self.steps[:index] + self.steps[index + 1 :]).run)
        return tuple(others)

    def code(self) -> str:
        condition = f" if {self.condition.code}" if self.condition else ""
        inner = f"{self.value.code} for x in {self.source}{condition}"
        return self.reduction.code.format(inner if self.reduction.generator else f"[{inner}]")

    def description(self) -> str:
        sentences = [(self.part.words if self.part else "Take the elements of {}.").format(self.param)]
        if self.condition:
            sentences.append(f"Keep only the elements x where {self.condition.words}.")
        if self.steps:
            sentences.append(f"Change each element: {', then '.join(step.words for step in self.steps)}.")
        return " ".join((*sentences, f"Return {self.reduction.words}."))

    def plan(self) -> str:
        parts = [f"from {self.source}"] if self.part else []
        parts += [f"keep {self.condition.code}"] if self.condition else []
        parts += [f"each {self.value.code}"] if self.steps else []
        parts += [self.reduction.code.replace("{}", "...")] if self.reduction.code != "{}" else ["as a list"]
        return "; ".join(parts)


def _slice(rng: random.Random) -> _Slice:
    k = rng.randint(2, 3)
    return rng.choice(
        (
            _Slice(f"Skip the first {k} elements of {{}}.", f"[{k}:]", lambda xs: xs[k:]),
            _Slice("Take all elements of {} except the last.", "[:-1]", lambda xs: xs[:-1]),
            _Slice(f"Take the first {k + 1} elements of {{}}.", f"[:{k + 1}]", lambda xs: xs[: k + 1]),
            _Slice("Take every second element of {}, beginning with the first.", "[::2]", lambda xs: xs[::2]),
            _Slice("Take the elements of {} from last to first.", "[::-1]", lambda xs: xs[::-1]),
        )
    )


def _reduction(rng: random.Random, level: int) -> _Reduction:
    default = rng.choice((0, 1, 100))
    easy = (
        _Reduction("their sum (0 if there are none)", "sum({})", sum, generator=True),
        _Reduction("the resulting list", "{}", list),
    )
    count = _Reduction("how many there are", "len({})", len)
    harder = (
        _Reduction(
            f"the largest result ({default} if there are none)",
            f"max({{}}, default={default})",
            lambda xs: max(xs, default=default),
        ),
        _Reduction(
            f"the smallest result ({default} if there are none)",
            f"min({{}}, default={default})",
            lambda xs: min(xs, default=default),
        ),
        _Reduction("the results sorted in ascending order", "sorted({})", sorted, generator=True),
        _Reduction(
            "the results sorted in descending order",
            "sorted({}, reverse=True)",
            lambda xs: sorted(xs, reverse=True),
        ),
        _Reduction("the number of different results", "len(set({}))", lambda xs: len(set(xs))),
        _Reduction("the sum of the different results", "sum(set({}))", lambda xs: sum(set(xs))),
    )
    return rng.choice((*easy, count) if level == 1 else (*easy, *harder))


def list_query(rng: random.Random, level: int) -> Program:
    """Filter or map; both; a slice before; a joined condition and two steps."""
    param = rng.choice(("xs", "nums", "values", "items", "numbers"))
    condition: Condition | None = integer_condition(rng, ("x",))
    steps = tuple(integer_step(rng, (), level) for _ in range(2 if level == 4 or rng.random() < 0.2 else 1))
    part = _slice(rng) if level == 3 or (level == 4 and rng.random() < 0.5) else None
    if level == 1:
        condition, steps = rng.choice(((condition, ()), (None, steps)))
    elif level == 4 and condition:
        condition = both_or_either(rng, condition, integer_condition(rng, ("x",)))
    query = _Query(param, part, condition, steps, _reduction(rng, level))
    body = (f"return {query.code()}",)
    return Program(
        params=(param,),
        kind="list",
        description=query.description(),
        body=body,
        run=query.run,
        neighbours=query.neighbours(),
        steps=query.plan(),
        brief="One comprehension.",
        brief_body=body,
        hints=condition.hints if condition else (),
    )
