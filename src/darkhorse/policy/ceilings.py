"""What the processor at hand can reach at most: the ceilings that measured speeds are shares of."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

_WIDTH, _GPU_WIDTH = 2048, 8192
_COPIED = 256 << 20
_SECONDS = 0.3


def matmul_tflops(rows: int, dtype: torch.dtype, device: torch.device) -> float:
    """Rate of a matrix product of `rows` rows with a square weight, in TFLOP/s (2 operations a multiplication)."""
    width = _WIDTH if device.type == "cpu" else _GPU_WIDTH
    left = torch.randn(rows, width, device=device).to(dtype)
    right = torch.randn(width, width, device=device).to(dtype)
    return 2 * rows * width**2 / _seconds(lambda: left @ right, device) / 1e12


def ceiling_rows(device: torch.device) -> int:
    """Rows from which on a product reaches the device's ceiling."""
    return 256 if device.type == "cpu" else _GPU_WIDTH


def copy_gigabytes(device: torch.device) -> float:
    """Rate of a large copy in memory, in GB/s; bytes read and bytes written both count."""
    source = torch.ones(_COPIED, dtype=torch.uint8, device=device)
    target = torch.empty_like(source)
    return 2 * _COPIED / _seconds(lambda: target.copy_(source), device) / 1e9


def _seconds(work: Callable[[], object], device: torch.device) -> float:
    """The shortest time of one call, over calls that take a third of a second together and at least three."""
    work()
    best, spent, calls = float("inf"), 0.0, 0
    while calls < 3 or spent < _SECONDS:
        _wait(device)
        started = time.perf_counter()
        work()
        _wait(device)
        seconds = time.perf_counter() - started
        best, spent, calls = min(best, seconds), spent + seconds, calls + 1
    return best


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
