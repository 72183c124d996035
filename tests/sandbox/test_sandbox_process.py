"""The life of a sandbox server: it starts, says when it cannot, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
import pytest

from darkhorse.sandbox.client import SandboxClient, SandboxProcess, SandboxUnavailable
from darkhorse.sandbox.protocol import ExecuteRequest, RunLimits
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
    idle = len(family(process.pid))

    async def stop_in_the_middle() -> list[int]:
        request = ExecuteRequest(source="while True: pass", limits=RunLimits(wall_s=60, cpu_s=60))
        impatient = SandboxClient(client.url, patience_s=0.0)
        endless = asyncio.create_task(impatient.execute(request))
        for _ in range(200):
            await asyncio.sleep(0.02)
            if len(family(process.pid)) == idle + 1:
                break
        found = family(process.pid)
        await asyncio.to_thread(process.stop)
        with pytest.raises(SandboxUnavailable):
            await endless
        return found

    pids = asyncio.run(stop_in_the_middle())
    assert len(pids) == idle + 1
    assert wait_for_end(pids) == []
    process.stop()


def test_a_killed_server_is_replaced_and_its_children_end() -> None:
    process = SandboxProcess(workers=1)
    client = process.start()
    try:
        pids = family(process.pid)
        os.kill(process.pid, signal.SIGKILL)
        assert asyncio.run(client.execute(ExecuteRequest(source="print(1)"))).stdout == "1\n"
        assert wait_for_end(pids) == []
    finally:
        process.stop()


def test_a_killed_fork_server_is_replaced() -> None:
    process = SandboxProcess(workers=1)
    client = process.start()
    try:
        for victim in (0, -1):  # the process the server started, and the first one of its namespace
            psutil.Process(process.pid).children(recursive=True)[victim].kill()
            assert asyncio.run(client.execute(ExecuteRequest(source="print(1)"))).stdout == "1\n"
    finally:
        process.stop()


def made_by(pid: int) -> list[str]:
    name = f"darkhorse-sandbox-{pid}-*"
    return [*map(str, Path(tempfile.gettempdir()).glob(name)), *map(str, Path("/sys/fs/cgroup").rglob(name))]


def test_nothing_is_left_on_the_disk() -> None:
    process = SandboxProcess(workers=1)
    client = process.start()
    pid = process.pid
    asyncio.run(client.execute(ExecuteRequest(source="open('x', 'w').write('x')")))
    assert made_by(pid)
    process.stop()
    assert made_by(pid) == []


def test_the_next_server_clears_up_after_a_killed_one() -> None:
    process = SandboxProcess(workers=1)
    client = process.start()
    try:
        pid = process.pid
        os.kill(pid, signal.SIGKILL)
        asyncio.run(client.execute(ExecuteRequest(source="print(1)")))
        assert made_by(pid) == []
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
