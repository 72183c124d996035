"""LiveBench: mathematics, reasoning, instruction following, data analysis, language and coding (White et al. 2024,
arXiv 2406.19314), with its own scoring functions.
"""

from __future__ import annotations

import json
from typing import Any

from darkhorse.evals.suites.code_prompts import contest_truth
from darkhorse.evals.suites.livecodebench import hidden_tests
from darkhorse.evals.suites.suite import HubSet, Parts, Protocol, Row, Suite, nested_means, rows_of, user
from darkhorse.tasks.task import Task

_GROUPS = ("math", "reasoning", "instruction_following", "data_analysis", "language", "coding")
RELEASE = "2024-11-25"
_CODE = ("LCB_generation", "coding_completion")
_UNSUPPORTED = ("agentic_coding", "code_generation", "code_completion")


def _tasks(parts: Parts) -> list[Task]:
    rows = [row for row in rows_of(parts) if row["task"] not in _UNSUPPORTED]
    return [_task(row) for row in rows if _in_release(row)]


def _in_release(row: Row) -> bool:
    """Whether a question belongs to the release that published figures are of."""
    came, went = (str(row.get(f"livebench_{what}_date") or "")[:10] for what in ("release", "removal"))
    return came <= RELEASE and (not went or went > RELEASE)


def _task(row: Row) -> Task:
    group, task = row["category"], row["task"]
    metadata = {"category": f"{group}/{task}", "release": str(row.get("livebench_release_date", ""))[:10]}
    name, prompt = f"livebench/{row['question_id']}", user(row["turns"][0])
    if task in _CODE:
        return Task(name, prompt, "code", _code_truth(row), (), "livebench", metadata)
    return Task(name, prompt, "livebench", _truth(row, metadata["release"]), (), "livebench", metadata)


def _truth(row: Row, release: str) -> dict[str, Any]:
    if row["category"] == "instruction_following":
        given = {
            "instruction_id_list": list(row["instruction_id_list"]),
            "kwargs": [dict(one) for one in row["kwargs"]],
        }
        return {"task": "instruction_following", "release": release, **given}
    return {
        "task": row.get("subtask") or row["task"],
        "group": row["task"],
        "release": release,
        "ground_truth": row["ground_truth"],
    }


def _code_truth(row: Row) -> dict[str, Any]:
    tests = [*json.loads(row["public_test_cases"]), *hidden_tests(row["private_test_cases"])]
    original = row["original_json"]
    about = json.loads((json.loads(original) if isinstance(original, str) else original)["metadata"])
    truth = contest_truth(tests, about.get("func_name"))
    return {**truth, "beginning": row.get("partial_solution") or ""}


LIVEBENCH = Suite(
    "livebench",
    "LiveBench",
    "mean of its categories",
    (("livebench/*.jsonl",),),
    tuple(HubSet(f"livebench/{group}", "test", part=group) for group in _GROUPS),
    _tasks,
    Protocol(max_tokens=32_768),
    weights=nested_means,
    note="The questions are those of the release 2024-11-25, which the published figures are of; categories without "
    "data are not in the mean.",
)
