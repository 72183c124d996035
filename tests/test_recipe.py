"""A whole recipe in miniature: every kind of stage, every suite, tasks from files, the figures and the report."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from darkhorse.observe.metrics import read_metrics
from darkhorse.recipe import final_model
from tiny_recipe import fork_server, tiny_model, write_recipe  # noqa: F401

SUITES = ["mathematics", "programming", "instructions", "function_calls", "tools", "preference"]
POLICIES = ["base", "cold_start", "reason", "general"]
STAGES = {"cold_start": 2, "preference_model": 1, "reason": 2, "general": 1}

RECIPE = """
[sandbox]
workers = 1

[stage.cold_start]
type = "sft"
steps = 2
batch_size = 4
tasks = [
    { type = "file", path = "demonstrations.jsonl" },
    { type = "synthetic", suite = "tools" },
]

[stage.preference_model]
type = "reward_model"
init_from = "cold_start"
steps = 1
batch_size = 2
held_out_pairs = 4

[stage.reason]
type = "rl"
init_from = "cold_start"
steps = 2
prompts_per_step = 2
num_generations = 4
max_refills = 0
reward = "random"
truncation = "keep"
sampling = { max_completion_length = 8 }
tasks = [{ type = "file", path = "tasks.jsonl" }, { type = "synthetic", suite = "programming" }]

[stage.general]
type = "rl"
interpolation = 0.5
init_from = "reason"
steps = 1
prompts_per_step = 4
num_generations = 2
max_refills = 0
reward_model = "preference_model"
replay_from = "reason"
replay_share = 0.5
replay_beta = 0.5
scale_rewards = "source"
watch = { tasks = [{ type = "synthetic", suite = "mathematics" }], samples_per_suite = 2 }
truncation = "keep"
sampling = { max_completion_length = 8 }
tasks = [{ type = "synthetic", suite = "preference" }, { type = "synthetic", suite = "function_calls" }]

[evaluation]
samples_per_suite = 4
greedy = ["general"]
greedy_samples_per_suite = 3
sampling = { max_completion_length = 8 }
"""
RECIPE += "tasks = [" + ", ".join(f'{{ type = "synthetic", suite = "{suite}" }}' for suite in SUITES) + "]\n"

DEMONSTRATIONS: list[dict[str, Any]] = [
    {"prompt": "What is 2 + 2?", "completion": "<think>\ntwo and two are four\n</think>\n\nfour"},
    {
        "prompt": [{"role": "user", "content": "What is 3 * 3?"}],
        "completion": [{"role": "assistant", "content": "three threes\n</think>\n\n9"}],
        "verifier": "math",
        "truth": "9",
    },
]
TASKS = [{"id": f"sum{n}", "prompt": f"What is {n} + {n}?", "verifier": "math", "truth": str(2 * n)} for n in range(5)]


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture(scope="module")
def run(tiny_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:  # noqa: F811
    """The run's folder."""
    folder = tmp_path_factory.mktemp("recipe")
    write_rows(folder / "demonstrations.jsonl", DEMONSTRATIONS)
    write_rows(folder / "tasks.jsonl", TASKS)
    write_recipe(folder, tiny_model, RECIPE)
    outcome = fork_server().run("train", "tiny.toml", cwd=folder)
    assert outcome.status == 0, outcome.stderr
    assert "Report: runs/tiny/report.html" in outcome.stdout
    return folder / "runs/tiny"


def test_every_stage_trains(run: Path) -> None:
    for stage, steps in STAGES.items():
        rows = read_metrics(run / stage / "metrics.jsonl")
        assert [row["step"] for row in rows] == list(range(1, steps + 1))
        assert json.loads((run / stage / "done.json").read_text())["wall_seconds"] > 0
        assert [path.name for path in (run / stage / "checkpoints").iterdir()] == [f"step_{steps}"]
        (events,) = (run / "tensorboard" / stage).glob("events.out.tfevents.*")
        assert events.stat().st_size > 200
    for stage in ("cold_start", "preference_model", "reason"):
        assert all(row["grad_norm"] > 0 for row in read_metrics(run / stage / "metrics.jsonl"))
    assert "watch/mathematics" in read_metrics(run / "general" / "metrics.jsonl")[-1]
    statistics = json.loads((run / "preference_model/checkpoints/step_1/reward_statistics.json").read_text())
    assert set(statistics) == {"mean", "deviation", "float32_head"}


def rollouts(run: Path, stage: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / stage / "rollouts.jsonl").read_text().splitlines()]


