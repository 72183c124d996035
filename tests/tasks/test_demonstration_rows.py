"""Rows with a `completion` become demonstrations; anything that could not be learned from is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from darkhorse.config.tasks import FileSource
from darkhorse.errors import UserError
from darkhorse.tasks.build import build_mixture
from darkhorse.tasks.importers import Origin, from_darkhorse
from darkhorse.tasks.task import Demonstration, Task
from darkhorse.training.data_checks import check_demonstrations, check_verifiers

CALL = 'look\n</think>\n\n<tool_call>\n{"name": "calculator", "arguments": {"expression": "2*3"}}\n</tool_call>'
TURNS = [
    {"role": "assistant", "content": CALL},
    {"role": "tool", "content": "6"},
    {"role": "assistant", "content": "so six\n</think>\n\n6"},
]


def row(**fields: Any) -> Task | Demonstration:
    return from_darkhorse({"prompt": "2 * 3?", **fields}, Origin("data/train.jsonl", 7))


@pytest.mark.parametrize("completion", ["two threes\n</think>\n\n6", "<think>\ntwo threes\n</think>\n\n6"])
def test_text_becomes_one_assistant_turn_without_the_opening_tag(completion: str) -> None:
    item = row(completion=completion)
    assert isinstance(item, Demonstration)
    assert item.completion == ({"role": "assistant", "content": "two threes\n</think>\n\n6"},)
    assert (item.task.id, item.task.verifier, item.task.truth) == ("train/7", "", None)


def test_a_demonstration_keeps_its_verifier_and_truth() -> None:
    item = row(completion=TURNS, verifier="math", truth="6")
    assert isinstance(item, Demonstration)
    assert item.completion == tuple(TURNS)
    assert (item.task.verifier, item.task.truth) == ("math", "6")


def test_without_a_completion_a_row_is_a_task_and_must_be_judged() -> None:
    assert isinstance(row(verifier="math", truth="6", completion=None), Task)
    with pytest.raises(UserError, match="field 'verifier' is missing"):
        row(truth="6")
    with pytest.raises(UserError, match="field 'truth' is missing"):
        row(completion="x</think>6", verifier="math")


@pytest.mark.parametrize(
    ("completion", "problem"),
    [
        ("the answer is 6", "holds no </think>"),
        ("", "holds no </think>"),
        ([], "must be text or a list of messages"),
        (6, "must be text or a list of messages"),
        (TURNS[1:], "roles tool, assistant"),
        (TURNS[:2], "roles assistant, tool"),
        ([TURNS[0], TURNS[2]], "roles assistant, assistant"),
        ([{"role": "user", "content": "?"}, TURNS[2]], "roles user, assistant"),
        ([{"role": "assistant", "content": None, "tool_calls": [{}]}], "holds no </think>"),
        ([{"role": "assistant"}], "content' must be text"),
        ([{"role": "robot", "content": "x"}], "role' is str 'robot'"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(completion: Any, problem: str) -> None:
    with pytest.raises(UserError) as caught:
        row(completion=completion)
    assert caught.value.message.startswith("data/train.jsonl, row 7: field 'completion")
    assert problem in caught.value.message and caught.value.remedy


def test_a_mixture_of_a_file_is_checked_for_what_its_stage_needs(tmp_path: Path) -> None:
    rows = [{"prompt": "1?", "completion": "x</think>1"}, {"prompt": "2?", "verifier": "math", "truth": "2"}]

    def mixture(*chosen: dict[str, Any]) -> Any:
        path = tmp_path / "rows.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in chosen))
        return build_mixture([(FileSource(path=str(path)), 1.0)], 0, "stage")

    check_demonstrations(mixture(rows[0]))
    check_verifiers(mixture(rows[1]))
    with pytest.raises(UserError, match="'rows/2' of source 'rows' has no worked answer"):
        check_demonstrations(mixture(*rows))
    with pytest.raises(UserError, match="'rows/1' of source 'rows' names no verifier"):
        check_verifiers(mixture(*rows))
    with pytest.raises(UserError, match="Did you mean 'math'"):
        check_verifiers(mixture({**rows[1], "verifier": "mat"}))
