"""A run killed at any point and started again ends as if nothing had happened, bit for bit."""

from __future__ import annotations

import json
import math
import shutil
import signal
from dataclasses import dataclass
from pathlib import Path

import pytest

from darkhorse.observe.metrics import deterministic, read_metrics
from tiny_recipe import fork_server, tiny_model, write_recipe  # noqa: F401

# The control reward gives groups of a model that never solves anything a signal, so that there are updates to lose.
RECIPE = """
[sandbox]
workers = 1

[stage.start]
type = "sft"
steps = 4
lanes = 2
batch_size = 2
checkpoint_every = 2
learning_rate = 1e-3
tasks = [{ type = "synthetic", suite = "mathematics" }]

[stage.reason]
type = "rl"
steps = 4
lanes = 2
checkpoint_every = 2
prompts_per_step = 2
num_generations = 4
max_refills = 1
learning_rate = 1e-3
reward = "random"
truncation = "keep"
sampling = { max_completion_length = 12 }
tasks = [{ type = "synthetic", suite = "mathematics" }]

[evaluation]
stages = ["base"]
samples_per_suite = 2
sampling = { max_completion_length = 4 }
tasks = [{ type = "synthetic", suite = "mathematics" }]
"""
WHOLE = "whole"
KILLS = ("stages", "rollout", "update", "checkpoint")


@dataclass(frozen=True)
class Run:
    """What became of one recipe: its folder and, before it was started again, its files and its first exit status."""

    folder: Path
    status: int
    left: dict[str, float]


def files(run: Path) -> dict[str, float]:
    """Files of a run with the times they were written."""
    return {str(path.relative_to(run)): path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def runs(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Run]:  # noqa: F811
    """One run left alone, and one for each point of killing, started again afterwards."""
    made: dict[str, Run] = {}
    for name in (WHOLE, *KILLS):
        folder = tmp_path_factory.mktemp(name)
        recipe = write_recipe(folder, tiny_model, RECIPE).name
        run = folder / "runs/tiny"
        if name in ("rollout", "update", "checkpoint"):  # the first stage is the same for all: take it over
            shutil.copytree(
                made["stages"].folder, run, ignore=shutil.ignore_patterns("reason*", "model", "report.html")
            )
        status = fork_server().run("train", recipe, cwd=folder, kill=None if name == WHOLE else name).status
        left = files(run)
        again = fork_server().run("train", recipe, cwd=folder)
        assert again.status == 0, again.stderr
        made[name] = Run(run, status, left)
    return made


def model_bytes(run: Run, stage: str) -> bytes:
    (path,) = (run.folder / stage / "checkpoints").glob("step_4/model.safetensors")
    return path.read_bytes()


def test_the_run_left_alone_learns_something(runs: dict[str, Run], tiny_model: Path) -> None:  # noqa: F811
    whole = runs[WHOLE]
    assert whole.status == 0
    for stage in ("start", "reason"):
        rows = read_metrics(whole.folder / stage / "metrics.jsonl")
        assert [row["step"] for row in rows] == [1, 2, 3, 4]
        assert all(row["grad_norm"] > 0 and math.isfinite(row["loss"]) for row in rows)
    weights = {(tiny_model / "model.safetensors").read_bytes(), *(model_bytes(whole, s) for s in ("start", "reason"))}
    assert len(weights) == 3


@pytest.mark.parametrize("point", KILLS)
def test_a_killed_run_ends_as_if_nothing_had_happened(runs: dict[str, Run], point: str) -> None:
    whole, resumed = runs[WHOLE], runs[point]
    assert resumed.status == -signal.SIGKILL
    assert "reason/done.json" not in resumed.left
    for stage in ("start", "reason"):
        logs = [read_metrics(run.folder / stage / "metrics.jsonl") for run in (whole, resumed)]
        assert len({json.dumps([deterministic(row) for row in rows]) for rows in logs}) == 1
        rollouts = [(run.folder / stage / "rollouts.jsonl").read_bytes() for run in (whole, resumed)]
        assert rollouts[0] == rollouts[1]
        assert model_bytes(whole, stage) == model_bytes(resumed, stage)


def test_it_was_killed_where_it_says(runs: dict[str, Run]) -> None:
    for point in ("rollout", "update", "checkpoint"):
        kept = [name for name in runs[point].left if name.endswith("trainer_state/state.json")]
        partial = [name for name in runs[point].left if "step_4.partial" in name]
        assert kept == ["reason/checkpoints/step_2/trainer_state/state.json"]
        assert bool(partial) == (point == "checkpoint")
    assert not any(name.startswith("reason/") for name in runs["stages"].left)


def test_what_was_done_is_not_done_again(runs: dict[str, Run]) -> None:
    for name, run in runs.items():
        now = files(run.folder)
        done = ["evals/base.jsonl", "start/metrics.jsonl", "start/done.json"]
        done += ["reason/metrics.jsonl"] if name == WHOLE else []
        assert {path: run.left[path] for path in done} == {path: now[path] for path in done}


def test_no_half_written_file_stays(runs: dict[str, Run]) -> None:
    for run in runs.values():
        assert [name for name in files(run.folder) if "partial" in name or "trainer_state" in name] == []
