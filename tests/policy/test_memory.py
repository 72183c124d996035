"""What the allocator is told about freed memory, seen from the process's resident size."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import torch

from darkhorse.policy.memory import mapped_zeros, zeros_beside

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


_HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_ADVISED = """
    import torch
    from darkhorse.policy.memory import keep_freed_memory, release_freed_memory

    def advised() -> int:
        \"""MiB held in mappings that are to be in huge pages.\"""
        found = size = 0
        for line in open("/proc/self/smaps"):
            field, _, value = line.partition(":")
            if field == "Rss":
                size = int(value.split()[0]) >> 10
            elif field == "VmFlags" and "hg" in value.split():
                found += size
        return found

    keep_freed_memory()
    for _ in range(3):
        blocks = [torch.ones(16 << 20) for _ in range(20)]  # 64 MiB each
        print(advised())
        del blocks
        release_freed_memory()
"""


@pytest.mark.skipif(not _HUGE_PAGES.exists() or "[never]" in _HUGE_PAGES.read_text(), reason="no huge pages here")
def test_the_heap_lies_in_huge_pages_after_every_release() -> None:
    code = [sys.executable, "-c", textwrap.dedent(_ADVISED)]
    held = subprocess.run(code, capture_output=True, text=True, check=True).stdout.split()
    assert len(held) == 3 and all(int(mebibytes) > 1200 for mebibytes in held)


def test_mapped_zeros_can_be_written() -> None:
    zeros = mapped_zeros(1000, torch.bfloat16)
    assert zeros.shape == (1000,) and not zeros.any()
    zeros += 1
    assert zeros.sum() == 1000


_SET_APART = """
    import gc, weakref
    from darkhorse.policy.memory import release_freed_memory, set_apart_what_is_there

    class Held:
        pass

    def cycle():
        one = Held()
        one.itself = one
        return weakref.ref(one)

    before = cycle()
    set_apart_what_is_there()
    assert before() is None and gc.get_freeze_count() > 1000
    held = Held()
    held.itself = held
    seen = weakref.ref(held)
    set_apart_what_is_there()
    del held
    gc.collect()
    assert seen() is not None
    set_apart_what_is_there()
    assert seen() is None
    release_freed_memory()
    assert gc.get_freeze_count() == 0
"""


def test_what_is_set_apart_is_collected_at_the_next_call() -> None:
    subprocess.run([sys.executable, "-c", textwrap.dedent(_SET_APART)], check=True)


def test_zeros_beside_tensors_are_apart_from_one_another() -> None:
    tensors = [torch.ones(2, 3), torch.ones(4), torch.ones(5)]
    zeros = zeros_beside(tensors, [torch.float32, torch.int16, torch.float32])
    assert [(len(each), each.dtype) for each in zeros] == [(6, torch.float32), (4, torch.int16), (5, torch.float32)]
    for number, each in enumerate(zeros):
        assert not each.any()
        each += number + 1
    assert [int(each.sum()) for each in zeros] == [6, 8, 15]
    assert zeros_beside([], []) == []


_GIVEN_BACK = """
    import psutil, torch
    from darkhorse.policy.memory import give_back, keep_freed_memory

    def resident() -> int:
        return psutil.Process().memory_info().rss >> 20

    keep_freed_memory()
    before = resident()
    blocks = [torch.full((16 << 20,), float(number)) for number in range(40)]  # 64 MiB each
    del blocks[1::2]
    give_back()
    print(resident() - before)
    assert all(block.unique().item() == 2 * number for number, block in enumerate(blocks))
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator only")
def test_what_lies_between_blocks_in_use_is_given_back() -> None:
    code = [sys.executable, "-c", textwrap.dedent(_GIVEN_BACK)]
    left = int(subprocess.run(code, capture_output=True, text=True, check=True).stdout)
    assert 1200 < left < 1450  # half of 2,560
