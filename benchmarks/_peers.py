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


class Processes:
    """A process and those it starts, which stand still and end together, and with this one whatever ends it.

    Args:
        command: of the process.
        how: it is started, as `subprocess.Popen` has it.
    """

    def __init__(self, command: Sequence[str], **how: Any) -> None:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # so that they are ended even then
        self.first = subprocess.Popen(command, start_new_session=True, **how)
        atexit.register(self.end)  # those that stand still would outlive this process

    def pause(self) -> None:
        """Have them stand still: some systems keep a processor busy as they wait."""
        self._signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Have them go on."""
        self._signal(signal.SIGCONT)

    def end(self, grace_s: float = 0) -> None:
        """End them, after a while in which they may do so themselves."""
        if grace_s and self.first.poll() is None:
            self._signal(signal.SIGTERM)
            self.resume()
            with suppress(subprocess.TimeoutExpired):
                self.first.wait(grace_s)
        self._signal(signal.SIGKILL)
        self.first.wait()

    def _signal(self, what: signal.Signals) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self.first.pid, what)


class Peer:
    """A worker, which stands still while it is not asked anything.

    Args:
        name: of the system; names its log in `benchmarks/out`.
        command: that starts it; it says so when it is ready.
    """

    def __init__(self, name: str, command: Sequence[str]) -> None:
        self.name = name
        OUT.mkdir(exist_ok=True)
        self._log = OUT / f"{name}.log"
        pipe = subprocess.PIPE
        with self._log.open("w") as log:
            self._processes = Processes(command, stdin=pipe, stdout=pipe, stderr=log, text=True, bufsize=1)
        self._read()
        self._processes.pause()

    def ask(self, question: dict[str, Any]) -> dict[str, Any]:
        """What the worker answers."""
        self._processes.resume()
        print(json.dumps(question), file=self._processes.first.stdin, flush=True)
        answer: dict[str, Any] = json.loads(self._read())
        self._processes.pause()
        return answer

    def stop(self) -> None:
        """End it and all it started."""
        self._processes.end()

    def _read(self) -> str:
        assert self._processes.first.stdout is not None
        line: str = self._processes.first.stdout.readline()
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
