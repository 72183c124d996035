from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from evals_support import serving, write_data
from tiny_recipe import command, environment

PROBLEMS, SAMPLES = 6, 8


def _words(url: str, data: Path, output: Path) -> list[str]:
    return command(
        "eval", "adder", "--suites", "aime24", "--base-url", url, "--data", str(data), "--samples", str(SAMPLES),
        "--concurrency", "3", "--output", str(output),
    )  # fmt: skip


def _rows(output: Path) -> list[dict[str, Any]]:
    path = output / "samples" / "aime24.jsonl"
    lines = path.read_bytes().split(b"\n") if path.exists() else []
    return [json.loads(line) for line in lines if line.strip().endswith(b"}")]


@pytest.mark.slow
def test_a_killed_evaluation_goes_on_where_it_was_and_ends_with_the_same_table(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", PROBLEMS)
    with serving() as server:
        whole = subprocess.run(
            _words(server.url, data, tmp_path / "whole"), env=environment(), capture_output=True, text=True, check=True
        )
    output = tmp_path / "killed"
    with serving(pause_s=0.05) as server:
        words = _words(server.url, data, output)
        for already in (0, 9):
            process = subprocess.Popen(words, env=environment(), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
            deadline = time.monotonic() + 120
            while len(_rows(output)) < already + 7 and time.monotonic() < deadline:
                time.sleep(0.005)
            os.kill(process.pid, signal.SIGKILL)
            assert process.wait() == -signal.SIGKILL
        kept = _rows(output)
        assert 14 <= len(kept) < PROBLEMS * SAMPLES, "killed in the middle"
        with (output / "samples" / "aime24.jsonl").open("ab") as file:
            file.write(b'{"task_id": "aime24/0", "sam')  # what a kill in the middle of a write leaves
        before = len(server.bodies)
        resumed = subprocess.run(words, env=environment(), capture_output=True, text=True, check=True)
        asked = len(server.bodies) - before
    rows = _rows(output)
    assert rows[: len(kept)] == kept
    assert asked == PROBLEMS * SAMPLES - len(kept), "nothing is asked for again"
    counts = Counter((row["task_id"], row["sample"]) for row in rows)
    assert len(counts) == PROBLEMS * SAMPLES and set(counts.values()) == {1}
    results = [json.loads((folder / "results.json").read_text()) for folder in (tmp_path / "whole", output)]
    for one in results:
        del one["target"]["base_url"]
    assert results[0] == results[1]
    table = [text[: text.index("Results:")] for text in (whole.stdout, resumed.stdout)]
    assert table[0] == table[1] and "AIME 2024" in table[0]
