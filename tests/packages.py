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
    """A folder with a package, or nothing where this interpreter has it. The test is skipped, and says so, unless
    `variable` names a folder in which it is installed, or is to be (`1`: one of the test's own)."""
    if importlib.util.find_spec(module) is not None:
        return ""
    named = os.environ.get(variable, "")
    if not named:
        pytest.skip(f"SKIPPED: no '{requirement}': it is not tested; set {variable} to 1 to install it")
    folder = made if named == "1" else Path(named)
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
