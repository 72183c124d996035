"""The life of a sandbox server: it starts, says when it cannot, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time

import psutil
import pytest

from darkhorse.sandbox.client import SandboxProcess, SandboxUnavailable
from darkhorse.sandbox.protocol import RunLimits
from darkhorse.sandbox.server import main


def wait_for_end(pids: list[int], seconds: float = 5.0) -> list[int]:
    """The processes that still live after a while."""
    deadline = time.monotonic() + seconds
    while (alive := [pid for pid in pids if _lives(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    return alive


def _lives(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def family(pid: int) -> list[int]:
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def test_port_in_use(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 2
    message = capsys.readouterr().err
    assert f"127.0.0.1:{port}" in message
    assert "--port" in message
    assert message.count("\n") == 1


def test_stop_leaves_no_process_even_while_a_program_runs() -> None:
    process = SandboxProcess(workers=1)
    client = process.start()

    async def stop_in_the_middle() -> list[int]:
        endless = asyncio.create_task(client.run("while True: pass", limits=RunLimits(wall_s=60, cpu_s=60)))
        for _ in range(200):
            await asyncio.sleep(0.02)
            if len(family(process.pid)) == 3:
                break
        found = family(process.pid)
        await asyncio.to_thread(process.stop)
        with pytest.raises(SandboxUnavailable):
            await endless
        return found

    pids = asyncio.run(stop_in_the_middle())
    assert len(pids) == 3
    assert wait_for_end(pids) == []
    process.stop()


def test_server_killed_means_unavailable_and_its_children_end() -> None:
    with SandboxProcess(workers=1) as client:
        server = next(child for child in psutil.Process().children() if "darkhorse.sandbox.server" in child.cmdline())
        pids = family(server.pid)
        os.kill(server.pid, signal.SIGKILL)
        with pytest.raises(SandboxUnavailable, match="unavailable"):
            asyncio.run(client.run("print(1)"))
        assert wait_for_end(pids) == []


def test_a_killed_fork_server_is_replaced() -> None:
    process = SandboxProcess(workers=1)
    client = process.start()
    try:
        (zygote,) = psutil.Process(process.pid).children()
        zygote.kill()
        assert asyncio.run(client.run("print(1)")).results[0].stdout == "1\n"
    finally:
        process.stop()


def test_the_server_ends_with_the_process_that_started_it() -> None:
    code = (
        "import os\nfrom darkhorse.sandbox.client import SandboxProcess\n"
        "p = SandboxProcess(workers=1)\np.start()\nprint(p.pid, flush=True)\nos.kill(os.getpid(), 9)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    starter = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment)
    assert starter.stdout is not None
    with starter.stdout as output:
        server = int(output.readline())
    starter.wait()
    assert wait_for_end([server]) == []
