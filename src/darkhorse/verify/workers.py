"""Killable worker processes: a call that hangs or eats memory is killed and its worker replaced.

No signals are used (SIGALRM works on the main thread only and cannot interrupt C code) and nothing is forked
from a process that may hold torch: workers are fresh interpreters that speak JSON over pipes.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import importlib
import json
import os
import queue
import resource
import signal
import struct
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import IO, Any

STARTUP_LIMIT_S = 60.0
_HEADER = struct.Struct(">I")
_BOOTSTRAP = "from darkhorse.verify.workers import _serve; _serve()"


class WorkerError(Exception):
    """A call to a worker process brought no result."""


class WorkerTimeout(WorkerError):
    """The call ran past its limit and its worker was killed.

    Attributes:
        cpu_s: processor seconds the call used, None where the system does not tell. Far below the limit, it
            means that the machine was busy, not that the work was hard.
    """

    def __init__(self, limit_s: float, cpu_s: float | None) -> None:
        super().__init__(f"no result within {limit_s:g} s")
        self.cpu_s = cpu_s


class WorkerDied(WorkerError):
    """The worker exited during the call (out of memory, crash), or could not be started."""


class WorkerRaised(WorkerError):
    """The function raised an ordinary exception; the worker lives on."""


class WorkerPool:
    """Calls one function in a few separate processes, each call under a time and a memory limit.

    Safe to use from any thread and from several event loops, one after another or at once. Processes start at
    the first call and end with `close`, with the pool, or with this process, however it ends.

    Args:
        function: `package.module:name` (or the function itself, importable under its name); takes and returns
            JSON-serialisable values.
        workers: number of processes.
        timeout_s: wall-clock limit of one call; time spent waiting for a free worker or its start is not counted.
        memory_mb: address-space limit of a worker; 0 for none.
    """

    def __init__(
        self, function: str | Callable[[Any], Any], workers: int = 1, timeout_s: float = 5.0, memory_mb: int = 1024
    ) -> None:
        self.function = function if isinstance(function, str) else f"{function.__module__}:{function.__qualname__}"
        self.workers = workers
        self.timeout_s = timeout_s
        self.memory_mb = memory_mb
        self._lock = threading.Lock()
        self._threads: ThreadPoolExecutor | None = None
        self._idle: queue.SimpleQueue[_Worker] = queue.SimpleQueue()
        self._live: set[_Worker] = set()
        self._finalizer = weakref.finalize(self, _kill_all, self._live)

    async def submit(self, payload: Any, timeout_s: float | None = None) -> Any:
        """The function's result for `payload`.

        Args:
            payload: a JSON-serialisable value.
            timeout_s: limit of this call; the pool's by default.

        Raises:
            WorkerTimeout: the call took longer than its limit.
            WorkerDied: the process ended during the call.
            WorkerRaised: the function raised.
        """
        return await asyncio.get_running_loop().run_in_executor(self._executor(), self._call, payload, timeout_s)

    async def ready(self) -> None:
        """Start every process and wait until each can answer at once; harmless when repeated.

        Raises:
            WorkerDied: if one cannot be started.
        """

        def start() -> None:
            while len(self._live) < self.workers:
                self._idle.put(self._start())
            waiting = [self._idle.get() for _ in range(self._idle.qsize())]
            for worker in waiting:
                worker.wait_until_ready()
                self._idle.put(worker)

        await asyncio.get_running_loop().run_in_executor(self._executor(), start)

    def _executor(self) -> ThreadPoolExecutor:
        """The pool's threads. Processes are started by these only: they die with the thread that started them."""
        with self._lock:
            if self._threads is None:
                self._threads = ThreadPoolExecutor(self.workers, thread_name_prefix="darkhorse-worker")
            return self._threads

    def close(self) -> None:
        """Kill and reap every process; the pool starts afresh if it is used again."""
        with self._lock:
            threads, self._threads = self._threads, None
        _kill_all(self._live)
        if threads is not None:
            threads.shutdown(wait=True)
        _kill_all(self._live)
        self._idle = queue.SimpleQueue()

    def _call(self, payload: Any, timeout_s: float | None) -> Any:
        try:
            worker = self._idle.get_nowait()
        except queue.Empty:
            worker = self._start()
        try:
            result = worker.call(payload, self.timeout_s if timeout_s is None else timeout_s)
        except WorkerRaised:
            self._idle.put(worker)
            raise
        except BaseException:
            worker.kill()
            self._live.discard(worker)
            if self._threads is not None:
                self._idle.put(self._start())  # imports while nobody waits for it
            raise
        self._idle.put(worker)
        return result

    def _start(self) -> _Worker:
        worker = _Worker(self.function, self.memory_mb)
        self._live.add(worker)
        return worker


