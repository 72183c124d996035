"""What the allocator is told about freed memory, seen from the process's resident size."""

from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
import torch

from darkhorse.policy.memory import mapped_zeros

_MEASURED = """
    import psutil, torch
    from darkhorse.policy.memory import keep_freed_memory, release_freed_memory

    def resident() -> int:
        return psutil.Process().memory_info().rss >> 20

    torch.ones(1)
    assert keep_freed_memory()
    before = resident()
    blocks = [torch.ones(16 << 20) for _ in range(40)]  # 64 MiB each
    del blocks
    print(resident() - before)
    again = [torch.ones(16 << 20) for _ in range(40)]
    print(resident() - before)
    del again
    release_freed_memory()
    print(resident() - before)
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator only")
def test_freed_memory_is_kept_and_serves_again_until_it_is_released() -> None:
    """In a process of its own: the settings hold for as long as a process lives."""
    code = [sys.executable, "-c", textwrap.dedent(_MEASURED)]
    kept, again, released = map(int, subprocess.run(code, capture_output=True, text=True, check=True).stdout.split())
    assert kept >= 2500
    assert again < 1.5 * kept  # without what was kept it would be twice as much
    assert released < 0.1 * kept


def test_mapped_zeros_can_be_written() -> None:
    zeros = mapped_zeros(1000, torch.bfloat16)
    assert zeros.shape == (1000,) and not zeros.any()
    zeros += 1
    assert zeros.sum() == 1000
