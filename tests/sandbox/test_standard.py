"""What the level `standard` keeps although programs share the server's user and file system."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Iterator

import psutil
import pytest

from darkhorse.sandbox.client import SandboxClient, SandboxUnavailable
from darkhorse.sandbox.protocol import ExecuteRequest, RunLimits
from sandboxed import Execute, OrdinaryServer


@pytest.fixture(scope="module")
def process() -> Iterator[OrdinaryServer]:
    if os.getuid() != 0:
        pytest.skip("only root can start a server as another user")
    try:
        server = OrdinaryServer(namespaces=False)
    except LookupError as error:
        pytest.skip(str(error))
    yield server
    server.stop()


@pytest.mark.parametrize(
    "mark",
    [
        "open('left', 'w')",
        "os.makedirs('../left')",
        "os.rename('../work', '../left')",
        "os.rename('../work', '../left'); os.symlink('/etc', '../work')",
        "os.umask(0o777); os.mkdir('left')",
    ],
)
def test_nothing_is_left_around_the_scratch_folder(execute: Execute, mark: str) -> None:
    found = execute(f"import os\n{mark}", fetch=["left", "passwd", "*.x"])
    assert found.status == "accepted" and found.files in ({}, {"left": ""})
    assert execute("import os\nprint(os.listdir('..'), os.listdir('.'))").stdout == "['work'] []\n"


@pytest.mark.parametrize("change", ["chmod({0!r}, 0)", "chown({0!r}, 1, 1)", "utime({0!r}, (0, 0))"])
def test_files_of_the_user_stay_as_they_are(execute: Execute, change: str) -> None:
    before = os.stat("/tmp")
    assert "PermissionError" in execute(f"import os\nos.{change.format('/tmp')}").message
    own = f"import os\nopen('x', 'w')\nos.{change.format('x')}"
    assert "PermissionError" in execute(own).message
    assert os.stat("/tmp").st_mode == before.st_mode


def test_nothing_outlives_a_cancelled_run(client: SandboxClient) -> None:
    source = "sleep 300 & setsid sleep 300 & sleep 300"
    limits = RunLimits(wall_s=60)
    request = ExecuteRequest.model_validate({"source": source, "language": "bash", "limits": limits, "deadline_s": 0.3})
    with pytest.raises(SandboxUnavailable, match="504"):
        asyncio.run(client.execute(request))
    deadline = time.monotonic() + 2
    while _sleepers() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert _sleepers() == []


def _sleepers() -> list[str]:
    """What runs as the server's user and is neither a server nor a fork server."""
    found = [one for one in psutil.process_iter(["uids", "cmdline", "status"]) if one.info["uids"]]
    return [
        " ".join(one.info["cmdline"])
        for one in found
        if one.info["uids"].real == OrdinaryServer.USER and one.info["cmdline"][:1] in (["sleep"], ["bash"])
    ]
