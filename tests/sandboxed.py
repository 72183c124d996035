"""What tests of the sandbox share: limits, types of their fixtures, and tests as the API takes them."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from collections.abc import Callable
from pathlib import Path
from typing import Any

import darkhorse
from darkhorse.sandbox.protocol import ExecuteResult, JudgeResult, RunLimits
from darkhorse.sandbox.server import READY

QUICK = RunLimits(wall_s=0.7, cpu_s=1.0, memory_mb=256, output_kb=16)

Execute = Callable[..., ExecuteResult]
Judge = Callable[..., JudgeResult]


def call(*args: Any, expected: Any = None, function: str = "f") -> dict[str, Any]:
    return {"type": "call", "function": function, "args": list(args), "expected": expected}


def text(stdin: str, expected: str) -> dict[str, Any]:
    return {"type": "stdin", "stdin": stdin, "expected": expected}


def asserting(code: str) -> dict[str, Any]:
    return {"type": "assert", "code": code}


_START = "import sys; from darkhorse.sandbox.server import main; main(sys.argv[1:])"
_START_WITHOUT_NAMESPACES = (
    "from darkhorse.sandbox import pool\n"
    "pool._BOOT = pool._BOOT.replace('zygote.main(', 'zygote.namespaces.enter = dict; zygote.main(')\n" + _START
)


class OrdinaryServer:
    """A sandbox server run by a user without privileges; for tests that run as root.

    Args:
        namespaces: whether it may make any; without them it runs at `standard`.

    Raises:
        LookupError: if there is no interpreter that such a user can start; says why.
    """

    USER = 54_321

    def __init__(self, namespaces: bool = True) -> None:
        found = (sys.executable, f"/usr/bin/python{sys.version_info.major}.{sys.version_info.minor}")
        python = next((path for path in found if self._starts(path)), None)
        if python is None:
            raise LookupError("no interpreter that an ordinary user can start has the packages of this one")
        level = "full" if namespaces else "standard"
        start = _START if namespaces else _START_WITHOUT_NAMESPACES
        command = [python, "-c", start, "--port", "0", "--workers", "2", "--isolation", level]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, **self._options())
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().removeprefix(READY).strip()
        self.pid = self._process.pid

    def stop(self) -> None:
        """End it."""
        assert self._process.stdout is not None
        self._process.terminate()
        self._process.wait(30)
        self._process.stdout.close()

    def _starts(self, python: str) -> bool:
        try:
            command = [python, "-c", "import darkhorse.sandbox.server"]
            return subprocess.run(command, capture_output=True, check=False, **self._options()).returncode == 0
        except OSError:
            return False

    def _options(self) -> dict[str, Any]:
        paths = [str(Path(darkhorse.__file__).parents[1]), sysconfig.get_paths()["purelib"]]
        environment = {"PATH": "/usr/bin:/bin", "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"}
        return {"env": environment, "user": self.USER, "group": self.USER, "extra_groups": [], "cwd": "/"}
