"""The minimal loop stays minimal, runs, and learns."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

import tiny
from darkhorse.verify.verdict import Abstained, Scored

LOOP = Path(__file__).parents[1] / "examples" / "rl_loop.py"
SMALL = ["--batch", "2", "--prompts", "2", "--generations", "3", "--max-tokens", "8"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> str:
    return str(tiny.folder(tmp_path_factory.mktemp("models") / "tiny"))


@pytest.fixture
def loop() -> ModuleType:
    spec = importlib.util.spec_from_file_location("rl_loop", LOOP)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["rl_loop"] = module
    spec.loader.exec_module(module)
    return module


def test_the_loop_can_be_held_in_the_head():
    assert len(LOOP.read_text().splitlines()) <= 250


def test_the_loop_runs_as_its_readme_says(folder):
    command = [sys.executable, str(LOOP), "--model", folder, "--steps", "2", "--cold-start", "1", *SMALL]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=300, env=os.environ | {"OMP_NUM_THREADS": "1"}
    )
    assert done.returncode == 0, done.stderr
    assert re.findall(r"^cold start +(\d+)  loss \d+\.\d+$", done.stdout, re.MULTILINE) == ["1"]
    assert re.findall(r"^step +(\d+)  reward 0\.000  groups with signal 0/2", done.stdout, re.MULTILINE) == ["1", "2"]


def test_the_loop_learns_what_is_rewarded(folder, loop, monkeypatch):
    async def judge(task, response, context):
        text = response.thinking + response.answer
        return Scored(sum(map(str.isascii, text)) / max(len(text), 1), "the share of ASCII")

    monkeypatch.setattr(loop, "judge", judge)
    options = "--steps 12 --cold-start 0 --learning-rate 0.02 --prompts 2 --generations 8 --max-tokens 10"
    history = loop.main(["--model", folder, *options.split()])
    assert len(history) == 12
    assert sum(history[:3]) / 3 < 0.7 < 0.85 < sum(history[-3:]) / 3


def test_abstentions_are_left_out(folder, loop, monkeypatch, capsys):
    async def judge(task, response, context):
        return Abstained("no gold")

    monkeypatch.setattr(loop, "judge", judge)
    assert loop.main(["--model", folder, "--steps", "2", "--cold-start", "0", *SMALL]) == [0.0, 0.0]
    assert "groups with signal 0/2  mean length 0.0" in capsys.readouterr().out
