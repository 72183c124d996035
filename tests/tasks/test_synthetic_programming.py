"""Programming demonstrations: the reference solution passes its tests, and the tests pin it down."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Callable
from typing import Any

import pytest

from darkhorse.tasks.synthetic.base import Generator, draw
from darkhorse.tasks.synthetic.programming import GENERATORS
from darkhorse.tasks.synthetic.programming.program import INSTRUCTION
from darkhorse.tasks.synthetic.programming.value import call, constant, infix, name, negate, square
from darkhorse.tasks.synthetic.traces import STYLES, rough_tokens
from darkhorse.tasks.task import Demonstration


def function(truth: dict[str, Any]) -> Callable[..., Any]:
    """The reference solution, which this project wrote itself."""
    scope: dict[str, Any] = {}
    exec(truth["solution"], scope)
    found: Callable[..., Any] = scope[truth["entry_point"]]
    return found


def sample(generator: Generator, count: int, level: int | None = None) -> list[Demonstration]:
    levels = (1, 99) if level is None else (level, level)
    return [draw([generator], 5, "train", index, levels) for index in range(count)]


by_kind = pytest.mark.parametrize("generator", GENERATORS, ids=lambda generator: generator.name)


@by_kind
def test_the_solution_passes_its_tests(generator: Generator) -> None:
    for demonstration in sample(generator, 80):
        truth = demonstration.task.truth
        assert json.loads(json.dumps(truth)) == truth
        assert demonstration.task.verifier == "code"
        run = function(truth)
        assert len(truth["tests"]) >= 5
        for test in truth["tests"]:
            before = json.dumps(test["args"])
            result = run(*test["args"])
            assert result == test["expected"], truth
            assert type(result) is type(test["expected"]), truth
            assert json.dumps(test["args"]) == before


@by_kind
def test_tests_discriminate_and_hold_edge_cases(generator: Generator) -> None:
    for demonstration in sample(generator, 80):
        tests = demonstration.task.truth["tests"]
        expected = {repr(test["expected"]) for test in tests}
        assert len(expected) >= (2 if expected <= {"True", "False"} else 4)
        arguments = [argument for test in tests for argument in test["args"]]
        assert any(argument in (0, "", []) for argument in arguments)
        for test in tests:
            assert not isinstance(test["expected"], float)


@by_kind
def test_the_answer_is_one_block_with_the_solution(generator: Generator) -> None:
    styles = set()
    for demonstration in sample(generator, 80):
        truth, content = demonstration.task.truth, demonstration.completion[0]["content"]
        thinking, answer = content.split("\n</think>\n\n")
        assert answer == f"```python\n{truth['solution']}\n```"
        question = demonstration.task.prompt[-1]["content"]
        header = re.match(r"def (\w+\(.*\)):", truth["solution"])
        assert header
        assert f"`{header[1]}`" in question
        assert question.endswith(INSTRUCTION)
        assert len(thinking) <= 140
        assert rough_tokens(content) <= 92
        styles.add(demonstration.task.metadata["style"])
    assert styles == set(STYLES)


@by_kind
def test_examples_in_the_check_are_true(generator: Generator) -> None:
    checked = 0
    for demonstration in sample(generator, 150):
        thinking = demonstration.completion[0]["content"].split("\n</think>")[0]
        if demonstration.task.metadata["style"] == "checked":
            found = re.search(r"Check: \w+\((.*)\) = (.*)$", thinking)
            assert found
            run = function(demonstration.task.truth)
            assert run(*ast.literal_eval(f"({found[1]},)")) == ast.literal_eval(found[2])
            checked += 1
    assert checked >= 3


@by_kind
def test_levels_hold_many_programs(generator: Generator) -> None:
    top = {demonstration.task.prompt[-1]["content"] for demonstration in sample(generator, 250, generator.levels)}
    low = {demonstration.task.prompt[-1]["content"] for demonstration in sample(generator, 150, 1)}
    assert len(top) >= 230
    assert len(low) >= 90


@by_kind
def test_draw_is_deterministic(generator: Generator) -> None:
    assert sample(generator, 10) == sample(generator, 10)


def test_one_problem_has_one_wording_and_several_wordings_occur() -> None:
    for generator in GENERATORS:
        openings = {item.task.prompt[-1]["content"].split()[0] for item in sample(generator, 30)}
        assert len(openings) >= 3


def test_expressions_are_bracketed_as_they_mean() -> None:
    a, b, three = name("a"), name("b"), constant(3)
    values = [
        infix(a, "-", infix(b, "-", three)),
        infix(infix(a, "+", b), "*", three),
        infix(three, "-", negate(infix(a, "*", b))),
        square(negate(a)),
        infix(infix(a, "*", b), "%", infix(three, "*", three)),
        infix(infix(negate(a), "//", three), "//", three),
        negate(square(infix(a, "-", b))),
        infix(negate(a), "%", three),
        call("max", infix(a, "-", b), square(b)),
    ]
    for value in values:
        for env in ({"a": 7, "b": -4}, {"a": -5, "b": 11}, {"a": 0, "b": 2}):
            assert eval(value.code, dict(env) | {"max": max}) == value.run(env), value.code
