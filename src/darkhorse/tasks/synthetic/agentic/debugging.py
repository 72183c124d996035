"""Suite `debugging`: a program that fails; run it, read the traceback, repair it, run it again."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from darkhorse.tasks.synthetic.agentic.turns import calls, function, says, tool
from darkhorse.tasks.synthetic.base import Generator
from darkhorse.tasks.task import Demonstration, Task

RUN_FILE = function("run_file", "Run a Python file of the workspace", "name")
READ_FILE = function("read_file", "Read a file of the workspace", "name")
WRITE_FILE = function("write_file", "Write a file of the workspace", "name", "content")
ENVIRONMENT = "debugging"
FILE = "main.py"


@dataclass(frozen=True)
class _Bug:
    """A function right and wrong. `line` of the wrong one raises `error`; `why` is what one thinks on seeing it."""

    name: str
    right: str
    wrong: str
    line: int
    error: str
    why: str
    level: int = 1


_BUGS = (
    _Bug(
        "total",
        "def total(xs):\n    s = 0\n    for x in xs:\n        s += x\n    return s",
        "def total(xs):\n    for x in xs:\n        s += x\n    return s",
        3,
        "UnboundLocalError: cannot access local variable 's' where it is not associated with a value",
        "s has no value at first.",
    ),
    _Bug(
        "last",
        "def last(xs):\n    return xs[len(xs) - 1]",
        "def last(xs):\n    return xs[len(xs)]",
        2,
        "IndexError: list index out of range",
        "The last index is len(xs) - 1.",
    ),
    _Bug(
        "largest",
        "def largest(xs):\n    m = xs[0]\n    for x in xs:\n        if x > m:\n            m = x\n    return m",
        "def largest(xs):\n    m = None\n    for x in xs:\n        if x > m:\n            m = x\n    return m",
        4,
        "TypeError: '>' not supported between instances of 'int' and 'NoneType'",
        "m must begin as a number.",
    ),
    _Bug(
        "mean",
        "def mean(xs):\n    n = len(xs)\n    return sum(xs) // n",
        "def mean(xs):\n    return sum(xs) // n",
        2,
        "NameError: name 'n' is not defined",
        "n is not defined.",
    ),
    _Bug(
        "joined",
        "def joined(xs):\n    return '-'.join(str(x) for x in xs)",
        "def joined(xs):\n    return '-'.join(xs)",
        2,
        "TypeError: sequence item 0: expected str instance, int found",
        "Numbers must become text first.",
    ),
    _Bug(
        "gaps",
        "def gaps(xs):\n    return [xs[i + 1] - xs[i] for i in range(len(xs) - 1)]",
        "def gaps(xs):\n    return [xs[i + 1] - xs[i] for i in range(len(xs))]",
        2,
        "IndexError: list index out of range",
        "The range is one too long.",
        2,
    ),
    _Bug(
        "counts",
        "def counts(xs):\n    d = {}\n    for x in xs:\n        d[x] = d.get(x, 0) + 1\n    return sorted(d.values())",
        "def counts(xs):\n    d = {}\n    for x in xs:\n        d[x] = d[x] + 1\n    return sorted(d.values())",
        4,
        "KeyError: {first}",
        "The first time, d has no such key.",
        2,
    ),
    _Bug(
        "shares",
        "def shares(xs):\n    return [x * 100 // sum(xs) for x in xs]",
        "def shares(xs):\n    return [x * 100 // sum(x) for x in xs]",
        2,
        "TypeError: 'int' object is not iterable",
        "The sum is over xs.",
        2,
    ),
)


def sample_bug(rng: random.Random, level: int) -> Demonstration:
    """One mistake in a function of a few lines; hidden calls decide whether it is repaired."""
    bug = rng.choice([bug for bug in _BUGS if bug.level <= level])
    xs = [rng.randint(1, 99) for _ in range(rng.randint(3, 6))]
    wrong, right = (f"{body}\n\nprint({bug.name}({xs}))\n" for body in (bug.wrong, bug.right))
    error = bug.error.format(first=xs[0])
    lines = [f"line {wrong.count(chr(10))}, in <module>", f"line {bug.line}, in {bug.name}"]
    if "for i in" in wrong.splitlines()[bug.line - 1] or "for x in xs]" in wrong.splitlines()[bug.line - 1]:
        lines.append(f"line {bug.line}, in <listcomp>")
    question = (
        f"The file {FILE} prints {bug.name}({xs}), but it fails. Repair the function {bug.name}, then say 'done'."
    )
    completion = (
        calls("Run it first.", "run_file", {"name": FILE}),
        tool("\n".join([f"Error: {error}", *(f"  {FILE} {line}" for line in lines)])),
        calls("See the code.", "read_file", {"name": FILE}),
        tool(wrong),
        calls(bug.why, "write_file", {"name": FILE, "content": right}),
        tool(f"Wrote {FILE}."),
        calls("Does it run now?", "run_file", {"name": FILE}),
        tool(str(_value(bug.name, xs))),
        says("It runs.", "done"),
    )
    inputs = [xs, *([rng.randint(1, 99) for _ in range(rng.randint(2, 7))] for _ in range(3))]
    tests = [{"args": [given], "expected": _value(bug.name, given)} for given in inputs]
    task = Task(
        "",
        ({"role": "user", "content": question},),
        "workspace_program",
        {"file": FILE, "code": {"entry_point": bug.name, "tests": tests}},
        (RUN_FILE, READ_FILE, WRITE_FILE),
        environment=ENVIRONMENT,
        setup={"files": {FILE: wrong}},
    )
    return Demonstration(task, completion)


def _value(name: str, xs: list[int]) -> Any:
    """What the repaired function returns."""
    match name:
        case "total":
            return sum(xs)
        case "last":
            return xs[-1]
        case "largest":
            return max(xs)
        case "mean":
            return sum(xs) // len(xs)
        case "joined":
            return "-".join(map(str, xs))
        case "gaps":
            return [b - a for a, b in pairwise(xs)]
        case "counts":
            return sorted(xs.count(x) for x in set(xs))
    return [x * 100 // sum(xs) for x in xs]


GENERATORS: tuple[Generator, ...] = (Generator("debugging", "bug", 2, sample_bug),)
