"""What a user can get wrong ends in one message that names the thing and the remedy, and exit status 2."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from darkhorse.config.recipe import Recipe
from darkhorse.errors import UserError
from darkhorse.recipe import run_recipe
from tiny_recipe import darkhorse, fork_server, tiny_model, write_recipe  # noqa: F401

SFT = """
[stage.start]
type = "sft"
steps = 1
batch_size = 1
tasks = [{ type = "file", path = "tasks.jsonl" }]
"""
RL = """
[stage.reason]
type = "rl"
steps = 1
prompts_per_step = 1
num_generations = 2
sampling = { max_completion_length = 4 }
tasks = [{ type = "file", path = "tasks.jsonl" }]
"""
SYNTHETIC = SFT.replace('type = "file", path = "tasks.jsonl"', 'type = "synthetic", suite = "mathematics"')
TASK = {"prompt": "What is 2 + 2?", "verifier": "math", "truth": "4"}


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def train(folder: Path, model: Path | str, body: str, *rows: object, words: tuple[str, ...] = ()) -> str:
    """Write a recipe and its task file, run it, and return the one message it must end in."""
    recipe = write_recipe(folder, model, body)
    (folder / "tasks.jsonl").write_text(
        "".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows)
    )
    outcome = fork_server().run("train", recipe.name, *words, cwd=folder)
    return message(outcome.status, outcome.stdout, outcome.stderr)


def message(status: int, stdout: str, stderr: str) -> str:
    assert (status, stdout) == (2, ""), stderr
    assert stderr.startswith("error: ") and stderr.count("\n") == 1, stderr
    return stderr


def test_unknown_setting(tmp_path: Path) -> None:
    recipe = write_recipe(tmp_path, "nowhere", RL.replace("steps", "stepps"))
    done = darkhorse("train", str(recipe), cwd=tmp_path)
    text = message(done.returncode, done.stdout, done.stderr)
    assert "stage.reason.stepps is not a setting. Did you mean 'steps'?" in text


def test_missing_model(tmp_path: Path) -> None:
    assert "there is no model 'smollm2'" in train(tmp_path, "smollm2", SYNTHETIC)
    assert "'nobody/nothing' could not be loaded" in train(tmp_path, "nobody/nothing", SYNTHETIC)
    (tmp_path / "empty").mkdir()
    assert "the folder './empty' holds no config.json" in train(tmp_path, "./empty", SYNTHETIC)
    debug = fork_server().run("--debug", "train", "tiny.toml", "--model.name", "smollm2", cwd=tmp_path)
    assert debug.status == 2
    assert "Traceback (most recent call last)" in debug.stderr
    assert debug.stderr.splitlines()[-1].startswith("error: model.name: there is no model 'smollm2'.")


def test_mending_a_recipe_that_never_ran_needs_no_other_name(tmp_path: Path) -> None:
    train(tmp_path, "smollm2", RL, TASK)
    assert "there is no model 'smollm3'" in train(tmp_path, "smollm3", RL, TASK)
    (tmp_path / "runs/tiny/evals").mkdir()
    assert "holds a run of a different recipe" in train(tmp_path, "smollm4", RL, TASK)


def test_a_run_older_than_a_setting_goes_on(tmp_path: Path) -> None:
    train(tmp_path, "smollm2", RL, TASK)
    (tmp_path / "runs/tiny/evals").mkdir()
    recipe = tmp_path / "runs/tiny/recipe.toml"
    written = recipe.read_text()
    setting = 'moments_dtype = "float32"\n'
    assert setting in written
    recipe.write_text(written.replace(setting, ""))
    assert "there is no model 'smollm2'" in train(tmp_path, "smollm2", RL, TASK)
    recipe.write_text(written.replace(setting, 'moments_dtype = "bfloat16"\n'))
    assert "holds a run of a different recipe" in train(tmp_path, "smollm2", RL, TASK)
    recipe.write_text(written.replace("moments_dtype", "moments"))
    assert "holds a run of a different recipe" in train(tmp_path, "smollm2", RL, TASK)


def test_bad_data_is_found_before_anything_runs(tiny_model: Path, tmp_path: Path) -> None:  # noqa: F811
    body = """
[evaluation]
samples_per_suite = 1
tasks = [{ type = "synthetic", suite = "mathematics" }]

