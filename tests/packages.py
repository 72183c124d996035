"""Packages that tests need and this interpreter may lack, in a folder of their own."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

TESTS = Path(__file__).parent


def folder_of(module: str, requirement: str, variable: str, made: Path) -> str:
    """A folder with a package, or nothing where this interpreter has it; the test is skipped, and says so, where it
    cannot be installed. `variable` may name a folder in which it is installed already, or is to be."""
    if importlib.util.find_spec(module) is not None:
        return ""
    folder = Path(os.environ.get(variable) or made)
    if not (folder / module).is_dir():
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", str(folder), requirement]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if done.returncode:
            pytest.skip(f"SKIPPED: '{requirement}' cannot be installed, so it is not tested: {done.stderr[-300:]}")
    return str(folder)


def answer_of(script: str, packages: str) -> dict[str, Any]:
    """What a script of the tests' folder prints in its last line, run with the packages."""
    search = os.pathsep.join(filter(None, [packages, str(TESTS.parent / "src")]))
    command = [sys.executable, str(TESTS / script)]
    environment = {**os.environ, "PYTHONPATH": search}
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, env=environment, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer
