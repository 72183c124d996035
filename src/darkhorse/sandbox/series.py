"""One program on many inputs: a confined process compiles it once and forks a child for each input.

That process runs no line of the program. Its children get nothing from one another: each has memory, descriptors and
limits of its own and a stricter filter of system calls than its parent, so that it can neither signal nor fork. What
would outlive a child, a file in the scratch folder, ends the series. Whoever asked runs the rest one by one, as he does
when this process dies.

Standard library only: this module is loaded by the fork server.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import signal
import time
from collections.abc import Callable
from typing import Any

from darkhorse.sandbox import harness, isolation
from darkhorse.sandbox.syscalls import MOST_FDS, write_all

INPUTS_FD = 4
RESULT_BYTES = 4 << 20  # of what the harness wrote in one child
_BEGUN = b"\n"
_OUTCOME = {"returncode", "timed_out", "wall_s", "cpu_s", "memory_mb"}


def run(request: dict[str, Any], confine: Callable[[], None], is_clean: Callable[[], bool]) -> int:
    """Run the program on each input, until one takes too long or leaves a file behind.

    Records go to `harness.RESULT_FD`: for each input a line of JSON (`returncode`, `timed_out`, `wall_s`, `cpu_s`,
    `memory_mb`, `sizes`), then standard output, standard error and what the harness wrote, of those sizes.

    Args:
        request: of `harness.run`, without what differs from input to input; `places` (offset and length of each input
            in `INPUTS_FD`: JSON of what is added to the request, and `stdin`), `wall_s` and `output_bytes` of a child.
        confine: the layer that a child adds to those of this process.
        is_clean: whether the program's scratch folder is as it was.

    Returns:
        The exit status this process should have.
    """
    places, wall_s, output_bytes = request.pop("places"), request.pop("wall_s"), request.pop("output_bytes")
    with contextlib.suppress(harness.NotCompiled):  # each child finds out for itself, and says so
        request["code"] = harness.compiled(request["code"])
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    for place in places:
        files = [os.memfd_create("run") for _ in range(3)]
        outcome = _wait(_fork(request, place, files, confine), wall_s)
        begun = os.pread(files[-1], len(_BEGUN), 0) == _BEGUN
        if begun:
            starts = (0, 0, len(_BEGUN))
            mosts = (output_bytes, output_bytes, RESULT_BYTES + 1)
            outcome["sizes"] = [
                max(0, min(os.fstat(fd).st_size - start, most))
                for fd, start, most in zip(files, starts, mosts, strict=True)
            ]
            write_all(harness.RESULT_FD, json.dumps(outcome).encode() + b"\n")
            for fd, start, size in zip(files, starts, outcome["sizes"], strict=True):
                _copy(fd, start, size)
        for fd in files:
            os.close(fd)
        # without the mark it did not come as far as the program, or the program hides that
        if not begun or outcome["timed_out"] or not is_clean():
            break
    return 0


def records(written: bytes) -> list[tuple[dict[str, Any], list[bytes]]]:
    """What `run` wrote: for each input how it ended and the three contents. Ends at the first that is not whole: the
    process that wrote it may have been killed, or taken over by the program."""
    found = []
    while written:
        header, _, written = written.partition(b"\n")
        try:
            outcome = json.loads(header)
            sizes = [int(size) for size in outcome.pop("sizes")]
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
            break
        if outcome.keys() != _OUTCOME or min(sizes, default=-1) < 0 or sum(sizes) > len(written) or len(sizes) != 3:
            break
        if not all(type(value) in (int, float, bool) for value in outcome.values()):
            break
        contents = []
        for size in sizes:
            contents.append(written[:size])
            written = written[size:]
        found.append((outcome, contents))
    return found


def _fork(request: dict[str, Any], place: list[int], files: list[int], confine: Callable[[], None]) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        isolation.follow_parent()
        # read here, so that no child carries another's input in its memory
        offset, length = place
        item = json.loads(os.pread(INPUTS_FD, length, offset))
        stdin = os.memfd_create("run")
        write_all(stdin, item.pop("stdin", "").encode(errors="replace"))
        os.lseek(stdin, 0, os.SEEK_SET)
        for target, fd in enumerate((stdin, *files)):
            os.dup2(fd, target)
        os.closerange(INPUTS_FD, MOST_FDS)
        os.setsid()
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGCHLD})
        random.seed(0)  # forking has seeded it anew; the same program shall see the same numbers
        confine()
        os.write(harness.RESULT_FD, _BEGUN)
        status = harness.run({**request, **item})
    finally:
        os._exit(status)


def _wait(pid: int, wall_s: float) -> dict[str, Any]:
    """How a child ended; it is killed when its time is up."""
    started = time.monotonic()
    timed_out = False
    while os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        left = started + wall_s - time.monotonic()
        if left <= 0:
            timed_out = True
            os.kill(pid, signal.SIGKILL)
            break
        signal.sigtimedwait({signal.SIGCHLD}, left)
    _, status, usage = os.wait4(pid, 0)
    return {
        "returncode": os.waitstatus_to_exitcode(status),
        "timed_out": timed_out,
        "wall_s": time.monotonic() - started,
        "cpu_s": usage.ru_utime + usage.ru_stime,
        "memory_mb": usage.ru_maxrss / 1024,
    }


def _copy(fd: int, start: int, size: int) -> None:
    """Add a stretch of a child's file to the results; in the kernel, since the next child is a copy of this process."""
    while size:
        sent = os.sendfile(harness.RESULT_FD, fd, start, size)
        if not sent:
            raise EOFError("a child's file became shorter")
        start, size = start + sent, size - sent
