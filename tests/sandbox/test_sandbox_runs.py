"""The sandbox over a real socket: what programs may do, and what they may not do to others."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from darkhorse.sandbox.client import SandboxClient, SandboxProcess
from darkhorse.sandbox.protocol import Call, CallResult, RunLimits, RunResult

LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux isolation layers")
QUICK = RunLimits(wall_s=0.7, cpu_s=1.0, memory_mb=256, output_kb=16)


@pytest.fixture(scope="module")
def process() -> Iterator[SandboxProcess]:
    process = SandboxProcess(workers=2)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def client(process: SandboxProcess) -> SandboxClient:
    return SandboxClient(process.url)


def run(client: SandboxClient, code: str, **options: Any) -> RunResult:
    return asyncio.run(client.run(code, **options))


def script(client: SandboxClient, code: str, text: str = "", limits: RunLimits = QUICK) -> CallResult:
    return run(client, code, stdin=[text], limits=limits).results[0]


def calls(client: SandboxClient, code: str, *arguments: list[Any], **options: Any) -> list[CallResult]:
    options.setdefault("limits", QUICK)
    return run(client, code, calls=[Call(function="f", args=args) for args in arguments], **options).results


def layer(client: SandboxClient, name: str) -> bool:
    return asyncio.run(client.ping()).layers[name] == "active"


def test_calls_return_exact_values_and_their_own_output(client: SandboxClient) -> None:
    code = "def f(x):\n    print('got', x)\n    return (x, [True, None, 1.5, 'é'], {1: 2**70})"
    first, second = calls(client, code, [1], ["a"])
    assert first.status == second.status == "ok"
    assert first.value == [1, [True, None, 1.5, "é"], {"1": 2**70}]
    assert first.value[1][0] is True
    assert (first.stdout, second.stdout) == ("got 1\n", "got a\n")


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("10**4200", 10**4200),
        ("'\\0\\x1b\\u2028'", "\0\x1b\u2028"),
        ("1e308 * 1.5", 1.5e308),
        ("-0.0", 0.0),
        ("'x' * (1 << 20)", "x" * (1 << 20)),
        ("eval('[' * 90 + ']' * 90)", json.loads("[" * 90 + "]" * 90)),
    ],
)
def test_extreme_values_arrive(client: SandboxClient, expression: str, value: Any) -> None:
    """A value the answer could not carry would make the client report the sandbox as failed."""
    result = calls(client, f"def f(): return {expression}", [])[0]
    assert result.status == "ok"
    assert result.value == value


@pytest.mark.parametrize("forged", ["NaN", "1e999", "[" * 50_000, '"\\\\ud800"', "9" * 5_000, "{}", "null", "[[1]]"])
def test_forged_records_never_break_the_server(client: SandboxClient, forged: str) -> None:
    code = f"""