[stage.first]
type = "sft"
steps = 1
tasks = [{ type = "synthetic", suite = "mathematics" }]
"""
    expected = {
        "tasks.jsonl, line 2: not valid JSON": (RL, [TASK, "{'prompt': \n"]),
        "tasks.jsonl, row 2: field 'truth' is missing.": (RL, [TASK, {"prompt": "?", "verifier": "math"}]),
        "'tasks.jsonl' holds no tasks.": (RL, []),
        "stage.reason.tasks is empty.": (RL.replace('{ type = "file", path = "tasks.jsonl" }', ""), []),
        "There is no task file 'other.jsonl'.": (RL.replace("tasks.jsonl", "other.jsonl"), []),
        "Task 'tasks/2' of source 'tasks' names the verifier 'maths', which does not exist. Did you mean 'math'?": (
            RL,
            [TASK, {**TASK, "verifier": "maths"}],
        ),
        "Task 'tasks/1' of source 'tasks' names no verifier": (RL, [{"prompt": "?", "completion": "so </think> yes"}]),
        "Task 'tasks/1' of source 'tasks' has no worked answer": (SFT, [TASK]),
    }
    for text, (stage, rows) in expected.items():
        assert text in train(tmp_path, tiny_model, body + stage, *rows)
        assert sorted(path.name for path in (tmp_path / "runs/tiny").iterdir()) == ["recipe.toml"]


def test_port_in_use(tiny_model: Path, tmp_path: Path, taken_port: int) -> None:  # noqa: F811
    done = darkhorse("sandbox", "--port", str(taken_port), cwd=tmp_path)
    text = message(done.returncode, done.stdout, done.stderr)
    assert f"127.0.0.1:{taken_port}" in text and "--port" in text
    text = train(tmp_path, tiny_model, RL + f"\n[sandbox]\nport = {taken_port}\n", TASK)
    assert f"127.0.0.1:{taken_port}: Address already in use" in text and "sandbox.port" in text
    text = train(tmp_path, tiny_model, RL + "\n[sandbox]\nmemory_mb = 1\n", TASK)
    assert "sandbox.memory_mb" in text


@pytest.fixture(params=["1m", "8m", "12m"])
def small_disk(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder on a file system of its own: it holds no weights, weights alone, or no trainer's state."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = [shutil.which("mount") or "", "-t", "tmpfs", "-o", f"size={request.param}", "tmpfs", str(folder)]
    if os.getuid() != 0 or not mount[0] or subprocess.run(mount, capture_output=True).returncode != 0:
        pytest.skip("a small disk cannot be mounted here: full disks are tested by tests/observe/test_metrics.py alone")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


@pytest.mark.parametrize("ballast", [False, True])
def test_full_disk(tiny_model: Path, tmp_path: Path, small_disk: Path, ballast: bool) -> None:  # noqa: F811
    recipe = write_recipe(tmp_path, tiny_model, SYNTHETIC)
    if ballast:
        (small_disk / "ballast").write_bytes(bytes(os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_bsize))
    outcome = fork_server().run("train", recipe.name, "--output", str(small_disk), cwd=tmp_path)
    assert outcome.status == 2, outcome.stderr
    *progress, last = outcome.stderr.splitlines()
    assert all(line.startswith("start ") for line in progress), outcome.stderr
    assert last.startswith("error: The disk is full: ")
    assert str(small_disk) in last and "Free some space" in last


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"cluster": {"type": "ray"}}, ["cluster.type is 'ray'", "--dry-run"]),
        (
            {"evaluation": {"benchmarks": [{"benchmark": "live_bench"}]}},
            ["evaluation.benchmarks.0.benchmark = 'live_bench' is no published benchmark", "Did you mean 'livebench'"],
        ),
        (
            {"evaluation": {"benchmarks": [{"benchmark": "gsm8k"}, {"benchmark": "aime24"}], "data": "nowhere"}},
            ["evaluation.benchmarks.0.benchmark = 'gsm8k': There is no folder 'nowhere'", "evaluation.data"],
        ),
        (
            {"evaluation": {"benchmarks": [{"benchmark": "aime24"}], "data": "."}},
            ["evaluation.benchmarks.0.benchmark = 'aime24': '.' holds no data of 'aime24'", "aime24.jsonl"],
        ),
    ],
)
def test_what_cannot_be_run_is_refused_before_anything_is_written(
    settings: dict[str, object], words: list[str], tmp_path: Path
) -> None:
    recipe = Recipe.model_validate({"output": str(tmp_path), **settings})
    with pytest.raises(UserError) as caught:
        run_recipe(recipe)
    assert all(word in str(caught.value) for word in words), caught.value
    assert not list(tmp_path.iterdir())
