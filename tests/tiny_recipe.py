"""A whole recipe small enough for tests: a model of random weights with the embedded model's tokenizer."""

from __future__ import annotations

import atexit
import functools
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

VOCABULARY = 49152


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a Llama of 2 layers and 64 channels in bfloat16."""
    return _tiny_model(tmp_path_factory.getbasetemp() / "tiny_model")


@functools.cache
def _tiny_model(folder: Path) -> Path:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from darkhorse.policy.embedded import resolve_embedded
    from darkhorse.policy.loading import load_tokenizer

    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=1024,
        tie_word_embeddings=True,
        bos_token_id=1,
        eos_token_id=2,
    )
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = LlamaForCausalLM(config).to(torch.bfloat16)
    model.save_pretrained(folder)
    load_tokenizer(resolve_embedded()).save_pretrained(folder)
    return folder


def environment() -> dict[str, str]:
    """Variables for a fresh interpreter that imports what this one can."""
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, sys.path)),
        "OMP_NUM_THREADS": "1",
        "HF_HUB_OFFLINE": "1",
        "TERM": "dumb",
    }


def command(*words: str) -> list[str]:
    """The command line of `darkhorse WORDS` in a fresh interpreter."""
    return [sys.executable, "-c", "import sys; from darkhorse.cli import main; sys.exit(main())", *words]


def darkhorse(*words: str, cwd: Path, text: str = "", limit_s: float = 300.0) -> subprocess.CompletedProcess[str]:
    """Run `darkhorse WORDS` as a user does, with `text` on standard input."""
    return subprocess.run(
        command(*words), cwd=cwd, input=text, env=environment(), capture_output=True, text=True, timeout=limit_s
    )


@dataclass(frozen=True)
class Outcome:
    """How a command ended and what it printed."""

    status: int
    stdout: str
    stderr: str


class ForkServer:
    """Runs darkhorse commands through `forked_runs.py`, and sees to it that none of them leaves a process behind."""

    def __init__(self) -> None:
        self._mark = str(os.getpid())  # inherited by whatever a command starts, orphans too
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("forked_runs.py"))],
            env={**environment(), "DARKHORSE_TEST_RUN": self._mark},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def run(self, *words: str, cwd: Path, kill: str | None = None) -> Outcome:
        """Run `darkhorse WORDS` in a folder, killed at a point of `forked_runs.KILLS` or left alone."""
        assert self._process.stdin is not None and self._process.stdout is not None
        self._process.stdin.write(json.dumps([kill, str(cwd), words]) + "\n")
        self._process.stdin.flush()
        status = int(self._process.stdout.readline())
        deadline = time.monotonic() + 30
        while (left := self._descendants()) and time.monotonic() < deadline:
            time.sleep(0.02)
        assert left == []
        return Outcome(status, (cwd / "stdout.txt").read_text(), (cwd / "stderr.txt").read_text())

    def close(self) -> None:
        """End the server."""
        self._process.communicate()

    def _descendants(self) -> list[str]:
        found = []
        for process in psutil.process_iter():
            try:
                if process.pid != self._process.pid and process.environ().get("DARKHORSE_TEST_RUN") == self._mark:
                    found += [] if process.status() == psutil.STATUS_ZOMBIE else [" ".join(process.cmdline())]
            except psutil.Error:
                continue
        return found


@functools.cache
def fork_server() -> ForkServer:
    """The one server of a test session."""
    server = ForkServer()
    atexit.register(server.close)
    return server


def write_recipe(folder: Path, model: Path | str, body: str, name: str = "tiny") -> Path:
    """Write `tiny.toml` into a folder; its run goes to `runs/NAME` in the working folder."""
    path = folder / "tiny.toml"
    head = f"""
name = "{name}"

[model]
name = "{model}"
threads = 2

[engine]
max_sequences = 8
lanes = 2
min_sequences_per_lane = 1
"""
    path.write_text(head + body)
    return path
