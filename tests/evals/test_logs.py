from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

import darkhorse.verify.builtin  # noqa: F401  registers the verifiers
from darkhorse.cli import main
from darkhorse.errors import UserError
from darkhorse.evals.comparison import compare_folders
from darkhorse.evals.endpoint import Endpoint, EndpointOptions
from darkhorse.evals.logs import FORMATS, export_logs, import_logs
from darkhorse.evals.measure import measure, plan
from darkhorse.evals.suites import find_suites
from darkhorse.observe import jsonl
from darkhorse.verify.registry import Context
from evals_support import serving, write_data


@pytest.fixture
def evaluation(tmp_path: Path) -> Path:
    data = write_data(tmp_path / "data")
    plans = [plan(suite, data, None, {"samples": 3}) for suite in find_suites(["aime24", "ifeval"])]

    async def run(url: str) -> None:
        async with Endpoint("adder", EndpointOptions(url)) as target:
            await measure(plans, target, Context(), tmp_path / "evaluation", 0)

    with serving() as server:
        asyncio.run(run(server.url))
    return tmp_path / "evaluation"


@pytest.mark.parametrize("form", FORMATS)
def test_what_is_exported_comes_back_with_every_score(tmp_path: Path, evaluation: Path, form: str) -> None:
    files = export_logs(evaluation, tmp_path / "logs", form)
    assert len(files) == 2 + (form == "lm_eval")
    samples = [path for path in files if not path.name.startswith("results_")]
    assert import_logs(samples, tmp_path / "back") == {"aime24": 18, "ifeval": 18}
    for suite in ("aime24", "ifeval"):
        ours, theirs = (
            {(row["task_id"], row["sample"]): row for row in jsonl.read(folder / "samples" / f"{suite}.jsonl")}
            for folder in (evaluation, tmp_path / "back")
        )
        assert ours.keys() == theirs.keys()
        for key, row in ours.items():
            assert theirs[key]["score"] == row["score"] and theirs[key]["prompt"] == row["prompt"]
            assert theirs[key]["turns"] == row["turns"] and theirs[key]["stage"] == row["stage"]
    found = compare_folders(tmp_path / "back", evaluation, ["aime24"])["aime24"]
    assert found is not None and found["difference"] == 0.0


def test_logs_have_the_fields_their_readers_look_for(tmp_path: Path, evaluation: Path) -> None:
    for path in export_logs(evaluation, tmp_path / "inspect", "inspect"):
        log = json.loads(path.read_text())
        assert log["version"] == 2 and log["status"] == "success" and log["eval"]["config"]["epochs"] == 3
        assert {sample["epoch"] for sample in log["samples"]} == {1, 2, 3}
    results = json.loads(export_logs(evaluation, tmp_path / "harness", "lm_eval")[0].read_text())
    assert 0 < results["results"]["aime24"]["score,none"] < 1
    (document, *_) = jsonl.read(tmp_path / "harness" / "samples_aime24_darkhorse.jsonl")
    assert {"doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "doc_hash"} <= document.keys()


def test_inspect_reads_what_is_exported(tmp_path: Path, evaluation: Path) -> None:
    reader = pytest.importorskip("inspect_ai.log")
    for path in export_logs(evaluation, tmp_path / "logs", "inspect"):
        log = reader.read_eval_log(str(path))
        assert log.status == "success" and len(log.samples) == 18


def test_foreign_logs_are_read(tmp_path: Path) -> None:
    harness: dict[str, Any] = {
        "doc_id": 4, "doc": {"question": "1+1"}, "target": "2", "metrics": ["exact_match"], "exact_match": 1.0,
        "arguments": [["Q: 1+1\nA:", {"until": ["\n"]}]], "resps": [["2"]], "filtered_resps": ["2"],
    }  # fmt: skip
    (tmp_path / "samples_gsm8k_2025-01-31T10-00-00.jsonl").write_text(json.dumps(harness) + "\n")
    inspect = {
        "version": 2, "eval": {"task": "suite/mmlu", "model": "openai/gpt-4"},
        "samples": [
            {"id": 1, "epoch": 1, "input": "q", "output": {"choices": [{"message": {"content": [
                {"type": "reasoning", "reasoning": "hm"}, {"type": "text", "text": "B"}]}, "stop_reason": "stop"}]},
             "scores": {"choice": {"value": "C"}}},
            {"id": 2, "epoch": 1, "input": "q", "output": {"choices": []}, "scores": {"choice": {"value": "odd"}}},
        ],
    }  # fmt: skip
    (tmp_path / "log.json").write_text(json.dumps(inspect))
    files = [tmp_path / "samples_gsm8k_2025-01-31T10-00-00.jsonl", tmp_path / "log.json"]
    assert import_logs(files, tmp_path / "out") == {"gsm8k": 1, "mmlu": 2}
    (row,) = jsonl.read(tmp_path / "out" / "samples" / "gsm8k.jsonl")
    assert row["score"] == 1.0 and row["prompt"][0]["content"] == "Q: 1+1\nA:" and row["task_id"] == "gsm8k/4"
    first, second = jsonl.read(tmp_path / "out" / "samples" / "mmlu.jsonl")
    assert first["score"] == 1.0 and first["turns"][0]["content"] == "hm\n</think>\n\nB" and second["score"] is None


def test_mistakes_say_what_to_do(tmp_path: Path, evaluation: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["logs", "export", str(tmp_path), "--output", str(tmp_path / "x")]) == 2
    assert "holds no finished evaluation" in capsys.readouterr().err
    (tmp_path / "odd.json").write_text("{}")
    with pytest.raises(UserError, match="cannot be read as a log"):
        import_logs([tmp_path / "odd.json"], tmp_path / "y")
    with pytest.raises(UserError, match="holds an evaluation already"):
        import_logs([], evaluation)


def test_of_several_filters_of_the_harness_the_first_counts(tmp_path: Path) -> None:
    documents = [
        {"doc_id": n, "doc": {"question": "?"}, "arguments": [["2+2"]], "resps": [["4"]], "filter": name,
         "metrics": ["exact_match"], "exact_match": score}
        for name, score in (("strict-match", 0.0), ("flexible-extract", 1.0))
        for n in range(3)
    ]  # fmt: skip
    path = tmp_path / "samples_gsm8k_2026-01-01T00-00-00.jsonl"
    jsonl.append(path, documents)
    assert import_logs([path], tmp_path / "out") == {"gsm8k": 3}
    rows = list(jsonl.read(tmp_path / "out" / "samples" / "gsm8k.jsonl"))
    assert [(row["task_id"], row["score"]) for row in rows] == [(f"gsm8k/{n}", 0.0) for n in range(3)]
