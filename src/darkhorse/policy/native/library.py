"""The compiled operations: built once for this machine by its C++ compiler, where it has one."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import logging
import os
import platform
import shutil
import subprocess
import tempfile
from pathlib import Path

import torch

from darkhorse.policy.embedded import cache_folder

_FOLDER = Path(__file__).parent
_SOURCE = _FOLDER / "kernels.cpp"
_COMPILERS = ("c++", "g++", "clang++")
_FLAGS = ["-O3", "-march=native", "-std=c++17", "-fPIC", "-fopenmp"]
_FLAGS += ["-fno-math-errno", "-fno-trapping-math", "-fassociative-math", "-fno-signed-zeros"]  # sums as vectors
_COMPILE_S = 300
_OFF = "DARKHORSE_NATIVE"

logger = logging.getLogger(__name__)


@functools.cache
def library() -> ctypes.CDLL | None:
    """The operations, compiled on the first call on a machine; None where `why_not` says why, or the compiler fails."""
    if why_not() is not None:
        return None
    try:
        return _load(_built())
    except (OSError, subprocess.SubprocessError) as error:
        said = ((getattr(error, "stderr", None) or "").strip() or str(error)).splitlines()
        logger.warning("without compiled operations, slower: %s", next((x for x in said if "error" in x), said[0]))
        return None


def why_not() -> str | None:
    """Why compiled operations are not tried, in a few words; None where they are."""
    if os.environ.get(_OFF, "1") == "0":
        return f"{_OFF} is 0"
    if _compiler() is None:
        return f"no C++ compiler ({', '.join(_COMPILERS)}) was found"
    if not torch.backends.openmp.is_available():
        return "this PyTorch does not compute with OpenMP"
    return None


@functools.cache
def _compiler() -> str | None:
    wanted = os.environ.get("CXX")
    return shutil.which(wanted) if wanted else next((path for name in _COMPILERS if (path := shutil.which(name))), None)


def _built() -> Path:
    """The library's file, kept under a name that stands for the source, the compiler and the processor."""
    compiler = _compiler()
    assert compiler is not None
    version = _run([compiler, "--version"])
    sources = [path.read_text(encoding="utf-8") for path in [_SOURCE, *sorted(_FOLDER.glob("*.h"))]]
    identity = "\0".join([*sources, " ".join(_FLAGS), version, _processor()])
    folder = cache_folder() / "native"
    path = folder / f"kernels-{hashlib.sha256(identity.encode()).hexdigest()[:16]}.so"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder) as scratch:
            object_file, whole = Path(scratch) / "kernels.o", Path(scratch) / "kernels.so"
            _run([compiler, *_FLAGS, "-c", str(_SOURCE), "-o", str(object_file)])
            # OpenMP is left to be found in the process: PyTorch has loaded its own, and a second one would start a
            # second team of threads
            _run([compiler, "-shared", str(object_file), "-o", str(whole)])
            whole.rename(path)  # whole or not at all, whoever else builds it too
    return path


def _run(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=_COMPILE_S).stdout


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor()
    return "\n".join(sorted({line for line in lines if line.startswith(("model name", "flags"))}))


def _load(path: Path) -> ctypes.CDLL:
    loaded = ctypes.CDLL(str(path))
    integer, number = ctypes.c_int64, ctypes.c_float
    arguments = {
        "rms_norm": [integer] * 8 + [number, integer],
        "rms_norm_backward": [integer] * 7 + [number, integer],
        "gated": [integer] * 7,
        "gated_backward": [integer] * 9,
        "rotate": [integer] * 9,
        "attend": [integer] * 18 + [number],
        "attend_packed": [integer] * 16 + [number],
        "softmax_parts": [integer] * 6,
        "softmax_gradients": [integer] * 7,
        "adamw": [integer] * 6 + [number] * 8,
        "add_into": [integer] * 3,
        "draw": [integer] * 7 + [number, integer, number, number],
    }
    functions = {f"{name}_{suffix}": types for name, types in arguments.items() for suffix in ("float32", "bfloat16")}
    functions |= {f"{name}_halves_bfloat16": [integer] * 4 for name in ("join", "split")}
    loaded.matrix_unit.restype = integer
    if loaded.matrix_unit():
        functions["transpose_bfloat16"] = [integer] * 5
        functions["attend_packed_kept_bfloat16"] = [integer] * 17 + [number]
        functions["attend_packed_backward_bfloat16"] = [integer] * 23 + [number]
    for name, types in functions.items():
        function = getattr(loaded, name)
        function.argtypes, function.restype = types, None
    loaded.attention_differentiates.argtypes, loaded.attention_differentiates.restype = [integer], integer
    loaded.pack.argtypes, loaded.pack.restype = [integer] * 6, None
    loaded.multiply.argtypes, loaded.multiply.restype = [integer] * 8, None
    loaded.product_outputs.restype = loaded.product_channels.restype = integer
    loaded.decode_layers.argtypes, loaded.decode_layers.restype = [integer] * 8, None
    loaded.read_layer.argtypes, loaded.read_layer.restype = [integer] * 9, None
    return loaded
