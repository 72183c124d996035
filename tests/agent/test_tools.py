"""The calculator against exact fractions, the python tool against a real sandbox."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkhorse.agent.tools import Calculator, Python, default_tools
from darkhorse.agent.tools.calculator import MAX_BITS, CalculatorError, calculate, show
from darkhorse.sandbox.client import SandboxClient, SandboxProcess
from darkhorse.sandbox.protocol import RunLimits


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxClient]:
    with SandboxProcess(workers=1) as client:
        yield client


def calculator(expression: Any) -> str:
    return asyncio.run(Calculator()({"expression": expression}))


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("2 + 3 * 4", "14"), ("(2 + 3) * -4", "-20"), ("7 / 2", "3.5"), ("6 / 3", "2"), ("1 / 3", "0.333333333333333"),
        ("-7 // 2", "-4"), ("-7 % 3", "2"), ("2 ** 100", str(2**100)), ("2 ** -2", "0.25"),
        ("2 ** 0.5", "1.4142135623731"), ("0.1 + 0.2", "0.3"), ("1e3", "1000"), ("1_000 × 2 ÷ 4", "500"),
        ("−3 + 5", "2"), ("(-1) ** (10 ** 50 + 1)", "-1"), ("0 ** 0", "1"), ("1 / 8 * 8", "1"), ("10.50", "10.5"),
    ],
)  # fmt: skip
def test_calculator_values(expression: str, value: str) -> None:
    assert calculator(expression) == value


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("1 / 0", "division by zero"), ("5 % 0", "division by zero"), ("0 ** -1", "division by zero"),
        ("9 ** 9 ** 9", "too large"), ("1e9999", "too large"), ("1e-999999999", "too small"),
        ("1 +", "not an arithmetic"), ("", "not an arithmetic"), ("2 ^ 3", "**"),
        ("__import__('os')", "only numbers"), ("abs(1)", "only numbers"),
        ("True + 1", "only numbers"), ("'a' * 9", "only numbers"), ("[1][0]", "only numbers"), ("1j", "only numbers"),
        ("(-8) ** 0.5", "not real"), ("(" * 400, "not an arithmetic"), ("1" * 600, "longer than"), ("1 << 5", "only"),
        ("1\0", "not an arithmetic"), (None, "needs"), (3, "needs"),
    ],
)  # fmt: skip
def test_calculator_errors_are_text(expression: Any, message: str) -> None:
    answer = calculator(expression)
    assert answer.startswith("Error: ")
    assert message in answer


Expression = tuple[str, Fraction | None]


def _join(left: Expression, operator: str, right: Expression) -> Expression:
    text = f"({left[0]} {operator} {right[0]})"
    if left[1] is None or right[1] is None:
        return text, None
    if operator in ("/", "//", "%") and right[1] == 0:
        return text, None
    results = {"+": left[1].__add__, "-": left[1].__sub__, "*": left[1].__mul__, "%": left[1].__mod__}
    if operator == "/":
        return text, left[1] / right[1]
    if operator == "//":
        return text, Fraction(left[1] // right[1])
    return text, results[operator](right[1])


leaves = st.integers(0, 10**9).map(lambda n: (str(n), Fraction(n))) | st.decimals(0, 1000, places=3).map(
    lambda d: (str(d), Fraction(d))
)
expressions = st.recursive(
    leaves,
    lambda inner: st.builds(_join, inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner),
    max_leaves=10,
)


@given(expressions)
def test_calculator_agrees_with_fractions(expression: Expression) -> None:
    text, expected = expression
    if expected is None:
        with pytest.raises(CalculatorError):
            calculate(text)
        return
    value = calculate(text)
    assert value == expected
    shown = show(value)
    if value.denominator == 1:
        assert shown == str(value.numerator)
    else:
        assert abs(Fraction(shown) - value) <= abs(value) * Fraction(1, 10**14)


@given(st.text(alphabet="0123456789.+-*/%()e _jx", max_size=40))
def test_calculator_never_raises_nor_grows(text: str) -> None:
    answer = calculator(text)
    assert answer
    assert len(answer) <= MAX_BITS


def test_python_tool(sandbox: SandboxClient) -> None:
    tool = Python(sandbox, RunLimits(wall_s=0.5))

    def ask(code: Any) -> str:
        return asyncio.run(tool({"code": code}))

    assert ask("x = 6\nprint('a')\nx * 7") == "a\n42"
    assert ask("x = 1") == "(no output)"
    assert ask("print('a')\n1/0") == "Error: ZeroDivisionError: division by zero\nPrinted before:\na"
    assert ask("while True: pass").startswith("Error: timed out")
    assert ask("'\ud800'") == "Error: the code is not valid Unicode"
    assert ask(7).startswith("Error: python needs")
    long = ask("print('a' * 5000)\nraise ValueError('end')")
    assert len(long) <= 500
    assert long.startswith("Error: ValueError: end")
    assert long.endswith("aaa")


def test_default_tools(sandbox: SandboxClient) -> None:
    tools = default_tools(sandbox)
    assert sorted(tools) == ["calculator", "python"]
    assert all(tool.schema["function"]["name"] == name for name, tool in tools.items())
    assert list(default_tools(None)) == ["calculator"]
