"""Whether the judge accepts what is right and rejects what is not.

Judges the reference solutions of HumanEval, MBPP, MBPP+ and the LeetCode test set, and three mutants of each: one
integer constant that is off by one, an answer that lost its last element, and an answer of another type. A mutant that
answers as the reference does on all tests of its data set cannot be rejected by anyone; it counts as accepted here all
the same. Programs of the LeetCode set import `sortedcontainers`, which must be installed.

    DARKHORSE_DATA=... python benchmarks/sandbox_mutants.py --json benchmarks/results/sandbox_mutants.json
"""

from __future__ import annotations

import argparse
import ast
import asyncio
import json
import os
from collections import Counter
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from _code_sets import Reference, mbpp_plus, references
from _writing import write_json
from darkhorse.sandbox.client import SandboxClient, SandboxProcess
from darkhorse.sandbox.protocol import ExecuteRequest, JudgeRequest, JudgeResult, RunLimits

LIMITS = RunLimits(wall_s=60, cpu_s=60, memory_mb=1024, output_kb=1024)
_TRUNCATE = "value[:-1] if isinstance(value, (list, tuple, str)) and value else None"
_RETYPE = "list(value) if isinstance(value, str) else str(value)"


def mutants(reference: Reference) -> dict[str, str]:
    """The kinds of mutant that the program allows, each as a source."""
    found = {
        "truncated": _wrapped(reference, _TRUNCATE),
        "wrong type": _wrapped(reference, _RETYPE),
    }
    shifted = _off_by_one(reference.source)
    return found if shifted is None else {"off by one": shifted, **found}


def _wrapped(reference: Reference, expression: str) -> str:
    owner, _, name = reference.function.rpartition(".")
    target = f"{owner}.{name}" if owner else name
    return (
        f"{reference.source}\n_right = {target}\ndef _changed(*args, **kwargs):\n"
        f"    value = _right(*args, **kwargs)\n    return {expression}\n{target} = _changed\n"
    )


def _off_by_one(source: str) -> str | None:
    """The program with the last integer of its last function one larger; None if it has none."""
    tree = ast.parse(source)
    constants = [
        node
        for function in ast.walk(tree)
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Constant) and type(node.value) is int
    ]
    if not constants:
        return None
    constants[-1].value += 1
    return ast.unparse(tree)


async def main_async(client: SandboxClient, limit: int | None) -> dict[str, Any]:
    """Judge everything; figures by suite."""
    known = list(references())
    plus = [pair async for pair in _with_outputs(client)]
    chosen = [*known, *plus]
    chosen = chosen[:limit] if limit else chosen
    figures: dict[str, Any] = {}
    results = await asyncio.gather(*(_judge(client, one, one.source) for one in chosen))
    rejected = []
    for one, result in zip(chosen, results, strict=True):
        suite = figures.setdefault(one.suite, {"references": 0, "accepted": 0, "mutants": {}})
        suite["references"] += 1
        suite["accepted"] += result.accepted
        if not result.accepted:
            problem = next(test for test in result.tests if test.status != "accepted")
            rejected.append({"suite": one.suite, "name": one.name, "status": result.status, "why": problem.message})
    good = [one for one, result in zip(chosen, results, strict=True) if result.accepted]
    jobs = [(one, kind, source) for one in good for kind, source in mutants(one).items()]
    outcomes = await asyncio.gather(*(_judge(client, one, source) for one, _, source in jobs))
    counts: Counter[tuple[str, str, bool]] = Counter()
    infrastructure = 0
    for (one, kind, _), result in zip(jobs, outcomes, strict=True):
        counts[one.suite, kind, result.accepted] += 1
        infrastructure += result.status == "infrastructure_error"
    for suite in figures:
        for kind in ("off by one", "truncated", "wrong type"):
            caught, missed = counts[suite, kind, False], counts[suite, kind, True]
            figures[suite]["mutants"][kind] = {"judged": caught + missed, "rejected": caught}
    return {"suites": figures, "references_rejected": rejected, "infrastructure_errors": infrastructure}


async def _judge(client: SandboxClient, one: Reference, source: str) -> JudgeResult:
    request = JudgeRequest(source=source, tests=one.tests, limits=LIMITS, stop_on_first_failure=True)  # type: ignore[arg-type]
    return await client.judge(request)


async def _with_outputs(client: SandboxClient) -> Any:
    """MBPP+ with the outputs its own programs give in the sandbox; inputs without an exact output are left out."""

    async def answers(one: Reference, inputs: list[list[Any]]) -> Reference:
        code = f"{one.source}\nimport json\nfor args in json.loads(input()):\n    value = {one.function}(*args)\n"
        code += (
            "    try: print(json.dumps(value, allow_nan=False))\n    except (TypeError, ValueError): print('null')\n"
        )
        wide = LIMITS.model_copy(update={"output_kb": 4096})
        given = ExecuteRequest(source=code, stdin=json.dumps(inputs) + "\n", limits=wide)
        printed = (await client.execute(given)).stdout.splitlines()
        tests = [
            {"type": "call", "function": one.function, "args": args, "expected": json.loads(line)}
            for args, line in zip(inputs, printed, strict=False)
            if line != "null"
        ]
        return Reference(one.suite, one.name, one.source, tests, one.function)

    for one in await asyncio.gather(*(answers(one, inputs[:20]) for one, inputs in mbpp_plus())):
        if one.tests:
            yield one


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--limit", type=int, help="judge only the first so many references")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if not os.environ.get("DARKHORSE_DATA"):
        print("DARKHORSE_DATA names no folder with the data sets: nothing is judged.")
        return
    with SandboxProcess(packages=("sortedcontainers",)) as client:
        found = asyncio.run(main_async(client, options.limit))
    table = Table("suite", "references accepted", "off by one rejected", "truncated rejected", "wrong type rejected")
    for name, suite in found["suites"].items():
        cells = [f"{kind['rejected']} of {kind['judged']}" for kind in suite["mutants"].values()]
        table.add_row(name, f"{suite['accepted']} of {suite['references']}", *cells)
    console = Console()
    console.print(table)
    for one in found["references_rejected"]:
        console.print(f"{one['suite']} {one['name']}: {one['status']}: {one['why']}", markup=False)
    console.print(f"infrastructure errors: {found['infrastructure_errors']}")
    write_json(options.json, found)


if __name__ == "__main__":
    main()
