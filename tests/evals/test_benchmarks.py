"""Published benchmarks of a recipe: their protocol, and a run that measures them at its end, killed and resumed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from darkhorse.config.evals import BenchmarkConfig, EvaluationConfig
from darkhorse.config.loading import load_recipe
from darkhorse.errors import UserError
from darkhorse.evals.benchmarks import benchmark_plans
from darkhorse.evals.suites import PUBLISHED
from evals_support import write_data
from tiny_recipe import fork_server, tiny_model, write_recipe  # noqa: F401

RECIPE = """
[sandbox]
workers = 1

[stage.start]
type = "sft"
steps = 1
batch_size = 1
tasks = [{ type = "synthetic", suite = "mathematics" }]

[evaluation]
data = "data"

[[evaluation.benchmarks]]
benchmark = "aime24"
samples = 2
limit = 2
sampling = { max_completion_length = 6 }

[[evaluation.benchmarks]]
benchmark = "ifeval"
limit = 3
sampling = { max_completion_length = 6 }
"""


def test_a_benchmark_is_measured_by_its_published_protocol(tmp_path: Path) -> None:
    write_data(tmp_path)
    for name in ("aime24", "ifeval", "bfcl"):
        config = EvaluationConfig(benchmarks=[BenchmarkConfig(benchmark=name)], data=str(tmp_path))
        (plan,) = benchmark_plans(config)
        assert plan.protocol == PUBLISHED[name].protocol
    for name, suite in PUBLISHED.items():
        assert BenchmarkConfig(benchmark=name).samples == suite.protocol.samples


def test_what_a_recipe_changes_is_written_down(tmp_path: Path) -> None:
    write_data(tmp_path)
    settings: dict[str, Any] = {"benchmark": "aime24", "limit": 2, "sampling": {"max_completion_length": 7}}
    config = EvaluationConfig.model_validate({"benchmarks": [settings], "data": str(tmp_path)})
    (plan,) = benchmark_plans(config)
    assert (plan.protocol.samples, plan.protocol.temperature, plan.protocol.max_tokens) == (64, 0.6, 7)
    assert len(plan.tasks) == 2 and plan.protocol.source.endswith("; changed: max_tokens")


def test_a_benchmark_is_listed_once(tmp_path: Path) -> None:
    (tmp_path / "tiny.toml").write_text("")
    with pytest.raises(UserError, match=r"evaluation\.benchmarks.*'aime24' is listed 2 times"):
        load_recipe(
            tmp_path / "tiny.toml", ["--evaluation.benchmarks", '[{benchmark = "aime24"}, {benchmark = "aime24"}]']
        )


def _rows(run: Path, suite: str) -> list[dict[str, Any]]:
    path = run / "benchmarks" / "samples" / f"{suite}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


@pytest.mark.slow
def test_a_run_measures_its_benchmarks_at_the_end_whatever_kills_it(
    tiny_model: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    write_data(tmp_path / "data")
    write_recipe(tmp_path, tiny_model, RECIPE)
    run = tmp_path / "runs/tiny"
    killed = fork_server().run("train", "tiny.toml", cwd=tmp_path, kill="benchmarks")
    assert killed.status == -9, killed.stderr
    before = {suite: _rows(run, suite) for suite in ("aime24", "ifeval")}
    assert len(before["aime24"]) == 4 and len(before["ifeval"]) == 1, "killed in the second benchmark"
    assert not (run / "benchmarks" / "results.json").exists()
    resumed = fork_server().run("train", "tiny.toml", cwd=tmp_path)
    assert resumed.status == 0, resumed.stderr
    assert "AIME 2024 " in resumed.stdout and "IFEval" in resumed.stdout
    assert "AIME" not in resumed.stderr, "a finished benchmark is not run again"
    rows = {suite: _rows(run, suite) for suite in before}
    assert rows["aime24"] == before["aime24"] and rows["ifeval"][:1] == before["ifeval"] and len(rows["ifeval"]) == 3
    results = json.loads((run / "benchmarks" / "results.json").read_text())
    summary = json.loads((run / "summary.json").read_text())
    assert summary["benchmarks"]["aime24"]["score"] == results["suites"]["aime24"]["score"] == 0.0
    assert summary["benchmarks"]["ifeval"]["problems"] == 3 and summary["wall_seconds"]["benchmarks"] > 0
    assert '"max_tokens":6' in (run / "report.html").read_text()
    assert (run / "benchmarks" / "report.html").is_file()
    asked = (run / "benchmarks" / "samples" / "aime24.jsonl").stat().st_mtime_ns
    again = fork_server().run("train", "tiny.toml", cwd=tmp_path)
    assert again.status == 0 and "AIME 2024 " in again.stdout
    assert (run / "benchmarks" / "samples" / "aime24.jsonl").stat().st_mtime_ns == asked
    more = fork_server().run(
        "eval", "runs/tiny", "--suites", "bfcl", "--limit", "1", "--max-tokens", "4", "--data", "data", cwd=tmp_path
    )
    assert more.status == 0, more.stderr
    held = json.loads((run / "benchmarks" / "results.json").read_text())["suites"]
    assert list(held) == ["aime24", "ifeval", "bfcl"], "what was measured before is kept"
