"""Keeps freed memory in the process and in huge pages, so that large tensors do not fault in page by page."""

from __future__ import annotations

import ctypes
import functools
import gc
import mmap
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

_M_TRIM_THRESHOLD, _M_MMAP_MAX, _M_ARENA_MAX = -1, -4, -8
_MADV_HUGEPAGE, _MADV_COLLAPSE = 14, 25
_PAGE = 2 << 20
_KEPT_PRIMITIVES = "96"
"""Of oneDNN's 1,024: more than the passes beside each other use."""


@functools.cache
def keep_freed_memory() -> bool:
    """Tell glibc's allocator to serve large blocks from its heap, never give them back, and use huge pages for it.

    A fresh mapping costs a page fault for every 4 KiB, and training allocates gigabytes at every step; a heap that is
    kept, in pages of 2 MiB, avoids nearly all of them. Address space is reserved, memory is not touched. Returns
    whether the allocator took the settings (glibc only).

    The matrix library keeps the code it made for every size it has seen, 5 MB for each new length of a training row;
    unless told otherwise by its own variable, it keeps less.
    """
    os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", _KEPT_PRIMITIVES)
    libc = _glibc()
    if libc is None:
        return False
    settings = {_M_ARENA_MAX: 1, _M_MMAP_MAX: 0, _M_TRIM_THRESHOLD: -1}  # -1 turns trimming off
    if not all(libc.mallopt(option, value) for option, value in settings.items()):
        return False
    _grow_in_huge_pages(libc)
    return True


def release_freed_memory() -> None:
    """Give freed memory back to the system, so that fragments left by one stage do not add to those of the next."""
    gc.unfreeze()
    gc.collect()
    give_back()
    libc = _glibc()
    if libc is not None and keep_freed_memory.cache_info().currsize:
        _mend_huge_pages(libc)


def give_back() -> None:
    """Give whole pages of freed memory back to the system, in a few hundredths of a second: what one phase of a step
    leaves in pieces does not add to what the next one needs. What is needed again faults in anew.
    """
    libc = _glibc()
    if libc is not None:
        libc.malloc_trim(0)
        if keep_freed_memory.cache_info().currsize:
            _grow_in_huge_pages(libc)  # the end of the heap went, and with it the advice on its pages


def set_apart_what_is_there() -> None:
    """Keep Python's garbage collector from going through all that lives now, again and again.

    Libraries and a model are some 400,000 objects, and sampling makes so many short-lived ones that the collector would
    take a twentieth of its time. What has become garbage until the next call, or `release_freed_memory`, goes then.
    """
    gc.unfreeze()
    gc.collect()
    gc.freeze()


def mapped_zeros(count: int, dtype: torch.dtype) -> Tensor:
    """Zeros on a mapping of their own, in huge pages where there are any: for large buffers that live long.

    Among what else comes and goes on the heap they would leave it in pieces.
    """
    private = {"flags": mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS} if hasattr(mmap, "MAP_ANONYMOUS") else {}
    mapping = mmap.mmap(-1, count * dtype.itemsize, **private)  # shared memory seldom comes in huge pages
    if hasattr(mmap, "MADV_HUGEPAGE"):
        mapping.madvise(mmap.MADV_HUGEPAGE)
    return torch.frombuffer(mapping, dtype=dtype, count=count)


def zeros_beside(tensors: Sequence[Tensor], dtypes: Sequence[torch.dtype]) -> list[Tensor]:
    """As many zeros as tensors have elements, `[N]` each, where they are and for about as long as they live; see
    `mapped_zeros`.

    Args:
        tensors: whose sizes they have; all that are of one kind lie in one buffer.
        dtypes: of the zeros for each.
    """
    kinds: dict[tuple[torch.device, torch.dtype], list[int]] = {}
    for place, (tensor, dtype) in enumerate(zip(tensors, dtypes, strict=True)):
        kinds.setdefault((tensor.device, dtype), []).append(place)
    found: dict[int, Tensor] = {}
    for (device, dtype), places in kinds.items():
        sizes = [tensors[place].numel() for place in places]
        on_cpu = device.type == "cpu"
        whole = mapped_zeros(sum(sizes), dtype) if on_cpu else torch.zeros(sum(sizes), dtype=dtype, device=device)
        found |= zip(places, whole.split(sizes), strict=True)
    return [found[place] for place in range(len(tensors))]


def _grow_in_huge_pages(libc: ctypes.CDLL) -> None:
    """Extend the heap by address space, half as much as there is memory, that will be filled with pages of 2 MiB."""
    heap = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    libc.malloc.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    libc.madvise.argtypes = [ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int]
    block = libc.malloc(heap)
    if block:
        start = -(-block // _PAGE) * _PAGE
        libc.madvise(start, heap - _PAGE, _MADV_HUGEPAGE)
        libc.free(block)


def _mend_huge_pages(libc: ctypes.CDLL) -> None:
    """Have the kernel (Linux 6.1 or later) put the heap's pages of 2 MiB together again where a release split them."""
    for line in Path("/proc/self/maps").read_text().splitlines():
        if line.endswith("[heap]"):
            start, end = (int(address, 16) for address in line.split()[0].split("-"))
            for page in range(-(-start // _PAGE) * _PAGE, end - _PAGE + 1, _PAGE):
                libc.madvise(page, _PAGE, _MADV_COLLAPSE)  # one by one: a call ends at the first that cannot be


def _glibc() -> ctypes.CDLL | None:
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    return libc if hasattr(libc, "mallopt") else None