def test_tasks_come_from_files_and_are_judged(run: Path) -> None:
    rows = rollouts(run, "reason")
    assert len(rows) == 2 * 2 * 4
    from_file = [row for row in rows if row["source"] == "tasks"]
    assert {row["task_id"] for row in from_file} <= {task["id"] for task in TASKS} and len(from_file) == 8
    assert {row["verifier"] for row in rows} == {"math", "code"}
    assert {row["verdict"] for row in rows} == {"scored"}


def test_the_general_stage_replays_the_one_before(run: Path) -> None:
    suites = [row["suite"] for row in rollouts(run, "general")]
    assert sorted(set(suites)) == ["function_calls", "preference", "programming", "tasks"]
    assert {suites.count(suite) for suite in suites} == {2}
    (metrics,) = read_metrics(run / "general" / "metrics.jsonl")
    assert metrics["groups/kept"] >= 2, "what is replayed teaches whatever its rewards are"
    assert "kl" in metrics, "it is held near the policy that the stage started from"


def test_the_summary_holds_the_figures_of_every_stage_and_suite(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    assert set(summary) == {"name", "model", "seed", "stages", "paired", "wall_seconds"}
    assert list(summary["stages"]) == POLICIES
    for stage, suites in summary["stages"].items():
        assert list(suites) == SUITES
        for figures in suites.values():
            assert {"n", "greedy", "t1", "t1_low", "t1_high"} <= set(figures)
            assert set(figures) - {"n", "greedy", "t1", "t1_low", "t1_high"} == {
                "greedy_n",
                "abstained",
                "truncated",
                "mean_tokens",
            }
            assert figures["n"] == 4 and figures["abstained"] == 0
            assert 0 <= figures["t1_low"] <= figures["t1"] <= figures["t1_high"] <= 1
            assert isinstance(figures["greedy"], float) == (stage == "general")
            assert figures["greedy_n"] == (3 if stage == "general" else 0)
    assert list(summary["wall_seconds"]) == ["base", *STAGES]
    assert all(seconds > 0 for seconds in summary["wall_seconds"].values())
    assert list(summary["paired"]) == ["base->cold_start", "cold_start->reason", "reason->general"]


def test_all_stages_are_measured_on_the_same_prompts(run: Path) -> None:
    prompts = []
    for stage in POLICIES:
        rows = [json.loads(line) for line in (run / "evals" / f"{stage}.jsonl").read_text().splitlines()]
        assert len(rows) == (4 + 3 if stage == "general" else 4) * len(SUITES)
        prompts.append([row["task_id"] for row in rows if row["mode"] == "t1"])
    assert prompts.count(prompts[0]) == len(POLICIES)


def test_a_run_that_was_cut_short_holds_its_newest_policy(run: Path, tmp_path: Path) -> None:
    cut = tmp_path / "runs/tiny"
    shutil.copytree(run, cut, symlinks=True)
    for later in (cut / "general", cut / "preference_model"):
        shutil.rmtree(later)
    (cut / "model").unlink()
    for file in run.parents[1].iterdir():
        if file.is_file():
            shutil.copy(file, tmp_path)
    outcome = fork_server().run("train", "tiny.toml", "--only", "reason", cwd=tmp_path)
    assert outcome.status == 0, outcome.stderr
    assert final_model(cut) == (cut / "reason/checkpoints/step_2").resolve()


def test_the_last_policy_and_the_report_are_at_hand(run: Path) -> None:
    assert (run / "model").resolve() == (run / "general/checkpoints/step_1").resolve()
    assert not (run / "model/trainer_state").exists()
    page = (run / "report.html").read_text()
    assert page.count("<html") == 1 and all(stage in page for stage in (*POLICIES, *STAGES))


def test_a_second_run_does_nothing(run: Path) -> None:
    def written() -> dict[Path, int]:
        fresh = {run / "summary.json", run / "report.html"}
        return {p: p.stat().st_mtime_ns for p in run.rglob("*") if p.is_file() and p not in fresh}

    before, summary = written(), (run / "summary.json").read_text()
    outcome = fork_server().run("train", "tiny.toml", cwd=run.parents[1])
    assert outcome.status == 0 and outcome.stderr == ""
    assert (written(), (run / "summary.json").read_text()) == (before, summary)


def test_a_run_folder_can_be_measured_again(run: Path) -> None:
    outcome = fork_server().run("eval", str(run), "--suite", "mathematics", "--n", "2", "--json", cwd=run.parents[1])
    assert outcome.status == 0, outcome.stderr
    assert json.loads(outcome.stdout)["suites"]["mathematics"]["problems"] == 2
