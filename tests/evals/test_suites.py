from __future__ import annotations

import asyncio
import base64
import json
import pickle
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import darkhorse.verify.builtin  # noqa: F401  registers the verifiers
from darkhorse.chat.reasoning import Response
from darkhorse.errors import UserError
from darkhorse.evals.data import load
from darkhorse.evals.suites import PUBLISHED, find_suites
from darkhorse.evals.suites.bfcl_schema import tool_schema
from darkhorse.evals.suites.livecodebench import hidden_tests
from darkhorse.evals.suites.mbpp_plus import with_contract
from darkhorse.evals.suites.suite import BOXED, category, nested_means, take
from darkhorse.tasks.task import Task
from darkhorse.verify import registry
from darkhorse.verify.verdict import Scored
from evals_support import write_data

SIZES = {
    "aime24": 30, "aime25": 30, "livecodebench": 279, "ifeval": 541, "bfcl": 2304, "gsm8k": 1319, "math500": 500,
    "humaneval": 164, "humaneval_plus": 164, "mbpp": 500, "mbpp_plus": 416, "ifbench": 300, "bbh": 6511,
    "zebralogic": 1000,
}  # fmt: skip


def _tasks(name: str, folder: Path) -> list[Task]:
    suite = PUBLISHED[name]
    return suite.tasks(load(suite, folder).parts)


def _score(task: Task, answer: str) -> float | None:
    verdict = asyncio.run(registry.get(task.verifier)(task, Response("", answer, True), registry.Context()))
    return verdict.score if isinstance(verdict, Scored) else None


@pytest.mark.data
@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_a_suite_reads_its_real_data(name: str, data_dir: Path) -> None:
    tasks = _tasks(name, data_dir)
    assert len(tasks) == SIZES.get(name, len(tasks)) and len({task.id for task in tasks}) == len(tasks)
    assert all(task.source == name and task.prompt[-1]["content"].strip() for task in tasks)
    registry.get(tasks[0].verifier)
    weights = PUBLISHED[name].weights
    if weights is not None:
        assert sum(weights(dict.fromkeys(map(category, tasks))).values()) == pytest.approx(1)


@pytest.mark.data
def test_prompts_are_those_qwq_was_asked(data_dir: Path) -> None:
    for name, file in (("aime24", "aime24"), ("ifeval", "ifeval"), ("livecodebench", "livecodebench_v5")):
        rows = [json.loads(line) for line in (data_dir / "qwq_eval" / f"{file}.jsonl").open()]
        assert [task.prompt for task in _tasks(name, data_dir)] == [
            ({"role": "user", "content": row["prompt"]},) for row in rows
        ]


@pytest.mark.data
@pytest.mark.parametrize("name", ["aime24", "gsm8k", "math500"])
def test_the_gold_in_a_box_scores_one(name: str, data_dir: Path) -> None:
    tasks = _tasks(name, data_dir)[::7]
    assert all(BOXED in task.prompt[0]["content"] for task in tasks)
    scores = Counter(_score(task, f"So \\boxed{{{task.truth['answer']}}}.") for task in tasks)
    assert scores[1.0] >= 0.98 * len(tasks), "the published grader errs on some of its own golds"


@pytest.mark.data
def test_bbh_and_zebralogic_take_their_own_targets(data_dir: Path) -> None:
    for task in _tasks("bbh", data_dir)[::97]:
        gold, tagged = task.truth["answer"], task.truth.get("form") == "tag"
        assert _score(task, f"<answer>{gold}</answer>" if tagged else f"\\boxed{{{gold}}}") == 1.0, task.id
    for task in _tasks("zebralogic", data_dir)[::97]:
        header, rows = task.truth["header"], task.truth["rows"]
        grid = {f"House {row[0]}": dict(zip(header[1:], row[1:], strict=True)) for row in rows}
        assert _score(task, f"```json\n{json.dumps({'solution': grid})}\n```") == 1.0, task.id
        grid["House 1"][header[1]] = "nobody"
        assert _score(task, f"```json\n{json.dumps({'solution': grid})}\n```") == 0.0, task.id


@pytest.mark.data
def test_short_runs_see_every_category(data_dir: Path) -> None:
    tasks = _tasks("livebench", data_dir)
    chosen = take(tasks, 24)
    assert len(chosen) == 24 and {category(task) for task in chosen} == {category(task) for task in tasks}


@given(st.lists(st.sampled_from("abc"), max_size=30), st.integers(1, 40))
def test_a_limit_takes_so_many_in_order(names: list[str], limit: int) -> None:
    tasks = [Task(str(n), (), "exact", "", (), "", {"category": name}) for n, name in enumerate(names)]
    chosen = take(tasks, limit)
    assert len(chosen) == min(limit, len(tasks)) and chosen == [task for task in tasks if task in chosen]
    shares = Counter(map(category, chosen))
    whole = Counter(map(category, tasks))
    assert all(shares[one] >= min(whole[one], limit // len(whole)) for one in whole)


def test_weights_of_nested_categories_add_up() -> None:
    weights = nested_means(["math/a", "math/b", "reasoning/c"])
    assert weights == {"math/a": 0.25, "math/b": 0.25, "reasoning/c": 0.5}


def test_a_missing_suite_or_data_set_is_a_mistake_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="Did you mean 'aime24'"):
        find_suites(["aime244"])
    with pytest.raises(UserError, match=r"holds no data of 'gsm8k'.*gsm8k/test\.jsonl"):
        load(PUBLISHED["gsm8k"], write_data(tmp_path))
    with pytest.raises(UserError, match="There is no folder"):
        load(PUBLISHED["gsm8k"], tmp_path / "none")


def test_the_checksum_changes_with_the_data_and_with_nothing_else(tmp_path: Path) -> None:
    suite = PUBLISHED["aime24"]
    sums = {load(suite, write_data(tmp_path / str(n), n)).sha256 for n in (3, 4)}
    assert len(sums) == 2 and load(suite, write_data(tmp_path / "again", 3)).sha256 in sums


def test_hidden_tests_are_text_and_nothing_else_comes_out_of_their_pickle() -> None:
    def packed(value: Any) -> str:
        return base64.b64encode(zlib.compress(pickle.dumps(value))).decode()

    tests = [{"input": "1", "output": "2", "testtype": "stdin"}]
    assert hidden_tests(packed(json.dumps(tests))) == tests == hidden_tests(json.dumps(tests))
    with pytest.raises(pickle.UnpicklingError):
        hidden_tests(packed(Path("x")))


def test_functions_are_shown_in_openai_s_shape() -> None:
    function = {
        "name": "geo.area",
        "description": "Area.",
        "parameters": {
            "type": "dict",
            "properties": {"sides": {"type": "tuple", "items": {"type": "float"}}, "note": {"type": "any"}},
            "required": ["sides"],
        },
    }
    shown = tool_schema(function)["function"]
    assert shown["name"] == "geo_area" and shown["parameters"]["type"] == "object"
    assert shown["parameters"]["properties"] == {
        "sides": {"type": "array", "items": {"type": "number"}},
        "note": {"type": "string"},
    }
    java = tool_schema(function, "java")["function"]["parameters"]["properties"]["sides"]
    assert java["type"] == "string" and "Java tuple type" in java["description"] and "items" not in java
    assert function["name"] == "geo.area", "the data are left as they are"


def test_a_contract_refuses_inputs_before_the_program_runs() -> None:
    program = with_contract("def f(n):\n    return n", "f", '\n  assert n > 0, "invalid inputs"\n')
    assert program.index("assert n > 0") < program.index("return n")
