"""The cost estimate as tables for the terminal."""

from __future__ import annotations

from dataclasses import asdict

from rich.table import Table

from darkhorse.config.estimate import Estimate, MemoryEstimate
from darkhorse.config.recipe import Recipe


def tables(estimate: Estimate, recipe: Recipe) -> list[Table | str]:
    """Cost per stage, then memory by part; a sentence instead of the latter when the model's shape is not known."""
    if estimate.parameters is None or estimate.memory is None:
        note = f"The shape of '{recipe.model.name}' is not known without loading it: no operations, time or memory."
        return [_stages(estimate, recipe), note]
    return [_stages(estimate, recipe), _memory(estimate.memory, estimate.parameters, recipe)]


def _stages(estimate: Estimate, recipe: Recipe) -> Table:
    devices = max(1, recipe.cluster.accelerators)
    rate = f"{devices} x {recipe.cluster.tflops:g} TFLOP/s"
    table = Table(title=f"Tokens, operations and time at {rate}, at most", title_justify="left")
    for heading in ("stage", "type"):
        table.add_column(heading, no_wrap=True)
    for heading in ("sampled", "trained", "FLOP", "time"):
        table.add_column(heading, justify="right", no_wrap=True)
    for row in estimate.stages:
        flops = "" if row.flops is None else f"{row.flops:.2e}"
        time = "" if row.seconds is None else _duration(row.seconds)
        table.add_row(row.name, row.type, _count(row.tokens_sampled), _count(row.tokens_trained), flops, time)
    return table


def _memory(memory: MemoryEstimate, parameters: int, recipe: Recipe) -> Table:
    table = Table(title=f"Memory for {parameters / 1e6:,.0f}M parameters", title_justify="left")
    table.add_column("part")
    table.add_column("GB", justify="right")
    for part, size in asdict(memory).items():
        table.add_row(part.replace("_", " "), f"{size / 1e9:,.2f}")
    table.add_row("total", f"{memory.total / 1e9:,.2f}")
    if recipe.cluster.accelerators:
        room = recipe.cluster.accelerators * recipe.cluster.memory_gb
        table.add_row(f"of {recipe.cluster.accelerators} accelerators", f"{room:,.2f}")
    return table


def _count(tokens: int) -> str:
    """A number of tokens with three digits and a unit: 179k, 421M, 134B."""
    for unit, size in (("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if tokens >= size:
            return f"{tokens / size:.3g}{unit}"
    return str(tokens)


def _duration(seconds: float) -> str:
    """Seconds in the largest unit that keeps the number above one."""
    for unit, size in (("days", 86400.0), ("h", 3600.0), ("min", 60.0)):
        if seconds >= size:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:.1f} s"
