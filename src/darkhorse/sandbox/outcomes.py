"""Reading how a run ended."""

from __future__ import annotations

import json
import signal
from typing import Any

from darkhorse.sandbox.pool import Execution
from darkhorse.sandbox.protocol import RunLimits, Status

_CLAIMS: dict[Any, Status] = {"memory": "memory_limit", "compile": "compile_error"}
"""What the harness calls a failure that is not a plain error, to its status."""
_SHOWN_CHARACTERS = 120
_OUT_OF_MEMORY = (b"std::bad_alloc", b"heap out of memory", b"java.lang.OutOfMemoryError", b"memory allocation of")
"""What runtimes write when they get no more memory."""


def ending(execution: Execution, limits: RunLimits) -> Status:
    """How the program's process as a whole ended: `accepted` if well, whatever it printed."""
    limit = limits.output_kb * 1024
    if execution.claim_overflow or len(execution.stdout) > limit or len(execution.stderr) > limit:
        return "output_limit"
    if execution.timed_out or execution.returncode == -signal.SIGXCPU:
        return "time_limit"
    if execution.out_of_memory:
        return "memory_limit"
    if execution.returncode == -signal.SIGKILL and execution.cpu_s >= limits.cpu_s:
        return "time_limit"
    if execution.returncode == -signal.SIGXFSZ:
        return "output_limit"
    if execution.returncode == 0:
        return "accepted"
    if any(mark in execution.stderr for mark in _OUT_OF_MEMORY):
        return "memory_limit"
    return claimed_failure(execution)


def claimed_failure(execution: Execution) -> Status:
    """The kind of failure that the harness, or the program in its name, claims."""
    claim = (execution.claim or {}).get("status")
    return _CLAIMS.get(claim, "runtime_error") if type(claim) is str else "runtime_error"


def account(execution: Execution, limits: RunLimits, status: Status, message: str) -> dict[str, Any]:
    """The fields of a `RunOutcome`."""
    limit = limits.output_kb * 1024
    return {
        "status": status,
        "wall_s": round(execution.wall_s, 6),
        "cpu_s": round(execution.cpu_s, 6),
        "memory_mb": round(execution.memory_mb, 3),
        "stdout": execution.stdout[:limit].decode(errors="replace"),
        "stderr": execution.stderr[:limit].decode(errors="replace"),
        "message": message,
    }


def explain(execution: Execution, status: Status) -> str:
    """What went wrong, in a line; empty if nothing did."""
    claimed = text((execution.claim or {}).get("error"))
    if status == "accepted":
        return ""
    if status == "time_limit":
        return f"timed out after {execution.wall_s:.1f} s, {execution.cpu_s:.1f} s of them computing"
    if status == "output_limit":
        return "wrote more than the output limit"
    if claimed:
        return claimed
    if status == "memory_limit":
        return "ran out of memory"
    if execution.returncode < 0:
        return f"killed by signal {-execution.returncode} ({_signal_name(-execution.returncode)})"
    return f"exited with status {execution.returncode}"


def text(value: Any) -> str:
    """A text of a hostile process as one that can be sent on; empty for anything else."""
    return value.encode(errors="replace").decode()[:1_000] if type(value) is str else ""


def shown(value: Any) -> str:
    """A value in a message, cut where it gets long."""
    start = value[:_SHOWN_CHARACTERS] if isinstance(value, str | list) else value
    whole = json.dumps(start) if isinstance(start, dict) else repr(start)
    return whole if len(whole) <= _SHOWN_CHARACTERS else whole[: _SHOWN_CHARACTERS - 1] + "…"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return "unknown"
