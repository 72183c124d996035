"""Prompts and tests that the suites of programs share."""

from __future__ import annotations

import json
from typing import Any

from darkhorse.evals.suites.suite import Row

LIMITS = {"wall_s": 30.0, "cpu_s": 30.0, "memory_mb": 1024}
"""Of one test; as long as the slowest reference needs on a busy machine."""

_PROGRAM = (
    "Read the inputs from stdin solve the problem and write the answer to stdout (do not directly test on the sample "
    "inputs). Enclose your code within delimiters as follows. Ensure that when the python program runs, it reads the "
    "inputs, runs the algorithm and writes output to STDOUT."
)
_STARTER = (
    "You will use the following starter code to write the solution to the problem and enclose your code within "
    "delimiters."
)
IMPORTS = "\n".join(
    f"import {name}\nfrom {name} import *"
    for name in (
        "string", "re", "datetime", "collections", "heapq", "bisect", "copy", "math", "random", "statistics",
        "itertools", "functools", "operator", "io", "sys", "json", "builtins", "typing",
    )
) + "\nimport datetime, io, sys\nsys.setrecursionlimit(50000)\n"  # fmt: skip
"""What LiveCodeBench imports before every program."""


def contest_prompt(question: str, starter: str) -> str:
    """LiveCodeBench's prompt in QwQ's wording."""
    ask = (
        f"{_STARTER}\n```python\n{starter}\n```\n\n" if starter else f"{_PROGRAM}\n```python\n# YOUR CODE HERE\n```\n\n"
    )
    return (
        "You will be given a question (problem specification) and will generate a correct Python program that matches "
        f"the specification and passes all tests.\n\nQuestion: {question}\n\n{ask}"
    )


def contest_truth(tests: list[Row], function: str | None) -> dict[str, Any]:
    """LiveCodeBench's tests in the shape of the verifier `code`, with its imports and its comparison.

    Args:
        tests: `{"input", "output", "testtype"}` each.
        function: name of the method the tests call; None for whole programs.
    """
    common = {"checker": {"name": "livecodebench"}, "limits": LIMITS, "prelude": IMPORTS}
    if function is None:
        return {"stdin_tests": [{"input": test["input"], "output": test["output"]} for test in tests], **common}
    calls = [
        {"args": [json.loads(line) for line in test["input"].split("\n")], "expected": json.loads(test["output"])}
        for test in tests
    ]
    return {"entry_point": f"Solution.{function}", "tests": calls, **common}


_PLUS_TEST = """\
import copy, itertools, math
from math import inf, nan
_space = {}
exec(compile(%(reference)r, "reference", "exec"), _space)
_reference = _space[%(function)r]
def _deep(value):
    return tuple(map(_deep, value)) if isinstance(value, list) else value
def _forms(one):
    if not isinstance(one, list):
        return [one]
    return [one, tuple(one), list(map(_deep, one)), _deep(one)]
def _shapes(given):
    yield given
    yield from map(list, itertools.islice(itertools.product(*map(_forms, given)), 256))
def _wanted(given):
    for shape in _shapes(given):
        try:
            return shape, _reference(*copy.deepcopy(shape))
        except Exception:
            pass
    return None
def _same(found, wanted):
    if isinstance(wanted, float) and isinstance(found, (int, float)):
        return found == wanted or math.isclose(found, wanted, rel_tol=1e-7, abs_tol=%(tolerance)r)
    if isinstance(wanted, (list, tuple)) and isinstance(found, (list, tuple)):
        if any(isinstance(one, float) for one in wanted):
            return len(found) == len(wanted) and all(map(_same, found, wanted))
    return found == wanted
_compared = 0
for _given in %(inputs)r:
    _pair = _wanted(_given)
    if _pair is not None:
        _compared += 1
        assert _same(%(function)s(*copy.deepcopy(_pair[0])), _pair[1]), repr(_given)[:200]
assert _compared, "no input fits the contract"
"""


def plus_test(reference: str, function: str, inputs: list[Any], tolerance: float) -> str:
    """Code that compares a function with a reference on inputs, as EvalPlus does.

    Inputs that the reference refuses (by its contract, or by raising) are passed over. JSON has no tuples: where a
    contract asks for some, lists become tuples.

    Args:
        reference: program that defines the function and asserts its contract.
        function: its name.
        inputs: lists of arguments.
        tolerance: absolute, for floats; 1e-6 where it is 0, as EvalPlus has it.
    """
    given = {"reference": reference, "function": function, "inputs": inputs, "tolerance": tolerance or 1e-6}
    return _PLUS_TEST % given
