"""The page on learned rewards: its recipes are valid and its code runs."""

from __future__ import annotations

import asyncio
import json
import re
import tomllib
from pathlib import Path

import pytest
import torch
from fastapi import FastAPI
from transformers import AutoModelForSequenceClassification

import tiny
from darkhorse.config.recipe import Recipe
from darkhorse.rewards.scorer import Ask
from darkhorse.tasks.importers import Origin, from_darkhorse
from darkhorse.verify import builtin, registry
from live_app import Served

PAGE = (Path(__file__).parents[2] / "docs" / "rewards.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


def the_block(word):
    (found,) = [block for block in blocks("python") if word in block]
    return found


@pytest.mark.parametrize("block", blocks("toml"), ids=["a learned reward", "a watch"])
def test_recipes_are_valid(block):
    assert "general" in Recipe.model_validate(tomllib.loads(block)).stage


def test_rows_are_valid():
    (block,) = blocks("json")
    task = from_darkhorse(json.loads(block.replace("\n", " ")), Origin("rows.jsonl", 1))
    assert task.verifier in registry.names() and task.verifier in builtin.__all__


def test_the_guard_is_asked_as_shown():
    exec(the_block("split_reasoning"), {})


def test_a_published_model_is_used_as_shown(tmp_path):
    base = tiny.folder(tmp_path / "base", "qwen3")
    torch.manual_seed(0)
    AutoModelForSequenceClassification.from_pretrained(base, num_labels=1).save_pretrained(tmp_path / "published")
    tiny.tokenizer().save_pretrained(tmp_path / "published")
    names = {"REWARD_MODEL": str(tmp_path / "published")}
    exec(the_block("load_any"), names)
    assert 0 < names["better"] < 1 and 0 < names["worse"] < 1


def test_a_judge_is_asked_as_shown(capsys):
    app = FastAPI()

    @app.post("/v1/chat/completions")
    async def completions() -> dict:
        return {"choices": [{"message": {"content": '{"reason": "equal", "better": "tie"}'}}]}

    served = Served(app)
    exec(the_block("JudgeConfig"), {"JUDGE_URL": f"{served.url}/v1"})
    served.stop()
    assert capsys.readouterr().out == "0.5 equal\n"


def test_a_reward_of_your_own_takes_few_lines():
    block = the_block("class Brief")
    names = {}
    exec(block, names)
    ((short, long),) = asyncio.run(names["scorer"].score([Ask([], ["one", "one two three"])]))
    assert short.score > long.score
    assert len(block.splitlines()) < 30
