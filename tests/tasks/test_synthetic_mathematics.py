"""Mathematics demonstrations: every truth is recomputed from the prompt, every written equality holds."""

from __future__ import annotations

import ast
import math
import operator
import re
from collections.abc import Callable
from fractions import Fraction

import pytest

from darkhorse.tasks.synthetic.base import Generator, draw
from darkhorse.tasks.synthetic.mathematics import GENERATORS
from darkhorse.tasks.synthetic.mathematics.problem import INSTRUCTION
from darkhorse.tasks.synthetic.traces import STYLES, rough_tokens
from darkhorse.tasks.task import Demonstration

_OPERATORS: dict[type[ast.operator], Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def calculate(expression: str) -> Fraction:
    def walk(node: ast.expr) -> Fraction:
        match node:
            case ast.Constant(value=int(value)):
                return Fraction(value)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -walk(operand)
            case ast.BinOp(left=left, op=op, right=right):
                return _OPERATORS[type(op)](walk(left), walk(right))
        raise AssertionError(f"unexpected {ast.dump(node)}")

    return walk(ast.parse(expression.strip(), mode="eval").body)


def solve_expression(question: str) -> Fraction:
    found = re.search(r"[(\d][\d\s+\-*/()]*\d", question)
    assert found
    return calculate(found.group())


def solve_equation(question: str) -> Fraction:
    found = re.search(r"(?:\d*[xynt]) [+-] \d+ = [^.?]*?(?=[.,?]| for | true)", question)
    assert found
    left, right = found.group().split("=")

    def at(side: str, value: int) -> Fraction:
        return calculate(re.sub(r"(\d*)[xynt]", lambda match: f"{match[1] or 1}*({value})", side))

    difference_0, difference_1 = (at(left, value) - at(right, value) for value in (0, 1))
    return -difference_0 / (difference_1 - difference_0)


def solve_gcd(question: str) -> Fraction:
    first, second = map(int, re.findall(r"\d+", question))
    return Fraction(math.gcd(first, second))


def solve_remainder(question: str) -> Fraction:
    first, second = map(int, re.findall(r"\d+", question))
    return Fraction(first % second)


def solve_story(question: str) -> Fraction:
    sentences = re.split(r"(?<=[.?]) ", question)
    opening = re.fullmatch(r"(\w+) has (\d+) (\w+)\.", sentences[0])
    assert opening
    name, items = opening[1], opening[3]
    total = int(opening[2])
    for sentence in sentences[1:]:
        if found := re.fullmatch(rf"{name} (?:finds|gets) (\d+) (?:more )?{items}.*", sentence):
            total += int(found[1])
        elif found := re.fullmatch(rf"{name} (?:gives|loses) (\d+) {items}.*", sentence):
            total -= int(found[1])
        elif found := re.fullmatch(rf"{name} buys (\d+) boxes with (\d+) {items} each\.", sentence):
            total += int(found[1]) * int(found[2])
        elif sentence.endswith("doubles."):
            total *= 2
    return Fraction(total)


SOLVERS = {
    "sums": solve_expression,
    "differences": solve_expression,
    "products": solve_expression,
    "chains": solve_expression,
    "equations": solve_equation,
    "fractions": solve_expression,
    "gcd": solve_gcd,
    "remainders": solve_remainder,
    "stories": solve_story,
}


def parts(demonstration: Demonstration) -> tuple[str, str, str]:
    question = demonstration.task.prompt[-1]["content"]
    thinking, answer = demonstration.completion[0]["content"].split("\n</think>\n\n")
    assert question.endswith(INSTRUCTION)
    return question.removesuffix(INSTRUCTION).strip(), thinking, answer


def sample(generator: Generator, count: int, level: int | None = None) -> list[Demonstration]:
    levels = (1, 99) if level is None else (level, level)
    return [draw([generator], 3, "train", index, levels) for index in range(count)]


by_kind = pytest.mark.parametrize("generator", GENERATORS, ids=lambda generator: generator.name)


@by_kind
def test_the_truth_is_the_answer_and_is_right(generator: Generator) -> None:
    for demonstration in sample(generator, 250):
        question, _, answer = parts(demonstration)
        assert answer == f"\\boxed{{{demonstration.task.truth}}}"
        assert str(SOLVERS[generator.name](question)) == demonstration.task.truth, question
        assert demonstration.task.verifier == "math"


@by_kind
def test_every_equality_in_the_thinking_holds(generator: Generator) -> None:
    checked = 0
    for demonstration in sample(generator, 250):
        _, thinking, _ = parts(demonstration)
        tight = re.sub(r" ([-+*=]) ", r"\1", thinking)
        for line in re.split(r", | (?=Check)|[.:] ?", tight):
            if re.fullmatch(r"[\d+\-*/()]+=[\d/\-]+", line):
                left, right = line.split("=")
                assert calculate(left) == calculate(right), thinking
                checked += 1
            elif found := re.fullmatch(r"(\d*)[xynt]=([\d+\-/]+)", line):
                assert int(found[1] or 1) * int(demonstration.task.truth) == calculate(found[2]), thinking
                checked += 1
    assert checked >= 120


@by_kind
def test_thinking_reaches_the_answer_and_stays_short(generator: Generator) -> None:
    styles = set()
    for demonstration in sample(generator, 300):
        _, thinking, answer = parts(demonstration)
        styles.add(demonstration.task.metadata["style"])
        before_check = thinking.split(". Check")[0]
        truth = str(demonstration.task.truth)
        assert re.search(rf"(?<!\d){re.escape(truth.split('/')[-1])}(?!\d)", before_check), thinking
        assert len(thinking) <= 140
        assert rough_tokens(demonstration.completion[0]["content"]) <= 78  # spaces around operators are tokens
        assert answer.count("\n") == 0
    assert styles == set(STYLES)


@by_kind
def test_top_levels_hold_many_problems(generator: Generator) -> None:
    top = generator.levels
    prompts = {demonstration.task.prompt[-1]["content"] for demonstration in sample(generator, 600, top)}
    assert len(prompts) >= 550


@by_kind
def test_wording_varies_and_belongs_to_the_problem(generator: Generator) -> None:
    shapes = {re.sub(r"[\d+\-*/() ]+", " ", parts(item)[0]) for item in sample(generator, 200)}
    assert len(shapes) >= 3


@by_kind
def test_draw_is_deterministic(generator: Generator) -> None:
    assert sample(generator, 20) == sample(generator, 20)


def test_brief_thinking_is_shorter_than_steps() -> None:
    lengths: dict[str, list[int]] = {style: [] for style in STYLES}
    for generator in GENERATORS:
        for demonstration in sample(generator, 200):
            lengths[demonstration.task.metadata["style"]].append(rough_tokens(parts(demonstration)[1]))
    means = {style: sum(values) / len(values) for style, values in lengths.items()}
    assert means["brief"] * 1.5 < means["steps"]
    assert min(len(values) for values in lengths.values()) >= 100
