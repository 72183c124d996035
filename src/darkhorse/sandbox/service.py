"""What the HTTP application serves: fork servers, the judge over them, and the level of isolation they keep."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import platform
from dataclasses import dataclass
from pathlib import Path

from darkhorse import __version__
from darkhorse.errors import UserError
from darkhorse.sandbox.isolation import level_of, missing
from darkhorse.sandbox.judging import Judge
from darkhorse.sandbox.languages import Toolchain, toolchains
from darkhorse.sandbox.pool import Pool, PoolError, Runtime
from darkhorse.sandbox.protocol import Health
from darkhorse.types import Isolation

_NUMPY_SLOTS = 200  # far enough from those of the plain fork servers


@dataclass(frozen=True)
class ServiceOptions:
    """How a sandbox is set up.

    Attributes:
        workers: runs at once.
        isolation: level to keep; `auto` is the strongest the machine allows, but not `minimal`.
        packages: installed ones that Python programs may import.
        max_waiting: runs that may wait before more are refused.
    """

    workers: int
    isolation: Isolation = "auto"
    max_waiting: int = 10_000
    packages: tuple[str, ...] = ()


class Service:
    """The sandbox behind its HTTP interface."""

    def __init__(self, options: ServiceOptions) -> None:
        self.options = options
        self.level = "none"
        self.draining = False
        self._toolchains: dict[str, Toolchain] = {}
        self.pool = Pool(options.workers)
        self._numpy: asyncio.Task[Pool] | None = None
        self.judge = Judge(self._pool_for, {})

    async def start(self) -> None:
        """Find the languages and start the fork servers.

        Raises:
            UserError: if the machine cannot keep the level of isolation asked for.
            PoolError: if the fork servers do not come up.
        """
        self._toolchains = await asyncio.to_thread(toolchains)
        folders = {path for found in self._toolchains.values() for path in found.folders if not _is_system(path)}
        packages = [_package(name) for name in self.options.packages]
        readable = (*sorted(folders), *(path for files, _ in packages for path in files))
        search = tuple(dict.fromkeys(folder for _, folder in packages))
        runtime = Runtime(readable, self.options.packages, search)
        self.pool = Pool(self.options.workers, runtime, self.options.max_waiting)
        await self.pool.start()
        self.level = chosen_level(self.options.isolation, self.pool.layers)
        self.judge = Judge(self._pool_for, self._toolchains)

    def stop(self) -> None:
        """Kill the fork servers and all they run."""
        for pool in self.pools:
            pool.stop()
        if self._numpy is not None:
            self._numpy.cancel()  # which does nothing to one that has started

    @property
    def pools(self) -> list[Pool]:
        """Those that run."""
        numpy = self._numpy
        if numpy is None or not numpy.done() or numpy.cancelled() or numpy.exception() is not None:
            return [self.pool]
        return [self.pool, numpy.result()]

    def health(self) -> Health:
        """How the sandbox is."""
        languages = {"python": f"Python {platform.python_version()}"}
        if importlib.util.find_spec("numpy") is not None:
            languages["python-numpy"] = languages["python"] + " with NumPy"
        return Health(
            status="draining" if self.draining else "ok",
            version=__version__,
            isolation=self.level,
            layers=self.pool.layers,
            languages=languages | {name: found.version for name, found in self._toolchains.items()},
            workers=self.options.workers,
            queued=sum(pool.waiting for pool in self.pools),
            running=sum(pool.running for pool in self.pools),
        )

    async def _pool_for(self, language: str) -> Pool:
        if language != "python-numpy":
            return self.pool
        if self._numpy is None or (self._numpy.done() and self._numpy.exception() is not None):
            self._numpy = asyncio.create_task(self._start_numpy())
        return await asyncio.shield(self._numpy)

    async def _start_numpy(self) -> Pool:
        try:
            readable, folder = _package("numpy")
        except UserError as error:
            raise PoolError(str(error)) from error
        runtime = Runtime(tuple(readable), ("numpy", "numpy.linalg", "numpy.random", "numpy.fft"), (folder,))
        pool = Pool(self.options.workers, runtime, self.options.max_waiting, _NUMPY_SLOTS)
        try:
            await pool.start()
            chosen_level(self.level, pool.layers)
        except BaseException:
            pool.stop()
            raise
        return pool


def chosen_level(wanted: str, layers: dict[str, str]) -> str:
    """The level of isolation to run at.

    Raises:
        UserError: if the machine cannot keep it; names what is missing.
    """
    found = level_of(layers)
    if wanted == "auto":
        if found in ("full", "standard"):
            return found
        raise UserError(
            f"This machine cannot isolate programs: {', '.join(missing('standard', layers))}.",
            "Run the sandbox on Linux 5.13 or later, or accept resource limits alone with --isolation minimal.",
        )
    lacking = missing(wanted, layers)
    if lacking:
        remedy = f"Choose --isolation {found}, or" if found else "Run as root, or"
        raise UserError(
            f"Isolation '{wanted}' needs what this machine lacks: {', '.join(lacking)}.",
            f"{remedy} run where namespaces may be created (root, or unprivileged user namespaces).",
        )
    return wanted


def _package(name: str) -> tuple[list[str], str]:
    """Where an installed package is, and the folder it is imported from.

    Raises:
        UserError: if it is not installed.
    """
    found = importlib.util.find_spec(name) if name.isidentifier() else None
    if found is None or found.origin is None or not Path(found.origin).is_file():
        raise UserError(f"The package '{name}' is not installed beside the sandbox.", f"Install it: pip install {name}")
    origin = Path(found.origin)
    folder = origin.parent.parent if found.submodule_search_locations else origin.parent
    libraries = folder / f"{name}.libs"  # where wheels keep what they link to
    own = origin.parent if found.submodule_search_locations else origin
    return [str(path) for path in (own, libraries) if path.exists()], str(folder)


def default_workers() -> int:
    """As many runs at once as there are cores, within 2 and 32."""
    return max(2, min(32, os.cpu_count() or 2))


def _is_system(path: str) -> bool:
    return path.startswith(("/usr/", "/bin/", "/lib"))
