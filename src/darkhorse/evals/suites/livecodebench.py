"""LiveCodeBench v5, problems of August 2024 to January 2025 (Jain et al. 2024, arXiv 2403.07974), as QwQ took it.

A local folder holds QwQ's prompts beside the tests: all of them in `livecodebench_v5_tests/` as QwQ's script writes
them, or the public ones alone.
"""

from __future__ import annotations

import base64
import io
import json
import pickle
import re
import zlib
from typing import Any

from darkhorse.errors import UserError
from darkhorse.evals.suites.code_prompts import contest_prompt, contest_truth
from darkhorse.evals.suites.suite import HubSet, Parts, Protocol, Row, Suite, user
from darkhorse.tasks.task import Task

FIRST_DAY, LAST_DAY = "2024-08-01", "2025-01-31"
_METHOD = re.compile(r"def (\w+)\(self")
_PROMPTS = "livecodebench_v5"
_PUBLIC = "lcb_v5_2408_2502_279"


class _TextOnly(pickle.Unpickler):
    """LiveCodeBench pickles its hidden tests, which are text; nothing else is loaded from a pickle."""

    def find_class(self, module: str, name: str) -> Any:
        raise pickle.UnpicklingError(f"unexpected {module}.{name}")


def _tasks(parts: Parts) -> list[Task]:
    if _PROMPTS not in parts:
        rows = [row for rows in parts.values() for row in rows]
        window = [row for row in rows if FIRST_DAY <= str(row["contest_date"])[:10] <= LAST_DAY]
        return [_hub_task(row) for row in window]
    rows = parts[_PROMPTS]
    if _PUBLIC in parts:
        return [_local_task(row, public["tests"], public) for row, public in zip(rows, parts[_PUBLIC], strict=True)]
    return [_local_task(row, *_whole(parts, row)) for row in rows]


def _whole(parts: Parts, row: Row) -> tuple[list[Row], Row]:
    name = row["tests"]["fname"].removesuffix(".json")
    if name not in parts:
        raise UserError(f"The tests of LiveCodeBench lack '{name}.json'.", "Let QwQ's script write all of them.")
    held = json.loads(parts[name][0]["input_output"])
    tests = [{"input": given, "output": wanted} for given, wanted in zip(held["inputs"], held["outputs"], strict=True)]
    return tests, {"function": held.get("fn_name")}


def _local_task(row: Row, tests: list[Row], about: Row) -> Task:
    function = about.get("function")
    if function is None and tests[0].get("testtype") == "functional":
        found = _METHOD.search(about["starter_code"])
        function = found[1] if found else None
    return _task(row["question_id"], row["prompt"], tests, function)


def _hub_task(row: Row) -> Task:
    tests = [*json.loads(row["public_test_cases"]), *hidden_tests(row["private_test_cases"])]
    function = json.loads(row["metadata"] or "{}").get("func_name")
    return _task(row["question_id"], contest_prompt(row["question_content"], row["starter_code"]), tests, function)


def hidden_tests(text: str) -> list[Row]:
    """LiveCodeBench's private tests, which are JSON or compressed and pickled JSON."""
    try:
        tests: list[Row] = json.loads(text)
    except ValueError:
        packed = zlib.decompress(base64.b64decode(text))
        tests = json.loads(_TextOnly(io.BytesIO(packed)).load())
    return tests


def _task(name: str, prompt: str, tests: list[Row], function: str | None) -> Task:
    kind = "program" if function is None else "function"
    truth = contest_truth(tests, function)
    return Task(f"livecodebench/{name}", user(prompt), "code", truth, (), "livecodebench", {"category": kind})


LIVECODEBENCH = Suite(
    "livecodebench",
    "LiveCodeBench v5",
    "pass@1 over 8 samples",
    (
        ("qwq_eval/livecodebench_v5.jsonl", "livecodebench_v5_tests/*.json"),
        ("qwq_eval/livecodebench_v5.jsonl", "livecodebench_public_tests/lcb_v5_2408_2502_279.json"),
    ),
    (
        HubSet(
            "livecodebench/code_generation_lite",
            files=("test.jsonl", "test2.jsonl", "test3.jsonl", "test4.jsonl", "test5.jsonl"),
        ),
    ),
    _tasks,
    Protocol(samples=8),
    note="With public tests alone (a local folder without livecodebench_v5_tests/) figures come out higher.",
)
