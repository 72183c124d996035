"""The HTTP interface: what it demands, refuses, counts, and speaks besides its own protocol."""

from __future__ import annotations

import asyncio
import base64
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from darkhorse.errors import UserError
from darkhorse.sandbox import server
from darkhorse.sandbox.client import SandboxClient, SandboxProcess, SandboxUnavailable
from darkhorse.sandbox.isolation import LEVELS
from darkhorse.sandbox.protocol import ExecuteRequest, RunLimits
from darkhorse.sandbox.service import chosen_level
from sandboxed import Execute, call, text

FULL = dict.fromkeys(LEVELS["full"], "active")
SLEEP = "import time\ntime.sleep(0.3)"


def post(client: SandboxClient, path: str, **body: Any) -> httpx.Response:
    return httpx.post(client.url + path, json=body, timeout=30)


@pytest.fixture
def guarded() -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """A server with a token, one worker and a short queue."""
    environment = {**os.environ, "DARKHORSE_SANDBOX_TOKEN": "secret", "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-m", "darkhorse.sandbox.server", "--port", "0", "--workers", "1", "--max-waiting", "2"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    yield process.stdout.readline().removeprefix(server.READY).strip(), process
    process.terminate()
    process.wait(20)
    process.stdout.close()


def test_execute_over_http(client: SandboxClient) -> None:
    answer = post(client, "/v1/execute", source="print(input())", stdin="hi").json()
    assert answer["status"] == "accepted"
    assert answer["stdout"] == "hi\n"
    assert answer["exit_code"] == 0
    assert "/v1/judge" in httpx.get(client.url + "/openapi.json").json()["paths"]


def test_bad_requests_name_the_field(client: SandboxClient) -> None:
    for body, where in (
        ({"source": "x", "language": "cobol"}, "language"),
        ({"source": "x", "limits": {"wall_s": -1}}, "wall_s"),
        ({"source": "x", "surprise": 1}, "surprise"),
        ({"language": "python"}, "source"),
    ):
        answer = post(client, "/v1/execute", **body)
        assert answer.status_code == 422
        assert where in answer.text
    assert "stdin" in post(client, "/v1/judge", source="x", language="c", tests=[call(1, expected=1)]).text
    assert "a name within" in post(client, "/v1/execute", source="x", files={"../x": ""}).text
    assert "base64" in post(client, "/v1/execute", source="x", files={"x": "!"}).text


def test_files_go_in_and_come_out(execute: Execute) -> None:
    source = "import os\nos.symlink('/etc/passwd', 'link')\nopen('out', 'w').write(open('d/in').read().upper())"
    content = base64.b64encode(b"hello").decode()
    result = execute(source, files={"d/in": content}, fetch=["out", "link", "missing", "d"])
    assert {name: base64.b64decode(data) for name, data in result.files.items()} == {"out": b"HELLO"}
    assert execute("print(open('../x').read())").status == "runtime_error"


def test_batches_answer_in_order_and_keep_problems_apart(client: SandboxClient) -> None:
    requests = [{"source": "print(1)"}, {"source": SLEEP, "deadline_s": 0.05}, {"source": "print(3)"}]
    results = post(client, "/v1/execute/batch", requests=requests).json()["results"]
    assert [one.get("stdout", one.get("code")) for one in results] == ["1\n", 504, "3\n"]
    judged = [{"source": "print(1)", "tests": [text("", wanted)]} for wanted in ("1", "2")]
    results = post(client, "/v1/judge/batch", requests=judged).json()["results"]
    assert [one["accepted"] for one in results] == [True, False]


def test_metrics_count(client: SandboxClient) -> None:
    def count() -> float:
        lines = httpx.get(client.url + "/metrics").text.splitlines()
        found = (line for line in lines if line.startswith('darkhorse_sandbox_runs_total{status="wrong_answer"}'))
        return float(next(found, "x 0").split()[1])

    before = count()
    post(client, "/v1/judge", source="print(1)", tests=[text("", "2"), text("", "3")])
    assert count() == before + 2


def test_health_says_how_programs_are_confined(client: SandboxClient) -> None:
    health = asyncio.run(client.health())
    assert health.isolation in ("full", "standard")
    assert health.layers["seccomp"] == "active"
    assert "python" in health.languages
    assert health.workers == 2


def test_token_queue_and_drain(guarded: tuple[str, subprocess.Popen[str]]) -> None:
    url, process = guarded
    assert httpx.get(url + "/v1/health").status_code == 401
    with pytest.raises(SandboxUnavailable, match="401"):
        asyncio.run(SandboxClient(url, token="wrong").health())

    async def crowd() -> tuple[list[int], list[str]]:
        headers = {"authorization": "Bearer secret"}
        async with httpx.AsyncClient(timeout=30) as http:
            body = {"source": SLEEP}
            answers = [http.post(url + "/v1/execute", json=body, headers=headers) for _ in range(8)]
            refused = [answer for answer in await asyncio.gather(*answers) if answer.status_code == 429]
        assert all("retry-after" in answer.headers for answer in refused)
        patient = SandboxClient(url, token="secret")
        results = await asyncio.gather(*(patient.execute(ExecuteRequest(source=SLEEP)) for _ in range(5)))
        return [answer.status_code for answer in refused], [result.status for result in results]

    refused, patient = asyncio.run(crowd())
    assert len(refused) == 5
    assert patient == ["accepted"] * 5

    async def drained() -> str:
        under_way = asyncio.create_task(SandboxClient(url, token="secret").execute(ExecuteRequest(source=SLEEP)))
        await asyncio.sleep(0.1)
        process.send_signal(signal.SIGTERM)
        return (await under_way).status

    assert asyncio.run(drained()) == "accepted"
    assert process.wait(10) in (0, -signal.SIGTERM)


def test_a_public_address_needs_a_token() -> None:
    for host in ("0.0.0.0", "::", "192.168.1.5", "example.org"):
        with pytest.raises(UserError, match="DARKHORSE_SANDBOX_TOKEN"):
            server.serve(host, 0)


def test_a_level_that_cannot_be_kept_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert chosen_level("auto", FULL) == chosen_level("full", FULL) == "full"
    assert chosen_level("standard", FULL) == "standard"
    no_root = FULL | {"pid_namespace": "absent: Operation not permitted"}
    assert chosen_level("auto", no_root) == "standard"
    with pytest.raises(UserError, match=r"pid_namespace \(absent: Operation not permitted\)"):
        chosen_level("full", no_root)
    bare = {"rlimits": "active"}
    with pytest.raises(UserError, match="landlock"):
        chosen_level("auto", bare)
    assert chosen_level("minimal", bare) == "minimal"


def test_packages_are_importable_on_demand() -> None:
    source = "import idna\nprint(idna.encode('é.x').decode())"
    with SandboxProcess(workers=1, packages=("idna",)) as client:
        assert asyncio.run(client.execute(ExecuteRequest(source=source))).stdout == "xn--9ca.x\n"
        other = asyncio.run(client.execute(ExecuteRequest(source="import httpx")))
        assert "No module named" in other.message
    with pytest.raises(SandboxUnavailable, match="'nothing_of_that_name' is not installed"):
        SandboxProcess(workers=1, packages=("nothing_of_that_name",)).start()


def test_sandbox_fusion_call(client: SandboxClient) -> None:
    good = post(client, "/run_code", language="python", code="print(input())", stdin="hi").json()
    assert good["status"] == "Success"
    assert good["compile_result"] is None
    assert good["run_result"]["status"] == "Finished"
    assert good["run_result"]["stdout"] == "hi\n"
    bad = post(client, "/run_code", language="python", code="raise SystemExit(2)").json()
    assert bad["status"] == "Failed"
    assert bad["run_result"]["return_code"] == 2
    slow = post(client, "/run_code", language="python", code="while True: pass", run_timeout=0.3).json()
    assert slow["status"] == "Failed"
    assert slow["run_result"]["status"] == "TimeLimitExceeded"
    assert post(client, "/run_code", language="cobol", code="").json()["status"] == "SandboxError"


def test_the_official_client_of_sandbox_fusion(client: SandboxClient) -> None:
    fusion = pytest.importorskip("sandbox_fusion", reason="the package sandbox-fusion is not installed")
    fusion.set_sandbox_endpoint(client.url)
    answer = fusion.run_code(fusion.RunCodeRequest(code="print(40 + 2)", language="python"))
    assert answer.status == fusion.RunStatus.Success
    assert answer.run_result.stdout == "42\n"
    data = base64.b64encode(b"7").decode()
    source = '#include <fstream>\nint main(){int n;std::ifstream("in")>>n;std::ofstream("out")<<n*6;}'
    answer = fusion.run_code(
        fusion.RunCodeRequest(code=source, language="cpp", files={"in": data}, fetch_files=["out"])
    )
    assert answer.compile_result.return_code == 0
    assert base64.b64decode(answer.files["out"]) == b"42"
    answer = fusion.run_code(fusion.RunCodeRequest(code="int main(){return x;}", language="cpp"))
    assert answer.status == fusion.RunStatus.Failed
    assert answer.compile_result.return_code == 1
    assert "x" in answer.compile_result.stderr


def test_a_killed_server_comes_back_for_a_patient_client() -> None:
    with SandboxProcess(workers=2) as client:
        process = next(iter(_owners(client.url)))

        async def through_a_crash() -> list[str]:
            runs = [
                asyncio.create_task(client.execute(ExecuteRequest(source=SLEEP, limits=RunLimits()))) for _ in range(6)
            ]
            await asyncio.sleep(0.4)
            os.kill(process, signal.SIGKILL)
            return [(await one).status for one in runs]

        started = time.monotonic()
        assert asyncio.run(through_a_crash()) == ["accepted"] * 6
        assert time.monotonic() - started < 30


def _owners(url: str) -> list[int]:
    import psutil

    port = url.rpartition(":")[2]
    children = psutil.Process().children()
    return [one.pid for one in children if any(str(c.laddr.port) == port for c in one.net_connections() if c.laddr)]
