"""Runs darkhorse commands in processes that may kill themselves at a chosen point.

Reads one JSON line a run, `[point or null, folder, words]`, and answers with its exit status; what the run prints goes
to `stdout.txt` and `stderr.txt` in the folder. The processes are forked from this one, which has imported everything
and read the suites that training data are compared with: that saves seconds for each of them.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import sys
import traceback
from collections.abc import Callable
from typing import Any

import transformers.models.llama.modeling_llama  # noqa: F401  imported before the forks

from darkhorse import recipe
from darkhorse.cli import main
from darkhorse.evals.contamination import _whole_index
from darkhorse.evals.data import default_folder
from darkhorse.evals.sample_log import SampleLog
from darkhorse.rollout.lane import Lane
from darkhorse.training import checkpoint
from darkhorse.training.rl import RLTrainer

LAST_STEP = 4


def die() -> None:
    """End as a machine does that loses its power."""
    os.kill(os.getpid(), signal.SIGKILL)


def replace(owner: Any, name: str, make: Callable[[Any], Any]) -> None:
    """Put `make(original)` in an attribute's place."""
    setattr(owner, name, make(getattr(owner, name)))


def in_last_step(then: Callable[[], None]) -> None:
    """Do something when the last step of reinforcement learning begins."""

    def wrap(original: Any) -> Any:
        def step(self: RLTrainer, number: int, *rest: Any) -> Any:
            if number == LAST_STEP:
                then()
            return original(self, number, *rest)

        return step

    replace(RLTrainer, "step", wrap)


def kill_in_a_rollout() -> None:
    """In the middle of decoding: at the fifth step of it."""

    def wrap(original: Any) -> Any:
        calls = iter(range(1, 100))

        def decode(*arguments: Any) -> Any:
            if next(calls) == 5:
                die()
            return original(*arguments)

        return decode

    in_last_step(lambda: replace(Lane, "_step", wrap))


def kill_in_an_update() -> None:
    """After the gradient of the last step, before its optimizer step."""

    def wrap(original: Any) -> Any:
        def accumulate(*arguments: Any) -> None:
            original(*arguments)
            die()

        return accumulate

    in_last_step(lambda: replace(RLTrainer, "_accumulate", wrap))


def kill_in_a_checkpoint() -> None:
    """While the last checkpoint is written: its model is there, of the optimizer's state one half."""

    def wrap(original: Any) -> Any:
        def save_file(tensors: Any, path: Any) -> None:
            original(tensors, path)
            os.truncate(path, os.path.getsize(path) // 2)
            die()

        return save_file

    in_last_step(lambda: replace(checkpoint, "save_file", wrap))


def kill_between_stages() -> None:
    """When the second stage is to begin."""
    replace(recipe._Run, "_run_rl", lambda original: lambda *arguments: die())


def kill_in_a_benchmark() -> None:
    """After the first sample of the second benchmark."""

    def wrap(original: Any) -> Any:
        def add(self: SampleLog, row: Any) -> None:
            original(self, row)
            if row["suite"] == "ifeval":
                die()

        return add

    replace(SampleLog, "add", wrap)


KILLS = {
    "benchmarks": kill_in_a_benchmark,
    "rollout": kill_in_a_rollout,
    "update": kill_in_an_update,
    "checkpoint": kill_in_a_checkpoint,
    "stages": kill_between_stages,
}


def run(kill: str | None, folder: str, words: list[str]) -> int:
    """Run a command in a folder, in a forked process; returns its exit status, negative for a signal."""
    pid = os.fork()
    if pid == 0:
        status = 1
        try:
            os.chdir(folder)
            for number, name in ((1, "stdout.txt"), (2, "stderr.txt")):
                os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
            if kill is not None:
                KILLS[kill]()
            status = main(words)
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    if (data := default_folder()) is not None and data.is_dir():
        _whole_index(data)
        gc.freeze()  # a fork's collector would otherwise touch, and so copy, all of it
    for line in sys.stdin:
        print(run(*json.loads(line)), flush=True)
