"""Reading rows and importing tasks, from small files and from real data sets."""

from __future__ import annotations

import asyncio
import functools
import json
import os
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from darkhorse.chat.reasoning import Response
from darkhorse.errors import UserError
from darkhorse.tasks.importers import Origin, from_darkhorse, from_trl, from_verl
from darkhorse.tasks.reasoning_gym import reasoning_gym_tasks
from darkhorse.tasks.sources import hub_rows, import_source, import_tasks, load_rows
from darkhorse.tasks.task import Task
from darkhorse.verify import reasoning_gym as reasoning_gym_verifier
from darkhorse.verify.registry import Context, judge
from darkhorse.verify.verdict import Abstained, Scored

ORIGIN = Origin("data/train.jsonl", 3)
ROW: dict[str, Any] = {"prompt": "2+2?", "verifier": "math", "truth": "4"}
VERL: dict[str, Any] = {
    "data_source": "openai/gsm8k",
    "prompt": [{"role": "user", "content": "2+2?"}],
    "ability": "math",
    "reward_model": {"style": "rule", "ground_truth": "4"},
    "extra_info": {"index": 0, "split": "train"},
}


@pytest.fixture
def data() -> Path:
    folder = os.environ.get("DARKHORSE_DATA")
    if not folder:
        pytest.skip("DARKHORSE_DATA is not set: real data sets are not tested")
    return Path(folder)


def write(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def message_of(error: pytest.ExceptionInfo[UserError]) -> str:
    assert error.value.remedy, "every mistake names its remedy"
    return str(error.value)


def test_rows_are_the_same_in_every_format(tmp_path: Path) -> None:
    rows = [{**ROW, "truth": str(number)} for number in range(600)]
    lines = write(tmp_path / "a.jsonl", "\n\n".join(json.dumps(row) for row in rows) + "\n")
    listed = write(tmp_path / "a.json", "\ufeff".encode() + json.dumps(rows).encode())
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), tmp_path / "a.parquet")
    assert list(load_rows(lines)) == list(load_rows(listed)) == list(load_rows(tmp_path / "a.parquet")) == rows


