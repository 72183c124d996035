"""From a request's source to something the pool can run; what a compiler made is kept for the next time."""

from __future__ import annotations

import asyncio
import hashlib
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from darkhorse.sandbox.languages import Toolchain
from darkhorse.sandbox.outcomes import ending
from darkhorse.sandbox.pool import Pool, Work
from darkhorse.sandbox.protocol import CompileResult, RunLimits

CACHE_BYTES = 256 << 20
_COMPILE_LIMITS = RunLimits(wall_s=30.0, cpu_s=30.0, memory_mb=2_048, output_kb=16)
_ARTIFACT_BYTES = 64 << 20  # of what a compiler writes


@dataclass
class Program:
    """A program that is ready to run, or that is not one (`compiled.ok` is false)."""

    source: str
    toolchain: Toolchain | None = None
    files: dict[str, bytes] = field(default_factory=dict)
    compiled: CompileResult | None = None

    def work(self, limits: RunLimits, **options: Any) -> Work:
        """One run of it as a whole program; options as of `Work`."""
        if self.toolchain is None:
            request = {"mode": "script", "code": self.source, "interactive": False}
            return Work(limits, request=request, **options)
        return Work(
            limits,
            command=self.toolchain.run(self.source, limits.memory_mb),
            program=self.files,
            processes=self.toolchain.processes,
            reserves=self.toolchain.reserves,
            **options,
        )


class Compiler:
    """Compiles sources in the pool, each once while its result is remembered.

    Args:
        pool: where compilers run, confined like any program.
    """

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._known: OrderedDict[str, Program] = OrderedDict()
        self._bytes = 0
        self._under_way: dict[str, asyncio.Task[Program]] = {}

    async def prepare(self, language: str, toolchain: Toolchain, source: str) -> Program:
        """The program of a source.

        Raises:
            PoolError: if the sandbox itself fails.
        """
        if toolchain.compile is None:
            return Program(source, toolchain, {toolchain.source_name(source): source.encode()})
        key = hashlib.sha256(f"{language}\0{source}".encode()).hexdigest()
        if key in self._known:
            self._known.move_to_end(key)
            return _as_cached(self._known[key])
        first = key not in self._under_way
        if first:
            self._under_way[key] = asyncio.create_task(self._compile(key, toolchain, source))
        program = await asyncio.shield(self._under_way[key])
        return program if first else _as_cached(program)

    async def _compile(self, key: str, toolchain: Toolchain, source: str) -> Program:
        try:
            name = toolchain.source_name(source)
            execution = await self._pool.execute(
                Work(
                    _COMPILE_LIMITS,
                    command=[part.replace("{source}", name) for part in toolchain.compile or ()],
                    files={name: source.encode()},
                    fetch=list(toolchain.artifacts),
                    processes=True,
                    reserves=True,
                    file_bytes=_ARTIFACT_BYTES,
                )
            )
        finally:
            self._under_way.pop(key, None)
        status = ending(execution, _COMPILE_LIMITS)
        output = (execution.stdout + execution.stderr)[: _COMPILE_LIMITS.output_kb * 1024].decode(errors="replace")
        if status == "time_limit":
            output += f"\nThe compiler took longer than {_COMPILE_LIMITS.wall_s:.0f} s."
        ok = execution.returncode == 0 and status in ("accepted", "output_limit") and bool(execution.files)
        compiled = CompileResult(ok=ok, output=output, wall_s=execution.wall_s)
        program = Program(source, toolchain, execution.files if ok else {}, compiled)
        self._remember(key, program)
        return program

    def _remember(self, key: str, program: Program) -> None:
        self._known[key] = program
        self._bytes += _size(program)
        while self._bytes > CACHE_BYTES and len(self._known) > 1:
            self._bytes -= _size(self._known.popitem(last=False)[1])


def _size(program: Program) -> int:
    return len(program.source) + sum(map(len, program.files.values()))


def _as_cached(program: Program) -> Program:
    assert program.compiled is not None
    compiled = program.compiled.model_copy(update={"cached": True})
    return Program(program.source, program.toolchain, program.files, compiled)
