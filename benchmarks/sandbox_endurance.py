"""Whether a sandbox server stays as it was through a great many runs, hostile ones among them, and through kills.

One server judges programs whose verdicts are known, one in ten of them hostile, on one test or on four. Memory and
open descriptors of the server and its fork servers are sampled; afterwards nothing may be left but those. With
`--kills`, a fork server or the whole server is killed every so often, and the client must lose nothing.

    python benchmarks/sandbox_endurance.py --executions 100000 --json benchmarks/results/sandbox_endurance.json
"""

from __future__ import annotations

import argparse
import asyncio
import random
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console

from _writing import write_json
from darkhorse.sandbox.client import SandboxClient, SandboxProcess
from darkhorse.sandbox.protocol import CallTest, JudgeRequest, RunLimits, StdinTest

LIMITS = RunLimits(wall_s=1.0, cpu_s=1.0, memory_mb=256, output_kb=64)
AT_ONCE = 16
HONEST = [
    ("a, b = map(int, input().split())\nprint(a + b)", "accepted"),
    ("a, b = map(int, input().split())\nprint(a - b)", "wrong_answer"),
    ("print(1 / 0)", "runtime_error"),
    ("print(", "compile_error"),
    ("import collections, json\na, b = map(int, input().split())\nprint(json.dumps(a + b))\nexit(0)", "accepted"),
]
HOSTILE = [
    ("import os\nfor i in range(200): open(str(i), 'w').write('x' * 1000)\nos._exit(0)", "wrong_answer"),
    ("x = bytearray(1 << 40)", "memory_limit"),
    ("x = []\nwhile True: x.append(bytearray(1 << 22))", "memory_limit"),
    ("while True: print('x' * 1000)", "output_limit"),
    ("import os\nos.kill(-1, 9)", "runtime_error"),
    ("import os\nos.closerange(0, 256)\nos._exit(0)", "wrong_answer"),
    ("import threading, time\nfor _ in range(2): threading.Thread(target=time.sleep, args=(9,), daemon=True).start()",
     "wrong_answer"),
    ("import sys\nsys.setrecursionlimit(10**6)\ndef f(): f()\nf()", "runtime_error memory_limit time_limit"),
]  # fmt: skip
SLOW = [("while True: pass", "time_limit"), ("import time\ntime.sleep(9)", "time_limit")]


async def endure(
    client: SandboxClient, process: SandboxProcess, count: int, kills: float, samples: list[dict[str, float]]
) -> dict[str, Any]:
    """Make about `count` executions; returns which verdicts were wrong."""
    rng = random.Random(0)
    wrong: Counter[str] = Counter()
    done = begun = requests = 0
    every = max(1, count // 50)
    turns = asyncio.Semaphore(AT_ONCE)

    async def one(source: str, expected: str, tests: list[StdinTest]) -> None:
        nonlocal done
        async with turns:
            result = await client.judge(JudgeRequest(source=source, tests=tests, limits=LIMITS))
            done += len(tests)
            for outcome in result.tests:
                if outcome.status not in (*expected.split(), *(["not_run"] if "time_limit" in expected else [])):
                    wrong[f"{expected} judged {outcome.status}: {source[:40]!r}"] += 1
            if done // every > (done - len(tests)) // every:
                samples.append(sample(process))
                print(f"{done} of {count}", samples[-1], dict(wrong), flush=True)

    async def killer() -> None:
        while kills:
            await asyncio.sleep(kills)
            try:
                family = psutil.Process(process.pid).children()
                victim = rng.choice([psutil.Process(process.pid), *family])
                victim.send_signal(signal.SIGKILL)
            except psutil.NoSuchProcess:
                continue

    killing = asyncio.create_task(killer())
    pending: set[asyncio.Task[None]] = set()
    while begun < count:
        pool = HONEST
        if requests % 10 == 0:
            pool = SLOW if requests % 500 == 0 else HOSTILE
        tests = [StdinTest(stdin="4 3\n", expected="7")] * rng.choice((1, 4))
        pending.add(asyncio.create_task(one(*rng.choice(pool), tests)))
        begun += len(tests)
        requests += 1
        if len(pending) >= 4 * AT_ONCE:
            _, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
    await asyncio.gather(*pending)
    killing.cancel()
    assert (
        await client.judge(JudgeRequest(source="def f(): return 1", tests=[CallTest(function="f", expected=1)]))
    ).accepted
    return {"executions": done, "requests": requests, "wrong": dict(wrong)}


def sample(process: SandboxProcess) -> dict[str, float]:
    """Memory and descriptors of the server and its fork servers, and how many processes there are."""
    try:
        server = psutil.Process(process.pid)
        family = [server, *server.children()]
        return {
            "server_mb": server.memory_info().rss / 2**20,
            "fork_servers_mb": sum(one.memory_info().rss for one in family[1:]) / 2**20,
            "descriptors": sum(one.num_fds() for one in family),
        }
    except psutil.NoSuchProcess:
        return {}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--executions", type=int, default=100_000)
    parser.add_argument("--kills", type=float, default=0.0, help="seconds between kills; 0 for none")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    samples: list[dict[str, float]] = []
    process = SandboxProcess()
    client = process.start()
    started = time.monotonic()
    try:
        before = {one.pid for one in psutil.Process(process.pid).children(recursive=True)}
        figures = asyncio.run(endure(client, process, options.executions, options.kills, samples))
        after = {one.pid for one in psutil.Process(process.pid).children(recursive=True)}
    finally:
        process.stop()
        time.sleep(1)  # for the kernel to end the fork servers' namespaces
    seconds = time.monotonic() - started
    whole = [one for one in samples if one]
    quarter = max(1, len(whole) // 4)
    figures |= {
        "seconds": seconds,
        "executions_per_s": options.executions / seconds,
        "survivors": 0 if options.kills else len(after - before),
        "left_after_stop": sum(map(_runs, after)),
        "first_quarter": _mean(whole[:quarter]),
        "last_quarter": _mean(whole[-quarter:]),
    }
    Console().print_json(data=figures)
    write_json(options.json, figures)


def _runs(pid: int) -> bool:
    """Whether a process is there, and not only its entry for a parent that has not asked yet."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _mean(samples: list[dict[str, float]]) -> dict[str, float]:
    return {name: sum(one[name] for one in samples) / len(samples) for name in samples[0]} if samples else {}


if __name__ == "__main__":
    main()
