from __future__ import annotations

import json
import re
import shutil
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_run import HOSTILE, sample, write_run

from darkhorse.errors import UserError
from darkhorse.observe import report
from darkhorse.observe.metrics import MetricsWriter, RolloutWriter
from darkhorse.observe.report import collect, write_report
from darkhorse.observe.run_folder import read_samples, thin


@pytest.fixture
def run_dir(tmp_path: Path) -> Path:
    return write_run(tmp_path / "runs" / "first")


def embedded(page: Path) -> dict[str, Any]:
    block = re.search(r'<script type="application/json" id="run-data">(.*?)</script>', page.read_text(), re.DOTALL)
    assert block is not None
    data: dict[str, Any] = json.loads(block[1])
    return data


def test_the_page_carries_the_whole_run(run_dir: Path) -> None:
    page = write_report(run_dir)
    assert page == run_dir / "report.html"
    assert not list(run_dir.glob("*.partial"))
    data = embedded(page)
    assert data["stages"] == ["base", "cold_start", "preference_model", "reason", "general"]
    assert data["run"]["model"] == "org/tiny-135m" and data["run"]["seed"] == 7
    assert len(data["curves"]["reason"]["reward"]["x"]) == 120
    assert "kl" not in data["curves"]["reason"]
    assert len(data["samples"]["rows"]) == 960 + 961 + 4 * 60
    assert len(data["samples"]["tasks"]) < len(data["samples"]["rows"])
    assert data["results"]["reason"]["gsm8k"]["t1"] == 0.48
    assert data["notes"] == []


def test_hostile_text_stays_inside_the_data_block(run_dir: Path) -> None:
    page = write_report(run_dir)
    text = page.read_text()
    assert text.count("<script") == text.count("</script>") == 2
    assert "<img" not in text and "<!--" not in text
    shown = embedded(page)["samples"]["rows"]
    assert any(row["turns"][-1]["content"].endswith(HOSTILE) for row in shown)


def test_the_page_names_no_other_host(run_dir: Path) -> None:
    addresses = set(re.findall(r"\w+://[\w./]+", write_report(run_dir).read_text()))
    assert addresses == {"http://www.w3.org/2000/svg"}  # the name of a namespace, never fetched


def test_the_same_run_gives_the_same_page(run_dir: Path) -> None:
    first = write_report(run_dir).read_bytes()
    assert write_report(run_dir).read_bytes() == first


def test_a_run_that_has_only_begun_is_reported(tmp_path: Path) -> None:
    assert embedded(write_report(tmp_path))["stages"] == []
    MetricsWriter(tmp_path / "reason" / "metrics.jsonl").write(1, {"reward": 0.5})
    (tmp_path / "reason" / "rollouts.jsonl").write_bytes(b'{"task_id": "a", "answer": "4"}\n{"task_id": "torn')
    data = embedded(write_report(tmp_path))
    assert data["stages"] == ["reason"]
    assert data["samples"]["rows"][0]["turns"] == [{"role": "assistant", "content": "</think>4"}]
    assert data["notes"] == ["reason/rollouts.jsonl: 1 lines could not be read."]


def test_damaged_parts_leave_a_note(run_dir: Path) -> None:
    (run_dir / "summary.json").write_text('{"stages": ')
    (run_dir / "reason" / "metrics.jsonl").write_text('{"step": 1\n{"step": 2}\n')
    notes = embedded(write_report(run_dir))["notes"]
    assert any("summary.json" in note for note in notes)
    assert any("Line 1" in note and "metrics.jsonl" in note for note in notes)


def test_the_recipe_gives_the_order_of_the_stages(run_dir: Path) -> None:
    (run_dir / "recipe.toml").write_text("[stage.general]\n[stage.reason]\n[stage.never_ran]\n")
    (run_dir / "summary.json").unlink()
    shutil.copytree(run_dir / "reason", run_dir / "another")
    assert collect(run_dir)["stages"] == ["base", "general", "reason", "cold_start", "preference_model", "another"]


def test_a_missing_folder_is_the_users_mistake(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nowhere"):
        write_report(tmp_path / "nowhere")


def test_a_large_run_is_thinned_evenly_and_says_so(tmp_path: Path) -> None:
    RolloutWriter(tmp_path / "reason" / "rollouts.jsonl").write(0, [])
    lines = (json.dumps({**sample(step, "reason"), "step": step}) for step in range(20_000))
    (tmp_path / "reason" / "rollouts.jsonl").write_text("\n".join(lines))
    data = collect(tmp_path)
    steps = [row["step"] for row in data["samples"]["rows"]]
    assert len(steps) == report.MAX_ROWS and steps[0] == 0 and steps[-1] == 19_999
    assert max(later - earlier for earlier, later in pairwise(steps)) <= 14
    assert data["notes"] == ["reason/rollouts.jsonl: 1,500 of 20,000 samples are in this page, evenly spaced."]


def test_long_texts_cannot_swell_the_page(tmp_path: Path) -> None:
    for stage in ("reason", "general"):
        rows = [
            sample(i, stage, turns=[{"role": "assistant", "content": f"{i}-start{'长<' * 40_000}end-{i}"}])
            for i in range(150)
        ]
        RolloutWriter(tmp_path / stage / "rollouts.jsonl").write(1, rows)
    page = write_report(tmp_path)
    assert 4_000_000 < page.stat().st_size < 10_000_000
    text = embedded(page)["samples"]["rows"][0]["turns"][0]["content"]
    assert text.startswith("0-start") and text.endswith("end-0") and "characters left out" in text


def test_one_sample_larger_than_the_limit_is_still_shown(tmp_path: Path) -> None:
    path = tmp_path / "rollouts.jsonl"
    RolloutWriter(path).write(1, [{"answer": "a" * 5000}] * 3)
    assert len(read_samples(path, 10, 100, 12_000).rows) == 1


@given(st.integers(0, 300), st.integers(2, 80))
def test_thinning_keeps_order_and_both_ends(length: int, count: int) -> None:
    items = list(range(length))
    kept = thin(items, count)
    assert len(kept) == min(length, count) and kept == sorted(set(kept))
    assert not items or (kept[0], kept[-1]) == (items[0], items[-1])
