"""Programs that try to be taken for right, to harm the machine, or to outlive their run.

Each case says what the judge may answer. After every one: the machine's processes and files are as before, and an
honest program that follows is judged as ever.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from darkhorse.sandbox.client import SandboxProcess
from sandbox_attacks import ATTACKS, LEGITIMATE, Attack
from sandboxed import Judge, OrdinaryServer, asserting, call, text

ADD = {
    "call": [call(1, 2, expected=3, function="add"), call(3, 4, expected=7, function="add")],
    "stdin": [text("1 2\n", "3\n"), text("3 4\n", "7\n")],
    "assert": [asserting("assert add(1, 2) == 3"), asserting("def check(f):\n    assert f(3, 4) == 7\ncheck(add)")],
}
HONEST = {
    "call": "def add(a, b): return a + b",
    "stdin": "a, b = map(int, input().split())\nprint(a + b)",
    "assert": "def add(a, b): return a + b",
}


@pytest.fixture(scope="module", params=["this user", "an ordinary user"])
def process(request: pytest.FixtureRequest) -> Iterator[SandboxProcess | OrdinaryServer]:
    if request.param == "an ordinary user":
        if os.getuid() != 0:
            pytest.skip("this user is an ordinary one already")
        try:
            server: SandboxProcess | OrdinaryServer = OrdinaryServer()
        except LookupError as error:
            pytest.skip(str(error))
    else:
        server = SandboxProcess(workers=2)
        server.start()
    yield server
    server.stop()


def judged(judge: Judge, process: SandboxProcess | OrdinaryServer, attack: Attack, kind: str) -> Any:
    before = {child.pid for child in psutil.Process(process.pid).children(recursive=True)}
    started = time.monotonic()
    result = judge(attack.source, *ADD[kind], language=attack.language)
    assert time.monotonic() - started < 8
    assert sum(len(test.stdout) + len(test.stderr) for test in result.tests) <= 4 * 16 * 1024
    after = {child.pid for child in psutil.Process(process.pid).children(recursive=True)}
    assert after == before, "processes came or went"
    assert judge(HONEST[kind], *ADD[kind]).accepted
    assert not [name for name in os.listdir("/tmp") if name.startswith("darkhorse-attack")]
    return result


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_attack(judge: Judge, process: SandboxProcess | OrdinaryServer, attack: Attack) -> None:
    for kind in attack.kinds:
        result = judged(judge, process, attack, kind)
        assert not result.accepted
        assert result.status in attack.may_be
        assert all(test.status != "accepted" for test in result.tests) or attack.half_right


@pytest.mark.parametrize("program", LEGITIMATE, ids=lambda attack: attack.name)
def test_programs_that_only_look_suspicious_pass(
    judge: Judge, process: SandboxProcess | OrdinaryServer, program: Attack
) -> None:
    for kind in program.kinds:
        result = judged(judge, process, program, kind)
        assert result.accepted, result.tests


def _given() -> list[Any]:
    folder = os.environ.get("DARKHORSE_DATA")
    path = Path(folder or "") / "verifier_cases" / "code_attacks.jsonl"
    if not folder or not path.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason="set DARKHORSE_DATA to run the attack cases"))]
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [pytest.param(row, id=row["name"]) for row in rows]


@pytest.mark.parametrize("row", _given())
def test_given_attack(judge: Judge, process: SandboxProcess | OrdinaryServer, row: dict[str, Any]) -> None:
    kind = "call" if row["kind"] == "call" else "stdin"
    result = judged(judge, process, Attack(row["name"], row["code"], (kind,)), kind)
    wanted = {"TLE": "time_limit", "CE": "compile_error", "OLE": "output_limit", "MLE": "memory_limit"}
    assert result.accepted == row["must"].startswith("passed")
    for word, status in wanted.items():
        if row["must"].startswith(word):
            assert result.status in (status, "runtime_error" if "/RE" in row["must"] else status)
