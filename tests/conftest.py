"""Fixtures every test may use."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

settings.register_profile("untimed", deadline=None)  # speed is for benchmarks, and a busy machine is no failure
settings.load_profile("untimed")


@pytest.fixture(autouse=True)
def usual_arithmetic() -> Iterator[None]:
    """Loading a policy turns denormal numbers off for the whole process; Hypothesis needs them."""
    yield
    if "torch" in sys.modules:
        import torch

        torch.set_flush_denormal(False)


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """Folder of the real data sets; the test is skipped, and says so, where there is none."""
    folder = os.environ.get("DARKHORSE_DATA", "")
    if not folder:
        pytest.skip("DARKHORSE_DATA names no folder: the real data sets are not tested")
    path = Path(folder)
    assert path.is_dir(), f"DARKHORSE_DATA={folder} is no folder"
    return path


@pytest.fixture(scope="session")
def recipes_dir() -> Path:
    """Folder of the recipes that come with the project."""
    return Path(__file__).parents[1] / "recipes"
