"""Systems measured side by side: each in a process of its own that answers a line of JSON with a line of JSON."""

from __future__ import annotations

import atexit
import json
import os
import signal
import subprocess
import sys
import venv
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
OUT = HERE / "out"


class Peer:
    """A worker process and those it starts; they are stopped while they are not asked anything, since some systems keep
    a processor busy as they wait.

    Args:
        name: of the system; names its log in `benchmarks/out`.
        command: that starts it; it says so when it is ready.
    """

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that it ends peers even then
        OUT.mkdir(exist_ok=True)
        self._log = OUT / f"{name}.log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                bufsize=1,
                start_new_session=True,
            )
        atexit.register(self.stop)  # a stopped process would outlive this one, whatever ends it
        self._read()
        self._signal(signal.SIGSTOP)

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """What the worker answers."""
        assert self._process.stdin is not None
        self._signal(signal.SIGCONT)
        print(json.dumps(question), file=self._process.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._read())
        self._signal(signal.SIGSTOP)
        return answer

    def stop(self) -> None:
        """End the processes."""
        self._signal(signal.SIGKILL)
        self._process.wait()

    def _signal(self, what: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._process.pid, what)

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} stopped; see {self._log.relative_to(HERE.parent)}")
        return line


def environment(name: str, packages: Sequence[str], without: Sequence[str] = ()) -> str:
    """The interpreter of an environment in `benchmarks/out` with some packages, made on first use.

    Args:
        name: of its folder.
        packages: to install.
        without: what comes with them and does more harm than good.
    """
    folder = OUT / name
    python = folder / "bin" / "python"
    if not (folder / "installed").exists():
        venv.create(folder, with_pip=True)
        subprocess.run([python, "-m", "pip", "install", "--quiet", *packages], check=True)
        if without:
            subprocess.run([python, "-m", "pip", "uninstall", "--quiet", "--yes", *without], check=True)
        (folder / "installed").touch()
    return str(python)


def checkout(name: str, address: str, commit: str) -> Path:
    """The files of a repository at a commit, in `benchmarks/out`, fetched on first use."""
    folder = OUT / name
    if not (folder / "fetched").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for words in (["init", "-q"], ["fetch", "-q", "--depth", "1", address, commit], ["checkout", "-q", commit]):
            subprocess.run(["git", "-C", folder, *words], check=True)
        (folder / "fetched").touch()
    return folder


class Desk:
    """The worker's side: questions come in and answers go out. What else is printed goes to standard error."""

    def __init__(self) -> None:
        self._answers = os.fdopen(os.dup(1), "w")
        os.dup2(2, 1)

    def questions(self) -> Iterator[dict[str, Any]]:
        """Say that the system is ready, then give each question as it comes."""
        print("ready", file=self._answers, flush=True)
        for line in sys.stdin:
            yield json.loads(line)

    def answer(self, answer: dict[str, Any]) -> None:
        """Answer the last question."""
        print(json.dumps(answer), file=self._answers, flush=True)
