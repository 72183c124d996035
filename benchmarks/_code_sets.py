"""Programs known to be right, with the tests that say so, from the data sets in the folder `DARKHORSE_DATA`."""

from __future__ import annotations

import ast
import gzip
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Reference:
    """A program, its tests as the sandbox takes them, and the function they call (`Class.method` or a name)."""

    suite: str
    name: str
    source: str
    tests: list[dict[str, Any]]
    function: str


def references() -> Iterator[Reference]:
    """All of HumanEval, MBPP and the LeetCode test set."""
    yield from _humaneval()
    yield from _mbpp()
    yield from _leetcode()


def mbpp_plus() -> Iterator[tuple[Reference, list[list[Any]]]]:
    """MBPP+: programs and inputs; the outputs are whatever the program answers."""
    for row in _rows("mbpp_plus_2023/MbppPlus.jsonl"):
        inputs = [*row["base_input"], *row["plus_input"]]
        yield Reference("MBPP+", str(row["task_id"]), row["canonical_solution"], [], row["entry_point"]), inputs


def _humaneval() -> Iterator[Reference]:
    for row in _rows("humaneval/HumanEval.jsonl.gz"):
        source = row["prompt"] + row["canonical_solution"]
        # helpers of the prompt belong to the tests as well: a program must not be asked to judge itself
        helpers = _without(row["prompt"], row["entry_point"])
        code = f"{helpers}\n{row['test']}\ncheck({row['entry_point']})\n"
        yield Reference("HumanEval", row["task_id"], source, [_assert(code)], row["entry_point"])


def _mbpp() -> Iterator[Reference]:
    for row in _rows("mbpp/mbpp.jsonl"):
        names = [node.name for node in ast.parse(row["code"]).body if isinstance(node, ast.FunctionDef)]
        function = [name for name in names if any(name in test for test in row["test_list"])][-1]
        tests = [_assert(f"{row['test_setup_code']}\n{test}", function) for test in row["test_list"]]
        yield Reference("MBPP", str(row["task_id"]), row["code"], tests, function)


def _leetcode() -> Iterator[Reference]:
    for row in _rows("leetcode_dataset/LeetCodeDataset-v0.3.1-test.jsonl.gz"):
        code = f"{row['prompt']}\n{row['test']}\ncheck({row['entry_point']})\n"
        source = f"{row['prompt']}\n{row['completion']}"
        function = row["entry_point"].replace("().", ".")
        yield Reference("LeetCode", row["task_id"], source, [_assert(code)], function)


def _assert(code: str, *names: str) -> dict[str, Any]:
    return {"type": "assert", "code": code, "names": list(names)}


def _without(prompt: str, function: str) -> str:
    """What a prompt defines besides the function it asks for."""
    start = prompt.rindex(f"def {function}(")
    return prompt[:start]


def _rows(path: str) -> Iterator[dict[str, Any]]:
    folder = os.environ.get("DARKHORSE_DATA")
    if not folder:
        raise SystemExit("Set DARKHORSE_DATA to the folder with the data sets.")
    full = Path(folder) / path
    with gzip.open(full, "rt") if full.suffix == ".gz" else full.open() as file:
        for line in file:
            yield json.loads(line)