class _Worker:
    """One process; used by one thread at a time."""

    def __init__(self, function: str, memory_mb: int) -> None:
        self.function = function
        arguments = [sys.executable, "-c", _BOOTSTRAP, function, str(memory_mb), str(os.getpid())]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
        self.process = subprocess.Popen(
            arguments,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self.ready = False

    def call(self, payload: Any, limit_s: float) -> Any:
        self.wait_until_ready()
        return self._exchange(payload, limit_s)

    def wait_until_ready(self) -> None:
        if not self.ready:
            self._exchange(None, STARTUP_LIMIT_S)
            self.ready = True

    def _exchange(self, payload: Any, limit_s: float) -> Any:
        """Send (unless None) and await a reply; a timer kills the process, which ends any blocked read or write."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        expired = threading.Event()
        cpu_before, cpu_used = _cpu_seconds(self.process.pid), None

        def expire() -> None:
            nonlocal cpu_used
            after = _cpu_seconds(self.process.pid)
            cpu_used = None if after is None or cpu_before is None else after - cpu_before
            expired.set()
            self.process.kill()

        timer = threading.Timer(limit_s, expire)
        timer.daemon = True
        timer.start()
        try:
            if payload is not None:
                _write(self.process.stdin, payload)
            reply = _read(self.process.stdout)
        except (OSError, ValueError):
            reply = None
        finally:
            timer.cancel()
            timer.join()
        if expired.is_set():
            raise WorkerTimeout(limit_s, cpu_used)
        if reply is None:
            raise WorkerDied(f"the worker for {self.function} ended with status {self.process.wait()}")
        if "fatal" in reply:
            raise WorkerDied(reply["fatal"])
        if "raised" in reply:
            raise WorkerRaised(reply["raised"])
        return reply["result"]

    def kill(self) -> None:
        """Kill, reap and close the pipes; harmless when repeated."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):  # unsent bytes to a dead process
                    pipe.close()


def _kill_all(workers: set[_Worker]) -> None:
    for worker in list(workers):
        worker.kill()
        workers.discard(worker)


def _cpu_seconds(pid: int) -> float | None:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as stat:
            fields = stat.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None


def _write(pipe: IO[bytes], message: Any) -> None:
    body = json.dumps(message).encode()
    pipe.write(_HEADER.pack(len(body)) + body)
    pipe.flush()


def _read(pipe: IO[bytes]) -> Any:
    """The next message, or None at the end of the stream."""
    header = pipe.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return None
    (size,) = _HEADER.unpack(header)
    body = pipe.read(size)
    return json.loads(body) if len(body) == size else None


def _serve() -> None:
    """Main function of a worker process: import the function, announce it, answer until stdin ends."""
    specification, memory_mb, parent = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    _die_with_parent(parent)
    requests = os.fdopen(os.dup(0), "rb")
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a stray print must not corrupt the stream
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    if memory_mb:
        resource.setrlimit(resource.RLIMIT_AS, (memory_mb * 2**20, memory_mb * 2**20))
    try:
        module, _, name = specification.partition(":")
        function = getattr(importlib.import_module(module), name)
    except Exception as error:
        _write(replies, {"fatal": f"{specification} cannot be imported: {type(error).__name__}: {error}"})
        return
    _write(replies, {"result": "ready"})
    while (payload := _read(requests)) is not None:
        try:
            reply = {"result": function(payload)}
        except MemoryError:
            reply = {"fatal": f"{specification} ran out of memory ({memory_mb} MiB)"}
        except Exception as error:
            reply = {"raised": f"{type(error).__name__}: {error}"}
        _write(replies, reply)


def _die_with_parent(parent: int) -> None:
    """Ask Linux to kill us when the thread that started us ends; elsewhere the end of stdin ends an idle worker.

    The pool's threads live as long as the pool, so the thread's end is the pool's or the process's.
    """
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL, 0, 0, 0)
        if os.getppid() != parent:
            os._exit(1)
