"""A sandbox server that the tests of this folder share, and short ways to ask it."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from darkhorse.sandbox.client import SandboxClient, SandboxProcess
from darkhorse.sandbox.protocol import ExecuteRequest, ExecuteResult, JudgeRequest, JudgeResult
from sandboxed import QUICK, Execute, Judge


@pytest.fixture(scope="session")
def process() -> Iterator[SandboxProcess]:
    process = SandboxProcess(workers=2)
    process.start()
    yield process
    process.stop()


@pytest.fixture
def client(process: SandboxProcess) -> SandboxClient:
    return SandboxClient(process.url)


@pytest.fixture
def execute(client: SandboxClient) -> Execute:
    def run(source: str, stdin: str = "", **options: Any) -> ExecuteResult:
        options.setdefault("limits", QUICK)
        return asyncio.run(client.execute(ExecuteRequest(source=source, stdin=stdin, **options)))

    return run


@pytest.fixture
def judge(client: SandboxClient) -> Judge:
    def run(source: str, *tests: dict[str, Any], **options: Any) -> JudgeResult:
        options.setdefault("limits", QUICK)
        return asyncio.run(client.judge(JudgeRequest(source=source, tests=list(tests), **options)))

    return run