def test_json_lines_are_read_lazily(tmp_path: Path) -> None:
    rows = load_rows(write(tmp_path / "a.jsonl", '{"x": 1}\n\n{"x": \n'))
    assert next(rows) == {"x": 1}
    with pytest.raises(UserError) as error:
        next(rows)
    assert f"{tmp_path / 'a.jsonl'}, line 3: not valid JSON" in message_of(error)


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.jsonl", b'{"x": "\xff"}\n', "line 1: not readable as JSON"),
        ("a.jsonl", b"[1]\n", "line 1: expected an object, found list"),
        ("a.jsonl", b"[" * 200_000 + b"\n", "line 1: not "),
        ("a.json", b'{"x": 1}', "expected a list of objects, found dict"),
        ("a.json", b'[{"x": 1}, 2]', "row 2: expected an object, found int"),
        ("a.json", b'[\n{"x": 1},\n]', "not valid JSON"),
        ("a.parquet", b"PAR1 nonsense", "not a readable Parquet file after row 0"),
        ("a.csv", b"x\n1\n", "unknown ending '.csv'"),
    ],
)
def test_unreadable_files_are_named(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    path = write(tmp_path / name, content)
    with pytest.raises(UserError) as error:
        list(load_rows(path))
    assert str(path) in message_of(error)
    assert problem in message_of(error)


def test_a_missing_file_is_named_before_reading(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"There is no task file .*none\.jsonl"):
        load_rows(tmp_path / "none.jsonl")


def test_hub_rows_load_and_failures_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets")
    loaded: list[tuple[Any, ...]] = []

    def load_dataset(name: str, subset: str | None, split: str) -> Any:
        loaded.append((name, subset, split))
        if split != "train":
            raise ValueError('Unknown split "nope"')
        return datasets.Dataset.from_list([ROW])

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    assert list(hub_rows("someone/sums", subset="main")) == [ROW]
    assert loaded == [("someone/sums", "main", "train")]
    with pytest.raises(UserError) as error:
        hub_rows("someone/sums", split="nope")
    assert "split 'nope' of the hub data set 'someone/sums'" in message_of(error)


def test_a_text_prompt_becomes_a_user_message() -> None:
    assert from_darkhorse(ROW, ORIGIN) == Task(
        id="train/3", prompt=({"role": "user", "content": "2+2?"},), verifier="math", truth="4", source="train"
    )


def test_every_field_of_a_darkhorse_row_arrives() -> None:
    tools = [{"type": "function", "function": {"name": "add", "parameters": {}}}]
    messages = [
        {"role": "system", "content": "Be brief.", "tool_calls": None},
        {"role": "user", "content": "2+2?", "tool_calls": None},
    ]
    row = {"id": "x", "prompt": messages, "verifier": "functions", "truth": [], "tools": tools, "source": "a/b"}
    task = from_darkhorse({**row, "metadata": {"level": 2}}, ORIGIN)
    assert task.prompt == ({"role": "system", "content": "Be brief."}, {"role": "user", "content": "2+2?"})
    assert (task.id, task.truth, task.tools, task.source) == ("x", [], tuple(tools), "a/b")
    assert task.metadata == {"level": 2}


@pytest.mark.parametrize("truth", [0, False, 0.0, [], {"a": None}])
def test_falsy_truths_are_truths(truth: Any) -> None:
    assert from_darkhorse({**ROW, "truth": truth}, ORIGIN).truth == truth


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"prompt": ...}, "field 'prompt' is missing"),
        ({"prompt": "  "}, "field 'prompt' must be text or a list of messages, found str '  '"),
        ({"prompt": []}, "field 'prompt' must be text or a list of messages, found list []"),
        ({"prompt": 7}, "found int 7"),
        ({"prompt": ["hi"]}, "field 'prompt[0]' must be a message, found str 'hi'"),
        ({"prompt": [{"role": "human", "content": "x"}]}, "field 'prompt[0].role' is str 'human'"),
        ({"prompt": [{"role": "user", "content": None}]}, "field 'prompt[0].content' must be text, found NoneType"),
        ({"prompt": [{"role": "assistant", "content": "x"}]}, "ends with the role 'assistant'"),
        ({"verifier": ...}, "field 'verifier' is missing"),
        ({"verifier": ""}, "field 'verifier' must be text, found str ''"),
        ({"truth": ...}, "field 'truth' is missing"),
        ({"truth": None}, "field 'truth' is empty (NoneType None)"),
        ({"truth": " "}, "field 'truth' is empty (str ' ')"),
        ({"truth": {1, 2}}, "field 'truth' is not JSON"),
        ({"tools": {}}, "field 'tools' must be a list"),
        ({"tools": [{"name": "add"}]}, "field 'tools[0]' must describe a function"),
        ({"metadata": "x"}, "field 'metadata' must be an object, found str 'x'"),
    ],
)
def test_bad_rows_name_file_row_field_and_value(change: dict[str, Any], problem: str) -> None:
    row = {key: value for key, value in {**ROW, **change}.items() if value is not ...}
    with pytest.raises(UserError) as error:
        from_darkhorse(row, ORIGIN)
    assert message_of(error).startswith("data/train.jsonl, row 3: ")
    assert problem in message_of(error)


def test_trl_rows_take_the_truth_from_a_column() -> None:
    row = {"prompt": "2+2?", "solution": "4", "level": 2, "messages": [{}], "essay": "x" * 101}
    task = from_trl(row, ORIGIN, verifier="math", truth_column="solution")
    assert (task.verifier, task.truth, task.metadata) == ("math", "4", {"level": 2})


@pytest.mark.parametrize(
    ("row", "verifier", "column", "problem"),
    [
        ({"question": "2+2?", "answer": "4"}, "math", "answer", "field 'prompt' is missing"),
        ({"prompt": "2+2?", "answer": "4"}, "math", "solution", "field 'solution' is missing"),
        ({"prompt": "2+2?", "answer": "4"}, None, "answer", "option 'verifier'"),
        ({"prompt": "2+2?", "answer": "4"}, "math", None, "option 'truth_column'"),
    ],
)
def test_trl_mistakes_are_named(row: dict[str, Any], verifier: str | None, column: str | None, problem: str) -> None:
    with pytest.raises(UserError) as error:
        from_trl(row, ORIGIN, verifier=verifier, truth_column=column)
    assert problem in message_of(error)
    assert "data/train.jsonl" in message_of(error)