import gc, os
nonce = next(o["nonce"] for o in gc.get_objects() if type(o) is dict and "nonce" in o and "calls" in o)
os.write(3, ('{{"index": 0, "status": "ok", "nonce": "' + nonce + '", "value": ' + {forged!r} + '}}\\n').encode())
os._exit(0)
"""
    assert calls(client, code, [], [])[1].status == "crashed"


def test_calls_share_a_process_unless_asked_not_to(client: SandboxClient) -> None:
    code = "n = 0\ndef f():\n    global n\n    n += 1\n    return n"
    assert [result.value for result in calls(client, code, [], [])] == [1, 2]
    assert [result.value for result in calls(client, code, [], [], fresh_process=True)] == [1, 1]


def test_a_call_that_kills_the_process_crashes_the_rest(client: SandboxClient) -> None:
    results = calls(client, "import os\ndef f(x):\n    if x == 2: os._exit(0)\n    return x", [1], [2], [3])
    assert [result.status for result in results] == ["ok", "crashed", "crashed"]


def test_after_a_timeout_nothing_more_is_run(client: SandboxClient) -> None:
    code = "def f(x):\n    while x: pass\n    return x"
    statuses = [result.status for result in calls(client, code, [0], [1], [0], fresh_process=True)]
    assert statuses == ["ok", "timeout", "not_run"]


@pytest.mark.parametrize(
    ("expression", "status"),
    [
        ("float('nan')", "unserialisable"),
        ("{1, 2}", "unserialisable"),
        ("type('I', (int,), {'__eq__': lambda a, b: True})(3)", "unserialisable"),
        ("'\\ud800'", "unserialisable"),
        ("10**5000", "unserialisable"),
        ("{1: 0, '1': 0}", "unserialisable"),
        ("f()", "error"),
        ("1/0", "error"),
        ("bytearray(1 << 40)", "memory"),
        ("exit(0)", "error"),
        ("__import__('ctypes').string_at(0)", "crashed"),
    ],
)
def test_calls_that_return_nothing_usable(client: SandboxClient, expression: str, status: str) -> None:
    assert calls(client, f"def f(): return {expression}", [])[0].status == status


def test_scripts(client: SandboxClient) -> None:
    echo = run(client, "print(int(input()) + 1)", stdin=["1\n", "41\n"]).results
    assert [result.stdout for result in echo] == ["2\n", "42\n"]
    assert script(client, "import sys\nsys.exit(3)").exit_code == 3
    late = "import threading, time\nthreading.Thread(target=lambda: (time.sleep(0.05), print('late'))).start()"
    assert script(client, late).stdout == "late\n"
    failed = script(client, "x = [\n1/0]")
    assert failed.status == "error"
    assert failed.error == "ZeroDivisionError: division by zero"
    assert "line 2" in failed.stderr
    assert "harness" not in failed.stderr
    assert script(client, "print(3)\0").status == "error"
    assert run(client, "1\n2 + 2", interactive=True).results[0].stdout == "4\n"
    assert run(client, "import colorsys, unittest").ok  # the whole standard library, not only what is warm


def test_endings(client: SandboxClient) -> None:
    start = time.monotonic()
    assert script(client, "import time\ntime.sleep(60)").status == "timeout"
    stubborn = "while True:\n    try:\n        while True: pass\n    except BaseException: pass"
    assert script(client, stubborn, limits=RunLimits(wall_s=20, cpu_s=1)).status == "timeout"
    assert time.monotonic() - start < 8
    assert script(client, "while True: print('x' * 1000)").status == "output"
    recursion = "import sys\nsys.setrecursionlimit(10**9)\nclass A:\n    def __repr__(s): return repr(s)\nrepr(A())"
    assert script(client, recursion).status in ("crashed", "memory", "timeout", "error")
    vandal = "import os\nfor fd in range(3, 100):\n    try: os.write(fd, b'junk')\n    except OSError: pass\n"
    assert script(client, vandal + "os.closerange(0, 99)").status in ("ok", "error")
    assert script(client, "print(1)").stdout == "1\n"


@LINUX
@pytest.mark.parametrize(
    ("needs", "code"),
    [
        ("landlock", "open('/etc/passwd')"),
        ("landlock", "import os; os.listdir('/proc')"),
        ("landlock", "open('/tmp/x', 'w')"),
        ("landlock", "import os; open(f'/proc/{os.getppid()}/environ')"),
        ("seccomp", "import socket; socket.socket()"),
        ("seccomp", "import os; os.fork()"),
        ("seccomp", "import os; os.execv('/bin/true', ['true'])"),
        ("seccomp", "import os; os.kill(os.getppid(), 0)"),
        ("seccomp", "import os; os.kill(-1, 9)"),
    ],
)
def test_forbidden(client: SandboxClient, needs: str, code: str) -> None:
    if not layer(client, needs):
        pytest.skip(f"{needs} is absent here")
    result = script(client, code)
    assert result.status == "error"
    assert "PermissionError" in (result.error or "")


@LINUX
def test_scratch_is_writable_bounded_and_gone_afterwards(client: SandboxClient) -> None:
    leave = "import os\nprint(os.listdir())\nos.makedirs('a/' * 500)\nopen('sitecustomize.py', 'w').write('x')"
    for _ in range(4):
        result = script(client, leave)
        assert (result.status, result.stdout) == ("ok", "[]\n")
    fill = "data = b'x' * (8 << 20)\nfor i in range(40): open(str(i), 'wb').write(data)"
    if layer(client, "scratch_quota"):
        assert "No space left" in (script(client, fill).error or "")


def test_secrets_of_the_server_do_not_reach_programs(client: SandboxClient, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = json.loads(script(client, "import os, json\nprint(json.dumps(dict(os.environ)))").stdout)
    assert set(seen) == {"HOME", "TMPDIR", "PATH", "LANG"}


def test_twenty_at_once_and_across_event_loops(client: SandboxClient) -> None:
    async def all_of_them() -> list[Any]:
        runs = [client.run("def f(x): return x * x", calls=[Call(function="f", args=[n])]) for n in range(20)]
        return [result.results[0].value for result in await asyncio.gather(*runs)]

    for _ in range(2):
        assert asyncio.run(all_of_them()) == [n * n for n in range(20)]


def test_a_fork_bomb_hurts_nobody(client: SandboxClient, process: SandboxProcess) -> None:
    bomb = "import os\nwhile True:\n    try: os.fork()\n    except OSError: pass"

    async def both() -> tuple[RunResult, RunResult]:
        bombing = asyncio.create_task(client.run(bomb, limits=QUICK))
        await asyncio.sleep(0.2)
        other = await client.run("print(1)")
        return await bombing, other

    bombed, other = asyncio.run(both())
    assert bombed.results[0].status == "timeout"
    assert other.results[0].stdout == "1\n"
    assert len(psutil.Process(process.pid).children(recursive=True)) == 2  # the fork servers


def test_sandbox_fusion_call(client: SandboxClient) -> None:
    def post(**body: Any) -> Any:
        return httpx.post(client.url + "/run_code", json={"language": "python", **body}).json()

    good = post(code="print(input())", stdin="hi")
    assert good["status"] == "Success"
    assert good["compile_result"] is None
    assert good["run_result"]["status"] == "Finished"
    assert good["run_result"]["stdout"] == "hi\n"
    bad = post(code="raise SystemExit(2)")
    assert bad["status"] == "Failed"
    assert bad["run_result"]["return_code"] == 2
    slow = post(code="while True: pass", run_timeout=0.3)
    assert slow["status"] == "Failed"
    assert slow["run_result"]["status"] == "TimeLimitExceeded"
    assert post(code="", language="cobol")["status"] == "SandboxError"


def _attacks() -> list[Any]:
    folder = os.environ.get("DARKHORSE_DATA")
    path = Path(folder or "") / "verifier_cases" / "code_attacks.jsonl"
    if not folder or not path.exists():
        return [pytest.param(None, marks=pytest.mark.skip(reason="set DARKHORSE_DATA to run the attack cases"))]
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [pytest.param(row, id=row["name"]) for row in rows]


@pytest.mark.parametrize("attack", _attacks())
def test_attack(client: SandboxClient, process: SandboxProcess, attack: dict[str, Any]) -> None:
    start = time.monotonic()
    wanted: list[Any]
    if attack["kind"] == "call":
        two = [Call(function="add", args=[1, 2]), Call(function="add", args=[3, 4])]
        results = run(client, attack["code"], calls=two, fresh_process=True, limits=QUICK).results
        got, wanted = [result.value for result in results], [3, 7]
    else:
        results = run(client, attack["code"], stdin=["1 2\n", "3 4\n"], limits=QUICK).results
        got, wanted = [result.stdout.strip() for result in results], ["3", "7"]
    passed = all(result.status == "ok" for result in results) and got == wanted
    assert passed == attack["must"].startswith("passed")
    assert time.monotonic() - start < 6
    assert sum(len(result.stdout) + len(result.stderr) for result in results) <= 4 * 16 * 1024
    assert len(psutil.Process(process.pid).children(recursive=True)) == 2
    assert script(client, "print(1)").stdout == "1\n"
