"""Folders and files appear whole or not at all, whatever stops the writing."""

from __future__ import annotations

import errno
import os
import resource
import signal
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

import tiny
from darkhorse.errors import UserError
from darkhorse.policy.saving import save_pretrained, write_file, write_folder

FULL = OSError(errno.ENOSPC, "No space left on device")
FULL_IN_WORDS = SafetensorError("Error while serializing: I/O error: No space left on device (os error 28)")


def content(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def failing(error: BaseException):
    def write(partial: Path) -> None:
        (partial / "first").write_text("half")
        raise error

    return write


def whole(partial: Path) -> None:
    (partial / "inner").mkdir()
    (partial / "first").write_text("1")
    (partial / "inner" / "second").write_text("2")


def test_a_folder_is_written_whole_and_replaced_whole(tmp_path):
    target = tmp_path / "a" / "step_1"
    write_folder(target, lambda partial: (partial / "old").write_text("0") and None)
    write_folder(target, whole)
    assert content(target) == {"first": "1", "inner/second": "2"}
    assert [path.name for path in target.parent.iterdir()] == ["step_1"]


@pytest.mark.parametrize(
    "error", [FULL, FULL_IN_WORDS, OSError(errno.EDQUOT, "quota")], ids=["errno", "words", "quota"]
)
def test_a_full_disk_is_named_and_cleaned_up(tmp_path, error):
    target = tmp_path / "step_1"
    with pytest.raises(UserError, match=r"disk is full: '.*step_1'.*Free some space"):
        write_folder(target, failing(error))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("error", [FULL, RuntimeError("bug"), KeyboardInterrupt(), PermissionError(errno.EACCES, "no")])
def test_what_was_there_survives_a_failure(tmp_path, error):
    target = tmp_path / "step_1"
    write_folder(target, whole)
    with pytest.raises((UserError, type(error))):
        write_folder(target, failing(error))
    assert content(target) == {"first": "1", "inner/second": "2"}
    write_folder(target, whole)
    assert [path.name for path in tmp_path.iterdir()] == ["step_1"]


def test_a_killed_process_leaves_no_folder(tmp_path):
    child = os.fork()
    if child == 0:
        write_folder(tmp_path / "step_1", lambda partial: (partial / "first").write_text("half") and os._exit(9))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    assert not (tmp_path / "step_1").exists()


def test_a_model_that_does_not_fit_on_the_disk(tmp_path, monkeypatch):
    """A file-size limit stops safetensors in the middle; its error carries the code in words only."""
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    monkeypatch.setattr("darkhorse.observe.jsonl.errno.ENOSPC", errno.EFBIG)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        with pytest.raises(UserError, match=r"disk is full"):
            write_folder(tmp_path / "step_1", lambda partial: save_pretrained(tiny.model(), tiny.tokenizer(), partial))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    assert list(tmp_path.iterdir()) == []


def test_a_file_is_written_whole(tmp_path, monkeypatch):
    path = tmp_path / "deep" / "summary.json"
    write_file(path, "old")

    def full(self, text, *_, **__):
        raise FULL

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(UserError, match=r"disk is full: '.*summary\.json'"):
        write_file(path, "new")
    monkeypatch.undo()
    assert path.read_text() == "old"
    write_file(path, "new")
    assert path.read_text() == "new"
    assert os.listdir(path.parent) == ["summary.json"]


def test_saving_sets_the_sampling_that_qwq_recommends(tmp_path):
    model = tiny.model()
    save_pretrained(model, tiny.tokenizer(), tmp_path)
    settings = model.generation_config
    assert (settings.temperature, settings.top_p, settings.top_k) == (0.6, 0.95, 40)
    assert torch.equal(tiny.model().lm_head.weight, model.lm_head.weight)
