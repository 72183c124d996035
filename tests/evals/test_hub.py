"""Suites from the hub: rows in the shapes that the official data sets have there."""

from __future__ import annotations

import json
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from darkhorse.errors import UserError
from darkhorse.evals.data import load
from darkhorse.evals.suites import PUBLISHED
from darkhorse.evals.suites.suite import BOXED
from darkhorse.tasks.task import Task

Row = dict[str, Any]
CASES = json.dumps([{"input": "1", "output": "2", "testtype": "stdin"}])
CONTEST = {
    "question_id": "a", "question_content": "Add one.", "starter_code": "", "metadata": "{}",
    "public_test_cases": CASES, "private_test_cases": CASES,
}  # fmt: skip
ROWS: dict[str, list[Row]] = {
    "HuggingFaceH4/aime_2024": [{"id": 60, "problem": "What is 1 + 1?", "answer": "2"}],
    "opencompass/AIME2025": [{"question": "What is 2 + 2?", "answer": "4"}],
    "openai/gsm8k": [{"question": "How many?", "answer": "One.\n#### 1,000"}],
    "HuggingFaceH4/MATH-500": [{"problem": "x?", "answer": "y", "level": 3, "unique_id": "test/a/1.json"}],
    "google/IFEval": [
        {"key": 9, "prompt": "Say.", "instruction_id_list": ["punctuation:no_comma"], "kwargs": [{"num_words": None}]}
    ],
    "evalplus/humanevalplus": [
        {"task_id": "HumanEval/0", "prompt": "import math\n\ndef f(n):\n    pass\n", "entry_point": "f",
         "test": "def check(g): ..."}
    ],
    "evalplus/mbppplus": [
        {"task_id": 2, "prompt": "Do.", "test_list": ["assert f(1) == 1"], "test": "assert f(1) == 1"}
    ],
    "livebench/coding": [
        {**CONTEST, "category": "coding", "task": "coding_completion", "turns": ["Go on."], "question_id": "q",
         "original_json": {"metadata": "{}"}, "partial_solution": "n = 1", "livebench_release_date": "2024-06-24"}
    ],
    "livebench/math": [
        {"category": "math", "task": "math_comp", "subtask": "aime_i_2024", "turns": ["?"], "ground_truth": "025",
         "question_id": name, "livebench_release_date": came, "livebench_removal_date": went}
        for name, came, went in (("old", "2024-06-24", "2024-11-25"), ("held", "2024-06-24", "2025-04-02"),
                                 ("new", "2025-04-02", ""))
    ],
}  # fmt: skip
FILES: dict[str, list[Row]] = {
    "test.jsonl": [{**CONTEST, "contest_date": "2024-07-31T00:00:00"}],
    "test5.jsonl": [
        {**CONTEST, "contest_date": "2024-08-01T00:00:00", "question_id": "in"},
        {**CONTEST, "contest_date": "2025-02-01T00:00:00", "question_id": "late"},
    ],
    "BFCL_v3_simple.json": [
        {"id": "simple_0", "question": [[{"role": "user", "content": "?"}]],
         "function": [{"name": "f", "parameters": {"type": "dict", "properties": {}}}]}
    ],
    "possible_answer/BFCL_v3_simple.json": [{"id": "simple_0", "ground_truth": [{"f": {}}]}],
}  # fmt: skip


@pytest.fixture(autouse=True)
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The hub, as `datasets` shows it."""

    def load_dataset(name: str, subset: str | None, split: str) -> Iterator[Row]:
        return iter(ROWS.get(name, []))

    class DownloadManager:
        def download(self, address: str) -> str:
            name = address.split("/", 5)[-1]
            path = tmp_path / name.replace("/", "-")
            path.write_text("".join(json.dumps(row) + "\n" for row in FILES.get(name, [])))
            return str(path)

    stand_in = types.ModuleType("datasets")
    stand_in.__dict__.update(load_dataset=load_dataset, DownloadManager=DownloadManager)
    monkeypatch.setitem(sys.modules, "datasets", stand_in)


def _tasks(name: str) -> list[Task]:
    suite = PUBLISHED[name]
    data = load(suite, None)
    assert data.origin.startswith("hub: ") and len(data.sha256) == 64 and len(data.date) == 10
    return suite.tasks(data.parts)


def test_mathematics() -> None:
    assert [task.truth["answer"] for name in ("aime24", "gsm8k", "math500") for task in _tasks(name)] == [
        "2",
        "1,000",
        "y",
    ]
    assert _tasks("aime24")[0].prompt[0]["content"] == f"What is 1 + 1?\n{BOXED}"
    assert [task.id for task in _tasks("aime25")] == ["aime25/0", "aime25/1"], "one of each half"


def test_livecodebench_is_the_window_that_qwq_took() -> None:
    (task,) = _tasks("livecodebench")
    assert task.id == "livecodebench/in" and task.truth["stdin_tests"] == [{"input": "1", "output": "2"}] * 2
    assert task.prompt[0]["content"].startswith("You will be given a question (problem specification)")
    assert task.prompt[0]["content"].endswith("```python\n# YOUR CODE HERE\n```\n\n")


def test_livebench_is_the_release_that_qwqs_figure_is_of() -> None:
    names = {task.id: task for task in _tasks("livebench")}
    assert set(names) == {"livebench/q", "livebench/held"}
    assert names["livebench/q"].truth["beginning"] == "n = 1" and names["livebench/q"].verifier == "code"
    assert names["livebench/held"].truth["task"] == "aime_i_2024"


def test_functions_and_instructions() -> None:
    (plus,), (short,), (followed,) = (_tasks(name) for name in ("humaneval_plus", "mbpp_plus", "ifeval"))
    assert plus.truth["prelude"] == "import math\n\n" and "check(f)" in plus.truth["asserts"][0]
    assert short.truth["asserts"] == ["assert f(1) == 1"] and followed.truth["mode"] == "compat"


def test_bfcl_in_the_names_of_version_3() -> None:
    (task,) = _tasks("bfcl")
    assert task.id == "bfcl/simple_0" and task.truth["ground_truth"] == [{"f": {}}]
    assert task.metadata["category"] == "non_live/simple"


def test_a_hub_that_cannot_be_reached_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match=r"darkhorse\[hub\]"):
        load(PUBLISHED["livecodebench"], None)
