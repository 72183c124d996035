"""What a program is, the tests that tell it from its neighbours, and its demonstration."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from darkhorse.tasks.synthetic.base import Sampler
from darkhorse.tasks.synthetic.programming.inputs import candidates
from darkhorse.tasks.synthetic.programming.value import Run
from darkhorse.tasks.synthetic.traces import (
    MAX_THINKING_CHARACTERS,
    choose_by,
    choose_style,
    demonstrate,
    rough_tokens,
    write_thinking,
)
from darkhorse.tasks.task import Demonstration

Kind = Literal["int", "list", "str"]
INSTRUCTION = "Answer with one Python code block."
MAX_THINKING_TOKENS = 48
MAX_COMPLETION_TOKENS = 85
_LARGEST = 2**53
_TESTS = 8
_NAMES = ("f", "g", "solve", "compute", "process", "transform", "evaluate", "run", "func", "answer")
_PLURAL = {"int": "integers", "list": "lists of integers", "str": "strings"}
_SINGULAR = {"int": "an integer", "list": "a list of integers", "str": "a string"}
_WORDINGS = (
    "Write a Python function `{signature}`, where {types}. {description}",
    "Define `{signature}` in Python; {types}. {description}",
    "Implement the Python function `{signature}` ({types}). {description}",
    "Here {types}. Write `{signature}` in Python. {description}",
)


@dataclass(frozen=True)
class Program:
    """A function in words, in source and in meaning.

    Attributes:
        params: parameter names, all of one kind.
        kind: what every parameter is.
        description: what the function does, exactly.
        body: the lines of its source.
        run: its value where the parameters have the given values.
        neighbours: wrong readings (a step left out, a condition ignored) that the tests must expose.
        steps: the description translated piece by piece.
        brief: the plan in a few words.
        brief_body: the source that follows the brief plan.
        hints: constants of the program, near which inputs are interesting.
    """

    params: tuple[str, ...]
    kind: Kind
    description: str
    body: tuple[str, ...]
    run: Run
    neighbours: tuple[Run, ...]
    steps: str
    brief: str
    brief_body: tuple[str, ...]
    hints: tuple[int | str, ...] = ()


def build_tests(program: Program, rng: random.Random) -> list[dict[str, Any]] | None:
    """Tests with edge cases that separate the program from all its neighbours; None when no such tests are found."""
    edges, others = candidates(program.kind, len(program.params), program.hints, rng)
    tests: list[tuple[list[Any], Any]] = []
    unseparated = list(program.neighbours)

    def add(args: list[Any]) -> None:
        env = dict(zip(program.params, args, strict=True))
        expected = program.run(env)
        tests.append((args, expected))
        unseparated[:] = [run for run in unseparated if run(env) == expected]

    for args in edges:
        add(args)
    for args in others:
        env = dict(zip(program.params, args, strict=True))
        if len(tests) >= _TESTS and not unseparated:
            break
        expected = program.run(env)
        separates = any(run(env) != expected for run in unseparated)
        new = all(expected != known for _, known in tests)
        if args not in [known for known, _ in tests] and (separates or (new and len(tests) < _TESTS)):
            add(args)
    distinct = {repr(expected) for _, expected in tests}
    boolean = all(isinstance(expected, bool) for _, expected in tests)
    too_large = any(isinstance(expected, int) and abs(expected) > _LARGEST for _, expected in tests)
    if unseparated or too_large or len(tests) < 5 or len(distinct) < (2 if boolean else 4):
        return None
    return [{"args": args, "expected": expected} for args, expected in tests]


def _question(program: Program, function: str) -> str:
    signature = f"{function}({', '.join(program.params)})"
    if len(program.params) == 1:
        types = f"{program.params[0]} is {_SINGULAR[program.kind]}"
    else:
        types = f"{', '.join(program.params[:-1])} and {program.params[-1]} are {_PLURAL[program.kind]}"
    wording = choose_by(program.description, _WORDINGS)
    text = wording.format(signature=signature, types=types, description=program.description)
    return f"{text} {INSTRUCTION}"


def _example(function: str, tests: list[dict[str, Any]]) -> str:
    """The shortest of the later tests (the first are edge cases), as a call with its result."""
    calls = [(", ".join(repr(argument) for argument in test["args"]), test["expected"]) for test in tests[3:]]
    arguments, expected = min(calls, key=lambda call: len(call[0]))
    return f"{function}({arguments}) = {expected!r}"


def _source(function: str, program: Program, body: tuple[str, ...]) -> str:
    return "\n".join((f"def {function}({', '.join(program.params)}):", *(f"    {line}" for line in body)))


def _is_short(thinking: str, answer: str) -> bool:
    count = rough_tokens(thinking)
    return (
        count <= MAX_THINKING_TOKENS
        and len(thinking) <= MAX_THINKING_CHARACTERS
        and count + rough_tokens(answer) <= MAX_COMPLETION_TOKENS
    )


def sampler(make: Callable[[random.Random, int], Program]) -> Sampler:
    """The sampler of a kind of program; programs that are too long or that tests cannot pin down are drawn again."""

    def sample(rng: random.Random, level: int) -> Demonstration:
        wanted = choose_style(rng)
        while True:
            program = make(rng, level)
            function = choose_by(program.description[::-1], _NAMES)
            # Length is judged by the longer style, so that every style sees the same programs.
            if not _is_short(program.steps, f"```python\n{_source(function, program, program.body)}\n```"):
                continue
            tests = build_tests(program, rng)
            if tests is None:
                continue
            body = program.brief_body if wanted == "brief" else program.body
            solution = _source(function, program, body)
            answer = f"```python\n{solution}\n```"
            room = min(MAX_THINKING_TOKENS, MAX_COMPLETION_TOKENS - rough_tokens(answer))
            check = _example(function, tests)
            style, thinking = write_thinking(wanted, program.brief, program.steps, check, room)
            break
        truth = {"entry_point": function, "tests": tests, "solution": solution}
        return demonstrate(_question(program, function), "code", truth, style, thinking, answer)

    return sample
