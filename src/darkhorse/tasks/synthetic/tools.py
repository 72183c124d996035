"""Suite `tools`: problems whose arithmetic needs a calculator or Python, worked in one or two calls."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from darkhorse.chat.reasoning import THINK_CLOSE
from darkhorse.chat.tool_calls import format_tool_call
from darkhorse.tasks.synthetic.base import Generator
from darkhorse.tasks.synthetic.traces import Style, choose_by, choose_style
from darkhorse.tasks.synthetic.wordlists import NAMES
from darkhorse.tasks.task import Demonstration, Task
from darkhorse.types import Message, ToolSchema


def _schema(name: str, description: str, parameter: str) -> ToolSchema:
    parameters = {"type": "object", "properties": {parameter: {"type": "string"}}, "required": [parameter]}
    return {"type": "function", "function": {"name": name, "description": description, "parameters": parameters}}


CALCULATOR: Final[ToolSchema] = _schema("calculator", "Evaluate arithmetic", "expression")
"""`calculator(expression)`: the exact value of an arithmetic expression with `+ - * / // % **` and brackets."""

PYTHON: Final[ToolSchema] = _schema("python", "Run Python, return what it prints", "code")
"""`python(code)`: what the code prints, without the final line break."""

_GOODS = (
    ("lamps", "lamp"),
    ("chairs", "chair"),
    ("books", "book"),
    ("tickets", "ticket"),
    ("boxes", "box"),
    ("bottles", "bottle"),
    ("shirts", "shirt"),
    ("plants", "plant"),
)


@dataclass(frozen=True)
class Step:
    """One tool call, its result, and the thought before it in two lengths."""

    tool: ToolSchema
    argument: str
    result: int
    brief: str
    steps: str


def sample_arithmetic(rng: random.Random, level: int) -> Demonstration:
    """An expression to evaluate, longer with the level."""
    a, b, c, d = rng.randint(23, 989), rng.randint(13, 98), rng.randint(110, 4900), rng.randint(12, 79)
    expression, value = {
        1: lambda: rng.choice(
            ((f"{a} * {b}", a * b), (f"{a} * {b} + {c}", a * b + c), (f"{a} * {b} - {c}", a * b - c))
        ),
        2: lambda: rng.choice(((f"{a} * {b} + {c} * {d}", a * b + c * d), (f"({a} + {c}) * {b}", (a + c) * b))),
        3: lambda: rng.choice(
            (
                (f"({a} + {b}) * ({c} - {d})", (a + b) * (c - d)),
                (f"{a} * {b} * {d} - {c}", a * b * d - c),
                (f"({a} - {b}) * {d} + {c}", (a - b) * d + c),
            )
        ),
    }[level]()
    question = rng.choice(
        (
            f"What is {expression}?",
            f"Compute {expression}.",
            f"Work out {expression}.",
            f"Find the value of {expression}.",
        )
    )
    step = Step(CALCULATOR, expression, value, "Use the calculator.", "The numbers are large: use the calculator.")
    return _demonstrate(rng, question, [step])


def sample_story(rng: random.Random, level: int) -> Demonstration:
    """A word problem about prices; the expression must be found first."""
    name, other = rng.sample(NAMES, 2)
    (many, one), (more, single) = rng.sample(_GOODS, 2)
    n, price, cost = rng.randint(14, 97), rng.randint(13, 98), rng.randint(105, 300)
    m, rate, days = rng.randint(12, 68), rng.randint(11, 79), rng.randint(12, 48)
    problems = {
        1: (
            (f"{name} buys {n} {many} at {price} coins each. What is the total cost?", f"{n} * {price}", n * price),
            (
                f"A {one} costs {price} coins. {name} buys {n} and pays {cost} for delivery. How much in all?",
                f"{n} * {price} + {cost}",
                n * price + cost,
            ),
        ),
        2: (
            (
                f"{name} buys {n} {many} at {price} coins and {m} {more} at {rate} coins. What is the total?",
                f"{n} * {price} + {m} * {rate}",
                n * price + m * rate,
            ),
            (
                f"A shop sells {n} {many} a day at {price} coins each. How much does it take in {days} days?",
                f"{n} * {price} * {days}",
                n * price * days,
            ),
        ),
        3: (
            (
                f"{name} sells {n + m} {many} at {price + rate} coins each, after paying {rate} for each. "
                f"Rent is {cost}. What is the profit?",
                f"{n + m} * ({price + rate} - {rate}) - {cost}",
                (n + m) * price - cost,
            ),
            (
                f"{name} packs {n} {many} a day, {other} {m}. After {days} days, {cost} are sold. How many are left?",
                f"({n} + {m}) * {days} - {cost}",
                (n + m) * days - cost,
            ),
            (
                f"Each {one} costs {price} coins, each {single} {rate} more. What do {n} {many} and {m} {more} cost?",
                f"{n} * {price} + {m} * ({price} + {rate})",
                n * price + m * (price + rate),
            ),
        ),
    }
    question, expression, value = rng.choice(problems[level])
    step = Step(CALCULATOR, expression, value, f"{expression}.", f"That is {expression}; compute it.")
    return _demonstrate(rng, question, [step])


def sample_series(rng: random.Random, level: int) -> Demonstration:
    """A sum or count over many numbers, for a line of Python."""
    n, k = rng.randint(12, 140), rng.randint(3, 9)
    numbers = range(1, n + 1)
    problems = {
        1: (
            (
                (f"the sum of the squares from 1 to {n}"),
                f"sum(i*i for i in range(1,{n + 1}))",
                sum(i * i for i in numbers),
            ),
            (f"the sum of the cubes from 1 to {n}", f"sum(i**3 for i in range(1,{n + 1}))", sum(i**3 for i in numbers)),
        ),
        2: (
            (
                f"the sum of all multiples of {k} from 1 to {n * 10}",
                f"sum(range({k},{n * 10 + 1},{k}))",
                sum(range(k, n * 10 + 1, k)),
            ),
            (f"the sum of the digits of {k}^{n}", f"sum(map(int,str({k}**{n})))", sum(map(int, str(k**n)))),
        ),
        3: (
            (
                f"the sum of the squares from 1 to {n} that are not divisible by {k}",
                f"sum(i*i for i in range(1,{n + 1}) if i*i%{k})",
                sum(i * i for i in numbers if i * i % k),
            ),
            (
                f"the number of integers from 1 to {n * 10} that are divisible by {k} but not by {k + 1}",
                f"sum(i%{k}==0 and i%{k + 1}>0 for i in range(1,{n * 10 + 1}))",
                sum(i % k == 0 and i % (k + 1) > 0 for i in range(1, n * 10 + 1)),
            ),
        ),
    }
    goal, code, value = rng.choice(problems[level])
    question = choose_by(goal, (f"Find {goal}.", f"What is {goal}?", f"Compute {goal}."))
    step = Step(PYTHON, f"print({code})", value, "Use Python.", "A line of Python can add them up.")
    return _demonstrate(rng, question, [step])


def sample_chain(rng: random.Random, level: int) -> Demonstration:
    """Two calls: what the second computes depends on the result of the first."""
    a, b, c = rng.randint(21, 98 * level), rng.randint(13, 97), rng.randint(12, 95)
    product = a * b
    first = Step(CALCULATOR, f"{a} * {b}", product, "First the product.", f"First compute {a} * {b}.")
    if rng.random() < 0.5:
        even = product % 2 == 0
        question = f"Let P = {a} * {b}. If P is even, give P * {c}, otherwise P + {c}."
        expression, value = (f"{product} * {c}", product * c) if even else (f"{product} + {c}", product + c)
        thought = f"{product} is {'even' if even else 'odd'}."
    else:
        limit = rng.randint(a * b // 2, a * b * 3 // 2)
        above = product > limit
        question = (
            f"Multiply {a} by {b}. If the result is above {limit}, subtract {c} from it, otherwise multiply it by {c}."
        )
        expression, value = (f"{product} - {c}", product - c) if above else (f"{product} * {c}", product * c)
        thought = f"{product} is {'above' if above else 'not above'} {limit}."
    second = Step(CALCULATOR, expression, value, thought, f"{thought} Now {expression}.")
    return _demonstrate(rng, question, [first, second])


def _demonstrate(rng: random.Random, question: str, steps: Sequence[Step]) -> Demonstration:
    style: Style = choose_style(rng)
    tools = [steps[0].tool] if rng.random() < 0.6 else rng.sample([CALCULATOR, PYTHON], 2)
    boxing = rng.choice(("Put the answer in \\boxed{}.", "Give the final number in \\boxed{}.", "Answer in \\boxed{}."))
    completion: list[Message] = []
    for step in steps:
        thought = step.brief if style == "brief" else step.steps
        function = step.tool["function"]
        (parameter,) = function["parameters"]["properties"]
        call = format_tool_call(
            function["name"], {parameter: step.argument.replace(" * ", "*").replace(" + ", "+").replace(" - ", "-")}
        )
        completion.append({"role": "assistant", "content": f"{thought}\n{THINK_CLOSE}\n\n{call}"})
        completion.append({"role": "tool", "content": str(step.result)})
    value = steps[-1].result
    closing = {
        "brief": "Done.",
        "steps": f"The tool gives {value}.",
        "checked": f"The tool gives {value}. That answers it.",
    }[style]
    completion.append({"role": "assistant", "content": f"{closing}\n{THINK_CLOSE}\n\n\\boxed{{{value}}}"})
    task = Task(
        id="",
        prompt=({"role": "user", "content": f"{question} {boxing}"},),
        verifier="tool_answer",
        truth={"answer": str(value), "min_calls": 1},
        tools=tuple(tools),
        metadata={"style": style, "calls": len(steps)},
    )
    return Demonstration(task, tuple(completion))


GENERATORS: tuple[Generator, ...] = (
    Generator("tools", "arithmetic", 3, sample_arithmetic),
    Generator("tools", "story", 3, sample_story),
    Generator("tools", "series", 3, sample_series),
    Generator("tools", "chain", 3, sample_chain),
)
