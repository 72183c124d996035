"""The pool against hangs, crashes and greed, from several loops and threads, without leaks."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from darkhorse.verify.workers import WorkerDied, WorkerPool, WorkerRaised, WorkerTimeout

FUNCTIONS = """
import os, sys, time

def act(payload):
    match payload["do"]:
        case "double": return payload["n"] * 2
        case "pid": return os.getpid()
        case "sleep": time.sleep(60)
        case "spin":
            while True: pass
        case "raise": raise ValueError("no such thing")
        case "exit": os._exit(7)
        case "eat": return len(bytearray(4 << 30))
        case "print": print("x" * 100_000); return "ok"
        case "echo": return payload["text"]
        case "torch": return "torch" in sys.modules or "numpy" in sys.modules
"""


@pytest.fixture(scope="module", autouse=True)
def functions(tmp_path_factory):
    folder = tmp_path_factory.mktemp("functions")
    (folder / "worker_functions_for_tests.py").write_text(FUNCTIONS)
    sys.path.insert(0, str(folder))
    yield
    sys.path.remove(str(folder))


@pytest.fixture
def pool():
    pool = WorkerPool("worker_functions_for_tests:act", workers=1, timeout_s=0.5, memory_mb=512)
    yield pool
    pool.close()


def ask(pool, do, **rest):
    return asyncio.run(pool.submit({"do": do, **rest}))


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def gone_within(pid, seconds):
    end = time.monotonic() + seconds
    while is_running(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not is_running(pid)


def test_results_come_back_over_several_event_loops_from_one_process(pool):
    assert [ask(pool, "double", n=n) for n in (1, 2, 3)] == [2, 4, 6]
    assert ask(pool, "pid") == ask(pool, "pid") != os.getpid()


def test_it_starts_lazily_and_imports_lightly(pool):
    assert not pool._live
    assert ask(pool, "torch") is False


def test_a_pool_made_ready_has_every_process_waiting():
    pool = WorkerPool("worker_functions_for_tests:act", workers=2, timeout_s=5)
    asyncio.run(pool.ready())
    asyncio.run(pool.ready())
    assert len(pool._live) == 2
    assert all(worker.ready for worker in pool._live)
    assert ask(pool, "double", n=3) == 6
    pool.close()


def test_a_call_may_have_a_limit_of_its_own():
    pool = WorkerPool("worker_functions_for_tests:act", timeout_s=60)
    began = time.monotonic()
    with pytest.raises(WorkerTimeout, match=r"within 0\.3 s"):
        asyncio.run(pool.submit({"do": "spin"}, 0.3))
    assert time.monotonic() - began < 5
    pool.close()


def test_it_works_off_the_main_thread(pool):
    results = []
    thread = threading.Thread(target=lambda: results.append(ask(pool, "double", n=21)))
    thread.start()
    thread.join()
    assert results == [42]


def test_concurrent_calls_all_come_back(pool):
    async def many():
        return await asyncio.gather(*(pool.submit({"do": "double", "n": n}) for n in range(50)))

    assert asyncio.run(many()) == [2 * n for n in range(50)]


@pytest.mark.parametrize(("do", "busy"), [("spin", True), ("sleep", False)])
def test_a_hung_worker_is_killed_and_replaced(pool, do, busy):
    pid = ask(pool, "pid")
    began = time.monotonic()
    with pytest.raises(WorkerTimeout) as caught:
        ask(pool, do)
    assert 0.4 < time.monotonic() - began < 2
    assert caught.value.cpu_s is not None
    assert (caught.value.cpu_s > 0.1) is busy
    assert not Path(f"/proc/{pid}").exists()  # reaped, no zombie
    assert ask(pool, "double", n=4) == 8


def test_a_crash_is_reported_and_the_next_call_works(pool):
    with pytest.raises(WorkerDied, match="status 7"):
        ask(pool, "exit")
    with pytest.raises(WorkerDied, match="memory"):
        ask(pool, "eat")
    assert ask(pool, "double", n=4) == 8


def test_an_exception_keeps_the_worker(pool):
    pid = ask(pool, "pid")
    with pytest.raises(WorkerRaised, match="ValueError: no such thing"):
        ask(pool, "raise")
    assert ask(pool, "pid") == pid


def test_prints_and_large_messages_do_not_disturb_the_stream(pool):
    assert ask(pool, "print") == "ok"
    text = "é\n" * 300_000
    assert ask(pool, "echo", text=text) == text


def test_a_function_that_does_not_exist_is_named():
    pool = WorkerPool("worker_functions_for_tests:missing")
    with pytest.raises(WorkerDied, match="worker_functions_for_tests:missing cannot be imported"):
        ask(pool, "double", n=1)
    pool.close()


def test_nothing_leaks_over_many_kills_and_closes():
    pool = WorkerPool("worker_functions_for_tests:act", workers=1, timeout_s=5)
    ask(pool, "double", n=1)
    pool.close()
    before = len(os.listdir("/proc/self/fd"))
    pids = []
    for _ in range(4):
        pids.append(ask(pool, "pid"))
        with pytest.raises(WorkerDied):
            ask(pool, "exit")
        pids.append(ask(pool, "pid"))
        pool.close()
    assert len(os.listdir("/proc/self/fd")) == before
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


def test_workers_die_with_a_parent_that_is_killed_in_mid_call():
    code = (
        "import asyncio, sys\n"
        "from darkhorse.verify.workers import WorkerPool\n"
        "pool = WorkerPool('worker_functions_for_tests:act', timeout_s=60)\n"
        "print(asyncio.run(pool.submit({'do': 'pid'})), flush=True)\n"
        "asyncio.run(pool.submit({'do': 'spin'}))\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment)
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert is_running(child)
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert gone_within(child, 5)
