"""A control group per fork server: how much memory and how many processes all it runs may use together (cgroups(7)).

Works with version 2 and with the older separate hierarchies, wherever this process may make groups below its own.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
from pathlib import Path

PREFIX = "darkhorse-sandbox-"
"""Of the names of everything a server makes; the server's process id follows."""

_MOUNT = Path("/sys/fs/cgroup")
_MARGIN_MB = 96  # for the fork server itself
_PROCESSES = 96
_DYING_S = 1.0


class ControlGroup:
    """Limits on a fork server and all its programs. `memory` and `pids` say whether each is `active`, or why not.

    Args:
        name: of the group; one that exists already is taken over.
    """

    def __init__(self, name: str) -> None:
        self.layers: dict[str, str] = {}
        self._folders: dict[str, Path] = {}
        self._memory_mb = 0
        self._kills = 0
        for controller in ("pids", "memory"):
            try:
                self._folders[controller] = _make(controller, name)
                self.layers[f"cgroup_{controller}"] = "active"
            except OSError as error:
                self.layers[f"cgroup_{controller}"] = f"absent: {error.strerror}"
        try:
            if "pids" in self._folders:
                (self._folders["pids"] / "pids.max").write_text(str(_PROCESSES))
        except OSError as error:
            self.layers["cgroup_pids"] = f"absent: {error.strerror}"

    @property
    def entrances(self) -> list[str]:
        """Files that a process writes 0 to in order to enter."""
        return sorted({str(folder / "cgroup.procs") for folder in self._folders.values()})

    def allow_memory(self, megabytes: int) -> None:
        """Set how much the next run may use."""
        folder = self._folders.get("memory")
        if folder is None or megabytes == self._memory_mb:
            return
        limit = str((megabytes + _MARGIN_MB) << 20)
        with contextlib.suppress(OSError):  # what still is in use from the last run keeps the old limit
            (folder / ("memory.max" if _unified() else "memory.limit_in_bytes")).write_text(limit)
            self._memory_mb = megabytes

    def ran_out(self) -> bool:
        """Whether the kernel has killed a process for memory since the last call."""
        folder = self._folders.get("memory")
        if folder is None:
            return False
        text = (folder / ("memory.events" if _unified() else "memory.oom_control")).read_text()
        kills = next((int(line.split()[1]) for line in text.splitlines() if line.startswith("oom_kill ")), 0)
        before, self._kills = self._kills, kills
        return kills > before

    def remove(self) -> None:
        """Remove the group; waits a little for its processes, which have been killed, to be gone."""
        deadline = time.monotonic() + _DYING_S
        for folder in set(self._folders.values()):
            while folder.exists():
                try:
                    folder.rmdir()
                except OSError:
                    if time.monotonic() > deadline:
                        break
                    time.sleep(0.005)


def owner_is_gone(name: str) -> bool:
    """Whether the server that made something of this name no longer runs."""
    found = re.match(rf"{PREFIX}(\d+)-", name)
    return found is not None and not Path("/proc", found.group(1)).exists() and Path("/proc/self").exists()


def remove_abandoned() -> None:
    """Remove the groups of servers that were killed."""
    folders = [_MOUNT] if _unified() else [_MOUNT / "pids", _MOUNT / "memory"]
    for folder in folders:
        with contextlib.suppress(OSError):
            for path in (folder / _own_path("" if _unified() else folder.name).lstrip("/")).glob(f"{PREFIX}*"):
                if owner_is_gone(path.name):
                    with contextlib.suppress(OSError):
                        path.rmdir()


def _unified() -> bool:
    return (_MOUNT / "cgroup.controllers").exists()


def _make(controller: str, name: str) -> Path:
    own = _own_path("" if _unified() else controller).lstrip("/")
    if not _unified():
        folder = _MOUNT / controller / own / name
        folder.mkdir(exist_ok=True)
        return folder
    parent = _MOUNT / own
    if controller not in (parent / "cgroup.subtree_control").read_text().split():
        (parent / "cgroup.subtree_control").write_text(f"+{controller}")
    folder = parent / name
    folder.mkdir(exist_ok=True)
    return folder


def _own_path(controller: str) -> str:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            return path
    raise OSError(2, f"no control group of '{controller}'", os.fspath(_MOUNT))
