"""How much memory a device has."""

from __future__ import annotations

import psutil
import pytest
import torch

from darkhorse.policy import device


@pytest.mark.parametrize(
    ("text", "expected"),
    [("1000\n", 1000), ("max\n", None), (f"{1 << 62}\n", None)],
)
def test_a_container_may_have_less_than_the_machine(monkeypatch, tmp_path, text, expected):
    (tmp_path / "memory.max").write_text(text)
    monkeypatch.setattr(device, "_LIMITS", (tmp_path / "memory.max", tmp_path / "absent"))
    assert device.memory_bytes(torch.device("cpu")) == (expected or psutil.virtual_memory().total)