@pytest.mark.parametrize(
    ("change", "override", "verifier"),
    [
        ({}, None, "math"),
        ({"ability": None}, None, "math"),
        ({"data_source": "mine", "ability": "MATH"}, None, "math"),
        ({"data_source": "mine", "ability": "code"}, None, "code"),
        ({"data_source": "codecontests", "ability": "math"}, None, "code"),
        ({}, "exact", "exact"),
    ],
)
def test_verl_rows_find_their_verifier(change: dict[str, Any], override: str | None, verifier: str) -> None:
    task = from_verl({**VERL, **change}, ORIGIN, verifier=override)
    assert (task.verifier, task.truth) == (verifier, "4")
    assert task.metadata == {"index": 0, "split": "train"}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"data_source": "mine", "ability": "logic"}, "no verifier is known for data_source 'mine'"),
        ({"prompt": "2+2?"}, "field 'prompt' must be a list of messages"),
        ({"reward_model": None}, "field 'reward_model' must be an object, found NoneType"),
        ({"reward_model": {}}, "field 'reward_model.ground_truth' is missing"),
        ({"reward_model": {"ground_truth": {"target": 4}}}, "must be text or a number, found dict"),
        ({"extra_info": 3}, "field 'extra_info' must be an object"),
    ],
)
def test_verl_mistakes_are_named(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(UserError) as error:
        from_verl({**VERL, **change}, ORIGIN)
    assert message_of(error).startswith("data/train.jsonl, row 3: ")
    assert problem in message_of(error)


def test_importing_names_the_row_and_refuses_nothing_and_repeated_ids() -> None:
    with pytest.raises(UserError, match="sums, row 2: field 'truth' is missing"):
        import_tasks([ROW, {"prompt": "x", "verifier": "math"}], from_darkhorse, "sums")
    with pytest.raises(UserError, match="'sums' holds no tasks"):
        import_tasks([], from_darkhorse, "sums")
    with pytest.raises(UserError, match="sums, row 3: id 'a' was already used in row 1"):
        import_tasks([{**ROW, "id": "a"}, ROW, {**ROW, "id": "a"}], from_darkhorse, "sums")


def test_gsm8k_imports(data: Path) -> None:
    rows = ({"prompt": row["question"], "truth": row["answer"]} for row in load_rows(data / "gsm8k" / "test.jsonl"))
    source = import_source("gsm8k", rows, functools.partial(from_trl, verifier="math", truth_column="truth"), "gsm8k")
    assert source.size == 1319
    item = source.item(0)
    assert isinstance(item, Task)
    assert item.prompt[0]["content"].startswith("Janet")


def test_gsm8k_as_it_is_needs_a_prompt_column(data: Path) -> None:
    importer = functools.partial(from_trl, verifier="math", truth_column="answer")
    with pytest.raises(UserError, match=r"row 1: field 'prompt' is missing.*found: answer, question"):
        import_tasks(load_rows(data / "gsm8k" / "test.jsonl"), importer, "gsm8k")


def test_deepmath_imports_in_trls_shape(data: Path) -> None:
    path = data / "deepmath_5k" / "math_deepmath_deal.jsonl"
    tasks = import_tasks(
        load_rows(path), functools.partial(from_trl, verifier="math", truth_column="ground_truth"), "x"
    )
    assert len(tasks) == 4994
    assert tasks[0].metadata["difficulty"] == "4.5"


def test_math_train_reads_as_a_json_list(data: Path) -> None:
    assert len(list(load_rows(data / "math_train_rl" / "math_train_7474.json"))) == 7474


def test_countdown_in_verls_shape_needs_its_own_verifier(data: Path) -> None:
    path = data / "countdown" / "test.parquet"
    with pytest.raises(UserError, match=r"test\.parquet, row 1: .*found dict"):
        import_tasks(load_rows(path), from_verl, str(path))
    tasks = import_tasks(load_rows(path), functools.partial(from_verl, verifier="countdown"), str(path))
    assert len(tasks) == 2001
    assert set(tasks[0].truth) == {"numbers", "target"}


def ask(task: Task, answer: str) -> Scored | Abstained:
    return asyncio.run(judge(task, Response("", answer, True), Context()))


def test_reasoning_gym_tasks_are_reproducible_and_scored_by_the_package() -> None:
    pytest.importorskip("reasoning_gym")
    tasks = reasoning_gym_tasks("leg_counting", 3, seed=7, max_animals=5)
    assert tasks == reasoning_gym_tasks("leg_counting", 3, seed=7, max_animals=5)
    assert tasks != reasoning_gym_tasks("leg_counting", 3, seed=8, max_animals=5)
    assert json.loads(json.dumps(tasks[0].truth)) == tasks[0].truth
    gold = tasks[0].truth["entry"]["answer"]
    assert ask(tasks[0], gold) == ask(tasks[0], f"So \\boxed{{{gold}}}")
    assert ask(tasks[0], gold) == Scored(1.0, "reasoning-gym's 'leg_counting' scores the answer 1.")
    assert ask(tasks[0], "no idea") == Scored(0.0, "reasoning-gym's 'leg_counting' scores the answer 0.")
    partial = ask(tasks[0], f"It is {gold}")
    assert isinstance(partial, Scored)
    assert 0 < partial.score < 1


@pytest.mark.parametrize(
    ("name", "options", "problem"),
    [
        ("leg_countin", {}, "Did you mean 'leg_counting'"),
        ("leg_counting", {"max_animal": 2}, "refuses the settings"),
        ("leg_counting", {"max_animals": 0}, "refuses the settings"),
        ("n_queens", {}, "its scorer calls eval"),
        ("countdown", {}, "its scorer calls parse_expr"),
        ("bitwise_arithmetic", {}, "its scorer calls eval"),
        ("composite", {}, "may be that of any data set"),
        ("rearc", {}, "no item whose own answer"),
    ],
)
def test_unusable_reasoning_gym_data_sets_are_refused(name: str, options: dict[str, Any], problem: str) -> None:
    pytest.importorskip("reasoning_gym")
    with pytest.raises(UserError) as error:
        reasoning_gym_tasks(name, 2, seed=1, **options)
    assert problem in message_of(error)


def test_the_scorer_abstains_when_it_hangs_or_would_run_code(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pytest.importorskip("reasoning_gym")
    pool = reasoning_gym_verifier._pool()
    monkeypatch.setattr(pool, "timeout_s", 0.5)
    (task,) = reasoning_gym_tasks("coin_flip", 1, seed=1)
    assert isinstance(ask(task, "1e999999999"), Abstained)
    ran = tmp_path / "ran"
    truth = {"dataset": "n_queens", "entry": task.truth["entry"]}
    verdict = ask(Task("t", task.prompt, "reasoning_gym", truth), f"open({str(ran)!r}, 'w')")
    assert isinstance(verdict, Abstained)
    assert "is refused" in verdict.reason
    assert not ran.exists()
    assert isinstance(ask(Task("t", task.prompt, "reasoning_gym", {"dataset": "coin_flip"}), "1"), Abstained)
    pool.close()


def test_rows_may_name_a_world_and_hold_turns_of_a_user(tmp_path: Path) -> None:
    turns = [
        ("assistant", "a</think>1"),
        ("user", "no"),
        ("assistant", "b</think>2"),
        ("tool", "x"),
        ("assistant", "</think>3"),
    ]
    row = {
        "prompt": "?",
        "verifier": "exact",
        "truth": "3",
        "environment": "feedback",
        "setup": {"hints": ["no"]},
        "completion": [{"role": role, "content": content} for role, content in turns],
    }
    path = tmp_path / "rows.jsonl"
    path.write_text(json.dumps(row) + "\n" + json.dumps(row | {"environment": None, "setup": None}))
    first, second = import_source("rows", load_rows(path), from_darkhorse, str(path)).items
    assert (first.task.environment, first.task.setup) == ("feedback", {"hints": ["no"]})
    assert (second.task.environment, second.task.setup) == ("", None)
    assert [message["role"] for message in first.completion] == [role for role, _ in turns]
