"""Checkpoints: exact, whole, and only the newest."""

from __future__ import annotations

import errno

import pytest
import torch
from transformers import AutoModelForCausalLM

import tiny
from darkhorse.config.stages import SFTStage
from darkhorse.errors import UserError
from darkhorse.training import checkpoint
from darkhorse.training.checkpoint import Checkpoints
from darkhorse.training.optimizer import MasterOptimizer


def trained(steps=2):
    policy = tiny.policy(dtype=torch.bfloat16)
    optimizer = MasterOptimizer(policy.model, SFTStage(steps=9, learning_rate=1e-2))
    for step in range(1, steps + 1):
        policy.model.get_output_embeddings().weight.float().square().sum().backward()
        optimizer.step(step)
    return policy, optimizer


def save(checkpoints, step, policy, optimizer):
    return checkpoints.save(step, policy.model, policy.tokenizer, {"cursor": 40 + step}, optimizer.state_dict())


def test_what_is_resumed_is_what_was_saved(tmp_path):
    policy, optimizer = trained()
    folder = save(Checkpoints(tmp_path / "checkpoints"), 2, policy, optimizer)
    resumed = Checkpoints(tmp_path / "checkpoints").resume()
    assert resumed is not None
    assert (resumed.folder, resumed.step, resumed.state) == (folder, 2, {"cursor": 42})
    saved = optimizer.state_dict()
    assert set(resumed.tensors) == set(saved)
    assert all(torch.equal(resumed.tensors[name], tensor) for name, tensor in saved.items())
    plain = AutoModelForCausalLM.from_pretrained(folder)
    assert all(torch.equal(plain.state_dict()[name], tensor) for name, tensor in policy.model.state_dict().items())


def test_only_the_newest_stays(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    assert checkpoints.latest() is None and checkpoints.resume() is None
    policy, optimizer = trained()
    for step in (2, 4, 10):
        save(checkpoints, step, policy, optimizer)
        assert [path.name for path in tmp_path.iterdir()] == [f"step_{step}"]
    assert checkpoints.latest() == tmp_path / "step_10"


def test_the_newest_is_the_one_of_the_highest_number(tmp_path):
    for name in ("step_9", "step_10", "step_11.partial", "step_x", "other"):
        (tmp_path / name).mkdir()
    assert Checkpoints(tmp_path).latest() == tmp_path / "step_10"


def test_a_full_disk_leaves_the_older_one(tmp_path, monkeypatch):
    checkpoints = Checkpoints(tmp_path)
    policy, optimizer = trained()
    save(checkpoints, 2, policy, optimizer)

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(checkpoint, "save_file", full)
    with pytest.raises(UserError, match=r"disk is full: '.*step_4'"):
        save(checkpoints, 4, policy, optimizer)
    assert [path.name for path in tmp_path.iterdir()] == ["step_2"]
    resumed = checkpoints.resume()
    assert resumed is not None and resumed.step == 2


def test_a_finished_stage_keeps_the_model_only(tmp_path):
    checkpoints = Checkpoints(tmp_path)
    policy, optimizer = trained()
    folder = save(checkpoints, 2, policy, optimizer)
    checkpoints.finish()
    assert checkpoints.resume() is None
    assert checkpoints.latest() == folder
    AutoModelForCausalLM.from_pretrained(folder)
