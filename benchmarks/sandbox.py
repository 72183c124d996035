"""How many test executions a second the sandbox makes, beside three usual ways to run a model's code.

One execution is: a program that adds two numbers, started afresh, given its input, its output compared. Ours goes over
HTTP with full isolation (the server, its fork servers and this client share the machine); the peers are `subprocess`
with the same interpreter and no isolation, bubblewrap around that (namespaces and a read-only system), and a harness as
LiveCodeBench has it: a `multiprocessing` manager and process for every program. All keep as many at once as there are
cores. Rounds are interleaved, figures are medians, ratios are taken within a round.

    python benchmarks/sandbox.py --json benchmarks/results/sandbox.json
"""

from __future__ import annotations

import argparse
import asyncio
import io
import multiprocessing
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from _writing import write_json
from darkhorse.sandbox.client import SandboxClient, SandboxProcess
from darkhorse.sandbox.protocol import ExecuteRequest, JudgeRequest, StdinTest

PROGRAM = "a, b = map(int, input().split())\nprint(a + b)\n"
TESTS_PER_REQUEST = 10
CPP = "#include <bits/stdc++.h>\nint main() { int a, b; std::cin >> a >> b; std::cout << a + b << std::endl; }\n"
LIMIT_S = 10


def ours(client: SandboxClient, count: int, per_request: int) -> tuple[float, list[float]]:
    """Seconds for `count` executions, and those of each request."""

    async def one(request: JudgeRequest) -> float:
        started = time.perf_counter()
        assert (await client.judge(request)).accepted
        return time.perf_counter() - started

    async def all_of_them() -> list[float]:
        test = StdinTest(stdin="1 2\n", expected="3")
        requests = [JudgeRequest(source=PROGRAM, tests=[test] * per_request) for _ in range(count // per_request)]
        return await asyncio.gather(*map(one, requests))

    started = time.perf_counter()
    latencies = asyncio.run(all_of_them())
    return time.perf_counter() - started, latencies


def latency(client: SandboxClient, count: int) -> list[float]:
    """Seconds of single requests, as many at once as there are cores."""

    async def chain() -> list[float]:
        found = []
        for _ in range(count // cores()):
            started = time.perf_counter()
            request = JudgeRequest(source=PROGRAM, tests=[StdinTest(stdin="1 2\n", expected="3")])
            assert (await client.judge(request)).accepted
            found.append(time.perf_counter() - started)
        return found

    async def chains() -> list[float]:
        return [seconds for found in await asyncio.gather(*(chain() for _ in range(cores()))) for seconds in found]

    return asyncio.run(chains())


def by_command(command: list[str]) -> Callable[[int], float]:
    """Seconds for executions that each start a command anew."""

    def one(_: int) -> None:
        done = subprocess.run([*command, "-c", PROGRAM], input="1 2\n", capture_output=True, text=True, timeout=LIMIT_S)
        assert done.stdout == "3\n", done.stderr

    def many(count: int) -> float:
        started = time.perf_counter()
        with ThreadPoolExecutor(cores()) as pool:
            list(pool.map(one, range(count)))
        return time.perf_counter() - started

    return many


def _harness(source: str, stdin: str, expected: str, result: Any) -> None:
    sys.stdin, sys.stdout = io.StringIO(stdin), io.StringIO()
    exec(compile(source, "<program>", "exec"), {"__name__": "__main__"})
    result.append(sys.stdout.getvalue() == expected)


def by_multiprocessing(count: int) -> float:
    """Seconds for executions in a process each, its result in a manager's list."""

    def one(_: int) -> None:
        with multiprocessing.Manager() as manager:
            result = manager.list()
            process = multiprocessing.Process(target=_harness, args=(PROGRAM, "1 2\n", "3\n", result))
            process.start()
            process.join(LIMIT_S)
            assert list(result) == [True]

    started = time.perf_counter()
    with ThreadPoolExecutor(cores()) as pool:
        list(pool.map(one, range(count)))
    return time.perf_counter() - started


def interpreter() -> str:
    """The real interpreter: a version manager's shim would be timed too."""
    return os.path.realpath(sys.executable)


def bubblewrap() -> list[str] | None:
    """The command that runs Python in bubblewrap; None where there is none."""
    found = shutil.which("bwrap")
    if found is None:
        return None
    library = str(Path(os.__file__).parent)
    binds = ["--ro-bind", "/usr", "/usr", "--ro-bind", "/lib", "/lib", "--ro-bind", "/lib64", "/lib64"]
    binds += ["--ro-bind", library, library, "--ro-bind", interpreter(), interpreter(), "--dev", "/dev"]
    binds += ["--proc", "/proc", "--tmpfs", "/tmp", "--unshare-all", "--die-with-parent", "--new-session"]
    return [found, *binds, interpreter(), "-S", "-E"]


def cores() -> int:
    """Executions at once."""
    return os.cpu_count() or 2


def cpu_of(pid: int) -> float:
    """CPU seconds of a process and all its descendants, those that have ended too."""
    total = 0.0
    for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
        times = process.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executions", type=int, default=1000, help="of ours in a round; peers do a fifth")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    few = max(10, options.executions // 5)
    wrapped = bubblewrap()
    peers: dict[str, Callable[[int], float]] = {"subprocess": by_command([interpreter(), "-S", "-E"])}
    if wrapped is not None:
        peers["bubblewrap"] = by_command(wrapped)
    peers["multiprocessing"] = by_multiprocessing
    rates: dict[str, list[float]] = {name: [] for name in ("darkhorse", "one test a request", *peers)}
    singles: list[float] = []
    process = SandboxProcess()
    client = process.start()
    try:
        health = asyncio.run(client.health())
        ours(client, options.executions // 2, 1)
        cpu = 0.0
        for _ in range(options.repeats):
            before = cpu_of(process.pid)
            rates["darkhorse"].append(options.executions / ours(client, options.executions, TESTS_PER_REQUEST)[0])
            cpu += cpu_of(process.pid) - before
            rates["one test a request"].append(options.executions / ours(client, options.executions, 1)[0])
            singles += latency(client, few)
            for name, run in peers.items():
                rates[name].append(few / run(few))
        compiled = [_compiled(client, changed) for changed in ("", "", "// new\n")]
    finally:
        process.stop()
    figures: dict[str, Any] = {
        "isolation": health.isolation,
        "executions_per_s": statistics.median(rates["darkhorse"]),
        "executions_per_s_one_test_a_request": statistics.median(rates["one test a request"]),
        "peers_per_s": {name: statistics.median(rates[name]) for name in peers},
        "vs_subprocess": _ratio(rates, "subprocess"),
        "vs_bwrap": _ratio(rates, "bubblewrap") if wrapped else None,
        "vs_multiprocessing": _ratio(rates, "multiprocessing"),
        "p50_ms": 1e3 * statistics.median(singles),
        "p99_ms": 1e3 * statistics.quantiles(singles, n=100)[98],
        "cpu_ms_per_execution": 1e3 * cpu / (options.repeats * options.executions),
        "cpp_first_s": compiled[0],
        "cpp_cached_s": compiled[1],
        "memory_mb": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024,
    }
    table = Table("way", "executions/s", "ours is")
    for name in rates:
        rate = statistics.median(rates[name])
        table.add_row(name, f"{rate:.0f}", f"{_ratio(rates, name):.1f} x" if name in peers else "")
    console = Console()
    console.print(table)
    if wrapped is None:
        console.print("bwrap is not installed: bubblewrap was not measured")
    console.print(
        f"isolation {health.isolation}; one request {figures['p50_ms']:.1f} ms, 99 % below {figures['p99_ms']:.1f} ms; "
        f"{figures['cpu_ms_per_execution']:.2f} ms of CPU an execution; C++ {compiled[0]:.2f} s, "
        f"then {1e3 * compiled[1]:.0f} ms"
    )
    write_json(options.json, figures)


def _compiled(client: SandboxClient, comment: str) -> float:
    request = ExecuteRequest(source=comment + CPP, language="cpp", stdin="1 2")
    started = time.perf_counter()
    assert asyncio.run(client.execute(request)).stdout == "3\n"
    return time.perf_counter() - started


def _ratio(rates: dict[str, list[float]], peer: str) -> float:
    return statistics.median(a / b for a, b in zip(rates["darkhorse"], rates[peer], strict=True))


if __name__ == "__main__":
    main()
