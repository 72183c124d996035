"""Where models live."""

from __future__ import annotations

from pathlib import Path

import psutil
import torch

_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
"""Where Linux says what a container may use, by the version of its control groups."""


def default_device() -> torch.device:
    """The graphics processor when there is one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def memory_bytes(device: torch.device) -> int:
    """All memory of a device; on a processor, what the container that this runs in may use."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    found = [int(psutil.virtual_memory().total)]
    for limit in _LIMITS:
        if limit.is_file() and (text := limit.read_text().strip()).isdigit():
            found.append(int(text))
    return min(found)
