"""Programs known to be right are judged right, and their mutants mostly not, on real data sets."""

from __future__ import annotations

import asyncio
import importlib.util
import sys
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from darkhorse.sandbox.client import SandboxClient
from darkhorse.sandbox.protocol import JudgeRequest, JudgeResult, RunLimits

LIMITS = RunLimits(wall_s=20, cpu_s=20, memory_mb=1024, output_kb=1024)
FOLDER = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def sets(data_dir: Path) -> ModuleType:
    """The module of the benchmarks that reads the data sets."""
    found = importlib.util.spec_from_file_location("_code_sets", FOLDER / "_code_sets.py")
    assert found is not None and found.loader is not None
    module = importlib.util.module_from_spec(found)
    sys.modules["_code_sets"] = module  # dataclasses look it up
    found.loader.exec_module(module)
    return module


def judged(client: SandboxClient, references: list[Any], addition: str = "") -> list[JudgeResult]:
    async def all_of_them() -> list[JudgeResult]:
        requests = [JudgeRequest(source=one.source + addition, tests=one.tests, limits=LIMITS) for one in references]
        return await asyncio.gather(*map(client.judge, requests))

    return asyncio.run(all_of_them())


@pytest.mark.data
def test_humaneval(client: SandboxClient, sets: ModuleType) -> None:
    references = list(sets._humaneval())
    assert len(references) == 164
    results = judged(client, references)
    assert [one.name for one, result in zip(references, results, strict=True) if not result.accepted] == []


@pytest.mark.data
def test_some_of_mbpp_and_leetcode(client: SandboxClient, sets: ModuleType) -> None:
    leetcode = (one for one in sets._leetcode() if "sortedcontainers" not in one.source)
    references = [*islice(sets._mbpp(), 100), *islice(leetcode, 20)]
    results = judged(client, references)
    assert [one.name for one, result in zip(references, results, strict=True) if not result.accepted] == []
